/*
 * endpoint.h - one Redis server, as a pair of links.
 *
 * The pair (commands, pub/sub) lives and dies together and is always of one server process (run_id
 * compared).
 *
 *   WAITING --back-off--> CONNECTING --both ready--> LOADING --library there--> UP
 *      ^--------- either link lost, silent for 6 s, not UP within 6 s -----------|
 *
 * Canary: every 0.5 s a PUBLISH to this node's own topic. Its return through pub/sub shows that
 * messages flow, its reply that the command link lives both ways; a SSUBSCRIBE said once more
 * beside it, and its ack, that the pub/sub link does. Each of the three alone can stop (a half-open
 * connection, a proxy between): the node is not ready after 2.5 s, the links are replaced after 6.
 */
#ifndef CW_ENDPOINT_H
#define CW_ENDPOINT_H

#include <chanway/bytes.h>
#include <chanway/cluster.h>
#include <chanway/error.h>

#include "redis_link.h"
#include "redis_url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_endpoint;
struct event_base;

/* Silence, for more than two canaries, of a server that another one may have replaced. */
#define CW_ENDPOINT_DOUBT_MS 1500

struct cw_endpoint_events {
    /** Both links are ready, the library is loaded; topics are to be subscribed again.
     * `is_same_course` false: the data is not surely that of before and what was written since (it
     * was restarted, a replica took over, it was a replica meanwhile): what was acknowledged last
     * may be lost. */
    void (*on_up)(void *arg, bool is_same_course);
    /** Pending calls have been answered. Comes once after each on_up, never without. */
    void (*on_down)(void *arg);
    /** `bytes` came by the sharded topic `topic` (a group's base key). */
    void (*on_topic_message)(void *arg, struct cw_bytes topic, struct cw_bytes bytes);
    /** The subscribe ack of the sharded topic `topic`. */
    void (*on_subscribed)(void *arg, struct cw_bytes topic);
    /** The server ended the subscription of `topic`: its slot has gone elsewhere. Also the ack of
     * an unsubscribe. */
    void (*on_unsubscribed)(void *arg, struct cw_bytes topic);
    /** A subscription was refused: "MOVED <slot> <host>:<port>" and the like. */
    void (*on_slot_refused)(void *arg, const char *error);
    /** `bytes` came by this node's own topic (canaries excepted) or by the topic of all nodes. */
    void (*on_node_message)(void *arg, struct cw_bytes bytes);
    /** Will never work: `why` says what to do. */
    void (*on_fatal)(void *arg, const char *why);
};

/** `address` must outlive the endpoint; `prefix` and `node_id` too. `number`: no other endpoint of
 * the node has it. */
CW_MUST_CHECK int cw_endpoint_create(struct event_base *base,
                                     const struct cw_redis_address *address, const char *prefix,
                                     const char *node_id, unsigned number,
                                     const struct cw_endpoint_events *events, void *arg,
                                     struct cw_endpoint **ret_endpoint);
void cw_endpoint_destroy(struct cw_endpoint *endpoint);
/** The end: pending calls are answered, later ones refused; only destroy is left. NULL is fine. */
void cw_endpoint_close(struct cw_endpoint *endpoint);
/** Connects now, and from then on for ever. */
void cw_endpoint_start(struct cw_endpoint *endpoint);
/**
 * Of a server that has some slots only: a key, also a topic, of one of them. The liveness check
 * subscribes to it, and it is deleted (it is never there) to see that the server can be written to.
 */
void cw_endpoint_probe_by(struct cw_endpoint *endpoint, const char *key);
const struct cw_redis_address *cw_endpoint_address(const struct cw_endpoint *endpoint);
/** For how long the links have not answered, or how old the last answer is (ms). */
int64_t cw_endpoint_silence_ms(const struct cw_endpoint *endpoint);
bool cw_endpoint_is_up(const struct cw_endpoint *endpoint);
/** Drops both links and begins again (the library is gone, a lease was lost, ...). Safe in any
 * callback. */
void cw_endpoint_restart(struct cw_endpoint *endpoint, const char *why);

/** `node_id` (the text handed to create) has changed: listens to the new id's topic. */
void cw_endpoint_rename(struct cw_endpoint *endpoint);

/** As cw_redis_link_call, on the command link. */
CW_MUST_CHECK int cw_endpoint_call(struct cw_endpoint *endpoint, struct cw_redis_request *request,
                                   const struct cw_bytes *args, size_t count);
/** Subscribes to or unsubscribes from the sharded topic of a group; acks come as on_subscribed. */
CW_MUST_CHECK int cw_endpoint_subscribe(struct cw_endpoint *endpoint, const char *topic);
void cw_endpoint_unsubscribe(struct cw_endpoint *endpoint, const char *topic);

void cw_endpoint_health(const struct cw_endpoint *endpoint, struct cw_cluster_health *ret_health);

#endif
