/* sentinel.c - one link to one Sentinel at a time, and the list that it goes round. */
#include "sentinel.h"

#include "base/log.h"
#include "redis_link.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_INTERVAL_MS 1000 /* an answer that takes longer is none */
#define SWITCH_TOPIC    "+switch-master"

struct cw_sentinel {
    struct event_base *base;
    const struct cw_redis_address *address;
    struct cw_redis_address asked; /* of the one that is followed; owns nothing */
    struct cw_sentinel_events events;
    void *arg;
    struct cw_redis_link *link;
    struct event *timer;
    size_t next;
    size_t tried;   /* since resolve() */
    bool is_wanted; /* resolve() has no answer yet */
    bool has_news;  /* on_switched was said, and is its reason to come */
    bool is_asking; /* a call is under way */
    char host[254]; /* of the primary, as was found last */
    int port;
    char why[200];
};

struct ask_call {
    struct cw_redis_request request;
    struct cw_sentinel *sentinel;
};

static void describe_sentinel(const void *object, char *text, size_t size)
{
    cw_redis_address_describe(((const struct cw_sentinel *)object)->address, text, size);
}

static struct cw_log_object sentinel_log(const struct cw_sentinel *sentinel)
{
    struct cw_log_object object = {sentinel, describe_sentinel};
    return object;
}

static void set_timer(struct cw_sentinel *sentinel, int ms)
{
    struct timeval interval = {ms / 1000, (ms % 1000) * 1000};
    (void)event_add(sentinel->timer, &interval);
}

static void ask_next(struct cw_sentinel *sentinel)
{
    const struct cw_redis_address *address = sentinel->address;
    const struct cw_redis_host *host = &address->hosts[sentinel->next];
    cw_redis_link_close(sentinel->link);
    sentinel->next = (sentinel->next + 1) % address->host_count;
    sentinel->tried++;
    sentinel->is_asking = false;
    sentinel->asked = (struct cw_redis_address){
        .is_guide = true,
        .uses_tls = address->uses_tls,
        .tls = address->tls,
        .host = host->host,
        .port = host->port,
        .user = address->user,
        .password = address->password,
    };
    cw_redis_link_connect(sentinel->link);
    set_timer(sentinel, ASK_INTERVAL_MS);
}

/* The followed one is of no use. */
static void give_up(struct cw_sentinel *sentinel, const char *why)
{
    cw_redis_link_close(sentinel->link);
    sentinel->is_asking = false;
    (void)snprintf(sentinel->why, sizeof(sentinel->why), "Sentinel %s:%d: %.100s",
                   sentinel->asked.host, sentinel->asked.port, why);
    cw_log_debug(sentinel_log(sentinel), "%s", sentinel->why);
    if (!sentinel->is_wanted) {
        set_timer(sentinel, ASK_INTERVAL_MS);
    } else if (sentinel->tried < sentinel->address->host_count) {
        set_timer(sentinel, 0);
    } else {
        set_timer(sentinel, ASK_INTERVAL_MS);
        sentinel->is_wanted = false;
        sentinel->events.on_failed(sentinel->arg, sentinel->why);
    }
}

static void take_primary(struct cw_sentinel *sentinel, const char *host, int port)
{
    bool is_other = sentinel->port != port || strcmp(sentinel->host, host) != 0;
    bool is_first = sentinel->port == 0;
    if (is_other) {
        cw_log_info(sentinel_log(sentinel), "the primary is %s:%d, says the Sentinel at %s:%d",
                    host, port, sentinel->asked.host, sentinel->asked.port);
        (void)snprintf(sentinel->host, sizeof(sentinel->host), "%s", host);
        sentinel->port = port;
    }
    if (sentinel->is_wanted) {
        sentinel->is_wanted = false;
        sentinel->events.on_found(sentinel->arg, sentinel->host, port);
    } else if (is_other && !is_first) {
        sentinel->has_news = true;
        sentinel->events.on_switched(sentinel->arg);
    }
}

static bool read_primary(const redisReply *host, const redisReply *port, int *ret_port)
{
    if (host->str == NULL || port->str == NULL || host->len == 0 ||
        host->len >= sizeof(((struct cw_sentinel *)NULL)->host))
        return false;
    *ret_port = (int)strtol(port->str, NULL, 10);
    return *ret_port > 0 && *ret_port <= 65535;
}

static void on_answer(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct cw_sentinel *sentinel = ((struct ask_call *)request)->sentinel;
    free(request);
    if (reply == NULL)
        return; /* on_lost follows, or it was closed */
    int port;
    sentinel->is_asking = false;
    if (rc != CW_OK)
        give_up(sentinel, reply->str);
    else if (reply->elements != 2 || !read_primary(reply->element[0], reply->element[1], &port))
        give_up(sentinel, "it does not watch a primary of this name");
    else
        take_primary(sentinel, reply->element[0]->str, port);
}

static void ask(struct cw_sentinel *sentinel)
{
    struct ask_call *call = calloc(1, sizeof(*call));
    struct cw_bytes args[] = {cw_bytes_text("SENTINEL"), cw_bytes_text("get-master-addr-by-name"),
                              cw_bytes_text(sentinel->address->sentinel_name)};
    if (call == NULL)
        return; /* the timer asks again */
    call->request.on_reply = on_answer;
    call->sentinel = sentinel;
    sentinel->is_asking = true;
    if (cw_redis_link_call(sentinel->link, &call->request, args, 3) != CW_OK)
        free(call);
}

static void on_ready(void *arg)
{
    struct cw_sentinel *sentinel = arg;
    if (cw_redis_link_subscribe(sentinel->link, "SUBSCRIBE", SWITCH_TOPIC) == CW_OK)
        ask(sentinel);
}

static void on_lost(void *arg, const char *why, bool is_fatal)
{
    (void)is_fatal;
    give_up(arg, why);
}

/* NAME OLD-HOST OLD-PORT HOST PORT */
static void on_push(void *arg, const redisReply *push)
{
    struct cw_sentinel *sentinel = arg;
    char name[256], host[254];
    int port;
    if (push->elements < 3 || push->element[0]->str == NULL || push->element[2]->str == NULL ||
        strcmp(push->element[0]->str, "message") != 0)
        return;
    /* NOLINTNEXTLINE(cert-err34-c): a number too large is no port */
    if (sscanf(push->element[2]->str, "%255s %*s %*s %253s %5d", name, host, &port) == 3 &&
        strcmp(name, sentinel->address->sentinel_name) == 0 && port > 0 && port <= 65535)
        take_primary(sentinel, host, port);
}

static void on_unusable(void *arg, const char *why)
{
    (void)arg;
    (void)why;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct cw_sentinel *sentinel = arg;
    (void)fd;
    (void)what;
    if (sentinel->is_wanted && sentinel->has_news) {
        sentinel->is_wanted = sentinel->has_news = false;
        set_timer(sentinel, ASK_INTERVAL_MS);
        sentinel->events.on_found(sentinel->arg, sentinel->host, sentinel->port);
        return;
    }
    if (!cw_redis_link_is_ready(sentinel->link) || sentinel->is_asking) {
        if (sentinel->is_wanted && sentinel->tried >= sentinel->address->host_count)
            give_up(sentinel, "no answer");
        else
            ask_next(sentinel);
        return;
    }
    ask(sentinel);
    set_timer(sentinel, ASK_INTERVAL_MS);
}

int cw_sentinel_create(struct event_base *base, const struct cw_redis_address *address,
                       const struct cw_sentinel_events *events, void *arg,
                       struct cw_sentinel **ret_sentinel)
{
    static const struct cw_redis_link_events link_events = {on_ready, on_lost, on_push,
                                                            on_unusable};
    struct cw_sentinel *sentinel = calloc(1, sizeof(*sentinel));
    if (sentinel == NULL)
        return CW_ERR_NOMEM;
    sentinel->base = base;
    sentinel->address = address;
    sentinel->events = *events;
    sentinel->arg = arg;
    sentinel->timer = evtimer_new(base, on_timer, sentinel);
    int rc = CW_ERR_NOMEM;
    if (sentinel->timer != NULL)
        rc = cw_redis_link_create(base, &sentinel->asked, "sentinel", &link_events, sentinel,
                                  &sentinel->link);
    if (rc < 0) {
        cw_sentinel_destroy(sentinel);
        return rc;
    }
    *ret_sentinel = sentinel;
    return CW_OK;
}

void cw_sentinel_destroy(struct cw_sentinel *sentinel)
{
    if (sentinel == NULL)
        return;
    cw_redis_link_destroy(sentinel->link);
    if (sentinel->timer != NULL)
        event_free(sentinel->timer);
    free(sentinel);
}

void cw_sentinel_resolve(struct cw_sentinel *sentinel)
{
    sentinel->is_wanted = true;
    sentinel->tried = 0;
    if (sentinel->has_news)
        set_timer(sentinel, 0); /* the others may not have heard it yet */
    else
        ask_next(sentinel);
}

void cw_sentinel_cancel(struct cw_sentinel *sentinel)
{
    sentinel->is_wanted = false;
}
