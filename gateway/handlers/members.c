/*
 * members.c - op `members`: a page of who is in a group, cluster-wide.
 */
#include "channel/grants.h"
#include "handlers/handlers.h"

static void on_members(void *arg, int rc, const struct cw_member_info *members, size_t count,
                       struct cw_bytes next_cursor)
{
    struct cw_op *op = arg;
    struct cw_event_ok ok = {.has_members = true, .members = members, .member_count = count};
    if (rc != CW_OK) {
        (void)cw_op_finish(op, rc);
        return;
    }
    if (!cw_bytes_is(next_cursor, "0"))
        ok.next = next_cursor;
    (void)cw_op_finish_ok(op, &ok);
}

void cw_handle_members(struct cw_channel *channel, const struct cw_command *command,
                       struct cw_op *op)
{
    if (!cw_grants_may_list(channel->grants, command->group)) {
        (void)cw_op_finish(op, CW_ERR_FORBIDDEN);
        return;
    }
    int rc = cw_cluster_members(channel->node->cluster, command->group, command->cursor,
                                command->count, on_members, op);
    if (rc != CW_OK)
        (void)cw_op_finish(op, rc);
}
