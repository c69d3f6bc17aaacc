/*
 * outbox.h - (9) the bounded queue of shared frames that wait for one client.
 *
 * Nothing is written here: the end of the loop turn writes all waiting frames at once (ws/flush.c).
 */
#ifndef CW_CHANNEL_OUTBOX_H
#define CW_CHANNEL_OUTBOX_H

#include <chanway/error.h>

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CW_OUTBOX_INLINE 2

struct cw_shed;

struct cw_outbox {
    struct cw_buf **ring; /* NULL: `few` is the ring; owned */
    struct cw_buf *few[CW_OUTBOX_INLINE];
    uint32_t capacity; /* of the ring in use, a power of two */
    uint32_t head;
    uint32_t count;
    uint32_t bytes; /* waiting here; kept below 4 GiB by the limit */
    uint32_t
        flying;     /* of the oldest frames: handed to the transport, not all taken by the socket */
    uint32_t paced; /* of `bytes`, at most so many came by push_paced: push does not count them */
    uint64_t popped;      /* frames taken out so far: the slot of the oldest one */
    struct cw_shed *shed; /* owned: what a full queue gave up, shed.h; NULL: nothing */
};

void cw_outbox_init(struct cw_outbox *outbox);
void cw_outbox_finish(struct cw_outbox *outbox);
static inline bool cw_outbox_is_empty(const struct cw_outbox *outbox)
{
    return outbox->count == 0;
}

/**
 * Queues one whole frame; the outbox takes its own reference.
 *
 * Returns 0; CW_ERR_FULL if something waits and, with this frame, more than `limit_bytes` would
 * (one frame always fits an empty queue), and then it is unchanged: dropping or closing is the
 * caller's choice; or CW_ERR_NOMEM, unchanged too. What is flying waits as well.
 */
CW_MUST_CHECK int cw_outbox_push(struct cw_outbox *outbox, struct cw_buf *frame,
                                 size_t limit_bytes);
/**
 * The same for what the client's own reading paces: all that waits counts against `limit_bytes`,
 * but it takes no room from what is pushed live.
 */
CW_MUST_CHECK int cw_outbox_push_paced(struct cw_outbox *outbox, struct cw_buf *frame,
                                       size_t limit_bytes);
/** The oldest frame, still queued; NULL: empty. */
struct cw_buf *cw_outbox_front(const struct cw_outbox *outbox);
/** Takes the oldest frame out; the caller gets the outbox's reference. */
struct cw_buf *cw_outbox_pop(struct cw_outbox *outbox);
/** The oldest frame but `index`, still queued; `index` is less than `count`. */
struct cw_buf *cw_outbox_peek(const struct cw_outbox *outbox, uint32_t index);
/** Copies as many whole frames as fit into `space`, all still queued; returns the bytes, 0 if not
 * even one fits. */
size_t cw_outbox_gather(const struct cw_outbox *outbox, char *space, size_t size,
                        uint32_t *ret_frames);
/** Takes the oldest `frames` out and drops them: they are written. Counts them. */
void cw_outbox_drop(struct cw_outbox *outbox, uint32_t frames);
/** Where the oldest frame but `index` is kept; `index` is less than `count`. For shed.c. */
struct cw_buf **cw_outbox_slot(struct cw_outbox *outbox, uint32_t index);
/** Puts `frame` (with the caller's reference) in the place of the oldest frame but `index`. */
void cw_outbox_replace(struct cw_outbox *outbox, uint32_t index, struct cw_buf *frame);
/** Takes the newest `frames` out and drops them. */
void cw_outbox_cut(struct cw_outbox *outbox, uint32_t frames);

#endif
