/*
 * frame.c - RFC 6455 section 5.2.
 */
#include "frame.h"

#include <stdint.h>

/* Any mask costs the server the same; this one is no worse than a random one, for there is no cache
 * between us. */
static const unsigned char mask[4] = {0x5A, 0xC3, 0x96, 0x3C};

void bench_frame_append(struct bench_text *text, enum bench_opcode opcode, struct cw_bytes payload)
{
    unsigned char head[14];
    size_t size = 2;
    unsigned length_size = payload.size < 126 ? 0 : payload.size < 65536 ? 2 : 8;
    head[0] = (unsigned char)(0x80U | opcode);
    if (length_size == 0)
        head[1] = (unsigned char)(0x80U | payload.size);
    else
        head[1] = length_size == 2 ? 0x80 | 126 : 0x80 | 127;
    for (unsigned i = length_size; i-- > 0;)
        head[size++] = (unsigned char)((uint64_t)payload.size >> (8 * i));
    for (unsigned i = 0; i < sizeof(mask); i++)
        head[size++] = mask[i];
    bench_text_append(text, head, size);
    bench_text_append(text, payload.data, payload.size);
    char *at = text->data + text->size - payload.size;
    for (size_t i = 0; i < payload.size; i++)
        at[i] = (char)(at[i] ^ mask[i % sizeof(mask)]);
}

size_t bench_frame_read(struct cw_bytes bytes, struct bench_frame *ret_frame)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    if (bytes.size < 2)
        return 0;
    uint64_t length = at[1] & 0x7FU;
    unsigned length_size = length < 126 ? 0 : length == 126 ? 2 : 8;
    size_t head = 2 + length_size;
    if (bytes.size < head)
        return 0;
    for (unsigned i = 0; i < length_size; i++)
        length = (i == 0 ? 0 : length << 8) | at[2 + i];
    if (bytes.size - head < length)
        return 0;
    ret_frame->opcode = at[0] & 0x0FU;
    ret_frame->is_final = (at[0] & 0x80U) != 0;
    ret_frame->payload = cw_bytes_make(bytes.data + head, (size_t)length);
    return head + (size_t)length;
}
