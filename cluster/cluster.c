/*
 * cluster.c - (5) the public API: publish down, deliver up; builds the parts in order.
 */
#include <chanway/cluster.h>

#include "base/log.h"
#include "endpoints.h"
#include "functions.h"
#include "interest.h"
#include "lease.h"
#include "membership.h"
#include "names.h"
#include "redis_embedded.h"
#include "redis_url.h"
#include "registry.h"

#include <event2/event.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The stored form of a payload (PROTOCOL: payload). */
#define STORED_PAYLOAD_MAX (1U << 20)

struct cw_cluster {
    struct event_base *base;
    struct event *turn_end; /* active: the flush runs after this turn's other events */
    struct cw_redis_address address;
    struct cw_redis_embedded *embedded; /* NULL: Redis is somebody else's */
    struct cw_endpoint *endpoint;
    struct cw_interests interests;
    struct cw_registry registry;
    struct cw_memberships memberships;
    struct cw_lease lease;
    struct cw_cluster_events events;
    void *events_arg;
    char *data_dir;
    char redis[200]; /* the address in words */
    char prefix[CW_PREFIX_MAX + 1];
    char node_id[CW_NODE_ID_MAX];
};

static void request_flush(void *arg)
{
    struct cw_cluster *cluster = arg;
    event_active(cluster->turn_end, EV_TIMEOUT, 0);
}

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
    struct cw_cluster *cluster = arg;
    (void)fd;
    (void)what;
    cw_registry_flush_attach(&cluster->registry);
    cw_memberships_flush(&cluster->memberships);
    cw_registry_flush_detach(&cluster->registry);
}

/* From the endpoint. */

static void on_up(void *arg)
{
    struct cw_cluster *cluster = arg;
    cw_lease_start(&cluster->lease);
    cw_interests_on_up(&cluster->interests);
    if (cluster->registry.is_suspect || cw_endpoint_is_new_server(cluster->endpoint))
        cw_registry_announce_all(&cluster->registry);
    request_flush(cluster);
    if (cluster->events.on_link != NULL)
        cluster->events.on_link(cluster->events_arg, true);
}

static void on_down(void *arg)
{
    struct cw_cluster *cluster = arg;
    cw_lease_stop(&cluster->lease);
    cw_memberships_on_down(&cluster->memberships);
    cw_interests_on_down(&cluster->interests);
    if (cluster->events.on_link != NULL)
        cluster->events.on_link(cluster->events_arg, false);
}

static void on_topic_message(void *arg, struct cw_bytes topic, struct cw_bytes bytes)
{
    struct cw_cluster *cluster = arg;
    cw_interests_on_message(&cluster->interests, topic, bytes);
}

static void on_subscribed(void *arg, struct cw_bytes topic)
{
    struct cw_cluster *cluster = arg;
    cw_interests_on_subscribed(&cluster->interests, topic);
}

static void on_node_message(void *arg, struct cw_bytes bytes)
{
    (void)arg;
    cw_log_debug(cw_log_node(), "message of unknown kind on the node's topic, %zu bytes",
                 bytes.size);
}

static void on_fatal(void *arg, const char *why)
{
    struct cw_cluster *cluster = arg;
    if (cluster->events.on_fatal != NULL)
        cluster->events.on_fatal(cluster->events_arg, why);
}

static void on_progress(void *arg, struct cw_interest *interest)
{
    struct cw_cluster *cluster = arg;
    cw_memberships_on_progress(&cluster->memberships, interest);
}

/* From here on the loss of what is written shows in the loss of the lease. */
static void on_lease_begun(void *arg)
{
    struct cw_cluster *cluster = arg;
    cw_registry_announce_all(&cluster->registry);
    request_flush(cluster);
}

/* Every 3 s: what Redis refused, out of memory perhaps, is written once more. */
static void on_lease_renewed(void *arg)
{
    struct cw_cluster *cluster = arg;
    if (cluster->registry.is_suspect)
        cw_registry_announce_all(&cluster->registry);
    request_flush(cluster);
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
    cw_node_id_generate(node, cluster->node_id);
    return CW_OK;
}

static int build(struct cw_cluster *cluster)
{
    static const struct cw_endpoint_events endpoint_events = {
        on_up, on_down, on_topic_message, on_subscribed, on_node_message, on_fatal};
    int rc = cw_endpoint_create(cluster->base, &cluster->address, cluster->prefix, cluster->node_id,
                                &endpoint_events, cluster, &cluster->endpoint);
    if (rc < 0)
        return rc;
    rc = cw_interests_init(&cluster->interests, cluster->base, cluster->endpoint, cluster->prefix);
    if (rc < 0)
        return rc;
    cluster->interests.events = cluster->events;
    cluster->interests.events_arg = cluster->events_arg;
    cluster->interests.on_progress = on_progress;
    cluster->interests.on_progress_arg = cluster;
    cw_registry_init(&cluster->registry, cluster->endpoint, cluster->prefix, cluster->node_id,
                     &cluster->events);
    cluster->registry.memberships = &cluster->memberships;
    cluster->registry.request_flush = request_flush;
    cluster->registry.request_flush_arg = cluster;
    cw_memberships_init(&cluster->memberships, &cluster->interests, &cluster->registry);
    rc = cw_lease_init(&cluster->lease, cluster->base, cluster->endpoint, cluster->prefix,
                       cluster->node_id, &cluster->registry.count);
    cluster->lease.on_begun = on_lease_begun;
    cluster->lease.on_renewed = on_lease_renewed;
    cluster->lease.arg = cluster;
    return rc;
}

int cw_cluster_create(const struct cw_cluster_options *options, char *error, size_t error_size,
                      struct cw_cluster **ret_cluster)
{
    struct cw_cluster *cluster = calloc(1, sizeof(*cluster));
    if (cluster == NULL)
        return CW_ERR_NOMEM;
    cluster->base = options->event_base;
    cluster->events = options->events;
    cluster->events_arg = options->events_arg;
    cw_map_init(&cluster->interests.groups, NULL); /* half-built is fine for destroy */
    cw_registry_init(&cluster->registry, NULL, NULL, NULL, &cluster->events);
    cw_memberships_init(&cluster->memberships, &cluster->interests, &cluster->registry);
    (void)snprintf(error, error_size, "out of memory");

    int rc = take_names(cluster, options, error, error_size);
    if (rc < 0)
        goto fail;
    rc = cw_redis_address_parse(options->redis, error, error_size, &cluster->address);
    if (rc < 0)
        goto fail;
    rc = CW_ERR_NOMEM;
    cluster->data_dir = strdup(options->data_dir == NULL ? "." : options->data_dir);
    cluster->turn_end = evtimer_new(cluster->base, on_turn_end, cluster);
    if (cluster->data_dir == NULL || cluster->turn_end == NULL)
        goto fail;
    rc = build(cluster);
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
    cw_endpoint_start(cluster->endpoint);
    return CW_OK;
}

int cw_cluster_stop(struct cw_cluster *cluster, cw_done_fn fn, void *arg)
{
    on_turn_end(-1, 0, cluster);
    return cw_lease_release(&cluster->lease, fn, arg);
}

void cw_cluster_destroy(struct cw_cluster *cluster)
{
    if (cluster == NULL)
        return;
    cw_endpoint_destroy(cluster->endpoint); /* answers what is pending */
    cw_memberships_finish(&cluster->memberships);
    cw_redis_embedded_stop(cluster->embedded);
    cw_lease_finish(&cluster->lease);
    cw_registry_finish(&cluster->registry);
    cw_interests_finish(&cluster->interests);
    cw_redis_address_finish(&cluster->address);
    if (cluster->turn_end != NULL)
        event_free(cluster->turn_end);
    free(cluster->data_dir);
    free(cluster);
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
    return cw_endpoint_is_up(cluster->endpoint);
}

void cw_cluster_health(const struct cw_cluster *cluster, struct cw_cluster_health *ret_health)
{
    cw_endpoint_health(cluster->endpoint, ret_health);
}

/* Channels and groups. */

int cw_cluster_attach(struct cw_cluster *cluster, const char *uuid, void *user,
                      struct cw_cluster_channel **ret_channel)
{
    return cw_registry_add(&cluster->registry, cluster, uuid, user, ret_channel);
}

void cw_cluster_detach(struct cw_cluster_channel *channel)
{
    if (channel == NULL)
        return;
    struct cw_cluster *cluster = channel->cluster;
    cw_memberships_remove_all(&cluster->memberships, channel);
    cw_registry_remove(&cluster->registry, channel);
}

int cw_cluster_join(struct cw_cluster_channel *channel, struct cw_bytes group, void *local,
                    cw_joined_fn fn, void *arg)
{
    if (!cw_group_name_is_valid(group))
        return CW_ERR_INVALID;
    if (cw_membership_find(channel, group) != NULL)
        return CW_ERR_BUSY;
    return cw_membership_join(&channel->cluster->memberships, channel, group, local, fn, arg);
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
    if (!cw_cluster_is_up(cluster))
        return CW_ERR_UNAVAILABLE;
    cw_membership_leave(&cluster->memberships, membership, fn, arg);
    return CW_OK;
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
    return cw_functions_publish(cluster->endpoint, key, message, &limits, fn, arg);
}

int cw_cluster_members(struct cw_cluster *cluster, struct cw_bytes group, struct cw_bytes cursor,
                       int count, cw_members_fn fn, void *arg)
{
    char key[CW_KEY_MAX];
    if (write_group_key(cluster, group, key) == 0 || count < 1 || count > 1000)
        return CW_ERR_INVALID;
    return cw_functions_members(cluster->endpoint, key, cursor, count, fn, arg);
}
