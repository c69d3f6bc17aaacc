/*
 * envelope_encode.c - a second writer of envelopes, made from the format alone: it shares nothing
 * with the decoder but what both were told.
 */
#include "unit/envelope_encode.h"

#include "base/writer.h"
#include "envelope.h"
#include "names.h"

static void write_big_endian(struct cw_writer *writer, uint64_t value, unsigned size)
{
    while (size > 0)
        cw_writer_byte(writer, (char)(unsigned char)(value >> (8 * --size)));
}

/* The first byte, then `value` in `size` bytes. */
static void write_head(struct cw_writer *writer, unsigned first, uint64_t value, unsigned size)
{
    cw_writer_byte(writer, (char)(unsigned char)first);
    write_big_endian(writer, value, size);
}

void cw_msgpack_nil(struct cw_writer *writer)
{
    write_head(writer, 0xc0, 0, 0);
}

void cw_msgpack_uint(struct cw_writer *writer, uint64_t value)
{
    if (value < 128)
        write_head(writer, (unsigned)value, 0, 0);
    else if (value <= UINT8_MAX)
        write_head(writer, 0xcc, value, 1);
    else if (value <= UINT16_MAX)
        write_head(writer, 0xcd, value, 2);
    else if (value <= UINT32_MAX)
        write_head(writer, 0xce, value, 4);
    else
        write_head(writer, 0xcf, value, 8);
}

void cw_msgpack_str(struct cw_writer *writer, struct cw_bytes text)
{
    if (text.size < 32)
        write_head(writer, 0xa0 + (unsigned)text.size, 0, 0);
    else if (text.size <= UINT8_MAX)
        write_head(writer, 0xd9, text.size, 1);
    else if (text.size <= UINT16_MAX)
        write_head(writer, 0xda, text.size, 2);
    else
        write_head(writer, 0xdb, text.size, 4);
    cw_writer_bytes(writer, text);
}

void cw_msgpack_bin(struct cw_writer *writer, struct cw_bytes bytes)
{
    if (bytes.size <= UINT8_MAX)
        write_head(writer, 0xc4, bytes.size, 1);
    else if (bytes.size <= UINT16_MAX)
        write_head(writer, 0xc5, bytes.size, 2);
    else
        write_head(writer, 0xc6, bytes.size, 4);
    cw_writer_bytes(writer, bytes);
}

void cw_msgpack_array(struct cw_writer *writer, uint32_t count)
{
    if (count < 16)
        write_head(writer, 0x90 + count, 0, 0);
    else if (count <= UINT16_MAX)
        write_head(writer, 0xdc, count, 2);
    else
        write_head(writer, 0xdd, count, 4);
}

static void write_position(struct cw_writer *writer, struct cw_position position)
{
    char text[CW_POSITION_TEXT_SIZE];
    size_t size = cw_position_write(text, position);
    cw_msgpack_str(writer, cw_bytes_make(text, size));
}

void cw_envelope_encode(struct cw_writer *writer, const struct cw_envelope *envelope)
{
    static const struct cw_position none = {0, 0};

    if (envelope->message.is_logged)
        write_position(writer, envelope->message.position);
    else
        cw_msgpack_str(writer, cw_bytes_text(""));

    if (!envelope->has_predecessor)
        cw_msgpack_nil(writer);
    else if (cw_position_compare(envelope->predecessor, none) == 0)
        cw_msgpack_str(writer, cw_bytes_text(""));
    else
        write_position(writer, envelope->predecessor);

    cw_envelope_encode_body(writer, &envelope->message);
}

void cw_envelope_encode_body(struct cw_writer *writer, const struct cw_message *message)
{
    cw_msgpack_array(writer, 4);
    cw_msgpack_uint(writer, (uint64_t)message->type);
    cw_msgpack_uint(writer, message->skips_sender ? 1 : 0);
    cw_msgpack_str(writer, message->from);
    cw_msgpack_str(writer, message->payload);
}
