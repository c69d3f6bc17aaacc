/*
 * json_decoder.h - JSON (RFC 8259, UTF-8, no unpaired surrogates) by yyjson, in memory taken once.
 */
#ifndef CW_PROTOCOL_JSON_DECODER_H
#define CW_PROTOCOL_JSON_DECODER_H

#include "protocol/decoder.h"

#include <stddef.h>

/** For texts of up to `size_max` bytes: takes a dozen times that, of which only what is used is
 * touched. NULL: no memory. */
struct cw_decoder *cw_json_decoder_create(size_t size_max);

struct yyjson_val;
/**
 * Whether `text` is one JSON value, at most CW_DEPTH_MAX deep. CW_ERR_INVALID with the decoder's
 * `message`, or CW_ERR_NOMEM: only for a text above `size_max`, which takes memory of its own.
 * `ret_value` lives until the decoder is used again; NULL for such a text.
 */
CW_MUST_CHECK int cw_json_check(struct cw_decoder *decoder, struct cw_bytes text,
                                struct yyjson_val **ret_value);

#endif
