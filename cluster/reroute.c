/* reroute.c - a copy of each call until it is answered, and the list of those that wait. */
#include "reroute.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/stats.h"
#include "endpoint.h"
#include "slots.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 20

struct routed {
    struct cw_redis_request request;
    struct cw_list_node node; /* in cw_reroute.parked, by number */
    struct cw_reroute *owner;
    struct cw_redis_request *theirs;
    struct cw_endpoint *by; /* who was asked last; may be gone: compared only while answers come */
    uint64_t number;        /* of calls, in the order in which they were made */
    int64_t until_ms;
    size_t bytes; /* of all args */
    size_t count;
    uint16_t slot;
    struct cw_bytes args[]; /* then what they view */
};

struct cw_reroute {
    struct cw_reroute_events events;
    void *arg;
    struct event *timer;
    struct cw_list parked;
    size_t parked_count, parked_bytes;
    uint64_t next_number;
    bool is_closing;
    uint32_t in_flight_of[CW_SLOTS];
    uint32_t parked_of[CW_SLOTS];
};

static void arm(struct cw_reroute *reroute)
{
    static const struct timeval tick = {0, TICK_MS * 1000};
    if (!evtimer_pending(reroute->timer, NULL))
        (void)evtimer_add(reroute->timer, &tick);
}

/* By number: its elders may have come back later. */
static void park(struct routed *routed)
{
    struct cw_reroute *reroute = routed->owner;
    struct cw_list_node *before = cw_list_last(&reroute->parked);
    while (before != NULL && CW_CONTAINER(before, struct routed, node)->number > routed->number)
        before = cw_list_previous(&reroute->parked, before);
    cw_list_insert(&reroute->parked, before, &routed->node);
    reroute->parked_of[routed->slot]++;
    reroute->parked_bytes += routed->bytes;
    CW_STAT(redis_calls_parked) = (int64_t)++reroute->parked_count;
    arm(reroute);
}

static void unpark(struct routed *routed)
{
    struct cw_reroute *reroute = routed->owner;
    cw_list_remove(&routed->node);
    reroute->parked_of[routed->slot]--;
    reroute->parked_bytes -= routed->bytes;
    CW_STAT(redis_calls_parked) = (int64_t)--reroute->parked_count;
}

static void finish(struct routed *routed, int rc, const redisReply *reply)
{
    struct cw_redis_request *theirs = routed->theirs;
    theirs->sent_us = routed->request.sent_us;
    free(routed);
    theirs->on_reply(theirs, rc, reply);
}

static void on_reply(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct routed *routed = (struct routed *)request;
    struct cw_reroute *reroute = routed->owner;
    reroute->in_flight_of[routed->slot]--;
    if (rc == CW_ERR_UNAVAILABLE && reply != NULL && cw_slots_refused(reply->str)) {
        reroute->events.on_refused(reroute->arg, routed->by, reply->str);
        if (!reroute->is_closing && cw_clock_ms() < routed->until_ms) {
            CW_STAT(redis_calls_rerouted_total)++;
            park(routed);
            return;
        }
    }
    finish(routed, rc, reply);
}

static int send_routed(struct routed *routed)
{
    struct cw_reroute *reroute = routed->owner;
    routed->by = reroute->events.owner_of(reroute->arg, routed->slot);
    if (routed->by == NULL)
        return CW_ERR_UNAVAILABLE;
    int rc = cw_endpoint_call(routed->by, &routed->request, routed->args, routed->count);
    if (rc == CW_OK)
        reroute->in_flight_of[routed->slot]++;
    return rc;
}

static struct routed *create_routed(struct cw_reroute *reroute, const struct cw_bytes *args,
                                    size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += args[i].size;
    struct routed *routed = malloc(sizeof(*routed) + count * sizeof(args[0]) + bytes);
    if (routed == NULL)
        return NULL;
    *routed = (struct routed){.request = {.on_reply = on_reply},
                              .owner = reroute,
                              .number = reroute->next_number++,
                              .until_ms = cw_clock_ms() + CW_REROUTE_LIMIT_MS,
                              .bytes = bytes,
                              .count = count};
    char *end = (char *)(routed->args + count);
    for (size_t i = 0; i < count; i++) {
        if (args[i].size > 0)
            memcpy(end, args[i].data, args[i].size);
        routed->args[i] = cw_bytes_make(end, args[i].size);
        end += args[i].size;
    }
    return routed;
}

int cw_reroute_call(struct cw_reroute *reroute, uint16_t slot, struct cw_redis_request *request,
                    const struct cw_bytes *args, size_t count)
{
    bool must_wait = reroute->parked_of[slot] > 0;
    if (must_wait && (reroute->is_closing || reroute->parked_count >= CW_REROUTE_PARKED_MAX))
        return CW_ERR_UNAVAILABLE;
    struct routed *routed = create_routed(reroute, args, count);
    if (routed == NULL)
        return CW_ERR_NOMEM;
    routed->slot = slot;
    routed->theirs = request;
    if (must_wait && reroute->parked_bytes + routed->bytes > CW_REROUTE_BYTES_MAX) {
        free(routed);
        return CW_ERR_UNAVAILABLE;
    }
    if (must_wait) {
        park(routed);
        return CW_OK;
    }
    int rc = send_routed(routed);
    if (rc != CW_OK)
        free(routed);
    return rc;
}

/* Whose time is over is answered; whose slot has no answer out goes again, with all of its slot. */
void cw_reroute_release(struct cw_reroute *reroute)
{
    static unsigned char is_open[CW_SLOTS]; /* no answer was out: those after the first go too */
    struct cw_list late;
    struct cw_list_node *node = cw_list_first(&reroute->parked);
    int64_t now_ms = cw_clock_ms();
    memset(is_open, 0, sizeof(is_open));
    cw_list_init(&late);
    while (node != NULL) {
        struct routed *routed = CW_CONTAINER(node, struct routed, node);
        node = cw_list_next(&reroute->parked, node);
        uint16_t slot = routed->slot;
        bool may_go = is_open[slot] || reroute->in_flight_of[slot] == 0;
        if (now_ms >= routed->until_ms && may_go) {
            unpark(routed);
            cw_list_push_back(&late, &routed->node);
        } else if (may_go) {
            is_open[slot] = 1;
            unpark(routed);
            if (send_routed(routed) == CW_OK)
                continue;
            is_open[slot] = 0;
            park(routed);
        }
    }
    while ((node = cw_list_pop_front(&late)) != NULL)
        finish(CW_CONTAINER(node, struct routed, node), CW_ERR_UNAVAILABLE, NULL);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct cw_reroute *reroute = arg;
    (void)fd;
    (void)what;
    cw_reroute_release(reroute);
    if (reroute->parked_count > 0)
        arm(reroute);
}

int cw_reroute_create(struct event_base *base, const struct cw_reroute_events *events, void *arg,
                      struct cw_reroute **ret_reroute)
{
    struct cw_reroute *reroute = calloc(1, sizeof(*reroute));
    if (reroute == NULL)
        return CW_ERR_NOMEM;
    reroute->events = *events;
    reroute->arg = arg;
    cw_list_init(&reroute->parked);
    reroute->timer = evtimer_new(base, on_timer, reroute);
    if (reroute->timer == NULL) {
        free(reroute);
        return CW_ERR_NOMEM;
    }
    *ret_reroute = reroute;
    return CW_OK;
}

void cw_reroute_close(struct cw_reroute *reroute)
{
    struct cw_list_node *node;
    reroute->is_closing = true;
    event_del(reroute->timer);
    while ((node = cw_list_first(&reroute->parked)) != NULL) {
        struct routed *routed = CW_CONTAINER(node, struct routed, node);
        unpark(routed);
        finish(routed, CW_ERR_UNAVAILABLE, NULL);
    }
}

void cw_reroute_destroy(struct cw_reroute *reroute)
{
    if (reroute == NULL)
        return;
    event_free(reroute->timer);
    free(reroute);
}
