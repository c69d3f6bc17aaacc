/*
 * hex.h - hexadecimal digits; header only.
 */
#ifndef CW_PROTOCOL_HEX_H
#define CW_PROTOCOL_HEX_H

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
