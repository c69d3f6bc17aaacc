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
    const char *uuid;          /**< 36 characters */
    enum cw_payload_type type; /**< of what it sends and gets */
    int64_t created_ms;        /**< since 1970 */
    int64_t expires_s;         /**< lifetime since `created_ms`; 0: none */
    const char *user;          /**< NULL: not authenticated */
    const char *address;       /**< "10.0.0.7:51514" */
    /** CW_SESSION_DIGEST_SIZE bytes made of its session's token; NULL: it has no session. */
    const unsigned char *session;
};

/** Bytes of what the registry keeps of a session's token. */
#define CW_SESSION_DIGEST_SIZE 16

/** How far the connection of a channel was written a group's messages. */
struct cw_written {
    struct cw_bytes group;       /**< its name */
    bool is_known;               /**< false: nobody can say */
    struct cw_position position; /**< of the last message that was written */
};

/** What a channel that is taken by its session comes back to; views are valid during the callback.
 */
struct cw_resumed {
    const struct cw_written *groups; /**< those it was in: to be joined again */
    size_t group_count;              /**< how many */
    /** The last direct message that was written; false: those up to `direct` may be lost. */
    bool is_direct_known;
    struct cw_position direct; /**< its position */
};

/** Something is done (CW_OK), or is not. */
typedef void (*cw_done_fn)(void *arg, int rc);

/** How a channel goes that may be resumed: what it was written last. */
struct cw_leaving {
    int64_t resume_s;                /**< > 0: kept so long */
    struct cw_position direct;       /**< the last direct message */
    const struct cw_written *groups; /**< its groups */
    size_t group_count;              /**< how many */
    cw_done_fn fn; /**< CW_OK: Redis knows it, whoever resumes goes on there; may be NULL */
    void *arg;     /**< of `fn` */
};

/** Bytes of the largest payload of a back end, where no option says otherwise. */
#define CW_PAYLOAD_MAX_DEFAULT 65536

/** How much of a group is kept, resolved from the settings for each group name. */
struct cw_history_limits {
    int64_t payload_max; /**< of a back end's publish, bytes; filled in by the cluster */
    int64_t size;        /**< messages; 0: no history, at most once */
    int64_t ttl_ms;      /**< how long a message is kept */
    int64_t bytes;       /**< of payloads */
    int64_t keys_max;    /**< idempotency keys remembered */
};

/** Messages are missing; `last_lost` names the last of them: delivery goes on right after it. */
struct cw_gap {
    struct cw_position last_lost; /**< of the same log as what comes next */
};

/** What a back end asks of a channel. Values are what travels in envelopes: do not renumber. */
enum cw_channel_request {
    CW_REQUEST_CLOSE = 8,
    CW_REQUEST_JOIN = 9,
    CW_REQUEST_LEAVE = 10,
};

/** Bytes that a node may say of itself. */
#define CW_NODE_ABOUT_MAX 2048

/** What comes up from the cluster; on_message and describe are required, each other may be NULL.
 * `local`: what the group's join was given. */
struct cw_cluster_events {
    /** One message of a group that this node listens to, in order, once. */
    void (*on_message)(void *arg, void *local, const struct cw_message *message);
    /** Messages of a group were lost for good. */
    void (*on_gap)(void *arg, void *local, const struct cw_gap *gap);
    /** A direct message to a channel of this node, in order, once; `user` as given to attach.
     * `is_live`: it was sent just now; else it was kept, and cw_cluster_pause_inbox() stops those
     * that follow. */
    void (*on_direct)(void *arg, void *user, const struct cw_message *message, bool is_live);
    /** Direct messages to this channel were lost for good. */
    void (*on_direct_gap)(void *arg, void *user, const struct cw_gap *gap);
    /**
     * Somebody asks this channel to close (`text`: "<code> <reason>"), to join or to leave (a
     * group). Answer by cw_cluster_request_done(), now or later: the next one comes after that.
     */
    void (*on_request)(void *arg, void *user, enum cw_channel_request request,
                       struct cw_bytes text);
    /** Another node has taken this channel: close the connection; it is not in the registry any
     * more. */
    void (*on_taken)(void *arg, void *user);
    /** A channel joined or left a group that somebody here watches. */
    void (*on_presence)(void *arg, void *local, bool is_join, struct cw_bytes channel,
                        struct cw_bytes user);
    /** The link to Redis, of several servers that to one of them, is up (subscribed, caught up
     * soon) or lost. */
    void (*on_link)(void *arg, bool is_up);
    /** The cluster can't go on (Redis too old, library refused): `why` says what to do. */
    void (*on_fatal)(void *arg, const char *why);
    /** Fills the registry's facts for a re-announcement of `channel`; `user` as given to attach. */
    void (*describe)(void *user, struct cw_channel_info *ret_info);
    /**
     * Writes what this node says of itself, for cw_cluster_nodes() of any node: at most `size`
     * bytes, returns how many. Asked with each renewal of its lease (3 s). NULL: nothing.
     */
    size_t (*describe_node)(void *arg, char *ret_text, size_t size);
    /** Limits of one group; NULL: the defaults (100 messages, 300 s, 8 MiB, 100000 keys). */
    struct cw_history_limits (*history)(void *arg, struct cw_bytes group);
};

/**
 * What the event stream `<prefix>:{events}` tells back ends; bits of `events_mask`.
 *
 * Entries have the fields event (the kind's word), channel, node, gen and, where there is one,
 * user; join and leave: group; message: type, payload; connect: type (the channel's); disconnect
 * and error: code, reason. `gen` is the channel's generation: it grows each time the channel is
 * taken over or was lost to the registry. An entry may come twice: then all that came after it
 * comes again too, and channel, event and gen are the same. A `connect` with a higher gen than the
 * one before says that the channel lives on, whatever was said of the lower one meanwhile; a
 * `disconnect` with a lower gen than a `connect` that came before it is of the past. `disconnect`
 * stands for a leave of each group.
 */
enum cw_stream_kind {
    CW_STREAM_CONNECT = 1,
    CW_STREAM_DISCONNECT = 2,
    CW_STREAM_MESSAGE = 4,
    CW_STREAM_JOIN = 8,
    CW_STREAM_LEAVE = 16,
    CW_STREAM_ERROR = 32,
};

/** What a cluster is told when it is created; strings need to live as long as that call. */
struct cw_cluster_options {
    void *event_base;     /**< required: the libevent `struct event_base` all of it runs on */
    const char *redis;    /**< required: URL as in the `redis` setting; "embedded" */
    const char *redis_ca; /**< rediss:// only, PEM: who signs its certificate; NULL: the system's */
    const char *redis_cert; /**< rediss:// only, PEM: the node's own; NULL: none */
    const char *redis_key;  /**< its key, PEM, without a password */
    const char *redis_sni;  /**< rediss:// only: Redis' name in its certificate; NULL: the host's */
    const char *prefix;     /**< NULL: "cw" */
    const char *node;       /**< NULL: the host's name; `NAME.RANDOM` becomes the node id */
    const char *data_dir;   /**< embedded Redis only */
    int64_t payload_max;    /**< largest payload a back end may publish, bytes; 0: the default */
    unsigned events_mask; /**< enum cw_stream_kind, or-ed: what goes to the event stream; 0: off */
    int64_t events_max;   /**< entries that it keeps, about; 0: 100000 */
    int64_t
        session_ttl_s;   /**< how long channels of nodes that died may be resumed; 0: not at all */
    int64_t queue_max;   /**< direct messages kept of a channel; 0: 100 */
    int64_t queue_bytes; /**< their bytes; 0: 1 MiB */
    int wait_replicas;   /**< replicas that must have a message before CW_OK; 0: none */
    struct cw_cluster_events events; /**< what comes up from the cluster */
    void *events_arg;                /**< `arg` of all of them */
};

/** Creates a cluster that is not yet connected. CW_ERR_INVALID: a bad option, said in `error`. */
CW_API CW_MUST_CHECK int cw_cluster_create(const struct cw_cluster_options *options, char *error,
                                           size_t error_size, struct cw_cluster **ret_cluster);

/** Begins to connect; tries again for ever. Errors only if the embedded Redis can't start. */
CW_API CW_MUST_CHECK int cw_cluster_start(struct cw_cluster *cluster, char *error,
                                          size_t error_size);

/**
 * Writes what is still to be written (detach the channels before), gives up the node's lease, then
 * calls `fn`: destroy it then. Any error at once: there is no link to do it with, `fn` is not
 * called.
 */
CW_API CW_MUST_CHECK int cw_cluster_stop(struct cw_cluster *cluster, cw_done_fn fn, void *arg);

/** Gives up pending ops, closes the links. NULL is fine. */
CW_API void cw_cluster_destroy(struct cw_cluster *cluster);

/** Changes `wait_replicas` of the options: holds for what is acknowledged from now on. */
CW_API void cw_cluster_set_wait_replicas(struct cw_cluster *cluster, int count);

/** This node in the cluster, `NAME.RANDOM`: new at every start. */
CW_API const char *cw_cluster_node_id(const struct cw_cluster *cluster);

/** Where Redis is, "unix:/run/redis.sock" or "host:port/db", without credentials. */
CW_API const char *cw_cluster_redis(const struct cw_cluster *cluster);

/** True while ops can be handed to Redis. */
CW_API bool cw_cluster_is_up(const struct cw_cluster *cluster);

/** Facts for /readyz and /metrics. */
struct cw_cluster_health {
    bool is_up;            /**< messages flow */
    int64_t canary_age_ms; /**< since the last canary was sent that came back, on links that answer;
                                -1: none yet */
    int64_t canary_lag_ms; /**< how long the last canary took, or takes by now; -1: none yet */
    char why[128];         /**< why not up, or what is missing; empty when all is well */
};
/** How the links are now. */
CW_API void cw_cluster_health(const struct cw_cluster *cluster,
                              struct cw_cluster_health *ret_health);

/** CW_OK: the registry has it. CW_ERR_UNAVAILABLE, CW_ERR_TIMEOUT: it will, as soon as may be. */
typedef void (*cw_attach_fn)(void *user, int rc);

/**
 * Adds a channel of this node to the registry, mirrored to Redis at the end of the turn (and again
 * whenever Redis lost it). `user` comes back through `describe` and to `fn`, which may be NULL and
 * is not called once the channel is detached. CW_ERR_NOMEM.
 */
CW_API CW_MUST_CHECK int cw_cluster_attach(struct cw_cluster *cluster, const char *uuid, void *user,
                                           cw_attach_fn fn,
                                           struct cw_cluster_channel **ret_channel);

/** A channel that can be resumed. */
struct cw_session {
    enum cw_payload_type type; /**< the channel's */
    int64_t created_ms;        /**< since 1970 */
    int64_t expires_s;         /**< 0: never */
};
/** CW_ERR_NOT_FOUND: there is no such session; any other error: not known. */
typedef void (*cw_session_fn)(void *arg, int rc, const struct cw_session *session);

/**
 * Looks for the channel `uuid` with a session of this digest and this `user` (NULL: none); nothing
 * is changed. CW_ERR_UNAVAILABLE at once: no link, `fn` is not called.
 */
CW_API CW_MUST_CHECK int cw_cluster_find_session(struct cw_cluster *cluster, struct cw_bytes uuid,
                                                 const unsigned char *digest, const char *user,
                                                 cw_session_fn fn, void *arg);

/** CW_ERR_NOT_FOUND: the session is gone; any other error: perhaps it was taken. Detach it then. */
typedef void (*cw_resume_fn)(void *user, int rc, const struct cw_resumed *resumed);

/**
 * Takes the channel `uuid` for this node by its session (the digest of the token that the client
 * has; `describe` gives the new one), from whichever node has it. Nothing of its inbox comes
 * before cw_cluster_start_inbox(). CW_ERR_BUSY: this node has it (cw_cluster_abandon it before);
 * CW_ERR_NOMEM.
 */
CW_API CW_MUST_CHECK int cw_cluster_resume(struct cw_cluster *cluster, const char *uuid, void *user,
                                           const unsigned char *digest, cw_resume_fn fn,
                                           struct cw_cluster_channel **ret_channel);
/** The `user` of the channel `uuid` if this node has it; NULL: it has not. */
CW_API void *cw_cluster_find(const struct cw_cluster *cluster, struct cw_bytes uuid);
/** The client uses its new token: the one before ends. */
CW_API void cw_cluster_settle_session(struct cw_cluster_channel *channel);

/**
 * Direct messages after `since`, and requests, come from now on. `fn`, which may be NULL, is called
 * once when those that were kept have been told of, or can't be read now and will come later; not
 * if the channel goes before.
 */
CW_API void cw_cluster_start_inbox(struct cw_cluster_channel *channel, struct cw_position since,
                                   void (*fn)(void *user));
/** While paused, direct messages wait in Redis, within the bounds of the queue. */
CW_API void cw_cluster_pause_inbox(struct cw_cluster_channel *channel, bool is_paused);
/** The last direct message that on_direct or on_direct_gap told of. */
CW_API struct cw_position cw_cluster_inbox_position(const struct cw_cluster_channel *channel);

/**
 * Removes the channel and its memberships, here at once, in Redis soon; joins: CANCELLED. NULL
 * `leaving`: for good. Its `fn` is called once, from inside this call where Redis is not to be
 * told.
 */
CW_API void cw_cluster_detach(struct cw_cluster_channel *channel, const struct cw_leaving *leaving);
/** Removes it here, because another connection takes it over. */
CW_API void cw_cluster_abandon(struct cw_cluster_channel *channel);

/**
 * Takes the channel out of the registry while the caller keeps it: here at once, in Redis soon, for
 * good: its groups are left, its session ends, direct messages and requests that were kept for it
 * are gone, nobody finds it. Joins and leaves under way get CW_ERR_CANCELLED from inside this call.
 * While it is hidden cw_cluster_join() refuses with CW_ERR_UNAVAILABLE, and the event stream, which
 * tells a `disconnect` now (code 1000, "removed from the registry"), says nothing of it.
 *
 * `fn` (NULL is fine): CW_OK: Redis has it no more. CW_ERR_UNAVAILABLE, CW_ERR_TIMEOUT: it will
 * not, as soon as may be. CW_ERR_CANCELLED: it was detached, or the cluster destroyed, before.
 * At once, and nothing was done: CW_ERR_NOT_FOUND: it is hidden already; CW_ERR_BUSY: a hide, a
 * show, or the channel's own attach or resume is under way; CW_ERR_UNAVAILABLE: no link;
 * CW_ERR_NOMEM.
 */
CW_API CW_MUST_CHECK int cw_cluster_hide(struct cw_cluster_channel *channel, cw_done_fn fn,
                                         void *arg);
/**
 * Makes sure that the registry has the channel: a hidden one is added again, in a later generation
 * and without groups (the event stream tells its `connect` again if the caller had emitted one);
 * one that is shown is written once more.
 *
 * `fn` (NULL is fine): CW_OK: the registry has it. CW_ERR_UNAVAILABLE, CW_ERR_TIMEOUT: it will, as
 * soon as may be. CW_ERR_CANCELLED: it was detached or taken by another node, or the cluster
 * destroyed, before. At once, and nothing was done: CW_ERR_BUSY, CW_ERR_UNAVAILABLE, CW_ERR_NOMEM,
 * as for cw_cluster_hide().
 */
CW_API CW_MUST_CHECK int cw_cluster_show(struct cw_cluster_channel *channel, cw_done_fn fn,
                                         void *arg);

/** `position`: every later message reaches this channel, none up to it does. */
typedef void (*cw_joined_fn)(void *arg, int rc, bool is_logged, struct cw_position position);

/**
 * Joins `channel` to `group`. From the call of `fn` with CW_OK on, on_message with `local` is meant
 * for this member too. CW_ERR_INVALID: bad name; CW_ERR_BUSY: a join or leave of this group is
 * under way; CW_ERR_UNAVAILABLE: no link. On an immediate error `fn` is not called.
 */
CW_API CW_MUST_CHECK int cw_cluster_join(struct cw_cluster_channel *channel, struct cw_bytes group,
                                         bool wants_presence, void *local, cw_joined_fn fn,
                                         void *arg);

/**
 * Leaves: no message of it comes from this call on. Without `fn` that holds whatever the link is,
 * and Redis is told as soon as it may be. CW_ERR_NOT_FOUND: it is not in the group; CW_ERR_BUSY: a
 * join or leave is under way; CW_ERR_UNAVAILABLE (only with `fn`): nothing was done; then `fn` is
 * not called.
 */
CW_API CW_MUST_CHECK int cw_cluster_leave(struct cw_cluster_channel *channel, struct cw_bytes group,
                                          cw_done_fn fn, void *arg);

/** Redis may have the channel in `group`, of a connection before, and it is not to be: that is
 * left, as soon as may be. Nothing happens if it is in the group here. */
CW_API void cw_cluster_forget_group(struct cw_cluster_channel *channel, struct cw_bytes group);

/**
 * How far a joined channel has come: all up to `ret_position` reached it, nothing after.
 * `*ret_is_logged` false: the group keeps no history. CW_ERR_NOT_FOUND: it is not in the group.
 */
CW_API CW_MUST_CHECK int cw_cluster_position(const struct cw_cluster_channel *channel,
                                             struct cw_bytes group, bool *ret_is_logged,
                                             struct cw_position *ret_position);

/** What became of a message. */
struct cw_published {
    int64_t retry_ms;            /**< with CW_ERR_RATE_LIMITED: when there is room again; else -1 */
    bool is_logged;              /**< the group keeps history: `position` is set */
    bool is_duplicate;           /**< the key was used before, and `position` is the first one's */
    struct cw_position position; /**< its place in the group's history */
};
/** `published` is valid during the call. */
typedef void (*cw_published_fn)(void *arg, int rc, const struct cw_published *published);

/**
 * Publishes `message` (type, payload, from, group, key, skips_sender) to every member on every
 * node. It is copied out before the call returns. CW_ERR_UNAVAILABLE: no link or too much in
 * flight; nothing was done. CW_ERR_TIMEOUT in `fn` also if it is done, but fewer than
 * `wait_replicas` replicas have it. A NULL `fn` is fine.
 */
CW_API CW_MUST_CHECK int cw_cluster_publish(struct cw_cluster *cluster,
                                            const struct cw_message *message, cw_published_fn fn,
                                            void *arg);

/** What became of a direct message. */
struct cw_sent {
    int64_t retry_ms;  /**< with CW_ERR_RATE_LIMITED: when there is room again; else -1 */
    bool is_delivered; /**< the registry shows it connected; else it is queued for its return */
    bool is_duplicate; /**< the key was used before, and `position` is the first one's */
    struct cw_position position; /**< its place in the channel's inbox */
};
/** `sent` is valid during the call. */
typedef void (*cw_sent_fn)(void *arg, int rc, const struct cw_sent *sent);

/**
 * Sends `message` (type, payload, from, key) to one channel on whichever node. `fn` gets
 * CW_ERR_NOT_FOUND if there is none. CW_ERR_INVALID: `uuid` is none; else as for publish.
 */
CW_API CW_MUST_CHECK int cw_cluster_send(struct cw_cluster *cluster, struct cw_bytes uuid,
                                         const struct cw_message *message, cw_sent_fn fn,
                                         void *arg);
/**
 * Asks a channel on whichever node to close, to join a group or to leave one: what back ends do by
 * cw_close, cw_group_add and cw_group_remove. `text`: a group; close: "<code>" or "<code> <reason>"
 * (1000 or 3000 to 4999; at most 123 bytes of UTF-8).
 *
 * `fn` (NULL is fine): CW_OK: its node is asked, and will do it unless the channel ends before; of
 * one that is away: when it is resumed, a close at once. CW_ERR_NOT_FOUND: no such channel.
 * CW_ERR_INVALID: `text`. CW_ERR_UNAVAILABLE: nothing was done (no link, or 100 requests wait for
 * the channel); CW_ERR_TIMEOUT. At once: CW_ERR_INVALID: `uuid` is none, or `text` no group;
 * CW_ERR_FORBIDDEN: a group of the node's own (`user:`); CW_ERR_UNAVAILABLE, CW_ERR_NOMEM.
 */
CW_API CW_MUST_CHECK int cw_cluster_request(struct cw_cluster *cluster, struct cw_bytes uuid,
                                            enum cw_channel_request request, struct cw_bytes text,
                                            cw_done_fn fn, void *arg);
/** Direct messages of `channel` up to `position` need not be kept. */
CW_API void cw_cluster_ack(struct cw_cluster_channel *channel, struct cw_position position);

/**
 * The request that on_request handed out is done (CW_OK), or can't be (a lasting error); after a
 * temporary error it comes again.
 */
CW_API void cw_cluster_request_done(struct cw_cluster_channel *channel, int rc);

/** One entry of a group's history. */
struct cw_log_entry {
    struct cw_message message; /**< without its group */
    bool has_predecessor; /**< the first of its epoch: `predecessor` is the last id before it */
    struct cw_position predecessor; /**< only if has_predecessor */
};
/** A page of it; views are valid during the callback. */
struct cw_log_page {
    struct cw_position tip;             /**< the group's last id */
    const struct cw_log_entry *entries; /**< oldest first */
    size_t count;                       /**< how many */
    bool has_more;                      /**< read on after the last entry */
};
/** `page` is valid during the call. */
typedef void (*cw_log_fn)(void *arg, int rc, const struct cw_log_page *page);

/** A group's history after `since`: a page of at most 200 messages and about 256 KiB.
 * CW_ERR_INVALID: bad name; CW_ERR_UNAVAILABLE: no link; CW_ERR_NOMEM. */
CW_API CW_MUST_CHECK int cw_cluster_read(struct cw_cluster *cluster, struct cw_bytes group,
                                         struct cw_position since, cw_log_fn fn, void *arg);

/** A channel that is in a group. */
struct cw_member_info {
    struct cw_bytes channel; /**< its uuid */
    struct cw_bytes node;    /**< id of the node that has it */
    struct cw_bytes user;    /**< empty: none */
};
/** `next_cursor` "0": that was the last page. */
typedef void (*cw_members_fn)(void *arg, int rc, const struct cw_member_info *members, size_t count,
                              struct cw_bytes next_cursor);

/** One page of a group's members, cluster-wide. `cursor` "0" starts; `count` 1..1000. */
CW_API CW_MUST_CHECK int cw_cluster_members(struct cw_cluster *cluster, struct cw_bytes group,
                                            struct cw_bytes cursor, int count, cw_members_fn fn,
                                            void *arg);

/** What Redis has of a group. */
struct cw_group_info {
    int64_t members;         /**< on all nodes */
    int64_t kept;            /**< messages in its history */
    struct cw_position last; /**< the last message; {0, 0}: there never was one */
};
/** CW_OK, or an error with `info` NULL. */
typedef void (*cw_group_info_fn)(void *arg, int rc, const struct cw_group_info *info);
/** A group that nobody has used is one without members. CW_ERR_INVALID: bad name; as for read. */
CW_API CW_MUST_CHECK int cw_cluster_group(struct cw_cluster *cluster, struct cw_bytes group,
                                          cw_group_info_fn fn, void *arg);

/** What the registry says of a channel of any node; views are valid during the callback. */
struct cw_registry_entry {
    struct cw_bytes uuid;          /**< 36 characters */
    struct cw_bytes node;          /**< the id of its node; empty: it is away */
    struct cw_bytes user;          /**< empty: not authenticated */
    struct cw_bytes address;       /**< of the client, "10.0.0.7:51514" */
    const struct cw_bytes *groups; /**< it is in, by their names */
    size_t group_count;            /**< of them */
    int64_t created_ms;            /**< since 1970 */
    int64_t expires_s;             /**< lifetime since `created_ms`; 0: none */
    int64_t queued;                /**< direct messages that are kept for it, delivered or not */
    enum cw_payload_type type;     /**< its own */
    bool is_connected;             /**< false: away, its client may come back and resume it */
};
/** CW_OK, or an error with `entry` NULL; CW_ERR_NOT_FOUND: there is no such channel. */
typedef void (*cw_registry_fn)(void *arg, int rc, const struct cw_registry_entry *entry);
/** A channel, on whichever node or away. CW_ERR_INVALID: `uuid` is none; else as for read. */
CW_API CW_MUST_CHECK int cw_cluster_find_channel(struct cw_cluster *cluster, struct cw_bytes uuid,
                                                 cw_registry_fn fn, void *arg);

/** Views are valid during the callback. */
struct cw_registry_item {
    struct cw_bytes uuid; /**< 36 characters */
    struct cw_bytes node; /**< the id of its node */
};
/** `next_cursor` "0": that was the last page. */
typedef void (*cw_registry_page_fn)(void *arg, int rc, const struct cw_registry_item *items,
                                    size_t count, struct cw_bytes next_cursor);
/** Bytes of a cursor at most. */
#define CW_REGISTRY_CURSOR_MAX 128
/**
 * All channels of all live nodes, page by page, node by node: cursor "0" starts; a page has at most
 * `count` (1..1000) channels, and may have fewer though it is not the last. A channel that is on
 * one node all the time is told at least once; one that comes, goes or moves meanwhile may be told,
 * also after it is gone, or twice, or not. Those that are away are not told.
 *
 * CW_ERR_INVALID (in `fn` too): the cursor is none, or `count`; else as for read.
 */
CW_API CW_MUST_CHECK int cw_cluster_channels(struct cw_cluster *cluster, struct cw_bytes cursor,
                                             int count, cw_registry_page_fn fn, void *arg);

/** A node whose lease holds; views are valid during the callback. */
struct cw_node_info {
    struct cw_bytes id;    /**< `NAME.RANDOM` */
    struct cw_bytes about; /**< what it said of itself (describe_node), at most 3 s old; or empty */
};
/** CW_OK, or an error and no nodes. */
typedef void (*cw_nodes_fn)(void *arg, int rc, const struct cw_node_info *nodes, size_t count);
/** The live nodes, in no order. Errors as for read. */
CW_API CW_MUST_CHECK int cw_cluster_nodes(struct cw_cluster *cluster, cw_nodes_fn fn, void *arg);

/**
 * Bans `who` in the whole cluster, for `seconds` from now (1 to 315360000): "user:NAME",
 * "channel:UUID", "address:IP" or "address:NETWORK/BITS"; `reason`: one line of at most 123 bytes
 * of UTF-8, told to its clients. Again: the new time holds.
 *
 * `fn` (NULL is fine): CW_OK: every node is told. CW_ERR_INVALID: `who`, `seconds` or `reason`;
 * CW_ERR_FULL: there are as many bans as there may be. At once: CW_ERR_UNAVAILABLE, CW_ERR_NOMEM.
 */
CW_API CW_MUST_CHECK int cw_cluster_ban(struct cw_cluster *cluster, struct cw_bytes who,
                                        int64_t seconds, struct cw_bytes reason, cw_done_fn fn,
                                        void *arg);
/** Ends a ban. As above; CW_ERR_NOT_FOUND: there is none. */
CW_API CW_MUST_CHECK int cw_cluster_unban(struct cw_cluster *cluster, struct cw_bytes who,
                                          cw_done_fn fn, void *arg);

/* The event stream. */

/** Whether `kind` was chosen by `events_mask`. */
CW_API bool cw_cluster_wants_event(const struct cw_cluster *cluster, enum cw_stream_kind kind);

/** What its kind has no use for is left empty. */
struct cw_stream_event {
    enum cw_stream_kind kind; /**< not MESSAGE */
    struct cw_bytes group;    /**< join, leave: which */
    struct cw_bytes code;     /**< disconnect: the close code; error: its word (error.h) */
    struct cw_bytes reason;   /**< disconnect, error: in words */
};

/**
 * Writes an event of `channel` to the stream at the end of the turn, after the channel is in the
 * registry and before it is removed. It is kept until Redis has acknowledged it, also across lost
 * links (at least once); of a node that dies the others write the missing `disconnect`s, with code
 * 1006. Beyond 65,536 events or 16 MiB that wait it is dropped and counted. A kind that was not
 * chosen: nothing happens.
 *
 * After a CONNECT the cluster repeats it by itself, with the new generation, whenever the channel
 * had been lost to the registry: until its DISCONNECT.
 */
CW_API void cw_cluster_emit(struct cw_cluster_channel *channel,
                            const struct cw_stream_event *event);

/**
 * Writes a client's payload to the stream, behind the events emitted before it; it is copied. `fn`
 * (NULL is fine) gets CW_OK once Redis has it. Never sent twice by itself: CW_ERR_UNAVAILABLE, here
 * or in `fn`, says that nothing was done (no link, or too much waits), CW_ERR_TIMEOUT that it may
 * have been. CW_ERR_UNSUPPORTED: the kind `message` was not chosen. CW_ERR_NOT_FOUND: the channel
 * is hidden. CW_ERR_TOO_LARGE, CW_ERR_NOMEM.
 */
CW_API CW_MUST_CHECK int cw_cluster_emit_message(struct cw_cluster_channel *channel,
                                                 enum cw_payload_type type, struct cw_bytes payload,
                                                 cw_done_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif
