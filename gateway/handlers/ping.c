/*
 * ping.c - op `ping`: `pong` in place of an ok, with the id if there was one.
 */
#include "handlers/handlers.h"

void cw_handle_ping(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op)
{
    (void)cw_op_finish_frame(op, cw_event_pong((enum cw_kind)channel->kind, &command->id));
}
