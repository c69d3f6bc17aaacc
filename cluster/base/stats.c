/*
 * stats.c - the counters themselves and their Prometheus text.
 */
#include "base/stats.h"

#include <chanway/error.h>

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct cw_stats cw_stats;

/* Upper bounds; the bucket after the last is +Inf. Prometheus wants seconds. */
static const struct {
    int64_t us;
    const char *seconds;
} bounds[] = {
    {100, "0.0001"},  {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"},
    {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},
    {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},   {2500000, "2.5"}, {10000000, "10"},
};
#define BOUND_COUNT (sizeof(bounds) / sizeof(bounds[0]))
static_assert(BOUND_COUNT + 1 == CW_STATS_BUCKETS, "one bucket per bound, and +Inf");

/* Labels of the LABELLED rows: <row>_labels(index), NULL after the last. */

static const struct {
    int code;
    const char *label;
} close_codes[] = {
    {1000, "1000"}, {1001, "1001"}, {1002, "1002"}, {1003, "1003"}, {1006, "1006"}, {1007, "1007"},
    {1009, "1009"}, {1011, "1011"}, {1013, "1013"}, {4000, "4000"}, {4001, "4001"}, {4002, "4002"},
    {4003, "4003"}, {4004, "4004"}, {4005, "4005"}, {4006, "4006"}, {-1, "other"},
};
#define CLOSE_CODE_COUNT (sizeof(close_codes) / sizeof(close_codes[0]))
static_assert(CLOSE_CODE_COUNT <= CW_STATS_LABELS, "every close code has its counter");

static const char *closes_total_labels(unsigned index)
{
    return index < CLOSE_CODE_COUNT ? close_codes[index].label : NULL;
}

/* Several errors share a code: its row's index is the one of the first. */
static const struct {
    int error;
    const char *code;
} error_rows[] = {
#define ERROR_ROW(name, value, code, temporary, text) {CW_ERR_##name, code},
    CW_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};
#define ERROR_COUNT (sizeof(error_rows) / sizeof(error_rows[0]))
static_assert(ERROR_COUNT <= CW_STATS_LABELS, "every error code has its counter");

static unsigned first_row_of_code(const char *code)
{
    unsigned index = 0;
    while (index < ERROR_COUNT && strcmp(error_rows[index].code, code) != 0)
        index++;
    return index;
}

/* "" for a row whose code is an earlier one's: it has no label of its own. */
static const char *errors_total_labels(unsigned index)
{
    if (index >= ERROR_COUNT)
        return NULL;
    const char *code = error_rows[index].code;
    return first_row_of_code(code) == index ? code : "";
}

void cw_histogram_add(struct cw_histogram *histogram, int64_t us)
{
    if (us < 0)
        us = 0;
    size_t bucket = 0;
    while (bucket < BOUND_COUNT && us > bounds[bucket].us)
        bucket++;
    histogram->buckets[bucket]++;
    histogram->count++;
    histogram->sum_us += (uint64_t)us;
}

unsigned cw_stats_close_index(int code)
{
    unsigned index = 0;
    while (index < CLOSE_CODE_COUNT - 1 && close_codes[index].code != code)
        index++;
    return index;
}

unsigned cw_stats_error_index(int error)
{
    return first_row_of_code(cw_error_code(error));
}

static void write_head(struct cw_writer *writer, const char *name, const char *help,
                       const char *type)
{
    cw_writer_printf(writer, "# HELP chanway_%s %s\n# TYPE chanway_%s %s\n", name, help, name,
                     type);
}

static void write_counter(struct cw_writer *writer, const char *name, const char *help,
                          uint64_t value)
{
    write_head(writer, name, help, "counter");
    cw_writer_printf(writer, "chanway_%s %" PRIu64 "\n", name, value);
}

static void write_gauge(struct cw_writer *writer, const char *name, const char *help, int64_t value)
{
    write_head(writer, name, help, "gauge");
    cw_writer_printf(writer, "chanway_%s %" PRId64 "\n", name, value);
}

static void write_histogram(struct cw_writer *writer, const char *name, const char *help,
                            const struct cw_histogram *histogram)
{
    write_head(writer, name, help, "histogram");
    uint64_t total = 0;
    for (size_t i = 0; i < BOUND_COUNT; i++) {
        total += histogram->buckets[i];
        cw_writer_printf(writer, "chanway_%s_bucket{le=\"%s\"} %" PRIu64 "\n", name,
                         bounds[i].seconds, total);
    }
    cw_writer_printf(writer, "chanway_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name,
                     histogram->count);
    cw_writer_printf(writer, "chanway_%s_sum %" PRIu64 ".%06" PRIu64 "\n", name,
                     histogram->sum_us / 1000000, histogram->sum_us % 1000000);
    cw_writer_printf(writer, "chanway_%s_count %" PRIu64 "\n", name, histogram->count);
}

static void write_labelled(struct cw_writer *writer, const char *name, const char *label,
                           const char *help, const char *(*label_of)(unsigned index),
                           const uint64_t *values)
{
    write_head(writer, name, help, "counter");
    for (unsigned i = 0; i < CW_STATS_LABELS && label_of(i) != NULL; i++) {
        if (label_of(i)[0] != '\0')
            cw_writer_printf(writer, "chanway_%s{%s=\"%s\"} %" PRIu64 "\n", name, label,
                             label_of(i), values[i]);
    }
}

void cw_stats_write(struct cw_writer *writer)
{
#define COUNTER(name, help)   write_counter(writer, #name, help, cw_stats.name);
#define GAUGE(name, help)     write_gauge(writer, #name, help, cw_stats.name);
#define HISTOGRAM(name, help) write_histogram(writer, #name, help, &cw_stats.name);
#define LABELLED(name, label, help)                                                                \
    write_labelled(writer, #name, label, help, name##_labels, cw_stats.name);
#include "base/stats.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
#undef LABELLED
}
