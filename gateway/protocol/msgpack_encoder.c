/*
 * msgpack_encoder.c - events as MessagePack maps, by msgpack-c's packer.
 *
 * A map's size is known at its end: it is a fixmap, whose one byte is written last.
 */
#include "protocol/encoder.h"
#include "protocol/json_to_msgpack.h"

#include <msgpack.h>

#include <assert.h>

#define FIXMAP 0x80U

/* msgpack_packer_write */
static int put(void *arg, const char *data, size_t size)
{
    cw_encoder_put(arg, data, size);
    return 0;
}

static msgpack_packer packer_of(struct cw_encoder *encoder)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, encoder, put);
    return packer;
}

static void put_str(struct cw_encoder *encoder, struct cw_bytes text)
{
    msgpack_packer packer = packer_of(encoder);
    (void)msgpack_pack_str(&packer, text.size);
    cw_encoder_put(encoder, text.data, text.size);
}

static void put_bin(struct cw_encoder *encoder, struct cw_bytes bytes)
{
    msgpack_packer packer = packer_of(encoder);
    (void)msgpack_pack_bin(&packer, bytes.size);
    cw_encoder_put(encoder, bytes.data, bytes.size);
}

static void msgpack_map_begin(struct cw_encoder *encoder)
{
    assert(encoder->open < CW_ENCODER_MAPS_MAX);
    encoder->maps[encoder->open++] = (struct cw_encoder_map){.at = encoder->size};
    cw_encoder_put(encoder, "", 1);
}

static void msgpack_map_end(struct cw_encoder *encoder)
{
    const struct cw_encoder_map *map = &encoder->maps[--encoder->open];
    assert(map->fields <= CW_ENCODER_FIELDS_MAX);
    if (encoder->out != NULL)
        encoder->out[map->at] = (char)(unsigned char)(FIXMAP | map->fields);
}

static void msgpack_array_begin(struct cw_encoder *encoder, size_t count)
{
    msgpack_packer packer = packer_of(encoder);
    (void)msgpack_pack_array(&packer, count);
}

static void msgpack_array_end(struct cw_encoder *encoder)
{
    (void)encoder;
}

static void msgpack_key(struct cw_encoder *encoder, const char *key)
{
    encoder->maps[encoder->open - 1].fields++;
    put_str(encoder, cw_bytes_text(key));
}

static void msgpack_integer(struct cw_encoder *encoder, uint64_t value)
{
    msgpack_packer packer = packer_of(encoder);
    (void)msgpack_pack_uint64(&packer, value);
}

static void msgpack_boolean(struct cw_encoder *encoder, bool value)
{
    msgpack_packer packer = packer_of(encoder);
    (void)(value ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer));
}

static void msgpack_null(struct cw_encoder *encoder)
{
    msgpack_packer packer = packer_of(encoder);
    (void)msgpack_pack_nil(&packer);
}

static void msgpack_payload(struct cw_encoder *encoder, enum cw_payload_type type,
                            struct cw_bytes payload)
{
    switch (type) {
    case CW_PAYLOAD_JSON:
        msgpack_key(encoder, "data");
        cw_encoder_put(encoder, payload.data, payload.size);
        break;
    case CW_PAYLOAD_TEXT:
        msgpack_key(encoder, "text");
        put_str(encoder, payload);
        break;
    case CW_PAYLOAD_BYTES:
        msgpack_key(encoder, "bytes");
        put_bin(encoder, payload);
        break;
    }
}

const struct cw_encoder_ops cw_msgpack_encoder = {
    .opcode = CW_FRAME_BINARY,
    .map_begin = msgpack_map_begin,
    .map_end = msgpack_map_end,
    .array_begin = msgpack_array_begin,
    .array_end = msgpack_array_end,
    .key = msgpack_key,
    .text = put_str,
    .integer = msgpack_integer,
    .boolean = msgpack_boolean,
    .null = msgpack_null,
    .data = cw_json_to_msgpack,
    .payload = msgpack_payload,
};
