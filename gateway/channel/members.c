/*
 * members.c - (8) local members by kind; a message is encoded once per kind that is there.
 *
 * Nothing leaves an array while a message is put into outboxes: a full outbox only marks its
 * channel as closing, and the channel leaves its groups when its socket is gone. An array has two
 * parts, so that a message that comes live is not looked up for who is behind: it goes to the
 * first.
 */
#include "channel/members.h"

#include "base/probe.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/extras.h"
#include "channel/filter.h"
#include "channel/op.h"
#include "channel/replay.h"
#include "channel/session.h"
#include "channel/shed.h"
#include "protocol/event.h"

#include <stdlib.h>
#include <string.h>

struct cw_member *cw_member_find(const struct cw_channel *channel, struct cw_bytes name)
{
    for (struct cw_list_node *n = cw_list_first(&channel->members); n != NULL;
         n = cw_list_next(&channel->members, n)) {
        struct cw_member *member = CW_CONTAINER(n, struct cw_member, in_channel);
        if (cw_bytes_is(name, member->group->name))
            return member;
    }
    return NULL;
}

static uint8_t slow_policy_of(const struct cw_node *node, const char *name)
{
    if (node->slow_policy == NULL)
        return CW_SLOW_CLOSE;
    return (uint8_t)node->slow_policy(node->slow_policy_arg, cw_bytes_text(name));
}

void cw_groups_on_reload(struct cw_node *node)
{
    for (struct cw_map_node *n = cw_map_next(&node->groups, NULL); n != NULL;
         n = cw_map_next(&node->groups, n)) {
        struct cw_group *group = CW_CONTAINER(n, struct cw_group, in_groups);
        group->slow_policy = slow_policy_of(node, group->name);
    }
}

struct cw_group *cw_group_ref(struct cw_node *node, struct cw_bytes name)
{
    struct cw_map_node *found = cw_map_find(&node->groups, name);
    if (found != NULL) {
        CW_CONTAINER(found, struct cw_group, in_groups)->refs++;
        return CW_CONTAINER(found, struct cw_group, in_groups);
    }
    struct cw_group *group = calloc(1, sizeof(*group) + name.size + 1);
    if (group == NULL)
        return NULL;
    group->node = node;
    group->refs = 1;
    group->log = node->next_log++;
    cw_list_init(&group->chasing);
    memcpy(group->name, name.data, name.size);
    group->slow_policy = slow_policy_of(node, group->name);
    if (cw_map_add(&node->groups, &group->in_groups) != CW_OK) {
        free(group);
        return NULL;
    }
    return group;
}

void cw_group_unref(struct cw_group *group)
{
    if (--group->refs > 0)
        return;
    if (group->node != NULL)
        cw_map_remove(&group->node->groups, &group->in_groups);
    for (int kind = 0; kind < CW_KIND_COUNT; kind++)
        free(group->members[kind]);
    free(group);
}

int cw_member_create(struct cw_channel *channel, struct cw_bytes name,
                     struct cw_member **ret_member)
{
    struct cw_group *group = cw_group_ref(channel->node, name);
    if (group == NULL)
        return CW_ERR_NOMEM;
    struct cw_member *member = calloc(1, sizeof(*member));
    if (member == NULL) {
        cw_group_unref(group);
        return CW_ERR_NOMEM;
    }
    member->group = group;
    member->channel = channel;
    member->state = CW_MEMBER_JOINING;
    cw_list_push_back(&channel->members, &member->in_channel);
    channel->member_count++;
    *ret_member = member;
    return CW_OK;
}

static void put(struct cw_group *group, uint8_t kind, uint32_t index, struct cw_member *member)
{
    group->members[kind][index] = member;
    member->index = index;
}

static void swap(struct cw_group *group, uint8_t kind, uint32_t one, uint32_t other)
{
    struct cw_member *member = group->members[kind][one];
    put(group, kind, one, group->members[kind][other]);
    put(group, kind, other, member);
}

int cw_member_activate(struct cw_member *member)
{
    struct cw_group *group = member->group;
    uint8_t kind = member->channel->kind;
    if (group->count[kind] + group->behind[kind] == group->capacity[kind]) {
        uint32_t capacity = group->capacity[kind] == 0 ? 2 : group->capacity[kind] * 2;
        struct cw_member **grown =
            realloc(group->members[kind], capacity * sizeof(struct cw_member *));
        if (grown == NULL)
            return CW_ERR_NOMEM;
        group->members[kind] = grown;
        group->capacity[kind] = capacity;
    }
    put(group, kind, group->count[kind] + group->behind[kind], member);
    swap(group, kind, member->index, group->count[kind]++);
    member->state = CW_MEMBER_JOINED;
    return CW_OK;
}

void cw_member_deactivate(struct cw_member *member)
{
    struct cw_group *group = member->group;
    uint8_t kind = member->channel->kind;
    struct cw_outbox *outbox = &member->channel->outbox;
    bool may_shed = group->slow_policy != CW_SLOW_CLOSE || outbox->shed != NULL;
    if (may_shed && !cw_outbox_is_empty(outbox) && member->channel->state != CW_CHANNEL_CLOSING &&
        cw_shed_remember(outbox, group->log, cw_bytes_text(group->name)) != CW_OK)
        cw_channel_close(member->channel, 1011, "out of memory", 0);
    if (member->state == CW_MEMBER_JOINED) {
        if (member->index < group->count[kind]) {
            swap(group, kind, member->index, --group->count[kind]);
            group->behind[kind]++;
        }
        swap(group, kind, member->index, group->count[kind] + --group->behind[kind]);
        cw_replay_cancel(member->replay);
    }
    member->state = CW_MEMBER_LEAVING;
}

void cw_member_destroy(struct cw_member *member)
{
    if (member == NULL)
        return;
    if (member->replay != NULL && member->state == CW_MEMBER_JOINING) {
        cw_replay_cancel(member->replay);
        cw_op_abandon(member->op); /* the replay would have answered */
    }
    cw_member_deactivate(member);
    cw_list_remove(&member->in_channel);
    member->channel->member_count--;
    cw_group_unref(member->group);
    free(member);
}

static bool is_sender(const struct cw_member *member, const struct cw_message *message)
{
    return message->skips_sender && cw_bytes_is(message->from, member->channel->uuid);
}

/* Members that fall behind a catch-up. */

static void on_caught_up(void *arg, int rc, bool has_gap)
{
    struct cw_member *member = arg;
    struct cw_group *group = member->group;
    uint8_t kind = member->channel->kind;
    (void)has_gap; /* it was told */
    if (rc != CW_OK) {
        cw_channel_close(member->channel, 1011, "its messages could not be read", 0);
        return;
    }
    swap(group, kind, member->index, group->count[kind]++);
    group->behind[kind]--;
}

/* What comes after `since` is sent by a replay. */
static void fall_behind(struct cw_member *member, struct cw_position since)
{
    struct cw_group *group = member->group;
    uint8_t kind = member->channel->kind;
    if (cw_replay_start_behind(member, since, on_caught_up, member) != CW_OK) {
        cw_channel_close(member->channel, 1011, "out of memory", 0);
        return;
    }
    CW_STAT(client_catch_ups_total)++;
    swap(group, kind, member->index, --group->count[kind]);
    group->behind[kind]++;
}

/* Members with a send filter. */

/* A filter sees a message once: what does not fit into the queue is queued all the same, and what
 * comes after it is sent by a replay. */
static void send_recovered(struct cw_member *member, struct cw_buf *frame)
{
    struct cw_channel *channel = member->channel;
    struct cw_position position = frame->position;
    if (cw_channel_send_recovered_frame(channel, frame)) {
        (void)cw_buf_unref(frame);
        return;
    }
    cw_channel_send_replayed_frame(channel, frame);
    fall_behind(member, position);
}

static struct cw_member *find_joined(const struct cw_channel *channel, const struct cw_group *group)
{
    struct cw_member *member = cw_member_find(channel, cw_bytes_text(group->name));
    return member != NULL && member->state == CW_MEMBER_JOINED ? member : NULL;
}

/* A catch-up is paced: none of it goes. */
static uint8_t policy_of(const struct cw_group *group, const struct cw_message *message)
{
    return message->is_recovered && message->is_logged ? CW_SLOW_CLOSE : group->slow_policy;
}

/* Each gets a frame of its own. Filters are application code, by which members may go, so this
 * comes when no array is looked at any more. */
static void deliver_filtered(struct cw_group *group, struct cw_list *filtered,
                             const struct cw_message *message)
{
    struct cw_list_node *node;
    if (cw_list_is_empty(filtered))
        return; /* and the group may be gone */
    group->refs++;
    while ((node = cw_list_pop_front(filtered)) != NULL) {
        struct cw_channel *channel = CW_CONTAINER(node, struct cw_extras, in_filtered)->channel;
        struct cw_buf *frame = NULL;
        if (find_joined(channel, group) != NULL)
            frame = cw_filter_frame(channel, message, group->log);
        if (frame == NULL)
            continue;
        frame->slow_policy = policy_of(group, message);
        struct cw_member *member = find_joined(channel, group);
        if (message->is_recovered && message->is_logged && member != NULL)
            send_recovered(member, frame);
        else
            cw_channel_send_new_frame(channel, frame);
    }
    cw_group_unref(group);
}

/* True: the channel gets it later, after its filter. */
static bool is_filtered(const struct cw_channel *channel, struct cw_list *filtered)
{
    if (!channel->has_send_filter)
        return false;
    cw_list_push_back(filtered, &channel->extras->in_filtered);
    return true;
}

/* From the end: whoever falls behind changes places with one that has it already. */
static void deliver_recovered(struct cw_group *group, int kind, struct cw_buf *frame,
                              const struct cw_message *message, struct cw_list *filtered)
{
    struct cw_position before = message->position;
    if (before.offset > 0) /* 0 then: the first of its epoch; what was before was sent, or told */
        before.offset--;
    for (uint32_t i = group->count[kind]; i-- > 0;) {
        struct cw_member *member = group->members[kind][i];
        if (!is_sender(member, message) && !is_filtered(member->channel, filtered) &&
            !cw_channel_send_recovered_frame(member->channel, frame))
            fall_behind(member, before);
    }
}

static void deliver_live(const struct cw_group *group, int kind, struct cw_buf *frame,
                         const struct cw_message *message, struct cw_list *filtered)
{
    for (uint32_t i = 0; i < group->count[kind]; i++) {
        const struct cw_member *member = group->members[kind][i];
        if ((!message->skips_sender || !is_sender(member, message)) &&
            !is_filtered(member->channel, filtered))
            cw_channel_send_frame(member->channel, frame);
    }
}

void cw_group_deliver(struct cw_group *group, const struct cw_message *message)
{
    bool is_recoverable = message->is_recovered && message->is_logged;
    CW_PROBE3(deliver, (const char *)group->name, message->payload.size, message->position.offset);
    struct cw_list filtered; /* struct cw_extras.in_filtered */
    cw_list_init(&filtered);
    uint32_t width = 0;
    for (int kind = 0; kind < CW_KIND_COUNT; kind++) {
        uint32_t count = group->count[kind];
        if (count == 0)
            continue;
        width += count;
        struct cw_buf *frame = cw_event_message((enum cw_kind)kind, message);
        if (frame ==
            NULL) { /* no memory: these members' next id shows a hole, so they can't go on */
            for (uint32_t i = 0; i < count; i++) {
                struct cw_channel *channel = group->members[kind][i]->channel;
                cw_channel_close(channel, 1011, "out of memory", 0);
                if (message->is_logged)
                    cw_session_miss(channel, group->log, message->position);
            }
            continue;
        }
        frame->log = group->log;
        frame->position = message->position;
        frame->is_entry = message->is_logged;
        frame->slow_policy = policy_of(group, message);
        if (is_recoverable)
            deliver_recovered(group, kind, frame, message, &filtered);
        else
            deliver_live(group, kind, frame, message, &filtered);
        CW_STAT(group_deliveries_total) += count;
        (void)cw_buf_unref(frame);
    }
    if (width > group->node->widest)
        group->node->widest = width;
    cw_group_pass_over(group, message);
    deliver_filtered(group, &filtered, message);
}

void cw_group_pass_over(struct cw_group *group, const struct cw_message *message)
{
    if (message->is_logged && !cw_list_is_empty(&group->chasing))
        cw_replays_on_delivered(group, message->position);
}

/* Those that are behind find it themselves. */
void cw_group_tell_gap(struct cw_group *group, const struct cw_gap *gap)
{
    for (int kind = 0; kind < CW_KIND_COUNT; kind++)
        for (uint32_t i = 0; i < group->count[kind]; i++)
            cw_channel_tell_gap(group->members[kind][i]->channel, group, gap);
    cw_replays_on_gap(group, gap->last_lost);
}

void cw_group_tell_presence(struct cw_group *group, bool is_join, struct cw_bytes channel,
                            struct cw_bytes user)
{
    for (int kind = CW_KIND_RAW + 1; kind < CW_KIND_COUNT; kind++) {
        struct cw_buf *frame = NULL;
        for (uint32_t i = 0; i < group->count[kind] + group->behind[kind]; i++) {
            const struct cw_member *member = group->members[kind][i];
            if (!member->wants_presence || cw_bytes_is(channel, member->channel->uuid))
                continue;
            if (frame == NULL)
                frame = cw_event_presence((enum cw_kind)kind, is_join, cw_bytes_text(group->name),
                                          channel, user);
            cw_channel_send_frame(member->channel, frame);
            CW_STAT(presence_events_total)++;
        }
        (void)cw_buf_unref(frame);
    }
}
