/*
 * envelope.c - MessagePack from Redis -> views of a message.
 *
 * Anybody who may publish in Redis may send anything here. So measure() walks over the headers
 * first: what they claim must be there, to the byte, and be few objects. What is wanted of them is
 * then taken from the front.
 */
#include "envelope.h"

#include "base/msgpack_head.h"
#include "names.h"

#include <stdint.h>

#define NIL 0xc0

#define KIND_PRESENCE     3U
#define FLAG_SKIPS_SENDER 1U
#define FLAG_IS_JOIN      1U
#define BODY_ELEMENTS_MIN 4U

/* True if `bytes` are exactly `count` objects, of CW_ENVELOPE_OBJECTS_MAX in all. */
static bool measure(struct cw_bytes bytes, unsigned count)
{
    uint64_t seen = 0;
    uint64_t owed = count;
    while (owed > 0) {
        struct cw_msgpack_head head;
        if (!cw_msgpack_head_read(bytes, &head))
            return false;
        seen++;
        owed += head.children - 1;
        if (seen + owed > CW_ENVELOPE_OBJECTS_MAX)
            return false;
        bytes = cw_bytes_make(bytes.data + head.size, bytes.size - head.size);
    }
    return bytes.size == 0;
}

/* The next of several objects in a row. */
static bool take(struct cw_bytes *rest, struct cw_msgpack_head *ret_head)
{
    if (!cw_msgpack_head_read(*rest, ret_head))
        return false;
    *rest = cw_bytes_make(rest->data + ret_head->size, rest->size - ret_head->size);
    return true;
}

static bool take_str(struct cw_bytes *rest, struct cw_bytes *ret_text)
{
    struct cw_msgpack_head head;
    if (!take(rest, &head) || head.type != CW_MSGPACK_STR)
        return false;
    *ret_text = head.body;
    return true;
}

static bool take_str_or_bin(struct cw_bytes *rest, struct cw_bytes *ret_bytes)
{
    struct cw_msgpack_head head;
    if (!take(rest, &head) || (head.type != CW_MSGPACK_STR && head.type != CW_MSGPACK_BIN))
        return false;
    *ret_bytes = head.body;
    return true;
}

/* An integer that is not negative, in any of its forms. */
static bool take_count(struct cw_bytes *rest, uint64_t *ret_count)
{
    const unsigned char *at = (const unsigned char *)rest->data;
    struct cw_msgpack_head head;
    if (!take(rest, &head))
        return false;
    if (at[0] < 0x80) {
        *ret_count = at[0];
        return true;
    }
    bool is_unsigned = at[0] >= 0xcc && at[0] <= 0xcf;
    bool is_signed = at[0] >= 0xd0 && at[0] <= 0xd3;
    if (!is_unsigned && !(is_signed && at[1] < 0x80))
        return false;
    uint64_t count = 0;
    for (size_t i = 1; i < head.size; i++)
        count = count << 8 | at[i];
    *ret_count = count;
    return true;
}

/* The elements of any body. */
struct body {
    uint64_t kind; /* enum cw_payload_type, KIND_PRESENCE, or enum cw_channel_request */
    uint64_t flags;
    struct cw_bytes from;
    struct cw_bytes payload;
};

static bool take_body(struct cw_bytes *rest, struct body *ret_body)
{
    struct cw_msgpack_head head;
    if (!take(rest, &head) || head.type != CW_MSGPACK_ARRAY || head.children < BODY_ELEMENTS_MIN)
        return false;
    if (!take_count(rest, &ret_body->kind) || !take_count(rest, &ret_body->flags) ||
        !take_str_or_bin(rest, &ret_body->from) || !take_str_or_bin(rest, &ret_body->payload))
        return false;
    return (ret_body->from.size == 0 || cw_group_name_is_valid(ret_body->from)) &&
           ret_body->payload.size <= CW_PAYLOAD_MAX;
}

static bool read_message(const struct body *body, struct cw_message *ret_message)
{
    if (body->kind > CW_PAYLOAD_BYTES)
        return false;
    ret_message->type = (enum cw_payload_type)body->kind;
    ret_message->skips_sender = (body->flags & FLAG_SKIPS_SENDER) != 0;
    ret_message->from = body->from;
    ret_message->payload = body->payload;
    return true;
}

static bool read_presence(const struct body *body, struct cw_envelope *ret_envelope)
{
    if (body->kind != KIND_PRESENCE || ret_envelope->has_predecessor)
        return false;
    ret_envelope->is_presence = true;
    ret_envelope->is_join = (body->flags & FLAG_IS_JOIN) != 0;
    ret_envelope->message.payload = body->payload;
    return true;
}

bool cw_envelope_next_presence(struct cw_bytes *rest, struct cw_bytes *ret_uuid,
                               struct cw_bytes *ret_user)
{
    return take_str(rest, ret_uuid) && take_str(rest, ret_user) && cw_uuid_is_valid(*ret_uuid);
}

/* A predecessor is named, or known to be none: then it is {0, 0}, which every position is after. */
static bool take_predecessor(struct cw_bytes *rest, struct cw_envelope *ret_envelope)
{
    if (rest->size > 0 && (unsigned char)rest->data[0] == NIL) {
        *rest = cw_bytes_make(rest->data + 1, rest->size - 1);
        return true;
    }
    struct cw_bytes text;
    if (!take_str(rest, &text))
        return false;
    if (text.size > 0 && !cw_position_parse(text, &ret_envelope->predecessor))
        return false;
    ret_envelope->has_predecessor = true;
    return true;
}

int cw_envelope_decode(struct cw_bytes bytes, struct cw_envelope *ret_envelope)
{
    if (!measure(bytes, 3))
        return CW_ERR_INVALID;
    struct cw_envelope envelope = {0};
    struct cw_bytes id_text;
    struct body elements;
    if (!take_str(&bytes, &id_text) || !take_predecessor(&bytes, &envelope) ||
        !take_body(&bytes, &elements))
        return CW_ERR_INVALID;
    if (!read_message(&elements, &envelope.message) &&
        (id_text.size > 0 || !read_presence(&elements, &envelope)))
        return CW_ERR_INVALID;
    if (id_text.size > 0) {
        /* Offsets count from 1: an entry at 0 would never be delivered after {0, 0}. */
        if (!cw_position_parse(id_text, &envelope.message.position) ||
            envelope.message.position.offset == 0)
            return CW_ERR_INVALID;
        envelope.message.is_logged = true;
    } else if (envelope.has_predecessor) {
        return CW_ERR_INVALID;
    }
    *ret_envelope = envelope;
    return CW_OK;
}

static int decode_one_body(struct cw_bytes bytes, struct body *ret_body)
{
    return measure(bytes, 1) && take_body(&bytes, ret_body) ? CW_OK : CW_ERR_INVALID;
}

int cw_envelope_decode_body(struct cw_bytes bytes, struct cw_message *ret_message)
{
    struct body body;
    int rc = decode_one_body(bytes, &body);
    if (rc != CW_OK)
        return rc;
    return read_message(&body, ret_message) ? CW_OK : CW_ERR_INVALID;
}

int cw_envelope_decode_request(struct cw_bytes bytes, enum cw_channel_request *ret_request,
                               struct cw_bytes *ret_text)
{
    struct body body;
    int rc = decode_one_body(bytes, &body);
    if (rc != CW_OK)
        return rc;
    if (body.kind < CW_REQUEST_CLOSE || body.kind > CW_REQUEST_LEAVE)
        return CW_ERR_INVALID;
    *ret_request = (enum cw_channel_request)body.kind;
    *ret_text = body.payload;
    return CW_OK;
}
