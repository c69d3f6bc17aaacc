/*
 * membership.c - joins and leaves on their way to Redis; see the header for the states.
 *
 * Calls go over one connection in order, so a leave sent after a join comes after it in Redis,
 * whatever was answered. A membership given up half way (channel gone, join failed) is left by the
 * same rule. A leave is sent until it is acknowledged, with the next flush.
 */
#include "membership.h"

#include "base/log.h"
#include "functions.h"
#include "names.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cw_memberships *memberships_of(const struct cw_cluster_channel *channel)
{
    return channel->registry->memberships;
}

void cw_memberships_init(struct cw_memberships *memberships, struct cw_interests *interests,
                         struct cw_registry *registry)
{
    memberships->interests = interests;
    memberships->registry = registry;
    cw_list_init(&memberships->dirty);
}

static void free_all(struct cw_list *list)
{
    struct cw_list_node *node;
    while ((node = cw_list_pop_front(list)) != NULL) {
        struct cw_membership *membership = CW_CONTAINER(node, struct cw_membership, in_interest);
        cw_list_remove(&membership->in_channel);
        free(membership);
    }
}

void cw_memberships_finish(struct cw_memberships *memberships)
{
    struct cw_list *channels = &memberships->registry->channels;
    for (struct cw_list_node *n = cw_list_first(channels); n != NULL;
         n = cw_list_next(channels, n)) {
        struct cw_cluster_channel *channel =
            CW_CONTAINER(n, struct cw_cluster_channel, in_channels);
        struct cw_list_node *node;
        while ((node = cw_list_pop_front(&channel->memberships)) != NULL) {
            struct cw_membership *membership = CW_CONTAINER(node, struct cw_membership, in_channel);
            cw_list_remove(&membership->in_interest);
            free(membership);
        }
    }
    struct cw_map *groups = &memberships->interests->groups;
    for (struct cw_map_node *n = cw_map_next(groups, NULL); n != NULL; n = cw_map_next(groups, n))
        free_all(&CW_CONTAINER(n, struct cw_interest, in_groups)->leaving);
}

struct cw_membership *cw_membership_find(const struct cw_cluster_channel *channel,
                                         struct cw_bytes group)
{
    for (struct cw_list_node *n = cw_list_first(&channel->memberships); n != NULL;
         n = cw_list_next(&channel->memberships, n)) {
        struct cw_membership *membership = CW_CONTAINER(n, struct cw_membership, in_channel);
        if (cw_bytes_is(group, membership->interest->name))
            return membership;
    }
    return NULL;
}

static void mark_dirty(struct cw_memberships *memberships, struct cw_interest *interest)
{
    if (!cw_list_is_linked(&interest->in_dirty))
        cw_list_push_back(&memberships->dirty, &interest->in_dirty);
    cw_registry_request_flush(memberships->registry);
}

/* Nothing points to it any more but answers outstanding; the last of them frees it. */
static void drop_if_done(struct cw_membership *membership)
{
    if (membership->calls > 0 || membership->interest != NULL)
        return;
    free(membership);
}

/* From JOINED: no message any more. */
static void stop_delivery(struct cw_membership *membership)
{
    assert(membership->interest != NULL); /* it is unlinked once, at the end */
    if (membership->state != CW_MEMBERSHIP_JOINED)
        return;
    membership->interest->joined--;
    if (membership->wants_presence)
        cw_interest_unwatch(membership->interest);
}

/* Out of every list; its interest is released. */
static void unlink_membership(struct cw_membership *membership)
{
    struct cw_interest *interest = membership->interest;
    assert(interest != NULL); /* unlinked once */
    cw_list_remove(&membership->in_channel);
    cw_list_remove(&membership->in_interest);
    stop_delivery(membership);
    membership->channel = NULL;
    membership->interest = NULL;
    cw_interest_release(interest);
}

static void queue_leave(struct cw_memberships *memberships, struct cw_membership *membership)
{
    struct cw_interest *interest = membership->interest;
    assert(interest != NULL); /* it is unlinked once, at the end */
    cw_list_remove(&membership->in_interest);
    stop_delivery(membership);
    membership->state = CW_MEMBERSHIP_LEAVING;
    cw_list_push_back(&interest->leaving, &membership->in_interest);
    mark_dirty(memberships, interest);
}

/* An answer while it leaves, be it to a part of its leave or to a join before: after the last one
 * it is done, or the leave is to be sent again. */
static void on_leave_answer(struct cw_memberships *memberships, struct cw_membership *membership,
                            int rc)
{
    if (rc != CW_OK)
        membership->leave_rc = (int16_t)rc;
    if (--membership->calls > 0 || cw_list_is_linked(&membership->in_interest))
        return; /* more will come, or the leave was not sent yet */
    cw_done_fn fn = membership->fn.left;
    void *arg = membership->arg;
    rc = membership->leave_rc;
    membership->fn.left = NULL;
    membership->leave_rc = CW_OK;
    if (rc == CW_OK) {
        unlink_membership(membership);
        drop_if_done(membership);
    } else { /* no flush is asked for: Redis may say no again and again */
        struct cw_interest *interest = membership->interest;
        cw_list_push_back(&interest->leaving, &membership->in_interest);
        if (!cw_list_is_linked(&interest->in_dirty))
            cw_list_push_back(&memberships->dirty, &interest->in_dirty);
    }
    if (fn != NULL) /* here it has been left: never "nothing was done" */
        fn(arg, rc == CW_ERR_UNAVAILABLE ? CW_ERR_TIMEOUT : rc);
}

/* What may be of it in Redis is left again. */
static void fail_join(struct cw_memberships *memberships, struct cw_membership *membership, int rc)
{
    cw_joined_fn fn = membership->fn.joined;
    void *arg = membership->arg;
    if (membership->is_in_redis || rc == CW_ERR_TIMEOUT) {
        membership->fn.left = NULL;
        queue_leave(memberships, membership);
    } else {
        unlink_membership(membership);
        drop_if_done(membership);
    }
    fn(arg, rc, false, (struct cw_position){0, 0});
}

/* The calls of one turn for one group that travel together. */
struct batch {
    struct cw_memberships *memberships;
    struct cw_interest *interest;
    size_t count;
    struct cw_membership *members[];
};

static struct batch *create_batch(struct cw_memberships *memberships, struct cw_interest *interest)
{
    struct batch *batch =
        calloc(1, sizeof(*batch) + CW_FUNCTIONS_BATCH * sizeof(batch->members[0]));
    if (batch != NULL) {
        batch->memberships = memberships;
        batch->interest = interest;
    }
    return batch;
}

/* Takes as many of `list` as fit; an answer is owed to each. */
static void fill_batch(struct batch *batch, struct cw_list *list)
{
    struct cw_list_node *node;
    while (batch->count < CW_FUNCTIONS_BATCH && (node = cw_list_pop_front(list)) != NULL) {
        struct cw_membership *membership = CW_CONTAINER(node, struct cw_membership, in_interest);
        membership->calls++;
        batch->members[batch->count++] = membership;
    }
}

/* Joining. */

static void queue_join(struct cw_memberships *memberships, struct cw_membership *membership)
{
    cw_list_remove(&membership->in_interest);
    membership->state = CW_MEMBERSHIP_JOINING;
    cw_list_push_back(&membership->interest->joining, &membership->in_interest);
    mark_dirty(memberships, membership->interest);
}

/* Marked; goes on when the interest is acked. */
static void on_marked_here(struct cw_memberships *memberships, struct cw_membership *membership)
{
    membership->is_in_redis = true;
    if (membership->interest->state == CW_INTEREST_SUBSCRIBING) {
        membership->state = CW_MEMBERSHIP_WAITING;
        cw_list_push_back(&membership->interest->waiting, &membership->in_interest);
    } else {
        queue_join(memberships, membership);
    }
}

/* Writes a join once more: Redis has lost it, or may have. */
static void repeat_join(struct cw_membership *membership)
{
    membership->is_repeat = false;
    cw_list_push_back(&membership->interest->joining, &membership->in_interest);
    mark_dirty(membership->memberships, membership->interest);
}

static void on_mark(void *arg, int rc, bool is_owner)
{
    struct cw_membership *membership = arg;
    struct cw_memberships *memberships = membership->memberships;
    if (membership->state == CW_MEMBERSHIP_LEAVING) {
        on_leave_answer(memberships, membership, CW_OK);
        return;
    }
    membership->calls--;
    if (membership->channel == NULL) {
        drop_if_done(membership);
        return;
    }
    if (rc == CW_OK && is_owner) {
        if (membership->state == CW_MEMBERSHIP_MARKING)
            on_marked_here(memberships, membership);
        else if (membership->state == CW_MEMBERSHIP_JOINED && membership->is_repeat &&
                 !cw_list_is_linked(&membership->in_interest))
            repeat_join(membership);
        return;
    }
    if (rc == CW_OK || membership->state != CW_MEMBERSHIP_MARKING)
        memberships->registry->is_suspect = true; /* it has lost or given away this channel, ... */
    if (membership->state == CW_MEMBERSHIP_MARKING)
        fail_join(memberships, membership, rc == CW_OK ? CW_ERR_UNAVAILABLE : rc);
}

static int send_mark(struct cw_memberships *memberships, struct cw_membership *membership,
                     bool is_added, cw_flag_fn fn)
{
    char key[CW_KEY_MAX];
    (void)cw_key_write(key, memberships->registry->prefix, 'c', cw_bytes_text(membership->uuid));
    int rc =
        cw_functions_mark(memberships->registry->endpoints, key, memberships->registry->node_id,
                          is_added, membership->interest->name, fn, membership);
    if (rc == CW_OK)
        membership->calls++;
    return rc;
}

int cw_membership_join(struct cw_memberships *memberships, struct cw_cluster_channel *channel,
                       struct cw_bytes group, bool wants_presence, void *local, cw_joined_fn fn,
                       void *arg)
{
    if (!cw_registry_may_write(memberships->registry))
        return CW_ERR_UNAVAILABLE;
    struct cw_membership *membership = calloc(1, sizeof(*membership));
    if (membership == NULL)
        return CW_ERR_NOMEM;
    int rc = cw_interest_acquire(memberships->interests, group, &membership->interest);
    if (rc == CW_OK && !cw_interest_is_served(membership->interest)) {
        cw_interest_release(membership->interest);
        rc = CW_ERR_UNAVAILABLE;
    }
    if (rc != CW_OK) {
        free(membership);
        return rc;
    }
    membership->interest->local = local;
    membership->memberships = memberships;
    membership->channel = channel;
    membership->wants_presence = wants_presence;
    membership->fn.joined = fn;
    membership->arg = arg;
    memcpy(membership->uuid, channel->uuid, sizeof(membership->uuid));
    cw_list_push_back(&channel->memberships, &membership->in_channel);
    membership->state = CW_MEMBERSHIP_MARKING;
    if (channel->state != CW_ATTACHED)
        return CW_OK; /* cw_memberships_on_attached goes on */
    rc = send_mark(memberships, membership, true, on_mark);
    if (rc != CW_OK) {
        unlink_membership(membership);
        drop_if_done(membership);
    }
    return rc;
}

static void activate(struct cw_membership *membership)
{
    struct cw_interest *interest = membership->interest;
    bool is_logged = cw_interest_limits(interest->owner, cw_bytes_text(interest->name)).size > 0;
    cw_list_remove(&membership->in_interest);
    membership->state = CW_MEMBERSHIP_JOINED;
    interest->joined++;
    if (membership->wants_presence)
        cw_interest_watch(interest);
    if (membership->is_repeat)
        repeat_join(membership);
    membership->fn.joined(membership->arg, CW_OK, is_logged, interest->last);
}

void cw_memberships_on_progress(struct cw_memberships *memberships, struct cw_interest *interest)
{
    struct cw_list ready; /* a callback may remove others of them: they unlink themselves */
    struct cw_list_node *node = cw_list_first(&interest->waiting);
    cw_list_init(&ready);
    while (node != NULL) {
        struct cw_membership *membership = CW_CONTAINER(node, struct cw_membership, in_interest);
        node = cw_list_next(&interest->waiting, node);
        if (membership->state == CW_MEMBERSHIP_WAITING) {
            if (interest->state != CW_INTEREST_SUBSCRIBING)
                queue_join(memberships, membership);
        } else if (cw_interest_has_reached(interest, membership->target)) {
            cw_list_remove(&membership->in_interest);
            cw_list_push_back(&ready, &membership->in_interest);
        }
    }
    while ((node = cw_list_first(&ready)) != NULL)
        activate(CW_CONTAINER(node, struct cw_membership, in_interest));
}

static void on_batch_joined(void *arg, int rc, struct cw_position tip)
{
    struct batch *batch = arg;
    bool has_new = false;
    for (size_t i = 0; i < batch->count; i++) {
        struct cw_membership *membership = batch->members[i];
        if (membership->state == CW_MEMBERSHIP_LEAVING) {
            on_leave_answer(batch->memberships, membership, CW_OK);
            continue;
        }
        membership->calls--;
        if (membership->state == CW_MEMBERSHIP_JOINED) { /* a repeat */
            if (rc != CW_OK)
                batch->memberships->registry->is_suspect = true;
        } else if (rc == CW_OK) {
            membership->target = tip;
            membership->state = CW_MEMBERSHIP_REACHING;
            cw_list_push_back(&membership->interest->waiting, &membership->in_interest);
            has_new = true;
        } else {
            fail_join(batch->memberships, membership, rc);
        }
    }
    if (has_new) /* one of them holds the interest */
        cw_interest_learn_tip(batch->interest, tip);
    free(batch);
}

static const char *user_of(const struct cw_cluster_channel *channel)
{
    struct cw_channel_info info = {0};
    channel->registry->events.describe(channel->user, &info);
    return info.user;
}

/* One call for up to CW_FUNCTIONS_BATCH of the interest's joins. False: none was left. */
static bool send_joins(struct cw_memberships *memberships, struct cw_interest *interest)
{
    struct cw_functions_member members[CW_FUNCTIONS_BATCH];
    bool is_watched = interest->watchers > 0;
    if (cw_list_is_empty(&interest->joining))
        return false;
    struct batch *batch = create_batch(memberships, interest);
    if (batch == NULL)
        return false;
    fill_batch(batch, &interest->joining);
    for (size_t i = 0; i < batch->count; i++) {
        members[i].uuid = batch->members[i]->uuid;
        batch->members[i]->lease_number = memberships->registry->lease_number;
        members[i].user = user_of(batch->members[i]->channel);
        members[i].generation = batch->members[i]->channel->generation;
        is_watched |= batch->members[i]->wants_presence;
    }
    struct cw_history_limits limits =
        cw_interest_limits(memberships->interests, cw_bytes_text(interest->name));
    int rc = cw_functions_join(memberships->registry->endpoints, interest->key, &limits,
                               memberships->registry->node_id, is_watched, members, batch->count,
                               on_batch_joined, batch);
    if (rc != CW_OK)
        on_batch_joined(batch, rc, (struct cw_position){0, 0});
    return true;
}

void cw_memberships_on_attached(struct cw_cluster_channel *channel)
{
    struct cw_memberships *memberships = memberships_of(channel);
    struct cw_list_node *node = cw_list_first(&channel->memberships);
    bool waits = cw_endpoints_are_many(memberships->registry->endpoints);
    while (node != NULL) {
        struct cw_membership *membership = CW_CONTAINER(node, struct cw_membership, in_channel);
        node = cw_list_next(&channel->memberships, node);
        bool is_new = membership->state == CW_MEMBERSHIP_MARKING && membership->calls == 0;
        bool is_queued = cw_list_is_linked(&membership->in_interest);
        if (membership->state == CW_MEMBERSHIP_LEAVING ||
            (membership->state == CW_MEMBERSHIP_MARKING && !is_new))
            continue;
        int rc = send_mark(memberships, membership, true, on_mark);
        if (rc != CW_OK)
            memberships->registry->is_suspect = true;
        /* The channel's hash was handed over just now by this node: where one server does all in
         * order, its mark is not waited for. */
        if (is_new && waits && rc != CW_OK)
            fail_join(memberships, membership, CW_ERR_UNAVAILABLE);
        else if (is_new && !waits)
            on_marked_here(memberships, membership);
        else if (membership->state == CW_MEMBERSHIP_JOINED && !is_queued && !waits)
            repeat_join(membership);
        else if (membership->state == CW_MEMBERSHIP_REACHING ||
                 (membership->state >= CW_MEMBERSHIP_JOINING && !is_queued))
            membership->is_repeat = true; /* once it is JOINED, or marked */
    }
}

/* What Redis has and this node has not, found when a channel is attached again. */

static void on_repaired(void *arg, int rc)
{
    struct cw_memberships *memberships = arg;
    memberships->registry->is_suspect |= rc != CW_OK;
}

static void on_mark_repaired(void *arg, int rc, bool is_owner)
{
    (void)is_owner;
    on_repaired(arg, rc);
}

void cw_memberships_repair(struct cw_cluster_channel *channel, struct cw_bytes group,
                           struct cw_bytes owner)
{
    struct cw_registry *registry = channel->registry;
    const char *uuid = channel->uuid;
    char name[CW_GROUP_NAME_MAX + 1];
    char node[CW_NODE_ID_MAX + 1];
    char key[CW_KEY_MAX];
    if (!cw_group_name_is_valid(group) || owner.size > CW_NODE_ID_MAX)
        return;
    (void)snprintf(name, sizeof(name), "%.*s", (int)group.size, group.data);
    (void)snprintf(node, sizeof(node), "%.*s", (int)owner.size, owner.data);
    (void)cw_key_write(key, registry->prefix, 'g', group);
    int rc = cw_functions_leave(registry->endpoints, key, node, &uuid, 1, on_repaired,
                                registry->memberships);
    if (rc == CW_OK && strcmp(node, registry->node_id) != 0)
        rc = cw_functions_leave(registry->endpoints, key, registry->node_id, &uuid, 1, on_repaired,
                                registry->memberships);
    (void)cw_key_write(key, registry->prefix, 'c', cw_bytes_text(uuid));
    if (rc == CW_OK)
        rc = cw_functions_mark(registry->endpoints, key, registry->node_id, false, name,
                               on_mark_repaired, registry->memberships);
    registry->is_suspect |= rc != CW_OK;
}

/* Leaving. */

static void on_unmarked(void *arg, int rc, bool is_owner)
{
    struct cw_membership *membership = arg;
    (void)is_owner; /* not the owner any more: the mark is not ours to remove */
    on_leave_answer(membership->memberships, membership, rc);
}

static void on_batch_left(void *arg, int rc)
{
    struct batch *batch = arg;
    for (size_t i = 0; i < batch->count; i++)
        on_leave_answer(batch->memberships, batch->members[i], rc);
    free(batch);
}

/* One call for up to CW_FUNCTIONS_BATCH of the interest's leaves, then their marks, so that the
 * channel's hash always covers its memberships. False: no more can be sent now. */
static bool send_leaves(struct cw_memberships *memberships, struct cw_interest *interest)
{
    const char *uuids[CW_FUNCTIONS_BATCH];
    struct cw_membership *marked[CW_FUNCTIONS_BATCH];
    size_t marked_count = 0;
    if (cw_list_is_empty(&interest->leaving))
        return false;
    struct batch *batch = create_batch(memberships, interest);
    if (batch == NULL)
        return false;
    fill_batch(batch, &interest->leaving);
    bool has_elder = false; /* written under this node's id before, and not again since */
    for (size_t i = 0; i < batch->count; i++) {
        uuids[i] = batch->members[i]->uuid;
        has_elder |= batch->members[i]->lease_number != memberships->registry->lease_number;
        if (batch->members[i]->channel != NULL) /* else its whole hash goes */
            marked[marked_count++] = batch->members[i];
    }
    struct cw_registry *registry = memberships->registry;
    if (has_elder && cw_functions_leave(registry->endpoints, interest->key, registry->earlier_id,
                                        uuids, batch->count, on_repaired, memberships) != CW_OK)
        registry->is_suspect = true;
    int rc = cw_functions_leave(registry->endpoints, interest->key, registry->node_id, uuids,
                                batch->count, on_batch_left, batch);
    if (rc != CW_OK) {
        on_batch_left(batch, rc);
        return false;
    }
    for (size_t i = 0; i < marked_count; i++) {
        rc = send_mark(memberships, marked[i], false, on_unmarked);
        if (rc != CW_OK)
            marked[i]->leave_rc = (int16_t)rc;
    }
    return true;
}

void cw_membership_leave(struct cw_memberships *memberships, struct cw_membership *membership,
                         cw_done_fn fn, void *arg)
{
    queue_leave(memberships, membership);
    membership->fn.left = fn;
    membership->arg = arg;
}

void cw_memberships_remove_all(struct cw_memberships *memberships,
                               struct cw_cluster_channel *channel)
{
    struct cw_list_node *node;
    while ((node = cw_list_first(&channel->memberships)) != NULL) {
        struct cw_membership *membership = CW_CONTAINER(node, struct cw_membership, in_channel);
        uint8_t state = membership->state;
        cw_joined_fn joined = membership->fn.joined;
        cw_done_fn left = membership->fn.left;
        void *arg = membership->arg;
        cw_list_remove(&membership->in_channel);
        membership->channel = NULL;
        membership->fn.left = NULL;
        bool is_queued = membership->is_in_redis && cw_registry_may_write(memberships->registry);
        if (state != CW_MEMBERSHIP_LEAVING && !is_queued) { /* without a link: the sweep finds it */
            unlink_membership(membership);
            drop_if_done(membership);
        } else if (state != CW_MEMBERSHIP_LEAVING) {
            queue_leave(memberships, membership);
        }
        if (state == CW_MEMBERSHIP_LEAVING && left != NULL)
            left(arg, CW_ERR_CANCELLED);
        else if (state < CW_MEMBERSHIP_JOINED)
            joined(arg, CW_ERR_CANCELLED, false, (struct cw_position){0, 0});
    }
}

/* End of turn, and the end of a link. */

void cw_memberships_flush(struct cw_memberships *memberships)
{
    if (!cw_registry_may_write(memberships->registry))
        return;
    struct cw_list now; /* what can't be sent is dirty again */
    struct cw_list_node *node;
    cw_list_init(&now);
    cw_list_move_all(&now, &memberships->dirty);
    while ((node = cw_list_pop_front(&now)) != NULL) {
        struct cw_interest *interest = CW_CONTAINER(node, struct cw_interest, in_dirty);
        interest->refs++; /* the last leave must not free it under us */
        while (send_joins(memberships, interest)) {
        }
        while (send_leaves(memberships, interest)) {
        }
        cw_interest_release(interest);
    }
}

static void fail_waiting(struct cw_memberships *memberships, struct cw_list *list)
{
    struct cw_list_node *node = cw_list_first(list);
    while (node != NULL) {
        struct cw_membership *membership = CW_CONTAINER(node, struct cw_membership, in_interest);
        node = cw_list_next(list, node);
        if (membership->state == CW_MEMBERSHIP_JOINED)
            cw_list_remove(&membership->in_interest); /* a repeat: announced again after the loss */
        else
            fail_join(memberships, membership, CW_ERR_TIMEOUT);
    }
}

/* Nothing of them was handed over. A callback may end the channel, and with it its memberships. */
void cw_memberships_refuse(struct cw_cluster_channel *channel)
{
    struct cw_list_node *node = cw_list_first(&channel->memberships);
    while (node != NULL) {
        struct cw_membership *membership = CW_CONTAINER(node, struct cw_membership, in_channel);
        node = cw_list_next(&channel->memberships, node);
        if (membership->state == CW_MEMBERSHIP_MARKING && membership->calls == 0)
            fail_join(memberships_of(channel), membership, CW_ERR_UNAVAILABLE);
    }
}

/* Joins of channels that are still to be written. */
static void fail_unsent(struct cw_memberships *memberships)
{
    const struct cw_list *attaching = &memberships->registry->attaching;
    for (struct cw_list_node *n = cw_list_first(attaching); n != NULL;
         n = cw_list_next(attaching, n))
        cw_memberships_refuse(CW_CONTAINER(n, struct cw_cluster_channel, in_turn));
}

/* They are sent when the link is back; their callers are not kept waiting for it. */
static void answer_leaving(struct cw_list *list)
{
    for (struct cw_list_node *n = cw_list_first(list); n != NULL; n = cw_list_next(list, n)) {
        struct cw_membership *membership = CW_CONTAINER(n, struct cw_membership, in_interest);
        cw_done_fn fn = membership->fn.left;
        membership->fn.left = NULL;
        if (fn != NULL)
            fn(membership->arg, CW_ERR_TIMEOUT);
    }
}

static void lose_link(struct cw_memberships *memberships, struct cw_interest *interest)
{
    answer_leaving(&interest->leaving);
    if (cw_list_is_empty(&interest->waiting) && cw_list_is_empty(&interest->joining))
        return;
    memberships->registry->is_suspect = true;
    fail_waiting(memberships, &interest->waiting);
    fail_waiting(memberships, &interest->joining);
}

void cw_memberships_on_down(struct cw_memberships *memberships, const struct cw_endpoint *endpoint)
{
    struct cw_map *groups = &memberships->interests->groups;
    if (!cw_endpoints_any_up(memberships->registry->endpoints))
        fail_unsent(memberships);
    for (struct cw_map_node *n = cw_map_next(groups, NULL); n != NULL; n = cw_map_next(groups, n)) {
        struct cw_interest *interest = CW_CONTAINER(n, struct cw_interest, in_groups);
        if (interest->endpoint == endpoint)
            lose_link(memberships, interest);
    }
}

void cw_memberships_on_moved(struct cw_memberships *memberships)
{
    const struct cw_endpoints *endpoints = memberships->registry->endpoints;
    struct cw_map *groups = &memberships->interests->groups;
    for (struct cw_map_node *n = cw_map_next(groups, NULL); n != NULL; n = cw_map_next(groups, n)) {
        struct cw_interest *interest = CW_CONTAINER(n, struct cw_interest, in_groups);
        if (interest->endpoint != NULL && !cw_endpoints_keeps(endpoints, interest->endpoint))
            lose_link(memberships, interest);
    }
}
