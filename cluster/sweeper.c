/*
 * sweeper.c - one sweep at a time, one call at a time, small pages.
 *
 *   IDLE --timer--> NODES (who is listed) --> KEYS (a page of SCAN) --> MEMBERS (page by page of
 * each group) ^                                         ^-------- next page -------'
 *    '---- the last page, or any error: the next sweep tries again
 */
#include "sweeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "functions.h"
#include "membership.h"
#include "names.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_MS (4 * 60 * 1000)
#define JITTER_MS   (2 * 60 * 1000)
#define HURRY_MS    2000
#define KEYS_MAX    CW_FUNCTIONS_STRINGS_MAX
#define PAGE        CW_FUNCTIONS_BATCH

struct cw_sweeper {
    struct cw_registry *registry;
    struct event *timer;
    bool is_sweeping;
    bool is_urgent;                /* until a sweep has gone through */
    bool is_at_channels;           /* after the groups */
    struct cw_endpoint *at;        /* whose keys are scanned; may be gone */
    char (*nodes)[CW_NODE_ID_MAX]; /* listed when the sweep began; owned */
    size_t node_count;
    char cursor[24];          /* of SCAN */
    char (*keys)[CW_KEY_MAX]; /* base keys of the groups or channels of this page; owned */
    size_t key_count, key;
    char member_cursor[96];
};

/* The uuid in the base key of a channel. */
static struct cw_bytes channel_of(const struct cw_sweeper *sweeper)
{
    const char *key = sweeper->keys[sweeper->key];
    return cw_bytes_make(key + strlen(sweeper->registry->prefix) + 4, CW_UUID_TEXT_SIZE - 1);
}

static void scan(struct cw_sweeper *sweeper);
static void read_members(struct cw_sweeper *sweeper);

static void set_timer(struct cw_sweeper *sweeper, int64_t ms)
{
    struct timeval interval = {ms / 1000, (ms % 1000) * 1000};
    (void)event_add(sweeper->timer, &interval);
}

static void end_sweep(struct cw_sweeper *sweeper)
{
    sweeper->is_sweeping = false;
    free(sweeper->keys);
    free(sweeper->nodes);
    sweeper->keys = NULL;
    sweeper->nodes = NULL;
}

/* MEMBERS */

static bool is_listed(const struct cw_sweeper *sweeper, struct cw_bytes node)
{
    for (size_t i = 0; i < sweeper->node_count; i++)
        if (cw_bytes_is(node, sweeper->nodes[i]))
            return true;
    return false;
}

/* A node that is listed may be dead, but then the reaper comes. */
static bool is_accounted_for(const struct cw_sweeper *sweeper, struct cw_bytes group,
                             const struct cw_member_info *member)
{
    const struct cw_registry *registry = sweeper->registry;
    if (!cw_bytes_is(member->node, registry->node_id))
        return is_listed(sweeper, member->node);
    const struct cw_cluster_channel *channel = cw_registry_find(registry, member->channel);
    return channel != NULL && cw_membership_find(channel, group) != NULL;
}

struct leaving {
    struct cw_registry *registry;
    char key[CW_KEY_MAX];
    char node[CW_NODE_ID_MAX];
    char uuid[CW_UUID_TEXT_SIZE];
    bool is_channel; /* else a member of the group `key` */
};

static void return_to_reaper(struct cw_registry *registry, const char *node, const char *uuid);

static void on_left(void *arg, int rc)
{
    (void)rc; /* the next sweep finds it again */
    free(arg);
}

/* The second look: a node is listed before it writes anything, so one that is not listed after its
 * entry was read will never be. */
static void on_looked_up(void *arg, int rc, bool is_listed_now)
{
    struct leaving *leaving = arg;
    const char *uuids[] = {leaving->uuid};
    if (rc == CW_OK && !is_listed_now && leaving->is_channel) {
        return_to_reaper(leaving->registry, leaving->node, leaving->uuid);
    } else if (rc == CW_OK && !is_listed_now) {
        CW_STAT(registry_repairs_total)++;
        if (cw_functions_leave(leaving->registry->endpoints, leaving->key, leaving->node, uuids, 1,
                               on_left, leaving) == CW_OK)
            return;
    }
    free(leaving);
}

static void look_up(struct cw_sweeper *sweeper, const struct cw_member_info *member,
                    bool is_channel)
{
    char nodes[CW_KEY_MAX];
    struct leaving *leaving = calloc(1, sizeof(*leaving));
    if (leaving == NULL || member->node.size >= sizeof(leaving->node) ||
        !cw_uuid_is_valid(member->channel)) {
        free(leaving);
        return;
    }
    leaving->registry = sweeper->registry;
    leaving->is_channel = is_channel;
    (void)snprintf(leaving->key, sizeof(leaving->key), "%s", sweeper->keys[sweeper->key]);
    (void)snprintf(leaving->node, sizeof(leaving->node), "%.*s", (int)member->node.size,
                   member->node.data);
    (void)snprintf(leaving->uuid, sizeof(leaving->uuid), "%.*s", (int)member->channel.size,
                   member->channel.data);
    if (cw_bytes_is(member->node, sweeper->registry->node_id)) {
        on_looked_up(leaving, CW_OK, false);
        return;
    }
    (void)snprintf(nodes, sizeof(nodes), "%s:nodes", sweeper->registry->prefix);
    struct cw_bytes args[] = {cw_bytes_text("HEXISTS"), cw_bytes_text(nodes),
                              cw_bytes_text(leaving->node)};
    if (cw_functions_flag(sweeper->registry->endpoints, args, 3, on_looked_up, leaving) != CW_OK)
        free(leaving);
}

static void read_channel(struct cw_sweeper *sweeper);

static void begin_keys(struct cw_sweeper *sweeper, struct cw_endpoint *at)
{
    sweeper->at = at;
    (void)snprintf(sweeper->cursor, sizeof(sweeper->cursor), "0");
    scan(sweeper);
}

/* The next server, the channels after the groups, the end. */
static void end_keys(struct cw_sweeper *sweeper)
{
    const struct cw_endpoints *endpoints = sweeper->registry->endpoints;
    struct cw_endpoint *next = cw_endpoints_next(endpoints, sweeper->at);
    if (next != NULL) {
        begin_keys(sweeper, next);
    } else if (!sweeper->is_at_channels) {
        sweeper->is_at_channels = true;
        begin_keys(sweeper, cw_endpoints_next(endpoints, NULL));
    } else {
        sweeper->is_urgent = false;
        end_sweep(sweeper);
    }
}

/* The next group or channel of the page, the next page. */
static void go_on(struct cw_sweeper *sweeper)
{
    sweeper->key++;
    (void)snprintf(sweeper->member_cursor, sizeof(sweeper->member_cursor), "0");
    if (sweeper->key < sweeper->key_count && sweeper->is_at_channels)
        read_channel(sweeper);
    else if (sweeper->key < sweeper->key_count)
        read_members(sweeper);
    else if (strcmp(sweeper->cursor, "0") != 0)
        scan(sweeper);
    else
        end_keys(sweeper);
}

static void on_members(void *arg, int rc, const struct cw_member_info *members, size_t count,
                       struct cw_bytes next_cursor)
{
    struct cw_sweeper *sweeper = arg;
    if (rc != CW_OK || next_cursor.size >= sizeof(sweeper->member_cursor)) {
        end_sweep(sweeper);
        return;
    }
    struct cw_bytes group =
        cw_key_group(cw_bytes_text(sweeper->keys[sweeper->key]), sweeper->registry->prefix);
    for (size_t i = 0; i < count; i++)
        if (!is_accounted_for(sweeper, group, &members[i]))
            look_up(sweeper, &members[i], false);
    (void)snprintf(sweeper->member_cursor, sizeof(sweeper->member_cursor), "%.*s",
                   (int)next_cursor.size, next_cursor.data);
    if (strcmp(sweeper->member_cursor, "0") == 0)
        go_on(sweeper);
    else
        read_members(sweeper);
}

static void read_members(struct cw_sweeper *sweeper)
{
    if (cw_functions_members(sweeper->registry->endpoints, sweeper->keys[sweeper->key],
                             cw_bytes_text(sweeper->member_cursor), PAGE, on_members,
                             sweeper) != CW_OK)
        end_sweep(sweeper);
}

/* CHANNELS: one whose node is no more, or does not know it, goes back to where the reaper finds it.
 */

static void return_to_reaper(struct cw_registry *registry, const char *node, const char *uuid)
{
    char key[CW_KEY_MAX + 2];
    size_t length = cw_key_write(key, registry->prefix, 'n', cw_bytes_text(node));
    (void)snprintf(key + length, 3, ":c");
    struct cw_bytes add[] = {cw_bytes_text("SADD"), cw_bytes_text(key), cw_bytes_text(uuid)};
    CW_STAT(registry_repairs_total)++;
    (void)cw_functions_command(registry->endpoints, add, 3, NULL, NULL);
    if (strcmp(node, registry->node_id) == 0) {
        registry->needs_sweep = true;
        return;
    }
    (void)snprintf(key, sizeof(key), "%s:nodes", registry->prefix);
    struct cw_bytes list[] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_node_list"),
                              cw_bytes_text("1"),     cw_bytes_text(key),
                              cw_bytes_text(node),    cw_bytes_text("0"),
                              cw_bytes_text("0")};
    (void)cw_functions_command(registry->endpoints, list, sizeof(list) / sizeof(list[0]), NULL,
                               NULL);
}

static void on_channel(void *arg, int rc, const struct cw_bytes *strings, size_t count)
{
    struct cw_sweeper *sweeper = arg;
    const struct cw_registry *registry = sweeper->registry;
    if (rc != CW_OK || count != 1) {
        end_sweep(sweeper);
        return;
    }
    struct cw_member_info holder = {.channel = channel_of(sweeper), .node = strings[0]};
    bool is_own = cw_bytes_is(holder.node, registry->node_id);
    bool is_known =
        is_own ? cw_registry_shows(registry, holder.channel) : is_listed(sweeper, holder.node);
    if (holder.node.size > 0 &&
        !is_known) /* without a node it is away or gone, and ends by itself */
        look_up(sweeper, &holder, true);
    go_on(sweeper);
}

static void read_channel(struct cw_sweeper *sweeper)
{
    struct cw_bytes args[] = {cw_bytes_text("HMGET"), cw_bytes_text(sweeper->keys[sweeper->key]),
                              cw_bytes_text("node")};
    if (cw_functions_strings(sweeper->registry->endpoints, args, 3, on_channel, sweeper) != CW_OK)
        end_sweep(sweeper);
}

/* KEYS */

/* `<prefix>:{g:G}:m` or `<prefix>:{c:U}` -> the base key; false: it is another kind of key. */
static bool take_key(struct cw_sweeper *sweeper, struct cw_bytes key)
{
    size_t tail = sweeper->is_at_channels ? 0 : 2;
    if (key.size <= tail || key.size - tail >= CW_KEY_MAX || key.data[key.size - tail - 1] != '}')
        return false;
    (void)snprintf(sweeper->keys[sweeper->key_count], CW_KEY_MAX, "%.*s", (int)(key.size - tail),
                   key.data);
    struct cw_bytes base = cw_bytes_text(sweeper->keys[sweeper->key_count]);
    bool is_group = cw_key_group(base, sweeper->registry->prefix).size > 0;
    bool is_channel = base.size == strlen(sweeper->registry->prefix) + 4 + CW_UUID_TEXT_SIZE;
    if (sweeper->is_at_channels ? !is_channel : !is_group)
        return false;
    sweeper->key_count++;
    return true;
}

static void on_keys(void *arg, int rc, struct cw_bytes cursor, const struct cw_bytes *keys,
                    size_t count)
{
    struct cw_sweeper *sweeper = arg;
    if (rc != CW_OK || cursor.size >= sizeof(sweeper->cursor)) {
        end_sweep(sweeper);
        return;
    }
    (void)snprintf(sweeper->cursor, sizeof(sweeper->cursor), "%.*s", (int)cursor.size, cursor.data);
    sweeper->key_count = 0;
    for (size_t i = 0; i < count && sweeper->key_count < KEYS_MAX; i++)
        (void)take_key(sweeper, keys[i]);
    sweeper->key = (size_t)-1; /* go_on() begins with 0 */
    go_on(sweeper);
}

static void scan(struct cw_sweeper *sweeper)
{
    char pattern[CW_PREFIX_MAX + 16];
    (void)snprintf(pattern, sizeof(pattern), "%s:{%s", sweeper->registry->prefix,
                   sweeper->is_at_channels ? "c:*}" : "g:*}:m");
    if (!cw_endpoints_have(sweeper->registry->endpoints, sweeper->at) ||
        cw_functions_scan_keys(sweeper->at, sweeper->cursor, pattern, on_keys, sweeper) != CW_OK)
        end_sweep(sweeper);
}

/* NODES: everybody who is listed. */

static void on_nodes(void *arg, int rc, const struct cw_bytes *nodes, size_t count)
{
    struct cw_sweeper *sweeper = arg;
    if (rc != CW_OK || count >= CW_FUNCTIONS_STRINGS_MAX) {
        end_sweep(sweeper);
        return;
    }
    sweeper->node_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].size < CW_NODE_ID_MAX) {
            (void)snprintf(sweeper->nodes[sweeper->node_count++], CW_NODE_ID_MAX, "%.*s",
                           (int)nodes[i].size, nodes[i].data);
        }
    }
    begin_keys(sweeper, cw_endpoints_next(sweeper->registry->endpoints, NULL));
}

static void begin_sweep(struct cw_sweeper *sweeper)
{
    char key[CW_KEY_MAX];
    sweeper->is_sweeping = true;
    sweeper->is_at_channels = false;
    sweeper->nodes = calloc(CW_FUNCTIONS_STRINGS_MAX, sizeof(*sweeper->nodes));
    sweeper->keys = calloc(KEYS_MAX, sizeof(*sweeper->keys));
    (void)snprintf(key, sizeof(key), "%s:nodes", sweeper->registry->prefix);
    struct cw_bytes args[] = {cw_bytes_text("HKEYS"), cw_bytes_text(key)};
    if (sweeper->nodes == NULL || sweeper->keys == NULL ||
        cw_functions_strings(sweeper->registry->endpoints, args, 2, on_nodes, sweeper) != CW_OK)
        end_sweep(sweeper);
}

static int64_t next_ms(const struct cw_sweeper *sweeper)
{
    return sweeper->is_urgent ? HURRY_MS : INTERVAL_MS + cw_random_below(JITTER_MS);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct cw_sweeper *sweeper = arg;
    (void)fd;
    (void)what;
    if (!sweeper->is_sweeping && cw_registry_may_write(sweeper->registry))
        begin_sweep(sweeper);
    set_timer(sweeper, next_ms(sweeper));
}

int cw_sweeper_create(struct event_base *base, struct cw_registry *registry,
                      struct cw_sweeper **ret_sweeper)
{
    struct cw_sweeper *sweeper = calloc(1, sizeof(*sweeper));
    if (sweeper == NULL)
        return CW_ERR_NOMEM;
    sweeper->registry = registry;
    sweeper->timer = evtimer_new(base, on_timer, sweeper);
    if (sweeper->timer == NULL) {
        free(sweeper);
        return CW_ERR_NOMEM;
    }
    *ret_sweeper = sweeper;
    return CW_OK;
}

void cw_sweeper_destroy(struct cw_sweeper *sweeper)
{
    if (sweeper == NULL)
        return;
    event_free(sweeper->timer);
    end_sweep(sweeper);
    free(sweeper);
}

void cw_sweeper_start(struct cw_sweeper *sweeper)
{
    if (!evtimer_pending(sweeper->timer, NULL))
        set_timer(sweeper, next_ms(sweeper));
}

void cw_sweeper_stop(struct cw_sweeper *sweeper)
{
    end_sweep(sweeper);
}

void cw_sweeper_hurry(struct cw_sweeper *sweeper)
{
    sweeper->is_urgent = true;
    set_timer(sweeper, HURRY_MS);
}
