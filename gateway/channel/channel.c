/*
 * channel.c - a client's connection: made, opened, sent to; see the header for its states.
 */
#include "channel/channel.h"

#include "base/clock.h"
#include "base/probe.h"
#include "base/stats.h"
#include "channel/extras.h"
#include "channel/farewell.h"
#include "channel/filter.h"
#include "channel/grants.h"
#include "channel/members.h"
#include "channel/op.h"
#include "channel/opening.h"
#include "channel/receive.h"
#include "channel/replay.h"
#include "channel/session.h"
#include "channel/shed.h"
#include "channel/stream.h"
#include "channel/websocket.h"
#include "protocol/deflate.h"
#include "protocol/event.h"
#include "protocol/handshake.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_CONSUMER_RETRY_MS 1000
#define TRY_AGAIN_MS           1000
/* Direct messages that were kept are read on when the client has less than this to read. */
#define DRAINED_BYTES (64 * 1024)

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

void cw_channel_set_state(struct cw_channel *channel, enum cw_channel_state state)
{
    static const char *const names[] = {"OPENING", "OPEN", "CLOSING"};
    cw_log_debug(cw_channel_log(channel), "%s -> %s", names[channel->state], names[state]);
    channel->state = (uint8_t)state;
}

static int64_t shorter(int64_t expires, int64_t max)
{
    return max > 0 && (expires == 0 || expires > max) ? max : expires;
}

/* Seconds this channel may live: its own wish within the bounds of the node and of its token. */
static int64_t choose_expires(const struct cw_limits *limits, const struct cw_handshake *handshake,
                              const struct cw_grants *grants)
{
    int64_t expires = handshake->has_expires ? handshake->expires_s : limits->channel_ttl_s;
    expires = shorter(expires, limits->channel_ttl_max_s);
    return grants == NULL ? expires : shorter(expires, grants->expires_s);
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
    CW_STAT(node_connections)--;
}

static void free_channel(struct cw_channel *channel)
{
    cw_list_remove(&channel->dirty);
    cw_list_remove(&channel->in_later);
    cw_outbox_finish(&channel->outbox);
    cw_extras_destroy(channel);
    cw_opening_destroy(channel->opening);
    cw_grants_destroy(channel->grants);
    cw_session_forget_missed(channel);
    cw_farewell_forget(channel);
    free(channel->publish_group);
    free(channel);
}

void cw_channel_destroy(struct cw_channel *channel)
{
    remove_from_node(channel);
    free_channel(channel);
}

static void set_expires(struct cw_channel *channel, int64_t expires_s)
{
    int64_t now_ms = cw_clock_ms();
    channel->expires_s = (int32_t)expires_s;
    if (expires_s > 0)
        channel->expires_at_ms =
            now_ms + channel->created_ms - cw_clock_wall_ms() + expires_s * 1000;
}

/* Its name and age: of the channel that it takes up, or new. */
static void identify(struct cw_channel *channel, const struct cw_handshake *handshake,
                     const struct cw_resume *resume, const struct cw_grants *grants)
{
    channel->type = (uint8_t)handshake->type;
    channel->last_seen_ms = cw_clock_ms();
    if (resume == NULL) {
        cw_uuid_generate(channel->uuid);
        if (!handshake->has_type && grants != NULL && grants->type >= 0)
            channel->type = (uint8_t)grants->type;
        channel->created_ms = cw_clock_wall_ms();
        set_expires(channel, choose_expires(&channel->node->limits, handshake, grants));
    } else {
        memcpy(channel->uuid, resume->uuid, sizeof(channel->uuid));
        if (!handshake->has_type)
            channel->type = (uint8_t)resume->was.type;
        channel->created_ms = resume->was.created_ms;
        set_expires(channel, resume->was.expires_s);
    }
}

/* All zero, but for `address`, which begins in what would be padding. */
static struct cw_channel *allocate(const char *address)
{
    size_t address_size = strlen(address) + 1;
    size_t size = offsetof(struct cw_channel, address) + address_size;
    struct cw_channel *channel = calloc(1, size > sizeof(*channel) ? size : sizeof(*channel));
    if (channel != NULL)
        memcpy(channel->address, address, address_size);
    return channel;
}

int cw_channel_create(struct cw_node *node, const struct cw_handshake *handshake,
                      const struct cw_resume *resume, struct cw_grants *grants, const char *address,
                      void *connection, struct cw_channel **ret_channel)
{
    struct cw_channel *channel = allocate(address);
    if (channel == NULL)
        return CW_ERR_NOMEM;
    channel->node = node;
    channel->connection = connection;
    channel->kind = (uint8_t)handshake->kind;
    cw_list_init(&channel->members);
    cw_list_init(&channel->ops);
    cw_list_init(&channel->aside);
    cw_list_init(&channel->draining);
    cw_outbox_init(&channel->outbox);
    identify(channel, handshake, resume, grants);

    int rc = CW_ERR_NOMEM;
    if (handshake->publish != NULL && (channel->publish_group = strdup(handshake->publish)) == NULL)
        goto fail;
    rc = cw_opening_create(handshake, resume, &channel->opening);
    if (rc == CW_OK && grants != NULL)
        rc = cw_opening_add_granted(channel->opening, grants);
    if (rc < 0)
        goto fail;
    channel->has_session = node->limits.session_ttl_s > 0;
    if (channel->has_session)
        cw_session_generate(channel->uuid, channel->opening->token, channel->digest);
    rc = add_to_node(channel);
    if (rc < 0)
        goto fail;
    channel->grants = grants;
    channel->token_until_ms = cw_grants_end_ms(grants);
    *ret_channel = channel;
    return CW_OK;

fail:
    free_channel(channel);
    return rc;
}

const char *cw_channel_token(const struct cw_channel *channel)
{
    return channel->opening != NULL && channel->opening->token[0] != '\0' ? channel->opening->token
                                                                          : NULL;
}

/* Opening. */

static struct cw_buf *welcome_frame(const struct cw_channel *channel)
{
    const struct cw_node *node = channel->node;
    const struct cw_opening *opening = channel->opening;
    struct cw_event_welcome welcome = {
        .channel = channel->uuid,
        .node = node->id,
        .type = (enum cw_payload_type)channel->type,
        .created_ms = channel->created_ms,
        .expires_s = channel->expires_s,
        .heartbeat_s = node->limits.heartbeat_interval_ms / 1000,
        .session = cw_channel_token(channel),
        .is_resumed = opening->is_resumed,
        .user = cw_channel_user(channel),
        .version = node->version,
    };
    struct cw_bytes *groups = calloc(opening->group_count + 1, sizeof(*groups));
    if (groups == NULL)
        return NULL;
    for (size_t i = 0; i < opening->group_count; i++) {
        if (opening->groups[i].is_resumed && !opening->groups[i].is_own &&
            opening->groups[i].rc == CW_OK)
            groups[welcome.group_count++] = cw_bytes_text(opening->groups[i].name);
    }
    welcome.groups = groups;
    struct cw_buf *frame = cw_event_welcome((enum cw_kind)channel->kind, &welcome);
    free(groups);
    return frame;
}

static void send_welcome(struct cw_channel *channel)
{
    if (channel->kind == CW_KIND_RAW)
        return;
    struct cw_buf *frame = welcome_frame(channel);
    if (frame == NULL)
        cw_channel_close(channel, 1011, "out of memory", 0);
    else
        cw_channel_send_new_frame(channel, frame);
}

void cw_channel_greet(struct cw_channel *channel)
{
    if (!channel->opening->was_welcomed)
        send_welcome(channel);
    if (channel->state == CW_CHANNEL_CLOSING)
        return;
    cw_log_debug(cw_channel_log(channel), channel->opening->is_resumed ? "resumed" : "connected");
    channel->is_known = true;
    CW_PROBE2(connect, (const char *)channel->uuid, channel->address);
    cw_stream_connect(channel);
    cw_events_connect(channel);
    cw_channel_forget_facts(channel);
    cw_extras_shrink(channel);
}

static void on_attached(void *user, int rc)
{
    struct cw_channel *channel = user;
    (void)rc; /* without Redis it goes on alone, and is known as soon as may be */
    if (channel->state == CW_CHANNEL_OPENING)
        channel->node->open(channel);
}

static void on_resumed(void *user, int rc, const struct cw_resumed *resumed)
{
    struct cw_channel *channel = user;
    struct cw_opening *opening = channel->opening;
    if (channel->state != CW_CHANNEL_OPENING)
        return;
    if (rc == CW_OK)
        rc = cw_opening_add(opening, resumed->groups, resumed->group_count);
    if (rc != CW_OK) { /* found before, and gone or not to be had now: the client asks again */
        CW_STAT(session_resumes_failed_total)++;
        cw_channel_close(channel, 1013, "its session can't be taken up now", TRY_AGAIN_MS);
        return;
    }
    CW_STAT(session_resumes_total)++;
    opening->is_resumed = true;
    channel->has_old_token = true;
    cw_opening_set_direct(opening, resumed->direct, resumed->is_direct_known);
    channel->node->open(channel);
}

/* A connection of this node has the channel, half open perhaps: the new one takes over from it. */
static void replace(struct cw_channel *old, struct cw_opening *opening)
{
    static const char reason[] = "its session goes on elsewhere";
    struct cw_leaving leaving = {0};
    struct cw_written *groups = calloc(old->member_count + 1, sizeof(*groups));
    if (groups != NULL && old->is_known) { /* else it was never written anything */
        cw_session_measure(old, groups, &leaving);
        cw_opening_set_direct(opening, leaving.direct, true);
        if (cw_opening_add(opening, groups, leaving.group_count) != CW_OK)
            cw_log_warn(cw_channel_log(old), "out of memory: where it was is not known");
    }
    free(groups);
    if (old->outbox.shed != NULL) /* while its groups have names */
        (void)cw_channel_tell_drops(old);
    bool was_closing = old->state == CW_CHANNEL_CLOSING;
    cw_farewell_withdraw(old, 4006, reason, NULL, true);
    if (was_closing)
        return;
    old->state = CW_CHANNEL_OPEN;
    cw_channel_close(old, 4006, reason, -1);
}

void cw_channel_open(struct cw_channel *channel)
{
    struct cw_node *node = channel->node;
    channel->is_counted = true;
    channel->is_paused = true;
    node->transport->pause_reading(channel, true);
    if (node->admit == NULL || node->admit(channel))
        cw_channel_admit(channel);
}

void cw_channel_admit(struct cw_channel *channel)
{
    struct cw_cluster *cluster = channel->node->cluster;
    struct cw_opening *opening = channel->opening;
    struct cw_channel *old = NULL;
    int rc;
    if (opening->is_resuming)
        old = cw_cluster_find(cluster, cw_bytes_text(channel->uuid));
    if (old != NULL)
        replace(old, opening);
    if (opening->is_resuming) {
        rc = cw_cluster_resume(cluster, channel->uuid, channel, opening->resume.digest, on_resumed,
                               &channel->mirror);
    } else {
        rc = cw_cluster_attach(cluster, channel->uuid, channel, on_attached, &channel->mirror);
    }
    if (rc != CW_OK)
        cw_channel_close(channel, 1011, cw_error_text(rc), -1);
}

void cw_channel_await_token(struct cw_channel *channel)
{
    channel->awaits_token = true;
    channel->token_until_ms = cw_clock_ms() + channel->node->limits.auth_timeout_ms;
    send_welcome(channel);
    channel->opening->was_welcomed = true;
    channel->is_paused = false;
    channel->node->transport->pause_reading(channel, false);
}

void cw_channel_end_await(struct cw_channel *channel)
{
    channel->awaits_token = false;
    channel->is_paused = true;
    channel->node->transport->pause_reading(channel, true);
}

void cw_channel_set_grants(struct cw_channel *channel, struct cw_grants *grants)
{
    struct cw_grants *old = channel->grants;
    if (old != NULL && strcmp(old->user, grants->user) == 0) {
        char *user = old->user;
        old->user = grants->user;
        grants->user = user;
    }
    channel->grants = grants;
    channel->token_until_ms = cw_grants_end_ms(grants);
    if (old == NULL && shorter(channel->expires_s, grants->expires_s) != channel->expires_s)
        set_expires(channel, grants->expires_s);
    cw_grants_destroy(old);
}

void cw_channel_become_open(struct cw_channel *channel)
{
    if (channel->state != CW_CHANNEL_OPENING)
        return;
    cw_channel_set_state(channel, CW_CHANNEL_OPEN);
    channel->is_paused = false;
    channel->node->transport->pause_reading(channel, false);
    cw_op_run_waiting(channel);
}

/* Sending. */

void cw_channel_close_slow(struct cw_channel *channel, size_t bytes)
{
    cw_log_info(cw_channel_log(channel), "closing: slow consumer, %zu bytes waiting", bytes);
    cw_channel_close(channel, 4005, "slow consumer", SLOW_CONSUMER_RETRY_MS);
}

void cw_channel_on_shed(struct cw_channel *channel)
{
    struct cw_hole hole;
    if (channel->kind == CW_KIND_RAW && channel->node->limits.closes_raw_on_gap &&
        cw_shed_next_hole(&channel->outbox, &hole))
        cw_channel_close(channel, 1013, "messages were lost", 0);
}

static int shed(struct cw_channel *channel, struct cw_buf *frame, size_t limit)
{
    int rc = cw_shed_push(&channel->outbox, frame, limit);
    if (rc == CW_OK)
        cw_channel_on_shed(channel);
    return rc;
}

/* Of the group that `log` is of, left or not. */
static const char *find_name(const struct cw_channel *channel, uint64_t log)
{
    for (struct cw_list_node *n = cw_list_first(&channel->members); n != NULL;
         n = cw_list_next(&channel->members, n)) {
        const struct cw_group *group = CW_CONTAINER(n, struct cw_member, in_channel)->group;
        if (group->log == log)
            return group->name;
    }
    return cw_shed_find_name(&channel->outbox, log);
}

bool cw_channel_tell_drops(struct cw_channel *channel)
{
    struct cw_outbox *outbox = &channel->outbox;
    struct cw_hole hole;
    while (cw_shed_next_hole(outbox, &hole)) {
        struct cw_buf *gap = NULL;
        if (channel->kind == CW_KIND_RAW) {
            CW_STAT(raw_gaps_total)++;
        } else {
            const char *name = find_name(channel, hole.log);
            if (name != NULL)
                gap = cw_event_gap((enum cw_kind)channel->kind, cw_bytes_text(name), hole.last);
            if (gap == NULL)
                return false;
        }
        cw_shed_tell(outbox, &hole, gap);
    }
    cw_shed_trim(outbox);
    return true;
}

/* `frame` as this client reads it. */
static struct cw_buf *form_of(const struct cw_channel *channel, struct cw_buf *frame)
{
    return channel->is_compressed ? cw_deflate_form(channel->node->deflate, frame) : frame;
}

/* False: it is closing now. */
static bool flush_now(struct cw_channel *channel, const struct cw_buf *frame)
{
    channel->node->transport->flush_now(channel);
    if (channel->state != CW_CHANNEL_CLOSING)
        return true;
    cw_session_miss_frame(channel, frame);
    return false;
}

void cw_channel_send_frame(struct cw_channel *channel, struct cw_buf *frame)
{
    struct cw_outbox *outbox = &channel->outbox;
    size_t limit = channel->node->limits.send_queue_max;
    if (frame == NULL)
        return;
    if (channel->state == CW_CHANNEL_CLOSING) {
        cw_session_miss_frame(channel, frame);
        return;
    }
    frame = form_of(channel, frame);
    bool is_socket_full = outbox->flying > 0;
    int rc = CW_ERR_FULL;
    if (!is_socket_full || frame->slow_policy != CW_SLOW_LATEST)
        rc = cw_outbox_push(outbox, frame, limit);
    if (rc == CW_ERR_FULL && !is_socket_full) {
        /* a burst within one turn is not slowness: give the socket a chance */
        if (!flush_now(channel, frame))
            return;
        rc = cw_outbox_push(outbox, frame, limit);
    }
    if (rc == CW_ERR_FULL)
        rc = shed(channel, frame, limit);
    if (rc == CW_ERR_FULL)
        cw_channel_close_slow(channel, outbox->bytes);
    else if (rc < 0)
        cw_channel_close(channel, 1011, "out of memory", 0);
    else
        channel->node->transport->request_flush(channel);
    if (rc < 0)
        cw_session_miss_frame(channel, frame);
}

void cw_channel_send_new_frame(struct cw_channel *channel, struct cw_buf *frame)
{
    cw_channel_send_frame(channel, frame);
    (void)cw_buf_unref(frame);
}

bool cw_channel_send_recovered_frame(struct cw_channel *channel, struct cw_buf *frame)
{
    size_t limit = channel->node->limits.send_queue_max;
    if (channel->state == CW_CHANNEL_CLOSING)
        return true;
    frame = form_of(channel, frame);
    int rc = cw_outbox_push_paced(&channel->outbox, frame, limit);
    if (rc == CW_ERR_FULL) {
        channel->node->transport->flush_now(channel);
        if (channel->state == CW_CHANNEL_CLOSING)
            return true;
        rc = cw_outbox_push_paced(&channel->outbox, frame, limit);
    }
    if (rc == CW_ERR_FULL)
        return false;
    if (rc < 0)
        cw_channel_close(channel, 1011, "out of memory", 0);
    else
        channel->node->transport->request_flush(channel);
    return true;
}

void cw_channel_send_replayed_frame(struct cw_channel *channel, struct cw_buf *frame)
{
    if (frame == NULL ||
        (channel->state != CW_CHANNEL_CLOSING &&
         cw_outbox_push_paced(&channel->outbox, form_of(channel, frame), UINT32_MAX) < 0))
        cw_channel_close(channel, 1011, "out of memory", 0);
    else if (channel->state != CW_CHANNEL_CLOSING)
        channel->node->transport->request_flush(channel);
    if (frame != NULL && channel->state == CW_CHANNEL_CLOSING)
        cw_session_miss_frame(channel, frame);
    (void)cw_buf_unref(frame);
}

void cw_channel_tell_gap(struct cw_channel *channel, const struct cw_group *group,
                         const struct cw_gap *gap)
{
    if (channel->opening != NULL)
        channel->opening->has_gap = true;
    if (channel->kind != CW_KIND_RAW) {
        struct cw_bytes name = cw_bytes_text(group == NULL ? NULL : group->name);
        struct cw_buf *frame = cw_event_gap((enum cw_kind)channel->kind, name, gap->last_lost);
        if (frame != NULL) {
            frame->log = group == NULL ? CW_LOG_DIRECT : group->log;
            frame->is_entry = true;
            frame->position = gap->last_lost;
        }
        cw_channel_send_replayed_frame(channel, frame);
        return;
    }
    CW_STAT(raw_gaps_total)++;
    if (channel->node->limits.closes_raw_on_gap)
        cw_channel_close(channel, 1013, "messages were lost", 0);
}

void cw_channel_send_direct(struct cw_channel *channel, const struct cw_message *message,
                            bool is_live)
{
    struct cw_buf *frame = cw_filter_frame(channel, message, CW_LOG_DIRECT);
    if (frame == NULL)
        return;
    if (is_live) {
        cw_channel_send_new_frame(channel, frame);
        return;
    }
    cw_channel_send_replayed_frame(channel, frame);
    if (channel->outbox.bytes >= DRAINED_BYTES && !channel->is_inbox_paused &&
        channel->mirror != NULL) {
        channel->is_inbox_paused = true;
        cw_cluster_pause_inbox(channel->mirror, true);
    }
}

void cw_channel_on_drained(struct cw_channel *channel)
{
    cw_farewell_on_drained(channel);
    cw_replays_on_drained(channel);
    if (!channel->is_inbox_paused || channel->mirror == NULL)
        return;
    channel->is_inbox_paused = false;
    cw_cluster_pause_inbox(channel->mirror, false);
}

int cw_channel_accept(struct cw_channel *channel)
{
    return channel->state == CW_CHANNEL_CLOSING ? CW_ERR_DISCONNECTED : CW_OK;
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

const char *cw_channel_user(const struct cw_channel *channel)
{
    return channel->grants != NULL ? channel->grants->user : NULL;
}

bool cw_channel_is_open(const struct cw_channel *channel)
{
    return channel->is_known && channel->state != CW_CHANNEL_CLOSING;
}
