/*
 * message.c - op `message`, and a raw client's frames: a payload for the application: its filter,
 * back ends that read the event stream, its handlers in C.
 */
#include "channel/filter.h"
#include "channel/receive.h"
#include "channel/stream.h"
#include "handlers/handlers.h"

static void on_written(void *arg, int rc)
{
    (void)cw_op_finish(arg, rc);
}

/* What its filter does not let pass: for the application it is like a frame that can't be taken. */
static void refuse(struct cw_channel *channel, struct cw_op *op, int rc)
{
    const char *text = cw_error_text(rc);
    (void)cw_op_finish(op, rc);
    cw_events_error(channel, rc, text);
    if (channel->mirror != NULL)
        cw_stream_error(channel, rc, text);
}

void cw_handle_message(struct cw_channel *channel, const struct cw_command *command,
                       struct cw_op *op)
{
    struct cw_message message = {
        .type = command->payload_type,
        .payload = command->payload,
        .from = cw_bytes_text(channel->uuid),
    };
    int rc = cw_filter_receive(channel, &message);
    if (rc < CW_OK) {
        refuse(channel, op, rc);
        return;
    }
    if (rc == CW_TAKEN) {
        (void)cw_op_finish(op, CW_OK);
        return;
    }
    bool is_streamed = channel->mirror != NULL &&
                       cw_cluster_wants_event(channel->node->cluster, CW_STREAM_MESSAGE);
    if (is_streamed) { /* first: what is refused was not done */
        rc =
            cw_cluster_emit_message(channel->mirror, message.type, message.payload, on_written, op);
        if (rc == CW_ERR_NOT_FOUND) { /* not in the registry: for the handlers here alone */
            is_streamed = false;
        } else if (rc != CW_OK) {
            (void)cw_op_finish(op, rc);
            return;
        }
    }
    cw_receive_message(channel, &message);
    if (!is_streamed)
        (void)cw_op_finish(op, CW_OK);
}
