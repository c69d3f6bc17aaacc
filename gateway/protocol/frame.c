/*
 * frame.c - a server's WebSocket frames.
 */
#include "protocol/frame.h"

#include <string.h>

#define FIN             0x80
#define SIZE_IS_16_BITS 126
#define SIZE_IS_64_BITS 127

static void put_big_endian(char *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (char)(unsigned char)(value >> (8 * (bytes - 1 - i)));
}

size_t cw_frame_header(char ret_header[CW_FRAME_HEADER_MAX], enum cw_frame_opcode opcode,
                       size_t size)
{
    ret_header[0] = (char)(FIN | (unsigned char)opcode);
    if (size < SIZE_IS_16_BITS) {
        ret_header[1] = (char)size;
        return 2;
    }
    if (size <= UINT16_MAX) {
        ret_header[1] = SIZE_IS_16_BITS;
        put_big_endian(ret_header + 2, size, 2);
        return 4;
    }
    ret_header[1] = SIZE_IS_64_BITS;
    put_big_endian(ret_header + 2, size, 8);
    return CW_FRAME_HEADER_MAX;
}

struct cw_buf *cw_frame_create(enum cw_frame_opcode opcode, struct cw_bytes payload)
{
    char header[CW_FRAME_HEADER_MAX];
    size_t header_size = cw_frame_header(header, opcode, payload.size);
    if (payload.size > UINT32_MAX - CW_FRAME_HEADER_MAX)
        return NULL;

    struct cw_buf *frame = cw_buf_create(header_size + payload.size);
    if (frame == NULL)
        return NULL;
    memcpy(frame->data, header, header_size);
    if (payload.size > 0)
        memcpy(frame->data + header_size, payload.data, payload.size);
    return frame;
}

struct cw_bytes cw_frame_payload(const struct cw_buf *frame)
{
    size_t header_size = 2;
    if (frame->data[1] == SIZE_IS_16_BITS)
        header_size = 4;
    else if (frame->data[1] == SIZE_IS_64_BITS)
        header_size = CW_FRAME_HEADER_MAX;
    return cw_bytes_make(frame->data + header_size, frame->size - header_size);
}
