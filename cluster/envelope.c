/*
 * envelope.c - MessagePack from Redis -> views of a message.
 *
 * Anybody who may publish in Redis may send anything here, and msgpack-c believes what a header
 * says: five bytes that claim an array of 2^32 elements make it ask for 100 GB. So measure() walks
 * over the headers first: what they claim must be there, to the byte, and be few objects. These fit
 * in the first chunk of one zone that is used again and again: no allocation per message.
 */
#include "envelope.h"

#include "names.h"

#include <msgpack.h>

#include <stdint.h>

/* All that msgpack-c allocates: the objects in arrays and maps. */
#define ZONE_SIZE (CW_ENVELOPE_OBJECTS_MAX * sizeof(msgpack_object))

#define KIND_PRESENCE     3U
#define FLAG_SKIPS_SENDER 1U
#define FLAG_IS_JOIN      1U
#define BODY_ELEMENTS_MIN 4U

/* What follows the first byte of an object, for the first bytes 0xc0..0xdf. */
struct shape {
    unsigned char length_size; /* bytes of a big-endian length, first */
    unsigned char fixed_size;  /* bytes that are always there */
    unsigned char children;    /* objects per unit of length; 0: the length counts bytes */
};

static const struct shape shapes[32] = {
    [0x04] = {1, 0, 0}, [0x05] = {2, 0, 0},  [0x06] = {4, 0, 0}, /* bin */
    [0x07] = {1, 1, 0}, [0x08] = {2, 1, 0},  [0x09] = {4, 1, 0}, /* ext */
    [0x0a] = {0, 4, 0}, [0x0b] = {0, 8, 0},                      /* float */
    [0x0c] = {0, 1, 0}, [0x0d] = {0, 2, 0},  [0x0e] = {0, 4, 0}, /* uint */
    [0x0f] = {0, 8, 0}, [0x10] = {0, 1, 0},  [0x11] = {0, 2, 0}, /* uint64, int */
    [0x12] = {0, 4, 0}, [0x13] = {0, 8, 0},                      /* int */
    [0x14] = {0, 2, 0}, [0x15] = {0, 3, 0},  [0x16] = {0, 5, 0}, /* fixext */
    [0x17] = {0, 9, 0}, [0x18] = {0, 17, 0},                     /* fixext */
    [0x19] = {1, 0, 0}, [0x1a] = {2, 0, 0},  [0x1b] = {4, 0, 0}, /* str */
    [0x1c] = {2, 0, 1}, [0x1d] = {4, 0, 1},                      /* array */
    [0x1e] = {2, 0, 2}, [0x1f] = {4, 0, 2},                      /* map */
};

#define NEVER_USED 0xc1

/* Size of one object without its children, and how many these are. False: it is none, or cut. */
static bool measure_object(const unsigned char *at, size_t left, uint64_t *ret_size,
                           uint64_t *ret_children)
{
    unsigned first = at[0];
    uint64_t size = 1;
    uint64_t children = 0;
    if (first >= 0x80 && first <= 0x8f) {
        children = (uint64_t)2 * (first & 0x0f); /* fixmap */
    } else if (first >= 0x90 && first <= 0x9f) {
        children = first & 0x0f; /* fixarray */
    } else if (first >= 0xa0 && first <= 0xbf) {
        size += first & 0x1f; /* fixstr */
    } else if (first >= 0xc0 && first <= 0xdf) {
        const struct shape *shape = &shapes[first & 0x1f];
        if (first == NEVER_USED || left < (size_t)1 + shape->length_size)
            return false;
        uint64_t length = 0;
        for (unsigned i = 1; i <= shape->length_size; i++)
            length = length << 8 | at[i];
        size += (uint64_t)shape->length_size + shape->fixed_size;
        if (shape->children > 0)
            children = length * shape->children;
        else
            size += length;
    }
    *ret_size = size;
    *ret_children = children;
    return size <= left;
}

/* True if `bytes` are exactly `count` objects, of CW_ENVELOPE_OBJECTS_MAX in all. */
static bool measure(struct cw_bytes bytes, unsigned count)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    size_t left = bytes.size;
    uint64_t seen = 0;
    uint64_t owed = count;
    while (owed > 0) {
        uint64_t size;
        uint64_t children;
        if (left == 0 || !measure_object(at, left, &size, &children))
            return false;
        seen++;
        owed += children - 1;
        if (seen + owed > CW_ENVELOPE_OBJECTS_MAX)
            return false;
        at += size;
        left -= (size_t)size;
    }
    return left == 0;
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
static bool take_str(struct cw_bytes *rest, msgpack_zone *zone, struct cw_bytes *ret_text)
{
    uint64_t size = 0;
    uint64_t children = 0;
    msgpack_object object;
    size_t offset = 0;
    if (rest->size == 0 ||
        !measure_object((const unsigned char *)rest->data, rest->size, &size, &children) ||
        size > rest->size || children > 0)
        return false;
    if (!unpack(*rest, &offset, zone, &object) || !read_str(&object, ret_text))
        return false;
    *rest = cw_bytes_make(rest->data + size, rest->size - size);
    return true;
}

bool cw_envelope_next_presence(struct cw_bytes *rest, struct cw_bytes *ret_uuid,
                               struct cw_bytes *ret_user)
{
    msgpack_zone *zone = take_zone();
    return zone != NULL && take_str(rest, zone, ret_uuid) && take_str(rest, zone, ret_user) &&
           cw_uuid_is_valid(*ret_uuid);
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
