/* health.c - alive, and ready. */
#include "http/health.h"

#include <chanway/cluster.h>

#include "channel/node.h"
#include "http/json_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of every canary, one each 500 ms, the last that came back was sent less than this ago (CONTRACT).
 */
#define CANARY_AGE_MAX_MS 2500

int cw_health_write(const struct cw_node *node, struct cw_writer *body)
{
    cw_writer_printf(body, "{\"status\":\"ok\",\"node\":\"%s\",\"version\":\"%s\"}\n", node->id,
                     node->version);
    return 200;
}

static void write_ms(struct cw_writer *body, const char *name, int64_t ms)
{
    if (ms >= 0)
        cw_writer_printf(body, ",\"%s\":%lld", name, (long long)ms);
    else
        cw_writer_printf(body, ",\"%s\":null", name);
}

int cw_readiness_write(const struct cw_node *node, struct cw_writer *body)
{
    struct cw_cluster_health health = {.canary_age_ms = -1, .canary_lag_ms = -1};
    cw_cluster_health(node->cluster, &health);

    const char *why = NULL;
    if (node->is_draining)
        why = "draining";
    else if (!health.is_up)
        why = health.why[0] != '\0' ? health.why : "Redis can't be reached";
    else if (health.canary_age_ms < 0)
        why = "no message has come back through Redis yet";
    else if (health.canary_age_ms >= CANARY_AGE_MAX_MS)
        why = health.why[0] != '\0' ? health.why : "messages do not come back through Redis";

    cw_writer_printf(body, "{\"status\":\"%s\",\"node\":\"%s\"",
                     why == NULL ? "ready" : "not ready", node->id);
    if (why != NULL) {
        cw_writer_text(body, ",\"why\":");
        cw_json_write_string(body, cw_bytes_text(why)); /* may be of Redis' error replies */
    }
    cw_writer_printf(body, ",\"redis\":%s,\"draining\":%s", health.is_up ? "true" : "false",
                     node->is_draining ? "true" : "false");
    write_ms(body, "canary_age_ms", health.canary_age_ms);
    write_ms(body, "canary_lag_ms", health.canary_lag_ms);
    cw_writer_printf(body, ",\"connections\":%zu}\n", node->count);
    return why == NULL ? 200 : 503;
}
