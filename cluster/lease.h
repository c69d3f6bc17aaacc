/*
 * lease.h - this node's lease in Redis: renewed every 3 s, gone 15 s after the last time.
 */
#ifndef CW_LEASE_H
#define CW_LEASE_H

#include <chanway/cluster.h>
#include <chanway/error.h>

#include "endpoints.h"

#include <stdbool.h>
#include <stdint.h>

#define CW_LEASE_TTL_MS   15000
#define CW_LEASE_RENEW_MS 3000

struct event;
struct event_base;

struct cw_lease {
    struct cw_endpoint *endpoint;
    const char *prefix;
    const char *node_id;
    const size_t *channel_count; /* written beside the expiry into <prefix>:nodes */
    struct event *timer;
    /** It begins, at the start or after it was gone: Redis lost its data, or the node was reaped.
     * What was written before may be gone. */
    void (*on_begun)(void *arg);
    /** It was renewed: what Redis refused before may be tried again. */
    void (*on_renewed)(void *arg);
    void *arg;
    int64_t acked_ms; /* monotonic: last acknowledged renewal; 0: none yet */
    bool is_held;     /* as far as is known */
};

CW_MUST_CHECK int cw_lease_init(struct cw_lease *lease, struct event_base *base,
                                struct cw_endpoint *endpoint, const char *prefix,
                                const char *node_id, const size_t *channel_count);
void cw_lease_finish(struct cw_lease *lease);
/** The link is up: renews now and then every 3 s. */
void cw_lease_start(struct cw_lease *lease);
void cw_lease_stop(struct cw_lease *lease);
/** Gives the lease up; `fn` comes with the answer. Errors of cw_functions_command. */
CW_MUST_CHECK int cw_lease_release(struct cw_lease *lease, cw_done_fn fn, void *arg);

#endif
