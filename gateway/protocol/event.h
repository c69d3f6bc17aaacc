/*
 * event.h - struct -> whole WebSocket frame for one kind of subscriber (PROTOCOL: node to client).
 * Pure.
 *
 * Each returns a frame with one reference (ready for an outbox), NULL if out of memory - or, for
 * CW_KIND_RAW, where PROTOCOL gives a raw channel no such frame (only messages and a bad_payload
 * error exist for it). One encoder per format writes maps, strings, numbers; each event is
 * described once, for both.
 */
#ifndef CW_PROTOCOL_EVENT_H
#define CW_PROTOCOL_EVENT_H

#include <chanway/cluster.h>
#include <chanway/message.h>

#include "base/buf.h"
#include "protocol/command.h"
#include "protocol/kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_event_welcome {
    const char *channel;
    const char *node;
    enum cw_payload_type type;
    int64_t created_ms;
    int64_t expires_s; /* 0: null */
    int64_t heartbeat_s;
    const char *session; /* NULL: null */
    bool is_resumed;
    const struct cw_bytes *groups;
    size_t group_count;
    const char *user; /* NULL: null */
    const char *version;
};
struct cw_buf *cw_event_welcome(enum cw_kind kind, const struct cw_event_welcome *welcome);

/** op `message`: payload, from ("server" if empty), group unless direct, epoch (a string) and
 * offset when logged. */
struct cw_buf *cw_event_message(enum cw_kind kind, const struct cw_message *message);

/** What an `ok` carries beside its id; everything absent by default. */
struct cw_event_ok {
    bool has_position;
    struct cw_position position;
    bool is_duplicate; /* written only if true */
    bool has_recovered;
    bool is_recovered;
    const char *status; /* send: "delivered", "queued" */
    bool has_members;
    const struct cw_member_info *members;
    size_t member_count;
    const char *user;      /* auth; NULL: absent, and so is `expires_at` */
    int64_t expires_at_ms; /* auth: since 1970; 0: null */
    struct cw_bytes next;  /* members: empty: last page, left out */
};
struct cw_buf *cw_event_ok(enum cw_kind kind, const struct cw_command_id *id,
                           const struct cw_event_ok *ok);

/** What is wrong with a payload, and where. */
struct cw_event_details {
    const char *pointer; /* a JSON Pointer (RFC 6901) to it; "": the whole payload */
    const char *keyword; /* of the schema */
    const char *message;
};

struct cw_event_error {
    int error;             /* CW_ERR_*: code and temporary come from its row */
    const char *message;   /* NULL: the row's text */
    int64_t retry_ms;      /* <0: left out */
    struct cw_bytes group; /* empty: left out (errors of `groups` in the URL have it) */
    const struct cw_event_details *details; /* NULL: left out */
};
/** `id` of type CW_ID_NONE is left out. */
struct cw_buf *cw_event_error(enum cw_kind kind, const struct cw_command_id *id,
                              const struct cw_event_error *error);

struct cw_buf *cw_event_pong(enum cw_kind kind, const struct cw_command_id *id);
/** op `joined`, `left`. */
struct cw_buf *cw_event_joined(enum cw_kind kind, bool is_joined, struct cw_bytes group,
                               bool has_position, struct cw_position position);
struct cw_buf *cw_event_presence(enum cw_kind kind, bool is_join, struct cw_bytes group,
                                 struct cw_bytes channel, struct cw_bytes user);
/** op `gap`; an empty group: direct messages; `last_lost` 0-0: there is no history. */
struct cw_buf *cw_event_gap(enum cw_kind kind, struct cw_bytes group,
                            struct cw_position last_lost);
/** op `bye`; retry_ms < 0: null. */
struct cw_buf *cw_event_bye(enum cw_kind kind, int code, const char *reason, int64_t retry_ms);

#endif
