/*
 * digits.h - numbers as decimal text where snprintf would cost more than all around it.
 */
#ifndef CW_BASE_DIGITS_H
#define CW_BASE_DIGITS_H

#include <chanway/bytes.h>

#include <stdint.h>

#define CW_DIGITS_SIZE 20 /* of UINT64_MAX */

/** `value` in decimal, written at the end of `space`, which the result points into. */
static inline struct cw_bytes cw_digits(char space[CW_DIGITS_SIZE], uint64_t value)
{
    size_t start = CW_DIGITS_SIZE;
    do {
        space[--start] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return cw_bytes_make(space + start, CW_DIGITS_SIZE - start);
}

#endif
