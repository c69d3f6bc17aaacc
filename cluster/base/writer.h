/*
 * writer.h - bytes that grow while they are written; one sticky error, no check per append.
 */
#ifndef CW_BASE_WRITER_H
#define CW_BASE_WRITER_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct cw_writer {
    char *data; /* owned; NULL until the first byte */
    size_t size;
    size_t capacity;
    bool has_failed; /* out of memory: everything after it is ignored */
};

void cw_writer_init(struct cw_writer *writer);
void cw_writer_finish(struct cw_writer *writer);
/** Empties it and keeps the memory; clears has_failed. */
void cw_writer_reset(struct cw_writer *writer);
/** Room for `size` more bytes (cw_writer_advance what was written); NULL: out of memory. */
char *cw_writer_reserve(struct cw_writer *writer, size_t size);
void cw_writer_advance(struct cw_writer *writer, size_t size);
void cw_writer_byte(struct cw_writer *writer, char byte);
void cw_writer_bytes(struct cw_writer *writer, struct cw_bytes bytes);
void cw_writer_text(struct cw_writer *writer, const char *text);
void cw_writer_u64(struct cw_writer *writer, unsigned long long value);
void cw_writer_printf(struct cw_writer *writer, const char *format, ...) CW_PRINTF(2, 3);
static inline struct cw_bytes cw_writer_view(const struct cw_writer *writer)
{
    return cw_bytes_make(writer->data, writer->size);
}

#endif
