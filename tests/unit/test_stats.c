/* test_stats.c - base/stats.c: buckets, labels, and a text that Prometheus can read. */
#include <chanway/error.h>

#include "base/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int clear_stats(void **state)
{
    (void)state;
    memset(&cw_stats, 0, sizeof(cw_stats));
    return 0;
}

/* The whole text with a NUL; the caller frees it. */
static char *written(void)
{
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_stats_write(&writer);
    cw_writer_byte(&writer, '\0');
    assert_false(writer.has_failed);
    return writer.data;
}

/* `line` is one whole line of the text. */
static void assert_has_line(const char *line)
{
    char *text = written();
    size_t size = strlen(line);
    const char *at = text;
    bool found = false;
    while ((at = strstr(at, line)) != NULL) {
        found = found || ((at == text || at[-1] == '\n') && at[size] == '\n');
        at += size;
    }
    if (!found)
        fail_msg("no line %s", line);
    free(text);
}

static void counters_and_gauges_show_their_values(void **state)
{
    (void)state;
    CW_STAT(publish_sent_total) += 3;
    CW_STAT(client_bytes_in_total) = UINT64_MAX;
    CW_STAT(node_connections) -= 2;
    assert_has_line("# HELP chanway_publish_sent_total Messages handed to Redis");
    assert_has_line("# TYPE chanway_publish_sent_total counter");
    assert_has_line("chanway_publish_sent_total 3");
    assert_has_line("chanway_client_bytes_in_total 18446744073709551615");
    assert_has_line("# TYPE chanway_node_connections gauge");
    assert_has_line("chanway_node_connections -2");
}

static void durations_fall_into_the_bucket_that_includes_its_bound(void **state)
{
    (void)state;
    struct cw_histogram *histogram = &CW_STAT(publish_latency_seconds);
    cw_histogram_add(histogram, -5);
    cw_histogram_add(histogram, 0);
    cw_histogram_add(histogram, 100);
    cw_histogram_add(histogram, 101);
    cw_histogram_add(histogram, 10000000);
    cw_histogram_add(histogram, 10000001);
    assert_has_line("# TYPE chanway_publish_latency_seconds histogram");
    assert_has_line("chanway_publish_latency_seconds_bucket{le=\"0.0001\"} 3");
    assert_has_line("chanway_publish_latency_seconds_bucket{le=\"0.00025\"} 4");
    assert_has_line("chanway_publish_latency_seconds_bucket{le=\"2.5\"} 4");
    assert_has_line("chanway_publish_latency_seconds_bucket{le=\"10\"} 5");
    assert_has_line("chanway_publish_latency_seconds_bucket{le=\"+Inf\"} 6");
    assert_has_line("chanway_publish_latency_seconds_sum 20.000202");
    assert_has_line("chanway_publish_latency_seconds_count 6");
}

static void sums_keep_microseconds(void **state)
{
    (void)state;
    cw_histogram_add(&CW_STAT(loop_turn_seconds), 1000001);
    assert_has_line("chanway_loop_turn_seconds_sum 1.000001");
    assert_has_line("chanway_redis_round_trip_seconds_sum 0.000000");
}

static void every_close_code_has_its_own_counter(void **state)
{
    (void)state;
    static const int codes[] = {1000, 1001, 1002, 1003, 1006, 1007, 1009, 1011,
                                1013, 4000, 4001, 4002, 4003, 4004, 4005, 4006};
    for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        CW_STAT(closes_total)[cw_stats_close_index(codes[i])] += i + 1;
    for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char line[80];
        (void)snprintf(line, sizeof(line), "chanway_closes_total{code=\"%d\"} %u", codes[i], i + 1);
        assert_has_line(line);
    }
    assert_has_line("chanway_closes_total{code=\"other\"} 0");
}

static void other_close_codes_share_one_counter(void **state)
{
    (void)state;
    static const int codes[] = {0, -1, 999, 1004, 1005, 1014, 3000, 3999, 4007, 4999, 5000};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        CW_STAT(closes_total)[cw_stats_close_index(codes[i])] += 1;
    assert_has_line("chanway_closes_total{code=\"other\"} 11");
    assert_has_line("chanway_closes_total{code=\"1000\"} 0");
}

static void errors_are_counted_by_the_code_a_client_reads(void **state)
{
    (void)state;
#define COUNT(name, value, code, temporary, text)                                                  \
    CW_STAT(errors_total)[cw_stats_error_index(CW_ERR_##name)] += 1;
    CW_ERRORS(COUNT)
#undef COUNT
    CW_STAT(errors_total)[cw_stats_error_index(-1000)] += 1;

    static const char *const lines[] = {
        "bad_request\"} 2", "bad_payload\"} 1",  "too_large\"} 1", "unauthenticated\"} 1",
        "forbidden\"} 1",   "rate_limited\"} 2", "not_found\"} 1", "too_many_groups\"} 1",
        "unavailable\"} 1", "timeout\"} 1",      "internal\"} 7"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char line[80];
        (void)snprintf(line, sizeof(line), "chanway_errors_total{code=\"%s", lines[i]);
        assert_has_line(line);
    }
}

/* Names are not told twice, each sample has its HELP and TYPE before it, counters end in _total. */
static void text_is_well_formed(void **state)
{
    (void)state;
    char *text = written();
    char family[100] = "";
    char type[20] = "";
    unsigned families = 0;
    unsigned samples = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            assert_int_equal(sscanf(line, "# HELP %99s", family), 1);
            assert_true(strlen(line) > 7 + strlen(family) + 1);
            line = strtok_r(NULL, "\n", &rest);
            assert_non_null(line);
            char name[100];
            assert_int_equal(sscanf(line, "# TYPE %99s %19s", name, type), 2);
            assert_string_equal(name, family);
            bool is_total = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;
            assert_int_equal(is_total, strcmp(type, "counter") == 0);
            families++;
            continue;
        }
        assert_memory_equal(line, family, strlen(family));
        const char *value = strrchr(line, ' ');
        assert_non_null(value);
        assert_int_equal(strspn(value + 1, "0123456789.-"), strlen(value + 1));
        size_t name_size = strcspn(line, "{ ");
        assert_int_equal(name_size == strlen(family), strcmp(type, "histogram") != 0);
        samples++;
    }
    free(text);

    unsigned rows = 0;
#define COUNTER(name, help)         rows++;
#define GAUGE(name, help)           rows++;
#define HISTOGRAM(name, help)       rows++;
#define LABELLED(name, label, help) rows++;
#include "base/stats.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
#undef LABELLED
    assert_int_equal(families, rows);
    assert_true(samples > rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counters_and_gauges_show_their_values, clear_stats),
        cmocka_unit_test_setup(durations_fall_into_the_bucket_that_includes_its_bound, clear_stats),
        cmocka_unit_test_setup(sums_keep_microseconds, clear_stats),
        cmocka_unit_test_setup(every_close_code_has_its_own_counter, clear_stats),
        cmocka_unit_test_setup(other_close_codes_share_one_counter, clear_stats),
        cmocka_unit_test_setup(errors_are_counted_by_the_code_a_client_reads, clear_stats),
        cmocka_unit_test_setup(text_is_well_formed, clear_stats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
