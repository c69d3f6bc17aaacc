/*
 * sentinel.h - which of the servers that Sentinels watch is the primary, now and from now on.
 *
 *   each second, and when told to: ask the Sentinel that is followed; one that does not answer in a
 *   second, or has another trouble, is left for the next in the list, round and round.
 *
 * The followed one is subscribed to as well (+switch-master): a failover is known at once.
 */
#ifndef CW_SENTINEL_H
#define CW_SENTINEL_H

#include <chanway/error.h>

#include "redis_url.h"

struct cw_sentinel;
struct event_base;

struct cw_sentinel_events {
    /** The answer to resolve(): `host` is valid until the next event. */
    void (*on_found)(void *arg, const char *host, int port);
    /** The other one: none of them knows. */
    void (*on_failed)(void *arg, const char *why);
    /** The primary is another one than was found. */
    void (*on_switched)(void *arg);
};

/** `address` must outlive it. Nothing is asked before the first resolve(). */
CW_MUST_CHECK int cw_sentinel_create(struct event_base *base,
                                     const struct cw_redis_address *address,
                                     const struct cw_sentinel_events *events, void *arg,
                                     struct cw_sentinel **ret_sentinel);
/** NULL is fine. */
void cw_sentinel_destroy(struct cw_sentinel *sentinel);

/**
 * Asks the next Sentinel, and those after it if need be: on_found or on_failed follows once, not
 * from inside, unless it is asked again or cancelled before. Not the one that answered last: where
 * its answer led nowhere, it may be alone with it.
 */
void cw_sentinel_resolve(struct cw_sentinel *sentinel);
/** The answer is not wanted any more. */
void cw_sentinel_cancel(struct cw_sentinel *sentinel);

#endif
