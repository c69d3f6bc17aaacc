/*
 * now.h - the clock of what is measured: CLOCK_MONOTONIC.
 */
#ifndef CW_BENCH_NOW_H
#define CW_BENCH_NOW_H

#include <stdint.h>
#include <time.h>

static inline uint64_t bench_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

#endif
