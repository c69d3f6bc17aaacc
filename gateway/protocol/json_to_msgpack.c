/*
 * json_to_msgpack.c - yyjson reads the text, msgpack-c packs its values.
 *
 * yyjson keeps the values of a text in one array, in the order of the text and each container
 * before what is in it: just as MessagePack wants them, so one loop over the array is all.
 */
#include "protocol/json_to_msgpack.h"

#include <msgpack.h>
#include <yyjson.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_SIZE 65536 /* of a text; as max-message and payload-max are by default */

/* Bytes per byte of text at most: 1e9 is a double of 9. */
#define GROWTH 3
#define EXTRA  16

#define READ_FLAGS YYJSON_READ_BIGNUM_AS_RAW

struct memory {
    size_t pool_size;
    size_t out_size;
    size_t used;
    char *pool; /* owned: yyjson's, and behind it `out` */
    char *out;
};

static void finish(struct memory *memory)
{
    free(memory->pool);
    *memory = (struct memory){0};
}

static int init(struct memory *memory, size_t text_size)
{
    memory->pool_size = yyjson_read_max_memory_usage(text_size, READ_FLAGS);
    memory->out_size = text_size * GROWTH + EXTRA;
    memory->pool = malloc(memory->pool_size + memory->out_size);
    if (memory->pool == NULL)
        return CW_ERR_NOMEM;
    memory->out = memory->pool + memory->pool_size;
    return CW_OK;
}

/* For a text of `size` bytes; NULL: there is none. */
static struct memory *take_memory(size_t size)
{
    static struct memory kept;
    static struct memory large; /* of the last text, if it was large */

    finish(&large);
    if (size > KEPT_SIZE)
        return init(&large, size) == CW_OK ? &large : NULL;
    if (kept.pool == NULL && init(&kept, KEPT_SIZE) != CW_OK)
        return NULL;
    kept.used = 0;
    return &kept;
}

/* msgpack_packer_write */
static int put(void *arg, const char *data, size_t size)
{
    struct memory *memory = arg;
    if (size > memory->out_size - memory->used)
        return -1;
    if (size > 0)
        memcpy(memory->out + memory->used, data, size);
    memory->used += size;
    return 0;
}

/* A number that is beyond int64, uint64 or double. */
static int pack_big(msgpack_packer *packer, yyjson_val *value)
{
    yyjson_val number = {0};
    if (yyjson_read_number(yyjson_get_raw(value), &number, YYJSON_READ_ALLOW_INF_AND_NAN, NULL,
                           NULL) == NULL)
        return -1;
    double nearest = yyjson_get_num(&number);
    return msgpack_pack_double(packer, isinf(nearest) ? copysign(DBL_MAX, nearest) : nearest);
}

static int pack_number(msgpack_packer *packer, yyjson_val *value)
{
    if (yyjson_is_uint(value))
        return msgpack_pack_uint64(packer, yyjson_get_uint(value));
    if (yyjson_is_sint(value))
        return msgpack_pack_int64(packer, yyjson_get_sint(value));
    return msgpack_pack_double(packer, yyjson_get_real(value));
}

static int pack_value(msgpack_packer *packer, yyjson_val *value)
{
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_NULL:
        return msgpack_pack_nil(packer);
    case YYJSON_TYPE_BOOL:
        return yyjson_get_bool(value) ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    case YYJSON_TYPE_NUM:
        return pack_number(packer, value);
    case YYJSON_TYPE_RAW:
        return pack_big(packer, value);
    case YYJSON_TYPE_STR:
        if (msgpack_pack_str(packer, yyjson_get_len(value)) != 0)
            return -1;
        return msgpack_pack_str_body(packer, yyjson_get_str(value), yyjson_get_len(value));
    case YYJSON_TYPE_ARR:
        return msgpack_pack_array(packer, yyjson_get_len(value));
    case YYJSON_TYPE_OBJ:
        return msgpack_pack_map(packer, yyjson_get_len(value));
    default:
        return -1;
    }
}

int cw_json_to_msgpack(struct cw_bytes json, struct cw_bytes *ret_msgpack)
{
    yyjson_alc alc;
    struct memory *memory = take_memory(json.size);
    if (memory == NULL || !yyjson_alc_pool_init(&alc, memory->pool, memory->pool_size))
        return CW_ERR_NOMEM;
    /* Without YYJSON_READ_INSITU the text is only read. */
    yyjson_doc *document =
        yyjson_read_opts((char *)(uintptr_t)json.data, json.size, READ_FLAGS, &alc, NULL);
    if (document == NULL)
        return CW_ERR_PAYLOAD;

    msgpack_packer packer;
    msgpack_packer_init(&packer, memory, put);
    yyjson_val *root = yyjson_doc_get_root(document);
    size_t count = yyjson_doc_get_val_count(document);
    for (size_t i = 0; i < count; i++) {
        if (pack_value(&packer, root + i) != 0)
            return CW_ERR_INTERNAL;
    }
    *ret_msgpack = cw_bytes_make(memory->out, memory->used);
    return CW_OK;
}
