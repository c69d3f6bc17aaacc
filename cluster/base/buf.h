/*
 * buf.h - shared, immutable, refcounted bytes (a framed message in a thousand outboxes).
 *
 * Whoever keeps a `struct cw_buf *` refs it. The creator may write `data` until it shares it.
 */
#ifndef CW_BASE_BUF_H
#define CW_BASE_BUF_H

#include <chanway/bytes.h>
#include <chanway/message.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_buf {
    uint32_t refs;
    uint32_t size;
    uint64_t log;                /* whose message it carries, in its owner's numbering; 0: none */
    struct cw_position position; /* its place there, if it has one */
    bool is_entry;               /* it has: that log is kept */
    uint8_t slow_policy;         /* what a full queue does with it, in its owner's numbering */
    bool is_packing_tried;       /* `packed` is what it will ever be */
    struct cw_buf *packed;       /* owned: the same, compressed; NULL: none */
    char data[];
};

/** `size` bytes, not initialised, one reference, no log, policy 0. NULL: out of memory (or size
 * over UINT32_MAX). */
struct cw_buf *cw_buf_create(size_t size);
/** A copy of `bytes`. NULL: out of memory. */
struct cw_buf *cw_buf_copy(struct cw_bytes bytes);
struct cw_buf *cw_buf_ref(struct cw_buf *buf);
/** Drops one reference; NULL is fine. Returns NULL. */
struct cw_buf *cw_buf_unref(struct cw_buf *buf);
static inline struct cw_bytes cw_buf_bytes(const struct cw_buf *buf)
{
    return cw_bytes_make(buf->data, buf->size);
}

#endif
