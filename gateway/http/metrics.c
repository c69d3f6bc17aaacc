/* metrics.c - the counters, and what is only looked up when somebody asks. */
#include "http/metrics.h"

#include <chanway/cluster.h>

#include "base/stats.h"
#include "channel/node.h"

int cw_metrics_write(const struct cw_node *node, struct cw_writer *body)
{
    struct cw_cluster_health health = {.canary_lag_ms = -1};
    cw_cluster_health(node->cluster, &health);
    CW_STAT(canary_lag_ms) = health.canary_lag_ms;
    CW_STAT(redis_up) = health.is_up ? 1 : 0;
    cw_stats_write(body);
    return 200;
}
