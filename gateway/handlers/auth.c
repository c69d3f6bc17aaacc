/*
 * auth.c - op `auth`: a token that comes late, or another one for the same user; what tokens allow;
 * the end of a token; and the group of a channel's user.
 *
 *   awaits its token --auth--> the middlewares after it are asked, attach, its user's group is
 *      joined --> ok, then groups of the URL and of the token
 *   without a token where none is required --auth--> its user's group is joined, all that the
 *      registry says of it is written anew --> ok; groups of the token are joined
 *   with one --auth--> ok
 */
#include <chanway/middleware.h>

#include "base/clock.h"
#include "channel/grants.h"
#include "channel/members.h"
#include "channel/opening.h"
#include "channel/stream.h"
#include "channel/wait.h"
#include "handlers/handlers.h"
#include "handlers/joining.h"
#include "middleware/bans.h"
#include "middleware/limits.h"
#include "middleware/token.h"
#include "names.h"

#include <string.h>

/* A signature takes time to check: so many wrong ones, and the client has to connect anew. */
#define BAD_TOKENS_MAX 10

/* --- what is allowed -------------------------------------------------------------------------- */

int cw_auth_check(const struct cw_channel *channel, const struct cw_command *command)
{
    const struct cw_grants *grants = channel->grants;
    bool is_allowed = true;
    if (grants == NULL)
        return CW_OK;
    switch (command->op) {
    case CW_OP_JOIN:
        is_allowed = cw_grants_may_join(grants, command->group);
        break;
    case CW_OP_LEAVE:
        is_allowed = !cw_grants_own(grants, command->group);
        break;
    case CW_OP_PUBLISH:
        is_allowed = cw_grants_may_publish(grants, command->group);
        break;
    case CW_OP_MEMBERS:
        is_allowed = cw_grants_may_list(grants, command->group);
        break;
    case CW_OP_SEND:
        is_allowed = cw_grants_may_send(grants);
        break;
    default:
        break;
    }
    return is_allowed ? CW_OK : CW_ERR_FORBIDDEN;
}

/* Of the groups it is in, those that its client's new token does not allow are left. */
static void leave_forbidden(struct cw_channel *channel)
{
    struct cw_list_node *node = cw_list_first(&channel->members);
    while (node != NULL) {
        struct cw_member *member = CW_CONTAINER(node, struct cw_member, in_channel);
        struct cw_bytes group = cw_bytes_text(member->group->name);
        node = cw_list_next(&channel->members, node);
        /* One that is being joined is looked at when it is joined (cw_join_begin). */
        if (member->state == CW_MEMBER_JOINED && !member->is_asked &&
            !cw_grants_may_list(channel->grants, group))
            cw_leave_forbidden(member);
    }
    cw_op_run_waiting(channel);
}

/* --- the group of its user -------------------------------------------------------------------- */

static void on_shown(void *arg, int rc)
{
    struct cw_op *op = arg;
    if (op->channel == NULL || rc == CW_OK)
        cw_auth_answer(op->channel, op);
    else /* it is written with the rest of what the registry has lost */
        (void)cw_op_finish(op, rc == CW_ERR_UNAVAILABLE ? CW_ERR_TIMEOUT : rc);
}

static void on_user_joined(void *arg, int rc, bool is_logged, struct cw_position position)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    struct cw_op *op = member->op;
    (void)is_logged;
    member->op = NULL;
    member->since = position;
    if (rc == CW_OK)
        rc = cw_member_activate(member);
    if (rc != CW_OK)
        cw_member_destroy(member);
    channel->wants_user_group = rc != CW_OK;
    if (op != NULL && rc == CW_OK)
        rc = cw_cluster_show(channel->mirror, on_shown, op);
    if (op != NULL && rc != CW_OK)
        (void)cw_op_finish(op, CW_ERR_TIMEOUT);
    cw_op_run_waiting(channel);
}

static int join_user_group(struct cw_channel *channel, struct cw_op *op)
{
    char name[CW_GROUP_NAME_MAX + 1];
    if (!cw_user_group_write(cw_bytes_text(channel->grants->user), name))
        return CW_ERR_INTERNAL;
    const struct cw_join_wish wish = {.group = cw_bytes_text(name), .is_resumed = true};
    int rc = cw_join_start(channel, &wish, op, on_user_joined);
    channel->wants_user_group = rc != CW_OK;
    return rc;
}

void cw_auth_visit(struct cw_channel *channel)
{
    char name[CW_GROUP_NAME_MAX + 1];
    if (channel->token_until_ms != 0 && cw_clock_ms() >= channel->token_until_ms) {
        cw_channel_close(channel, 4001,
                         channel->awaits_token ? "no token has come" : "its token has expired", -1);
        return;
    }
    if (!channel->wants_user_group || channel->state != CW_CHANNEL_OPEN ||
        !cw_user_group_write(cw_bytes_text(cw_channel_user(channel)), name) ||
        cw_member_find(channel, cw_bytes_text(name)) != NULL)
        return;
    (void)join_user_group(channel, NULL); /* or the next time */
}

/* --- the op ----------------------------------------------------------------------------------- */

void cw_auth_answer(struct cw_channel *channel, struct cw_op *op)
{
    struct cw_event_ok ok = {0};
    if (channel != NULL && channel->grants != NULL) {
        ok.user = channel->grants->user;
        ok.expires_at_ms = channel->grants->expires_at_ms;
    }
    (void)cw_op_finish_ok(op, &ok);
}

static void refuse(struct cw_op *op, int rc, const char *message)
{
    const struct cw_event_error error = {.error = rc, .message = message, .retry_ms = -1};
    (void)cw_op_finish_error(op, &error);
}

/* The middleware that holds it back lets it go on; the op is answered when it is known. */
static void end_await(struct cw_channel *channel, struct cw_grants *grants, struct cw_op *op)
{
    int rc = cw_opening_add_granted(channel->opening, grants);
    if (rc != CW_OK) {
        cw_grants_destroy(grants);
        cw_channel_close(channel, 1011, cw_error_text(rc), -1);
        (void)cw_op_finish(op, rc);
        return;
    }
    cw_channel_set_grants(channel, grants);
    cw_channel_end_await(channel);
    channel->opening->auth = op;
    cw_wait_next(channel->wait);
}

/* It is known to the cluster as nobody's. */
static void begin(struct cw_channel *channel, struct cw_grants *grants, struct cw_op *op)
{
    if (!cw_cluster_is_up(channel->node->cluster)) {
        cw_grants_destroy(grants);
        (void)cw_op_finish(op, CW_ERR_UNAVAILABLE);
        return;
    }
    cw_channel_set_grants(channel, grants);
    leave_forbidden(channel);
    if (join_user_group(channel, op) != CW_OK)
        (void)cw_op_finish(op, CW_ERR_TIMEOUT); /* it is tried again */
    if (cw_ban_guard_closes(channel))
        return;
    for (size_t i = 0; i < grants->groups.count; i++)
        cw_join_granted(channel, grants->groups.items[i]);
    cw_limits_user_known(channel);
}

void cw_handle_auth(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op)
{
    struct cw_grants *grants = NULL;
    const char *reason = NULL;
    if (channel->node->tokens == NULL) {
        refuse(op, CW_ERR_INVALID, "this node does not look at tokens");
        return;
    }
    int rc = cw_tokens_verify(channel->node->tokens, command->token, &grants, &reason);
    if (rc != CW_OK) {
        cw_log_debug(cw_channel_log(channel), "a token is refused: %s", reason);
        refuse(op, rc, reason);
        if (rc == CW_ERR_UNAUTHENTICATED && channel->awaits_token)
            cw_channel_close(channel, 4001, reason, -1);
        else if (rc == CW_ERR_UNAUTHENTICATED && ++channel->bad_tokens >= BAD_TOKENS_MAX)
            cw_channel_close(channel, 4001, "too many bad tokens", -1);
        return;
    }
    channel->bad_tokens = 0;
    if (channel->awaits_token) {
        end_await(channel, grants, op);
    } else if (channel->grants == NULL) {
        begin(channel, grants, op);
    } else if (strcmp(channel->grants->user, grants->user) != 0) {
        cw_grants_destroy(grants);
        refuse(op, CW_ERR_FORBIDDEN, "the token is another user's: connect anew");
    } else {
        cw_channel_set_grants(channel, grants);
        leave_forbidden(channel);
        cw_auth_answer(channel, op);
    }
}
