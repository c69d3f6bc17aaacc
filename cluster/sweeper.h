/*
 * sweeper.h - looks through all groups for members that nobody can find otherwise.
 *
 * A member's entry is found by the mark in its channel's hash. Where Redis lost the one and got the
 * other afterwards (data lost between two calls of a node, a call stuck in the network beyond its
 * node's end) there is an entry that no channel accounts for. So every node looks through the
 * groups from time to time, and soon after it had to take a new id: entries of its own that it does
 * not know, and entries of nodes that are no more, are left.
 */
#ifndef CW_SWEEPER_H
#define CW_SWEEPER_H

#include <chanway/error.h>

#include "registry.h"

struct cw_sweeper;
struct event_base;

CW_MUST_CHECK int cw_sweeper_create(struct event_base *base, struct cw_registry *registry,
                                    struct cw_sweeper **ret_sweeper);
void cw_sweeper_destroy(struct cw_sweeper *sweeper);
/** The link is up: sweeps every few minutes. */
void cw_sweeper_start(struct cw_sweeper *sweeper);
/** The link was lost: what is under way is given up. Every call has been answered. */
void cw_sweeper_stop(struct cw_sweeper *sweeper);
/** Something may be left that only a sweep finds: it begins in two seconds. */
void cw_sweeper_hurry(struct cw_sweeper *sweeper);

#endif
