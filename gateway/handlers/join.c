/*
 * join.c - op `join`, and the groups that a URL names.
 */
#include "channel/members.h"
#include "handlers/handlers.h"
#include "names.h"

#include <stdio.h>

/* CW_OK or why this channel may not join `group`. */
static int check_join(const struct cw_channel *channel, struct cw_bytes group)
{
    if (cw_group_name_is_reserved(group))
        return CW_ERR_FORBIDDEN;
    if (channel->member_count >= channel->node->limits.max_groups)
        return CW_ERR_TOO_MANY_GROUPS;
    return CW_OK;
}

static int start_join(struct cw_channel *channel, struct cw_bytes group, struct cw_op *op,
                      cw_joined_fn fn)
{
    struct cw_member *member = NULL;
    int rc = check_join(channel, group);
    if (rc == CW_OK)
        rc = cw_member_create(channel, group, &member);
    if (rc != CW_OK)
        return rc;
    member->op = op;
    rc = cw_cluster_join(channel->mirror, group, member->group, fn, member);
    if (rc != CW_OK) {
        cw_member_destroy(member);
        /* the last leave of this group is still on its way to Redis */
        return rc == CW_ERR_BUSY ? CW_ERR_UNAVAILABLE : rc;
    }
    return CW_OK;
}

/* Takes back a join whose answer came too late for the client to know of it. */
static void undo(struct cw_member *member)
{
    (void)cw_cluster_leave(member->channel->mirror, cw_bytes_text(member->group->name), NULL, NULL);
    cw_member_destroy(member);
}

/* Its ok is sent now: it gets the messages after what that says, and none before. */
static int begin(void *arg, struct cw_event_ok *ret_ok)
{
    struct cw_member *member = arg;
    int rc = cw_cluster_position(member->channel->mirror, cw_bytes_text(member->group->name),
                                 &ret_ok->has_position, &ret_ok->position);
    if (rc == CW_OK)
        rc = cw_member_activate(member);
    if (rc != CW_OK)
        undo(member);
    return rc;
}

static void on_joined(void *arg, int rc, bool is_logged, struct cw_position position)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    struct cw_op *op = member->op;
    (void)is_logged;
    (void)position; /* it may be a later one by the time of the ok */
    member->op = NULL;
    if (rc != CW_OK) {
        cw_member_destroy(member);
        (void)cw_op_finish(op, rc);
    } else if (!cw_op_finish_in_turn(op, begin, member)) {
        undo(member);
    }
    cw_op_run_waiting(channel);
}

/* In the group already: the answer is how far it has come, by the time it is sent. */
static int tell_position(void *arg, struct cw_event_ok *ret_ok)
{
    const struct cw_op *op = arg;
    int rc = cw_cluster_position(op->channel->mirror, cw_bytes_text(op->group),
                                 &ret_ok->has_position, &ret_ok->position);
    return rc == CW_ERR_NOT_FOUND ? CW_OK : rc; /* left since */
}

void cw_handle_join(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op)
{
    if (command->has_since) {
        struct cw_event_error error = {.error = CW_ERR_UNSUPPORTED,
                                       .message = "this node does not offer `since`",
                                       .retry_ms = -1};
        (void)cw_op_finish_error(op, &error);
        return;
    }
    if (cw_member_find(channel, command->group) != NULL) {
        (void)cw_op_finish_in_turn(op, tell_position, op);
        return;
    }
    int rc = start_join(channel, command->group, op, on_joined);
    if (rc != CW_OK)
        (void)cw_op_finish(op, rc);
}

/* The URL's groups. */

static void opening_group_failed(struct cw_channel *channel, struct cw_bytes group, int rc)
{
    if (channel->kind == CW_KIND_RAW) {
        bool is_refused = rc == CW_ERR_FORBIDDEN || rc == CW_ERR_TOO_MANY_GROUPS;
        cw_channel_close(channel, is_refused ? 4001 : 1013, cw_error_text(rc), 1000);
        return;
    }
    struct cw_command_id none = {.type = CW_ID_NONE};
    struct cw_event_error error = {.error = rc, .retry_ms = -1, .group = group};
    cw_channel_send_new_frame(channel, cw_event_error((enum cw_kind)channel->kind, &none, &error));
}

static void one_opening_group_less(struct cw_channel *channel)
{
    if (--channel->opening_left == 0)
        cw_channel_become_open(channel);
}

static void on_opening_joined(void *arg, int rc, bool is_logged, struct cw_position position)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    struct cw_bytes group = cw_bytes_text(member->group->name);
    if (rc == CW_OK)
        rc = cw_member_activate(member);
    if (rc == CW_OK) {
        cw_channel_send_new_frame(channel, cw_event_joined((enum cw_kind)channel->kind, true, group,
                                                           is_logged, position));
    } else {
        if (rc != CW_ERR_CANCELLED)
            opening_group_failed(channel, group, rc);
        cw_member_destroy(member);
    }
    one_opening_group_less(channel);
}

void cw_join_opening_groups(struct cw_channel *channel)
{
    channel->opening_left = channel->opening_count + 1; /* + 1: not done before all are begun */
    for (uint32_t i = 0; i < channel->opening_count; i++) {
        int rc = start_join(channel, channel->opening_groups[i], NULL, on_opening_joined);
        if (rc == CW_OK)
            continue;
        opening_group_failed(channel, channel->opening_groups[i], rc);
        channel->opening_left--;
    }
    one_opening_group_less(channel);
}
