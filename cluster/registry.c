/*
 * registry.c - node set and channel hashes, written and removed in batches per loop turn.
 */
#include "registry.h"

#include "base/stats.h"
#include "functions.h"
#include "membership.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Channels written in one turn: an announcement of 10,000 is spread over some tens of turns. */
#define ATTACH_SLICE (2 * CW_FUNCTIONS_BATCH)

void cw_registry_init(struct cw_registry *registry, struct cw_endpoint *endpoint,
                      const char *prefix, const char *node_id,
                      const struct cw_cluster_events *events)
{
    memset(registry, 0, sizeof(*registry));
    registry->endpoint = endpoint;
    registry->prefix = prefix;
    registry->node_id = node_id;
    registry->events = *events;
    cw_list_init(&registry->channels);
    cw_list_init(&registry->attaching);
    cw_list_init(&registry->detaching);
}

static void free_channel(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    cw_list_remove(&channel->in_channels);
    cw_list_remove(&channel->in_turn);
    registry->count--;
    free(channel);
}

void cw_registry_finish(struct cw_registry *registry)
{
    struct cw_list_node *node;
    while ((node = cw_list_first(&registry->channels)) != NULL)
        free_channel(registry, CW_CONTAINER(node, struct cw_cluster_channel, in_channels));
}

int cw_registry_add(struct cw_registry *registry, struct cw_cluster *cluster, const char *uuid,
                    void *user, struct cw_cluster_channel **ret_channel)
{
    struct cw_cluster_channel *channel = calloc(1, sizeof(*channel));
    if (channel == NULL)
        return CW_ERR_NOMEM;
    (void)snprintf(channel->uuid, sizeof(channel->uuid), "%s", uuid);
    channel->cluster = cluster;
    channel->registry = registry;
    channel->user = user;
    cw_list_init(&channel->memberships);
    cw_list_push_back(&registry->channels, &channel->in_channels);
    cw_list_push_back(&registry->attaching, &channel->in_turn);
    registry->count++;
    cw_registry_request_flush(registry);
    *ret_channel = channel;
    return CW_OK;
}

void cw_registry_remove(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    cw_list_remove(&channel->in_turn);
    channel->state = CW_DETACHING;
    channel->user = NULL;
    if (!channel->is_written)
        free_channel(registry, channel);
    else
        cw_list_push_back(&registry->detaching, &channel->in_turn);
    cw_registry_request_flush(registry);
}

static void on_written(void *arg, int rc)
{
    struct cw_registry *registry = arg;
    if (rc != CW_OK)
        registry->is_suspect = true;
}

static bool send_command(struct cw_registry *registry, const struct cw_bytes *args, size_t count)
{
    if (cw_functions_command(registry->endpoint, args, count, on_written, registry) == CW_OK)
        return true;
    registry->is_suspect = true;
    return false;
}

/* SADD or SREM of a batch in this node's set; `key` is room for its name. How many `ret_args`. */
static size_t write_set_command(const struct cw_registry *registry, const char *verb,
                                struct cw_cluster_channel *const *channels, size_t count,
                                char key[CW_KEY_MAX + 2], struct cw_bytes *ret_args)
{
    size_t length = cw_key_write(key, registry->prefix, 'n', cw_bytes_text(registry->node_id));
    (void)snprintf(key + length, 3, ":c");
    ret_args[0] = cw_bytes_text(verb);
    ret_args[1] = cw_bytes_text(key);
    for (size_t i = 0; i < count; i++)
        ret_args[2 + i] = cw_bytes_text(channels[i]->uuid);
    return 2 + count;
}

static bool send_hash(struct cw_registry *registry, struct cw_cluster_channel *channel)
{
    static const char *const types[] = {"json", "text", "bytes"};
    struct cw_channel_info info = {0};
    char key[CW_KEY_MAX];
    char created[24];
    char expires[24];
    registry->events.describe(channel->user, &info);
    (void)cw_key_write(key, registry->prefix, 'c', cw_bytes_text(channel->uuid));
    (void)snprintf(created, sizeof(created), "%" PRId64, info.created_ms);
    (void)snprintf(expires, sizeof(expires), "%" PRId64, info.expires_s);
    struct cw_bytes args[] = {
        cw_bytes_text("HSET"),    cw_bytes_text(key),
        cw_bytes_text("node"),    cw_bytes_text(registry->node_id),
        cw_bytes_text("gen"),     cw_bytes_text("1"),
        cw_bytes_text("type"),    cw_bytes_text(types[info.type]),
        cw_bytes_text("created"), cw_bytes_text(created),
        cw_bytes_text("expires"), cw_bytes_text(expires),
        cw_bytes_text("address"), cw_bytes_text(info.address),
        cw_bytes_text("user"),    cw_bytes_text(info.user),
    };
    size_t count = sizeof(args) / sizeof(args[0]) - (info.user == NULL ? 2 : 0);
    return send_command(registry, args, count);
}

/* One batch: the node's set first, so that the set always covers what exists. */
static void attach_batch(struct cw_registry *registry)
{
    struct cw_cluster_channel *batch[CW_FUNCTIONS_BATCH];
    struct cw_bytes args[2 + CW_FUNCTIONS_BATCH];
    char key[CW_KEY_MAX + 2];
    size_t count = 0;
    struct cw_list_node *node;
    while (count < CW_FUNCTIONS_BATCH && (node = cw_list_pop_front(&registry->attaching)) != NULL)
        batch[count++] = CW_CONTAINER(node, struct cw_cluster_channel, in_turn);
    if (count == 0)
        return;
    (void)send_command(registry, args,
                       write_set_command(registry, "SADD", batch, count, key, args));
    for (size_t i = 0; i < count; i++) {
        (void)send_hash(registry, batch[i]);
        batch[i]->state = CW_ATTACHED;
        batch[i]->is_written = true;
        cw_memberships_on_attached(batch[i]);
    }
}

void cw_registry_flush_attach(struct cw_registry *registry)
{
    if (!cw_endpoint_is_up(registry->endpoint))
        return; /* they stay in `attaching` */
    for (size_t done = 0; done < ATTACH_SLICE; done += CW_FUNCTIONS_BATCH)
        attach_batch(registry);
    if (!cw_list_is_empty(&registry->attaching))
        cw_registry_request_flush(registry);
}

struct detached {
    struct cw_registry *registry;
    size_t calls; /* answers outstanding */
    int rc;       /* the error among them */
    size_t count;
    struct cw_cluster_channel *channels[];
};

/* An answer to one of a batch's calls: after the last one they are gone, or to be removed again. */
static void on_detach_answer(void *arg, int rc)
{
    struct detached *detached = arg;
    struct cw_registry *registry = detached->registry;
    if (rc != CW_OK)
        detached->rc = rc;
    if (--detached->calls > 0)
        return;
    for (size_t i = 0; i < detached->count; i++) {
        if (detached->rc == CW_OK)
            free_channel(registry, detached->channels[i]);
        else /* with the next flush */
            cw_list_push_back(&registry->detaching, &detached->channels[i]->in_turn);
    }
    free(detached);
}

static void note_sent(struct detached *detached, int rc)
{
    if (rc == CW_OK)
        detached->calls++;
    else
        detached->rc = rc;
}

/* One batch of `channels`: hashes, then the node's set. False: no more can be sent now. */
static bool detach_batch(struct cw_registry *registry, struct cw_list *channels)
{
    struct cw_bytes args[2 + CW_FUNCTIONS_BATCH];
    char key[CW_KEY_MAX + 2];
    struct cw_list_node *node;
    struct detached *detached =
        calloc(1, sizeof(*detached) + CW_FUNCTIONS_BATCH * sizeof(detached->channels[0]));
    if (detached == NULL)
        return false;
    detached->registry = registry;
    detached->calls = 1; /* until all are sent */
    while (detached->count < CW_FUNCTIONS_BATCH && (node = cw_list_pop_front(channels)) != NULL) {
        struct cw_cluster_channel *channel = CW_CONTAINER(node, struct cw_cluster_channel, in_turn);
        (void)cw_key_write(key, registry->prefix, 'c', cw_bytes_text(channel->uuid));
        note_sent(detached, cw_functions_detach(registry->endpoint, key, registry->node_id, 0,
                                                on_detach_answer, detached));
        detached->channels[detached->count++] = channel;
    }
    size_t count =
        write_set_command(registry, "SREM", detached->channels, detached->count, key, args);
    note_sent(detached,
              cw_functions_command(registry->endpoint, args, count, on_detach_answer, detached));
    int rc = detached->rc;
    on_detach_answer(detached, CW_OK);
    return rc == CW_OK;
}

void cw_registry_flush_detach(struct cw_registry *registry)
{
    struct cw_list now; /* what can't be sent is for the next flush */
    if (!cw_endpoint_is_up(registry->endpoint))
        return;
    cw_list_init(&now);
    cw_list_move_all(&now, &registry->detaching);
    while (!cw_list_is_empty(&now) && detach_batch(registry, &now)) {
    }
    cw_list_move_all(&registry->detaching, &now);
}

void cw_registry_announce_all(struct cw_registry *registry)
{
    registry->is_suspect = false;
    for (struct cw_list_node *n = cw_list_first(&registry->channels); n != NULL;
         n = cw_list_next(&registry->channels, n)) {
        struct cw_cluster_channel *channel =
            CW_CONTAINER(n, struct cw_cluster_channel, in_channels);
        if (channel->state != CW_ATTACHED)
            continue;
        channel->state = CW_ATTACHING;
        cw_list_push_back(&registry->attaching, &channel->in_turn);
        CW_STAT(registry_announcements_total)++;
    }
}
