/*
 * bytes.h - a view of bytes that somebody else owns.
 */
#ifndef CHANWAY_BYTES_H
#define CHANWAY_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/** `size` bytes at `data`, valid during the call they are handed to; NULL only if `size` is 0. */
struct cw_bytes {
    const char *data; /**< not owned, and without a NUL at the end */
    size_t size;      /**< bytes */
};

/** View of `size` bytes at `data`. */
static inline struct cw_bytes cw_bytes_make(const void *data, size_t size)
{
    struct cw_bytes bytes;
    bytes.data = (const char *)data;
    bytes.size = size;
    return bytes;
}

/** View of a string without its NUL; NULL gives the empty view. */
static inline struct cw_bytes cw_bytes_text(const char *text)
{
    return cw_bytes_make(text, text == NULL ? 0 : strlen(text));
}

/** Whether both views are of the same bytes. */
static inline bool cw_bytes_equal(struct cw_bytes a, struct cw_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/** Whether `bytes` are those of `text`, without its NUL. */
static inline bool cw_bytes_is(struct cw_bytes bytes, const char *text)
{
    return cw_bytes_equal(bytes, cw_bytes_text(text));
}

#ifdef __cplusplus
}
#endif

#endif
