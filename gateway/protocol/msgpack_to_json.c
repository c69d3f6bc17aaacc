/*
 * msgpack_to_json.c - one walk over the objects, in the order in which they and JSON's values come.
 *
 * msgpack-c reads scalars, yyjson writes doubles. Containers are open from their head on until as
 * many objects are owed as there were around them.
 */
#include "protocol/msgpack_to_json.h"

#include "base/msgpack_head.h"
#include "protocol/command.h"
#include "protocol/decoder.h"
#include "protocol/encoder.h"

#include <msgpack.h>
#include <yyjson.h>

#include <math.h>

/* Text per byte of MessagePack at most: `false,` and \u0000. */
#define GROWTH 6

struct container {
    uint64_t outside; /* objects owed beside its own */
    bool is_map;
};

struct walk {
    struct cw_encoder json;
    const char *why;
    uint64_t owed;
    unsigned open;
    struct container containers[CW_DEPTH_MAX];
};

static int refuse(struct walk *walk, const char *why)
{
    walk->why = why;
    return CW_ERR_PAYLOAD;
}

static void put_raw(struct cw_encoder *json, const char *text, size_t size)
{
    if (json->needs_comma)
        cw_encoder_put(json, ",", 1);
    cw_encoder_put(json, text, size);
    json->needs_comma = true;
}

static int put_double(struct walk *walk, double number)
{
    char memory[512]; /* a number takes yyjson some 40 bytes, its pool some 100 */
    yyjson_alc alc;
    yyjson_val value = {0};
    size_t size = 0;

    if (!isfinite(number))
        return refuse(walk, "NaN and infinity have no JSON form");
    if (!yyjson_alc_pool_init(&alc, memory, sizeof(memory)) || !yyjson_set_real(&value, number))
        return CW_ERR_INTERNAL;
    const char *text = yyjson_val_write_opts(&value, 0, &alc, &size, NULL);
    if (text == NULL)
        return CW_ERR_INTERNAL;
    put_raw(&walk->json, text, size);
    return CW_OK;
}

static void put_negative(struct cw_encoder *json, int64_t number)
{
    char digits[1 + CW_DIGITS_SIZE];
    struct cw_bytes positive = cw_digits(digits + 1, UINT64_C(0) - (uint64_t)number);
    size_t start = (size_t)(positive.data - digits) - 1;
    digits[start] = '-';
    put_raw(json, digits + start, positive.size + 1);
}

static int put_scalar(struct walk *walk, struct cw_bytes bytes)
{
    msgpack_object object;
    size_t offset = 0;

    if (msgpack_unpack(bytes.data, bytes.size, &offset, NULL, &object) != MSGPACK_UNPACK_SUCCESS)
        return CW_ERR_INTERNAL;
    switch (object.type) {
    case MSGPACK_OBJECT_NIL:
        cw_json_encoder.null(&walk->json);
        return CW_OK;
    case MSGPACK_OBJECT_BOOLEAN:
        cw_json_encoder.boolean(&walk->json, object.via.boolean);
        return CW_OK;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        cw_json_encoder.integer(&walk->json, object.via.u64);
        return CW_OK;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        put_negative(&walk->json, object.via.i64);
        return CW_OK;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return put_double(walk, object.via.f64);
    default:
        return CW_ERR_INTERNAL;
    }
}

static int put_value(struct walk *walk, struct cw_bytes bytes, const struct cw_msgpack_head *head)
{
    switch (head->type) {
    case CW_MSGPACK_SCALAR:
        return put_scalar(walk, cw_bytes_make(bytes.data, head->size));
    case CW_MSGPACK_STR:
        if (head->body.size > CW_PAYLOAD_SIZE_MAX)
            return CW_ERR_TOO_LARGE;
        cw_json_encoder.text(&walk->json, head->body);
        return CW_OK;
    case CW_MSGPACK_BIN:
        return refuse(walk, "bin has no JSON form; bytes are a payload of their own");
    case CW_MSGPACK_EXT:
        return refuse(walk, "ext has no JSON form");
    case CW_MSGPACK_ARRAY:
    case CW_MSGPACK_MAP:
        break;
    }
    if (walk->open == CW_DEPTH_MAX)
        return CW_ERR_INTERNAL;
    struct container *container = &walk->containers[walk->open++];
    container->outside = walk->owed - 1;
    container->is_map = head->type == CW_MSGPACK_MAP;
    if (container->is_map)
        cw_json_encoder.map_begin(&walk->json);
    else
        cw_json_encoder.array_begin(&walk->json, 0);
    return CW_OK;
}

static int put_key(struct walk *walk, const struct cw_msgpack_head *head)
{
    if (head->type != CW_MSGPACK_STR)
        return refuse(walk, "a key is no string");
    if (head->body.size > CW_PAYLOAD_SIZE_MAX)
        return CW_ERR_TOO_LARGE;
    cw_json_encoder.text(&walk->json, head->body);
    cw_encoder_put(&walk->json, ":", 1);
    walk->json.needs_comma = false;
    return CW_OK;
}

/* Keys and values of a map alternate: a key comes where an even number of them is owed. */
static bool is_key_next(const struct walk *walk)
{
    if (walk->open == 0 || !walk->containers[walk->open - 1].is_map)
        return false;
    return (walk->owed - walk->containers[walk->open - 1].outside) % 2 == 0;
}

static void close_containers(struct walk *walk)
{
    while (walk->open > 0 && walk->owed == walk->containers[walk->open - 1].outside) {
        if (walk->containers[--walk->open].is_map)
            cw_json_encoder.map_end(&walk->json);
        else
            cw_json_encoder.array_end(&walk->json);
    }
}

size_t cw_msgpack_to_json_space(size_t size)
{
    /* The text is looked at before each object: it is too large by one string at most. */
    size_t largest = size < CW_PAYLOAD_SIZE_MAX ? size : CW_PAYLOAD_SIZE_MAX;
    return largest * GROWTH + (size > largest ? CW_PAYLOAD_SIZE_MAX : 0) + GROWTH;
}

int cw_msgpack_to_json(struct cw_bytes object, char *space, struct cw_bytes *ret_json,
                       const char **ret_why)
{
    struct walk walk;
    walk.json = (struct cw_encoder){.ops = &cw_json_encoder, .out = space};
    walk.why = "it has no JSON form";
    walk.owed = 1;
    walk.open = 0;

    while (walk.owed > 0) {
        struct cw_msgpack_head head;
        if (!cw_msgpack_head_read(object, &head))
            return CW_ERR_INTERNAL;
        int rc = is_key_next(&walk) ? put_key(&walk, &head) : put_value(&walk, object, &head);
        if (rc == CW_OK && walk.json.size > CW_PAYLOAD_SIZE_MAX)
            rc = CW_ERR_TOO_LARGE;
        if (rc != CW_OK) {
            *ret_why = walk.why;
            return rc;
        }
        walk.owed += head.children - 1;
        close_containers(&walk);
        object = cw_bytes_make(object.data + head.size, object.size - head.size);
    }
    if (walk.json.size > CW_PAYLOAD_SIZE_MAX)
        return CW_ERR_TOO_LARGE;
    *ret_json = cw_bytes_make(space, walk.json.size);
    return CW_OK;
}
