/*
 * endpoint.c - the pair of links to one Redis server, kept up for ever; see the header for its
 * states.
 */
#include "endpoint.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "library.h"
#include "names.h"
#include "redis_reply.h"
#include "sentinel.h"
#include "slots.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_MIN_MS     50
#define BACKOFF_MAX_MS     2000
#define CANARY_INTERVAL_MS 500
#define CANARY_LATE_MS     2500 /* counted as a stall (CONTRACT: /readyz) */
#define SILENCE_MAX_MS     5500 /* then both links are dropped, one interval later at the latest */
#define CANARIES_A_CHECK   6    /* one of so many goes with a question for the server's role */
#define CONNECT_MAX_MS                                                                             \
    6000 /* from the first packet to UP: somebody may listen and never answer                      \
          */
#define CANARY_WORD "canary "

enum endpoint_state {
    ENDPOINT_IDLE,
    ENDPOINT_WAITING,
    ENDPOINT_CONNECTING,
    ENDPOINT_LOADING,
    ENDPOINT_UP
};

enum sign {
    SIGN_CANARY, /* it came back through pub/sub */
    SIGN_REPLY,  /* it was answered */
    SIGN_ACK,    /* the subscription that was said once more was */
};
#define SIGNS 3

static const char *const sign_texts[SIGNS] = {
    [SIGN_CANARY] = "messages do not come back through Redis",
    [SIGN_REPLY] = "the command link is not answered",
    [SIGN_ACK] = "the pub/sub link is not answered",
};

struct cw_endpoint {
    struct event_base *base;
    const struct cw_redis_address *address;
    const char *prefix;
    const char *node_id;
    struct cw_endpoint_events events;
    void *arg;
    struct cw_redis_link *commands;
    struct cw_redis_link *pubsub;
    struct cw_sentinel *sentinel;   /* NULL: the address is the server's */
    struct cw_redis_address target; /* what the links connect to; owns nothing */
    char host[254];                 /* of the target, as Sentinel said */
    struct event *retry_timer;      /* WAITING: when to connect; also does restarts asked for */
    struct event *canary_timer;     /* UP: the next canary; before: the end of CONNECT_MAX_MS */
    enum endpoint_state state;
    int backoff_ms;
    int64_t up_at_ms;
    int64_t
        heard_ms[SIGNS]; /* what came last was sent then, on whichever connection; 0: nothing yet */
    int64_t ask_sent_ms; /* a subscription said once more and not acked yet; 0: none */
    int64_t canary_lag_ms;
    unsigned canaries;
    unsigned number;
    bool is_stalled;
    char why[160];
    char course[96]; /* of the server's data, when it was up last; empty: never yet */
    char own_topic[CW_KEY_MAX];
    char all_topic[CW_KEY_MAX];
    char probe[CW_KEY_MAX]; /* what is subscribed again and again */
    bool has_own_probe;     /* else it is all_topic */
};

static void describe_endpoint(const void *object, char *text, size_t size)
{
    const struct cw_endpoint *endpoint = object;
    char address[200];
    cw_redis_address_describe(endpoint->address, address, sizeof(address));
    (void)snprintf(text, size, "redis=%s", address);
}

static struct cw_log_object endpoint_log(const struct cw_endpoint *endpoint)
{
    struct cw_log_object object = {endpoint, describe_endpoint};
    return object;
}

static void set_timer(struct event *timer, int64_t ms)
{
    struct timeval interval = {ms / 1000, (ms % 1000) * 1000};
    (void)event_add(timer, &interval);
}

static void set_state(struct cw_endpoint *endpoint, enum endpoint_state state)
{
    static const char *const names[] = {"IDLE", "WAITING", "CONNECTING", "LOADING", "UP"};
    cw_log_debug(endpoint_log(endpoint), "%s -> %s", names[endpoint->state], names[state]);
    bool was_up = endpoint->state == ENDPOINT_UP;
    endpoint->state = state;
    if (state == ENDPOINT_WAITING)
        event_del(endpoint->canary_timer);
    if (was_up && state != ENDPOINT_UP)
        endpoint->events.on_down(endpoint->arg);
}

/* Both links down, then WAITING: half to all of the back-off, so that nodes do not come back in
 * step. */
static void retry_later(struct cw_endpoint *endpoint, const char *why)
{
    if (endpoint->state == ENDPOINT_IDLE || endpoint->state == ENDPOINT_WAITING)
        return;
    if (endpoint->state == ENDPOINT_UP) {
        CW_STAT(redis_links_lost_total)++;
        endpoint->backoff_ms = BACKOFF_MIN_MS;
    }
    int delay_ms =
        endpoint->backoff_ms / 2 + (int)cw_random_below((uint32_t)endpoint->backoff_ms / 2 + 1);
    if (strcmp(endpoint->why, why) != 0 || endpoint->state == ENDPOINT_UP)
        cw_log_warn(endpoint_log(endpoint), "no link to Redis: %s; retrying, next in %d ms", why,
                    delay_ms);
    (void)snprintf(endpoint->why, sizeof(endpoint->why), "%s", why);
    endpoint->backoff_ms =
        endpoint->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : endpoint->backoff_ms * 2;
    cw_redis_link_close(endpoint->commands);
    cw_redis_link_close(endpoint->pubsub);
    if (endpoint->sentinel != NULL)
        cw_sentinel_cancel(endpoint->sentinel);
    set_state(endpoint, ENDPOINT_WAITING);
    set_timer(endpoint->retry_timer, delay_ms);
}

static void on_link_lost(void *arg, const char *why, bool is_fatal)
{
    struct cw_endpoint *endpoint = arg;
    if (is_fatal)
        endpoint->events.on_fatal(endpoint->arg, why);
    retry_later(endpoint, why);
}

/* Canary and liveness. */

/* When the sign that has been missing for longest was sent. */
static int64_t weakest_ms(const struct cw_endpoint *endpoint)
{
    int64_t weakest = endpoint->heard_ms[0];
    for (int i = 1; i < SIGNS; i++)
        if (endpoint->heard_ms[i] < weakest)
            weakest = endpoint->heard_ms[i];
    return weakest;
}

/* What is missing, for people. Of signs about as old as each other the first tells most. */
static const char *missing_sign(const struct cw_endpoint *endpoint)
{
    int64_t weakest = weakest_ms(endpoint);
    int i = 0;
    while (endpoint->heard_ms[i] - weakest > 2 * CANARY_INTERVAL_MS)
        i++;
    return sign_texts[i];
}

/* How long these links have been silent. */
static int64_t silence_ms(const struct cw_endpoint *endpoint)
{
    int64_t heard = weakest_ms(endpoint);
    return cw_clock_ms() - (heard > endpoint->up_at_ms ? heard : endpoint->up_at_ms);
}

struct canary_call {
    struct cw_redis_request request;
    struct cw_endpoint *endpoint;
};

static void on_canary_reply(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct cw_endpoint *endpoint = ((struct canary_call *)request)->endpoint;
    (void)rc; /* an error is an answer */
    if (reply != NULL)
        endpoint->heard_ms[SIGN_REPLY] = request->sent_us / 1000;
    free(request);
}

static void send_canary(struct cw_endpoint *endpoint)
{
    char text[64];
    struct canary_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return;
    call->request.on_reply = on_canary_reply;
    call->endpoint = endpoint;
    (void)snprintf(text, sizeof(text), CANARY_WORD "%u %" PRId64, endpoint->number, cw_clock_ms());
    struct cw_bytes args[] = {cw_bytes_text("PUBLISH"), cw_bytes_text(endpoint->own_topic),
                              cw_bytes_text(text)};
    if (cw_redis_link_call(endpoint->commands, &call->request, args, 3) != CW_OK)
        free(call);
}

/* A subscription that is there already: Redis acks it all the same. No PING: its answer is no push,
 * and an error may belong to any SSUBSCRIBE before it. */
static bool ask_pubsub(struct cw_endpoint *endpoint)
{
    if (endpoint->ask_sent_ms != 0)
        return true;
    endpoint->ask_sent_ms = cw_clock_ms();
    return cw_redis_link_subscribe(endpoint->pubsub, "SSUBSCRIBE", endpoint->probe) == CW_OK;
}

static void take_ack(struct cw_endpoint *endpoint)
{
    if (endpoint->ask_sent_ms == 0)
        return;
    endpoint->heard_ms[SIGN_ACK] = endpoint->ask_sent_ms;
    endpoint->ask_sent_ms = 0;
}

static void set_stalled(struct cw_endpoint *endpoint, int64_t silent_ms)
{
    bool is_stalled = silent_ms > CANARY_LATE_MS;
    if (endpoint->is_stalled == is_stalled)
        return;
    endpoint->is_stalled = is_stalled;
    if (is_stalled) {
        CW_STAT(canary_stalls_total)++;
        cw_log_warn(endpoint_log(endpoint), "%s, for %" PRId64 " ms now: not ready",
                    missing_sign(endpoint), silent_ms);
    } else {
        cw_log_info(endpoint_log(endpoint), "both links are answered again, canaries come back");
    }
}

static void on_canary_timer(evutil_socket_t fd, short what, void *arg)
{
    struct cw_endpoint *endpoint = arg;
    (void)fd;
    (void)what;
    if (endpoint->state != ENDPOINT_UP) {
        retry_later(endpoint, "no answer while connecting, for 6 s");
        return;
    }
    int64_t silent_ms = silence_ms(endpoint);
    set_stalled(endpoint, silent_ms);
    if (silent_ms > SILENCE_MAX_MS) {
        char why[100];
        (void)snprintf(why, sizeof(why), "silent for 6 s: %s", missing_sign(endpoint));
        retry_later(endpoint, why);
        return;
    }
    send_canary(endpoint);
    if (++endpoint->canaries % CANARIES_A_CHECK == 0)
        cw_redis_link_check(endpoint->commands);
    if (!ask_pubsub(endpoint)) {
        retry_later(endpoint, "can't subscribe");
        return;
    }
    set_timer(endpoint->canary_timer, CANARY_INTERVAL_MS);
}

/* `<number> <ms>`. Those of other endpoints come as well where a server hands on to the others what
 * is published (Redis Cluster): they prove nothing here. Anybody who may publish may have said it:
 * one of the future would be a sign of life for ever. */
static void take_canary(struct cw_endpoint *endpoint, const char *text)
{
    int64_t now_ms = cw_clock_ms();
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    int64_t sent_ms = strtoll(end, NULL, 10);
    if (number != endpoint->number || sent_ms < endpoint->heard_ms[SIGN_CANARY] || sent_ms > now_ms)
        return;
    endpoint->heard_ms[SIGN_CANARY] = sent_ms;
    endpoint->canary_lag_ms = now_ms - sent_ms;
}

/* The sharded topic brings nothing: an ACL that forbids SSUBSCRIBE shows now, and not at the first
 * join. */
static void become_up(struct cw_endpoint *endpoint)
{
    endpoint->ask_sent_ms = 0;
    if (cw_redis_link_subscribe(endpoint->pubsub, "SUBSCRIBE", endpoint->own_topic) != CW_OK ||
        cw_redis_link_subscribe(endpoint->pubsub, "SUBSCRIBE", endpoint->all_topic) != CW_OK ||
        !ask_pubsub(endpoint)) {
        retry_later(endpoint, "can't subscribe");
        return;
    }
    endpoint->up_at_ms = cw_clock_ms();
    endpoint->backoff_ms = BACKOFF_MIN_MS;
    endpoint->why[0] = '\0';
    CW_STAT(redis_reconnects_total)++;
    set_state(endpoint, ENDPOINT_UP);
    cw_log_info(endpoint_log(endpoint), "up");
    send_canary(endpoint);
    set_timer(endpoint->canary_timer, CANARY_INTERVAL_MS);
    const char *course = cw_redis_link_course(endpoint->commands);
    bool is_same_course = endpoint->course[0] == '\0' || strcmp(endpoint->course, course) == 0;
    (void)snprintf(endpoint->course, sizeof(endpoint->course), "%s", course);
    endpoint->events.on_up(endpoint->arg, is_same_course);
}

static void on_prepared(void *arg, const char *why)
{
    if (why == NULL)
        become_up(arg);
    else
        cw_endpoint_restart(arg, why);
}

static void on_link_ready(void *arg)
{
    struct cw_endpoint *endpoint = arg;
    if (!cw_redis_link_is_ready(endpoint->commands) || !cw_redis_link_is_ready(endpoint->pubsub))
        return;
    if (strcmp(cw_redis_link_run_id(endpoint->commands), cw_redis_link_run_id(endpoint->pubsub)) !=
        0) {
        cw_endpoint_restart(endpoint, "the two links reached different servers");
        return;
    }
    set_state(endpoint, ENDPOINT_LOADING);
    cw_library_prepare(endpoint->commands, endpoint_log(endpoint), endpoint->prefix,
                       endpoint->has_own_probe ? endpoint->probe : NULL, on_prepared, endpoint);
}

/* Pushes. */

static struct cw_bytes reply_bytes(const redisReply *reply)
{
    return cw_bytes_make(reply->str, reply->str == NULL ? 0 : reply->len);
}

static void take_node_message(struct cw_endpoint *endpoint, struct cw_bytes bytes)
{
    size_t word = strlen(CANARY_WORD);
    if (bytes.size > word && memcmp(bytes.data, CANARY_WORD, word) == 0)
        take_canary(endpoint, bytes.data + word); /* hiredis ends strings with NUL */
    else
        endpoint->events.on_node_message(endpoint->arg, bytes);
}

/* The next canary asks anew. */
static void take_refusal(struct cw_endpoint *endpoint, const char *error)
{
    endpoint->ask_sent_ms = 0;
    if (cw_slots_refused(error))
        endpoint->events.on_slot_refused(endpoint->arg, error);
    else
        cw_endpoint_restart(endpoint, error);
}

static void on_link_push(void *arg, const redisReply *push)
{
    struct cw_endpoint *endpoint = arg;
    if (endpoint->state == ENDPOINT_UP && push->elements == 2 && push->element[0]->str != NULL &&
        push->element[1]->str != NULL && strcmp(push->element[0]->str, CW_REDIS_ERROR_PUSH) == 0) {
        take_refusal(endpoint, push->element[1]->str);
        return;
    }
    if (endpoint->state != ENDPOINT_UP || push->elements < 3 || push->element[0]->str == NULL ||
        push->element[1]->str == NULL)
        return;
    const char *kind = push->element[0]->str;
    struct cw_bytes topic = reply_bytes(push->element[1]);
    if (strcmp(kind, "smessage") == 0)
        endpoint->events.on_topic_message(endpoint->arg, topic, reply_bytes(push->element[2]));
    else if (strcmp(kind, "ssubscribe") == 0 && cw_bytes_is(topic, endpoint->probe))
        take_ack(endpoint);
    else if (strcmp(kind, "ssubscribe") == 0)
        endpoint->events.on_subscribed(endpoint->arg, topic);
    else if (strcmp(kind, "sunsubscribe") == 0)
        endpoint->events.on_unsubscribed(endpoint->arg, topic);
    else if (strcmp(kind, "message") == 0)
        take_node_message(endpoint, reply_bytes(push->element[2]));
}

static void on_unusable(void *arg, const char *why)
{
    struct cw_endpoint *endpoint = arg;
    if (endpoint->state == ENDPOINT_UP)
        cw_endpoint_restart(endpoint, why);
}

static void connect_links(struct cw_endpoint *endpoint)
{
    cw_redis_link_connect(endpoint->commands);
    cw_redis_link_connect(endpoint->pubsub);
}

/* Sentinel. */

static void on_primary_found(void *arg, const char *host, int port)
{
    struct cw_endpoint *endpoint = arg;
    if (endpoint->state != ENDPOINT_CONNECTING)
        return;
    (void)snprintf(endpoint->host, sizeof(endpoint->host), "%s", host);
    endpoint->target = *endpoint->address;
    endpoint->target.kind = CW_REDIS_SERVER;
    endpoint->target.host = endpoint->host;
    endpoint->target.port = port;
    connect_links(endpoint);
}

static void on_no_primary(void *arg, const char *why)
{
    retry_later(arg, why);
}

/* A server that was stopped and goes on may be written to until it hears of the other one. */
static void on_primary_switched(void *arg)
{
    struct cw_endpoint *endpoint = arg;
    endpoint->backoff_ms = BACKOFF_MIN_MS;
    if (endpoint->state == ENDPOINT_WAITING)
        set_timer(endpoint->retry_timer, (int)cw_random_below(BACKOFF_MIN_MS));
    else
        cw_endpoint_restart(endpoint, "Sentinel has made another server the primary");
}

static void on_retry_timer(evutil_socket_t fd, short what, void *arg)
{
    struct cw_endpoint *endpoint = arg;
    (void)fd;
    (void)what;
    if (endpoint->state != ENDPOINT_WAITING) { /* a restart that was asked for in a callback */
        char why[160];
        (void)snprintf(why, sizeof(why), "%s", endpoint->why);
        endpoint->why[0] = '\0';
        retry_later(endpoint, why);
        return;
    }
    set_state(endpoint, ENDPOINT_CONNECTING);
    set_timer(endpoint->canary_timer, CONNECT_MAX_MS);
    if (endpoint->sentinel != NULL) {
        cw_sentinel_resolve(endpoint->sentinel);
        return;
    }
    endpoint->target = *endpoint->address;
    connect_links(endpoint);
}

static int create_links(struct cw_endpoint *endpoint)
{
    static const struct cw_redis_link_events events = {on_link_ready, on_link_lost, on_link_push,
                                                       on_unusable};
    static const struct cw_sentinel_events sentinel_events = {on_primary_found, on_no_primary,
                                                              on_primary_switched};
    const struct cw_redis_address *target = &endpoint->target;
    int rc = cw_redis_link_create(endpoint->base, target, "commands", &events, endpoint,
                                  &endpoint->commands);
    if (rc == CW_OK)
        rc = cw_redis_link_create(endpoint->base, target, "pubsub", &events, endpoint,
                                  &endpoint->pubsub);
    if (rc == CW_OK && endpoint->address->kind == CW_REDIS_SENTINEL)
        rc = cw_sentinel_create(endpoint->base, endpoint->address, &sentinel_events, endpoint,
                                &endpoint->sentinel);
    return rc;
}

int cw_endpoint_create(struct event_base *base, const struct cw_redis_address *address,
                       const char *prefix, const char *node_id, unsigned number,
                       const struct cw_endpoint_events *events, void *arg,
                       struct cw_endpoint **ret_endpoint)
{
    struct cw_endpoint *endpoint = calloc(1, sizeof(*endpoint));
    if (endpoint == NULL)
        return CW_ERR_NOMEM;
    endpoint->base = base;
    endpoint->address = address;
    endpoint->prefix = prefix;
    endpoint->node_id = node_id;
    endpoint->number = number;
    endpoint->events = *events;
    endpoint->arg = arg;
    endpoint->backoff_ms = BACKOFF_MIN_MS;
    endpoint->canary_lag_ms = -1;
    (void)snprintf(endpoint->own_topic, sizeof(endpoint->own_topic), "%s:n:%s", prefix, node_id);
    (void)snprintf(endpoint->all_topic, sizeof(endpoint->all_topic), "%s:all", prefix);
    (void)snprintf(endpoint->probe, sizeof(endpoint->probe), "%s:all", prefix);
    (void)snprintf(endpoint->why, sizeof(endpoint->why), "not connected yet");

    int rc = CW_ERR_NOMEM;
    endpoint->retry_timer = evtimer_new(base, on_retry_timer, endpoint);
    endpoint->canary_timer = evtimer_new(base, on_canary_timer, endpoint);
    if (endpoint->retry_timer == NULL || endpoint->canary_timer == NULL)
        goto fail;
    rc = create_links(endpoint);
    if (rc < 0)
        goto fail;
    *ret_endpoint = endpoint;
    return CW_OK;

fail:
    cw_endpoint_destroy(endpoint);
    return rc;
}

void cw_endpoint_close(struct cw_endpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    endpoint->state = ENDPOINT_IDLE; /* nothing is handed over any more */
    cw_redis_link_destroy(endpoint->commands);
    cw_redis_link_destroy(endpoint->pubsub);
    cw_sentinel_destroy(endpoint->sentinel);
    endpoint->sentinel = NULL;
    endpoint->commands = NULL;
    endpoint->pubsub = NULL;
}

void cw_endpoint_destroy(struct cw_endpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    cw_endpoint_close(endpoint);
    if (endpoint->retry_timer != NULL)
        event_free(endpoint->retry_timer);
    if (endpoint->canary_timer != NULL)
        event_free(endpoint->canary_timer);
    free(endpoint);
}

void cw_endpoint_start(struct cw_endpoint *endpoint)
{
    if (endpoint->state != ENDPOINT_IDLE)
        return;
    set_state(endpoint, ENDPOINT_WAITING);
    set_timer(endpoint->retry_timer, 0);
}

void cw_endpoint_rename(struct cw_endpoint *endpoint)
{
    if (endpoint->state == ENDPOINT_UP)
        (void)cw_redis_link_subscribe(endpoint->pubsub, "UNSUBSCRIBE", endpoint->own_topic);
    (void)snprintf(endpoint->own_topic, sizeof(endpoint->own_topic), "%s:n:%s", endpoint->prefix,
                   endpoint->node_id);
    if (endpoint->state == ENDPOINT_UP &&
        cw_redis_link_subscribe(endpoint->pubsub, "SUBSCRIBE", endpoint->own_topic) != CW_OK)
        cw_endpoint_restart(endpoint, "can't subscribe");
}

void cw_endpoint_probe_by(struct cw_endpoint *endpoint, const char *key)
{
    if (strcmp(endpoint->probe, key) == 0)
        return;
    (void)snprintf(endpoint->probe, sizeof(endpoint->probe), "%s", key);
    endpoint->has_own_probe = true;
    endpoint->ask_sent_ms = 0;
}

const struct cw_redis_address *cw_endpoint_address(const struct cw_endpoint *endpoint)
{
    return endpoint->address;
}

int64_t cw_endpoint_silence_ms(const struct cw_endpoint *endpoint)
{
    return silence_ms(endpoint);
}

bool cw_endpoint_is_up(const struct cw_endpoint *endpoint)
{
    return endpoint->state == ENDPOINT_UP;
}

void cw_endpoint_restart(struct cw_endpoint *endpoint, const char *why)
{
    if (endpoint->state == ENDPOINT_IDLE || endpoint->state == ENDPOINT_WAITING)
        return;
    (void)snprintf(endpoint->why, sizeof(endpoint->why), "%s", why);
    event_active(endpoint->retry_timer, EV_TIMEOUT, 0);
}

int cw_endpoint_call(struct cw_endpoint *endpoint, struct cw_redis_request *request,
                     const struct cw_bytes *args, size_t count)
{
    if (endpoint->state != ENDPOINT_UP)
        return CW_ERR_UNAVAILABLE;
    return cw_redis_link_call(endpoint->commands, request, args, count);
}

int cw_endpoint_subscribe(struct cw_endpoint *endpoint, const char *topic)
{
    if (endpoint->state != ENDPOINT_UP)
        return CW_ERR_UNAVAILABLE;
    return cw_redis_link_subscribe(endpoint->pubsub, "SSUBSCRIBE", topic);
}

void cw_endpoint_unsubscribe(struct cw_endpoint *endpoint, const char *topic)
{
    if (endpoint->state == ENDPOINT_UP)
        (void)cw_redis_link_subscribe(endpoint->pubsub, "SUNSUBSCRIBE", topic);
}

void cw_endpoint_health(const struct cw_endpoint *endpoint, struct cw_cluster_health *ret_health)
{
    const char *why = endpoint->why;
    int64_t heard = weakest_ms(endpoint);
    int64_t overdue_ms = -1; /* how late the canary is that is still on its way */
    ret_health->is_up = endpoint->state == ENDPOINT_UP;
    ret_health->canary_age_ms = heard == 0 ? -1 : cw_clock_ms() - heard;
    if (ret_health->is_up && endpoint->heard_ms[SIGN_CANARY] != 0)
        overdue_ms = cw_clock_ms() - endpoint->heard_ms[SIGN_CANARY] - CANARY_INTERVAL_MS;
    ret_health->canary_lag_ms =
        overdue_ms > endpoint->canary_lag_ms ? overdue_ms : endpoint->canary_lag_ms;
    if (ret_health->is_up)
        why = ret_health->canary_age_ms >= CANARY_LATE_MS ? missing_sign(endpoint) : "";
    (void)snprintf(ret_health->why, sizeof(ret_health->why), "%.*s",
                   (int)sizeof(ret_health->why) - 1, why);
}
