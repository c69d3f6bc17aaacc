/*
 * stats.h - every counter and gauge of the process, one row of stats.def each.
 *
 *   CW_STAT(redis_links_lost_total) += 1;
 *   CW_STAT(closes_total)[cw_stats_close_index(4005)] += 1;
 *
 * Counters are plain numbers: one thread. A new LABELLED row needs its labels in stats.c. /metrics
 * is made from the rows: name chanway_<row>, HELP, TYPE.
 */
#ifndef CW_BASE_STATS_H
#define CW_BASE_STATS_H

#include "base/writer.h"

#include <stdint.h>

/* Buckets from 100 us to 10 s, the last is +Inf; the bounds are in stats.c. */
#define CW_STATS_BUCKETS 16

struct cw_histogram {
    uint64_t buckets[CW_STATS_BUCKETS]; /* not cumulative */
    uint64_t count;
    uint64_t sum_us;
};

/* Values of a LABELLED row; the labels are in stats.c (close codes; error codes). */
#define CW_STATS_LABELS 32

struct cw_stats {
#define COUNTER(name, help)         uint64_t name;
#define GAUGE(name, help)           int64_t name;
#define HISTOGRAM(name, help)       struct cw_histogram name;
#define LABELLED(name, label, help) uint64_t name[CW_STATS_LABELS];
#include "base/stats.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
#undef LABELLED
};

extern struct cw_stats cw_stats;

#define CW_STAT(name) (cw_stats.name)

/** Counts one duration; a negative one (a clock that was moved) is 0. */
void cw_histogram_add(struct cw_histogram *histogram, int64_t us);
/** Index of close code `code` in the LABELLED row `closes_total` (unknown codes share "other"). */
unsigned cw_stats_close_index(int code);
/** Index of CW_ERR_* `error` in the LABELLED row `errors_total` (one per error code). */
unsigned cw_stats_error_index(int error);
/** Prometheus text exposition of all rows. */
void cw_stats_write(struct cw_writer *writer);

#endif
