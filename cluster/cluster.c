/*
 * cluster.c - (5) the public API: publish down, deliver up; builds the parts in order.
 */
#include <chanway/cluster.h>

#include "base/log.h"
#include "base/stats.h"
#include "endpoints.h"
#include "facts.h"
#include "functions.h"
#include "links.h"
#include "parts.h"
#include "reaper.h"
#include "redis_embedded.h"
#include "redis_tls.h"
#include "removal.h"
#include "replicas.h"
#include "session.h"
#include "sweeper.h"

#include <event2/event.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The stored form of a payload (PROTOCOL: payload). */
#define STORED_PAYLOAD_MAX (1U << 20)
/* The reaper's ticks, of a second or more each, from one count of the nodes to the next. */
#define NODES_COUNT_TICKS 4

static void request_flush(void *arg)
{
    struct cw_cluster *cluster = arg;
    event_active(cluster->turn_end, EV_TIMEOUT, 0);
}

/* Stopping: nothing is left to write. */
static void leave(struct cw_cluster *cluster)
{
    cw_done_fn fn = cluster->on_left;
    cluster->on_left = NULL;
    int rc = cw_lease_release(&cluster->lease, fn, cluster->on_left_arg);
    if (rc != CW_OK)
        fn(cluster->on_left_arg, rc);
}

static void write_registry(struct cw_cluster *cluster)
{
    cw_registry_flush_attach(&cluster->registry);
    cw_memberships_flush(&cluster->memberships);
    cw_event_stream_flush(&cluster->stream);
    if (cw_event_stream_is_behind(&cluster->stream))
        return; /* a channel's `disconnect` goes before the channel does */
    cw_removals_flush(&cluster->registry);
    if (cluster->on_left != NULL && cluster->registry.removals == 0)
        leave(cluster);
}

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
    struct cw_cluster *cluster = arg;
    (void)fd;
    (void)what;
    cw_publisher_flush(&cluster->publisher);
    write_registry(cluster);
    cw_replicas_flush(&cluster->replicas); /* last: it holds up what comes behind it */
}

static void on_progress(void *arg, struct cw_interest *interest)
{
    struct cw_cluster *cluster = arg;
    cw_memberships_on_progress(&cluster->memberships, interest);
}

/* A reaper may have said that the channel is gone, or the stream is gone with the registry. */
static void on_attached_again(void *arg, struct cw_cluster_channel *channel, bool was_taken)
{
    static const struct cw_stream_event connect = {.kind = CW_STREAM_CONNECT};
    struct cw_cluster *cluster = arg;
    if (was_taken && channel->is_announced)
        cw_cluster_emit(channel, &connect);
    cw_inbox_catch_up(&cluster->inboxes, channel);
}

/* For the statistics, which have it by now. */
static void on_counted(void *arg, int rc, const struct cw_bytes *ids, size_t count)
{
    (void)arg;
    (void)rc;
    (void)ids;
    (void)count;
}

static void count_nodes(struct cw_cluster *cluster)
{
    char key[CW_KEY_MAX];
    if (cluster->ticks++ % NODES_COUNT_TICKS != 0)
        return;
    (void)snprintf(key, sizeof(key), "%s:nodes", cluster->prefix);
    (void)cw_facts_nodes(cluster->endpoints, key, on_counted, NULL);
}

static void on_tick(void *arg)
{
    struct cw_cluster *cluster = arg;
    count_nodes(cluster);
    cw_inboxes_retry(&cluster->inboxes);
    cw_registry_retry(&cluster->registry);
    request_flush(cluster); /* leaves that Redis refused are tried again */
    cw_event_stream_tick(&cluster->stream);
}

/* The old id's channels may have been given away: a new id takes back those that nobody has. */
static void on_lease_lost(void *arg)
{
    struct cw_cluster *cluster = arg;
    memcpy(cluster->earlier_id, cluster->node_id, sizeof(cluster->earlier_id));
    cw_node_id_generate(cluster->name, cluster->node_id);
    cw_log_warn(cw_log_node(), "the lease of node %s is gone: going on as %s", cluster->earlier_id,
                cluster->node_id);
    CW_STAT(lease_losses_total)++;
    cw_endpoints_rename(cluster->endpoints);
    cw_lease_forget(&cluster->lease);
    cluster->registry.is_suspect = true;
    cluster->registry.lease_number++;
    cw_sweeper_hurry(cluster->sweeper);
    cw_lease_start(&cluster->lease);
}

/* Superset first has no meaning where the steps go to several servers: of a node that died between
 * two of them something may be left that its set does not know. */
static void on_node_gone(void *arg)
{
    struct cw_cluster *cluster = arg;
    if (cw_endpoints_are_many(cluster->endpoints))
        cw_sweeper_hurry(cluster->sweeper);
}

/* Building. */

static int take_names(struct cw_cluster *cluster, const struct cw_cluster_options *options,
                      char *error, size_t error_size)
{
    char host[HOST_NAME_MAX + 1] = "node";
    const char *prefix = options->prefix == NULL ? "cw" : options->prefix;
    const char *node = options->node;
    if (node == NULL || node[0] == '\0') {
        (void)gethostname(host, sizeof(host) - 1);
        host[CW_NODE_NAME_MAX] = '\0';
        node = host;
    }
    if (!cw_prefix_is_valid(cw_bytes_text(prefix))) {
        (void)snprintf(error, error_size, "prefix '%s': 1 to %d bytes of A-Z a-z 0-9 _ . : -",
                       prefix, CW_PREFIX_MAX);
        return CW_ERR_INVALID;
    }
    if (!cw_node_name_is_valid(cw_bytes_text(node))) {
        (void)snprintf(error, error_size, "node '%s': 1 to %d bytes of A-Z a-z 0-9 _ . -", node,
                       CW_NODE_NAME_MAX);
        return CW_ERR_INVALID;
    }
    (void)snprintf(cluster->prefix, sizeof(cluster->prefix), "%s", prefix);
    (void)snprintf(cluster->name, sizeof(cluster->name), "%.*s", CW_NODE_NAME_MAX, node);
    cw_node_id_generate(node, cluster->node_id);
    return CW_OK;
}

static int build(struct cw_cluster *cluster, const struct cw_cluster_options *options)
{
    int rc = cw_endpoints_create(cluster->base, &cluster->address, cluster->prefix,
                                 cluster->node_id, &cw_link_events, cluster, &cluster->endpoints);
    if (rc < 0)
        return rc;
    rc = cw_interests_init(&cluster->interests, cluster->base, cluster->endpoints, cluster->prefix);
    if (rc < 0)
        return rc;
    rc = cw_log_reader_init(&cluster->reader, cluster->base, cluster->endpoints);
    if (rc < 0)
        return rc;
    cluster->interests.payload_max = cluster->payload_max;
    cluster->interests.events = cluster->events;
    cluster->interests.events_arg = cluster->events_arg;
    cluster->interests.on_progress = on_progress;
    cluster->interests.on_progress_arg = cluster;
    cw_registry_init(&cluster->registry, cluster->endpoints, &cluster->lease, cluster->prefix,
                     cluster->node_id, cluster->earlier_id, &cluster->events, cluster->events_arg);
    cw_registry_set_session(&cluster->registry, options->session_ttl_s, options->queue_max,
                            options->queue_bytes);
    cluster->registry.memberships = &cluster->memberships;
    cluster->registry.request_flush = request_flush;
    cluster->registry.on_attached = on_attached_again;
    cluster->registry.on_tick = on_tick;
    cluster->registry.arg = cluster;
    cw_inboxes_init(&cluster->inboxes, &cluster->registry);
    cw_event_stream_init(&cluster->stream, &cluster->registry, cluster->prefix,
                         options->events_mask, options->events_max);
    cw_memberships_init(&cluster->memberships, &cluster->interests, &cluster->registry);
    cw_publisher_init(&cluster->publisher, cluster->endpoints, request_flush, cluster);
    cw_replicas_start(&cluster->replicas, cluster->base, cluster->endpoints, &cluster->publisher,
                      request_flush, cluster);
    rc = cw_ban_mirror_init(&cluster->bans, cluster->base, cluster->endpoints, cluster->prefix);
    if (rc < 0)
        return rc;
    rc = cw_seats_init(&cluster->seats, cluster->base, cluster->endpoints, cluster->prefix);
    if (rc < 0)
        return rc;
    rc = cw_lease_init(&cluster->lease, cluster->base, cluster->endpoints, cluster->prefix,
                       cluster->node_id, &cluster->registry.count);
    if (rc < 0)
        return rc;
    cluster->lease.on_lost = on_lease_lost;
    cluster->lease.on_held = cw_links_on_held;
    cluster->lease.arg = cluster;
    cluster->lease.describe = cluster->events.describe_node;
    cluster->lease.describe_arg = cluster->events_arg;
    rc = cw_sweeper_create(cluster->base, &cluster->registry, &cluster->sweeper);
    if (rc < 0)
        return rc;
    rc = cw_reaper_create(cluster->base, &cluster->registry, &cluster->stream, &cluster->reaper);
    if (rc == CW_OK)
        cw_reaper_set_on_gone(cluster->reaper, on_node_gone, cluster);
    return rc;
}

int cw_cluster_create(const struct cw_cluster_options *options, char *error, size_t error_size,
                      struct cw_cluster **ret_cluster)
{
    struct cw_redis_tls_options tls = {options->redis_ca, options->redis_cert, options->redis_key,
                                       options->redis_sni};
    struct cw_cluster *cluster = calloc(1, sizeof(*cluster));
    if (cluster == NULL)
        return CW_ERR_NOMEM;
    cluster->base = options->event_base;
    cluster->events = options->events;
    cluster->events_arg = options->events_arg;
    cluster->payload_max = options->payload_max > 0 ? options->payload_max : CW_PAYLOAD_MAX_DEFAULT;
    cw_map_init(&cluster->interests.groups, NULL); /* half-built is fine for destroy */
    cw_registry_init(&cluster->registry, NULL, NULL, NULL, NULL, NULL, &cluster->events, NULL);
    cw_memberships_init(&cluster->memberships, &cluster->interests, &cluster->registry);
    cw_event_stream_init(&cluster->stream, &cluster->registry, "", 0, 0);
    cw_replicas_init(&cluster->replicas);
    cw_cluster_set_wait_replicas(cluster, options->wait_replicas);
    (void)snprintf(error, error_size, "out of memory");

    int rc = take_names(cluster, options, error, error_size);
    if (rc < 0)
        goto fail;
    rc = cw_redis_address_parse(options->redis, error, error_size, &cluster->address);
    if (rc < 0)
        goto fail;
    rc = cw_redis_tls_create(&cluster->address, &tls, error, error_size, &cluster->tls);
    if (rc < 0)
        goto fail;
    rc = CW_ERR_NOMEM;
    cluster->data_dir = strdup(options->data_dir == NULL ? "." : options->data_dir);
    cluster->turn_end = evtimer_new(cluster->base, on_turn_end, cluster);
    if (cluster->data_dir == NULL || cluster->turn_end == NULL)
        goto fail;
    rc = build(cluster, options);
    if (rc < 0)
        goto fail;
    *ret_cluster = cluster;
    return CW_OK;

fail:
    cw_cluster_destroy(cluster);
    return rc;
}

int cw_cluster_start(struct cw_cluster *cluster, char *error, size_t error_size)
{
    if (cluster->address.is_embedded) {
        int rc = cw_redis_embedded_start(cluster->base, cluster->data_dir, error, error_size,
                                         &cluster->embedded);
        if (rc < 0)
            return rc;
        cluster->address.unix_path = strdup(cw_redis_embedded_socket(cluster->embedded));
        if (cluster->address.unix_path == NULL)
            return CW_ERR_NOMEM;
    }
    cw_redis_address_describe(&cluster->address, cluster->redis, sizeof(cluster->redis));
    cw_endpoints_start(cluster->endpoints);
    return CW_OK;
}

/* The node's set has to be empty before its lease goes: afterwards nobody would look into it. */
static bool has_more_to_write(const struct cw_cluster *cluster)
{
    return cluster->registry.removals > 0 || cw_event_stream_is_behind(&cluster->stream);
}

int cw_cluster_stop(struct cw_cluster *cluster, cw_done_fn fn, void *arg)
{
    on_turn_end(-1, 0, cluster);
    if (!has_more_to_write(cluster))
        return cw_lease_release(&cluster->lease, fn, arg);
    cluster->on_left = fn;
    cluster->on_left_arg = arg;
    return CW_OK;
}

void cw_cluster_destroy(struct cw_cluster *cluster)
{
    if (cluster == NULL)
        return;
    cw_registry_cancel_changes(&cluster->registry);
    cw_endpoints_close(
        cluster->endpoints); /* answers what is pending; who is told may call again */
    cw_log_reader_finish(&cluster->reader);
    cw_event_stream_finish(&cluster->stream);
    cw_replicas_finish(&cluster->replicas);
    cw_publisher_finish(&cluster->publisher);
    cw_seats_finish(&cluster->seats);
    cw_ban_mirror_finish(&cluster->bans);
    if (cluster->on_left != NULL)
        cluster->on_left(cluster->on_left_arg, CW_ERR_CANCELLED);
    cw_memberships_finish(&cluster->memberships);
    cw_redis_embedded_stop(cluster->embedded);
    cw_reaper_destroy(cluster->reaper);
    cw_sweeper_destroy(cluster->sweeper);
    cw_lease_finish(&cluster->lease);
    cw_registry_finish(&cluster->registry);
    cw_interests_finish(&cluster->interests);
    cw_endpoints_destroy(cluster->endpoints);
    cw_redis_address_finish(&cluster->address);
    cw_redis_tls_destroy(cluster->tls);
    if (cluster->turn_end != NULL)
        event_free(cluster->turn_end);
    free(cluster->data_dir);
    free(cluster);
}

void cw_cluster_set_wait_replicas(struct cw_cluster *cluster, int count)
{
    cluster->replicas.needed = count > 0 ? count : 0;
}

/* Facts. */

const char *cw_cluster_node_id(const struct cw_cluster *cluster)
{
    return cluster->node_id;
}

const char *cw_cluster_redis(const struct cw_cluster *cluster)
{
    return cluster->redis;
}

bool cw_cluster_is_up(const struct cw_cluster *cluster)
{
    return cw_endpoints_any_up(cluster->endpoints);
}

void cw_cluster_health(const struct cw_cluster *cluster, struct cw_cluster_health *ret_health)
{
    cw_endpoints_health(cluster->endpoints, ret_health);
}

/* Channels and groups. */

int cw_cluster_attach(struct cw_cluster *cluster, const char *uuid, void *user, cw_attach_fn fn,
                      struct cw_cluster_channel **ret_channel)
{
    int rc = cw_registry_add_channel(&cluster->registry, cluster, uuid, user, ret_channel);
    if (rc == CW_OK)
        (*ret_channel)->fn.attached = fn;
    return rc;
}

int cw_cluster_find_session(struct cw_cluster *cluster, struct cw_bytes uuid,
                            const unsigned char *digest, const char *user, cw_session_fn fn,
                            void *arg)
{
    char key[CW_KEY_MAX];
    if (!cw_uuid_is_valid(uuid))
        return CW_ERR_INVALID;
    (void)cw_key_write(key, cluster->prefix, 'c', uuid);
    return cw_session_find(cluster->endpoints, key,
                           cw_bytes_make((const char *)digest, CW_SESSION_DIGEST_SIZE), user, fn,
                           arg);
}

int cw_cluster_resume(struct cw_cluster *cluster, const char *uuid, void *user,
                      const unsigned char *digest, cw_resume_fn fn,
                      struct cw_cluster_channel **ret_channel)
{
    int rc = cw_registry_add_channel(&cluster->registry, cluster, uuid, user, ret_channel);
    if (rc != CW_OK)
        return rc;
    cw_registry_resume(*ret_channel, digest);
    (*ret_channel)->fn.resumed = fn;
    return CW_OK;
}

void *cw_cluster_find(const struct cw_cluster *cluster, struct cw_bytes uuid)
{
    const struct cw_cluster_channel *channel = cw_registry_find(&cluster->registry, uuid);
    return channel == NULL ? NULL : channel->user;
}

void cw_cluster_settle_session(struct cw_cluster_channel *channel)
{
    const struct cw_cluster *cluster = channel->cluster;
    char key[CW_KEY_MAX];
    if (channel->state != CW_ATTACHED)
        return;
    (void)cw_key_write(key, cluster->prefix, 'c', cw_bytes_text(channel->uuid));
    cw_session_settle(cluster->endpoints, key, cluster->node_id, channel->generation);
}

void cw_cluster_start_inbox(struct cw_cluster_channel *channel, struct cw_position since,
                            void (*fn)(void *user))
{
    if (channel->state == CW_HIDDEN) { /* nothing is kept for it */
        channel->inbox.is_paused = false;
        if (fn != NULL)
            fn(channel->user);
        return;
    }
    channel->inbox.last = since;
    channel->inbox.on_read = fn;
    channel->inbox.wants_more = true;
    cw_inbox_pause(&channel->cluster->inboxes, channel, false);
}

void cw_cluster_pause_inbox(struct cw_cluster_channel *channel, bool is_paused)
{
    cw_inbox_pause(&channel->cluster->inboxes, channel, is_paused);
}

struct cw_position cw_cluster_inbox_position(const struct cw_cluster_channel *channel)
{
    return channel->inbox.last;
}

void cw_cluster_detach(struct cw_cluster_channel *channel, const struct cw_leaving *leaving)
{
    if (channel == NULL)
        return;
    struct cw_cluster *cluster = channel->cluster;
    struct cw_departure *departure = leaving == NULL ? NULL : cw_departure_create(leaving);
    cw_memberships_remove_all(&cluster->memberships, channel);
    cw_registry_remove_channel(&cluster->registry, channel, departure);
    if (leaving != NULL && departure == NULL && leaving->fn != NULL)
        leaving->fn(leaving->arg, CW_ERR_NOMEM);
}

void cw_cluster_abandon(struct cw_cluster_channel *channel)
{
    struct cw_cluster *cluster = channel->cluster;
    cw_memberships_remove_all(&cluster->memberships, channel);
    cw_registry_abandon(&cluster->registry, channel);
}

static void emit(struct cw_cluster_channel *channel, const struct cw_stream_event *event)
{
    struct cw_event_stream *stream = &channel->cluster->stream;
    struct cw_stream_record record;
    if (!cw_event_stream_wants(stream, event->kind))
        return;
    cw_event_stream_describe(&record, event->kind, channel);
    record.fields[CW_STREAM_FIELD_GROUP] = event->group;
    record.fields[CW_STREAM_FIELD_CODE] = event->code;
    record.fields[CW_STREAM_FIELD_REASON] = event->reason;
    (void)cw_event_stream_push(stream, &record, NULL, NULL); /* dropped: counted */
}

int cw_cluster_hide(struct cw_cluster_channel *channel, cw_done_fn fn, void *arg)
{
    const struct cw_stream_event gone = {.kind = CW_STREAM_DISCONNECT,
                                         .code = cw_bytes_text("1000"),
                                         .reason = cw_bytes_text("removed from the registry")};
    int rc = cw_registry_hide(&channel->cluster->registry, channel, fn, arg);
    if (rc != CW_OK)
        return rc;
    if (channel->is_announced)
        emit(channel, &gone);
    cw_memberships_remove_all(&channel->cluster->memberships, channel);
    cw_inbox_reset(channel);
    return CW_OK;
}

int cw_cluster_show(struct cw_cluster_channel *channel, cw_done_fn fn, void *arg)
{
    return cw_registry_show(&channel->cluster->registry, channel, fn, arg);
}

int cw_cluster_join(struct cw_cluster_channel *channel, struct cw_bytes group, bool wants_presence,
                    void *local, cw_joined_fn fn, void *arg)
{
    if (!cw_group_name_is_valid(group))
        return CW_ERR_INVALID;
    if (channel->state == CW_HIDDEN)
        return CW_ERR_UNAVAILABLE;
    if (cw_membership_find(channel, group) != NULL)
        return CW_ERR_BUSY;
    return cw_membership_join(&channel->cluster->memberships, channel, group, wants_presence, local,
                              fn, arg);
}

int cw_cluster_leave(struct cw_cluster_channel *channel, struct cw_bytes group, cw_done_fn fn,
                     void *arg)
{
    struct cw_cluster *cluster = channel->cluster;
    struct cw_membership *membership = cw_membership_find(channel, group);
    if (!cw_group_name_is_valid(group))
        return CW_ERR_INVALID;
    if (membership == NULL || membership->state != CW_MEMBERSHIP_JOINED)
        return membership == NULL ? CW_ERR_NOT_FOUND : CW_ERR_BUSY;
    if (fn != NULL && !cw_registry_may_write(&cluster->registry))
        return CW_ERR_UNAVAILABLE;
    cw_membership_leave(&cluster->memberships, membership, fn, arg);
    return CW_OK;
}

void cw_cluster_forget_group(struct cw_cluster_channel *channel, struct cw_bytes group)
{
    if (channel->state == CW_ATTACHED && cw_membership_find(channel, group) == NULL)
        cw_memberships_repair(channel, group, cw_bytes_text(channel->registry->node_id));
}

int cw_cluster_position(const struct cw_cluster_channel *channel, struct cw_bytes group,
                        bool *ret_is_logged, struct cw_position *ret_position)
{
    const struct cw_membership *membership = cw_membership_find(channel, group);
    if (membership == NULL || membership->state != CW_MEMBERSHIP_JOINED)
        return CW_ERR_NOT_FOUND;
    *ret_is_logged = cw_interest_limits(&channel->cluster->interests, group).size > 0;
    *ret_position = membership->interest->last;
    return CW_OK;
}

static size_t write_group_key(const struct cw_cluster *cluster, struct cw_bytes group,
                              char key[CW_KEY_MAX])
{
    return cw_group_name_is_valid(group) ? cw_key_write(key, cluster->prefix, 'g', group) : 0;
}

int cw_cluster_publish(struct cw_cluster *cluster, const struct cw_message *message,
                       cw_published_fn fn, void *arg)
{
    char key[CW_KEY_MAX];
    if (write_group_key(cluster, message->group, key) == 0)
        return CW_ERR_INVALID;
    if (message->payload.size > STORED_PAYLOAD_MAX)
        return CW_ERR_TOO_LARGE;
    struct cw_history_limits limits = cw_interest_limits(&cluster->interests, message->group);
    struct cw_interest *interest = cw_interest_find(&cluster->interests, message->group);
    return cw_replicas_publish(&cluster->replicas, key, message, &limits,
                               interest == NULL ? NULL : &interest->acked, fn, arg);
}

int cw_cluster_send(struct cw_cluster *cluster, struct cw_bytes uuid,
                    const struct cw_message *message, cw_sent_fn fn, void *arg)
{
    char key[CW_KEY_MAX];
    if (!cw_uuid_is_valid(uuid))
        return CW_ERR_INVALID;
    if (message->payload.size > STORED_PAYLOAD_MAX)
        return CW_ERR_TOO_LARGE;
    (void)cw_key_write(key, cluster->prefix, 'c', uuid);
    return cw_replicas_send(&cluster->replicas, key, message, fn, arg);
}

void cw_cluster_ack(struct cw_cluster_channel *channel, struct cw_position position)
{
    const struct cw_cluster *cluster = channel->cluster;
    char key[CW_KEY_MAX];
    char id[CW_POSITION_TEXT_SIZE];
    (void)cw_position_write(id, position);
    (void)cw_key_write(key, cluster->prefix, 'c', cw_bytes_text(channel->uuid));
    struct cw_bytes args[] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_node_trim"),
                              cw_bytes_text("1"), cw_bytes_text(key), cw_bytes_text(id)};
    (void)cw_functions_command(cluster->endpoints, args, 5, NULL, NULL);
}

void cw_cluster_request_done(struct cw_cluster_channel *channel, int rc)
{
    cw_inbox_request_done(&channel->cluster->inboxes, channel, rc);
}

/* The event stream. */

bool cw_cluster_wants_event(const struct cw_cluster *cluster, enum cw_stream_kind kind)
{
    return cw_event_stream_wants(&cluster->stream, kind);
}

void cw_cluster_emit(struct cw_cluster_channel *channel, const struct cw_stream_event *event)
{
    if (event->kind == CW_STREAM_CONNECT)
        channel->is_announced = true;
    else if (event->kind == CW_STREAM_DISCONNECT)
        channel->is_announced = false;
    if (channel->state != CW_HIDDEN)
        emit(channel, event);
}

int cw_cluster_emit_message(struct cw_cluster_channel *channel, enum cw_payload_type type,
                            struct cw_bytes payload, cw_done_fn fn, void *arg)
{
    struct cw_event_stream *stream = &channel->cluster->stream;
    struct cw_stream_record record;
    if (!cw_event_stream_wants(stream, CW_STREAM_MESSAGE))
        return CW_ERR_UNSUPPORTED;
    if (channel->state == CW_HIDDEN)
        return CW_ERR_NOT_FOUND;
    if (payload.size > STORED_PAYLOAD_MAX)
        return CW_ERR_TOO_LARGE;
    cw_event_stream_describe(&record, CW_STREAM_MESSAGE, channel);
    record.fields[CW_STREAM_FIELD_TYPE] = cw_event_stream_type(type);
    record.fields[CW_STREAM_FIELD_PAYLOAD] = payload.data == NULL ? cw_bytes_text("") : payload;
    return cw_event_stream_push(stream, &record, fn, arg);
}
