/*
 * marker.h - what every payload begins with: who sent it, to which group, which one it is, and
 * when.
 *
 * 16 characters that neither JSON nor anything else has to escape, so they are found in any frame
 * of any protocol: '~', then digits of base 64: run 1, publisher 1, group 3, sequence 5, time 5
 * (microseconds, modulo 2^30: 17 minutes).
 */
#ifndef CW_BENCH_MARKER_H
#define CW_BENCH_MARKER_H

#include <chanway/bytes.h>

#include <stdbool.h>
#include <stdint.h>

#define BENCH_MARKER_SIZE    16
#define BENCH_PUBLISHERS_MAX 64
#define BENCH_GROUPS_MAX     (1U << 18)

struct bench_marker {
    uint32_t run; /* below 64: tells this run's messages from an earlier one's */
    uint32_t publisher;
    uint32_t group;
    uint32_t sequence; /* from 1, per publisher and group */
    uint32_t time_us;  /* see bench_marker_age_ns */
};

void bench_marker_write(const struct bench_marker *marker, char ret_text[BENCH_MARKER_SIZE]);
/** Finds the first marker in `bytes`, which are then what follows it. */
bool bench_marker_next(struct cw_bytes *bytes, struct bench_marker *ret_marker);
/** Finds the first marker anywhere in `bytes`. */
bool bench_marker_find(struct cw_bytes bytes, struct bench_marker *ret_marker);

uint32_t bench_marker_time(uint64_t now_ns);
/** How old a marker is, in ns, to the microsecond. */
uint64_t bench_marker_age_ns(const struct bench_marker *marker, uint64_t now_ns);

#endif
