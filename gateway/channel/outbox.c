/*
 * outbox.c - a ring of references to shared frames.
 *
 * Most clients have nothing or one frame waiting, so two slots are inside the struct; a ring is
 * taken from the heap when they do not do, doubles when it is full, and goes back when it has been
 * emptied.
 */
#include "channel/outbox.h"

#include "base/stats.h"
#include "channel/shed.h"

#include <stdlib.h>
#include <string.h>

/* What the first ring has room for: a few turns of a busy group. */
#define RING_CAPACITY 8

static struct cw_buf **slots_of(struct cw_outbox *outbox)
{
    return outbox->ring != NULL ? outbox->ring : outbox->few;
}

/* A bigger ring, its oldest frame first. */
static int grow(struct cw_outbox *outbox)
{
    uint32_t capacity = outbox->ring == NULL ? RING_CAPACITY : outbox->capacity * 2;
    if (capacity <= outbox->capacity)
        return CW_ERR_NOMEM; /* 2^32 frames */
    struct cw_buf **ring = calloc(capacity, sizeof(struct cw_buf *));
    if (ring == NULL)
        return CW_ERR_NOMEM;

    struct cw_buf **slots = slots_of(outbox);
    for (uint32_t i = 0; i < outbox->count; i++)
        ring[i] = slots[(outbox->head + i) & (outbox->capacity - 1)];
    free(outbox->ring);
    outbox->ring = ring;
    outbox->capacity = capacity;
    outbox->head = 0;
    return CW_OK;
}

static void drop_ring(struct cw_outbox *outbox)
{
    free(outbox->ring);
    outbox->ring = NULL;
    outbox->capacity = CW_OUTBOX_INLINE;
    outbox->head = 0;
}

void cw_outbox_init(struct cw_outbox *outbox)
{
    memset(outbox, 0, sizeof(*outbox));
    outbox->capacity = CW_OUTBOX_INLINE;
}

void cw_outbox_finish(struct cw_outbox *outbox)
{
    while (!cw_outbox_is_empty(outbox))
        cw_buf_unref(cw_outbox_pop(outbox));
    drop_ring(outbox);
    cw_shed_destroy(outbox);
    outbox->flying = 0;
}

/* Above what `bytes` can count nothing is taken, whatever the limit. */
static bool has_room(const struct cw_outbox *outbox, size_t waiting, size_t size,
                     size_t limit_bytes)
{
    if (size > UINT32_MAX - outbox->bytes)
        return false;
    return waiting == 0 || (waiting <= limit_bytes && size <= limit_bytes - waiting);
}

static int append(struct cw_outbox *outbox, struct cw_buf *frame)
{
    if (outbox->count == outbox->capacity && !cw_shed_compact(outbox)) {
        int rc = grow(outbox);
        if (rc < 0)
            return rc;
    }
    slots_of(outbox)[(outbox->head + outbox->count) & (outbox->capacity - 1)] = cw_buf_ref(frame);
    outbox->count++;
    outbox->bytes += frame->size;
    CW_STAT(node_queue_bytes) += frame->size;
    return CW_OK;
}

int cw_outbox_push(struct cw_outbox *outbox, struct cw_buf *frame, size_t limit_bytes)
{
    size_t waiting = outbox->bytes - outbox->paced;
    if (!has_room(outbox, waiting, frame->size, limit_bytes))
        return CW_ERR_FULL;
    return append(outbox, frame);
}

int cw_outbox_push_paced(struct cw_outbox *outbox, struct cw_buf *frame, size_t limit_bytes)
{
    if (!has_room(outbox, outbox->bytes, frame->size, limit_bytes))
        return CW_ERR_FULL;
    int rc = append(outbox, frame);
    if (rc == CW_OK)
        outbox->paced += frame->size;
    return rc;
}

struct cw_buf *cw_outbox_front(const struct cw_outbox *outbox)
{
    if (cw_outbox_is_empty(outbox))
        return NULL;
    return outbox->ring != NULL ? outbox->ring[outbox->head] : outbox->few[outbox->head];
}

struct cw_buf *cw_outbox_peek(const struct cw_outbox *outbox, uint32_t index)
{
    uint32_t slot = (outbox->head + index) & (outbox->capacity - 1);
    return outbox->ring != NULL ? outbox->ring[slot] : outbox->few[slot];
}

static void forget_bytes(struct cw_outbox *outbox, const struct cw_buf *frame)
{
    outbox->bytes -= frame->size;
    if (outbox->paced > outbox->bytes) /* where they lie in the queue is not remembered */
        outbox->paced = outbox->bytes;
    CW_STAT(node_queue_bytes) -= frame->size;
}

struct cw_buf *cw_outbox_pop(struct cw_outbox *outbox)
{
    struct cw_buf *frame = cw_outbox_front(outbox);
    if (frame == NULL)
        return NULL;
    outbox->head = (outbox->head + 1) & (outbox->capacity - 1);
    outbox->count--;
    outbox->popped++;
    forget_bytes(outbox, frame);
    if (outbox->shed != NULL)
        cw_shed_on_pop(outbox, frame);
    if (outbox->count == 0)
        drop_ring(outbox);
    return frame;
}

size_t cw_outbox_gather(const struct cw_outbox *outbox, char *space, size_t size,
                        uint32_t *ret_frames)
{
    size_t used = 0;
    uint32_t frames = 0;
    for (; frames < outbox->count; frames++) {
        const struct cw_buf *frame = cw_outbox_peek(outbox, frames);
        if (frame->size > size - used)
            break;
        memcpy(space + used, frame->data, frame->size);
        used += frame->size;
    }
    *ret_frames = frames;
    return used;
}

void cw_outbox_drop(struct cw_outbox *outbox, uint32_t frames)
{
    for (uint32_t i = 0; i < frames; i++) {
        struct cw_buf *frame = cw_outbox_pop(outbox);
        CW_STAT(client_messages_out_total) += frame->size > 0; /* else a place that was given up */
        (void)cw_buf_unref(frame);
    }
}

struct cw_buf **cw_outbox_slot(struct cw_outbox *outbox, uint32_t index)
{
    return &slots_of(outbox)[(outbox->head + index) & (outbox->capacity - 1)];
}

void cw_outbox_replace(struct cw_outbox *outbox, uint32_t index, struct cw_buf *frame)
{
    struct cw_buf **slot = cw_outbox_slot(outbox, index);
    outbox->bytes += frame->size;
    CW_STAT(node_queue_bytes) += frame->size;
    forget_bytes(outbox, *slot);
    (void)cw_buf_unref(*slot);
    *slot = frame;
}

void cw_outbox_cut(struct cw_outbox *outbox, uint32_t frames)
{
    for (uint32_t i = 0; i < frames; i++) {
        uint32_t last = (outbox->head + --outbox->count) & (outbox->capacity - 1);
        struct cw_buf *frame = slots_of(outbox)[last];
        forget_bytes(outbox, frame);
        (void)cw_buf_unref(frame);
    }
    if (outbox->count == 0)
        drop_ring(outbox);
}
