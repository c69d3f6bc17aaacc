/*
 * state.c - a summary for the log: what one would ask a node for that behaves strangely.
 */
#include <chanway/gateway.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/members.h"
#include "channel/node.h"
#include "outgoing.h"

#include <inttypes.h>
#include <string.h>

/* Of the largest so many are named. */
#define NAMED_MAX 5

struct named {
    const char *name;
    size_t size;
};

struct ranking {
    struct named largest[NAMED_MAX];
    size_t count;
};

static void rank(struct ranking *ranking, const char *name, size_t size)
{
    size_t at = ranking->count;
    while (at > 0 && ranking->largest[at - 1].size < size)
        at--;
    if (at == NAMED_MAX)
        return;
    if (ranking->count < NAMED_MAX)
        ranking->count++;
    memmove(&ranking->largest[at + 1], &ranking->largest[at],
            (ranking->count - 1 - at) * sizeof(ranking->largest[0]));
    ranking->largest[at] = (struct named){name, size};
}

static void log_ranking(const struct ranking *ranking, const char *what, const char *unit)
{
    for (size_t i = 0; i < ranking->count; i++)
        cw_log_info(cw_log_node(), "state: %s %s: %zu %s", what, ranking->largest[i].name,
                    ranking->largest[i].size, unit);
}

static void log_channels(const struct cw_node *node)
{
    size_t states[CW_CHANNEL_CLOSING + 1] = {0};
    struct ranking queues = {.count = 0};
    for (size_t i = 0; i < node->count; i++) {
        const struct cw_channel *channel = node->all[i];
        states[channel->state]++;
        if (channel->outbox.bytes > 0)
            rank(&queues, channel->uuid, channel->outbox.bytes);
    }
    cw_log_info(cw_log_node(),
                "state: channels: %zu open, %zu opening, %zu closing, of %zu at most",
                states[CW_CHANNEL_OPEN], states[CW_CHANNEL_OPENING], states[CW_CHANNEL_CLOSING],
                node->limits.max_connections);
    cw_log_info(cw_log_node(), "state: queues: %" PRId64 " bytes", CW_STAT(node_queue_bytes));
    log_ranking(&queues, "queue of", "bytes");
}

static void log_groups(const struct cw_node *node)
{
    struct ranking groups = {.count = 0};
    for (struct cw_map_node *n = cw_map_next(&node->groups, NULL); n != NULL;
         n = cw_map_next(&node->groups, n)) {
        const struct cw_group *group = CW_CONTAINER(n, struct cw_group, in_groups);
        size_t members = 0;
        for (int kind = 0; kind < CW_KIND_COUNT; kind++)
            members += group->count[kind] + group->behind[kind];
        rank(&groups, group->name, members);
    }
    cw_log_info(cw_log_node(), "state: groups: %" PRId64 ", %" PRId64 " of them behind Redis",
                CW_STAT(node_groups), CW_STAT(node_groups_behind));
    log_ranking(&groups, "group", "members here");
}

static void log_redis(const struct cw_node *node)
{
    struct cw_cluster_health health = {.canary_age_ms = -1, .canary_lag_ms = -1};
    cw_cluster_health(node->cluster, &health);
    cw_log_info(cw_log_node(),
                "state: Redis %s: %s%s, canary took %" PRId64 " ms and is %" PRId64
                " ms old, %" PRId64 " commands in flight, links lost %" PRIu64 " times, %" PRIu64
                " error replies",
                cw_cluster_redis(node->cluster), health.is_up ? "up" : "down: ", health.why,
                health.canary_lag_ms, health.canary_age_ms, CW_STAT(redis_commands_in_flight),
                CW_STAT(redis_links_lost_total), CW_STAT(redis_errors_total));
    cw_log_info(cw_log_node(), "state: cluster: %" PRId64 " nodes, %" PRId64 " channels",
                CW_STAT(cluster_nodes), CW_STAT(cluster_channels));
}

static void log_traffic(void)
{
    cw_log_info(cw_log_node(),
                "state: since the start: %" PRIu64 " connections, %" PRIu64 " frames in, %" PRIu64
                " out, %" PRIu64 " published, %" PRIu64 " gaps, %" PRIu64 " catch-ups",
                CW_STAT(node_connections_total), CW_STAT(client_messages_in_total),
                CW_STAT(client_messages_out_total), CW_STAT(publish_acked_total),
                CW_STAT(group_gaps_total), CW_STAT(group_recoveries_total));
    cw_log_info(cw_log_node(), "state: memory: %" PRId64 " bytes%s", CW_STAT(node_memory_bytes),
                CW_STAT(node_memory_low) != 0 ? ", low" : "");
}

void cw_gateway_log_state(struct cw_gateway *gateway)
{
    const struct cw_node *node = cw_gateway_node(gateway);
    cw_log_info(cw_log_node(), "state: node %s, version %s, up for %" PRId64 " s%s", node->id,
                node->version, (cw_clock_wall_ms() - node->started_ms) / 1000,
                node->is_draining ? ", draining" : "");
    log_channels(node);
    log_groups(node);
    log_redis(node);
    log_traffic();
}
