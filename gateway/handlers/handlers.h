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

struct cw_member;

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

void cw_handle_send(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op);
void cw_handle_since(struct cw_channel *channel, const struct cw_command *command,
                     struct cw_op *op);
void cw_handle_auth(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op);
void cw_handle_ack(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op);

/** A request to this channel; answered by cw_cluster_request_done. `text` as in on_request of
 * cluster.h. */
void cw_handle_request(struct cw_channel *channel, enum cw_channel_request request,
                       struct cw_bytes text);
void cw_join_as_asked(struct cw_channel *channel, struct cw_bytes group);
void cw_leave_as_asked(struct cw_channel *channel, struct cw_bytes group);

/** Its channel is out of the registry, which has left its groups: so does the node, and its client
 * is told. */
void cw_leave_all(struct cw_channel *channel);

/** What its client's token allows; CW_OK, or CW_ERR_FORBIDDEN. */
CW_MUST_CHECK int cw_auth_check(const struct cw_channel *channel, const struct cw_command *command);
/** The op `auth` is done. */
void cw_auth_answer(struct cw_channel *channel, struct cw_op *op);
/** Now and then, of every channel whose token ends or that is not in its user's group. */
void cw_auth_visit(struct cw_channel *channel);

/** struct cw_node.open: joins what the channel begins with, greets it, makes it OPEN. */
void cw_open_channel(struct cw_channel *channel);
/** The member waited for the beginning of its messages, and is left before. False: it did not. */
bool cw_opening_drop(struct cw_member *member);
/** Channels that have waited long enough for the op `since` go on without it. */
void cw_opening_expire(struct cw_node *node);

#endif
