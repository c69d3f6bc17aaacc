/*
 * envelope.h - how a message looks in Redis: (7) bytes -> struct cw_message. Pure, bounded, fuzzed.
 *
 * The functions write it, but for bodies of messages without a key (functions_publish.c).
 * MessagePack: body    = array [type, flags, from, payload]    more elements may follow and are
 * ignored type 0 json, 1 text, 2 bytes; flags bit 0: skips the sender from, payload: str or bin
 * (Lua has one string type, it writes str)
 *
 *             kind 3: who joined (flags bit 0 set) or left; 8, 9, 10: a request to a channel
 *
 *   stream entry   field d = body; first entry of an epoch: field p = prev as below
 *
 *   pub/sub        <id> <prev> body    three MessagePack objects in a row:
 *             id    str "<epoch>-<offset>", or "" without history
 *             prev  nil, or in the first entry of an epoch str: the last id of the epoch before
 *                   ("" or "0-0": there was none); nil without an id
 *
 * Bounds: CW_PAYLOAD_MAX bytes of payload; CW_ENVELOPE_OBJECTS_MAX objects; `from` is empty or
 * follows the grammar of groups. Unknown flags are ignored. Whether the payload is the JSON or
 * UTF-8 that its type says is not looked at here.
 */
#ifndef CW_ENVELOPE_H
#define CW_ENVELOPE_H

#include <chanway/bytes.h>
#include <chanway/cluster.h>
#include <chanway/error.h>
#include <chanway/message.h>

#include <stdbool.h>

/* Objects of one message, nested and ignored ones included; 7 are in use. */
#define CW_ENVELOPE_OBJECTS_MAX 64

/** One entry of a log, live or read back. Views point into the decoded bytes. */
struct cw_envelope {
    struct cw_message message; /* its body; is_logged and position if it has an id */
    bool has_predecessor;
    struct cw_position predecessor; /* only if has_predecessor */
    bool is_presence;               /* no message: message.payload lists who joined or left */
    bool is_join;                   /* only if is_presence */
};

/**
 * Decodes a pub/sub message; what is not in it (group, key) is empty. CW_ERR_INVALID: anything else
 * than the above; then `ret_envelope` is unchanged.
 */
CW_MUST_CHECK int cw_envelope_decode(struct cw_bytes bytes, struct cw_envelope *ret_envelope);

/**
 * Decodes a body (a stream entry's field d) into type, skips_sender, from and payload; the other
 * fields are left as they are. Errors as above.
 */
CW_MUST_CHECK int cw_envelope_decode_body(struct cw_bytes bytes, struct cw_message *ret_message);

/** Decodes the body of a request to a channel. Errors as above. */
CW_MUST_CHECK int cw_envelope_decode_request(struct cw_bytes bytes,
                                             enum cw_channel_request *ret_request,
                                             struct cw_bytes *ret_text);

/**
 * The next channel of a presence payload (strings in a row: uuid, user, uuid, user, ...); `rest`
 * moves on. False: the end, or no such list.
 */
bool cw_envelope_next_presence(struct cw_bytes *rest, struct cw_bytes *ret_uuid,
                               struct cw_bytes *ret_user);

#endif
