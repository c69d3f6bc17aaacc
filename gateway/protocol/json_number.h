/*
 * json_number.h - numbers as their text says them: exact, however many digits they have. Pure.
 */
#ifndef CW_PROTOCOL_JSON_NUMBER_H
#define CW_PROTOCOL_JSON_NUMBER_H

#include <chanway/bytes.h>

#include <stdbool.h>
#include <stdint.h>

/* An exponent beyond this counts as this: 1e99999999999999999 is 1e1000000000000000. */
#define CW_JSON_EXPONENT_MAX INT64_C(1000000000000000)

/** A view of a JSON number's text; 0 and -0 are the same. */
struct cw_json_number {
    const char *first; /* its first digit that is not 0; NULL: the number is 0 */
    const char *last;  /* its last one; a point may be between them */
    int64_t high;      /* power of ten of `first` */
    int64_t low;       /* power of ten of `last` */
    bool is_negative;
};

/** `text` is a JSON number (RFC 8259), and has to live as long as what is returned. */
struct cw_json_number cw_json_number_of(struct cw_bytes text);
/** < 0, 0 or > 0. */
int cw_json_number_compare(const struct cw_json_number *a, const struct cw_json_number *b);
/** Without a fraction: 7, 1.0, 1e400. */
bool cw_json_number_is_integer(const struct cw_json_number *number);
/** An integer from 0, UINT64_MAX for what is above it. False: it is none. */
bool cw_json_number_to_count(const struct cw_json_number *number, uint64_t *ret_count);

#endif
