/*
 * reroute.h - calls in a Redis Cluster whose slots move: refused ones are sent again, in order.
 *
 *   sent --answer--> done
 *     '--MOVED, ASK, TRYAGAIN, CLUSTERDOWN--> parked --no answer of its slot is out: the slot's
 *   parked calls, oldest first, go to whoever has it now--> sent   (or, after 2 s: unavailable)
 *
 * While calls of a slot are parked, or sent to one who has the slot no more, newer ones of it queue
 * behind them: two calls about one key are done in the order in which they were made, or the later
 * one alone. One that is overtaken all the same (its server was down for a moment, and not any more
 * for the next) is unavailable.
 */
#ifndef CW_REROUTE_H
#define CW_REROUTE_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include "redis_link.h"

#include <stddef.h>
#include <stdint.h>

struct cw_endpoint;
struct cw_endpoints;
struct cw_reroute;
struct event_base;

/** Bounds of what is parked; beyond, calls are refused (CW_ERR_UNAVAILABLE). */
#define CW_REROUTE_PARKED_MAX 65536
#define CW_REROUTE_BYTES_MAX  (64U << 20)
#define CW_REROUTE_LIMIT_MS   2000

/** `owner_of` says who has a slot now (NULL: nobody known); `on_refused` is told of each refusal.
 */
struct cw_reroute_events {
    struct cw_endpoint *(*owner_of)(void *arg, uint16_t slot);
    void (*on_refused)(void *arg, struct cw_endpoint *by, const char *error);
};

CW_MUST_CHECK int cw_reroute_create(struct event_base *base, const struct cw_reroute_events *events,
                                    void *arg, struct cw_reroute **ret_reroute);
/** The end: what is parked is answered, nothing more is parked. */
void cw_reroute_close(struct cw_reroute *reroute);
/** After its close, and when no answer is out. NULL is fine. */
void cw_reroute_destroy(struct cw_reroute *reroute);

/** As cw_redis_link_call, at who has `slot`. */
CW_MUST_CHECK int cw_reroute_call(struct cw_reroute *reroute, uint16_t slot,
                                  struct cw_redis_request *request, const struct cw_bytes *args,
                                  size_t count);
/** Slots have other owners now: what is parked may go on. Not from inside a call's answer. */
void cw_reroute_release(struct cw_reroute *reroute);

#endif
