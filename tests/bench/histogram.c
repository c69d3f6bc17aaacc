/*
 * histogram.c - logarithmic by powers of two, linear within each.
 *
 * A value below 2^7 has a bucket of its own. Another one is shifted right until 8 bits are left: by
 * how much is the row, the lower 7 bits are the place in the row.
 */
#include "histogram.h"

#define ROW (1U << BENCH_HISTOGRAM_BITS)

static unsigned bucket_of(uint64_t value)
{
    if (value < ROW)
        return (unsigned)value;
    unsigned shift = 63U - (unsigned)__builtin_clzll(value) - BENCH_HISTOGRAM_BITS;
    return ((shift + 1) << BENCH_HISTOGRAM_BITS) + ((unsigned)(value >> shift) & (ROW - 1));
}

/* The middle of a bucket. */
static double value_of(unsigned bucket)
{
    if (bucket < ROW)
        return bucket;
    unsigned shift = (bucket >> BENCH_HISTOGRAM_BITS) - 1;
    uint64_t low = (uint64_t)(ROW + (bucket & (ROW - 1))) << shift;
    return (double)low + (double)((UINT64_C(1) << shift) - 1) / 2;
}

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value)
{
    histogram->buckets[bucket_of(value)]++;
    histogram->count++;
    histogram->sum += (double)value;
    if (value > histogram->max)
        histogram->max = value;
}

double bench_histogram_quantile(const struct bench_histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t passed = 0;
    for (unsigned i = 0; i < BENCH_HISTOGRAM_BUCKETS && histogram->count > 0; i++) {
        passed += histogram->buckets[i];
        if (histogram->buckets[i] > 0 && (double)passed >= wanted) {
            double value = value_of(i);
            return value < (double)histogram->max ? value : (double)histogram->max;
        }
    }
    return 0;
}

double bench_histogram_mean(const struct bench_histogram *histogram)
{
    return histogram->count == 0 ? 0 : histogram->sum / (double)histogram->count;
}
