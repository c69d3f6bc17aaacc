/*
 * membership.c - joins and leaves on their way to Redis; see the header for the states.
 *
 * Calls go over one connection in order, so a leave sent after a join comes after it in Redis,
 * whatever was answered. A membership given up half way (channel gone, link lost) is left again by
 * the same rule.
 */
#include "membership.h"

#include "base/log.h"
#include "functions.h"
#include "names.h"

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

/* Out of every list; its interest is released. */
static void unlink_membership(struct cw_membership *membership)
{
    struct cw_interest *interest = membership->interest;
    cw_list_remove(&membership->in_channel);
    cw_list_remove(&membership->in_interest);
    if (membership->state == CW_MEMBERSHIP_JOINED)
        interest->joined--;
    membership->channel = NULL;
    membership->interest = NULL;
    cw_interest_release(interest);
}

static void fail_join(struct cw_membership *membership, int rc)
{
    cw_joined_fn fn = membership->fn.joined;
    void *arg = membership->arg;
    unlink_membership(membership);
    drop_if_done(membership);
    fn(arg, rc, false, (struct cw_position){0, 0});
}

static void queue_leave(struct cw_memberships *memberships, struct cw_membership *membership)
{
    struct cw_interest *interest = membership->interest;
    cw_list_remove(&membership->in_interest);
    if (membership->state == CW_MEMBERSHIP_JOINED)
        interest->joined--;
    membership->state = CW_MEMBERSHIP_LEAVING;
    cw_list_push_back(&interest->leaving, &membership->in_interest);
    mark_dirty(memberships, interest);
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

static void on_mark(void *arg, int rc, bool is_owner)
{
    struct cw_membership *membership = arg;
    membership->calls--;
    if (membership->channel == NULL || membership->state != CW_MEMBERSHIP_MARKING) {
        drop_if_done(membership);
        return;
    }
    struct cw_memberships *memberships = memberships_of(membership->channel);
    if (rc == CW_OK && is_owner) {
        on_marked_here(memberships, membership);
        return;
    }
    if (rc == CW_OK) /* the registry has lost or given away this channel */
        memberships->registry->is_suspect = true;
    fail_join(membership, rc == CW_OK ? CW_ERR_UNAVAILABLE : rc);
}

static int send_mark(struct cw_memberships *memberships, struct cw_membership *membership,
                     bool is_added, cw_flag_fn fn)
{
    char key[CW_KEY_MAX];
    (void)cw_key_write(key, memberships->registry->prefix, 'c', cw_bytes_text(membership->uuid));
    int rc = cw_functions_mark(memberships->registry->endpoint, key, memberships->registry->node_id,
                               is_added, membership->interest->name, fn, membership);
    if (rc == CW_OK)
        membership->calls++;
    return rc;
}

int cw_membership_join(struct cw_memberships *memberships, struct cw_cluster_channel *channel,
                       struct cw_bytes group, void *local, cw_joined_fn fn, void *arg)
{
    if (!cw_endpoint_is_up(memberships->registry->endpoint))
        return CW_ERR_UNAVAILABLE;
    struct cw_membership *membership = calloc(1, sizeof(*membership));
    if (membership == NULL)
        return CW_ERR_NOMEM;
    int rc = cw_interest_acquire(memberships->interests, group, &membership->interest);
    if (rc != CW_OK) {
        free(membership);
        return rc;
    }
    membership->interest->local = local;
    membership->channel = channel;
    membership->fn.joined = fn;
    membership->arg = arg;
    (void)snprintf(membership->uuid, sizeof(membership->uuid), "%s", channel->uuid);
    cw_list_push_back(&channel->memberships, &membership->in_channel);
    membership->state = CW_MEMBERSHIP_MARKING;
    if (channel->state == CW_ATTACHING)
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

struct batch {
    struct cw_memberships *memberships;
    struct cw_interest *interest;
    size_t count;
    struct cw_membership *members[];
};

static void on_batch_joined(void *arg, int rc, struct cw_position tip)
{
    struct batch *batch = arg;
    bool has_new = false;
    for (size_t i = 0; i < batch->count; i++) {
        struct cw_membership *membership = batch->members[i];
        membership->calls--;
        if (membership->channel == NULL || membership->state != CW_MEMBERSHIP_JOINING) {
            if (membership->is_repeat && rc != CW_OK)
                batch->memberships->registry->is_suspect = true;
            drop_if_done(membership);
        } else if (rc == CW_OK) {
            membership->target = tip;
            membership->state = CW_MEMBERSHIP_REACHING;
            cw_list_push_back(&membership->interest->waiting, &membership->in_interest);
            has_new = true;
        } else {
            batch->memberships->registry->is_suspect = true;
            fail_join(membership, rc);
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

static void fail_batch(struct batch *batch, int rc)
{
    for (size_t i = 0; i < batch->count; i++)
        batch->members[i]->calls++;
    on_batch_joined(batch, rc, (struct cw_position){0, 0});
}

/* One call for up to CW_FUNCTIONS_BATCH of the interest's joins. False: none was left. */
static bool send_joins(struct cw_memberships *memberships, struct cw_interest *interest)
{
    struct cw_functions_member members[CW_FUNCTIONS_BATCH];
    struct batch *batch = NULL;
    struct cw_list_node *node;
    if (cw_list_is_empty(&interest->joining))
        return false;
    batch = calloc(1, sizeof(*batch) + CW_FUNCTIONS_BATCH * sizeof(batch->members[0]));
    if (batch == NULL)
        return false;
    batch->memberships = memberships;
    batch->interest = interest;
    while (batch->count < CW_FUNCTIONS_BATCH &&
           (node = cw_list_pop_front(&interest->joining)) != NULL) {
        struct cw_membership *membership = CW_CONTAINER(node, struct cw_membership, in_interest);
        members[batch->count].uuid = membership->uuid;
        members[batch->count].user = user_of(membership->channel);
        batch->members[batch->count++] = membership;
    }
    struct cw_history_limits limits =
        cw_interest_limits(memberships->interests, cw_bytes_text(interest->name));
    int rc = cw_functions_join(memberships->registry->endpoint, interest->key, &limits,
                               memberships->registry->node_id, members, batch->count,
                               on_batch_joined, batch);
    if (rc != CW_OK) {
        fail_batch(batch, rc);
        return true;
    }
    for (size_t i = 0; i < batch->count; i++)
        batch->members[i]->calls++;
    return true;
}

void cw_memberships_on_attached(struct cw_cluster_channel *channel)
{
    struct cw_memberships *memberships = memberships_of(channel);
    struct cw_list_node *node = cw_list_first(&channel->memberships);
    while (node != NULL) {
        struct cw_membership *membership = CW_CONTAINER(node, struct cw_membership, in_channel);
        node = cw_list_next(&channel->memberships, node);
        bool is_new = membership->state == CW_MEMBERSHIP_MARKING && membership->calls == 0;
        if (!is_new && membership->state != CW_MEMBERSHIP_JOINED)
            continue;
        /* The channel's hash was handed over just now by this node: the mark can't be refused. */
        (void)send_mark(memberships, membership, true, on_mark);
        if (is_new) {
            on_marked_here(memberships, membership);
        } else if (!cw_list_is_linked(&membership->in_interest)) {
            membership->is_repeat = true;
            cw_list_push_back(&membership->interest->joining, &membership->in_interest);
            mark_dirty(memberships, membership->interest);
        }
    }
}

/* Leaving. */

static void on_unmarked(void *arg, int rc, bool is_owner)
{
    struct cw_membership *membership = arg;
    (void)is_owner; /* not the owner any more: the mark is not ours to remove */
    membership->calls--;
    cw_done_fn fn = membership->fn.left;
    void *fn_arg = membership->arg;
    membership->fn.left = NULL;
    drop_if_done(membership);
    if (fn != NULL)
        fn(fn_arg, rc);
}

static void on_batch_left(void *arg, int rc)
{
    struct cw_memberships *memberships = arg;
    if (rc != CW_OK)
        memberships->registry->is_suspect = true;
}

/* The marks follow the group's hash, so that the channel's hash always covers its memberships. */
static void send_unmarks(struct cw_memberships *memberships, struct cw_membership *const *left,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct cw_membership *membership = left[i];
        int rc = CW_OK;
        if (membership->channel != NULL) /* else its whole hash goes */
            rc = send_mark(memberships, membership, false, on_unmarked);
        bool waits = membership->calls > 0 && rc == CW_OK && membership->channel != NULL;
        unlink_membership(membership);
        if (waits)
            continue;
        membership->calls++;
        on_unmarked(membership, rc, false);
    }
}

static bool send_leaves(struct cw_memberships *memberships, struct cw_interest *interest)
{
    struct cw_membership *left[CW_FUNCTIONS_BATCH];
    const char *uuids[CW_FUNCTIONS_BATCH];
    size_t count = 0;
    struct cw_list_node *node;
    while (count < CW_FUNCTIONS_BATCH && (node = cw_list_pop_front(&interest->leaving)) != NULL) {
        left[count] = CW_CONTAINER(node, struct cw_membership, in_interest);
        uuids[count] = left[count]->uuid;
        count++;
    }
    if (count == 0)
        return false;
    if (cw_functions_leave(memberships->registry->endpoint, interest->key,
                           memberships->registry->node_id, uuids, count, on_batch_left,
                           memberships) != CW_OK)
        memberships->registry->is_suspect = true;
    send_unmarks(memberships, left, count);
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
        if (!membership->is_in_redis) {
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
    if (!cw_endpoint_is_up(memberships->registry->endpoint))
        return;
    struct cw_list_node *node;
    while ((node = cw_list_pop_front(&memberships->dirty)) != NULL) {
        struct cw_interest *interest = CW_CONTAINER(node, struct cw_interest, in_dirty);
        interest->refs++; /* the last leave must not free it under us */
        while (send_joins(memberships, interest)) {
        }
        while (send_leaves(memberships, interest)) {
        }
        cw_interest_release(interest);
    }
}

static void fail_waiting(struct cw_list *list)
{
    struct cw_list_node *node = cw_list_first(list);
    while (node != NULL) {
        struct cw_membership *membership = CW_CONTAINER(node, struct cw_membership, in_interest);
        node = cw_list_next(list, node);
        if (membership->state == CW_MEMBERSHIP_JOINED)
            cw_list_remove(&membership->in_interest); /* a repeat: announced again after the loss */
        else
            fail_join(membership, CW_ERR_TIMEOUT);
    }
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

void cw_memberships_on_down(struct cw_memberships *memberships)
{
    struct cw_map *groups = &memberships->interests->groups;
    for (struct cw_map_node *n = cw_map_next(groups, NULL); n != NULL; n = cw_map_next(groups, n)) {
        struct cw_interest *interest = CW_CONTAINER(n, struct cw_interest, in_groups);
        answer_leaving(&interest->leaving);
        if (cw_list_is_empty(&interest->waiting) && cw_list_is_empty(&interest->joining))
            continue;
        memberships->registry->is_suspect = true;
        fail_waiting(&interest->waiting);
        fail_waiting(&interest->joining);
    }
}
