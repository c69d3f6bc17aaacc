/*
 * fake_bans.h - chanway_limits_bans.lua as a node sees it, without time: no ban ends.
 */
#ifndef CW_TESTS_FAKE_BANS_H
#define CW_TESTS_FAKE_BANS_H

#include "loop/fake_store.h"

#define FAKE_BAN_LEFT_MS 60000

/** NULL: the function is none of these. `args`: from the key on. */
struct redisReply *fake_bans_run(struct fake_store *store, struct cw_bytes function,
                                 const struct cw_bytes *args, size_t count);

/** Somebody is banned; the nodes are told. NULL `reason`: the ban is lifted. */
void fake_bans_change(struct fake_store *store, const char *subject, const char *reason);
/** As it was at a snapshot: without any ban, `version`; nobody is told. */
void fake_bans_forget(struct fake_store *store, unsigned version);

#endif
