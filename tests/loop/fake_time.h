/*
 * fake_time.h - time and chance of a test: both are the test's.
 *
 * Linked with --wrap (see CMakeLists.txt): a libevent timer that the tested code adds is kept here,
 * due on the frozen clock, and made active when the test moves the clock there. What is active runs
 * in libevent, in its order. Random bytes come from a seed.
 */
#ifndef CW_TESTS_FAKE_TIME_H
#define CW_TESTS_FAKE_TIME_H

#include <stdint.h>

struct event_base;

/** Freezes the clock at `now_ms`, seeds chance. */
void fake_time_start(struct event_base *base, int64_t now_ms, uint64_t seed);
/** The clock is real again. No timer may be left. */
void fake_time_stop(void);

/** Runs what is active, and what becomes so, until nothing is. */
void fake_time_run(void);
/** Moves the clock by `ms`: timers run when they are due, each followed by fake_time_run(). */
void fake_time_advance(int64_t ms);

/** A number in [0, below) from the seed. */
uint32_t fake_random(uint32_t below);

#endif
