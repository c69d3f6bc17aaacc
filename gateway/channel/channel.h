/*
 * channel.h - one client's connection as the gateway sees it: the seed's Channel.
 *
 *   OPENING --middlewares, attach, welcome, joins of `groups` done--> OPEN --close() or lost-->
 * CLOSING
 * --closed--> freed
 *       `----------------------- close() or lost ----------------------^
 *
 * Where a token is required and has not come, it is OPENING and `awaits_token`: the middlewares are
 * asked no further, its client has its `welcome` and is read, but may only authenticate.
 *
 * While OPENING, what the client sends waits (reading is paused). A channel is freed only by
 * cw_channel_closed(), called by the WebSocket side when its socket is gone: never from inside a
 * handler.
 */
#ifndef CW_CHANNEL_CHANNEL_H
#define CW_CHANNEL_CHANNEL_H

#include <chanway/channel.h>
#include <chanway/cluster.h>
#include <chanway/message.h>

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "channel/node.h"
#include "channel/outbox.h"
#include "names.h"
#include "protocol/kind.h"

#include <stdbool.h>
#include <stdint.h>

struct cw_extras;
struct cw_farewell;
struct cw_grants;
struct cw_group;
struct cw_handshake;
struct cw_missed;
struct cw_opening;
struct cw_op;
struct cw_resume;
struct cw_wait;

enum cw_channel_state { CW_CHANNEL_OPENING, CW_CHANNEL_OPEN, CW_CHANNEL_CLOSING };

struct cw_channel {
    struct cw_list_node dirty;    /* in cw_node.dirty */
    struct cw_list_node in_later; /* in cw_node.later */
    struct cw_node *node;
    void *connection;                  /* the transport's own */
    struct cw_cluster_channel *mirror; /* NULL until opened */
    struct cw_outbox outbox;
    struct cw_list members;     /* struct cw_member.in_channel */
    struct cw_list draining;    /* replays that wait for the client to read; channel/replay.c's */
    struct cw_list ops;         /* struct cw_op.in_channel, in the order they came */
    struct cw_list aside;       /* struct cw_op.in_channel: out of the order, see op.h */
    struct cw_op *held;         /* in `ops`: a middleware thinks about it; NULL: none */
    struct cw_wait *wait;       /* a middleware thinks about it, or about `held`; NULL: none does */
    struct cw_opening *opening; /* owned: what it begins with; NULL: all of it is done */
    struct cw_extras *extras;   /* owned: what the application attached; NULL: nothing */
    struct cw_missed *missed;   /* owned: what came when it was CLOSING; session.c's */
    struct cw_farewell *farewell; /* CLOSING, and its client is not told yet; else NULL;
                                     farewell.c's */
    struct cw_grants *grants; /* owned: what its token says; NULL: none, everything is allowed */
    int64_t created_ms;       /* wall clock */
    int64_t expires_at_ms;    /* monotonic; 0: never */
    int64_t token_until_ms;   /* monotonic: then its token ends, or one must have come; 0: never */
    int64_t last_seen_ms;     /* monotonic: last byte from the client */
    char *publish_group; /* owned; raw only: where every frame goes; NULL: to the application */
    uint32_t index;      /* in cw_node.all */
    uint32_t op_count;
    uint32_t waiting_count; /* ops that are WAITING */
    uint32_t member_count;
    int32_t expires_s;  /* 0: none */
    uint8_t kind;       /* enum cw_kind */
    uint8_t type;       /* enum cw_payload_type */
    uint8_t state;      /* enum cw_channel_state */
    uint8_t bad_tokens; /* that came by `auth` since the last good one */
    bool is_paused;
    bool is_pinged;             /* a heartbeat ping is out */
    bool is_compressed;         /* its client reads compressed frames */
    bool has_send_filter;       /* what it is sent as a message is seen by application code first */
    bool awaits_token : 1;      /* see above */
    bool wants_user_group : 1;  /* it is not in its user's group, and is to be as soon as may be */
    bool is_being_replayed : 1; /* one of its replays has its turn; channel/replay.c's */
    bool is_known : 1;          /* the application was told of it */
    bool is_counted : 1;        /* its end is still to be counted */
    bool is_inbox_paused : 1;   /* until the client has read more */
    bool has_old_token : 1; /* resumed, and the client has not shown that it has its new token */
    bool has_session : 1;   /* `digest` is set: it may be resumed */
    unsigned char digest[CW_SESSION_DIGEST_SIZE]; /* of its token */
    char uuid[CW_UUID_TEXT_SIZE];
    char address[]; /* "10.0.0.7:51514", "unix"; limits and bans go by its cw_address_host() */
};

/**
 * Creates a channel for an accepted handshake (its uuid and token are needed for the 101 answer);
 * takes from `handshake` what it needs, copies `address`. `resume`: the session by which it takes
 * up a channel that was; NULL: a new one. `grants`: of its token, taken over with CW_OK; NULL: it
 * has none. CW_ERR_NOMEM. Counted in the node from here on.
 */
CW_MUST_CHECK int cw_channel_create(struct cw_node *node, const struct cw_handshake *handshake,
                                    const struct cw_resume *resume, struct cw_grants *grants,
                                    const char *address, void *connection,
                                    struct cw_channel **ret_channel);

/** The 101 is out: asks the middlewares, attaches to the registry, then sends `welcome`. */
void cw_channel_open(struct cw_channel *channel);
/** The middlewares have passed it. */
void cw_channel_admit(struct cw_channel *channel);
/** A middleware waits for its token: it is greeted and read, see above. */
void cw_channel_await_token(struct cw_channel *channel);
/** Its token has come: it is not read until it is open. */
void cw_channel_end_await(struct cw_channel *channel);
/** What its token says from now on; takes `grants`. The user of the one before, if it is the same,
 * stays where it is. */
void cw_channel_set_grants(struct cw_channel *channel, struct cw_grants *grants);

/** The token of its session, for the client; NULL: none, or it is no longer known. */
const char *cw_channel_token(const struct cw_channel *channel);

/** Queues a frame for the client (takes its own reference); when the queue is full, messages of
 * groups go as their slow-policy says, or the channel is closed with 4005. NULL: ignored. */
void cw_channel_send_frame(struct cw_channel *channel, struct cw_buf *frame);

/** The same for a frame made just now: consumes the caller's reference. NULL is ignored. */
void cw_channel_send_new_frame(struct cw_channel *channel, struct cw_buf *frame);

/** The socket is gone (`code` as seen on the wire, 1006: none): leaves everything and frees the
 * channel. */
void cw_channel_closed(struct cw_channel *channel, int code, const char *reason);

/**
 * A frame of the node's catch-up after a lost link (takes its own reference). False: the queue has
 * no room for it, it was not queued, and the channel stays open.
 */
CW_MUST_CHECK bool cw_channel_send_recovered_frame(struct cw_channel *channel,
                                                   struct cw_buf *frame);

/** A frame of a replay, which is paced by itself: beyond the queue's bound if need be. Consumes it.
 */
void cw_channel_send_replayed_frame(struct cw_channel *channel, struct cw_buf *frame);

/** Messages of `group` (NULL: direct ones) are lost for good; a raw channel is told as `raw-gap`
 * says. */
void cw_channel_tell_gap(struct cw_channel *channel, const struct cw_group *group,
                         const struct cw_gap *gap);

/** A direct message. `is_live`: sent just now; else kept in Redis, and paced by the client's
 * reading. */
void cw_channel_send_direct(struct cw_channel *channel, const struct cw_message *message,
                            bool is_live);
/** It does not read: closes it with 4005; `bytes` were waiting. */
void cw_channel_close_slow(struct cw_channel *channel, size_t bytes);
/** Its queue has given up messages: a raw channel is closed where `raw-gap` says so. */
void cw_channel_on_shed(struct cw_channel *channel);
/** Something is about to be written, and its queue has given up messages (shed.h): puts the gaps
 * that tell so into the queue. False: out of memory, nothing more may be written. */
CW_MUST_CHECK bool cw_channel_tell_drops(struct cw_channel *channel);
/** Its outbox is empty: what waited for that goes on. */
void cw_channel_on_drained(struct cw_channel *channel);

/** The registry has it, or can't be told now, and the groups that it comes back to are joined: the
 * client gets its `welcome`, the application is told. */
void cw_channel_greet(struct cw_channel *channel);

/** OPENING is over: what the client sent meanwhile is handled, and it is read again. */
void cw_channel_become_open(struct cw_channel *channel);

/* For farewell.c: the only writer of the state, but for the end; the end itself. */
void cw_channel_set_state(struct cw_channel *channel, enum cw_channel_state state);
void cw_channel_destroy(struct cw_channel *channel);

struct cw_log_object cw_channel_log(const struct cw_channel *channel);

#endif
