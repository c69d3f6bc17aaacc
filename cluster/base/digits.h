/*
 * digits.h - numbers as decimal text where snprintf would cost more than all around it.
 */
#ifndef CW_BASE_DIGITS_H
#define CW_BASE_DIGITS_H

#include <chanway/bytes.h>

#include <stdint.h>
#include <string.h>

#define CW_DIGITS_SIZE 20 /* of UINT64_MAX */

/** `value` in decimal, written at the end of `space`, which the result points into. */
static inline struct cw_bytes cw_digits(char space[CW_DIGITS_SIZE], uint64_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    size_t start = CW_DIGITS_SIZE;
    for (; value >= 100; value /= 100) {
        start -= 2;
        memcpy(space + start, pairs + 2 * (value % 100), 2);
    }
    if (value >= 10) {
        start -= 2;
        memcpy(space + start, pairs + 2 * value, 2);
    } else {
        space[--start] = (char)('0' + value);
    }
    return cw_bytes_make(space + start, CW_DIGITS_SIZE - start);
}

#endif
