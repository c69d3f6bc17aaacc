/*
 * frame.h - WebSocket frames as a client writes and reads them. Pure.
 */
#ifndef CW_BENCH_FRAME_H
#define CW_BENCH_FRAME_H

#include <chanway/bytes.h>

#include "protocol.h"

#include <stdbool.h>

enum bench_opcode {
    BENCH_FRAME_TEXT = 0x1,
    BENCH_FRAME_BINARY = 0x2,
    BENCH_FRAME_CLOSE = 0x8,
    BENCH_FRAME_PING = 0x9,
    BENCH_FRAME_PONG = 0xA,
};

struct bench_frame {
    unsigned opcode;
    bool is_final;
    struct cw_bytes payload; /* a view of what was read */
};

/** Appends a masked frame. */
void bench_frame_append(struct bench_text *text, enum bench_opcode opcode, struct cw_bytes payload);
/** How many bytes the first frame of `bytes` takes; 0 if it is not all there. */
size_t bench_frame_read(struct cw_bytes bytes, struct bench_frame *ret_frame);

#endif
