/*
 * envelope.c - MessagePack from Redis -> views of a message.
 *
 * Anybody who may publish in Redis may send anything here, and msgpack-c believes what a header
 * says. So measure() walks over the headers first: what they claim must be there, to the byte, and
 * be few objects. These fit in the first chunk of one zone that is used again and again: no
 * allocation per message.
 */
#include "envelope.h"

#include "base/msgpack_head.h"
#include "names.h"

#include <msgpack.h>

#include <stdint.h>

/* All that msgpack-c allocates: the objects in arrays and maps. */
#define ZONE_SIZE (CW_ENVELOPE_OBJECTS_MAX * sizeof(msgpack_object))

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

/* The emptied zone for the next call; NULL: out of memory. Lives as long as the process. */
static msgpack_zone *take_zone(void)
{
    static msgpack_zone *zone;
    if (zone == NULL)
        zone = msgpack_zone_new(ZONE_SIZE);
    else
        msgpack_zone_clear(zone);
    return zone;
}

static bool unpack(struct cw_bytes bytes, size_t *offset, msgpack_zone *zone,
                   msgpack_object *ret_object)
{
    msgpack_unpack_return rc = msgpack_unpack(bytes.data, bytes.size, offset, zone, ret_object);
    return rc == MSGPACK_UNPACK_SUCCESS || rc == MSGPACK_UNPACK_EXTRA_BYTES;
}

static bool read_str(const msgpack_object *object, struct cw_bytes *ret_bytes)
{
    if (object->type != MSGPACK_OBJECT_STR)
        return false;
    *ret_bytes = cw_bytes_make(object->via.str.ptr, object->via.str.size);
    return true;
}

static bool read_str_or_bin(const msgpack_object *object, struct cw_bytes *ret_bytes)
{
    if (object->type != MSGPACK_OBJECT_BIN)
        return read_str(object, ret_bytes);
    *ret_bytes = cw_bytes_make(object->via.bin.ptr, object->via.bin.size);
    return true;
}

/* The elements of any body. */
struct body {
    uint64_t kind; /* enum cw_payload_type, KIND_PRESENCE, or enum cw_channel_request */
    uint64_t flags;
    struct cw_bytes from;
    struct cw_bytes payload;
};

static bool read_body(const msgpack_object *object, struct body *ret_body)
{
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size < BODY_ELEMENTS_MIN)
        return false;

    const msgpack_object *element = object->via.array.ptr;
    if (element[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
        element[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return false;
    ret_body->kind = element[0].via.u64;
    ret_body->flags = element[1].via.u64;
    if (!read_str_or_bin(&element[2], &ret_body->from) ||
        !read_str_or_bin(&element[3], &ret_body->payload))
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

/* The next of several strings in a row. */
static bool take_str(struct cw_bytes *rest, struct cw_bytes *ret_text)
{
    struct cw_msgpack_head head;
    if (!cw_msgpack_head_read(*rest, &head) || head.type != CW_MSGPACK_STR)
        return false;
    *ret_text = head.body;
    *rest = cw_bytes_make(rest->data + head.size, rest->size - head.size);
    return true;
}

bool cw_envelope_next_presence(struct cw_bytes *rest, struct cw_bytes *ret_uuid,
                               struct cw_bytes *ret_user)
{
    return take_str(rest, ret_uuid) && take_str(rest, ret_user) && cw_uuid_is_valid(*ret_uuid);
}

/* A predecessor is named, or known to be none: then it is {0, 0}, which every position is after. */
static bool read_predecessor(const msgpack_object *object, struct cw_envelope *ret_envelope)
{
    if (object->type == MSGPACK_OBJECT_NIL)
        return true;

    struct cw_bytes text;
    if (!read_str(object, &text))
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
    msgpack_zone *zone = take_zone();
    if (zone == NULL)
        return CW_ERR_NOMEM;

    msgpack_object id;
    msgpack_object prev;
    msgpack_object body;
    size_t offset = 0;
    if (!unpack(bytes, &offset, zone, &id) || !unpack(bytes, &offset, zone, &prev) ||
        !unpack(bytes, &offset, zone, &body))
        return CW_ERR_INVALID;

    struct cw_envelope envelope = {0};
    struct cw_bytes id_text;
    struct body elements;
    if (!read_str(&id, &id_text) || !read_predecessor(&prev, &envelope) ||
        !read_body(&body, &elements))
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
    if (!measure(bytes, 1))
        return CW_ERR_INVALID;
    msgpack_zone *zone = take_zone();
    if (zone == NULL)
        return CW_ERR_NOMEM;

    msgpack_object body;
    size_t offset = 0;
    return unpack(bytes, &offset, zone, &body) && read_body(&body, ret_body) ? CW_OK
                                                                             : CW_ERR_INVALID;
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
