/*
 * pattern.h - regular expressions of JSON Schema, by PCRE2, in bounded time: what is written for
 * JavaScript's `u` flag.
 *
 * Not anchored; `$` is the very end, \d \w \s are ASCII, `.` is any character but a line's end,
 * \uXXXX a character; there is no \C.
 */
#ifndef CW_PROTOCOL_PATTERN_H
#define CW_PROTOCOL_PATTERN_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include <stddef.h>
#include <stdint.h>

#define CW_PATTERN_SIZE_MAX 4096

struct cw_pattern;

/** CW_ERR_INVALID: `error` is what is wrong with `text`, which is valid UTF-8. CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_pattern_create(struct cw_bytes text, char *error, size_t error_size,
                                    struct cw_pattern **ret_pattern);
/** NULL is fine. */
void cw_pattern_destroy(struct cw_pattern *pattern);

/** What matching works in, for any number of patterns; its memory stays for the next match. */
struct cw_matcher;
/** NULL: out of memory. */
struct cw_matcher *cw_matcher_create(void);
/** NULL is fine. */
void cw_matcher_destroy(struct cw_matcher *matcher);

/** A message begins: all its matches together may take some milliseconds of CPU, and more only as
 * its texts are longer. */
void cw_matcher_begin(struct cw_matcher *matcher);

enum cw_match {
    CW_MATCH_NO,
    CW_MATCH_YES,
    CW_MATCH_ENDLESS, /* it would take too many steps, too much memory or too long */
};
/** `text` is valid UTF-8. */
enum cw_match cw_matcher_match(struct cw_matcher *matcher, const struct cw_pattern *pattern,
                               struct cw_bytes text);

#endif
