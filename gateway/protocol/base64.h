/*
 * base64.h - RFC 4648 section 4: the standard alphabet, padded, nothing else. Pure.
 */
#ifndef CW_PROTOCOL_BASE64_H
#define CW_PROTOCOL_BASE64_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include <stddef.h>

static inline size_t cw_base64_encoded_size(size_t size)
{
    return (size + 2) / 3 * 4;
}

/** Writes cw_base64_encoded_size(bytes.size) characters and a NUL. `bytes` is below 1 GiB. */
void cw_base64_encode(struct cw_bytes bytes, char *ret_text);

/**
 * Decodes `text` into `space`, which holds at least text.size / 4 * 3 bytes; `ret_bytes` is a view
 * of it.
 *
 * CW_ERR_PAYLOAD: a character outside the alphabet (white space and the URL alphabet too), missing
 * padding, or bits left over that are not zero: one value has one text.
 */
CW_MUST_CHECK int cw_base64_decode(struct cw_bytes text, char *space, struct cw_bytes *ret_bytes);

#endif
