/*
 * report.c - an op is a delivery; in a storm a cycle of connect, join, close; of resume a resume.
 */
#include "report.h"

#include "load.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t ops_of(const struct bench_load *load)
{
    return bench_scenario_has_cycles(load->options->scenario) ? load->measured.connected
                                                              : load->measured.delivered;
}

/* Microseconds of CPU for each op. */
static double us_per_op(const struct bench_load *load, double cpu_s)
{
    uint64_t ops = ops_of(load);
    return ops == 0 ? 0 : cpu_s * 1e6 / (double)ops;
}

static double per_second(const struct bench_load *load, uint64_t count)
{
    return load->measured_s > 0 ? (double)count / load->measured_s : 0;
}

static double server_cpu(const struct bench_load *load)
{
    double total_s = 0;
    for (unsigned i = 0; i < load->options->process_count; i++)
        total_s += load->options->processes[i].cpu_s;
    return total_s;
}

/* What connecting has added to a process, per connection; 0 in a storm, in which none stays. */
static double bytes_per_connection(const struct bench_load *load,
                                   const struct bench_process *process)
{
    if (load->ready_channels == 0 || process->rss_kib[BENCH_CONNECTED] == 0)
        return 0;
    long grown_kib = process->rss_kib[BENCH_CONNECTED] - process->rss_kib[BENCH_BEFORE];
    return (double)grown_kib * 1024 / load->ready_channels;
}

static const char *speech_name(enum bench_speech speech)
{
    static const char *const names[] = {
        [BENCH_JSON] = "json",   [BENCH_MSGPACK] = "msgpack",   [BENCH_RAW] = "raw",
        [BENCH_FLOOR] = "floor", [BENCH_SOCKETIO] = "socketio", [BENCH_NATS] = "nats",
        [BENCH_NCHAN] = "nchan"};
    return names[speech];
}

/* --- for people
 * ----------------------------------------------------------------------------------- */

static void print_milliseconds(const struct bench_histogram *histogram)
{
    (void)printf("p50 %.2f ms, p90 %.2f, p99 %.2f, p99.9 %.2f, max %.2f\n",
                 bench_histogram_quantile(histogram, 0.5) / 1e6,
                 bench_histogram_quantile(histogram, 0.9) / 1e6,
                 bench_histogram_quantile(histogram, 0.99) / 1e6,
                 bench_histogram_quantile(histogram, 0.999) / 1e6, (double)histogram->max / 1e6);
}

static void print_title(const struct bench_load *load)
{
    const struct bench_options *options = load->options;
    (void)printf("%s: %u %s channels in %u group%s", bench_scenario_name(options->scenario),
                 options->channels, speech_name(options->subscribers), options->groups,
                 options->groups == 1 ? "" : "s");
    if (bench_scenario_has_messages(options->scenario)) {
        (void)printf(", %u bytes, ", options->size);
        if (options->rate > 0)
            (void)printf("%g messages/s", options->rate);
        else
            (void)printf("window %u", options->window);
    }
    (void)printf(", %.1f s\n", load->measured_s);
}

static void print_connections(const struct bench_load *load)
{
    if (bench_scenario_has_cycles(load->options->scenario)) {
        (void)printf("  cycles      %" PRIu64 " (%.0f/s), %" PRIu64 " failed\n",
                     load->measured.connected, per_second(load, load->measured.connected),
                     load->counts.failed);
    } else {
        (void)printf(
            "  connected   %" PRIu64 " in %.2f s, %" PRIu64 " failed, %" PRIu64 " lost later\n",
            load->counts.connected, load->connect_s, load->counts.failed, load->disconnected);
    }
    (void)printf("  connecting  ");
    print_milliseconds(&load->connect);
}

static void print_messages(const struct bench_load *load)
{
    (void)printf("  published   %" PRIu64 " (%.1f/s)", load->measured.published,
                 per_second(load, load->measured.published));
    if (load->options->acks)
        (void)printf(", %" PRIu64 " answered", load->measured.answered);
    (void)printf(", %" PRIu64 " errors, held back %" PRIu64 " times\n", load->errors,
                 load->held_back);
    (void)printf("  delivered   %" PRIu64 " (%.0f/s, %.1f MB/s)\n", load->measured.delivered,
                 per_second(load, load->measured.delivered),
                 per_second(load, load->measured.received_bytes) / 1e6);
    (void)printf("  of all      %" PRIu64 " lost, %" PRIu64 " twice, %" PRIu64
                 " out of order, %" PRIu64 " misrouted\n",
                 load->lost, load->duplicates, load->reordered, load->misrouted);
    (void)printf("  latency     ");
    print_milliseconds(&load->latency);
}

static void print_processes(const struct bench_load *load)
{
    const struct bench_options *options = load->options;
    for (unsigned i = 0; i < options->process_count; i++) {
        const struct bench_process *process = &options->processes[i];
        (void)printf("  %-11s ", process->name);
        if (ops_of(load) > 0)
            (void)printf("%.3f us CPU per %s, ", us_per_op(load, process->cpu_s),
                         bench_scenario_has_cycles(options->scenario) ? "cycle" : "delivery");
        (void)printf("%.0f %% of a CPU, RSS %ld -> %ld -> %ld KiB",
                     process->cpu_s * 100 / load->measured_s, process->rss_kib[BENCH_BEFORE],
                     process->rss_kib[BENCH_CONNECTED], process->rss_kib[BENCH_AFTER]);
        double bytes = bytes_per_connection(load, process);
        if (bytes > 0)
            (void)printf(", %.0f bytes per connection", bytes);
        (void)printf("\n");
    }
    if (options->process_count > 1 && ops_of(load) > 0)
        (void)printf("  together    %.3f us\n", us_per_op(load, server_cpu(load)));
    (void)printf("  this client %.3f us; others used %.0f %% of a CPU meanwhile\n",
                 us_per_op(load, load->client_cpu_s), load->other_cpu_s * 100 / load->measured_s);
}

void bench_report_text(const struct bench_load *load)
{
    print_title(load);
    print_connections(load);
    if (bench_scenario_has_messages(load->options->scenario))
        print_messages(load);
    if (load->measured_s > 0)
        print_processes(load);
    if (load->last_error[0] != '\0')
        (void)printf("  last error  %s\n", load->last_error);
}

/* --- for programs
 * --------------------------------------------------------------------------------- */

static void json_string(const char *text)
{
    (void)putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            (void)printf("\\%c", c);
        else
            (void)putchar(c < 0x20 || c >= 0x7F ? '?' : c);
    }
    (void)putchar('"');
}

static void json_microseconds(const char *name, const struct bench_histogram *histogram)
{
    (void)printf(
        "\"%s\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,\"mean\":%.1f},",
        name, bench_histogram_quantile(histogram, 0.5) / 1e3,
        bench_histogram_quantile(histogram, 0.9) / 1e3,
        bench_histogram_quantile(histogram, 0.99) / 1e3,
        bench_histogram_quantile(histogram, 0.999) / 1e3, (double)histogram->max / 1e3,
        bench_histogram_mean(histogram) / 1e3);
}

static void json_load(const struct bench_load *load)
{
    const struct bench_options *options = load->options;
    (void)printf("{\"scenario\":\"%s\",\"subscribers\":\"%s\",\"channels\":%u,\"groups\":%u,"
                 "\"publishers\":%u,"
                 "\"payload_bytes\":%u,\"rate\":%g,\"window\":%u,\"seconds\":%.3f,",
                 bench_scenario_name(options->scenario), speech_name(options->subscribers),
                 options->channels, options->groups, load->publisher_count, options->size,
                 options->rate, options->window, load->measured_s);
}

static void json_counts(const struct bench_load *load)
{
    (void)printf("\"connected\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"disconnected\":%" PRIu64
                 ",\"connect_s\":%.3f,\"ops\":%" PRIu64 ",\"ops_per_s\":%.1f,",
                 load->counts.connected, load->counts.failed, load->disconnected, load->connect_s,
                 ops_of(load), per_second(load, ops_of(load)));
    (void)printf("\"published\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"delivered\":%" PRIu64
                 ",\"received_bytes\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"held_back\":%" PRIu64
                 ",",
                 load->measured.published, load->measured.answered, load->measured.delivered,
                 load->measured.received_bytes, load->errors, load->held_back);
    (void)printf("\"total_expected\":%" PRIu64 ",\"total_delivered\":%" PRIu64 ",\"lost\":%" PRIu64
                 ",\"duplicates\":%" PRIu64 ",\"reordered\":%" PRIu64 ",\"misrouted\":%" PRIu64 ",",
                 load->expected, load->counts.delivered, load->lost, load->duplicates,
                 load->reordered, load->misrouted);
}

static void json_processes(const struct bench_load *load)
{
    const struct bench_options *options = load->options;
    (void)printf("\"processes\":[");
    for (unsigned i = 0; i < options->process_count; i++) {
        const struct bench_process *process = &options->processes[i];
        (void)printf("%s{\"name\":", i == 0 ? "" : ",");
        json_string(process->name);
        (void)printf(
            ",\"pid\":%d,\"cpu_s\":%.6f,\"us_per_op\":%.4f,\"rss_before_kib\":%ld,"
            "\"rss_connected_kib\":%ld,\"rss_after_kib\":%ld,\"bytes_per_connection\":%.0f}",
            (int)process->pid, process->cpu_s, us_per_op(load, process->cpu_s),
            process->rss_kib[BENCH_BEFORE], process->rss_kib[BENCH_CONNECTED],
            process->rss_kib[BENCH_AFTER], bytes_per_connection(load, process));
    }
    (void)printf("],");
}

void bench_report_json(const struct bench_load *load)
{
    json_load(load);
    json_counts(load);
    json_microseconds("connect_us", &load->connect);
    json_microseconds("latency_us", &load->latency);
    json_processes(load);
    (void)printf(
        "\"server_us_per_op\":%.4f,\"client_us_per_op\":%.4f,\"other_cpu_percent\":%.1f,\"ok\":%s,"
        "\"last_error\":",
        us_per_op(load, server_cpu(load)), us_per_op(load, load->client_cpu_s),
        load->measured_s > 0 ? load->other_cpu_s * 100 / load->measured_s : 0,
        bench_load_has_failed(load) ? "false" : "true");
    json_string(load->last_error);
    (void)printf("}\n");
}
