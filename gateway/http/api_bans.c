/* api_bans.c - bans: those there are, as this node knows them; made, lifted. */
#include <chanway/cluster.h>

#include "ban_mirror.h"
#include "base/clock.h"
#include "channel/node.h"
#include "http/api_call.h"
#include "policy.h"

#include <stdlib.h>
#include <string.h>

#define LISTED_MAX      1000
#define SECONDS_DEFAULT 3600

void cw_api_write_bans(const struct cw_node *node, struct cw_bytes query, struct cw_writer *body)
{
    const struct cw_map *bans = &cw_cluster_bans(node->cluster)->list.bans;
    int64_t now_ms = cw_clock_ms();
    size_t count = 0;
    struct cw_map_node *next = NULL;
    (void)query;
    cw_writer_text(body, "{\"bans\":[");
    while ((next = cw_map_next(bans, next)) != NULL) {
        const struct cw_ban *ban = CW_CONTAINER(next, struct cw_ban, in_bans);
        if (ban->until_ms <= now_ms || ++count > LISTED_MAX)
            continue;
        cw_writer_text(body, count == 1 ? "{" : ",{");
        cw_api_field(body, "who", cw_bytes_text(ban->subject));
        cw_writer_byte(body, ',');
        cw_api_field(body, "reason", cw_bytes_text(ban->reason));
        cw_writer_printf(body, ",\"seconds\":%lld}",
                         (long long)((ban->until_ms - now_ms + 999) / 1000));
    }
    cw_writer_printf(body, "],\"total\":%zu}\n", count);
}

static void on_done(void *arg, int rc)
{
    struct cw_api_call *call = arg;
    cw_writer_text(cw_api_body(&call->response), "{}\n");
    cw_api_end(call, rc);
}

int cw_api_ban(struct cw_api_call *call, struct cw_bytes query)
{
    char who[CW_API_PARAMETER_MAX];
    char reason[CW_API_PARAMETER_MAX];
    char digits[16];
    int64_t seconds = SECONDS_DEFAULT;
    size_t size = cw_api_parameter(query, "who", who, sizeof(who));
    if (cw_api_parameter(query, "seconds", digits, sizeof(digits)) > 0)
        seconds = strspn(digits, "0123456789") == strlen(digits) ? strtoll(digits, NULL, 10) : 0;
    size_t reason_size = cw_api_parameter(query, "reason", reason, sizeof(reason));
    return cw_cluster_ban(call->node->cluster, cw_bytes_make(who, size), seconds,
                          cw_bytes_make(reason, reason_size), on_done, call);
}

int cw_api_unban(struct cw_api_call *call, struct cw_bytes query)
{
    char who[CW_API_PARAMETER_MAX];
    size_t size = cw_api_parameter(query, "who", who, sizeof(who));
    return cw_cluster_unban(call->node->cluster, cw_bytes_make(who, size), on_done, call);
}
