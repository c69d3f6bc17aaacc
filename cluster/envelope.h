/*
 * envelope.h - how a message looks in Redis: (7) bytes -> struct cw_message. Pure, bounded, fuzzed.
 *
 * The functions in chanway.lua are the one writer; nodes only read. MessagePack:
 *   body    = array [type, flags, from, payload]    more elements may follow and are ignored
 *             type 0 json, 1 text, 2 bytes; flags bit 0: skips the sender
 *             from, payload: str or bin (Lua has one string type, it writes str)
 *   stream entry   field d = body, field p = predecessor's id (first entry of an epoch only, may be "")
 *   pub/sub        <id> <prev> body    three MessagePack objects in a row;
 *                  id  str "<epoch>-<offset>", or "" without history
 *                  prev nil, or str: the last id of the epoch before ("" or "0-0": there was none)
 */
#ifndef CW_ENVELOPE_H
#define CW_ENVELOPE_H

#include <stdbool.h>

#include <chanway/bytes.h>
#include <chanway/error.h>
#include <chanway/message.h>

/** One entry of a log, live or read back. Views point into the decoded bytes. */
struct cw_envelope {
    struct cw_message message; /* type, flags, from, payload; is_logged and position if it has an id */
    bool has_predecessor;
    struct cw_position predecessor; /* only if has_predecessor */
};

/** Decodes a pub/sub message. CW_ERR_INVALID: anything else than the above; `ret_envelope` unchanged. */
CW_MUST_CHECK int cw_envelope_decode(struct cw_bytes bytes, struct cw_envelope *ret_envelope);

/** Decodes a body (a stream entry's field d) into type, flags, from, payload. CW_ERR_INVALID as above. */
CW_MUST_CHECK int cw_envelope_decode_body(struct cw_bytes bytes, struct cw_message *ret_message);

#endif
