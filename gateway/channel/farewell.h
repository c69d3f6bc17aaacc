/*
 * farewell.h - how a channel ends: its part in the cluster, and what its client is told.
 *
 * A client that is told to go may be back before the node has heard of its going, at another node.
 * So where its session goes on, the cluster is told first:
 *
 *   close --what was queued is written--> measured, out of the cluster --Redis has it--> bye, close
 *     `------------------ lost, or it takes too long: the cluster is told at the end ----------^
 *
 * Else the other node would find a channel that is connected, and not know what its client was
 * written last: all that was kept for it would be a gap.
 */
#ifndef CW_CHANNEL_FAREWELL_H
#define CW_CHANNEL_FAREWELL_H

#include <chanway/cluster.h>

#include <stdbool.h>

struct cw_channel;

/** The end of its part in the cluster, and for the application. `leaving` NULL: for good;
 * `is_replaced`: another connection of this node goes on with it. */
void cw_farewell_withdraw(struct cw_channel *channel, int code, const char *reason,
                          const struct cw_leaving *leaving, bool is_replaced);

/** All that was queued is written. From where nobody walks through members or groups, if the
 * channel is closing. */
void cw_farewell_on_drained(struct cw_channel *channel);
/** Its client is told now, whether or not the cluster was; again is harmless. */
void cw_farewell_say(struct cw_channel *channel);
/** The channel is being freed. */
void cw_farewell_forget(struct cw_channel *channel);

#endif
