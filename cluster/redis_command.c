/*
 * redis_command.c - "*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n": an array of bulk strings (the RESP
 * specification, "Sending commands to a Redis server").
 */
#include "redis_command.h"

#include "base/digits.h"

#include <string.h>

#define LINE_END_SIZE 2

static size_t digits_of(size_t value)
{
    size_t digits = 1;
    while (value >= 10) {
        value /= 10;
        digits++;
    }
    return digits;
}

static size_t head_size(size_t value)
{
    return 1 + digits_of(value) + LINE_END_SIZE;
}

static char *write_bytes(char *out, struct cw_bytes bytes)
{
    if (bytes.size > 0)
        memcpy(out, bytes.data, bytes.size);
    memcpy(out + bytes.size, "\r\n", LINE_END_SIZE);
    return out + bytes.size + LINE_END_SIZE;
}

static char *write_head(char *out, char kind, size_t value)
{
    char space[CW_DIGITS_SIZE];
    *out = kind;
    return write_bytes(out + 1, cw_digits(space, value));
}

size_t cw_redis_command_size(const struct cw_bytes *args, size_t count)
{
    size_t size = head_size(count);
    for (size_t i = 0; i < count; i++)
        size += head_size(args[i].size) + args[i].size + LINE_END_SIZE;
    return size;
}

void cw_redis_command_write(char *out, const struct cw_bytes *args, size_t count)
{
    out = write_head(out, '*', count);
    for (size_t i = 0; i < count; i++) {
        out = write_head(out, '$', args[i].size);
        out = write_bytes(out, args[i]);
    }
}
