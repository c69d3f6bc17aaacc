/*
 * handshake.h - what a client asks for in its upgrade request. Pure, fuzzed (PROTOCOL: connecting).
 */
#ifndef CW_PROTOCOL_HANDSHAKE_H
#define CW_PROTOCOL_HANDSHAKE_H

#include <chanway/bytes.h>
#include <chanway/error.h>
#include <chanway/message.h>

#include "protocol/command.h"
#include "protocol/kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CW_HANDSHAKE_GROUPS_MAX 1024 /* above any max-groups setting */

/** Parsed query and subprotocol. Owns its memory (one block). */
struct cw_handshake {
    enum cw_kind kind;
    enum cw_payload_type type;
    bool has_type; /* it was given */
    bool has_expires;
    int64_t expires_s;
    char *token;             /* NULL: none */
    char *session;           /* NULL: none */
    char *publish;           /* NULL: none; a valid group name; raw only */
    struct cw_bytes *groups; /* valid names, no doubles, in order */
    size_t group_count;
    bool has_since;      /* positions below were given */
    bool is_since_later; /* `since=later` */
    bool has_direct_since;
    struct cw_position direct_since;
    struct cw_group_since *group_since;
    size_t group_since_count;
    char *memory; /* owned block the views point into */
};

/** An HTTP answer before the upgrade: body {"code","message"}. */
struct cw_handshake_error {
    int status;       /* 400, 403, 405, 426, 431 */
    const char *code; /* "bad_request", "forbidden", ... */
    char message[160];
};

/**
 * `query`: the part after '?', still percent-encoded ('+' is a plus sign); `protocols`: the
 * value(s) of Sec-WebSocket-Protocol, comma separated; empty: raw. Unknown parameters are ignored;
 * a known one given twice, or wrong as PROTOCOL says: CW_ERR_INVALID with `ret_error`. CW_ERR_NOMEM
 * sets 500. Errors leave nothing to finish.
 *
 * Empty `token`, `session` and `groups` are none. `expires` above 2^31-1 counts as that. `publish`
 * beside a subprotocol is an error. Whether a group of `since` is one the channel is in is the
 * caller's to see.
 */
CW_MUST_CHECK int cw_handshake_parse(struct cw_bytes query, struct cw_bytes protocols,
                                     size_t max_groups, struct cw_handshake *ret_handshake,
                                     struct cw_handshake_error *ret_error);
void cw_handshake_finish(struct cw_handshake *handshake);

/**
 * The JSON body of an HTTP error, written NUL-terminated into `body`; returns its length, 0 if it
 * does not fit (512 bytes are always enough).
 */
size_t cw_handshake_error_body(const struct cw_handshake_error *error, char *body, size_t size);

/** The name of `kind` in Sec-WebSocket-Protocol; NULL: CW_KIND_RAW. */
const char *cw_handshake_subprotocol(enum cw_kind kind);

#endif
