/*
 * channel.c - a client's connection: made, opened, sent to, closed; see the header for its states.
 */
#include "channel/channel.h"

#include "base/clock.h"
#include "base/stats.h"
#include "channel/members.h"
#include "channel/op.h"
#include "channel/stream.h"
#include "protocol/event.h"
#include "protocol/handshake.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_CONSUMER_RETRY_MS 1000

static void describe_channel(const void *object, char *text, size_t size)
{
    const struct cw_channel *channel = object;
    (void)snprintf(text, size, "channel=%s address=%s", channel->uuid, channel->address);
}

struct cw_log_object cw_channel_log(const struct cw_channel *channel)
{
    struct cw_log_object object = {channel, describe_channel};
    return object;
}

static void set_state(struct cw_channel *channel, enum cw_channel_state state)
{
    static const char *const names[] = {"OPENING", "OPEN", "CLOSING"};
    cw_log_debug(cw_channel_log(channel), "%s -> %s", names[channel->state], names[state]);
    channel->state = (uint8_t)state;
}

/* Seconds this channel may live: its own wish within the node's bounds. */
static int64_t choose_expires(const struct cw_limits *limits, const struct cw_handshake *handshake)
{
    int64_t expires = handshake->has_expires ? handshake->expires_s : limits->channel_ttl_s;
    int64_t max = limits->channel_ttl_max_s;
    if (max > 0 && (expires == 0 || expires > max))
        expires = max;
    return expires;
}

static void find_since(const struct cw_handshake *handshake, struct cw_opening_group *group)
{
    for (size_t i = 0; i < handshake->group_since_count; i++) {
        if (!cw_bytes_equal(handshake->group_since[i].group, group->name))
            continue;
        group->has_since = true;
        group->since = handshake->group_since[i].position;
    }
}

static int copy_groups(struct cw_channel *channel, const struct cw_handshake *handshake)
{
    size_t count = handshake->group_count;
    size_t bytes = 0;
    if (count == 0)
        return CW_OK;
    for (size_t i = 0; i < count; i++)
        bytes += handshake->groups[i].size;
    channel->opening_groups = calloc(1, count * sizeof(struct cw_opening_group) + bytes);
    if (channel->opening_groups == NULL)
        return CW_ERR_NOMEM;
    char *at = (char *)(channel->opening_groups + count);
    for (size_t i = 0; i < count; i++) {
        struct cw_opening_group *group = &channel->opening_groups[i];
        memcpy(at, handshake->groups[i].data, handshake->groups[i].size);
        group->name = cw_bytes_make(at, handshake->groups[i].size);
        find_since(handshake, group);
        at += group->name.size;
    }
    channel->opening_count = (uint32_t)count;
    return CW_OK;
}

static int add_to_node(struct cw_channel *channel)
{
    struct cw_node *node = channel->node;
    if (node->count == node->capacity) {
        size_t capacity = node->capacity == 0 ? 64 : node->capacity * 2;
        struct cw_channel **grown = realloc(node->all, capacity * sizeof(*grown));
        if (grown == NULL)
            return CW_ERR_NOMEM;
        node->all = grown;
        node->capacity = capacity;
    }
    int rc = cw_map_add(&node->channels, &channel->in_channels);
    if (rc < 0)
        return rc;
    channel->index = (uint32_t)node->count;
    node->all[node->count++] = channel;
    CW_STAT(node_connections)++;
    CW_STAT(node_connections_total)++;
    return CW_OK;
}

static void remove_from_node(struct cw_channel *channel)
{
    struct cw_node *node = channel->node;
    struct cw_channel *last = node->all[--node->count];
    node->all[channel->index] = last;
    last->index = channel->index;
    cw_map_remove(&node->channels, &channel->in_channels);
    CW_STAT(node_connections)--;
}

static void free_channel(struct cw_channel *channel)
{
    cw_list_remove(&channel->dirty);
    cw_outbox_finish(&channel->outbox);
    free(channel->opening_groups);
    free(channel->publish_group);
    free(channel->address);
    free(channel);
}

int cw_channel_create(struct cw_node *node, const struct cw_handshake *handshake,
                      const char *address, void *connection, struct cw_channel **ret_channel)
{
    struct cw_channel *channel = calloc(1, sizeof(*channel));
    if (channel == NULL)
        return CW_ERR_NOMEM;
    channel->node = node;
    channel->connection = connection;
    channel->kind = (uint8_t)handshake->kind;
    channel->type = (uint8_t)handshake->type;
    channel->created_ms = cw_clock_wall_ms();
    channel->last_seen_ms = cw_clock_ms();
    channel->expires_s = (int32_t)choose_expires(&node->limits, handshake);
    if (channel->expires_s > 0)
        channel->expires_at_ms = channel->last_seen_ms + channel->expires_s * (int64_t)1000;
    cw_list_init(&channel->members);
    cw_list_init(&channel->ops);
    cw_list_init(&channel->aside);
    cw_list_init(&channel->draining);
    cw_outbox_init(&channel->outbox);
    cw_uuid_generate(channel->uuid);

    int rc = CW_ERR_NOMEM;
    channel->address = strdup(address);
    if (channel->address == NULL)
        goto fail;
    if (handshake->publish != NULL && (channel->publish_group = strdup(handshake->publish)) == NULL)
        goto fail;
    rc = copy_groups(channel, handshake);
    if (rc == CW_OK)
        rc = add_to_node(channel);
    if (rc < 0)
        goto fail;
    *ret_channel = channel;
    return CW_OK;

fail:
    free_channel(channel);
    return rc;
}

static struct cw_buf *welcome_frame(const struct cw_channel *channel)
{
    const struct cw_node *node = channel->node;
    struct cw_event_welcome welcome = {
        .channel = channel->uuid,
        .node = node->id,
        .type = (enum cw_payload_type)channel->type,
        .created_ms = channel->created_ms,
        .expires_s = channel->expires_s,
        .heartbeat_s = node->limits.heartbeat_interval_ms / 1000,
        .version = node->version,
    };
    return cw_event_welcome((enum cw_kind)channel->kind, &welcome);
}

int cw_channel_open(struct cw_channel *channel)
{
    struct cw_node *node = channel->node;
    int rc = cw_cluster_attach(node->cluster, channel->uuid, channel, &channel->mirror);
    if (rc < 0)
        return rc;
    cw_stream_connect(channel);
    if (channel->kind != CW_KIND_RAW) {
        struct cw_buf *frame = welcome_frame(channel);
        if (frame == NULL)
            return CW_ERR_NOMEM;
        cw_channel_send_new_frame(channel, frame);
    }
    cw_log_debug(cw_channel_log(channel), "connected");
    cw_events_connect(&node->events, channel);
    if (channel->state != CW_CHANNEL_OPENING)
        return CW_OK; /* a handler closed it */
    channel->is_paused = true;
    node->transport->pause_reading(channel, true);
    node->join_opening_groups(channel);
    return CW_OK;
}

void cw_channel_become_open(struct cw_channel *channel)
{
    free(channel->opening_groups);
    channel->opening_groups = NULL;
    channel->opening_count = 0;
    if (channel->state != CW_CHANNEL_OPENING)
        return;
    set_state(channel, CW_CHANNEL_OPEN);
    channel->is_paused = false;
    channel->node->transport->pause_reading(channel, false);
    cw_op_run_waiting(channel);
}

/* Sending. */

static void close_slow_consumer(struct cw_channel *channel)
{
    cw_log_info(cw_channel_log(channel), "closing: slow consumer, %u bytes waiting",
                channel->outbox.bytes);
    cw_channel_close(channel, 4005, "slow consumer", SLOW_CONSUMER_RETRY_MS);
}

void cw_channel_send_frame(struct cw_channel *channel, struct cw_buf *frame)
{
    size_t limit = channel->node->limits.send_queue_max;
    if (frame == NULL || channel->state == CW_CHANNEL_CLOSING)
        return;
    int rc = cw_outbox_push(&channel->outbox, frame, limit);
    if (rc == CW_ERR_FULL) { /* a burst within one turn is not slowness: give the socket a chance */
        channel->node->transport->flush_now(channel);
        if (channel->state == CW_CHANNEL_CLOSING)
            return;
        rc = cw_outbox_push(&channel->outbox, frame, limit);
    }
    if (rc == CW_ERR_FULL)
        close_slow_consumer(channel);
    else if (rc < 0)
        cw_channel_close(channel, 1011, "out of memory", 0);
    else
        channel->node->transport->request_flush(channel);
}

void cw_channel_send_new_frame(struct cw_channel *channel, struct cw_buf *frame)
{
    cw_channel_send_frame(channel, frame);
    (void)cw_buf_unref(frame);
}

void cw_channel_send_replayed_frame(struct cw_channel *channel, struct cw_buf *frame)
{
    if (frame == NULL || (channel->state != CW_CHANNEL_CLOSING &&
                          cw_outbox_push(&channel->outbox, frame, UINT32_MAX) < 0))
        cw_channel_close(channel, 1011, "out of memory", 0);
    else if (channel->state != CW_CHANNEL_CLOSING)
        channel->node->transport->request_flush(channel);
    (void)cw_buf_unref(frame);
}

void cw_channel_tell_gap(struct cw_channel *channel, struct cw_bytes group,
                         const struct cw_gap *gap)
{
    if (channel->kind != CW_KIND_RAW) {
        cw_channel_send_new_frame(channel,
                                  cw_event_gap((enum cw_kind)channel->kind, group, gap->last_lost));
        return;
    }
    CW_STAT(raw_gaps_total)++;
    if (channel->node->limits.closes_raw_on_gap)
        cw_channel_close(channel, 1013, "messages were lost", 0);
}

static int send_payload(struct cw_channel *channel, enum cw_payload_type type,
                        struct cw_bytes payload)
{
    if (channel->state == CW_CHANNEL_CLOSING)
        return CW_ERR_DISCONNECTED;
    struct cw_command_error ignored;
    bool is_binary = type == CW_PAYLOAD_BYTES;
    if (cw_command_check_raw(channel->node->parser, type, is_binary, payload, &ignored) != CW_OK)
        return CW_ERR_PAYLOAD;
    struct cw_message message = {.type = type, .payload = payload};
    struct cw_buf *frame = cw_event_message((enum cw_kind)channel->kind, &message);
    if (frame == NULL)
        return CW_ERR_NOMEM;
    cw_channel_send_new_frame(channel, frame);
    return CW_OK;
}

int cw_channel_send(struct cw_channel *channel, struct cw_bytes payload)
{
    return send_payload(channel, (enum cw_payload_type)channel->type, payload);
}

int cw_channel_send_json(struct cw_channel *channel, struct cw_bytes json)
{
    return send_payload(channel, CW_PAYLOAD_JSON, json);
}

int cw_channel_send_text(struct cw_channel *channel, struct cw_bytes text)
{
    return send_payload(channel, CW_PAYLOAD_TEXT, text);
}

int cw_channel_send_bytes(struct cw_channel *channel, struct cw_bytes bytes)
{
    return send_payload(channel, CW_PAYLOAD_BYTES, bytes);
}

/* Closing. */

/* PROTOCOL: `bye` goes before 1001, 1011, 1013 and every 4000 code. */
static bool wants_bye(int code)
{
    return code == 1001 || code == 1011 || code == 1013 || code >= 4000;
}

void cw_channel_close(struct cw_channel *channel, int code, const char *reason, int64_t retry_ms)
{
    if (channel->state == CW_CHANNEL_CLOSING)
        return;
    if (wants_bye(code)) {
        struct cw_buf *frame =
            cw_event_bye((enum cw_kind)channel->kind, code, reason == NULL ? "" : reason, retry_ms);
        if (frame != NULL) /* beyond the bound if need be: it is the last one */
            (void)cw_outbox_push(&channel->outbox, frame, UINT32_MAX);
        (void)cw_buf_unref(frame);
    }
    set_state(channel, CW_CHANNEL_CLOSING);
    channel->node->transport->close(channel, code, reason);
}

void cw_channel_closed(struct cw_channel *channel, int code, const char *reason)
{
    if (channel->mirror != NULL) {
        CW_STAT(closes_total)[cw_stats_close_index(code)]++;
        cw_events_disconnect(&channel->node->events, channel, code, reason);
        cw_stream_disconnect(channel, code, reason);
    }
    cw_log_debug(cw_channel_log(channel), "closed: %d %s", code, reason == NULL ? "" : reason);
    channel->state = CW_CHANNEL_CLOSING;
    cw_op_forget_channel(channel);
    cw_cluster_detach(channel->mirror);
    struct cw_list_node *node;
    while ((node = cw_list_first(&channel->members)) != NULL)
        cw_member_destroy(CW_CONTAINER(node, struct cw_member, in_channel));
    remove_from_node(channel);
    free_channel(channel);
}

/* Facts. */

const char *cw_channel_uuid(const struct cw_channel *channel)
{
    return channel->uuid;
}

int64_t cw_channel_created_ms(const struct cw_channel *channel)
{
    return channel->created_ms;
}

int64_t cw_channel_expires_s(const struct cw_channel *channel)
{
    return channel->expires_s;
}

enum cw_payload_type cw_channel_payload_type(const struct cw_channel *channel)
{
    return (enum cw_payload_type)channel->type;
}

const char *cw_channel_address(const struct cw_channel *channel)
{
    return channel->address;
}
