/*
 * node.h - what this node holds: its channels, its groups, its limits, its way to the cluster.
 */
#ifndef CW_CHANNEL_NODE_H
#define CW_CHANNEL_NODE_H

#include <chanway/cluster.h>
#include <chanway/gateway.h>

#include "base/list.h"
#include "base/map.h"
#include "channel/events.h"
#include "channel/memory.h"
#include "protocol/command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_chain;
struct cw_channel;
struct cw_deflate;
struct cw_op;
struct cw_tokens;

/** The settings that channels and handlers obey, in plain units. */
struct cw_limits {
    size_t max_connections;
    size_t max_message;
    size_t max_groups;
    size_t send_queue_max;
    size_t memory_max;      /* 0: no limit */
    size_t max_pending_ops; /* unanswered ops of one client before it is no longer read */
    int64_t op_timeout_ms;
    int64_t drain_time_ms; /* over which clients are closed by cw_gateway_drain(); 0: at once */
    int64_t heartbeat_interval_ms; /* 0: off */
    int64_t heartbeat_timeout_ms;  /* 0: off */
    int64_t channel_ttl_s;         /* 0: no limit */
    int64_t channel_ttl_max_s;     /* 0: no limit */
    int64_t auth_timeout_ms;       /* how long a client may be without a token that is required */
    int64_t session_ttl_s;         /* how long a lost channel may be resumed; 0: not at all */
    int64_t message_rate;          /* ops of one channel in message_rate_ms; 0: no limit */
    int64_t message_rate_ms;
    int64_t max_per_address; /* connections in the cluster; 0: no limit */
    int64_t max_per_user;    /* likewise */
    int64_t connect_rate;    /* connections of one address in connect_rate_ms; 0: no limit */
    int64_t connect_rate_ms;
    bool closes_without_limits; /* where Redis does not say whether one is over a limit */
    bool closes_raw_on_gap;
};

/** What the WebSocket side does for a channel; a test puts its own here. */
struct cw_transport {
    /** Something was queued: write it at the end of this turn. */
    void (*request_flush)(struct cw_channel *channel);
    /** Write now what the socket takes; for a queue that would pass its bound. */
    void (*flush_now)(struct cw_channel *channel);
    /** Send what is queued if the socket takes it, then, once the channel's `farewell` is said, a
     * close frame with `code`; channel_closed follows later. */
    void (*close)(struct cw_channel *channel, int code, const char *reason);
    /** Stop or go on reading from the client. */
    void (*pause_reading)(struct cw_channel *channel, bool is_paused);
};

struct cw_node {
    struct cw_cluster *cluster;
    const char *id; /* the cluster's */
    const char *version;
    struct cw_limits limits;
    const struct cw_transport *transport;
    struct cw_command_parser *parser;
    struct cw_deflate *deflate; /* owned; NULL: nothing is compressed */
    struct cw_channel **all;    /* its channels, for slices; order is of no meaning */
    size_t count, capacity;
    struct cw_map groups;           /* struct cw_group by name */
    struct cw_list dirty;           /* channels with frames to write, struct cw_channel.dirty */
    uint32_t widest;                /* most members that a message went to while `dirty` held any */
    uint64_t next_log;              /* number of the next group, see channel/session.h */
    struct cw_list replays;         /* those that wait to read; channel/replay.c's */
    struct cw_list replays_resting; /* those that could not read; channel/replay.c's */
    uint32_t replays_reading;       /* pages under way */
    struct cw_list
        deadlines;        /* ops waiting for an answer, oldest first, struct cw_op.in_deadlines */
    struct cw_list later; /* channels that wait for the op `since`, the longest first */
    struct cw_memory memory;
    struct cw_events events;  /* the application's handlers */
    struct cw_list waits;     /* connections that a middleware thinks about; middleware/chain.c's */
    struct cw_tokens *tokens; /* owned by the gateway: what tokens are checked by (middleware/
                                 token.h); NULL: none is looked at */
    struct cw_chain *chain;   /* the middlewares; NULL: none */
    /** Asks the middlewares about a connection (middleware/chain.c); NULL: nobody is asked. */
    bool (*admit)(struct cw_channel *channel);
    const char *path;         /* of the WebSocket; the server's */
    const char *listen;       /* where it really listens; likewise */
    const char *admin_listen; /* NULL: nowhere */
    bool has_tls;             /* of `listen` */
    int64_t started_ms;       /* since 1970 */
    char *keeps_headers;      /* owned; names of headers, see channel/websocket.h; NULL: none */
    bool keeps_query;         /* likewise */
    bool wants_facts;         /* there is an application that may ask for them at all */
    /** Runs an op that waited behind a join or leave (handlers/dispatch.c); set by the gateway. */
    void (*run_waiting_op)(struct cw_op *op);
    /** Joins the groups that an OPENING channel begins with, greets it, then makes it OPEN
     * (handlers/opening.c); set likewise. */
    void (*open)(struct cw_channel *channel);
    /** A group's slow-policy; NULL: CW_SLOW_CLOSE. */
    enum cw_slow_policy (*slow_policy)(void *arg, struct cw_bytes group);
    void *slow_policy_arg;
    int64_t now_ms; /* monotonic, taken once per turn by whoever starts the turn's work */
    bool is_draining;
};

/**
 * Nodes check what their clients send, the functions what back ends do up to 64 KiB; but anybody
 * who may publish in Redis can say anything. False: `message` is no payload of its type; counted.
 */
bool cw_node_accepts(const struct cw_node *node, const struct cw_message *message);

void cw_node_init(struct cw_node *node);
void cw_node_finish(struct cw_node *node);

#endif
