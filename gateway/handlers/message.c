/*
 * message.c - op `message`, and a raw client's frames: a payload for the application.
 */
#include "handlers/handlers.h"

void cw_handle_message(struct cw_channel *channel, const struct cw_command *command,
                       struct cw_op *op)
{
    struct cw_message message = {
        .type = command->payload_type,
        .payload = command->payload,
        .from = cw_bytes_text(channel->uuid),
    };
    cw_events_message(&channel->node->events, channel, &message);
    (void)cw_op_finish(op, CW_OK);
}
