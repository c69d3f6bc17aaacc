/*
 * msgpack_decoder.c - a walk over the heads says whether a frame is one MessagePack object to the
 * byte, another one where each field ends and how deep it is; msgpack-c reads the scalars.
 *
 * A frame is walked over three times at most: to check it, to find its fields, and `data` once
 * more to write its JSON text. Every walk is bounded by the frame's bytes.
 */
#include "protocol/msgpack_decoder.h"

#include "base/msgpack_head.h"
#include "protocol/msgpack_to_json.h"
#include "protocol/utf8.h"

#include <msgpack.h>

#include <stdio.h>
#include <stdlib.h>

struct msgpack_decoder {
    struct cw_decoder decoder;
    size_t size_max;
    const char *root; /* of the frame: a key of it that is no string is noted */
    char *space;      /* owned: `data` as JSON text */
};

static struct msgpack_decoder *msgpack_of(struct cw_decoder *decoder)
{
    return (struct msgpack_decoder *)(void *)decoder;
}

static void set_message(struct cw_decoder *decoder, const char *message)
{
    (void)snprintf(decoder->message, sizeof(decoder->message), "%s", message);
}

static void skip(struct cw_bytes *bytes, size_t size)
{
    *bytes = cw_bytes_make(bytes->data + size, bytes->size - size);
}

/* Whether `frame` is one object to the byte; notes a string that is no UTF-8. */
static int check_frame(struct cw_decoder *decoder, struct cw_bytes frame)
{
    struct cw_bytes rest = frame;
    for (uint64_t owed = 1; owed > 0;) {
        struct cw_msgpack_head head;
        /* Each object takes a byte at least: what claims more ends the walk at once. */
        if (owed > rest.size || !cw_msgpack_head_read(rest, &head)) {
            (void)snprintf(decoder->message, sizeof(decoder->message),
                           "not valid MessagePack: cut or unknown at byte %zu",
                           frame.size - rest.size);
            return CW_ERR_INVALID;
        }
        if (head.type == CW_MSGPACK_STR && !cw_utf8_is_valid(head.body))
            decoder->has_bad_text = true;
        owed += head.children - 1;
        skip(&rest, head.size);
    }
    if (decoder->has_bad_text)
        set_message(decoder, "a string is not valid UTF-8");
    if (rest.size == 0)
        return CW_OK;
    (void)snprintf(decoder->message, sizeof(decoder->message),
                   "more than one MessagePack object: %zu bytes after the first", rest.size);
    return CW_ERR_INVALID;
}

/* Size of the object that `bytes` begin with, its children included, and how deep these are: what
 * is deeper than CW_DEPTH_MAX is CW_DEPTH_MAX + 1. 0: it is cut. */
static size_t measure(struct cw_bytes bytes, unsigned *ret_depth)
{
    uint64_t outside[CW_DEPTH_MAX]; /* of each open container: objects owed beside its own */
    unsigned open = 0;
    unsigned deepest = 0;
    uint64_t owed = 1;
    struct cw_bytes rest = bytes;

    while (owed > 0) {
        struct cw_msgpack_head head;
        if (!cw_msgpack_head_read(rest, &head))
            return 0;
        owed--;
        if (head.type == CW_MSGPACK_ARRAY || head.type == CW_MSGPACK_MAP) {
            deepest = open + 1 > deepest ? open + 1 : deepest;
            if (open < CW_DEPTH_MAX)
                outside[open++] = owed;
        }
        owed += head.children;
        while (open > 0 && owed == outside[open - 1])
            open--;
        skip(&rest, head.size);
    }
    *ret_depth = deepest;
    return bytes.size - rest.size;
}

static void read_scalar(struct cw_bytes bytes, struct cw_value *value)
{
    msgpack_object object;
    size_t offset = 0;

    value->type = CW_VALUE_NULL;
    if (msgpack_unpack(bytes.data, bytes.size, &offset, NULL, &object) != MSGPACK_UNPACK_SUCCESS)
        return;
    switch (object.type) {
    case MSGPACK_OBJECT_BOOLEAN:
        value->type = CW_VALUE_BOOLEAN;
        value->boolean = object.via.boolean;
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        value->type = CW_VALUE_INTEGER;
        value->integer = object.via.u64;
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        value->type = CW_VALUE_NUMBER;
        break;
    default:
        break;
    }
}

/* The value that `bytes` begin with. False: it is cut. */
static bool read_value(struct cw_bytes bytes, struct cw_value *ret_value)
{
    struct cw_msgpack_head head;
    struct cw_value value = {0};

    if (!cw_msgpack_head_read(bytes, &head))
        return false;
    size_t size = head.size;
    value.text = head.body;
    switch (head.type) {
    case CW_MSGPACK_SCALAR:
        read_scalar(cw_bytes_make(bytes.data, head.size), &value);
        break;
    case CW_MSGPACK_STR:
        value.type = CW_VALUE_TEXT;
        break;
    case CW_MSGPACK_BIN:
        value.type = CW_VALUE_BINARY;
        break;
    case CW_MSGPACK_EXT:
        value.type = CW_VALUE_EXTENSION;
        break;
    case CW_MSGPACK_ARRAY:
    case CW_MSGPACK_MAP:
        value.type = head.type == CW_MSGPACK_MAP ? CW_VALUE_MAP : CW_VALUE_ARRAY;
        size = measure(bytes, &value.depth);
        break;
    }
    value.source = cw_bytes_make(bytes.data, size);
    *ret_value = value;
    return size > 0;
}

static int msgpack_open(struct cw_decoder *decoder, struct cw_bytes frame,
                        struct cw_value *ret_root)
{
    struct msgpack_decoder *msgpack = msgpack_of(decoder);

    decoder->has_bad_text = false;
    if (frame.size > msgpack->size_max) {
        (void)snprintf(decoder->message, sizeof(decoder->message), "longer than %zu bytes",
                       msgpack->size_max);
        return CW_ERR_INVALID;
    }
    int rc = check_frame(decoder, frame);
    if (rc != CW_OK)
        return rc;
    struct cw_msgpack_head head;
    msgpack->root = frame.data;
    bool is_map = cw_msgpack_head_read(frame, &head) && head.type == CW_MSGPACK_MAP;
    *ret_root = (struct cw_value){.type = is_map ? CW_VALUE_MAP : CW_VALUE_NULL, .source = frame};
    return CW_OK;
}

/* Moves `rest` over a key and its value. False: they are cut. */
static bool take_field(struct cw_bytes *rest, struct cw_value *ret_key, struct cw_value *ret_value)
{
    if (!read_value(*rest, ret_key))
        return false;
    skip(rest, ret_key->source.size);
    if (!read_value(*rest, ret_value))
        return false;
    skip(rest, ret_value->source.size);
    return true;
}

/* A key that is no string is an unknown one; in the frame's own map it is noted, like a bad text.
 */
static int msgpack_each(struct cw_decoder *decoder, const struct cw_value *map, cw_field_fn fn,
                        void *arg)
{
    struct cw_bytes rest = map->source;
    struct cw_msgpack_head head;

    if (!cw_msgpack_head_read(rest, &head) || head.type != CW_MSGPACK_MAP)
        return CW_ERR_INVALID;
    skip(&rest, head.size);
    for (uint64_t left = head.children; left > 0; left -= 2) {
        struct cw_value key;
        struct cw_value value;
        if (!take_field(&rest, &key, &value))
            return CW_ERR_INVALID;
        value.is_mended =
            decoder->has_bad_text && value.type == CW_VALUE_TEXT && !cw_utf8_is_valid(value.text);
        if (key.type != CW_VALUE_TEXT) {
            key.text = cw_bytes_make(NULL, 0);
            if (map->source.data == msgpack_of(decoder)->root) {
                decoder->has_bad_text = true;
                set_message(decoder, "a key is no string");
            }
        }
        int rc = fn(arg, key.text, &value);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int msgpack_data(struct cw_decoder *decoder, const struct cw_value *value,
                        struct cw_bytes *ret_json)
{
    const char *why = "it has no JSON form";
    int rc = cw_msgpack_to_json(value->source, msgpack_of(decoder)->space, ret_json, &why);
    if (rc != CW_OK)
        set_message(decoder, why);
    return rc;
}

static int msgpack_bytes(struct cw_decoder *decoder, const struct cw_value *value,
                         struct cw_bytes *ret_bytes)
{
    if (value->type != CW_VALUE_BINARY) {
        set_message(decoder, "must be a bin");
        return CW_ERR_PAYLOAD;
    }
    *ret_bytes = value->text;
    return CW_OK;
}

static bool msgpack_is_bad(struct cw_decoder *decoder, const struct cw_value *value)
{
    struct cw_bytes rest = value->source;
    while (rest.size > 0) {
        struct cw_msgpack_head head;
        if (!cw_msgpack_head_read(rest, &head))
            return false;
        if (head.type == CW_MSGPACK_STR && !cw_utf8_is_valid(head.body)) {
            set_message(decoder, "a string is not valid UTF-8");
            return true;
        }
        skip(&rest, head.size);
    }
    return false;
}

static void msgpack_destroy(struct cw_decoder *decoder)
{
    struct msgpack_decoder *msgpack = msgpack_of(decoder);
    free(msgpack->space);
    free(msgpack);
}

static const struct cw_decoder_ops msgpack_ops = {
    .destroy = msgpack_destroy,
    .open = msgpack_open,
    .each = msgpack_each,
    .data = msgpack_data,
    .bytes = msgpack_bytes,
    .is_bad = msgpack_is_bad,
};

struct cw_decoder *cw_msgpack_decoder_create(size_t size_max)
{
    struct msgpack_decoder *msgpack = calloc(1, sizeof(*msgpack));
    if (msgpack == NULL)
        return NULL;
    msgpack->decoder.ops = &msgpack_ops;
    msgpack->size_max = size_max;
    msgpack->space = malloc(cw_msgpack_to_json_space(size_max));
    if (msgpack->space == NULL) {
        msgpack_destroy(&msgpack->decoder);
        return NULL;
    }
    return &msgpack->decoder;
}
