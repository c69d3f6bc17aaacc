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

/* One message on its way to an acknowledgement. */
struct held {
    struct cw_list_node node; /* in cw_replicas.written, then .covered */
    struct cw_replicas *owner;
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
    CW_STAT(replicas_held_messages) = (int64_t)--held->owner->count;
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

static void say_short(struct cw_replicas *replicas, bool is_short, int64_t acked)
{
    if (replicas->is_short == is_short)
        return;
    replicas->is_short = is_short;
    if (is_short) {
        cw_log_warn(cw_log_node(),
                    "%lld of %d replicas have the latest messages: they are answered with timeout",
                    (long long)acked, replicas->needed);
    } else {
        cw_log_info(cw_log_node(), "enough replicas have the latest messages again");
    }
}

/* Those that had their time. */
static void give_up(struct cw_replicas *replicas, int64_t acked)
{
    int64_t until_us = cw_clock_us() - CW_REPLICAS_LIMIT_MS * 1000LL;
    struct cw_list_node *node;
    while ((node = cw_list_first(&replicas->covered)) != NULL) {
        struct held *held = CW_CONTAINER(node, struct held, node);
        if (held->since_us > until_us)
            return;
        say_short(replicas, true, acked);
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
    struct cw_replicas *replicas = held->owner;
    if (rc != CW_OK)
        settle(held, rc);
    else if (!replicas->is_waiting) /* a WAIT was not to be had at the end of its turn */
        replicas->request_flush(replicas->arg);
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

/* Before it is handed to Redis. */
static int hold(struct cw_replicas *replicas, void *arg, struct held **ret_held)
{
    if (replicas->count >= CW_REPLICAS_HELD_MAX)
        return CW_ERR_UNAVAILABLE;
    struct held *held = calloc(1, sizeof(*held));
    if (held == NULL)
        return CW_ERR_NOMEM;
    held->owner = replicas;
    held->since_us = cw_clock_us();
    held->arg = arg;
    cw_list_push_back(&replicas->written, &held->node);
    CW_STAT(replicas_held_messages) = (int64_t)++replicas->count;
    *ret_held = held;
    return CW_OK;
}

/* Afterwards: it was handed over, or nothing was done. */
static int keep(struct held *held, int rc)
{
    struct cw_replicas *replicas = held->owner;
    if (rc == CW_OK)
        replicas->request_flush(replicas->arg);
    else
        free_held(held);
    return rc;
}

int cw_replicas_publish(struct cw_replicas *replicas, const char *key,
                        const struct cw_message *message, const struct cw_history_limits *limits,
                        cw_published_fn fn, void *arg)
{
    struct held *held = NULL;
    if (replicas->needed == 0)
        return cw_publisher_publish(replicas->publisher, key, message, limits, fn, arg);
    int rc = hold(replicas, arg, &held);
    if (rc != CW_OK) {
        CW_STAT(publish_refused_total)++;
        return rc;
    }
    held->fn.published = fn;
    return keep(held,
                cw_functions_publish(replicas->endpoint, key, message, limits, on_published, held));
}

int cw_replicas_send(struct cw_replicas *replicas, const char *channel_key,
                     const struct cw_message *message, cw_sent_fn fn, void *arg)
{
    struct held *held = NULL;
    if (replicas->needed == 0)
        return cw_functions_send(replicas->endpoint, channel_key, message, fn, arg);
    int rc = hold(replicas, arg, &held);
    if (rc != CW_OK)
        return rc;
    held->is_send = true;
    held->fn.sent = fn;
    return keep(held, cw_functions_send(replicas->endpoint, channel_key, message, on_sent, held));
}

/* WAIT. */

static void confirm(struct cw_replicas *replicas)
{
    struct cw_list_node *node;
    while ((node = cw_list_first(&replicas->covered)) != NULL) {
        struct held *held = CW_CONTAINER(node, struct held, node);
        say_short(replicas, false, 0);
        cw_histogram_add(&CW_STAT(replicas_wait_seconds), cw_clock_us() - held->since_us);
        settle(held, CW_OK);
    }
}

static void on_waited(void *arg, int rc, int64_t acked)
{
    static const struct timeval pause = {0, PAUSE_MS * 1000};
    struct cw_replicas *replicas = arg;
    replicas->is_waiting = false;
    if (rc == CW_OK)
        CW_STAT(replicas_acked) = acked;
    if (rc == CW_OK && acked >= replicas->needed) {
        confirm(replicas);
        if (replicas->count > 0) /* written meanwhile */
            replicas->request_flush(replicas->arg);
        return;
    }
    if (rc == CW_ERR_INTERNAL) { /* no permission, or it is a replica now */
        drop(&replicas->covered);
        cw_endpoint_restart(replicas->endpoint, "WAIT was refused, but wait-replicas is set");
    } else {
        give_up(replicas, acked);
    }
    if (replicas->count > 0)
        (void)evtimer_add(replicas->timer, &pause);
}

static void send_wait(struct cw_replicas *replicas, int needed)
{
    if (cw_functions_wait(replicas->endpoint, needed, CW_REPLICAS_WAIT_MS, on_waited, replicas) !=
        CW_OK)
        return; /* too much in flight: the next answer tries again */
    replicas->is_waiting = true;
    cw_list_move_all(&replicas->covered, &replicas->written);
}

void cw_replicas_flush(struct cw_replicas *replicas)
{
    if (replicas->count > 0 && !replicas->is_waiting)
        send_wait(replicas, replicas->needed);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    cw_replicas_flush(arg);
}

/* One that does not wait: a Redis that refuses it is found out now, not by the first message. */
void cw_replicas_on_up(struct cw_replicas *replicas)
{
    if (replicas->needed > 0 && !replicas->is_waiting)
        send_wait(replicas, 0);
}

void cw_replicas_on_down(struct cw_replicas *replicas)
{
    (void)evtimer_del(replicas->timer);
    drop(&replicas->covered);
    drop(&replicas->written);
}

void cw_replicas_init(struct cw_replicas *replicas)
{
    *replicas = (struct cw_replicas){0};
    cw_list_init(&replicas->written);
    cw_list_init(&replicas->covered);
}

int cw_replicas_start(struct cw_replicas *replicas, struct event_base *base,
                      struct cw_endpoint *endpoint, struct cw_publisher *publisher,
                      void (*request_flush)(void *arg), void *arg)
{
    replicas->endpoint = endpoint;
    replicas->publisher = publisher;
    replicas->request_flush = request_flush;
    replicas->arg = arg;
    replicas->timer = evtimer_new(base, on_timer, replicas);
    return replicas->timer == NULL ? CW_ERR_NOMEM : CW_OK;
}

void cw_replicas_finish(struct cw_replicas *replicas)
{
    drop(&replicas->covered);
    drop(&replicas->written);
    if (replicas->timer != NULL)
        event_free(replicas->timer);
    replicas->timer = NULL;
}
