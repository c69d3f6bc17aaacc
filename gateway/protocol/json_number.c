/*
 * json_number.c - a number is its digits from the first to the last that is not 0, and the power of
 * ten of each end: two are compared digit by digit, nothing is ever rounded.
 */
#include "protocol/json_number.h"

#include <stddef.h>

static int64_t clamp(int64_t exponent)
{
    if (exponent > CW_JSON_EXPONENT_MAX)
        return CW_JSON_EXPONENT_MAX;
    return exponent < -CW_JSON_EXPONENT_MAX ? -CW_JSON_EXPONENT_MAX : exponent;
}

/* What is behind the `e`. */
static int64_t exponent_of(const char *at, const char *end)
{
    bool is_negative = at < end && *at == '-';
    int64_t exponent = 0;

    if (at < end && (*at == '-' || *at == '+'))
        at++;
    for (; at < end; at++)
        exponent = clamp(exponent * 10 + (*at - '0'));
    return is_negative ? -exponent : exponent;
}

struct cw_json_number cw_json_number_of(struct cw_bytes text)
{
    struct cw_json_number number = {0};
    const char *at = text.data;
    const char *end = at + text.size;
    int64_t place = 0; /* of the digit at `at`, if the mantissa had no end */
    int64_t units = 0; /* of the digit before the point */
    bool is_fraction = false;

    if (at < end && *at == '-') {
        number.is_negative = true;
        at++;
    }
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            is_fraction = true;
            continue;
        }
        if (*at != '0') {
            if (number.first == NULL) {
                number.first = at;
                number.high = place;
            }
            number.last = at;
            number.low = place;
        }
        if (!is_fraction)
            units = place;
        place--;
    }
    if (number.first == NULL)
        return (struct cw_json_number){0};
    int64_t exponent = at < end ? exponent_of(at + 1, end) : 0;
    number.high += exponent - units;
    number.low += exponent - units;
    return number;
}

/* Both point to a digit, or behind `last`: then what follows are zeros. */
static const char *next_digit(const char *at, const char *last)
{
    at++;
    return at <= last && *at == '.' ? at + 1 : at;
}

static int compare_sizes(const struct cw_json_number *a, const struct cw_json_number *b)
{
    if (a->high != b->high)
        return a->high < b->high ? -1 : 1;
    const char *left = a->first;
    const char *right = b->first;
    while (left <= a->last && right <= b->last) {
        if (*left != *right)
            return *left < *right ? -1 : 1;
        left = next_digit(left, a->last);
        right = next_digit(right, b->last);
    }
    /* The last digit of each is none of its zeros: who has one more is larger. */
    return (left <= a->last) - (right <= b->last);
}

int cw_json_number_compare(const struct cw_json_number *a, const struct cw_json_number *b)
{
    int a_sign = a->first == NULL ? 0 : a->is_negative ? -1 : 1;
    int b_sign = b->first == NULL ? 0 : b->is_negative ? -1 : 1;

    if (a_sign != b_sign)
        return a_sign < b_sign ? -1 : 1;
    if (a_sign == 0)
        return 0;
    return a_sign * compare_sizes(a, b);
}

bool cw_json_number_is_integer(const struct cw_json_number *number)
{
    return number->first == NULL || number->low >= 0;
}

bool cw_json_number_to_count(const struct cw_json_number *number, uint64_t *ret_count)
{
    uint64_t count = 0;

    if (number->is_negative || !cw_json_number_is_integer(number))
        return false;
    if (number->first == NULL) {
        *ret_count = 0;
        return true;
    }
    const char *at = number->first;
    for (int64_t place = number->high; place >= 0; place--) {
        uint64_t digit = at <= number->last ? (uint64_t)(*at - '0') : 0;
        if (count > (UINT64_MAX - digit) / 10) {
            count = UINT64_MAX;
            break;
        }
        count = count * 10 + digit;
        at = next_digit(at, number->last);
    }
    *ret_count = count;
    return true;
}
