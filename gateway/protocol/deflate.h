/*
 * deflate.h - permessage-deflate (RFC 7692): messages compressed once for all, and inflated in
 * bounds.
 *
 * No message refers to one before it, in either direction (extensions.h), so one of these serves
 * every client, and a client costs nothing.
 */
#ifndef CW_PROTOCOL_DEFLATE_H
#define CW_PROTOCOL_DEFLATE_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include "base/buf.h"

#include <stddef.h>

struct cw_deflate;

/** Payloads of less than `min_bytes` are left as they are. CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_deflate_create(size_t min_bytes, struct cw_deflate **ret_codec);
void cw_deflate_destroy(struct cw_deflate *codec);

/**
 * What goes to clients that read compressed frames in the place of `frame`, which is whole: itself,
 * or a compressed form, which it owns from now on and has all its marks (log, position, ...): made
 * when first asked for, for all who ask. Where nothing is gained, or memory is short: itself.
 */
struct cw_buf *cw_deflate_form(struct cw_deflate *codec, struct cw_buf *frame);

/** The longest that a message of at most `max` bytes needs to be when it is compressed. */
size_t cw_deflate_bound(size_t max);

/**
 * What a client has compressed, at most `max` bytes of it; valid until the next call.
 *
 * CW_ERR_TOO_LARGE: it is more, and no more than that was inflated; CW_ERR_INVALID: it is no such
 * data; CW_ERR_NOMEM.
 */
CW_MUST_CHECK int cw_deflate_unpack(struct cw_deflate *codec, struct cw_bytes packed, size_t max,
                                    struct cw_bytes *ret_plain);

#endif
