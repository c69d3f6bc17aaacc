/*
 * buf.c - shared, immutable, refcounted bytes: header and bytes in one allocation.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct cw_buf *cw_buf_create(size_t size)
{
    if (size > UINT32_MAX || size > SIZE_MAX - sizeof(struct cw_buf))
        return NULL;

    struct cw_buf *buf = malloc(sizeof(*buf) + size);
    if (buf == NULL)
        return NULL;
    buf->refs = 1;
    buf->size = (uint32_t)size;
    buf->log = 0;
    buf->is_entry = false;
    buf->slow_policy = 0;
    buf->is_packing_tried = false;
    buf->packed = NULL;
    return buf;
}

struct cw_buf *cw_buf_copy(struct cw_bytes bytes)
{
    struct cw_buf *buf = cw_buf_create(bytes.size);
    if (buf != NULL && bytes.size > 0)
        memcpy(buf->data, bytes.data, bytes.size);
    return buf;
}

struct cw_buf *cw_buf_ref(struct cw_buf *buf)
{
    assert(buf->refs > 0 && buf->refs < UINT32_MAX);
    buf->refs++;
    return buf;
}

struct cw_buf *cw_buf_unref(struct cw_buf *buf)
{
    while (buf != NULL) {
        assert(buf->refs > 0);
        if (--buf->refs > 0)
            break;
        struct cw_buf *packed = buf->packed;
        free(buf);
        buf = packed;
    }
    return NULL;
}
