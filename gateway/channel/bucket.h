/*
 * bucket.h - a token bucket: `count` at once, and as many again in `window_ms`. Pure, exact,
 * without memory of its own.
 */
#ifndef CW_CHANNEL_BUCKET_H
#define CW_CHANNEL_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/** All zero: full. */
struct cw_bucket {
    int64_t level;            /* tokens, in parts of 1/window_ms */
    int64_t at_ms;            /* when it was so */
    int64_t refused_since_ms; /* what was refused since then is in `refused` */
    uint32_t refused;
    bool is_begun;
};

/** So many in so much time; count * window_ms fits 63 bits by far. */
struct cw_bucket_rate {
    int64_t count, window_ms;
};

/**
 * Takes a token at `now_ms` (monotonic). 0: there was one; else in how many ms there will be. The
 * rate may be another one at each call: what is in the bucket is cut to what it holds now.
 */
int64_t cw_bucket_take(struct cw_bucket *bucket, struct cw_bucket_rate rate, int64_t now_ms);

/** In how many ms it will be full. */
int64_t cw_bucket_full_in_ms(const struct cw_bucket *bucket, struct cw_bucket_rate rate);

/** Counts a refusal: true if there were more than `count` of them within a window. */
bool cw_bucket_is_abused(struct cw_bucket *bucket, struct cw_bucket_rate rate, int64_t now_ms);

#endif
