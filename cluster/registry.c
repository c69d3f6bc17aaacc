/*
 * registry.c - node set and channel hashes, written and removed in batches per loop turn.
 */
#include "registry.h"

#include "base/log.h"
#include "base/stats.h"
#include "functions.h"
#include "lease.h"
#include "membership.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Channels written in one turn: an announcement of 10,000 is spread over some tens of turns. */
#define ATTACH_SLICE (2 * CW_FUNCTIONS_BATCH)
#define FIELDS_MAX   20

/* What the functions take where a channel's hash says nothing (chanway_channels.lua). */
#define QUEUE_MAX   100
#define QUEUE_BYTES 1048576

static struct cw_bytes key_of_channel(const struct cw_map_node *node)
{
    return cw_bytes_make(CW_CONST_CONTAINER(node, struct cw_cluster_channel, in_by_uuid)->uuid,
                         CW_UUID_TEXT_SIZE - 1);
}

void cw_registry_init(struct cw_registry *registry, struct cw_endpoint *endpoint,
                      const struct cw_lease *lease, const char *prefix, const char *node_id,
                      const char *earlier_id, const struct cw_cluster_events *events,
                      void *events_arg)
{
    memset(registry, 0, sizeof(*registry));
    registry->endpoint = endpoint;
    registry->lease = lease;
    registry->prefix = prefix;
    registry->node_id = node_id;
    registry->earlier_id = earlier_id;
    registry->events = *events;
    registry->events_arg = events_arg;
    cw_map_init(&registry->by_uuid, key_of_channel);
    cw_list_init(&registry->channels);
    cw_list_init(&registry->unknown);
    cw_list_init(&registry->attaching);
    cw_list_init(&registry->detaching);
    cw_registry_set_session(registry, 0, 0, 0);
}

void cw_registry_set_session(struct cw_registry *registry, int64_t ttl_s, int64_t queue_max,
                             int64_t queue_bytes)
{
    registry->session_ttl_s = ttl_s;
    registry->queue_max = queue_max > 0 ? queue_max : QUEUE_MAX;
    registry->queue_bytes = queue_bytes > 0 ? queue_bytes : QUEUE_BYTES;
    (void)snprintf(registry->inbox_limits, sizeof(registry->inbox_limits), "%" PRId64 " %" PRId64,
                   registry->queue_max, registry->queue_bytes);
}

/* Nobody points to it but answers under way; the last of them frees it. */
static void free_if_done(struct cw_cluster_channel *channel)
{
    if (channel->calls == 0 && channel->registry == NULL)
        free(channel);
}

void cw_registry_ref_channel(struct cw_cluster_channel *channel)
{
    channel->calls++;
}

void cw_registry_unref_channel(struct cw_cluster_channel *channel)
{
    channel->calls--;
    free_if_done(channel);
}

static void release_channel(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    cw_list_remove(&channel->in_channels);
    cw_list_remove(&channel->in_turn);
    cw_list_remove(&channel->in_unknown);
    free(channel->departure);
    channel->departure = NULL;
    if (channel->state != CW_DETACHING)
        cw_map_remove(&registry->by_uuid, &channel->in_by_uuid);
    registry->count--;
    channel->registry = NULL;
    free_if_done(channel);
}

void cw_registry_finish(struct cw_registry *registry)
{
    struct cw_list_node *node;
    while ((node = cw_list_first(&registry->channels)) != NULL)
        release_channel(registry, CW_CONTAINER(node, struct cw_cluster_channel, in_channels));
    cw_map_finish(&registry->by_uuid);
}

bool cw_registry_may_write(const struct cw_registry *registry)
{
    return cw_endpoint_is_up(registry->endpoint) && cw_lease_may_write(registry->lease);
}

int cw_registry_add(struct cw_registry *registry, struct cw_cluster *cluster, const char *uuid,
                    void *user, struct cw_cluster_channel **ret_channel)
{
    if (cw_registry_find(registry, cw_bytes_text(uuid)) != NULL)
        return CW_ERR_BUSY;
    struct cw_cluster_channel *channel = calloc(1, sizeof(*channel));
    if (channel == NULL)
        return CW_ERR_NOMEM;
    (void)snprintf(channel->uuid, sizeof(channel->uuid), "%s", uuid);
    channel->cluster = cluster;
    channel->registry = registry;
    channel->user = user;
    cw_list_init(&channel->memberships);
    if (cw_map_add(&registry->by_uuid, &channel->in_by_uuid) != CW_OK) {
        free(channel);
        return CW_ERR_NOMEM;
    }
    cw_list_push_back(&registry->channels, &channel->in_channels);
    cw_list_push_back(&registry->attaching, &channel->in_turn);
    cw_list_push_back(&registry->unknown, &channel->in_unknown);
    registry->count++;
    cw_registry_request_flush(registry);
    *ret_channel = channel;
    return CW_OK;
}

void cw_registry_resume(struct cw_cluster_channel *channel, const unsigned char *digest)
{
    channel->state = CW_ATTACH_RESUMING;
    channel->inbox.is_paused = true;
    memcpy(channel->digest, digest, sizeof(channel->digest));
}

/* Whoever attached it is told, once. */
static void tell_attached(struct cw_cluster_channel *channel, int rc)
{
    cw_attach_fn fn = channel->fn.attached;
    channel->fn.attached = NULL;
    cw_list_remove(&channel->in_unknown);
    if (fn != NULL)
        fn(channel->user, rc);
}

static void tell_resumed(struct cw_cluster_channel *channel, int rc,
                         const struct cw_resumed *resumed)
{
    cw_resume_fn fn = channel->fn.resumed;
    channel->fn.resumed = NULL;
    cw_list_remove(&channel->in_unknown);
    if (fn != NULL)
        fn(channel->user, rc, resumed);
}

struct cw_cluster_channel *cw_registry_find(const struct cw_registry *registry,
                                            struct cw_bytes uuid)
{
    struct cw_map_node *node = cw_map_find(&registry->by_uuid, uuid);
    return node == NULL ? NULL : CW_CONTAINER(node, struct cw_cluster_channel, in_by_uuid);
}

/* From now on only answers under way know it. */
static void leave_table(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    cw_list_remove(&channel->in_turn);
    cw_list_remove(&channel->in_unknown);
    cw_map_remove(&registry->by_uuid, &channel->in_by_uuid);
    cw_inbox_forget(&channel->inbox);
    channel->state = CW_DETACHING;
    channel->fn.attached = NULL; /* or `resumed`: nobody is told any more */
    channel->user = NULL;
}

void cw_registry_abandon(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    leave_table(registry, channel);
    registry->needs_sweep = true; /* whoever takes it over may fail to */
    release_channel(registry, channel);
}

void cw_registry_remove(struct cw_registry *registry, struct cw_cluster_channel *channel,
                        struct cw_departure *departure)
{
    bool was_never_written = channel->state == CW_ATTACH_NEW;
    bool is_resuming = channel->state == CW_ATTACH_RESUMING;
    leave_table(registry, channel);
    channel->departure = departure;
    if (was_never_written || is_resuming || !cw_registry_may_write(registry)) {
        registry->needs_sweep |= !was_never_written;
        release_channel(registry, channel);
        return;
    }
    cw_list_push_back(&registry->detaching, &channel->in_turn);
    cw_registry_request_flush(registry);
}

/* Writing. */

static void on_written(void *arg, int rc)
{
    struct cw_registry *registry = arg;
    if (rc != CW_OK)
        registry->is_suspect = true;
}

/* SADD or SREM of some uuids in this node's set. */
static int send_set_command(struct cw_registry *registry, const char *verb,
                            const char *const *uuids, size_t count, cw_done_fn fn)
{
    struct cw_bytes args[2 + CW_FUNCTIONS_BATCH];
    char key[CW_KEY_MAX + 2];
    size_t length = cw_key_write(key, registry->prefix, 'n', cw_bytes_text(registry->node_id));
    (void)snprintf(key + length, sizeof(key) - length, ":c");
    args[0] = cw_bytes_text(verb);
    args[1] = cw_bytes_text(key);
    for (size_t i = 0; i < count; i++)
        args[2 + i] = cw_bytes_text(uuids[i]);
    return cw_functions_command(registry->endpoint, args, 2 + count, fn, registry);
}

struct fields {
    char created[24];
    char expires[24];
    char queue_max[24];
    char queue_bytes[24];
    struct cw_bytes list[FIELDS_MAX];
    size_t count;
};

static void add_field(struct fields *fields, const char *name, const char *value)
{
    fields->list[fields->count++] = cw_bytes_text(name);
    fields->list[fields->count++] = cw_bytes_text(value);
}

/* What the registry says of a channel, names and values in turn. */
static void describe_channel(const struct cw_cluster_channel *channel, struct fields *fields)
{
    static const char *const types[] = {"json", "text", "bytes"};
    struct cw_channel_info info = {0};
    channel->registry->events.describe(channel->user, &info);
    (void)snprintf(fields->created, sizeof(fields->created), "%" PRId64, info.created_ms);
    (void)snprintf(fields->expires, sizeof(fields->expires), "%" PRId64, info.expires_s);
    fields->count = 0;
    add_field(fields, "type", types[info.type]);
    add_field(fields, "created", fields->created);
    add_field(fields, "expires", fields->expires);
    add_field(fields, "address", info.address);
    if (info.user != NULL)
        add_field(fields, "user", info.user);
    if (info.session != NULL) {
        fields->list[fields->count++] = cw_bytes_text("s");
        fields->list[fields->count++] =
            cw_bytes_make((const char *)info.session, CW_SESSION_DIGEST_SIZE);
    }
}

/* Bounds of its inbox that are not the functions' own. */
static void describe_limits(const struct cw_registry *registry, struct fields *fields)
{
    if (registry->queue_max != QUEUE_MAX) {
        (void)snprintf(fields->queue_max, sizeof(fields->queue_max), "%" PRId64,
                       registry->queue_max);
        add_field(fields, "qmax", fields->queue_max);
    }
    if (registry->queue_bytes != QUEUE_BYTES) {
        (void)snprintf(fields->queue_bytes, sizeof(fields->queue_bytes), "%" PRId64,
                       registry->queue_bytes);
        add_field(fields, "qbytes", fields->queue_bytes);
    }
}

static void on_new_written(void *arg, int rc)
{
    struct cw_cluster_channel *channel = arg;
    if (channel->registry != NULL) {
        channel->registry->is_suspect |= rc != CW_OK;
        tell_attached(channel, rc == CW_OK || rc == CW_ERR_UNAVAILABLE ? rc : CW_ERR_TIMEOUT);
    }
    cw_registry_unref_channel(channel);
}

/* A uuid that nobody else can have: no comparison, and its memberships may follow at once. */
static void write_new(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    char key[CW_KEY_MAX];
    struct fields fields;
    struct cw_bytes args[6 + FIELDS_MAX] = {cw_bytes_text("HSET"),
                                            cw_bytes_make(key, 0),
                                            cw_bytes_text("node"),
                                            cw_bytes_text(registry->node_id),
                                            {"gen", 3},
                                            {"1", 1}};
    args[1].size = cw_key_write(key, registry->prefix, 'c', cw_bytes_text(channel->uuid));
    describe_channel(channel, &fields);
    describe_limits(registry, &fields);
    memcpy(args + 6, fields.list, fields.count * sizeof(args[0]));
    if (cw_functions_command(registry->endpoint, args, 6 + fields.count, on_new_written, channel) ==
        CW_OK)
        cw_registry_ref_channel(channel);
    else
        registry->is_suspect = true; /* told at the end of the turn */
    channel->generation = 1;
    channel->state = CW_ATTACHED;
    cw_memberships_on_attached(channel);
}

static void leave_unknown_groups(struct cw_cluster_channel *channel,
                                 const struct cw_attached *attached)
{
    for (size_t i = 0; i < attached->group_count; i++) {
        const struct cw_membership *membership = cw_membership_find(channel, attached->groups[i]);
        if (membership != NULL && membership->state != CW_MEMBERSHIP_LEAVING)
            continue;
        cw_memberships_repair(channel, attached->groups[i], attached->owner);
        CW_STAT(registry_repairs_total)++;
    }
}

/* Its connection is to be closed: then what is left of it here is left there too. */
static void give_up(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    cw_log_info(cw_log_node(), "channel=%s was taken over by another node", channel->uuid);
    if (registry->events.on_taken != NULL)
        registry->events.on_taken(registry->events_arg, channel->user);
}

void cw_registry_on_taken(struct cw_registry *registry, struct cw_bytes bytes)
{
    size_t uuid = CW_UUID_TEXT_SIZE - 1;
    if (bytes.size < uuid + 2 || bytes.size > uuid + 21 || bytes.data[uuid] != ' ')
        return;
    struct cw_cluster_channel *channel =
        cw_registry_find(registry, cw_bytes_make(bytes.data, uuid));
    char generation[24];
    (void)snprintf(generation, sizeof(generation), "%.*s", (int)(bytes.size - uuid - 1),
                   bytes.data + uuid + 1);
    if (channel == NULL || strtoull(generation, NULL, 10) <= channel->generation)
        return;
    if (channel->state == CW_ATTACH_RESUMING) /* before or after its own: the answer will show */
        channel->generation = strtoull(generation, NULL, 10);
    else
        give_up(registry, channel);
}

/* Resuming. */

static void on_session_taken(void *arg, int rc, uint64_t generation,
                             const struct cw_resumed *resumed)
{
    struct cw_cluster_channel *channel = arg;
    struct cw_registry *registry = channel->registry;
    if (registry != NULL && channel->state == CW_ATTACH_RESUMING) {
        bool was_taken_since = rc == CW_OK && channel->generation > generation;
        if (rc == CW_OK) {
            channel->generation = generation;
            channel->state = CW_ATTACHED;
        }
        tell_resumed(channel, rc, resumed);
        if (was_taken_since && channel->registry != NULL && channel->state == CW_ATTACHED)
            give_up(registry, channel);
    }
    cw_registry_unref_channel(channel);
}

static void write_resuming(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    char key[CW_KEY_MAX];
    struct fields fields;
    struct cw_channel_info info = {0};
    registry->events.describe(channel->user, &info);
    describe_channel(channel, &fields);
    (void)cw_key_write(key, registry->prefix, 'c', cw_bytes_text(channel->uuid));
    const struct cw_taking taking = {
        .channel_key = key,
        .node = registry->node_id,
        .digest = cw_bytes_make((const char *)channel->digest, sizeof(channel->digest)),
        .new_digest = cw_bytes_make((const char *)info.session, CW_SESSION_DIGEST_SIZE),
        .user = info.user,
        .inbox_limits = registry->inbox_limits,
        .fields = fields.list,
        .field_count = fields.count,
    };
    if (cw_session_take(registry->endpoint, &taking, on_session_taken, channel) == CW_OK)
        cw_registry_ref_channel(channel);
}

static void take_back(struct cw_registry *registry, struct cw_cluster_channel *channel,
                      const struct cw_attached *attached)
{
    channel->generation = attached->generation;
    channel->state = CW_ATTACHED;
    leave_unknown_groups(channel, attached);
    cw_memberships_on_attached(channel);
    registry->on_attached(registry->arg, channel, !cw_bytes_is(attached->owner, registry->node_id));
}

static void queue_again(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    channel->wants_again = channel->is_attaching;
    if (!channel->is_attaching && !cw_list_is_linked(&channel->in_turn))
        cw_list_push_back(&registry->attaching, &channel->in_turn);
    cw_registry_request_flush(registry);
}

static void on_attached(void *arg, int rc, const struct cw_attached *attached)
{
    struct cw_cluster_channel *channel = arg;
    struct cw_registry *registry = channel->registry;
    channel->is_attaching = false;
    if (registry != NULL && channel->state == CW_ATTACH_STALE) {
        if (rc == CW_OK && attached->generation > 0 && channel->wants_again) {
            channel->generation = attached->generation;
            queue_again(registry, channel);
        } else if (rc != CW_OK)
            registry->is_suspect = true; /* it stays STALE: announced again */
        else if (attached->generation == 0)
            give_up(registry, channel);
        else
            take_back(registry, channel, attached);
    }
    cw_registry_unref_channel(channel);
}

static void write_again(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    char key[CW_KEY_MAX];
    struct fields fields;
    (void)cw_key_write(key, registry->prefix, 'c', cw_bytes_text(channel->uuid));
    describe_channel(channel, &fields);
    if (cw_functions_attach(registry->endpoint, key, registry->node_id, channel->generation,
                            registry->earlier_id, registry->inbox_limits, fields.list, fields.count,
                            on_attached, channel) == CW_OK) {
        channel->is_attaching = true;
        cw_registry_ref_channel(channel);
    } else
        registry->is_suspect = true;
}

/* One batch: the node's set first, so that the set always covers what exists. */
static void attach_batch(struct cw_registry *registry)
{
    const char *uuids[CW_FUNCTIONS_BATCH];
    struct cw_cluster_channel *batch[CW_FUNCTIONS_BATCH];
    size_t count = 0;
    struct cw_list_node *node;
    while (count < CW_FUNCTIONS_BATCH && (node = cw_list_pop_front(&registry->attaching)) != NULL)
        batch[count++] = CW_CONTAINER(node, struct cw_cluster_channel, in_turn);
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        uuids[i] = batch[i]->uuid;
    if (send_set_command(registry, "SADD", uuids, count, on_written) != CW_OK)
        registry->is_suspect = true;
    for (size_t i = 0; i < count; i++) {
        if (batch[i]->state == CW_ATTACH_NEW)
            write_new(registry, batch[i]);
        else if (batch[i]->state == CW_ATTACH_RESUMING)
            write_resuming(registry, batch[i]);
        else
            write_again(registry, batch[i]);
    }
}

/* Nothing can be written now: whoever waits for it is told so. */
static void tell_unknown(struct cw_registry *registry)
{
    struct cw_list_node *node;
    while ((node = cw_list_first(&registry->unknown)) != NULL) {
        struct cw_cluster_channel *channel =
            CW_CONTAINER(node, struct cw_cluster_channel, in_unknown);
        if (channel->state == CW_ATTACH_RESUMING)
            tell_resumed(channel, CW_ERR_UNAVAILABLE, NULL);
        else
            tell_attached(channel, CW_ERR_UNAVAILABLE);
    }
}

void cw_registry_flush_attach(struct cw_registry *registry)
{
    if (!cw_registry_may_write(registry)) {
        tell_unknown(registry);
        return; /* they stay in `attaching` */
    }
    for (size_t done = 0; done < ATTACH_SLICE; done += CW_FUNCTIONS_BATCH)
        attach_batch(registry);
    if (!cw_list_is_empty(&registry->attaching))
        cw_registry_request_flush(registry);
}

/* Channels that go together. Those that are gone in Redis leave the node's set, last; the others
 * stay in it (or come back to it: perhaps Redis refused to put them there), and are swept. */
struct removal;

struct removed {
    struct removal *removal;
    struct cw_departure *departure; /* owned, until it was sent */
    uint64_t generation;
    bool has_failed;
    char uuid[CW_UUID_TEXT_SIZE];
};

struct removal {
    struct cw_registry *registry;
    size_t calls; /* answers that are still out */
    size_t count;
    struct removed channels[];
};

static void one_removal_less(struct cw_registry *registry)
{
    if (--registry->removals == 0)
        cw_registry_request_flush(registry); /* somebody may wait for it to stop */
}

static void on_forgotten(void *arg, int rc)
{
    struct cw_registry *registry = arg;
    registry->needs_sweep |= rc != CW_OK;
    one_removal_less(registry);
}

static void send_forget(struct cw_registry *registry, const char *verb, const char *const *uuids,
                        size_t count)
{
    if (count == 0)
        return;
    registry->removals++;
    int rc = send_set_command(registry, verb, uuids, count, on_forgotten);
    if (rc != CW_OK)
        on_forgotten(registry, rc);
}

static void end_removal(struct removal *removal)
{
    struct cw_registry *registry = removal->registry;
    const char *gone[CW_FUNCTIONS_BATCH];
    const char *kept[CW_FUNCTIONS_BATCH];
    size_t gone_count = 0;
    size_t kept_count = 0;
    for (size_t i = 0; i < removal->count; i++) {
        if (cw_registry_find(registry, cw_bytes_text(removal->channels[i].uuid)) != NULL)
            continue; /* resumed here meanwhile: it was put there again */
        if (removal->channels[i].has_failed)
            kept[kept_count++] = removal->channels[i].uuid;
        else
            gone[gone_count++] = removal->channels[i].uuid;
    }
    registry->needs_sweep |= kept_count > 0;
    send_forget(registry, "SREM", gone, gone_count);
    send_forget(registry, "SADD", kept, kept_count);
    one_removal_less(registry);
    free(removal);
}

static void on_detached(void *arg, int rc, const struct cw_detached *detached)
{
    struct removed *removed = arg;
    struct removal *removal = removed->removal;
    /* Its groups were left before it. Not owned: another node's, or of a generation not known here.
     */
    removed->has_failed = rc != CW_OK || !detached->was_owned;
    if (--removal->calls == 0)
        end_removal(removal);
}

static int send_detach(struct cw_registry *registry, struct removed *removed)
{
    struct cw_bytes words[CW_FUNCTIONS_STRINGS_MAX];
    char key[CW_KEY_MAX];
    char generation[24];
    struct cw_departure *departure = removed->departure;
    size_t count = 0;
    (void)cw_key_write(key, registry->prefix, 'c', cw_bytes_text(removed->uuid));
    (void)snprintf(generation, sizeof(generation), "%" PRIu64, removed->generation);
    words[count++] = cw_bytes_text(generation);
    for (size_t i = 0; departure != NULL && i < departure->count; i++)
        words[count++] = departure->words[i];
    int rc = cw_functions_detach(registry->endpoint, key, registry->node_id,
                                 departure == NULL ? 0 : departure->resume_s, "left", words, count,
                                 on_detached, removed);
    free(departure);
    removed->departure = NULL;
    return rc;
}

static void send_detaches(struct cw_registry *registry, struct removal *removal)
{
    removal->calls = 1; /* not done before all are sent */
    for (size_t i = 0; i < removal->count; i++) {
        struct removed *removed = &removal->channels[i];
        removed->has_failed = send_detach(registry, removed) != CW_OK;
        removal->calls += !removed->has_failed;
    }
    if (--removal->calls == 0)
        end_removal(removal);
}

static void detach_batch(struct cw_registry *registry)
{
    struct removal *removal =
        calloc(1, sizeof(*removal) + CW_FUNCTIONS_BATCH * sizeof(removal->channels[0]));
    struct cw_list_node *node;
    while ((removal == NULL || removal->count < CW_FUNCTIONS_BATCH) &&
           (node = cw_list_pop_front(&registry->detaching)) != NULL) {
        struct cw_cluster_channel *channel = CW_CONTAINER(node, struct cw_cluster_channel, in_turn);
        if (removal == NULL) {
            registry->needs_sweep = true;
        } else {
            struct removed *removed = &removal->channels[removal->count++];
            removed->removal = removal;
            removed->generation = channel->generation;
            removed->departure = channel->departure;
            channel->departure = NULL;
            (void)snprintf(removed->uuid, sizeof(removed->uuid), "%s", channel->uuid);
        }
        release_channel(registry, channel);
    }
    if (removal == NULL)
        return;
    removal->registry = registry;
    registry->removals++;
    send_detaches(registry, removal);
}

void cw_registry_flush_detach(struct cw_registry *registry)
{
    struct cw_list_node *node;
    if (cw_registry_may_write(registry)) {
        while (!cw_list_is_empty(&registry->detaching))
            detach_batch(registry);
        return;
    }
    while ((node = cw_list_first(&registry->detaching)) != NULL) {
        registry->needs_sweep = true;
        release_channel(registry, CW_CONTAINER(node, struct cw_cluster_channel, in_turn));
    }
}

void cw_registry_distrust(struct cw_registry *registry)
{
    registry->is_suspect = true;
    registry->needs_sweep = true;
}

void cw_registry_announce_all(struct cw_registry *registry)
{
    registry->is_suspect = false;
    for (struct cw_list_node *n = cw_list_first(&registry->channels); n != NULL;
         n = cw_list_next(&registry->channels, n)) {
        struct cw_cluster_channel *channel =
            CW_CONTAINER(n, struct cw_cluster_channel, in_channels);
        if (channel->state == CW_ATTACHED || channel->state == CW_ATTACH_STALE) {
            channel->state = CW_ATTACH_STALE;
            queue_again(registry, channel);
            CW_STAT(registry_announcements_total)++;
        }
    }
    cw_registry_request_flush(registry);
}
