/*
 * dispatch.c - (2)(3) a whole frame -> one handler: parse, wait behind a join if need be, table of
 * ops.
 */
#include "handlers/dispatch.h"

#include "base/stats.h"
#include "channel/channel.h"
#include "channel/op.h"
#include "channel/stream.h"
#include "handlers/handlers.h"
#include "middleware/chain.h"
#include "middleware/message_rate.h"
#include "protocol/command.h"
#include "protocol/event.h"

typedef void (*handler_fn)(struct cw_channel *channel, const struct cw_command *command,
                           struct cw_op *op);

/* NULL: not offered by this node. */
static const handler_fn handlers[CW_OP_COUNT] = {
    [CW_OP_JOIN] = cw_handle_join,       [CW_OP_LEAVE] = cw_handle_leave,
    [CW_OP_PUBLISH] = cw_handle_publish, [CW_OP_MEMBERS] = cw_handle_members,
    [CW_OP_MESSAGE] = cw_handle_message, [CW_OP_PING] = cw_handle_ping,
    [CW_OP_SEND] = cw_handle_send,       [CW_OP_ACK] = cw_handle_ack,
    [CW_OP_SINCE] = cw_handle_since,     [CW_OP_AUTH] = cw_handle_auth,
};

static void refuse(struct cw_channel *channel, const struct cw_command_id *id, int rc,
                   const char *message)
{
    struct cw_event_error error = {.error = rc, .message = message, .retry_ms = -1};
    cw_op_answer_error(channel, id, &error);
}

/* A frame that could not be taken: told to the client and to the application. */
static void refuse_frame(struct cw_channel *channel, const struct cw_command_error *error)
{
    refuse(channel, &error->id, error->error, error->message);
    if (channel->awaits_token)
        return; /* the application does not know it yet */
    cw_events_error(channel, error->error, error->message);
    cw_stream_error(channel, error->error, error->message);
}

/* What an enveloped client says, or the same for a raw client's frame. CW_OK or a CW_ERR_* told by
 * `ret_error`. */
static int read_command(struct cw_channel *channel, bool is_binary, struct cw_bytes frame,
                        struct cw_command *ret_command, struct cw_command_error *ret_error)
{
    struct cw_command_parser *parser = channel->node->parser;
    if (channel->kind != CW_KIND_RAW) {
        if (is_binary == (channel->kind == CW_KIND_MSGPACK))
            return cw_command_parse(parser, (enum cw_kind)channel->kind, frame, ret_command,
                                    ret_error);
        *ret_error = (struct cw_command_error){
            .error = CW_ERR_INVALID,
            .message = "wrong kind of frame: text for json, binary for msgpack"};
        return CW_ERR_INVALID;
    }
    enum cw_payload_type type = (enum cw_payload_type)channel->type;
    int rc = cw_command_check_raw(parser, type, is_binary, frame, ret_error);
    if (rc != CW_OK)
        return rc;
    *ret_command = (struct cw_command){
        .op = channel->publish_group == NULL ? CW_OP_MESSAGE : CW_OP_PUBLISH,
        .group = cw_bytes_text(channel->publish_group),
        .payload_type = type,
        .payload = frame,
        .data = type == CW_PAYLOAD_JSON ? cw_command_raw_value(parser, frame) : NULL,
    };
    return CW_OK;
}

/* (3) may it? (4) then it is done. */
static void handle(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op,
                   bool is_binary, struct cw_bytes frame)
{
    int rc = channel->grants != NULL ? cw_auth_check(channel, command) : CW_OK;
    if (rc != CW_OK)
        (void)cw_op_finish(op, rc);
    else if (channel->awaits_token || cw_chain_allow(channel, command, op, is_binary, frame))
        handlers[command->op](channel, command, op);
}

void cw_dispatch_frame(struct cw_channel *channel, bool is_binary, struct cw_bytes frame)
{
    struct cw_command command;
    struct cw_command_error error;
    if (channel->state == CW_CHANNEL_CLOSING)
        return;
    CW_STAT(client_messages_in_total)++;
    CW_STAT(client_bytes_in_total) += frame.size;
    if (channel->has_old_token && channel->mirror != NULL) {
        channel->has_old_token = false;
        cw_cluster_settle_session(channel->mirror);
    }
    int rc = read_command(channel, is_binary, frame, &command, &error);
    if (channel->node->limits.message_rate > 0 &&
        !cw_message_rate_allows(channel, rc == CW_OK ? &command : NULL,
                                rc == CW_OK ? &command.id : &error.id))
        return;
    if (rc != CW_OK) {
        refuse_frame(channel, &error);
        return;
    }
    if (handlers[command.op] == NULL) {
        refuse(channel, &command.id, CW_ERR_UNSUPPORTED, "this node does not offer this op");
        return;
    }
    if (channel->awaits_token && command.op != CW_OP_AUTH && command.op != CW_OP_PING) {
        refuse(channel, &command.id, CW_ERR_UNAUTHENTICATED, NULL);
        return;
    }
    bool has_to_wait = !channel->awaits_token && cw_op_has_to_wait(channel, command.group);
    struct cw_op *op = cw_op_create(channel, &command);
    if (op == NULL)
        refuse(channel, &command.id, CW_ERR_NOMEM, NULL);
    else if (!has_to_wait)
        handle(channel, &command, op, is_binary, frame);
    else if (cw_op_wait(op, is_binary, frame) != CW_OK)
        (void)cw_op_finish(op, CW_ERR_NOMEM);
}

/* The frame of an op that waited is parsed again: its views are of now. */
void cw_dispatch_waiting_op(struct cw_op *op)
{
    struct cw_channel *channel = op->channel;
    struct cw_command command;
    struct cw_command_error error;
    struct cw_buf *frame = op->frame;
    op->frame = NULL;
    if (read_command(channel, op->is_binary, cw_buf_bytes(frame), &command, &error) == CW_OK)
        handle(channel, &command, op, op->is_binary, cw_buf_bytes(frame));
    else
        (void)cw_op_finish(op, error.error);
    (void)cw_buf_unref(frame);
}

void cw_dispatch_expire_ops(struct cw_node *node)
{
    cw_op_expire(node);
    cw_opening_expire(node);
    cw_chain_expire(node);
}
