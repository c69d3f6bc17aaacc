/*
 * join.c - op `join`, and a back end's wish for one.
 */
#include "channel/grants.h"
#include "channel/members.h"
#include "channel/replay.h"
#include "channel/stream.h"
#include "handlers/handlers.h"
#include "handlers/joining.h"
#include "names.h"
#include "protocol/event.h"

#include <stdio.h>

/* Whether its client may be in `group`, which is its user's own perhaps. */
static bool is_allowed(const struct cw_channel *channel, struct cw_bytes group)
{
    return cw_grants_may_join(channel->grants, group) || cw_grants_own(channel->grants, group);
}

/* CW_OK or why this channel may not join as `wish` says. */
static int check_join(const struct cw_channel *channel, const struct cw_join_wish *wish)
{
    bool has_own_group = channel->grants != NULL && !channel->wants_user_group;
    if (wish->is_resumed)
        return is_allowed(channel, wish->group) ? CW_OK : CW_ERR_FORBIDDEN;
    if (!cw_grants_may_join(wish->is_asked ? NULL : channel->grants, wish->group))
        return CW_ERR_FORBIDDEN;
    if (channel->member_count - has_own_group >= channel->node->limits.max_groups)
        return CW_ERR_TOO_MANY_GROUPS;
    return CW_OK;
}

int cw_join_start(struct cw_channel *channel, const struct cw_join_wish *wish, struct cw_op *op,
                  cw_joined_fn fn)
{
    struct cw_member *member = NULL;
    int rc = check_join(channel, wish);
    if (rc == CW_OK)
        rc = cw_member_create(channel, wish->group, &member);
    if (rc != CW_OK)
        return rc;
    member->op = op;
    member->wants_presence = wish->wants_presence;
    member->is_asked = wish->is_asked;
    member->has_since = wish->has_since;
    member->since = wish->since;
    rc = cw_cluster_join(channel->mirror, wish->group, wish->wants_presence, member->group, fn,
                         member);
    if (rc != CW_OK) {
        cw_member_destroy(member);
        /* the last leave of this group is still on its way to Redis */
        return rc == CW_ERR_BUSY ? CW_ERR_UNAVAILABLE : rc;
    }
    return CW_OK;
}

void cw_join_undo(struct cw_member *member)
{
    (void)cw_cluster_leave(member->channel->mirror, cw_bytes_text(member->group->name), NULL, NULL);
    cw_member_destroy(member);
}

int cw_join_begin(void *arg, struct cw_event_ok *ret_ok)
{
    struct cw_member *member = arg;
    struct cw_bytes group = cw_bytes_text(member->group->name);
    int rc = cw_cluster_position(member->channel->mirror, group, &ret_ok->has_position,
                                 &ret_ok->position);
    if (rc == CW_OK && !is_allowed(member->channel, group))
        rc = CW_ERR_FORBIDDEN; /* its client has got another token since */
    if (rc == CW_OK)
        rc = cw_member_activate(member);
    if (rc != CW_OK) {
        cw_join_undo(member);
        return rc;
    }
    if (!member->has_since)
        member->since = ret_ok->position;
    cw_stream_join(member->channel, group);
    return CW_OK;
}

/* What it missed was sent: its ok, then what is new. */
static void on_replayed(void *arg, int rc, bool has_gap)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    struct cw_op *op = member->op;
    struct cw_event_ok ok = {.has_recovered = true, .is_recovered = !has_gap};
    member->op = NULL;
    if (rc == CW_OK)
        rc = cw_join_begin(member, &ok);
    else
        cw_join_undo(member);
    if (rc == CW_OK)
        (void)cw_op_finish_ok(op, &ok);
    else
        (void)cw_op_finish(op, rc);
    cw_op_run_waiting(channel);
}

/* CW_OK: on_replayed answers; the op waits for the client to read, and nobody waits for the op. */
static int replay(struct cw_member *member, struct cw_op *op)
{
    if (cw_op_is_over(op))
        return CW_ERR_TIMEOUT;
    cw_op_step_aside(op);
    member->op = op;
    int rc = cw_replay_start(member, member->since, on_replayed, member);
    if (rc != CW_OK)
        member->op = NULL;
    return rc;
}

static void on_joined(void *arg, int rc, bool is_logged, struct cw_position position)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    struct cw_op *op = member->op;
    (void)position; /* it may be a later one by the time of the ok */
    member->op = NULL;
    if (rc != CW_OK) {
        cw_member_destroy(member);
        (void)cw_op_finish(op, rc == CW_ERR_CANCELLED ? CW_ERR_UNAVAILABLE : rc);
    } else if (member->has_since && is_logged) {
        rc = replay(member, op);
        if (rc != CW_OK) {
            cw_join_undo(member);
            (void)cw_op_finish(op, rc);
        }
    } else if (!cw_op_finish_in_turn(op, cw_join_begin, member)) {
        cw_join_undo(member);
    }
    cw_op_run_waiting(channel);
}

/* In the group already: the answer is how far it has come, by the time it is sent. What came before
 * its own join was never sent here, and is not sent late. */
static int tell_position(void *arg, struct cw_event_ok *ret_ok)
{
    const struct cw_op *op = arg;
    struct cw_bytes group = cw_bytes_text(op->group);
    const struct cw_member *member = cw_member_find(op->channel, group);
    int rc =
        cw_cluster_position(op->channel->mirror, group, &ret_ok->has_position, &ret_ok->position);
    if (rc != CW_OK || member == NULL)
        return rc == CW_ERR_NOT_FOUND ? CW_OK : rc; /* left since */
    if (member->replay != NULL)                     /* it is behind the node */
        ret_ok->position = cw_replay_position(member->replay);
    if (op->has_since && ret_ok->has_position) {
        struct cw_gap gap = {.last_lost = member->since};
        ret_ok->has_recovered = true;
        ret_ok->is_recovered = cw_position_compare(op->since, member->since) >= 0;
        if (!ret_ok->is_recovered)
            cw_channel_tell_gap(op->channel, member->group, &gap);
    }
    return CW_OK;
}

void cw_handle_join(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op)
{
    const struct cw_join_wish wish = {.group = command->group,
                                      .wants_presence = command->wants_presence,
                                      .has_since = command->has_since,
                                      .since = command->since};
    if (cw_member_find(channel, command->group) != NULL) {
        (void)cw_op_finish_in_turn(op, tell_position, op);
        return;
    }
    int rc = cw_join_start(channel, &wish, op, on_joined);
    if (rc != CW_OK)
        (void)cw_op_finish(op, rc);
}

/* What a token names that comes late. */

static void tell_joined(struct cw_channel *channel, struct cw_bytes group, int rc,
                        const struct cw_event_ok *ok)
{
    const struct cw_command_id none = {.type = CW_ID_NONE};
    const struct cw_event_error error = {.error = rc, .retry_ms = -1, .group = group};
    enum cw_kind kind = (enum cw_kind)channel->kind;
    cw_channel_send_new_frame(
        channel, rc != CW_OK ? cw_event_error(kind, &none, &error)
                             : cw_event_joined(kind, true, group, ok->has_position, ok->position));
}

static void on_granted_joined(void *arg, int rc, bool is_logged, struct cw_position position)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    struct cw_event_ok ok = {0};
    char name[CW_GROUP_NAME_MAX + 1];
    (void)is_logged;
    (void)position; /* it may be a later one by now */
    (void)snprintf(name, sizeof(name), "%s", member->group->name);
    if (rc == CW_OK)
        rc = cw_join_begin(member, &ok);
    else
        cw_member_destroy(member);
    if (rc == CW_ERR_CANCELLED)
        return; /* the channel goes */
    tell_joined(channel, cw_bytes_text(name), rc, &ok);
    cw_op_run_waiting(channel);
}

void cw_join_granted(struct cw_channel *channel, struct cw_bytes group)
{
    const struct cw_join_wish wish = {.group = group};
    const struct cw_event_ok none = {0};
    if (cw_member_find(channel, group) != NULL)
        return;
    int rc = cw_join_start(channel, &wish, NULL, on_granted_joined);
    if (rc != CW_OK)
        tell_joined(channel, group, rc, &none);
}

/* A back end's wish. */

static void on_asked_joined(void *arg, int rc, bool is_logged, struct cw_position position)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    if (rc == CW_OK)
        rc = cw_member_activate(member);
    struct cw_bytes group = cw_bytes_text(member->group->name);
    if (rc == CW_OK) {
        cw_stream_join(channel, group);
        cw_channel_send_new_frame(channel, cw_event_joined((enum cw_kind)channel->kind, true, group,
                                                           is_logged, position));
    } else {
        cw_member_destroy(member);
    }
    if (rc == CW_ERR_CANCELLED)
        return; /* the channel goes, and its inbox with it */
    cw_cluster_request_done(channel->mirror, rc);
    cw_op_run_waiting(channel);
}

void cw_join_as_asked(struct cw_channel *channel, struct cw_bytes group)
{
    const struct cw_member *member = cw_member_find(channel, group);
    const struct cw_join_wish wish = {.group = group, .is_asked = true};
    int rc = CW_OK;
    if (member == NULL)
        rc = cw_join_start(channel, &wish, NULL, on_asked_joined);
    else if (member->state != CW_MEMBER_JOINED)
        rc = CW_ERR_BUSY; /* the client's own join or leave is under way: asked again after it */
    if (member != NULL || rc != CW_OK)
        cw_cluster_request_done(channel->mirror, rc);
}
