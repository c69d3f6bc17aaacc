/*
 * fake_limits.h - chanway_limits.lua as a node sees it, without time: seats and windows never end.
 */
#ifndef CW_TESTS_FAKE_LIMITS_H
#define CW_TESTS_FAKE_LIMITS_H

#include "loop/fake_store.h"

/** A rate that is used up says to come again then. */
#define FAKE_RATE_WAIT_MS 1234
#define FAKE_SEAT_WAIT_MS 15000

/** NULL: the function is none of these. `args`: from the key on. */
struct redisReply *fake_limits_run(struct fake_store *store, struct cw_bytes function,
                                   const struct cw_bytes *args, size_t count);

#endif
