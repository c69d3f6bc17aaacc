/*
 * progress.h - one line on a terminal that says how far a run is.
 */
#ifndef CW_BENCH_PROGRESS_H
#define CW_BENCH_PROGRESS_H

struct bench_load;

/** Called every turn; writes a few times a second, and only where stderr is a terminal. */
void bench_progress_show(const struct bench_load *load);
void bench_progress_clear(const struct bench_load *load);

#endif
