/*
 * track.h - what one subscriber has had of one publisher: loss, duplicates, order.
 */
#ifndef CW_BENCH_TRACK_H
#define CW_BENCH_TRACK_H

#include <stdint.h>

/** All zero: nothing yet; the first sequence is 1. */
struct bench_track {
    uint64_t seen;  /* bit i: sequence `last` - i was there */
    uint32_t last;  /* the highest */
    uint32_t count; /* different ones */
};

enum bench_verdict { BENCH_IN_ORDER, BENCH_LATE, BENCH_DUPLICATE };

/** What is older than the last 64 counts as a duplicate: either way the order was broken. */
static inline enum bench_verdict bench_track_note(struct bench_track *track, uint32_t sequence)
{
    if (sequence > track->last) {
        uint32_t ahead = sequence - track->last;
        track->seen = (ahead < 64 ? track->seen << ahead : 0) | 1;
        track->last = sequence;
        track->count++;
        return BENCH_IN_ORDER;
    }
    uint32_t behind = track->last - sequence;
    if (behind >= 64 || (track->seen >> behind & 1) != 0)
        return BENCH_DUPLICATE;
    track->seen |= UINT64_C(1) << behind;
    track->count++;
    return BENCH_LATE;
}

#endif
