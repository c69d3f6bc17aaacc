/*
 * message.c - op `message`, and a raw client's frames: a payload for the application: its handlers
 * in C, and back ends that read the event stream.
 */
#include "handlers/handlers.h"

static void on_written(void *arg, int rc)
{
    (void)cw_op_finish(arg, rc);
}

void cw_handle_message(struct cw_channel *channel, const struct cw_command *command,
                       struct cw_op *op)
{
    bool is_streamed = cw_cluster_wants_event(channel->node->cluster, CW_STREAM_MESSAGE);
    if (is_streamed) { /* first: what is refused was not done */
        int rc = cw_cluster_emit_message(channel->mirror, command->payload_type, command->payload,
                                         on_written, op);
        if (rc != CW_OK) {
            (void)cw_op_finish(op, rc);
            return;
        }
    }
    struct cw_message message = {
        .type = command->payload_type,
        .payload = command->payload,
        .from = cw_bytes_text(channel->uuid),
    };
    cw_events_message(&channel->node->events, channel, &message);
    if (!is_streamed)
        (void)cw_op_finish(op, CW_OK);
}
