/*
 * replay.c - reading history for one member; see the header.
 */
#include "channel/replay.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/filter.h"
#include "channel/members.h"
#include "history.h"

#include <stdlib.h>

#define READING_MAX 16 /* pages under way and waiting: times 256 KiB is what replays may hold */
#define DRAINED_BYTES                                                                              \
    (64 * 1024)     /* the next page is read when the client has less than this to read */
#define REST_MS 200 /* after an attempt to read that failed */

enum replay_state {
    REPLAY_DRAINING, /* waits for the client to read, and for its channel's turn */
    REPLAY_QUEUED,   /* has its channel's turn, as in the next two; waits for one of READING_MAX */
    REPLAY_READING,
    REPLAY_RESTING, /* could not read: tries again, or ends, by the next tick */
    REPLAY_CHASING,
};

struct cw_replay {
    struct cw_list_node node; /* by state: in cw_channel.draining, cw_node.replays or
                                 replays_resting, cw_group.chasing */
    struct cw_node *owner;
    struct cw_member *member; /* NULL: cancelled while a page was under way */
    struct cw_position position;
    struct cw_position last_tip; /* of the page before: an unchanged end is the end */
    cw_replayed_fn fn;
    void *arg;
    int64_t rest_until_ms; /* RESTING */
    int failure;           /* RESTING */
    enum replay_state state;
    bool is_behind; /* of a member that is: a lost link does not end it */
    bool has_gap;
    bool has_read;
};

static void start_queued(struct cw_node *node);

static bool has_turn(const struct cw_replay *replay)
{
    return replay->state == REPLAY_QUEUED || replay->state == REPLAY_READING ||
           replay->state == REPLAY_RESTING;
}

/* Out of its list; whoever gave it its channel's turn gives it to the next. */
static void leave_state(struct cw_replay *replay)
{
    cw_list_remove(&replay->node);
    if (replay->state == REPLAY_READING)
        replay->owner->replays_reading--;
    if (has_turn(replay))
        replay->member->channel->is_being_replayed = false;
}

static void set_state(struct cw_replay *replay, enum replay_state state)
{
    leave_state(replay);
    replay->state = state;
    if (has_turn(replay))
        replay->member->channel->is_being_replayed = true;
    switch (state) {
    case REPLAY_DRAINING:
        cw_list_push_back(&replay->member->channel->draining, &replay->node);
        break;
    case REPLAY_QUEUED:
        cw_list_push_back(&replay->owner->replays, &replay->node);
        break;
    case REPLAY_READING:
        replay->owner->replays_reading++;
        break;
    case REPLAY_RESTING:
        cw_list_push_back(&replay->owner->replays_resting, &replay->node);
        break;
    case REPLAY_CHASING:
        cw_list_push_back(&replay->member->group->chasing, &replay->node);
        break;
    }
}

static void end_replay(struct cw_replay *replay, int rc)
{
    cw_replayed_fn fn = replay->fn;
    void *arg = replay->arg;
    bool has_gap = replay->has_gap;
    leave_state(replay);
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
    if (!cw_node_accepts(replay->owner, &entry.message))
        return;
    if (entry.message.skips_sender && cw_bytes_is(entry.message.from, channel->uuid))
        return;
    CW_STAT(client_replayed_messages_total)++;
    struct cw_buf *frame = cw_filter_frame(channel, &entry.message, member->group->log);
    if (frame != NULL)
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

static void rest(struct cw_replay *replay, int rc)
{
    replay->failure = rc;
    replay->rest_until_ms = cw_clock_ms() + REST_MS;
    set_state(replay, REPLAY_RESTING);
}

static bool may_go_on(const struct cw_replay *replay, int rc)
{
    return replay->is_behind && (rc == CW_ERR_UNAVAILABLE || rc == CW_ERR_TIMEOUT);
}

/* It was READING when its member went. */
static void end_cancelled(struct cw_replay *replay)
{
    replay->owner->replays_reading--;
    free(replay);
}

static void on_page(void *arg, int rc, const struct cw_log_page *page)
{
    struct cw_replay *replay = arg;
    struct cw_node *node = replay->owner;
    if (replay->member == NULL) {
        end_cancelled(replay);
        start_queued(node);
        return;
    }
    struct cw_channel *channel = replay->member->channel;
    for (size_t i = 0; rc == CW_OK && i < page->count && replay->member != NULL; i++)
        deliver(replay, &page->entries[i]);
    if (replay->member == NULL) /* cancelled by a filter of the channel */
        end_cancelled(replay);
    else if (may_go_on(replay, rc))
        rest(replay, rc);
    else if (rc != CW_OK)
        end_replay(replay, rc);
    else if (page->has_more)
        set_state(replay, REPLAY_DRAINING);
    else
        reach(replay, page);
    cw_replays_on_drained(channel);
    start_queued(node);
}

/* No `fn` is called from here: it is never known who else is at work. */
static void start_queued(struct cw_node *node)
{
    struct cw_list_node *first;
    while (node->replays_reading < READING_MAX && (first = cw_list_first(&node->replays)) != NULL) {
        struct cw_replay *replay = CW_CONTAINER(first, struct cw_replay, node);
        set_state(replay, REPLAY_READING);
        int rc = cw_cluster_read(node->cluster, cw_bytes_text(replay->member->group->name),
                                 replay->position, on_page, replay);
        if (rc != CW_OK)
            rest(replay, rc);
    }
}

static int start(struct cw_member *member, struct cw_position since, cw_replayed_fn fn, void *arg)
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
    set_state(replay, REPLAY_DRAINING);
    return CW_OK;
}

int cw_replay_start(struct cw_member *member, struct cw_position since, cw_replayed_fn fn,
                    void *arg)
{
    int rc = start(member, since, fn, arg);
    if (rc == CW_OK)
        cw_replays_on_drained(member->channel);
    return rc;
}

int cw_replay_start_behind(struct cw_member *member, struct cw_position since, cw_replayed_fn fn,
                           void *arg)
{
    int rc = start(member, since, fn, arg);
    if (rc == CW_OK)
        member->replay->is_behind = true;
    return rc;
}

void cw_replay_cancel(struct cw_replay *replay)
{
    if (replay == NULL)
        return;
    struct cw_channel *channel = replay->member->channel;
    bool is_reading = replay->state == REPLAY_READING; /* then on_page frees it */
    replay->owner->replays_reading += is_reading;
    leave_state(replay);
    replay->member->replay = NULL;
    replay->member = NULL;
    if (!is_reading)
        free(replay);
    cw_replays_on_drained(channel);
}

struct cw_position cw_replay_position(const struct cw_replay *replay)
{
    return replay->position;
}

void cw_replay_fail(struct cw_replay *replay, int rc)
{
    cw_replayed_fn fn = replay->fn;
    void *arg = replay->arg;
    bool has_gap = replay->has_gap;
    cw_replay_cancel(replay);
    fn(arg, rc, has_gap);
}

void cw_replays_on_drained(struct cw_channel *channel)
{
    struct cw_list_node *first = cw_list_first(&channel->draining);
    if (first == NULL || channel->is_being_replayed || !has_room(channel) ||
        channel->state == CW_CHANNEL_CLOSING)
        return;
    set_state(CW_CONTAINER(first, struct cw_replay, node), REPLAY_QUEUED);
    start_queued(channel->node);
}

/* What it waited for does not come. */
static void read_on(struct cw_replay *replay)
{
    set_state(replay, REPLAY_DRAINING);
    cw_replays_on_drained(replay->member->channel);
}

void cw_replays_on_delivered(struct cw_group *group, struct cw_position position)
{
    struct cw_list_node *node = cw_list_first(&group->chasing);
    while (node != NULL) {
        struct cw_replay *replay = CW_CONTAINER(node, struct cw_replay, node);
        node = cw_list_next(&group->chasing, node);
        int order = cw_position_compare(position, replay->position);
        if (order == 0)
            end_replay(replay, CW_OK);
        else if (order > 0) /* past it: the log is not what it was, and this was not sent yet */
            read_on(replay);
    }
}

void cw_replays_on_gap(struct cw_group *group, struct cw_position position)
{
    struct cw_list_node *node = cw_list_first(&group->chasing);
    while (node != NULL) {
        struct cw_replay *replay = CW_CONTAINER(node, struct cw_replay, node);
        node = cw_list_next(&group->chasing, node);
        if (cw_position_compare(position, replay->position) == 0)
            end_replay(replay, CW_OK);
        else
            read_on(replay);
    }
}

void cw_replays_tick(struct cw_node *node)
{
    struct cw_list_node *first;
    int64_t now = cw_clock_ms();
    while ((first = cw_list_first(&node->replays_resting)) != NULL) {
        struct cw_replay *replay = CW_CONTAINER(first, struct cw_replay, node);
        struct cw_channel *channel = replay->member->channel;
        if (may_go_on(replay, replay->failure)) {
            if (now < replay->rest_until_ms)
                break;
            set_state(replay, REPLAY_QUEUED);
        } else {
            end_replay(replay, replay->failure);
            cw_replays_on_drained(channel);
        }
    }
    start_queued(node);
}
