/*
 * redis_link.h - one connection to one Redis server: from connect to loss, once or again.
 *
 *   IDLE --connect--> CONNECTING --HELLO, SELECT, ROLE, INFO--> READY
 *     ^------- lost: error, refused role, too old, cw_redis_link_close() ------|
 *
 * The link does not try again by itself: its owner holds two of them that live and die together
 * (endpoint.c). Tests replace this module as a whole by a fake Redis behind the same header.
 */
#ifndef CW_REDIS_LINK_H
#define CW_REDIS_LINK_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include "redis_url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_redis_link;
struct event_base;
struct redisReply;

/** Replies that may be outstanding, and bytes that may wait for the socket, before calls are
 * refused. */
#define CW_REDIS_MAX_IN_FLIGHT    65536
#define CW_REDIS_MAX_UNSENT_BYTES (64U << 20)
#define CW_REDIS_MAX_ARGS         280

struct cw_redis_link_events {
    void (*on_ready)(void *arg);
    /** Once after each connect(), when it failed or the connection went. Every pending call was
     * answered before. */
    void (*on_lost)(void *arg, const char *why, bool is_fatal);
    /** A RESP3 push (message, smessage, ssubscribe, ...), or `error <text>`: Redis refused a
     * subscription; valid during the call. */
    void (*on_push)(void *arg, const struct redisReply *push);
    /** A call was answered with what only a new link can mend: the library is gone, the server is a
     * replica now, or was one meanwhile. */
    void (*on_unusable)(void *arg, const char *why);
};

/** Redis' answer to FCALL of what is not loaded. */
#define CW_REDIS_NO_FUNCTION "ERR Function not found"

/**
 * A call under way; the caller embeds it and keeps it until `on_reply`, which comes exactly once
 * and owns it from then on. `rc`: CW_OK with the reply; CW_ERR_UNAVAILABLE: not one byte of it was
 * handed to Redis, or Redis says that it can't now; CW_ERR_TIMEOUT: handed over, no answer came;
 * else what Redis' error reply means (then `reply` is that error). `reply` is NULL without one.
 */
struct cw_redis_request {
    void (*on_reply)(struct cw_redis_request *request, int rc, const struct redisReply *reply);
    struct cw_redis_link *link; /* filled by the link */
    uint64_t start;             /* filled by the link: bytes handed to the link before it */
    int64_t sent_us;            /* filled by the link */
};

/** `name` ("commands", "pubsub") is for logs; `address` is copied by reference and must outlive the
 * link. */
CW_MUST_CHECK int cw_redis_link_create(struct event_base *base,
                                       const struct cw_redis_address *address, const char *name,
                                       const struct cw_redis_link_events *events, void *arg,
                                       struct cw_redis_link **ret_link);
void cw_redis_link_destroy(struct cw_redis_link *link);

/** From IDLE only. The outcome comes as on_ready or on_lost, never from inside this call. */
void cw_redis_link_connect(struct cw_redis_link *link);
/**
 * Drops the connection: pending calls are answered, on_lost is not called. Of a link without calls
 * the pushes that have come already are handed over before. Harmless when IDLE.
 */
void cw_redis_link_close(struct cw_redis_link *link);
bool cw_redis_link_is_ready(const struct cw_redis_link *link);
/** The server's run_id once READY: two links must show the same. */
const char *cw_redis_link_run_id(const struct cw_redis_link *link);
/**
 * Names the course of the server's data once READY: another one after a restart, a promotion, or a
 * time as somebody's replica, from all of which it may come back without its latest writes.
 */
const char *cw_redis_link_course(const struct cw_redis_link *link);
/** Asks Redis whether that has changed under the link, or the server is a replica now: on_unusable.
 */
void cw_redis_link_check(struct cw_redis_link *link);

/**
 * Sends one command. CW_ERR_UNAVAILABLE (not READY, or a bound is reached) or CW_ERR_NOMEM: nothing
 * was sent and on_reply is not called.
 */
CW_MUST_CHECK int cw_redis_link_call(struct cw_redis_link *link, struct cw_redis_request *request,
                                     const struct cw_bytes *args, size_t count);
/** Sends a command whose answers are pushes: SSUBSCRIBE, SUNSUBSCRIBE, SUBSCRIBE of one topic. */
CW_MUST_CHECK int cw_redis_link_subscribe(struct cw_redis_link *link, const char *verb,
                                          const char *topic);

#endif
