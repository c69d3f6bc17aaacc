/* heartbeat.c - the wheel. */
#include "ws/heartbeat.h"

#include "base/stats.h"
#include "channel/channel.h"
#include "channel/node.h"
#include "handlers/handlers.h"
#include "protocol/frame.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define TICK_MS 100
/* Each channel is visited once in this time, or sooner. */
#define ROUND_MAX_MS 1000

struct cw_heartbeat {
    struct event *timer;
    struct cw_node *node;
    cw_tick_fn on_tick;
    void *arg;
    struct cw_buf *ping; /* one for all: its payload is empty, and so is the pong's */
    size_t next;         /* where in the node's array the last slice ended */
};

static void ping(struct cw_heartbeat *heartbeat, struct cw_channel *channel)
{
    /* Two bytes more, whatever waits: it is the client's silence that ends it, not this. */
    if (cw_outbox_push(&channel->outbox, heartbeat->ping, SIZE_MAX) < 0)
        return;
    channel->is_pinged = true;
    CW_STAT(client_pings_total) += 1;
    heartbeat->node->transport->request_flush(channel);
}

static void visit(struct cw_heartbeat *heartbeat, struct cw_channel *channel)
{
    const struct cw_limits *limits = &heartbeat->node->limits;
    int64_t now_ms = heartbeat->node->now_ms;
    if (channel->state == CW_CHANNEL_CLOSING)
        return;
    if (channel->expires_at_ms != 0 && now_ms >= channel->expires_at_ms) {
        cw_channel_close(channel, 4003, "expired", -1);
        return;
    }
    if (channel->token_until_ms != 0 || channel->wants_user_group)
        cw_auth_visit(channel);
    /* Who is not read can't be heard. */
    if (channel->is_paused || channel->state != CW_CHANNEL_OPEN)
        return;
    int64_t silent_ms = now_ms - channel->last_seen_ms;
    if (limits->heartbeat_timeout_ms > 0 && silent_ms > limits->heartbeat_timeout_ms)
        cw_channel_close(channel, 4000, "no sign of life", 0);
    else if (limits->heartbeat_interval_ms > 0 && silent_ms > limits->heartbeat_interval_ms &&
             !channel->is_pinged)
        ping(heartbeat, channel);
}

/* How many channels this tick looks at, so that a round takes its time. */
static size_t slice_size(const struct cw_node *node)
{
    int64_t round_ms = ROUND_MAX_MS;
    int64_t interval_ms = node->limits.heartbeat_interval_ms;
    if (interval_ms > 0 && interval_ms / 4 < round_ms)
        round_ms = interval_ms / 4;
    size_t ticks = round_ms > TICK_MS ? (size_t)(round_ms / TICK_MS) : 1;
    return (node->count + ticks - 1) / ticks;
}

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    struct cw_heartbeat *heartbeat = arg;
    struct cw_node *node = heartbeat->node;
    heartbeat->on_tick(heartbeat->arg);

    /* Nobody leaves the array here: closing only marks. */
    for (size_t left = slice_size(node); left > 0; left--) {
        if (heartbeat->next >= node->count)
            heartbeat->next = 0;
        visit(heartbeat, node->all[heartbeat->next++]);
    }
}

int cw_heartbeat_create(struct event_base *event_base, struct cw_node *node, cw_tick_fn on_tick,
                        void *arg, struct cw_heartbeat **ret_heartbeat)
{
    const struct timeval tick = {.tv_usec = TICK_MS * 1000};
    struct cw_heartbeat *heartbeat = calloc(1, sizeof(*heartbeat));
    if (heartbeat == NULL)
        return CW_ERR_NOMEM;
    heartbeat->node = node;
    heartbeat->on_tick = on_tick;
    heartbeat->arg = arg;
    heartbeat->ping = cw_frame_create(CW_FRAME_PING, cw_bytes_make(NULL, 0));
    heartbeat->timer = event_new(event_base, -1, EV_PERSIST, on_timer, heartbeat);
    if (heartbeat->ping == NULL || heartbeat->timer == NULL ||
        event_add(heartbeat->timer, &tick) < 0) {
        cw_heartbeat_destroy(heartbeat);
        return CW_ERR_NOMEM;
    }
    *ret_heartbeat = heartbeat;
    return CW_OK;
}

void cw_heartbeat_destroy(struct cw_heartbeat *heartbeat)
{
    if (heartbeat == NULL)
        return;
    if (heartbeat->timer != NULL)
        event_free(heartbeat->timer);
    cw_buf_unref(heartbeat->ping);
    free(heartbeat);
}
