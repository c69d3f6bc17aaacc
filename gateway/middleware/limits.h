/*
 * limits.h - how many connections an address and a user have in the whole cluster, and how fast
 * they come (settings max-per-address, max-per-user, connect-rate, limits-fail).
 *
 * Asked of Redis at connect, the address first, then the user; who is over a limit is closed with
 * 4002. Where Redis does not say in time, limits-fail decides.
 */
#ifndef CW_MIDDLEWARE_LIMITS_H
#define CW_MIDDLEWARE_LIMITS_H

#include <chanway/error.h>

struct cw_chain;
struct cw_channel;
struct cw_node;

/** Puts the limits into the chain; they are those of node->limits at each connection. */
CW_MUST_CHECK int cw_limits_add(struct cw_chain *chain, struct cw_node *node);

/**
 * The channel's user is known since now, and it is let in already (it has authenticated later): it
 * takes its seat, or is closed. Again with the same user: nothing happens.
 */
void cw_limits_user_known(struct cw_channel *channel);

#endif
