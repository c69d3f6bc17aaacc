/*
 * handlers.h - one handler per op; the table is in dispatch.c.
 *
 * A handler owns its op and calls one of cw_op_finish_...() exactly once, now or later.
 */
#ifndef CW_HANDLERS_HANDLERS_H
#define CW_HANDLERS_HANDLERS_H

#include "channel/channel.h"
#include "channel/op.h"
#include "protocol/command.h"

void cw_handle_join(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op);
void cw_handle_leave(struct cw_channel *channel, const struct cw_command *command,
                     struct cw_op *op);
void cw_handle_publish(struct cw_channel *channel, const struct cw_command *command,
                       struct cw_op *op);
void cw_handle_members(struct cw_channel *channel, const struct cw_command *command,
                       struct cw_op *op);
void cw_handle_message(struct cw_channel *channel, const struct cw_command *command,
                       struct cw_op *op);
void cw_handle_ping(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op);

/** struct cw_node.join_opening_groups: joins what the URL named, then opens the channel. */
void cw_join_opening_groups(struct cw_channel *channel);

#endif
