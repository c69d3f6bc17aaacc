/*
 * registry.c - the table of channels; node set and channel hashes, written in batches per loop
 * turn.
 */
#include "registry.h"

#include "base/digits.h"
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

void cw_registry_init(struct cw_registry *registry, struct cw_endpoints *endpoints,
                      const struct cw_lease *lease, const char *prefix, const char *node_id,
                      const char *earlier_id, const struct cw_cluster_events *events,
                      void *events_arg)
{
    memset(registry, 0, sizeof(*registry));
    registry->endpoints = endpoints;
    registry->lease = lease;
    registry->prefix = prefix;
    registry->node_id = node_id;
    registry->earlier_id = earlier_id;
    registry->events = *events;
    registry->events_arg = events_arg;
    cw_map_init(&registry->by_uuid, key_of_channel);
    cw_list_init(&registry->channels);
    cw_list_init(&registry->changes);
    cw_list_init(&registry->unknown);
    cw_list_init(&registry->attaching);
    cw_list_init(&registry->refused);
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

void cw_registry_release(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    cw_list_remove(&channel->in_channels);
    cw_list_remove(&channel->in_turn);
    cw_list_remove(&channel->in_unknown);
    struct cw_departure *departure = channel->departure;
    channel->departure = NULL;
    if (channel->state != CW_DETACHING)
        cw_map_remove(&registry->by_uuid, &channel->in_by_uuid);
    channel->registry = NULL;
    free_if_done(channel);
    cw_departure_end(departure, CW_ERR_UNAVAILABLE);
}

void cw_registry_finish(struct cw_registry *registry)
{
    struct cw_list_node *node;
    while ((node = cw_list_first(&registry->channels)) != NULL)
        cw_registry_release(registry, CW_CONTAINER(node, struct cw_cluster_channel, in_channels));
    cw_map_finish(&registry->by_uuid);
}

bool cw_registry_may_write(const struct cw_registry *registry)
{
    return cw_endpoints_any_up(registry->endpoints) && cw_lease_may_write(registry->lease);
}

int cw_registry_add_channel(struct cw_registry *registry, struct cw_cluster *cluster,
                            const char *uuid, void *user, struct cw_cluster_channel **ret_channel)
{
    if (cw_registry_find(registry, cw_bytes_text(uuid)) != NULL)
        return CW_ERR_BUSY;
    struct cw_cluster_channel *channel = calloc(1, sizeof(*channel));
    if (channel == NULL)
        return CW_ERR_NOMEM;
    memcpy(channel->uuid, uuid, sizeof(channel->uuid));
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

bool cw_registry_shows(const struct cw_registry *registry, struct cw_bytes uuid)
{
    const struct cw_cluster_channel *channel = cw_registry_find(registry, uuid);
    return channel != NULL && channel->state != CW_HIDDEN;
}

/* From now on only answers under way know it. */
static void leave_table(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    cw_list_remove(&channel->in_turn);
    cw_list_remove(&channel->in_unknown);
    cw_map_remove(&registry->by_uuid, &channel->in_by_uuid);
    cw_inbox_forget(&channel->inbox);
    if (channel->state != CW_HIDDEN)
        registry->count--;
    channel->state = CW_DETACHING;
    channel->fn.attached = NULL; /* or `resumed`: nobody is told any more */
    channel->user = NULL;
}

void cw_registry_abandon(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    leave_table(registry, channel);
    registry->needs_sweep = true; /* whoever takes it over may fail to */
    cw_registry_ref_channel(channel);
    cw_registry_release(registry, channel);
    cw_registry_tell_change(channel, CW_ERR_CANCELLED);
    cw_registry_unref_channel(channel);
}

void cw_registry_remove_channel(struct cw_registry *registry, struct cw_cluster_channel *channel,
                                struct cw_departure *departure)
{
    /* What is not in Redis, or is on its way out of it, has nothing to be resumed. */
    bool is_hidden = channel->state == CW_HIDDEN;
    bool is_out = is_hidden && !cw_list_is_linked(&channel->in_turn);
    bool was_never_written = channel->state == CW_ATTACH_NEW || is_out;
    bool is_resuming = channel->state == CW_ATTACH_RESUMING;
    leave_table(registry, channel);
    if (!is_hidden)
        channel->departure = departure;
    cw_registry_ref_channel(channel);
    if (was_never_written || is_resuming || !cw_registry_may_write(registry)) {
        registry->needs_sweep |= !was_never_written;
        cw_registry_release(registry, channel);
    } else {
        cw_list_push_back(&registry->detaching, &channel->in_turn);
        cw_registry_request_flush(registry);
    }
    cw_registry_tell_change(channel, CW_ERR_CANCELLED);
    cw_registry_unref_channel(channel);
    if (is_hidden)
        cw_departure_end(departure, CW_ERR_CANCELLED);
}

/* Writing. */

static void on_written(void *arg, int rc)
{
    struct cw_registry *registry = arg;
    if (rc != CW_OK)
        registry->is_suspect = true;
}

int cw_registry_send_set(struct cw_registry *registry, const char *verb, const char *const *uuids,
                         size_t count, cw_done_fn fn, void *arg)
{
    struct cw_bytes args[2 + CW_FUNCTIONS_BATCH];
    char key[CW_KEY_MAX + 2];
    size_t length = cw_key_write(key, registry->prefix, 'n', cw_bytes_text(registry->node_id));
    (void)snprintf(key + length, sizeof(key) - length, ":c");
    args[0] = cw_bytes_text(verb);
    args[1] = cw_bytes_text(key);
    for (size_t i = 0; i < count; i++)
        args[2 + i] = cw_bytes_text(uuids[i]);
    return cw_functions_command(registry->endpoints, args, 2 + count, fn, arg);
}

struct fields {
    char created[CW_DIGITS_SIZE];
    char expires[CW_DIGITS_SIZE];
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

static void add_number(struct fields *fields, const char *name, char space[CW_DIGITS_SIZE],
                       int64_t value)
{
    fields->list[fields->count++] = cw_bytes_text(name);
    fields->list[fields->count++] = cw_digits(space, (uint64_t)value);
}

/* What the registry says of a channel, names and values in turn. */
static void describe_channel(const struct cw_cluster_channel *channel, struct fields *fields)
{
    static const char *const types[] = {"json", "text", "bytes"};
    struct cw_channel_info info = {0};
    channel->registry->events.describe(channel->user, &info);
    fields->count = 0;
    add_field(fields, "type", types[info.type]);
    add_number(fields, "created", fields->created, info.created_ms);
    /* Without it a new one has none; of another it may be there, from before. */
    if (info.expires_s > 0 || channel->state != CW_ATTACH_NEW)
        add_number(fields, "expires", fields->expires, info.expires_s);
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
    if (cw_functions_command(registry->endpoints, args, 6 + fields.count, on_new_written,
                             channel) == CW_OK)
        cw_registry_ref_channel(channel);
    else
        registry->is_suspect = channel->is_refused = true;
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
    if (cw_session_take(registry->endpoints, &taking, on_session_taken, channel) == CW_OK)
        cw_registry_ref_channel(channel);
    else
        channel->is_refused = true;
}

static void take_back(struct cw_registry *registry, struct cw_cluster_channel *channel,
                      const struct cw_attached *attached)
{
    channel->generation = attached->generation;
    channel->state = CW_ATTACHED;
    leave_unknown_groups(channel, attached);
    cw_memberships_on_attached(channel);
    bool was_taken = channel->was_hidden || !cw_bytes_is(attached->owner, registry->node_id);
    channel->was_hidden = false;
    registry->on_attached(registry->arg, channel, was_taken);
}

void cw_registry_announce(struct cw_registry *registry, struct cw_cluster_channel *channel)
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
            cw_registry_announce(registry, channel);
        } else if (rc != CW_OK) {
            registry->is_suspect = true; /* it stays STALE: announced again */
            cw_registry_tell_change(channel, rc == CW_ERR_UNAVAILABLE ? rc : CW_ERR_TIMEOUT);
        } else if (attached->generation == 0) {
            give_up(registry, channel);
            cw_registry_tell_change(channel, CW_ERR_CANCELLED);
        } else {
            take_back(registry, channel, attached);
            cw_registry_tell_change(channel, CW_OK);
        }
    } else if (registry != NULL && channel->state == CW_HIDDEN && rc == CW_OK &&
               attached->generation > channel->generation) {
        channel->generation = attached->generation;
    }
    cw_registry_unref_channel(channel);
}

static void write_again(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    char key[CW_KEY_MAX];
    struct fields fields;
    (void)cw_key_write(key, registry->prefix, 'c', cw_bytes_text(channel->uuid));
    describe_channel(channel, &fields);
    if (cw_functions_attach(registry->endpoints, key, registry->node_id, channel->generation,
                            registry->earlier_id, registry->inbox_limits, fields.list, fields.count,
                            on_attached, channel) == CW_OK) {
        channel->is_attaching = true;
        cw_registry_ref_channel(channel);
    } else
        registry->is_suspect = true;
}

/* Its server is not there, but others are: whoever waits is told so. Then it may be gone. */
static void tell_refused(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    if (!channel->is_refused)
        return;
    channel->is_refused = false;
    if (channel->registry != registry)
        return;
    if (channel->state == CW_ATTACH_RESUMING)
        tell_resumed(channel, CW_ERR_UNAVAILABLE, NULL);
    else
        tell_attached(channel, CW_ERR_UNAVAILABLE);
}

/* Channels of one turn whose uuids go to the node's set together. */
struct adding {
    struct cw_registry *registry;
    size_t count;
    struct cw_cluster_channel *channels[CW_FUNCTIONS_BATCH]; /* referenced */
};

static void write_hashes(const struct adding *adding)
{
    for (size_t i = 0; i < adding->count; i++) {
        struct cw_cluster_channel *channel = adding->channels[i];
        channel->is_attaching = false;
        if (channel->registry == NULL)
            continue;
        if (channel->state == CW_ATTACH_NEW)
            write_new(adding->registry, channel);
        else if (channel->state == CW_ATTACH_RESUMING)
            write_resuming(adding->registry, channel);
        else if (channel->state == CW_ATTACH_STALE)
            write_again(adding->registry, channel);
    }
    for (size_t i = 0; i < adding->count; i++) {
        tell_refused(adding->registry, adding->channels[i]);
        cw_registry_unref_channel(adding->channels[i]);
    }
}

/* They wait for the next tick, or a link. */
static void put_off(const struct adding *adding)
{
    struct cw_registry *registry = adding->registry;
    for (size_t i = 0; i < adding->count; i++) {
        struct cw_cluster_channel *channel = adding->channels[i];
        channel->is_attaching = false;
        if (channel->registry == NULL || channel->state > CW_ATTACH_STALE)
            continue;
        cw_list_push_back(&registry->refused, &channel->in_turn);
        channel->is_refused = channel->state != CW_ATTACH_STALE;
    }
    for (size_t i = 0; i < adding->count; i++) {
        struct cw_cluster_channel *channel = adding->channels[i];
        tell_refused(registry, channel);
        if (channel->registry != NULL)
            cw_registry_tell_change(channel, CW_ERR_UNAVAILABLE);
        if (channel->registry != NULL)
            cw_memberships_refuse(channel);
        cw_registry_unref_channel(channel);
    }
}

static void on_added(void *arg, int rc)
{
    struct adding *adding = arg;
    if (rc == CW_OK)
        write_hashes(adding);
    else
        put_off(adding);
    free(adding);
}

/* One batch of what there is: the node's set first, so that the set always covers what exists. One
 * server does in order what it is told; of several the set's has to answer before the others are
 * told. */
static void attach_batch(struct cw_registry *registry)
{
    const char *uuids[CW_FUNCTIONS_BATCH];
    struct cw_list_node *node;
    bool waits = cw_endpoints_are_many(registry->endpoints);
    struct adding now = {.registry = registry};
    struct adding *adding = waits ? calloc(1, sizeof(*adding)) : &now;
    if (adding == NULL)
        return; /* the next flush tries again */
    adding->registry = registry;
    while (adding->count < CW_FUNCTIONS_BATCH &&
           (node = cw_list_pop_front(&registry->attaching)) != NULL) {
        struct cw_cluster_channel *channel = CW_CONTAINER(node, struct cw_cluster_channel, in_turn);
        uuids[adding->count] = channel->uuid;
        adding->channels[adding->count++] = channel;
        cw_registry_ref_channel(channel);
        channel->is_attaching = channel->state == CW_ATTACH_STALE;
    }
    int rc = cw_registry_send_set(registry, "SADD", uuids, adding->count,
                                  waits ? on_added : on_written, waits ? (void *)adding : registry);
    if (!waits) {
        registry->is_suspect |= rc != CW_OK;
        write_hashes(adding);
    } else if (rc != CW_OK) {
        on_added(adding, rc);
    }
}

/* Nothing can be written now: whoever waits for it is told so. */
static void tell_unknown(struct cw_registry *registry)
{
    struct cw_list_node *node;
    struct cw_list waiting; /* a callback may take others out of it */
    cw_list_init(&waiting);
    while ((node = cw_list_first(&registry->unknown)) != NULL) {
        struct cw_cluster_channel *channel =
            CW_CONTAINER(node, struct cw_cluster_channel, in_unknown);
        if (channel->state == CW_ATTACH_RESUMING)
            tell_resumed(channel, CW_ERR_UNAVAILABLE, NULL);
        else
            tell_attached(channel, CW_ERR_UNAVAILABLE);
    }
    cw_list_move_all(&waiting, &registry->changes);
    while ((node = cw_list_pop_front(&waiting)) != NULL) {
        struct cw_registry_change *change =
            CW_CONTAINER(node, struct cw_registry_change, in_changes);
        cw_list_push_back(&registry->changes, node);
        if (change->channel->state == CW_ATTACH_STALE && !change->channel->is_attaching)
            cw_registry_tell_change(change->channel, CW_ERR_UNAVAILABLE);
    }
}

void cw_registry_flush_attach(struct cw_registry *registry)
{
    if (!cw_registry_may_write(registry)) {
        tell_unknown(registry);
        return; /* they stay in `attaching` */
    }
    for (size_t done = 0; done < ATTACH_SLICE && !cw_list_is_empty(&registry->attaching);
         done += CW_FUNCTIONS_BATCH)
        attach_batch(registry);
    if (!cw_list_is_empty(&registry->attaching))
        cw_registry_request_flush(registry);
}

void cw_registry_retry(struct cw_registry *registry)
{
    cw_list_move_all(&registry->attaching, &registry->refused);
    cw_registry_request_flush(registry);
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
            cw_registry_announce(registry, channel);
            CW_STAT(registry_announcements_total)++;
        }
    }
    cw_registry_request_flush(registry);
}
