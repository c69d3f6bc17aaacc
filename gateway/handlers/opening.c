/*
 * opening.c - what a connection begins with: groups of its URL and of its session, direct messages
 * that were kept, and the op `since`.
 *
 *   groups of the session: joined in the cluster, parked --all of them--> `welcome` names them
 *   groups of the URL alone: joined in the cluster
 *   all of them --(since=later: parked until the op or its time)--> what was missed is replayed, or
 *   told as a gap --> `joined`, if the URL named it --> what is new
 */
#include "channel/opening.h"

#include "base/clock.h"
#include "base/stats.h"
#include "channel/members.h"
#include "channel/op.h"
#include "channel/replay.h"
#include "handlers/handlers.h"
#include "handlers/joining.h"
#include "protocol/event.h"

/* PROTOCOL: how long deliveries wait for the op `since`. */
#define LATER_MS     5000
#define TRY_AGAIN_MS 1000

static struct cw_opening_group *group_of(const struct cw_member *member)
{
    return cw_opening_find(member->channel->opening, cw_bytes_text(member->group->name));
}

static void tell_failure(struct cw_channel *channel, struct cw_bytes group, int rc)
{
    if (channel->kind == CW_KIND_RAW) {
        bool is_refused = rc == CW_ERR_FORBIDDEN || rc == CW_ERR_TOO_MANY_GROUPS;
        cw_channel_close(channel, is_refused ? 4001 : 1013, cw_error_text(rc), TRY_AGAIN_MS);
        return;
    }
    struct cw_command_id none = {.type = CW_ID_NONE};
    struct cw_event_error error = {.error = rc, .retry_ms = -1, .group = group};
    cw_channel_send_new_frame(channel, cw_event_error((enum cw_kind)channel->kind, &none, &error));
}

/* Its user's group is tried again until it is joined (cw_auth_visit); of others the client is told.
 */
static void give_up(struct cw_channel *channel, const struct cw_opening_group *group, int rc)
{
    if (group->is_own)
        channel->wants_user_group = true;
    else
        tell_failure(channel, cw_bytes_text(group->name), rc);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void answer_since(struct cw_opening *opening)
{
    struct cw_op *op = opening->op;
    const struct cw_event_ok ok = {.has_recovered = true, .is_recovered = !opening->has_gap};
    opening->op = NULL;
    if (op != NULL)
        (void)cw_op_finish_ok(op, &ok);
}

static bool has_parked(const struct cw_opening *opening)
{
    for (size_t i = 0; i < opening->group_count; i++)
        if (opening->groups[i].parked != NULL)
            return true;
    return false;
}

/* Something of it is done. All that does not wait for the op `since`: the channel is open. All of
 * it: it is over. */
static void settle(struct cw_channel *channel)
{
    struct cw_opening *opening = channel->opening;
    size_t parked = 0;
    for (size_t i = 0; i < opening->group_count; i++)
        parked += opening->groups[i].parked != NULL;
    if (opening->left == parked && (opening->is_direct_done || opening->is_later))
        cw_channel_become_open(channel);
    if (opening->left > 0 || opening->is_later || !opening->is_direct_done ||
        channel->state == CW_CHANNEL_CLOSING)
        return;
    answer_since(opening);
    cw_opening_destroy(opening);
    channel->opening = NULL;
}

static void one_less(struct cw_channel *channel)
{
    channel->opening->left--;
    settle(channel);
    cw_op_run_waiting(channel);
}

/* --- groups ----------------------------------------------------------------------------------- */

/* It is in, what it missed was sent: what is new comes. */
static void begin(struct cw_member *member)
{
    struct cw_channel *channel = member->channel;
    const struct cw_opening_group *group = group_of(member);
    struct cw_event_ok at = {0};
    int rc = cw_join_begin(member, &at);
    struct cw_bytes name = cw_bytes_text(group->name);
    if (rc != CW_OK) {
        give_up(channel, group, rc);
    } else if (group->wants_joined) {
        cw_channel_send_new_frame(channel, cw_event_joined((enum cw_kind)channel->kind, true, name,
                                                           at.has_position, at.position));
    }
    one_less(channel);
}

static void on_replayed(void *arg, int rc, bool has_gap)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    (void)has_gap; /* it was told */
    if (rc == CW_OK) {
        begin(member);
        return;
    }
    give_up(channel, group_of(member), rc);
    cw_join_undo(member);
    one_less(channel);
}

/* Where it was is known now, or never will be. */
static void catch_up(struct cw_member *member, bool is_logged)
{
    const struct cw_opening_group *group = group_of(member);
    const struct cw_gap gap = {.last_lost = group->since};
    if (group->is_lost && is_logged && group->since.epoch > 0)
        cw_channel_tell_gap(member->channel, member->group, &gap);
    member->has_since = group->has_since;
    member->since = group->since;
    if (!member->has_since || !is_logged) {
        begin(member);
        return;
    }
    int rc = cw_replay_start(member, member->since, on_replayed, member);
    if (rc != CW_OK)
        on_replayed(member, rc, false);
}

static void on_joined(void *arg, int rc, bool is_logged, struct cw_position position)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    (void)position; /* it may be a later one by the time of `joined` */
    if (rc != CW_OK) {
        if (rc != CW_ERR_CANCELLED)
            give_up(channel, group_of(member), rc);
        cw_member_destroy(member);
        one_less(channel);
    } else if (channel->opening->is_later && is_logged) {
        group_of(member)->parked = member;
        group_of(member)->is_logged = true;
        settle(channel);
    } else {
        catch_up(member, is_logged);
    }
}

/* --- direct messages -------------------------------------------------------------------------- */

static void on_inbox_read(void *user)
{
    struct cw_channel *channel = user;
    channel->opening->is_direct_done = true;
    settle(channel);
}

static void start_inbox(struct cw_channel *channel)
{
    struct cw_opening *opening = channel->opening;
    if (!opening->is_resumed) {
        opening->is_direct_done = true;
        return;
    }
    if (opening->is_direct_lost && !opening->has_direct_since && opening->direct_since.epoch > 0) {
        const struct cw_gap gap = {.last_lost = opening->direct_since};
        CW_STAT(direct_gaps_total)++;
        cw_channel_tell_gap(channel, NULL, &gap);
    }
    if (opening->has_direct_since) /* the client has them */
        cw_cluster_ack(channel->mirror, opening->direct_since);
    cw_cluster_start_inbox(channel->mirror, opening->direct_since, on_inbox_read);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static int start(struct cw_channel *channel, const struct cw_opening_group *group, cw_joined_fn fn)
{
    const struct cw_join_wish wish = {.group = cw_bytes_text(group->name),
                                      .is_resumed = group->is_resumed || group->is_own,
                                      .has_since = group->has_since,
                                      .since = group->since};
    return cw_join_start(channel, &wish, NULL, fn);
}

static void answer_auth(struct cw_channel *channel)
{
    struct cw_op *op = channel->opening->auth;
    channel->opening->auth = NULL;
    if (op != NULL)
        cw_auth_answer(channel, op);
}

/* Redis has it in a group of its session that it is not to be in any more. */
static void forget_forbidden(struct cw_channel *channel, const struct cw_opening_group *group)
{
    if (group->is_resumed && group->rc == CW_ERR_FORBIDDEN)
        cw_cluster_forget_group(channel->mirror, cw_bytes_text(group->name));
}

/* `welcome`, then groups of the URL, and what those of the session missed. */
static void go_on(struct cw_channel *channel)
{
    struct cw_opening *opening = channel->opening;
    cw_channel_greet(channel);
    if (channel->state != CW_CHANNEL_OPENING)
        return; /* a handler closed it */
    answer_auth(channel);
    opening->left = opening->group_count + 1; /* + 1: not done before all are begun */
    if (opening->is_later) {
        opening->later_until_ms = cw_clock_ms() + LATER_MS;
        cw_list_push_back(&channel->node->later, &channel->in_later);
    } else {
        start_inbox(channel);
    }
    for (size_t i = 0; i < opening->group_count; i++) {
        struct cw_opening_group *group = &opening->groups[i];
        struct cw_member *parked = group->parked;
        if (group->was_named)
            tell_failure(channel, cw_bytes_text(group->name), CW_ERR_FORBIDDEN);
        if (!group->is_resumed && !group->is_own)
            group->rc = start(channel, group, on_joined);
        if (group->rc != CW_OK) {
            forget_forbidden(channel, group);
            give_up(channel, group, group->rc);
            opening->left--;
        } else if (parked != NULL && !opening->is_later) {
            group->parked = NULL;
            catch_up(parked, group->is_logged);
        }
    }
    one_less(channel);
}

static void one_joining_less(struct cw_channel *channel)
{
    if (--channel->opening->joining == 0 && channel->state == CW_CHANNEL_OPENING)
        go_on(channel);
}

/* Nobody knows where a connection was: what came until now is lost to it. */
static void on_rejoined(void *arg, int rc, bool is_logged, struct cw_position position)
{
    struct cw_member *member = arg;
    struct cw_channel *channel = member->channel;
    struct cw_opening_group *group = group_of(member);
    group->rc = rc;
    group->is_logged = is_logged;
    if (rc != CW_OK) {
        cw_member_destroy(member);
    } else {
        group->parked = member;
        if (group->is_lost) {
            group->has_since = true;
            group->since = position;
        }
    }
    one_joining_less(channel);
}

void cw_open_channel(struct cw_channel *channel)
{
    struct cw_opening *opening = channel->opening;
    opening->joining = opening->group_count + 1; /* + 1: not done before all are begun */
    for (size_t i = 0; i < opening->group_count; i++) {
        struct cw_opening_group *group = &opening->groups[i];
        bool is_first = group->is_resumed || group->is_own;
        if (is_first)
            group->rc = start(channel, group, on_rejoined);
        if (!is_first || group->rc != CW_OK)
            opening->joining--;
    }
    one_joining_less(channel);
}

bool cw_opening_drop(struct cw_member *member)
{
    struct cw_channel *channel = member->channel;
    struct cw_opening *opening = channel->opening;
    struct cw_opening_group *group = opening == NULL ? NULL : group_of(member);
    if (group == NULL || group->parked != member)
        return false;
    group->parked = NULL;
    group->rc = CW_ERR_UNAVAILABLE;
    cw_member_destroy(member);
    if (opening->left > 0) { /* else go_on() is still to tell of it */
        give_up(channel, group, group->rc);
        one_less(channel);
    }
    return true;
}

/* --- since=later ------------------------------------------------------------------------------ */

/* Positions are as they will be: what waited for them goes on. */
static void release(struct cw_channel *channel)
{
    struct cw_opening *opening = channel->opening;
    cw_list_remove(&channel->in_later);
    opening->is_later = false;
    start_inbox(channel);
    while (channel->opening == opening && has_parked(opening)) {
        for (size_t i = 0; i < opening->group_count; i++) {
            struct cw_member *member = opening->groups[i].parked;
            if (member == NULL)
                continue;
            opening->groups[i].parked = NULL;
            catch_up(member, opening->groups[i].is_logged);
            break; /* the last one ends the opening */
        }
    }
    if (channel->opening == opening)
        settle(channel);
}

void cw_opening_expire(struct cw_node *node)
{
    int64_t now_ms = cw_clock_ms();
    struct cw_list_node *first;
    while ((first = cw_list_first(&node->later)) != NULL) {
        struct cw_channel *channel = CW_CONTAINER(first, struct cw_channel, in_later);
        if (channel->opening->later_until_ms > now_ms)
            return;
        release(channel);
    }
}

void cw_handle_since(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op)
{
    struct cw_opening *opening = channel->opening;
    if (opening == NULL || !opening->is_later) {
        const struct cw_event_error error = {
            .error = CW_ERR_INVALID,
            .message = "since is for once, within 5 s of a connection with since=later",
            .retry_ms = -1};
        (void)cw_op_finish_error(op, &error);
        return;
    }
    if (command->has_since) {
        opening->has_direct_since = true;
        opening->direct_since = command->since;
    }
    for (size_t i = 0; i < command->group_since_count; i++)
        cw_opening_set_since(opening, command->group_since[i].group,
                             command->group_since[i].position);
    opening->has_gap = false; /* recovered speaks of what this op asked for */
    opening->op = op;
    cw_op_step_aside(op);
    release(channel);
}
