/*
 * shed.h - what a queue gives up for a client that does not read (`slow-policy`).
 *
 * A live message of a group carries its group's policy (struct cw_buf.slow_policy). With
 * `drop-oldest` the oldest such messages go when the queue is at its bound; with `latest` a message
 * goes as soon as a newer one of its group comes while the socket is full. Replies, direct
 * messages, presence, and what a replay or catch-up sent stay; so does what the socket was handed.
 *
 * What goes leaves an empty frame in its slot, the last one of a hole the place of its `gap`:
 *
 *   m4 (at the socket) | -- -- -- gap | ok m9 m10      4 messages went, one gap names the last
 *
 * The gap's frame is made when the client is written next (cw_shed_next_hole, cw_shed_tell),
 * however long the hole has become by then. Its `position` is the first that went, so that a
 * connection that ends before the gap is written counts the whole hole as not written (session.c).
 *
 * Each slot is looked at once for each of the two policies, so that a message more for a queue that
 * stays full costs the same whatever its length. Empty slots are squeezed out when the ring would
 * have to grow for them.
 */
#ifndef CW_CHANNEL_SHED_H
#define CW_CHANNEL_SHED_H

#include <chanway/error.h>
#include <chanway/gateway.h>
#include <chanway/message.h>

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_outbox;

/** What went, one message after the other, of one log. */
struct cw_hole {
    uint64_t log;
    struct cw_position last; /* that went; 0-0: the group keeps no history */
    uint32_t trace;          /* shed.c's */
};

/**
 * Queues `frame` (the outbox takes its own reference) in a queue that has no room for it, or, with
 * the policy `latest`, whose socket is full: what may go goes, oldest first, `frame` itself last.
 *
 * CW_ERR_FULL: what has to stay is more than `limit_bytes`, `frame` was not queued, and the client
 * is to be closed; CW_ERR_NOMEM likewise.
 */
CW_MUST_CHECK int cw_shed_push(struct cw_outbox *outbox, struct cw_buf *frame, size_t limit_bytes);

/** A hole that was not told, or has grown since; false: none. Before anything is written all are to
 * be told. */
bool cw_shed_next_hole(const struct cw_outbox *outbox, struct cw_hole *ret_hole);
/** `gap` (its reference becomes the outbox's) tells it; NULL: nobody is told. */
void cw_shed_tell(struct cw_outbox *outbox, const struct cw_hole *hole, struct cw_buf *gap);
/** All are told: the oldest frame is one that can be written, or there is none. */
void cw_shed_trim(struct cw_outbox *outbox);

/** The channel leaves the group of `log`: while frames wait its name is not forgotten.
 * CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_shed_remember(struct cw_outbox *outbox, uint64_t log, struct cw_bytes name);
/** The name that was remembered; NULL: none. */
const char *cw_shed_find_name(const struct cw_outbox *outbox, uint64_t log);

/** The first message of `log` that was not written, or went without being told; false: none. */
bool cw_shed_find_unwritten(const struct cw_outbox *outbox, uint64_t log,
                            struct cw_position *ret_first);

/** All that its policy lets go goes, but the newest message of each group with `latest`.
 * CW_ERR_NOMEM: perhaps not all of it. */
CW_MUST_CHECK int cw_shed_what_may(struct cw_outbox *outbox);
/** All that is not at the socket goes, of whatever kind, for a channel that is being closed: only
 * cw_shed_find_unwritten still knows. CW_ERR_NOMEM: nothing went. */
CW_MUST_CHECK int cw_shed_everything(struct cw_outbox *outbox);

/* For outbox.c. */

/** Squeezes out empty slots if there are many; true: there is room in the ring. */
bool cw_shed_compact(struct cw_outbox *outbox);
/** `frame` was taken out. */
void cw_shed_on_pop(struct cw_outbox *outbox, const struct cw_buf *frame);
void cw_shed_destroy(struct cw_outbox *outbox);

#endif
