/*
 * topology.h - who has which slots of a Redis Cluster, as its nodes say.
 *
 *   each second: the next endpoint that is up is asked (CLUSTER SLOTS, on its command link); each
 *   0.2 s while one is not up; at once when an answer showed that the map is old.
 *   While none is up: the hosts of the setting, and those known, one after the other.
 */
#ifndef CW_TOPOLOGY_H
#define CW_TOPOLOGY_H

#include <chanway/error.h>

#include "endpoint.h"
#include "redis_url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_endpoints;
struct cw_topology;
struct event_base;
struct redisReply;

/* Ranges of slots in one answer; a cluster that is moved about has some hundreds. */
#define CW_TOPOLOGY_RANGES_MAX 16384

/** Slots `first` to `last` are at host:port. */
struct cw_slot_range {
    uint16_t first, last;
    int port;
    const char *host; /* NULL: whoever was asked */
};

/** What `asked` says (NULL: a host that is no endpoint, at `host`); valid during the call. */
typedef void (*cw_topology_fn)(void *arg, const struct cw_endpoint *asked, const char *host,
                               const struct cw_slot_range *ranges, size_t count);

/** `endpoints` and `address` must outlive it; `fn` gets `endpoints`. */
CW_MUST_CHECK int cw_topology_create(struct event_base *base, struct cw_endpoints *endpoints,
                                     const struct cw_redis_address *address, cw_topology_fn fn,
                                     struct cw_topology **ret_topology);
/** NULL is fine. */
void cw_topology_destroy(struct cw_topology *topology);
/** Asks from now on, for ever. */
void cw_topology_start(struct cw_topology *topology);
/** Asks `endpoint` (NULL: any) as soon as may be: something shows that the map is old. */
void cw_topology_hurry(struct cw_topology *topology, struct cw_endpoint *endpoint);
/** `endpoint` goes. */
void cw_topology_forget(struct cw_topology *topology, const struct cw_endpoint *endpoint);
/** What the last one that was asked in vain said; "" if that is past. */
const char *cw_topology_why(const struct cw_topology *topology);

/**
 * Reads the answer to CLUSTER SLOTS: [first, last, [host, port, ...], ...], ... Returns how many
 * `ranges` there are; -1: it is none, or has more than `max`. Host and port are views of `reply`.
 */
int cw_topology_read(const struct redisReply *reply, struct cw_slot_range *ranges, size_t max);

#endif
