/*
 * leave.c - op `leave`.
 */
#include "channel/members.h"
#include "handlers/handlers.h"

static void on_left(void *arg, int rc)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    struct cw_op *op = member->op;
    cw_member_destroy(member);
    (void)cw_op_finish(op, rc);
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
