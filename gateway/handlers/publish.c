/*
 * publish.c - (4) op `publish`, and a raw client's frames with `publish=GROUP`.
 */
#include "handlers/handlers.h"
#include "names.h"

static void on_published(void *arg, int rc, const struct cw_published *published)
{
    struct cw_op *op = arg;
    struct cw_event_ok ok = {.has_position = published->is_logged,
                             .position = published->position,
                             .is_duplicate = published->is_duplicate};
    struct cw_event_error error = {.error = rc, .retry_ms = published->retry_ms};
    if (rc == CW_OK)
        (void)cw_op_finish_ok(op, &ok);
    else
        (void)cw_op_finish_error(op, &error);
}

void cw_handle_publish(struct cw_channel *channel, const struct cw_command *command,
                       struct cw_op *op)
{
    if (cw_group_name_is_reserved(command->group)) {
        (void)cw_op_finish(op, CW_ERR_FORBIDDEN);
        return;
    }
    struct cw_message message = {
        .type = command->payload_type,
        .payload = command->payload,
        .from = cw_bytes_text(channel->uuid),
        .group = command->group,
        .key = command->key,
        .skips_sender = command->skips_sender,
    };
    int rc = cw_cluster_publish(channel->node->cluster, &message, on_published, op);
    if (rc != CW_OK)
        (void)cw_op_finish(op, rc);
}
