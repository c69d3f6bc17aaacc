/*
 * marker.c - fixed columns of base 64.
 */
#include "marker.h"

#include <string.h>

#define TIME_MASK ((1U << 30) - 1)

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

static char *write_digits(char *at, uint32_t value, unsigned count)
{
    for (unsigned i = count; i-- > 0; value >>= 6)
        at[i] = digits[value & 63];
    return at + count;
}

/* -1: no digit of ours. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 36;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

static bool read_digits(const char **at, unsigned count, uint32_t *ret_value)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < count; i++) {
        int digit = digit_value(*(*at)++);
        if (digit < 0)
            return false;
        value = value << 6 | (uint32_t)digit;
    }
    *ret_value = value;
    return true;
}

void bench_marker_write(const struct bench_marker *marker, char ret_text[BENCH_MARKER_SIZE])
{
    char *at = ret_text;
    *at++ = '~';
    at = write_digits(at, marker->run, 1);
    at = write_digits(at, marker->publisher, 1);
    at = write_digits(at, marker->group, 3);
    at = write_digits(at, marker->sequence, 5);
    (void)write_digits(at, marker->time_us, 5);
}

static bool read_marker(const char *at, struct bench_marker *ret_marker)
{
    return read_digits(&at, 1, &ret_marker->run) && read_digits(&at, 1, &ret_marker->publisher) &&
           read_digits(&at, 3, &ret_marker->group) && read_digits(&at, 5, &ret_marker->sequence) &&
           read_digits(&at, 5, &ret_marker->time_us);
}

bool bench_marker_next(struct cw_bytes *bytes, struct bench_marker *ret_marker)
{
    while (bytes->size >= BENCH_MARKER_SIZE) {
        const char *at = memchr(bytes->data, '~', bytes->size - BENCH_MARKER_SIZE + 1);
        if (at == NULL)
            return false;
        bool is_found = read_marker(at + 1, ret_marker);
        size_t used = (size_t)(at - bytes->data) + (is_found ? BENCH_MARKER_SIZE : 1);
        bytes->size -= used;
        bytes->data += used;
        if (is_found)
            return true;
    }
    return false;
}

bool bench_marker_find(struct cw_bytes bytes, struct bench_marker *ret_marker)
{
    return bench_marker_next(&bytes, ret_marker);
}

uint32_t bench_marker_time(uint64_t now_ns)
{
    return (uint32_t)(now_ns / 1000) & TIME_MASK;
}

uint64_t bench_marker_age_ns(const struct bench_marker *marker, uint64_t now_ns)
{
    return (uint64_t)((bench_marker_time(now_ns) - marker->time_us) & TIME_MASK) * 1000;
}
