/* drain.c - who is due, and is told. */
#include "drain.h"

#include "base/clock.h"
#include "channel/channel.h"
#include "channel/node.h"

#define QUIET_PART   10
#define QUIET_MAX_MS 2000

void cw_drain_init(struct cw_drain *drain, int64_t now_ms, int64_t time_ms)
{
    int64_t quiet_ms = time_ms / QUIET_PART;
    drain->at_us = (now_ms + (quiet_ms < QUIET_MAX_MS ? quiet_ms : QUIET_MAX_MS)) * 1000;
    drain->until_us = (now_ms + time_ms) * 1000;
}

bool cw_drain_is_over(const struct cw_drain *drain, int64_t now_ms)
{
    return now_ms * 1000 >= drain->until_us;
}

size_t cw_drain_due(struct cw_drain *drain, size_t left, int64_t now_ms)
{
    int64_t time_us = drain->until_us - drain->at_us;
    int64_t passed_us = now_ms * 1000 - drain->at_us;
    if (cw_drain_is_over(drain, now_ms))
        return left;
    if (passed_us <= 0)
        return 0;
    /* The k-th of `left` is due after k parts of left + 1: none right now, none at the very end. */
    int64_t parts = (int64_t)left + 1;
    int64_t due = parts * passed_us / time_us;
    if (due > (int64_t)left)
        due = (int64_t)left;
    drain->at_us += due * time_us / parts;
    return (size_t)due;
}

void cw_drain_turn(struct cw_drain *drain, struct cw_node *node, int64_t now_ms, uint32_t retry_ms)
{
    size_t left = 0;
    for (size_t i = 0; i < node->count; i++)
        left += node->all[i]->state != CW_CHANNEL_CLOSING;
    size_t due = cw_drain_due(drain, left, now_ms);
    /* Closing only marks: nobody leaves the array here. */
    for (size_t i = node->count; i > 0 && due > 0; i--) {
        struct cw_channel *channel = node->all[i - 1];
        if (channel->state == CW_CHANNEL_CLOSING)
            continue;
        cw_channel_close(channel, 1001, "the node is going away",
                         (int64_t)cw_random_below(retry_ms + 1));
        due--;
    }
}
