/*
 * heartbeat.h - pings for silent clients, the end of dead ones and of those whose time is over.
 *
 * Not by timers of the library (each costs a walk through all others): a slice of the node's
 * channels is looked at per tick, so that each is visited once a second, or four times per
 * heartbeat interval if that is more often.
 */
#ifndef CW_WS_HEARTBEAT_H
#define CW_WS_HEARTBEAT_H

#include <chanway/error.h>

struct cw_heartbeat;
struct cw_node;
struct event_base;

/** Called at the beginning of each tick, ten times a second. */
typedef void (*cw_tick_fn)(void *arg);

CW_MUST_CHECK int cw_heartbeat_create(struct event_base *event_base, struct cw_node *node,
                                      cw_tick_fn on_tick, void *arg,
                                      struct cw_heartbeat **ret_heartbeat);
/** NULL is fine. */
void cw_heartbeat_destroy(struct cw_heartbeat *heartbeat);

#endif
