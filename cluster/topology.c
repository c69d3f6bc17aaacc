/* topology.c - one question at a time; see the header for who is asked when. */
#include "topology.h"

#include "base/clock.h"
#include "base/log.h"
#include "endpoints.h"
#include "redis_link.h"
#include "slots.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_MS        1000
#define URGENT_INTERVAL_MS 200
#define HURRY_MS           20   /* between two questions, however many answers show an old map */
#define HOST_MAX           253  /* of a DNS name */
#define ANSWER_MAX_MS      1000 /* then another one is asked */

struct cw_topology {
    struct cw_endpoints *endpoints;
    const struct cw_redis_address *address;
    cw_topology_fn fn;
    struct event *timer;
    struct cw_redis_link *guide;   /* while no endpoint is up */
    struct cw_redis_address asked; /* whom the guide link goes to; owns nothing */
    struct cw_endpoint *hurried;   /* to be asked next; NULL: any */
    const struct cw_endpoint *last_asked;
    struct question *question; /* under way; NULL: none */
    int64_t asked_ms;
    size_t next_host;
    struct cw_slot_range *ranges; /* room for an answer */
    char why[160];
};

struct question {
    struct cw_redis_request request;
    struct cw_topology *topology;    /* NULL: nobody waits for the answer any more */
    const struct cw_endpoint *asked; /* NULL: by the guide link */
};

static void set_timer(struct cw_topology *topology, int ms)
{
    struct timeval interval = {ms / 1000, (ms % 1000) * 1000};
    (void)event_add(topology->timer, &interval);
}

/* A name, or none: nil, empty, "?" (cluster-preferred-endpoint-type). */
static bool read_host(const redisReply *host, const char **ret_name)
{
    if (host->type != REDIS_REPLY_STRING && host->type != REDIS_REPLY_NIL)
        return false;
    bool is_known =
        host->type == REDIS_REPLY_STRING && host->len > 0 && strcmp(host->str, "?") != 0;
    if (is_known && (host->len > HOST_MAX || strlen(host->str) != host->len))
        return false;
    *ret_name = is_known ? host->str : NULL;
    return true;
}

static bool read_range(const redisReply *row, struct cw_slot_range *ret_range)
{
    if (row->type != REDIS_REPLY_ARRAY || row->elements < 3 ||
        row->element[0]->type != REDIS_REPLY_INTEGER ||
        row->element[1]->type != REDIS_REPLY_INTEGER ||
        row->element[2]->type != REDIS_REPLY_ARRAY || row->element[2]->elements < 2)
        return false;
    long long first = row->element[0]->integer;
    long long last = row->element[1]->integer;
    const char *host = NULL;
    const redisReply *port = row->element[2]->element[1];
    if (first < 0 || last < first || last >= CW_SLOTS || port->type != REDIS_REPLY_INTEGER ||
        port->integer < 1 || port->integer > 65535 ||
        !read_host(row->element[2]->element[0], &host))
        return false;
    *ret_range = (struct cw_slot_range){(uint16_t)first, (uint16_t)last, (int)port->integer, host};
    return true;
}

int cw_topology_read(const struct redisReply *reply, struct cw_slot_range *ranges, size_t max)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements > max)
        return -1;
    for (size_t i = 0; i < reply->elements; i++)
        if (!read_range(reply->element[i], &ranges[i]))
            return -1;
    return (int)reply->elements;
}

/* Asked in vain: the next one soon. */
static void give_up(struct cw_topology *topology, const char *why)
{
    const struct cw_redis_address *asked = &topology->asked;
    if (asked->host != NULL) {
        (void)snprintf(topology->why, sizeof(topology->why), "%.80s:%d: %.60s", asked->host,
                       asked->port, why);
    } else {
        (void)snprintf(topology->why, sizeof(topology->why), "%.150s", why);
    }
    cw_log_debug(cw_log_node(), "asking who has which slots: %s", topology->why);
    cw_redis_link_close(topology->guide);
    set_timer(topology, URGENT_INTERVAL_MS);
}

static void take_answer(struct cw_topology *topology, const struct cw_endpoint *asked,
                        const redisReply *reply)
{
    int count = cw_topology_read(reply, topology->ranges, CW_TOPOLOGY_RANGES_MAX);
    if (count <= 0) {
        give_up(topology, count < 0 ? "CLUSTER SLOTS is answered by something else"
                                    : "no slots are assigned yet");
        return;
    }
    topology->why[0] = '\0';
    topology->fn(topology->endpoints, asked, asked == NULL ? topology->asked.host : NULL,
                 topology->ranges, (size_t)count);
}

static void on_answer(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct question question = *(struct question *)request;
    struct cw_topology *topology = question.topology;
    free(request);
    if (topology == NULL)
        return;
    topology->question = NULL;
    if (reply == NULL)
        return; /* the link is gone: the timer goes on */
    if (rc != CW_OK)
        give_up(topology, reply->str);
    else
        take_answer(topology, question.asked, reply);
    if (question.asked == NULL)
        cw_redis_link_close(topology->guide);
}

static void forget_question(struct cw_topology *topology)
{
    if (topology->question != NULL)
        topology->question->topology = NULL;
    topology->question = NULL;
}

static void ask(struct cw_topology *topology, struct cw_endpoint *endpoint)
{
    static const struct cw_bytes args[] = {{"CLUSTER", 7}, {"SLOTS", 5}};
    struct question *question = calloc(1, sizeof(*question));
    if (question == NULL)
        return; /* the timer asks again */
    question->request.on_reply = on_answer;
    question->topology = topology;
    question->asked = endpoint;
    topology->asked_ms = cw_clock_ms();
    topology->question = question;
    int rc = endpoint == NULL ? cw_redis_link_call(topology->guide, &question->request, args, 2)
                              : cw_endpoint_call(endpoint, &question->request, args, 2);
    if (rc == CW_OK)
        return;
    topology->question = NULL;
    free(question);
}

/* The guide: one host after the other, those of the setting, then those of the servers that are
 * known, and again. */

static void next_host(struct cw_topology *topology, char **ret_host, int *ret_port)
{
    const struct cw_redis_address *address = topology->address;
    struct cw_endpoint *endpoint = NULL;
    size_t index = topology->next_host++;
    if (index >= address->host_count) {
        endpoint = cw_endpoints_next(topology->endpoints, NULL);
        for (size_t i = address->host_count; i < index && endpoint != NULL; i++)
            endpoint = cw_endpoints_next(topology->endpoints, endpoint);
    }
    if (endpoint != NULL) {
        *ret_host = cw_endpoint_address(endpoint)->host;
        *ret_port = cw_endpoint_address(endpoint)->port;
        return;
    }
    if (index >= address->host_count) {
        index = 0;
        topology->next_host = 1;
    }
    *ret_host = address->hosts[index].host;
    *ret_port = address->hosts[index].port;
}

static void ask_next_host(struct cw_topology *topology)
{
    const struct cw_redis_address *address = topology->address;
    topology->asked = (struct cw_redis_address){.is_guide = true,
                                                .uses_tls = address->uses_tls,
                                                .tls = address->tls,
                                                .user = address->user,
                                                .password = address->password};
    next_host(topology, &topology->asked.host, &topology->asked.port);
    cw_redis_link_close(topology->guide);
    topology->asked_ms = cw_clock_ms();
    cw_redis_link_connect(topology->guide);
}

static void on_guide_ready(void *arg)
{
    ask(arg, NULL);
}

static void on_guide_lost(void *arg, const char *why, bool is_fatal)
{
    struct cw_topology *topology = arg;
    (void)is_fatal;
    forget_question(topology);
    give_up(topology, why);
}

static void on_guide_push(void *arg, const redisReply *push)
{
    (void)arg;
    (void)push;
}

static void on_guide_unusable(void *arg, const char *why)
{
    (void)arg;
    (void)why;
}

/* When. */

/* The next one that is up, after the one that was asked last. */
static struct cw_endpoint *next_up(const struct cw_topology *topology, bool *ret_are_all_up)
{
    struct cw_endpoint *first = NULL;
    struct cw_endpoint *next = NULL;
    bool is_behind_last = false;
    *ret_are_all_up = true;
    for (struct cw_endpoint *e = cw_endpoints_next(topology->endpoints, NULL); e != NULL;
         e = cw_endpoints_next(topology->endpoints, e)) {
        bool is_up = cw_endpoint_is_up(e) && cw_endpoint_silence_ms(e) < CW_ENDPOINT_DOUBT_MS;
        *ret_are_all_up &= is_up;
        if (is_up && first == NULL)
            first = e;
        if (is_up && is_behind_last && next == NULL)
            next = e;
        is_behind_last |= e == topology->last_asked;
    }
    return next != NULL ? next : first;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct cw_topology *topology = arg;
    bool are_all_up;
    struct cw_endpoint *endpoint = next_up(topology, &are_all_up);
    (void)fd;
    (void)what;
    if (topology->hurried != NULL && cw_endpoint_is_up(topology->hurried))
        endpoint = topology->hurried;
    topology->hurried = NULL;
    set_timer(topology, are_all_up && endpoint != NULL ? INTERVAL_MS : URGENT_INTERVAL_MS);
    bool is_late = cw_clock_ms() - topology->asked_ms > ANSWER_MAX_MS;
    if (endpoint != NULL) {
        cw_redis_link_close(topology->guide);
        if (topology->question != NULL && !is_late)
            return;
        forget_question(topology);
        topology->last_asked = endpoint;
        topology->asked.host = NULL;
        ask(topology, endpoint);
    } else if (is_late || topology->question == NULL) {
        forget_question(topology);
        ask_next_host(topology);
    }
}

void cw_topology_hurry(struct cw_topology *topology, struct cw_endpoint *endpoint)
{
    if (topology->hurried != NULL)
        return;
    topology->hurried = endpoint;
    int64_t since_ms = cw_clock_ms() - topology->asked_ms;
    set_timer(topology, since_ms >= HURRY_MS ? 0 : (int)(HURRY_MS - since_ms));
}

void cw_topology_forget(struct cw_topology *topology, const struct cw_endpoint *endpoint)
{
    if (topology->hurried == endpoint)
        topology->hurried = NULL;
    if (topology->last_asked == endpoint)
        topology->last_asked = NULL;
    if (topology->question != NULL && topology->question->asked == endpoint)
        forget_question(topology);
    if (topology->asked.host != NULL) { /* it may be the endpoint's */
        cw_redis_link_close(topology->guide);
        topology->asked.host = NULL;
    }
}

const char *cw_topology_why(const struct cw_topology *topology)
{
    return topology->why;
}

int cw_topology_create(struct event_base *base, struct cw_endpoints *endpoints,
                       const struct cw_redis_address *address, cw_topology_fn fn,
                       struct cw_topology **ret_topology)
{
    static const struct cw_redis_link_events link_events = {on_guide_ready, on_guide_lost,
                                                            on_guide_push, on_guide_unusable};
    struct cw_topology *topology = calloc(1, sizeof(*topology));
    if (topology == NULL)
        return CW_ERR_NOMEM;
    topology->endpoints = endpoints;
    topology->address = address;
    topology->fn = fn;
    topology->ranges = calloc(CW_TOPOLOGY_RANGES_MAX, sizeof(topology->ranges[0]));
    topology->timer = evtimer_new(base, on_timer, topology);
    int rc = CW_ERR_NOMEM;
    if (topology->timer != NULL && topology->ranges != NULL)
        rc = cw_redis_link_create(base, &topology->asked, "guide", &link_events, topology,
                                  &topology->guide);
    if (rc != CW_OK) {
        cw_topology_destroy(topology);
        return rc;
    }
    *ret_topology = topology;
    return CW_OK;
}

void cw_topology_start(struct cw_topology *topology)
{
    set_timer(topology, 0);
}

void cw_topology_destroy(struct cw_topology *topology)
{
    if (topology == NULL)
        return;
    cw_redis_link_destroy(topology->guide);
    forget_question(topology);
    if (topology->timer != NULL)
        event_free(topology->timer);
    free(topology->ranges);
    free(topology);
}
