/*
 * leave.c - op `leave`, a back end's wish for one, and all groups at once.
 */
#include "channel/members.h"
#include "channel/replay.h"
#include "channel/stream.h"
#include "handlers/handlers.h"
#include "handlers/joining.h"
#include "names.h"
#include "protocol/event.h"

static void on_left(void *arg, int rc)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    struct cw_op *op = member->op;
    if (rc !=
        CW_ERR_CANCELLED) /* whatever the answer was: it is out, and the registry will say so */
        cw_stream_leave(channel, cw_bytes_text(member->group->name));
    cw_member_destroy(member);
    (void)cw_op_finish(op, rc == CW_ERR_CANCELLED ? CW_ERR_TIMEOUT : rc);
    cw_op_run_waiting(channel);
}

void cw_handle_leave(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op)
{
    struct cw_member *member = cw_member_find(channel, command->group);
    if (member == NULL) { /* leaving a group one is not in is ok */
        (void)cw_op_finish(op, CW_OK);
        return;
    }
    member->op = op;
    int rc = cw_cluster_leave(channel->mirror, command->group, on_left, member);
    if (rc == CW_OK) {
        cw_member_deactivate(member);
        return;
    }
    member->op = NULL;
    (void)cw_op_finish(op, rc);
}

static void tell_left(struct cw_channel *channel, const struct cw_group *group)
{
    cw_channel_send_new_frame(channel, cw_event_joined((enum cw_kind)channel->kind, false,
                                                       cw_bytes_text(group->name), false,
                                                       (struct cw_position){0, 0}));
}

/* A back end's wish. */

static void on_asked_left(void *arg, int rc)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    tell_left(channel, member->group); /* nothing, if the channel goes */
    if (rc != CW_ERR_CANCELLED) {
        cw_stream_leave(channel, cw_bytes_text(member->group->name));
        cw_cluster_request_done(channel->mirror, CW_OK); /* else it is repaired with the registry */
    }
    cw_member_destroy(member);
    cw_op_run_waiting(channel);
}

void cw_leave_as_asked(struct cw_channel *channel, struct cw_bytes group)
{
    struct cw_member *member = cw_member_find(channel, group);
    if (member == NULL) {
        cw_cluster_request_done(channel->mirror, CW_OK);
        return;
    }
    int rc = CW_ERR_BUSY;
    if (member->state == CW_MEMBER_JOINED)
        rc = cw_cluster_leave(channel->mirror, group, on_asked_left, member);
    if (rc == CW_OK)
        cw_member_deactivate(member);
    else
        cw_cluster_request_done(channel->mirror, rc);
}

void cw_leave_forbidden(struct cw_member *member)
{
    struct cw_channel *channel = member->channel;
    struct cw_bytes group = cw_bytes_text(member->group->name);
    (void)cw_cluster_leave(channel->mirror, group, NULL, NULL);
    tell_left(channel, member->group);
    cw_stream_leave(channel, group);
    cw_member_destroy(member);
}

/* All at once. */

void cw_leave_all(struct cw_channel *channel)
{
    struct cw_list_node *node;
    while ((node = cw_list_first(&channel->members)) != NULL) {
        struct cw_member *member = CW_CONTAINER(node, struct cw_member, in_channel);
        if (member->replay != NULL && member->state == CW_MEMBER_JOINING) {
            /* whoever waits for it destroys the member */
            cw_replay_fail(member->replay, CW_ERR_UNAVAILABLE);
        } else if (!cw_opening_drop(member)) {
            if (cw_group_name_is_reserved(cw_bytes_text(member->group->name)))
                channel->wants_user_group = true; /* once it is in the registry again */
            else if (member->state == CW_MEMBER_JOINED)
                tell_left(channel, member->group);
            else
                cw_op_drop_answer(channel, member, CW_ERR_UNAVAILABLE);
            cw_member_destroy(member);
        }
    }
    cw_op_run_waiting(channel);
}
