/*
 * drain.h - clients are told to go one after the other, spread evenly over a time.
 *
 * Told all at once they would all come back at once, to nodes that are busy enough. For the first
 * tenth of the time, at most 2 s, nobody is told: balancers find out first that the node is not
 * ready, and send those who are told elsewhere.
 */
#ifndef CW_DRAIN_H
#define CW_DRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_node;

struct cw_drain {
    int64_t
        at_us; /* up to here who was due was told: finer than turns are, so that nothing adds up */
    int64_t until_us; /* then everybody is due */
};

void cw_drain_init(struct cw_drain *drain, int64_t now_ms, int64_t time_ms);

/** How many of the `left` clients that were not told are due by now. Those that go by themselves
 * make the rest slower: what is left is spread over the time that is left. */
size_t cw_drain_due(struct cw_drain *drain, size_t left, int64_t now_ms);

bool cw_drain_is_over(const struct cw_drain *drain, int64_t now_ms);

/** Closes the channels of `node` that are due by now with 1001; each may come back after a random
 * time up to `retry_ms`. */
void cw_drain_turn(struct cw_drain *drain, struct cw_node *node, int64_t now_ms, uint32_t retry_ms);

#endif
