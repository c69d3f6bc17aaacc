/* about.c - addresses, and the numbers that the dashboard makes rates of. */
#include "http/about.h"

#include <chanway/cluster.h>

#include "base/clock.h"
#include "base/stats.h"
#include "channel/node.h"
#include "http/json_text.h"

#include <string.h>

static void write_address(struct cw_writer *writer, const char *name, const char *address)
{
    cw_writer_printf(writer, ",\"%s\":", name);
    cw_json_write_string(writer, cw_bytes_text(address == NULL ? "" : address));
}

static void write_number(struct cw_writer *writer, const char *name, long long value)
{
    cw_writer_printf(writer, ",\"%s\":%lld", name, value);
}

static uint64_t sum(const uint64_t labelled[CW_STATS_LABELS])
{
    uint64_t total = 0;
    for (size_t i = 0; i < CW_STATS_LABELS; i++)
        total += labelled[i];
    return total;
}

static void write_numbers(const struct cw_node *node, struct cw_writer *writer)
{
    struct cw_cluster_health health = {.canary_lag_ms = -1};
    cw_cluster_health(node->cluster, &health);
    const struct {
        const char *name;
        long long value;
    } rows[] = {
        {"at", cw_clock_wall_ms()},
        {"started", node->started_ms},
        {"tls", node->has_tls},
        {"connections", (long long)node->count},
        {"groups", CW_STAT(node_groups)},
        {"messages_in", (long long)CW_STAT(client_messages_in_total)},
        {"messages_out", (long long)CW_STAT(client_messages_out_total)},
        {"bytes_in", (long long)CW_STAT(client_bytes_in_total)},
        {"bytes_out", (long long)CW_STAT(client_bytes_out_total)},
        {"published", (long long)CW_STAT(publish_acked_total)},
        {"publish_us", (long long)CW_STAT(publish_latency_seconds).sum_us},
        {"publish_count", (long long)CW_STAT(publish_latency_seconds).count},
        {"queue_bytes", CW_STAT(node_queue_bytes)},
        {"gaps", (long long)CW_STAT(group_gaps_total)},
        {"closes", (long long)sum(CW_STAT(closes_total))},
        {"errors", (long long)sum(CW_STAT(errors_total))},
        {"lag_ms", health.canary_lag_ms},
        {"redis_up", health.is_up},
        {"draining", node->is_draining},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        write_number(writer, rows[i].name, rows[i].value);
}

size_t cw_about_write(const struct cw_node *node, char *ret_text, size_t size)
{
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_writer_printf(&writer, "{\"version\":\"%s\"", node->version);
    write_address(&writer, "listen", node->listen);
    write_address(&writer, "admin", node->admin_listen);
    write_address(&writer, "path", node->path);
    write_numbers(node, &writer);
    cw_writer_byte(&writer, '}');
    size_t written = writer.has_failed || writer.size > size ? 0 : writer.size;
    if (written > 0)
        memcpy(ret_text, writer.data, written);
    cw_writer_finish(&writer);
    return written;
}
