/* metrics.c - the counters, and what is only looked up when somebody asks. */
#include "http/metrics.h"

#include <chanway/cluster.h>

#include "base/stats.h"
#include "channel/node.h"

/* A gauge that is always 1, as is usual: who it is. */
static void write_info(const struct cw_node *node, struct cw_writer *body)
{
    cw_writer_printf(body,
                     "# HELP chanway_node_info 1, with the node's id and version\n"
                     "# TYPE chanway_node_info gauge\n"
                     "chanway_node_info{node=\"%s\",version=\"%s\"} 1\n",
                     node->id, node->version);
}

int cw_metrics_write(const struct cw_node *node, struct cw_writer *body)
{
    struct cw_cluster_health health = {.canary_lag_ms = -1};
    cw_cluster_health(node->cluster, &health);
    CW_STAT(canary_lag_ms) = health.canary_lag_ms;
    CW_STAT(redis_up) = health.is_up ? 1 : 0;
    CW_STAT(node_channels) = (int64_t)node->count;
    CW_STAT(node_draining) = node->is_draining;
    CW_STAT(node_started_seconds) = node->started_ms / 1000;
    write_info(node, body);
    cw_stats_write(body);
    return 200;
}
