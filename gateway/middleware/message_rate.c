/* message_rate.c - takes a token of each frame, or refuses it. */
#include "middleware/message_rate.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/extras.h"
#include "channel/op.h"
#include "protocol/command.h"
#include "protocol/event.h"

static void refuse(struct cw_channel *channel, const struct cw_command_id *id,
                   struct cw_bucket_rate rate, int64_t retry_ms)
{
    struct cw_bucket *bucket = &channel->extras->bucket;
    const struct cw_event_error error = {
        .error = CW_ERR_RATE_LIMITED, .message = "too many messages", .retry_ms = retry_ms};
    CW_STAT(client_messages_refused_total)++;
    cw_op_answer_error(channel, id, &error);
    if (!cw_bucket_is_abused(bucket, rate, cw_clock_ms()))
        return;
    int64_t full_ms = cw_bucket_full_in_ms(bucket, rate);
    cw_log_info(cw_channel_log(channel), "closing: goes on sending above message-rate");
    cw_channel_close(channel, 4002, "too many messages",
                     full_ms + cw_random_below((uint32_t)(full_ms / 8) + 1));
}

bool cw_message_rate_allows(struct cw_channel *channel, const struct cw_command *command,
                            const struct cw_command_id *id)
{
    const struct cw_limits *limits = &channel->node->limits;
    const struct cw_bucket_rate rate = {limits->message_rate, limits->message_rate_ms};
    if (command != NULL && (command->op == CW_OP_PING || command->op == CW_OP_ACK))
        return true;
    struct cw_extras *extras = cw_extras_of(channel);
    if (extras == NULL)
        return true; /* who finds no memory for it has other sorrows */
    int64_t retry_ms = cw_bucket_take(&extras->bucket, rate, cw_clock_ms());
    if (retry_ms == 0)
        return true;
    refuse(channel, id, rate, retry_ms);
    return false;
}
