/*
 * cluster.h - groups, channels and messages over Redis; has never heard of WebSockets.
 *
 * A node (or a back end written in C) creates one cluster, attaches the channels it holds, joins
 * them to groups and publishes. What comes back from Redis arrives through `struct
 * cw_cluster_events`, in the one order that all nodes see. Everything happens on the thread of the
 * event base.
 *
 * Completion callbacks are called exactly once, never from inside the call that got them; their
 * error is CW_ERR_UNAVAILABLE only if nothing was handed to Redis, CW_ERR_TIMEOUT if it was and no
 * answer came. They are called at the latest when the link to Redis is found dead (6 s).
 */
#ifndef CHANWAY_CLUSTER_H
#define CHANWAY_CLUSTER_H

#include <chanway/bytes.h>
#include <chanway/error.h>
#include <chanway/message.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cw_cluster;
struct cw_cluster_channel;

/** What the registry says of a channel; views and strings are the caller's. */
struct cw_channel_info {
    const char *uuid; /**< 36 characters */
    enum cw_payload_type type;
    int64_t created_ms;  /**< since 1970 */
    int64_t expires_s;   /**< lifetime since `created_ms`; 0: none */
    const char *user;    /**< NULL: not authenticated */
    const char *address; /**< "10.0.0.7:51514" */
};

/** How much of a group is kept, resolved from the settings for each group name. */
struct cw_history_limits {
    int64_t size; /**< messages; 0: no history, at most once */
    int64_t ttl_ms;
    int64_t bytes;
    int64_t keys_max; /**< idempotency keys remembered */
};

/** Messages are missing; `last_lost` names the last of them: delivery goes on right after it. */
struct cw_gap {
    struct cw_position last_lost;
};

/** What comes up from the cluster; each may be NULL. `local`: what the group's join was given. */
struct cw_cluster_events {
    /** One message of a group that this node listens to, in order, once. */
    void (*on_message)(void *arg, void *local, const struct cw_message *message);
    /** Messages of a group were lost for good. */
    void (*on_gap)(void *arg, void *local, const struct cw_gap *gap);
    /** The link to Redis is up (subscribed, caught up soon) or lost. */
    void (*on_link)(void *arg, bool is_up);
    /** The cluster can't go on (Redis too old, library refused): `why` says what to do. */
    void (*on_fatal)(void *arg, const char *why);
    /** Fills the registry's facts for a re-announcement of `channel`; `user` as given to attach. */
    void (*describe)(void *user, struct cw_channel_info *ret_info);
    /** Limits of one group; NULL: the defaults (100 messages, 300 s, 8 MiB, 100000 keys). */
    struct cw_history_limits (*history)(void *arg, struct cw_bytes group);
};

struct cw_cluster_options {
    void *event_base;     /**< required: the libevent `struct event_base` all of it runs on */
    const char *redis;    /**< required: URL as in the `redis` setting; "embedded" */
    const char *prefix;   /**< NULL: "cw" */
    const char *node;     /**< NULL: the host's name; `<name>.<random>` becomes the node id */
    const char *data_dir; /**< embedded Redis only */
    int64_t payload_max;  /**< largest payload a back end may publish, bytes; 0: 65536 */
    struct cw_cluster_events events;
    void *events_arg;
};

/** Creates a cluster that is not yet connected. CW_ERR_INVALID: a bad option, said in `error`. */
CW_API CW_MUST_CHECK int cw_cluster_create(const struct cw_cluster_options *options, char *error,
                                           size_t error_size, struct cw_cluster **ret_cluster);

/** Begins to connect; tries again for ever. Errors only if the embedded Redis can't start. */
CW_API CW_MUST_CHECK int cw_cluster_start(struct cw_cluster *cluster, char *error,
                                          size_t error_size);

typedef void (*cw_done_fn)(void *arg, int rc);

/**
 * Writes what is still to be written (detach the channels before), gives up the node's lease, then
 * calls `fn`: destroy it then. Any error at once: there is no link to do it with, `fn` is not
 * called.
 */
CW_API CW_MUST_CHECK int cw_cluster_stop(struct cw_cluster *cluster, cw_done_fn fn, void *arg);

/** Gives up pending ops, closes the links. NULL is fine. */
CW_API void cw_cluster_destroy(struct cw_cluster *cluster);

/** `<name>.<random>`, new at every start. */
CW_API const char *cw_cluster_node_id(const struct cw_cluster *cluster);

/** Where Redis is, "unix:/run/redis.sock" or "host:port/db", without credentials. */
CW_API const char *cw_cluster_redis(const struct cw_cluster *cluster);

/** True while ops can be handed to Redis. */
CW_API bool cw_cluster_is_up(const struct cw_cluster *cluster);

/** Facts for /readyz and /metrics. */
struct cw_cluster_health {
    bool is_up;
    int64_t canary_age_ms; /**< since the last canary that came back was sent; -1: none yet */
    int64_t canary_lag_ms; /**< how long that canary took; -1: none yet */
    char why[128];         /**< why not up; empty when up */
};
CW_API void cw_cluster_health(const struct cw_cluster *cluster,
                              struct cw_cluster_health *ret_health);

/**
 * Adds a channel of this node to the registry, mirrored to Redis at the end of the turn (and again
 * whenever Redis lost it). `user` comes back through `describe`. CW_ERR_NOMEM.
 */
CW_API CW_MUST_CHECK int cw_cluster_attach(struct cw_cluster *cluster, const char *uuid, void *user,
                                           struct cw_cluster_channel **ret_channel);

/** Removes the channel and its memberships, here at once, in Redis soon; joins: CANCELLED. */
CW_API void cw_cluster_detach(struct cw_cluster_channel *channel);

/** `position`: every later message reaches this channel, none up to it does. */
typedef void (*cw_joined_fn)(void *arg, int rc, bool is_logged, struct cw_position position);

/**
 * Joins `channel` to `group`. From the call of `fn` with CW_OK on, on_message with `local` is meant
 * for this member too. CW_ERR_INVALID: bad name; CW_ERR_BUSY: a join or leave of this group is
 * under way; CW_ERR_UNAVAILABLE: no link. On an immediate error `fn` is not called.
 */
CW_API CW_MUST_CHECK int cw_cluster_join(struct cw_cluster_channel *channel, struct cw_bytes group,
                                         void *local, cw_joined_fn fn, void *arg);

/**
 * Leaves: no message of it comes from this call on. A NULL `fn` is fine. CW_ERR_NOT_FOUND: it is
 * not in the group; CW_ERR_BUSY: a join or leave is under way; CW_ERR_UNAVAILABLE; then `fn` is not
 * called.
 */
CW_API CW_MUST_CHECK int cw_cluster_leave(struct cw_cluster_channel *channel, struct cw_bytes group,
                                          cw_done_fn fn, void *arg);

/**
 * How far a joined channel has come: all up to `ret_position` reached it, nothing after.
 * `*ret_is_logged` false: the group keeps no history. CW_ERR_NOT_FOUND: it is not in the group.
 */
CW_API CW_MUST_CHECK int cw_cluster_position(const struct cw_cluster_channel *channel,
                                             struct cw_bytes group, bool *ret_is_logged,
                                             struct cw_position *ret_position);

/** `is_duplicate`: the key was used before; `position` (if is_logged) is the first one's. */
struct cw_published {
    bool is_logged;
    bool is_duplicate;
    struct cw_position position;
};
typedef void (*cw_published_fn)(void *arg, int rc, const struct cw_published *published);

/**
 * Publishes `message` (type, payload, from, group, key, skips_sender) to every member on every
 * node. It is copied out before the call returns. CW_ERR_UNAVAILABLE: no link or too much in
 * flight; nothing was done. A NULL `fn` is fine.
 */
CW_API CW_MUST_CHECK int cw_cluster_publish(struct cw_cluster *cluster,
                                            const struct cw_message *message, cw_published_fn fn,
                                            void *arg);

struct cw_member_info {
    struct cw_bytes channel;
    struct cw_bytes node;
    struct cw_bytes user; /**< empty: none */
};
/** `next_cursor` "0": that was the last page. */
typedef void (*cw_members_fn)(void *arg, int rc, const struct cw_member_info *members, size_t count,
                              struct cw_bytes next_cursor);

/** One page of a group's members, cluster-wide. `cursor` "0" starts; `count` 1..1000. */
CW_API CW_MUST_CHECK int cw_cluster_members(struct cw_cluster *cluster, struct cw_bytes group,
                                            struct cw_bytes cursor, int count, cw_members_fn fn,
                                            void *arg);

#ifdef __cplusplus
}
#endif

#endif
