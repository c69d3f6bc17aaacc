/*
 * clock.h - time; tests move it.
 */
#ifndef CW_BASE_CLOCK_H
#define CW_BASE_CLOCK_H

#include <stdint.h>

/** CLOCK_MONOTONIC, ms. */
int64_t cw_clock_ms(void);
/** CLOCK_MONOTONIC, microseconds. */
int64_t cw_clock_us(void);
/** Wall clock, ms since 1970. */
int64_t cw_clock_wall_ms(void);
/** Tests: freezes all three clocks at `ms` (wall: the same number); -1 gives the real ones back. */
void cw_clock_freeze(int64_t ms);

/** `size` random bytes from the kernel (getrandom); aborts only if the kernel has none to give. */
void cw_random_bytes(void *data, unsigned size);
/** A random number in [0, below). `below` > 0. For jitter. */
uint32_t cw_random_below(uint32_t below);

#endif
