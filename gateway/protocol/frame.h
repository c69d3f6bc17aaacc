/*
 * frame.h - a server's WebSocket frame (RFC 6455 section 5.2): never masked, never fragmented, so the same
 * bytes serve every subscriber of one kind. Pure.
 */
#ifndef CW_PROTOCOL_FRAME_H
#define CW_PROTOCOL_FRAME_H

#include <stdint.h>

#include <chanway/bytes.h>

#include "base/buf.h"

enum cw_frame_opcode {
    CW_FRAME_TEXT = 0x1,
    CW_FRAME_BINARY = 0x2,
    CW_FRAME_CLOSE = 0x8,
    CW_FRAME_PING = 0x9,
    CW_FRAME_PONG = 0xA,
};

#define CW_FRAME_HEADER_MAX 10

/** Writes the header for a payload of `size` bytes; returns its length, 2, 4 or 10. */
size_t cw_frame_header(char ret_header[CW_FRAME_HEADER_MAX], enum cw_frame_opcode opcode, size_t size);
/** Header and payload in one buffer. NULL: out of memory. */
struct cw_buf *cw_frame_create(enum cw_frame_opcode opcode, struct cw_bytes payload);
/** The payload inside a frame made by cw_frame_create. */
struct cw_bytes cw_frame_payload(const struct cw_buf *frame);

#endif
