/*
 * histogram.h - durations, counted in buckets that grow with the value: 128 to a power of two, so a
 * quantile is right to 0.8 %.
 */
#ifndef CW_BENCH_HISTOGRAM_H
#define CW_BENCH_HISTOGRAM_H

#include <stdint.h>

#define BENCH_HISTOGRAM_BITS    7
#define BENCH_HISTOGRAM_BUCKETS ((64 - BENCH_HISTOGRAM_BITS + 1) << BENCH_HISTOGRAM_BITS)

/** All zero is empty. */
struct bench_histogram {
    uint64_t count;
    uint64_t max;
    double sum;
    uint64_t buckets[BENCH_HISTOGRAM_BUCKETS];
};

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value);
/** The value that a `share` (0..1) of all does not pass; 0 if there is none. */
double bench_histogram_quantile(const struct bench_histogram *histogram, double share);
double bench_histogram_mean(const struct bench_histogram *histogram);

#endif
