/*
 * endpoints.h - where a key lives: the Redis servers of the deployment, one endpoint each.
 *
 *   one server, or what Sentinels name      one endpoint has every key
 *   shards (redis-shards://)                endpoint i of n has the slots [i*16384/n,
 * (i+1)*16384/n) Redis Cluster                           the masters, and who has which slot, as
 * they say now
 *
 * A call goes to the endpoint of its key. In a Redis Cluster one that is refused for its slot
 * (MOVED, ASK, TRYAGAIN, CLUSTERDOWN: nothing was done) is sent again, in order, to whoever has the
 * slot by then: reroute.h. ASK is not followed: an entity has several keys, of which a part may
 * still be at the other server.
 *
 * This node's own topic and the one of all nodes are listened to at every endpoint. Servers of a
 * Redis Cluster hand on to each other what is published there, so it comes several times: each
 * server's own subscribers have it without their help, and those who take it know what they had.
 */
#ifndef CW_ENDPOINTS_H
#define CW_ENDPOINTS_H

#include <chanway/bytes.h>
#include <chanway/cluster.h>
#include <chanway/error.h>

#include "endpoint.h"
#include "redis_url.h"

#include <stdbool.h>
#include <stddef.h>

struct cw_endpoints;
struct event_base;

/* Masters of a Redis Cluster, or shards. */
#define CW_ENDPOINTS_MAX 128

struct cw_endpoints_events {
    /** As those of one endpoint (endpoint.h), which is named. on_down comes also when it is given
     * up. */
    void (*on_up)(void *arg, struct cw_endpoint *endpoint, bool is_same_course);
    void (*on_down)(void *arg, const struct cw_endpoint *endpoint);
    void (*on_topic_message)(void *arg, struct cw_bytes topic, struct cw_bytes bytes);
    void (*on_subscribed)(void *arg, const struct cw_endpoint *endpoint, struct cw_bytes topic);
    /** Not asked for; or the ack of an unsubscribe. */
    void (*on_unsubscribed)(void *arg, const struct cw_endpoint *endpoint, struct cw_bytes topic);
    /** A subscription there that is not acked yet was refused. */
    void (*on_refused)(void *arg, const struct cw_endpoint *endpoint);
    /** Slots have another endpoint now, and with them topics. `is_same_course` as in on_up. */
    void (*on_moved)(void *arg, bool is_same_course);
    /** May come more than once, and not in the order of its publishers. */
    void (*on_node_message)(void *arg, struct cw_bytes bytes);
    void (*on_fatal)(void *arg, const char *why);
};

/** `address`, `prefix` and `node_id` must outlive it. */
CW_MUST_CHECK int cw_endpoints_create(struct event_base *base,
                                      const struct cw_redis_address *address, const char *prefix,
                                      const char *node_id, const struct cw_endpoints_events *events,
                                      void *arg, struct cw_endpoints **ret_endpoints);
/** NULL is fine. */
void cw_endpoints_destroy(struct cw_endpoints *endpoints);
/** The end: pending calls are answered, later ones refused; only destroy is left. NULL is fine. */
void cw_endpoints_close(struct cw_endpoints *endpoints);
/** Connects now, and from then on for ever. */
void cw_endpoints_start(struct cw_endpoints *endpoints);
/** As cw_endpoint_rename, at all of them. */
void cw_endpoints_rename(struct cw_endpoints *endpoints);

/** Who has `key` now; NULL: not known, or nobody. Valid until its on_down has come. */
struct cw_endpoint *cw_endpoints_of(const struct cw_endpoints *endpoints, struct cw_bytes key);
/** Who has `key` is up. */
bool cw_endpoints_serve(const struct cw_endpoints *endpoints, struct cw_bytes key);
/** One of them is up. */
bool cw_endpoints_any_up(const struct cw_endpoints *endpoints);
/** What `endpoint` had is where it says: it is up, and still has slots. */
bool cw_endpoints_keeps(const struct cw_endpoints *endpoints, const struct cw_endpoint *endpoint);
/** `endpoint` is one of them; it may be gone. */
bool cw_endpoints_have(const struct cw_endpoints *endpoints, const struct cw_endpoint *endpoint);
/** There can be several: what is written to two of them has no order. */
bool cw_endpoints_are_many(const struct cw_endpoints *endpoints);

/** As cw_endpoint_call, at whoever has the key that the command is about. */
CW_MUST_CHECK int cw_endpoints_call(struct cw_endpoints *endpoints,
                                    struct cw_redis_request *request, const struct cw_bytes *args,
                                    size_t count);
/** The endpoint after `endpoint`, the first after NULL; NULL: that was the last. For what is asked
 * of all. */
struct cw_endpoint *cw_endpoints_next(const struct cw_endpoints *endpoints,
                                      const struct cw_endpoint *endpoint);

/** The worst of them. */
void cw_endpoints_health(const struct cw_endpoints *endpoints,
                         struct cw_cluster_health *ret_health);

#endif
