/*
 * envelope_encode.h - what chanway.lua writes, for tests and fakes: struct cw_envelope -> bytes.
 */
#ifndef CW_TESTS_ENVELOPE_ENCODE_H
#define CW_TESTS_ENVELOPE_ENCODE_H

#include <chanway/bytes.h>
#include <chanway/message.h>

#include <stdint.h>

struct cw_envelope;
struct cw_writer;

/** Appends a pub/sub message. A predecessor {0, 0} is written as "". */
void cw_envelope_encode(struct cw_writer *writer, const struct cw_envelope *envelope);
/** Appends a body, a stream entry's field d. */
void cw_envelope_encode_body(struct cw_writer *writer, const struct cw_message *message);

/* The pieces, to write what chanway.lua would not. Each in its shortest form. */
void cw_msgpack_nil(struct cw_writer *writer);
void cw_msgpack_uint(struct cw_writer *writer, uint64_t value);
void cw_msgpack_str(struct cw_writer *writer, struct cw_bytes text);
void cw_msgpack_bin(struct cw_writer *writer, struct cw_bytes bytes);
/** The head of an array; its `count` elements follow. */
void cw_msgpack_array(struct cw_writer *writer, uint32_t count);

#endif
