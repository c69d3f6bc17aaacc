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
    struct cw_list_node *came_back; /* the last that was refused and is still parked; or NULL */
    size_t parked_count, parked_bytes;
    uint64_t next_number;
    bool is_closing;
    uint32_t in_flight_of[CW_SLOTS];
    uint32_t parked_of[CW_SLOTS];
    struct cw_endpoint *asked_of[CW_SLOTS]; /* who has its calls in flight; may be gone else */
};

static void arm(struct cw_reroute *reroute)
{
    static const struct timeval tick = {0, TICK_MS * 1000};
    if (!evtimer_pending(reroute->timer, NULL))
        (void)evtimer_add(reroute->timer, &tick);
}

static uint64_t number_of(const struct cw_list_node *node)
{
    return CW_CONST_CONTAINER(node, struct routed, node)->number;
}

/* Where `number` belongs: those that come back do so one after the other, so it is near the last.
 */
static struct cw_list_node *find_before(const struct cw_reroute *reroute, uint64_t number)
{
    struct cw_list_node *before =
        reroute->came_back != NULL ? reroute->came_back : cw_list_last(&reroute->parked);
    while (before != NULL && number_of(before) > number)
        before = cw_list_previous(&reroute->parked, before);
    struct cw_list_node *next = before == NULL ? NULL : cw_list_next(&reroute->parked, before);
    while (next != NULL && number_of(next) < number) {
        before = next;
        next = cw_list_next(&reroute->parked, next);
    }
    return before;
}

static void park_behind(struct routed *routed, struct cw_list_node *before)
{
    struct cw_reroute *reroute = routed->owner;
    cw_list_insert(&reroute->parked, before, &routed->node);
    reroute->parked_of[routed->slot]++;
    reroute->parked_bytes += routed->bytes;
    CW_STAT(redis_calls_parked) = (int64_t)++reroute->parked_count;
    arm(reroute);
}

static void unpark(struct routed *routed)
{
    struct cw_reroute *reroute = routed->owner;
    if (reroute->came_back == &routed->node)
        reroute->came_back = NULL;
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

static void finish_all(struct cw_list *list)
{
    struct cw_list_node *node;
    while ((node = cw_list_pop_front(list)) != NULL)
        finish(CW_CONTAINER(node, struct routed, node), CW_ERR_UNAVAILABLE, NULL);
}

/* `routed` was done, or may have been, after elders of its slot were refused: these are too late.
 */
static void end_overtaken(const struct routed *routed)
{
    struct cw_reroute *reroute = routed->owner;
    struct cw_list overtaken;
    struct cw_list_node *node =
        reroute->parked_of[routed->slot] > 0 ? cw_list_first(&reroute->parked) : NULL;
    cw_list_init(&overtaken);
    while (node != NULL && number_of(node) < routed->number) {
        struct routed *elder = CW_CONTAINER(node, struct routed, node);
        node = cw_list_next(&reroute->parked, node);
        if (elder->slot != routed->slot)
            continue;
        unpark(elder);
        cw_list_push_back(&overtaken, &elder->node);
    }
    finish_all(&overtaken);
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
            park_behind(routed, find_before(reroute, routed->number));
            reroute->came_back = &routed->node;
            return;
        }
    }
    if (rc == CW_OK || rc == CW_ERR_TIMEOUT)
        end_overtaken(routed);
    finish(routed, rc, reply);
}

static int send_routed(struct routed *routed)
{
    struct cw_reroute *reroute = routed->owner;
    routed->by = reroute->events.owner_of(reroute->arg, routed->slot);
    if (routed->by == NULL)
        return CW_ERR_UNAVAILABLE;
    int rc = cw_endpoint_call(routed->by, &routed->request, routed->args, routed->count);
    if (rc != CW_OK)
        return rc;
    reroute->in_flight_of[routed->slot]++;
    reroute->asked_of[routed->slot] = routed->by;
    return CW_OK;
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

/* Also while one that had the slot before has not answered: it may refuse what was said first. */
static bool must_queue(const struct cw_reroute *reroute, uint16_t slot)
{
    return reroute->parked_of[slot] > 0 ||
           (reroute->in_flight_of[slot] > 0 &&
            reroute->events.owner_of(reroute->arg, slot) != reroute->asked_of[slot]);
}

int cw_reroute_call(struct cw_reroute *reroute, uint16_t slot, struct cw_redis_request *request,
                    const struct cw_bytes *args, size_t count)
{
    bool must_wait = must_queue(reroute, slot);
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
        park_behind(routed, cw_list_last(&reroute->parked));
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
    enum { UNSEEN, OPEN, SHUT };
    static unsigned char slots[CW_SLOTS];
    struct cw_list late;
    struct cw_list_node *node = cw_list_first(&reroute->parked);
    int64_t now_ms = cw_clock_ms();
    memset(slots, UNSEEN, sizeof(slots));
    cw_list_init(&late);
    while (node != NULL) {
        struct routed *routed = CW_CONTAINER(node, struct routed, node);
        node = cw_list_next(&reroute->parked, node);
        unsigned char *slot = &slots[routed->slot];
        if (now_ms >= routed->until_ms) {
            unpark(routed);
            cw_list_push_back(&late, &routed->node);
            continue;
        }
        if (*slot == UNSEEN)
            *slot = reroute->in_flight_of[routed->slot] == 0 ? OPEN : SHUT;
        if (*slot == OPEN && send_routed(routed) == CW_OK)
            unpark(routed);
        else
            *slot = SHUT; /* those behind it wait for it */
    }
    finish_all(&late);
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
