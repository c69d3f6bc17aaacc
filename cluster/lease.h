/*
 * lease.h - this node's lease in Redis: renewed every 3 s, gone 15 s after the last time.
 *
 * A node id is never used again once its lease has ended: its channels may have been given away.
 * Without an acknowledged renewal for 8 s the node is fenced: it writes nothing to the registry
 * until one comes or it has a new id (DESIGN: fencing).
 */
#ifndef CW_LEASE_H
#define CW_LEASE_H

#include <chanway/cluster.h>
#include <chanway/error.h>

#include "endpoints.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CW_LEASE_TTL_MS   15000
#define CW_LEASE_RENEW_MS 3000
#define CW_LEASE_FENCE_MS 8000

struct event;
struct event_base;

struct cw_lease {
    struct cw_endpoints *endpoints;
    const char *prefix;
    const char *node_id;
    const size_t *channel_count; /* written beside the expiry into <prefix>:nodes */
    struct event *timer;
    /** The lease is gone: Redis lost its data, or the node was reaped. Take a new id, then start
     * again. */
    void (*on_lost)(void *arg);
    /** A renewal was acknowledged after a time of being fenced. */
    void (*on_held)(void *arg);
    void *arg;
    /** What the lease shows of the node (cw_cluster_events.describe_node); NULL: nothing. */
    size_t (*describe)(void *arg, char *ret_text, size_t size);
    void *describe_arg;
    int64_t acked_ms; /* monotonic: when the last acknowledged renewal was sent; 0: none yet */
    int64_t sent_ms;  /* monotonic: when the one under way was sent */
    bool is_held;     /* as far as is known */
};

CW_MUST_CHECK int cw_lease_init(struct cw_lease *lease, struct event_base *base,
                                struct cw_endpoints *endpoints, const char *prefix,
                                const char *node_id, const size_t *channel_count);
void cw_lease_finish(struct cw_lease *lease);
/** The link is up: renews now and then every 3 s. */
void cw_lease_start(struct cw_lease *lease);
void cw_lease_stop(struct cw_lease *lease);
/** False: fenced. */
bool cw_lease_may_write(const struct cw_lease *lease);
/** The id was changed: the next renewal makes a lease. */
void cw_lease_forget(struct cw_lease *lease);
/** Gives the lease up; `fn` comes with the answer. Errors of cw_functions_command. */
CW_MUST_CHECK int cw_lease_release(struct cw_lease *lease, cw_done_fn fn, void *arg);

#endif
