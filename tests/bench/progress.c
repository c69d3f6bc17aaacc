/*
 * progress.c - rewritten in place; cleared before the report.
 */
#include "progress.h"

#include "load.h"
#include "now.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define PERIOD_NS 250000000U

static bool is_shown(const struct bench_load *load)
{
    static int is_terminal = -1;
    if (is_terminal < 0)
        is_terminal = isatty(STDERR_FILENO);
    return is_terminal == 1 && !load->options->quiet;
}

static void show_rate(const struct bench_load *load, double seconds, double total_s)
{
    static uint64_t last_count;
    static uint64_t last_ns;
    bool is_storm = bench_scenario_has_cycles(load->options->scenario);
    uint64_t count = is_storm ? load->counts.connected : load->counts.delivered;
    uint64_t now_ns = bench_now_ns();
    double rate =
        last_ns == 0 ? 0 : (double)(count - last_count) * 1e9 / (double)(now_ns - last_ns);
    last_count = count;
    last_ns = now_ns;
    (void)fprintf(stderr, "%s %.1f of %.1f s: %.0f %s/s",
                  load->phase == BENCH_RUNS ? "measuring" : "warming up", seconds, total_s, rate,
                  is_storm ? "cycles" : "deliveries");
    if (load->latency.count > 0)
        (void)fprintf(stderr, ", p99 %.2f ms",
                      bench_histogram_quantile(&load->latency, 0.99) / 1e6);
}

void bench_progress_show(const struct bench_load *load)
{
    static uint64_t next_ns;
    const struct bench_options *options = load->options;
    uint64_t now_ns = bench_now_ns();
    if (now_ns < next_ns || !is_shown(load))
        return;
    next_ns = now_ns + PERIOD_NS;
    double seconds = (double)(now_ns - load->phase_ns) / 1e9;
    (void)fprintf(stderr, "\r\033[K%s: ", bench_scenario_name(options->scenario));
    switch (load->phase) {
    case BENCH_PUBLISHERS_CONNECT:
    case BENCH_CHANNELS_CONNECT:
        (void)fprintf(stderr, "connected %" PRIu64 " of %u", load->counts.connected,
                      options->channels);
        break;
    case BENCH_WARMS_UP:
        show_rate(load, seconds, options->warm_up_s);
        break;
    case BENCH_RUNS:
        show_rate(load, seconds, options->duration_s);
        break;
    case BENCH_SETTLES:
    case BENCH_DRAINS:
    case BENCH_DONE:
        (void)fputs("waiting", stderr);
        break;
    }
    (void)fflush(stderr);
}

void bench_progress_clear(const struct bench_load *load)
{
    if (is_shown(load))
        (void)fputs("\r\033[K", stderr);
}
