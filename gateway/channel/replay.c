/*
 * replay.c - reading history for one member; see the header.
 */
#include "channel/replay.h"

#include "base/list.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/members.h"
#include "history.h"
#include "protocol/event.h"

#include <stdlib.h>

#define READING_MAX 16 /* pages under way and waiting: times 256 KiB is what replays may hold */
#define DRAINED_BYTES                                                                              \
    (64 * 1024) /* the next page is read when the client has less than this to read */

enum replay_state { REPLAY_QUEUED, REPLAY_READING, REPLAY_DRAINING, REPLAY_CHASING };

struct cw_replay {
    struct cw_list_node
        node; /* in cw_node.replays, cw_channel.draining or cw_group.chasing by state */
    struct cw_node *owner;
    struct cw_member *member; /* NULL: cancelled while a page was under way */
    struct cw_position position;
    struct cw_position last_tip; /* of the page before: an unchanged end is the end */
    cw_replayed_fn fn;
    void *arg;
    enum replay_state state;
    bool has_gap;
    bool has_read;
};

static void start_queued(struct cw_node *node);

static void set_state(struct cw_replay *replay, enum replay_state state)
{
    cw_list_remove(&replay->node);
    if (replay->state == REPLAY_READING)
        replay->owner->replays_reading--;
    replay->state = state;
    switch (state) {
    case REPLAY_QUEUED:
        cw_list_push_back(&replay->owner->replays, &replay->node);
        break;
    case REPLAY_READING:
        replay->owner->replays_reading++;
        break;
    case REPLAY_DRAINING:
        cw_list_push_back(&replay->member->channel->draining, &replay->node);
        break;
    case REPLAY_CHASING:
        cw_list_push_back(&replay->member->group->chasing, &replay->node);
        break;
    }
}

static void end_replay(struct cw_replay *replay, int rc)
{
    struct cw_node *node = replay->owner;
    cw_replayed_fn fn = replay->fn;
    void *arg = replay->arg;
    bool has_gap = replay->has_gap;
    cw_list_remove(&replay->node);
    if (replay->state == REPLAY_READING)
        node->replays_reading--;
    replay->member->replay = NULL;
    free(replay);
    fn(arg, rc, has_gap);
}

static void tell_gap(struct cw_replay *replay, const struct cw_gap *gap)
{
    struct cw_member *member = replay->member;
    replay->has_gap = true;
    cw_channel_tell_gap(member->channel, member->group, gap);
}

static void deliver(struct cw_replay *replay, const struct cw_log_entry *from)
{
    struct cw_member *member = replay->member;
    struct cw_channel *channel = member->channel;
    struct cw_gap gap;
    struct cw_envelope entry = {.message = from->message,
                                .has_predecessor = from->has_predecessor,
                                .predecessor = from->predecessor};
    enum cw_step step = cw_history_step(&replay->position, &entry, false, &gap);
    if (step == CW_STEP_DROP)
        return;
    if (step == CW_STEP_GAP)
        tell_gap(replay, &gap);
    entry.message.group = cw_bytes_text(member->group->name);
    if (entry.message.skips_sender && cw_bytes_is(entry.message.from, channel->uuid))
        return;
    CW_STAT(client_replayed_messages_total)++;
    struct cw_buf *frame = cw_event_message((enum cw_kind)channel->kind, &entry.message);
    if (frame != NULL) {
        frame->log = member->group->log;
        frame->position = entry.message.position;
    }
    cw_channel_send_replayed_frame(channel, frame);
}

/* History was read to its end: is that where the node is? */
static void reach(struct cw_replay *replay, const struct cw_log_page *page)
{
    struct cw_member *member = replay->member;
    struct cw_position live;
    struct cw_gap gap;
    bool is_logged = false;
    if (cw_history_settle(&replay->position, page->tip, &gap))
        tell_gap(replay, &gap);
    if (cw_cluster_position(member->channel->mirror, cw_bytes_text(member->group->name), &is_logged,
                            &live) != CW_OK) {
        end_replay(replay, CW_ERR_UNAVAILABLE);
        return;
    }
    bool is_end = replay->has_read && cw_position_compare(page->tip, replay->last_tip) == 0;
    int order = cw_position_compare(replay->position, live);
    replay->has_read = true;
    replay->last_tip = page->tip;
    if (order == 0 ||
        (order < 0 && is_end)) /* the latter: Redis forgot what the node still knows */
        end_replay(replay, CW_OK);
    else if (order > 0)
        set_state(replay, REPLAY_CHASING);
    else
        set_state(replay, REPLAY_DRAINING);
}

static bool has_room(const struct cw_channel *channel)
{
    return channel->outbox.bytes < DRAINED_BYTES;
}

static void on_page(void *arg, int rc, const struct cw_log_page *page)
{
    struct cw_replay *replay = arg;
    struct cw_node *node = replay->owner;
    if (replay->member == NULL) {
        node->replays_reading--;
        free(replay);
        start_queued(node);
        return;
    }
    if (rc != CW_OK) {
        end_replay(replay, rc);
        start_queued(node);
        return;
    }
    for (size_t i = 0; i < page->count; i++)
        deliver(replay, &page->entries[i]);
    struct cw_channel *channel = replay->member->channel;
    if (page->has_more)
        set_state(replay, REPLAY_DRAINING);
    else
        reach(replay, page);
    cw_replays_on_drained(channel);
    start_queued(node);
}

static void start_queued(struct cw_node *node)
{
    struct cw_list_node *first;
    while (node->replays_reading < READING_MAX && (first = cw_list_first(&node->replays)) != NULL) {
        struct cw_replay *replay = CW_CONTAINER(first, struct cw_replay, node);
        set_state(replay, REPLAY_READING);
        int rc = cw_cluster_read(node->cluster, cw_bytes_text(replay->member->group->name),
                                 replay->position, on_page, replay);
        if (rc != CW_OK)
            end_replay(replay, rc);
    }
}

int cw_replay_start(struct cw_member *member, struct cw_position since, cw_replayed_fn fn,
                    void *arg)
{
    struct cw_replay *replay = calloc(1, sizeof(*replay));
    if (replay == NULL)
        return CW_ERR_NOMEM;
    replay->owner = member->channel->node;
    replay->member = member;
    replay->position = since;
    replay->fn = fn;
    replay->arg = arg;
    member->replay = replay;
    CW_STAT(client_replays_total)++;
    set_state(replay, REPLAY_QUEUED);
    start_queued(replay->owner);
    return CW_OK;
}

struct cw_position cw_replay_position(const struct cw_replay *replay)
{
    return replay->position;
}

void cw_replay_cancel(struct cw_replay *replay)
{
    if (replay == NULL)
        return;
    replay->member->replay = NULL;
    replay->member = NULL;
    if (replay->state == REPLAY_READING)
        return; /* on_page frees it */
    cw_list_remove(&replay->node);
    free(replay);
}

void cw_replays_on_drained(struct cw_channel *channel)
{
    struct cw_list_node *first;
    if (cw_list_is_empty(&channel->draining) || !has_room(channel))
        return;
    while ((first = cw_list_first(&channel->draining)) != NULL)
        set_state(CW_CONTAINER(first, struct cw_replay, node), REPLAY_QUEUED);
    start_queued(channel->node);
}

void cw_replays_on_delivered(struct cw_group *group, struct cw_position position)
{
    struct cw_list_node *node = cw_list_first(&group->chasing);
    while (node != NULL) {
        struct cw_replay *replay = CW_CONTAINER(node, struct cw_replay, node);
        node = cw_list_next(&group->chasing, node);
        if (cw_position_compare(position, replay->position) >= 0)
            end_replay(replay, CW_OK);
    }
}
