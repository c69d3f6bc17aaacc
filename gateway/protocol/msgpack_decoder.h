/*
 * msgpack_decoder.h - MessagePack maps, one in a frame; views of the frame, no memory but for
 * `data`.
 */
#ifndef CW_PROTOCOL_MSGPACK_DECODER_H
#define CW_PROTOCOL_MSGPACK_DECODER_H

#include "protocol/decoder.h"

#include <stddef.h>

/** For frames of up to `size_max` bytes: takes six times that for the text of `data`, 7 MiB at
 * most. NULL: no memory. */
struct cw_decoder *cw_msgpack_decoder_create(size_t size_max);

#endif
