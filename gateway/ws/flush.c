/*
 * flush.c - outbox -> socket.
 *
 * Frames are complete when they are queued, so they are written as they are: by send(), which needs
 * nothing of the library's many words for a connection; by the library (LWS_WRITE_HTTP on a
 * WebSocket adds nothing) what goes through TLS, or comes when it has to say something itself. What
 * the socket does not take of a write the library keeps and sends first when it can; its list is no
 * queue (slow, and bounded at 1024 pieces), so while it holds anything nothing is added to it: the
 * rest waits in the outbox.
 */
#include "ws/flush.h"

#include "base/clock.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "ws/connection.h"
#include "ws/loop_adapter.h"
#include "ws/socket.h"
#include "ws/state.h"

#include <libwebsockets.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* How long the end of one turn may write before other input is looked at, and how often it looks.
 */
#define SLICE_MAX_US 5000
#define SLICE_CHECK  8

/* A message to so many is written in short slices: the next one to the same group, which comes
 * meanwhile, leaves in the same write to all whose turn has not come. A slice is a small part of
 * the whole, and much longer than the rest of its turn, so that input does not come in faster than
 * it can leave. Of messages to few hardly any would meet, and each turn has its price. */
#define WIDE            64
#define SLICE_MIN_US    100
#define SLICE_OF_MEMBER 4 /* a microsecond for so many members */
#define SLICE_OF_TURN   3 /* times what the turn has taken */

/* At most one write is in flight, and all of it counts as unsent: a quarter of the bound is not
 * much too much. */
static size_t gather_limit(const struct cw_connection *connection)
{
    size_t limit = connection->server->node->limits.send_queue_max / 4;
    return limit > 0 && limit < CW_FLUSH_SCRATCH ? limit : CW_FLUSH_SCRATCH;
}

/* Nothing of the library is under way, nor will be before the next callback. */
static bool is_direct(const struct cw_connection *connection)
{
    return connection->fd >= 0 && !connection->is_library_writing && !connection->is_unbound;
}

static bool is_library_full(const struct cw_connection *connection)
{
    return !is_direct(connection) && lws_partial_buffered(connection->wsi);
}

static void wait_until_writable(struct cw_connection *connection)
{
    if (!connection->is_blocked)
        CW_STAT(client_writes_blocked_total) += 1;
    connection->is_blocked = true;
    lws_callback_on_writable(connection->wsi);
}

/* What the socket does not take the library tries once more, and keeps. False: the connection is
 * broken. */
static bool hand_over(struct cw_connection *connection, char *data, size_t size)
{
    if (is_direct(connection)) {
        ssize_t sent = send(connection->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent == (ssize_t)size)
            return true;
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        }
    }
    if (lws_write(connection->wsi, (unsigned char *)data, size, LWS_WRITE_HTTP) < 0)
        return false;
    if (lws_partial_buffered(connection->wsi))
        connection->is_library_writing = true;
    return true;
}

/* Hands over `size` bytes, the oldest `frames` of the outbox. They stay there until the socket has
 * them, so that what was not written is known at the end. False: the connection is broken, and will
 * be dropped. */
static bool write_bytes(struct cw_connection *connection, char *data, size_t size, uint32_t frames)
{
    if (!hand_over(connection, data, size)) {
        cw_connection_kill(connection);
        return false;
    }
    if (connection->is_held_back)
        cw_socket_hold_back(connection->wsi, false);
    connection->is_held_back = false;
    CW_STAT(client_writes_total) += 1;
    CW_STAT(client_bytes_out_total) += size;
    if (frames == 0)
        return true;
    struct cw_outbox *outbox = &connection->channel->outbox;
    if (is_library_full(connection))
        outbox->flying = frames;
    else
        cw_outbox_drop(outbox, frames);
    return true;
}

/* The close frame, if it may go already. */
static struct cw_buf *last_frame(const struct cw_connection *connection)
{
    if (connection->channel != NULL && connection->channel->farewell != NULL)
        return NULL;
    return cw_connection_close_frame(connection);
}

/* One frame, straight from its shared buffer. */
static bool write_front(struct cw_connection *connection, struct cw_outbox *outbox)
{
    struct cw_buf *frame = cw_outbox_front(outbox);
    return write_bytes(connection, frame->data, frame->size, 1);
}

/* The oldest frames together, and the close frame if it comes next. */
static bool write_frames(struct cw_connection *connection, struct cw_outbox *outbox)
{
    const struct cw_buf *last = last_frame(connection);
    if (outbox->count == 1 && last == NULL)
        return write_front(connection, outbox);

    char *scratch = connection->server->scratch;
    uint32_t frames = 0;
    size_t size = cw_outbox_gather(outbox, scratch, gather_limit(connection), &frames);
    if (size == 0)
        return write_front(connection, outbox);
    if (last != NULL && frames == outbox->count && last->size <= CW_FLUSH_SCRATCH - size) {
        memcpy(scratch + size, last->data, last->size);
        size += last->size;
        connection->is_close_sent = true;
    }
    return write_bytes(connection, scratch, size, frames);
}

void cw_flush_connection(struct cw_connection *connection)
{
    /* After a close frame, ours or one the library made, nothing follows. */
    if (connection->is_close_sent ||
        (!is_direct(connection) && lws_get_close_length(connection->wsi) > 0))
        return;

    struct cw_outbox *outbox = connection->channel != NULL ? &connection->channel->outbox : NULL;
    for (;;) {
        if (is_library_full(connection)) {
            wait_until_writable(connection);
            return;
        }
        if (outbox != NULL && outbox->flying > 0) {
            cw_outbox_drop(outbox, outbox->flying);
            outbox->flying = 0;
        }
        if (connection->is_close_sent)
            return;
        if (outbox != NULL && outbox->shed != NULL && !cw_channel_tell_drops(connection->channel)) {
            cw_connection_kill(connection);
            return;
        }
        if (outbox != NULL && !cw_outbox_is_empty(outbox)) {
            if (!write_frames(connection, outbox))
                return;
        } else if (last_frame(connection) != NULL) {
            struct cw_buf *last = last_frame(connection);
            connection->is_close_sent = true;
            if (!write_bytes(connection, last->data, last->size, 0))
                return;
        } else {
            if (connection->channel != NULL)
                cw_channel_on_drained(connection->channel);
            return;
        }
    }
}

/* How long this turn may write. */
static int64_t turns_slice_us(const struct cw_ws_server *server)
{
    uint32_t widest = server->node->widest;
    if (widest < WIDE)
        return SLICE_MAX_US;
    int64_t slice_us = cw_loop_turn_us(server->loop) * SLICE_OF_TURN;
    if (slice_us < widest / SLICE_OF_MEMBER)
        slice_us = widest / SLICE_OF_MEMBER;
    if (slice_us < SLICE_MIN_US)
        return SLICE_MIN_US;
    return slice_us < SLICE_MAX_US ? slice_us : SLICE_MAX_US;
}

bool cw_flush_dirty(struct cw_ws_server *server)
{
    int64_t end_us = cw_clock_us() + turns_slice_us(server);
    struct cw_list *dirty = &server->node->dirty;
    struct cw_list_node *node;
    for (unsigned i = 1; (node = cw_list_pop_front(dirty)) != NULL; i++) {
        struct cw_channel *channel = CW_CONTAINER(node, struct cw_channel, dirty);
        struct cw_connection *connection = channel->connection;
        if (connection != NULL)
            cw_flush_connection(connection);
        if (i % SLICE_CHECK == 0 && cw_clock_us() >= end_us)
            break;
    }
    if (!cw_list_is_empty(dirty))
        return true;
    server->node->widest = 0;
    return false;
}
