/*
 * send.c - op `send`: a direct message to any channel, on whichever node; op `ack`.
 */
#include "handlers/handlers.h"

static void on_sent(void *arg, int rc, const struct cw_sent *sent)
{
    struct cw_op *op = arg;
    struct cw_event_ok ok = {.status = sent->is_delivered ? "delivered" : "queued",
                             .is_duplicate = sent->is_duplicate};
    struct cw_event_error error = {.error = rc, .retry_ms = sent->retry_ms};
    if (rc == CW_OK)
        (void)cw_op_finish_ok(op, &ok);
    else
        (void)cw_op_finish_error(op, &error);
}

void cw_handle_send(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op)
{
    struct cw_message message = {
        .type = command->payload_type,
        .payload = command->payload,
        .from = cw_bytes_text(channel->uuid),
        .key = command->key,
    };
    int rc = cw_cluster_send(channel->node->cluster, command->to, &message, on_sent, op);
    if (rc != CW_OK)
        (void)cw_op_finish(op, rc);
}

void cw_handle_ack(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op)
{
    cw_cluster_ack(channel->mirror, command->since);
    (void)cw_op_finish(op, CW_OK);
}
