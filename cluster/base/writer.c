/*
 * writer.c - bytes that grow while they are written, by doubling.
 */
#include "base/writer.h"

#include "base/digits.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* A small JSON event fits without growing. */
#define CAPACITY_MIN 256

static bool grow(struct cw_writer *writer, size_t needed)
{
    size_t capacity = writer->capacity < CAPACITY_MIN ? CAPACITY_MIN : writer->capacity;
    while (capacity < needed)
        capacity *= 2; /* can't wrap: `needed` is at most half of SIZE_MAX */

    char *data = realloc(writer->data, capacity);
    if (data == NULL)
        return false;
    writer->data = data;
    writer->capacity = capacity;
    return true;
}

void cw_writer_init(struct cw_writer *writer)
{
    *writer = (struct cw_writer){0};
}

void cw_writer_finish(struct cw_writer *writer)
{
    free(writer->data);
    *writer = (struct cw_writer){0};
}

void cw_writer_reset(struct cw_writer *writer)
{
    writer->size = 0;
    writer->has_failed = false;
}

char *cw_writer_reserve(struct cw_writer *writer, size_t size)
{
    if (writer->has_failed)
        return NULL;
    if (writer->data == NULL || size > writer->capacity - writer->size) {
        if (size > SIZE_MAX / 2 - writer->size || !grow(writer, writer->size + size)) {
            writer->has_failed = true;
            return NULL;
        }
    }
    return writer->data + writer->size;
}

void cw_writer_advance(struct cw_writer *writer, size_t size)
{
    assert(size <= writer->capacity - writer->size);
    writer->size += size;
}

void cw_writer_byte(struct cw_writer *writer, char byte)
{
    char *to = cw_writer_reserve(writer, 1);
    if (to == NULL)
        return;
    *to = byte;
    writer->size++;
}

void cw_writer_bytes(struct cw_writer *writer, struct cw_bytes bytes)
{
    if (bytes.size == 0)
        return;
    char *to = cw_writer_reserve(writer, bytes.size);
    if (to == NULL)
        return;
    memcpy(to, bytes.data, bytes.size);
    writer->size += bytes.size;
}

void cw_writer_text(struct cw_writer *writer, const char *text)
{
    cw_writer_bytes(writer, cw_bytes_text(text));
}

void cw_writer_u64(struct cw_writer *writer, unsigned long long value)
{
    char space[CW_DIGITS_SIZE];
    cw_writer_bytes(writer, cw_digits(space, value));
}

void cw_writer_printf(struct cw_writer *writer, const char *format, ...)
{
    char *to = cw_writer_reserve(writer, 1);
    if (to == NULL)
        return;

    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    size_t room = writer->capacity - writer->size;
    int length = vsnprintf(to, room, format, arguments);
    if (length >= 0 && (size_t)length >= room) {
        /* One byte more than is kept: vsnprintf ends with a NUL. */
        to = cw_writer_reserve(writer, (size_t)length + 1);
        if (to != NULL)
            length = vsnprintf(to, (size_t)length + 1, format, again);
    }
    va_end(again);
    va_end(arguments);

    if (length < 0)
        writer->has_failed = true;
    else if (to != NULL)
        writer->size += (size_t)length;
}
