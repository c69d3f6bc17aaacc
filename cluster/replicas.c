/*
 * replicas.c - holds acknowledgements until replicas have what they are of; see the header.
 */
#include "replicas.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "functions.h"
#include "publisher.h"

#include <event2/event.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MS 5 /* after a WAIT that came back with too few: others get their turn */

/* What was written to one server. */
struct lane {
    struct cw_list_node node; /* in cw_replicas.lanes */
    struct cw_replicas *owner;
    struct cw_endpoint *endpoint;
    struct event *timer;    /* the next WAIT, after one that came back with too few */
    struct cw_list written; /* struct held that no WAIT was sent for, oldest first */
    struct cw_list covered; /* those written before the last WAIT */
    bool is_waiting;        /* for WAIT's answer */
    bool is_short;          /* the last that was decided had too few: said once in the log */
};

/* One message on its way to an acknowledgement. */
struct held {
    struct cw_list_node node; /* in lane.written, then .covered */
    struct lane *lane;
    int64_t since_us;
    bool is_send;
    union {
        cw_published_fn published;
        cw_sent_fn sent;
    } fn;
    void *arg;
    union {
        struct cw_published published;
        struct cw_sent sent;
    } outcome; /* what Redis answered */
};

static void free_held(struct held *held)
{
    cw_list_remove(&held->node);
    CW_STAT(replicas_held_messages) = (int64_t)--held->lane->owner->count;
    free(held);
}

/* Its end: what Redis said of it, or that nothing is certain. */
static void settle(struct held *held, int rc)
{
    struct held last = *held;
    free_held(held);
    if (rc == CW_ERR_TIMEOUT) {
        memset(&last.outcome, 0, sizeof(last.outcome));
        *(last.is_send ? &last.outcome.sent.retry_ms : &last.outcome.published.retry_ms) = -1;
    }
    if (last.is_send && last.fn.sent != NULL)
        last.fn.sent(last.arg, rc, &last.outcome.sent);
    else if (!last.is_send && last.fn.published != NULL)
        last.fn.published(last.arg, rc, &last.outcome.published);
}

static void say_short(struct lane *lane, bool is_short, int64_t acked)
{
    if (lane->is_short == is_short)
        return;
    lane->is_short = is_short;
    if (is_short) {
        cw_log_warn(cw_log_node(),
                    "%lld of %d replicas have the latest messages: they are answered with timeout",
                    (long long)acked, lane->owner->needed);
    } else {
        cw_log_info(cw_log_node(), "enough replicas have the latest messages again");
    }
}

/* Those that had their time. */
static void give_up(struct lane *lane, int64_t acked)
{
    int64_t until_us = cw_clock_us() - CW_REPLICAS_LIMIT_MS * 1000LL;
    struct cw_list_node *node;
    while ((node = cw_list_first(&lane->covered)) != NULL) {
        struct held *held = CW_CONTAINER(node, struct held, node);
        if (held->since_us > until_us)
            return;
        say_short(lane, true, acked);
        CW_STAT(replicas_too_few_total)++;
        settle(held, CW_ERR_TIMEOUT);
    }
}

/* Nobody will say how many have them. */
static void drop(struct cw_list *list)
{
    struct cw_list_node *node;
    while ((node = cw_list_first(list)) != NULL)
        settle(CW_CONTAINER(node, struct held, node), CW_ERR_TIMEOUT);
}

/* Redis' answer to a message: an error is told at once, all else is held. */
static void take_answer(struct held *held, int rc)
{
    struct lane *lane = held->lane;
    if (rc != CW_OK)
        settle(held, rc);
    else if (!lane->is_waiting) /* a WAIT was not to be had at the end of its turn */
        lane->owner->request_flush(lane->owner->arg);
}

static void on_published(void *arg, int rc, const struct cw_published *published)
{
    struct held *held = arg;
    held->outcome.published = *published;
    take_answer(held, rc);
}

static void on_sent(void *arg, int rc, const struct cw_sent *sent)
{
    struct held *held = arg;
    held->outcome.sent = *sent;
    take_answer(held, rc);
}

/* Lanes. */

static void send_wait(struct lane *lane, int needed);

static void flush_lane(struct lane *lane)
{
    bool has_held = !cw_list_is_empty(&lane->written) || !cw_list_is_empty(&lane->covered);
    if (has_held && !lane->is_waiting)
        send_wait(lane, lane->owner->needed);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    flush_lane(arg);
}

static struct lane *find_lane(const struct cw_replicas *replicas,
                              const struct cw_endpoint *endpoint)
{
    for (struct cw_list_node *n = cw_list_first(&replicas->lanes); n != NULL;
         n = cw_list_next(&replicas->lanes, n)) {
        struct lane *lane = CW_CONTAINER(n, struct lane, node);
        if (lane->endpoint == endpoint)
            return lane;
    }
    return NULL;
}

/* The lane of `endpoint`, made if need be. NULL: no memory. */
static struct lane *take_lane(struct cw_replicas *replicas, struct cw_endpoint *endpoint)
{
    struct lane *lane = find_lane(replicas, endpoint);
    if (lane != NULL)
        return lane;
    lane = calloc(1, sizeof(*lane));
    if (lane == NULL)
        return NULL;
    lane->owner = replicas;
    lane->endpoint = endpoint;
    cw_list_init(&lane->written);
    cw_list_init(&lane->covered);
    lane->timer = evtimer_new(replicas->base, on_timer, lane);
    if (lane->timer == NULL) {
        free(lane);
        return NULL;
    }
    cw_list_push_back(&replicas->lanes, &lane->node);
    return lane;
}

/* Every call to its server has been answered. */
static void destroy_lane(struct lane *lane)
{
    drop(&lane->covered);
    drop(&lane->written);
    cw_list_remove(&lane->node);
    event_free(lane->timer);
    free(lane);
}

/* Before it is handed to Redis. */
static int hold(struct cw_replicas *replicas, const char *key, void *arg, struct held **ret_held)
{
    struct cw_endpoint *endpoint = cw_endpoints_of(replicas->endpoints, cw_bytes_text(key));
    if (endpoint == NULL || !cw_endpoint_is_up(endpoint) || replicas->count >= CW_REPLICAS_HELD_MAX)
        return CW_ERR_UNAVAILABLE;
    struct held *held = calloc(1, sizeof(*held));
    struct lane *lane = held == NULL ? NULL : take_lane(replicas, endpoint);
    if (lane == NULL) {
        free(held);
        return CW_ERR_NOMEM;
    }
    held->lane = lane;
    held->since_us = cw_clock_us();
    held->arg = arg;
    cw_list_push_back(&lane->written, &held->node);
    CW_STAT(replicas_held_messages) = (int64_t)++replicas->count;
    *ret_held = held;
    return CW_OK;
}

/* Afterwards: it was handed over, or nothing was done. */
static int keep(struct held *held, int rc)
{
    struct cw_replicas *replicas = held->lane->owner;
    if (rc == CW_OK)
        replicas->request_flush(replicas->arg);
    else
        free_held(held);
    return rc;
}

int cw_replicas_publish(struct cw_replicas *replicas, const char *key,
                        const struct cw_message *message, const struct cw_history_limits *limits,
                        struct cw_acked *acked, cw_published_fn fn, void *arg)
{
    struct held *held = NULL;
    if (replicas->needed == 0)
        return cw_publisher_publish(replicas->publisher, key, message, limits, acked, fn, arg);
    int rc = hold(replicas, key, arg, &held);
    if (rc != CW_OK) {
        CW_STAT(publish_refused_total)++;
        return rc;
    }
    held->fn.published = fn;
    return keep(held, cw_functions_publish(replicas->endpoints, held->lane->endpoint, key, message,
                                           limits, acked, on_published, held));
}

int cw_replicas_send(struct cw_replicas *replicas, const char *channel_key,
                     const struct cw_message *message, cw_sent_fn fn, void *arg)
{
    struct held *held = NULL;
    if (replicas->needed == 0)
        return cw_functions_send(replicas->endpoints, NULL, channel_key, message, fn, arg);
    int rc = hold(replicas, channel_key, arg, &held);
    if (rc != CW_OK)
        return rc;
    held->is_send = true;
    held->fn.sent = fn;
    return keep(held, cw_functions_send(replicas->endpoints, held->lane->endpoint, channel_key,
                                        message, on_sent, held));
}

/* WAIT. */

static void confirm(struct lane *lane)
{
    struct cw_list_node *node;
    while ((node = cw_list_first(&lane->covered)) != NULL) {
        struct held *held = CW_CONTAINER(node, struct held, node);
        say_short(lane, false, 0);
        cw_histogram_add(&CW_STAT(replicas_wait_seconds), cw_clock_us() - held->since_us);
        settle(held, CW_OK);
    }
}

static void on_waited(void *arg, int rc, int64_t acked)
{
    static const struct timeval pause = {0, PAUSE_MS * 1000};
    struct lane *lane = arg;
    struct cw_replicas *replicas = lane->owner;
    lane->is_waiting = false;
    if (rc == CW_OK)
        CW_STAT(replicas_acked) = acked;
    if (rc == CW_OK && acked >= replicas->needed) {
        confirm(lane);
        if (!cw_list_is_empty(&lane->written)) /* written meanwhile */
            replicas->request_flush(replicas->arg);
        return;
    }
    if (rc == CW_ERR_INTERNAL) { /* no permission, or it is a replica now */
        drop(&lane->covered);
        cw_endpoint_restart(lane->endpoint, "WAIT was refused, but wait-replicas is set");
    } else {
        give_up(lane, acked);
    }
    if (replicas->count > 0)
        (void)evtimer_add(lane->timer, &pause);
}

static void send_wait(struct lane *lane, int needed)
{
    if (cw_functions_wait(lane->endpoint, needed, CW_REPLICAS_WAIT_MS, on_waited, lane) != CW_OK)
        return; /* too much in flight: the next answer tries again */
    lane->is_waiting = true;
    cw_list_move_all(&lane->covered, &lane->written);
}

void cw_replicas_flush(struct cw_replicas *replicas)
{
    for (struct cw_list_node *n = cw_list_first(&replicas->lanes); n != NULL;
         n = cw_list_next(&replicas->lanes, n))
        flush_lane(CW_CONTAINER(n, struct lane, node));
}

/* One that does not wait: a Redis that refuses it is found out now, not by the first message. */
void cw_replicas_on_up(struct cw_replicas *replicas, struct cw_endpoint *endpoint)
{
    struct lane *lane = replicas->needed > 0 ? take_lane(replicas, endpoint) : NULL;
    if (lane != NULL && !lane->is_waiting)
        send_wait(lane, 0);
}

void cw_replicas_on_down(struct cw_replicas *replicas, const struct cw_endpoint *endpoint)
{
    struct lane *lane = find_lane(replicas, endpoint);
    if (lane != NULL)
        destroy_lane(lane);
}

void cw_replicas_init(struct cw_replicas *replicas)
{
    *replicas = (struct cw_replicas){0};
    cw_list_init(&replicas->lanes);
}

void cw_replicas_start(struct cw_replicas *replicas, struct event_base *base,
                       struct cw_endpoints *endpoints, struct cw_publisher *publisher,
                       void (*request_flush)(void *arg), void *arg)
{
    replicas->base = base;
    replicas->endpoints = endpoints;
    replicas->publisher = publisher;
    replicas->request_flush = request_flush;
    replicas->arg = arg;
}

void cw_replicas_finish(struct cw_replicas *replicas)
{
    struct cw_list_node *node;
    while ((node = cw_list_first(&replicas->lanes)) != NULL)
        destroy_lane(CW_CONTAINER(node, struct lane, node));
}
