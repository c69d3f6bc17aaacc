/*
 * command.h - (2) a client's frame -> struct cw_command. Pure, bounded, fuzzed (PROTOCOL: client to node).
 */
#ifndef CW_PROTOCOL_COMMAND_H
#define CW_PROTOCOL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <chanway/bytes.h>
#include <chanway/error.h>
#include <chanway/message.h>

#include "protocol/kind.h"

/* One row per op: enum, name on the wire. */
#define CW_OPS(ROW) \
    ROW(JOIN, "join") ROW(LEAVE, "leave") ROW(PUBLISH, "publish") ROW(SEND, "send") \
    ROW(MESSAGE, "message") ROW(AUTH, "auth") ROW(MEMBERS, "members") ROW(SINCE, "since") \
    ROW(ACK, "ack") ROW(PING, "ping")

enum cw_op_code {
#define CW_OP_ENUM(name, text) CW_OP_##name,
    CW_OPS(CW_OP_ENUM)
#undef CW_OP_ENUM
    CW_OP_COUNT,
};
const char *cw_op_name(enum cw_op_code op);

enum cw_id_type { CW_ID_NONE, CW_ID_INTEGER, CW_ID_STRING };

#define CW_ID_TEXT_MAX 64
#define CW_COMMAND_GROUPS_MAX 1024    /* positions in one op `since`: above any max-groups setting */
#define CW_PAYLOAD_SIZE_MAX (1 << 20) /* PROTOCOL: payload */

struct yyjson_val;

/** An op's `id`, returned as it was sent: 0..2^53, or a string of 1..64 bytes (decoded, no NUL added). */
struct cw_command_id {
    enum cw_id_type type;
    uint64_t integer;
    uint8_t size;
    char text[CW_ID_TEXT_MAX];
};

struct cw_group_since {
    struct cw_bytes group;
    struct cw_position position;
};

/** Views are valid until the parser parses again (checks don't matter) or the frame's bytes go. Absent fields: empty, false, 0. */
struct cw_command {
    enum cw_op_code op;
    struct cw_command_id id;
    struct cw_bytes group;  /* join leave publish members: valid as a name */
    struct cw_bytes to;     /* send: a uuid in lower case */
    struct cw_bytes key;    /* publish send: 1..64 bytes or empty */
    struct cw_bytes token;  /* auth */
    struct cw_bytes cursor; /* members: "0" if absent; at most 64 bytes */
    int count;              /* members: 1..1000, 100 if absent */
    bool skips_sender;      /* publish: echo was false */
    bool wants_presence;    /* join */
    bool has_since;         /* join, since (direct) */
    struct cw_position since; /* join: since; since: direct; ack: position */
    const struct cw_group_since *group_since; /* since: groups */
    size_t group_since_count;
    enum cw_payload_type payload_type; /* publish send message */
    struct cw_bytes payload; /* json: the very text of the value as sent; text: decoded; bytes: decoded */
    struct yyjson_val *data; /* json: the same, read (numbers raw); NULL: it came as MessagePack */
};

/**
 * What is wrong with a frame; `id` is set if it could be read. `error` is CW_ERR_INVALID, _PAYLOAD or
 * _TOO_LARGE (a payload over CW_PAYLOAD_SIZE_MAX). `message` repeats nothing that the client wrote.
 */
struct cw_command_error {
    int error;
    struct cw_command_id id;
    char message[160];
};

struct cw_command_parser;
/** `max_message`: the largest frame that will be parsed; its memory is taken once, here. NULL: no memory. */
struct cw_command_parser *cw_command_parser_create(size_t max_message);
void cw_command_parser_destroy(struct cw_command_parser *parser);

/**
 * Parses one frame of an enveloped channel (CW_KIND_JSON: a text frame's bytes, valid UTF-8 already or
 * not: checked here; CW_KIND_MSGPACK). CW_OK, or the error that `ret_error` describes.
 *
 * JSON: RFC 8259, at most 64 deep, no unpaired surrogates; a known field given twice, of the wrong type or
 * out of its bounds, none or several payloads: CW_ERR_INVALID; bad base64 or a `data`/`text`/`bytes` of the wrong type: CW_ERR_PAYLOAD.
 * Unknown fields, and fields that the op does not take, are ignored (a field of any op may come only once all the
 * same). NULL, ids that are neither: CW_ERR_INVALID without id. `group_since` comes sorted by name.
 */
CW_MUST_CHECK int cw_command_parse(struct cw_command_parser *parser, enum cw_kind kind,
                                   struct cw_bytes frame, struct cw_command *ret_command,
                                   struct cw_command_error *ret_error);

/**
 * A raw channel's frame as a payload of `type` (PROTOCOL: payload): json wants a text frame with valid
 * JSON, text a text frame, bytes either. CW_OK, CW_ERR_PAYLOAD or CW_ERR_TOO_LARGE with `ret_error`.
 */
CW_MUST_CHECK int cw_command_check_raw(struct cw_command_parser *parser, enum cw_payload_type type,
                                       bool is_binary, struct cw_bytes frame,
                                       struct cw_command_error *ret_error);

/** The value of the JSON frame `frame` if that was checked by the last cw_command_check_raw(); else NULL. */
struct yyjson_val *cw_command_raw_value(const struct cw_command_parser *parser, struct cw_bytes frame);

/** Whether `text` is JSON as above; for payloads that did not come from a node. */
bool cw_json_is_valid(struct cw_command_parser *parser, struct cw_bytes text);

#endif
