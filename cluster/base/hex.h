/*
 * hex.h - hexadecimal digits; header only.
 */
#ifndef CW_BASE_HEX_H
#define CW_BASE_HEX_H

#include <stddef.h>

/** Two digits of lower case for each byte; no NUL. */
static inline void cw_hex_write(char *to, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
}

/** The value of a digit of either case; -1: it is none. */
static inline int cw_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
