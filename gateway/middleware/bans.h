/*
 * bans.h - who is banned does not come in, and is closed if it is in: by user, address or channel,
 * with 4004 and the ban's reason (cluster/ban_mirror.h).
 */
#ifndef CW_MIDDLEWARE_BANS_H
#define CW_MIDDLEWARE_BANS_H

#include <chanway/error.h>

#include <stdbool.h>

struct cw_ban_guard;
struct cw_chain;
struct cw_channel;
struct cw_node;
struct event_base;

/** Puts a guard into the chain. Two are needed: before whoever finds out the user, so that a banned
 * address costs nothing, and after. */
CW_MUST_CHECK int cw_ban_guard_add(struct cw_chain *chain);

/** Looks at all channels of the node, in slices, whenever somebody is banned. `node` and its
 * cluster must outlive it. */
CW_MUST_CHECK int cw_ban_guard_create(struct event_base *base, struct cw_node *node,
                                      struct cw_ban_guard **ret_guard);
/** NULL is fine. */
void cw_ban_guard_destroy(struct cw_ban_guard *guard);

/** True: the channel is banned, and closed. Of one that is let in and whose user is known since
 * now.
 */
bool cw_ban_guard_closes(struct cw_channel *channel);

#endif
