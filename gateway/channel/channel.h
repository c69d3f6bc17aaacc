/*
 * channel.h - one client's connection as the gateway sees it: the seed's Channel.
 *
 *   OPENING --welcome, attach, joins of `groups` done--> OPEN --close() or lost--> CLOSING
 * --closed--> freed
 *       `----------------------- close() or lost ----------------------^
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

struct cw_handshake;

/* A group that the URL names; the name lies behind the array. */
struct cw_opening_group {
    struct cw_bytes name;
    struct cw_position since;
    bool has_since;
};

enum cw_channel_state { CW_CHANNEL_OPENING, CW_CHANNEL_OPEN, CW_CHANNEL_CLOSING };

struct cw_channel {
    struct cw_map_node in_channels; /* in cw_node.channels */
    struct cw_list_node dirty;      /* in cw_node.dirty */
    struct cw_node *node;
    void *connection;                  /* the transport's own */
    struct cw_cluster_channel *mirror; /* NULL until opened */
    struct cw_outbox outbox;
    struct cw_list members;  /* struct cw_member.in_channel */
    struct cw_list draining; /* replays that wait for the client to read; channel/replay.c's */
    struct cw_list ops;      /* struct cw_op.in_channel, in the order they came */
    struct cw_list aside;    /* struct cw_op.in_channel: out of the order, see op.h */
    struct cw_opening_group
        *opening_groups;    /* OPENING: names of the URL's groups; one owned block */
    uint32_t opening_count; /* of them */
    uint32_t opening_left;  /* joins of them that were not answered yet */
    int64_t created_ms;     /* wall clock */
    int64_t expires_at_ms;  /* monotonic; 0: never */
    int64_t last_seen_ms;   /* monotonic: last byte from the client */
    char *address;          /* owned: "10.0.0.7:51514" */
    char *publish_group;    /* owned; raw only: where every frame goes; NULL: to the application */
    uint32_t index;         /* in cw_node.all */
    uint32_t op_count;
    uint32_t waiting_count; /* ops that are WAITING */
    uint32_t member_count;
    int32_t expires_s; /* 0: none */
    uint8_t kind;      /* enum cw_kind */
    uint8_t type;      /* enum cw_payload_type */
    uint8_t state;     /* enum cw_channel_state */
    bool is_paused;
    bool is_pinged; /* a heartbeat ping is out */
    char uuid[CW_UUID_TEXT_SIZE];
};

/**
 * Creates a channel for an accepted handshake (its uuid is needed for the 101 answer); takes from
 * `handshake` what it needs, copies `address`. CW_ERR_NOMEM. Counted in the node from here on.
 */
CW_MUST_CHECK int cw_channel_create(struct cw_node *node, const struct cw_handshake *handshake,
                                    const char *address, void *connection,
                                    struct cw_channel **ret_channel);

/** The 101 is out: sends `welcome` and attaches to the registry. CW_ERR_NOMEM: close it. */
CW_MUST_CHECK int cw_channel_open(struct cw_channel *channel);

/** Queues a frame for the client (takes its own reference); closes with 4005 when the queue is
 * full. NULL: ignored. */
void cw_channel_send_frame(struct cw_channel *channel, struct cw_buf *frame);

/** The same for a frame made just now: consumes the caller's reference. NULL is ignored. */
void cw_channel_send_new_frame(struct cw_channel *channel, struct cw_buf *frame);

/** The socket is gone (`code` as seen on the wire, 1006: none): leaves everything and frees the
 * channel. */
void cw_channel_closed(struct cw_channel *channel, int code, const char *reason);

/** A frame of a replay, which is paced by itself: beyond the queue's bound if need be. Consumes it.
 */
void cw_channel_send_replayed_frame(struct cw_channel *channel, struct cw_buf *frame);

/** Messages of `group` (empty: direct ones) are lost for good; a raw channel is told as `raw-gap`
 * says. */
void cw_channel_tell_gap(struct cw_channel *channel, struct cw_bytes group,
                         const struct cw_gap *gap);

/** OPENING is over: what the client sent meanwhile is handled, and it is read again. */
void cw_channel_become_open(struct cw_channel *channel);

struct cw_log_object cw_channel_log(const struct cw_channel *channel);

#endif
