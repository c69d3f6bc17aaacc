/*
 * stream_info.h - how much of a stream was trimmed away before its consumer groups were given it.
 *
 * Of each group whose last-delivered-id is before the stream's first entry: (entries-added -
 * length) - entries-read, at least 0: what has left the stream, less what the group was given. So
 * the number goes back when the group reads on behind the hole. (Redis 7.0 leaves the hole out of
 * entries-read for good: there a later hole of the group counts the earlier ones again.) Where
 * Redis does not know entries-read, a group at 0-0 has read nothing; any other was made at `$` or
 * in the middle, and what it missed can't be told: 0.
 */
#ifndef CW_STREAM_INFO_H
#define CW_STREAM_INFO_H

#include <chanway/error.h>

#include "endpoints.h"

#include <stdint.h>

/** `trimmed`: the largest of all groups. */
typedef void (*cw_trimmed_fn)(void *arg, int rc, uint64_t trimmed);

/** XINFO STREAM, then XINFO GROUPS of `key`, which is there. Errors as in functions.h. */
CW_MUST_CHECK int cw_stream_info_read(struct cw_endpoints *endpoints, const char *key,
                                      cw_trimmed_fn fn, void *arg);

#endif
