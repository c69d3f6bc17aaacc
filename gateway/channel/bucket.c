/* bucket.c - levels are tokens times window_ms: each ms adds `count`, a token costs `window_ms`. */
#include "channel/bucket.h"

static int64_t capacity(struct cw_bucket_rate rate)
{
    return rate.count * rate.window_ms;
}

static int64_t ms_for(int64_t missing, struct cw_bucket_rate rate)
{
    return (missing + rate.count - 1) / rate.count;
}

static void fill(struct cw_bucket *bucket, struct cw_bucket_rate rate, int64_t now_ms)
{
    int64_t passed_ms = now_ms - bucket->at_ms;
    if (!bucket->is_begun || passed_ms >= rate.window_ms)
        bucket->level = capacity(rate);
    else if (passed_ms > 0)
        bucket->level += passed_ms * rate.count;
    if (bucket->level > capacity(rate))
        bucket->level = capacity(rate);
    bucket->at_ms = now_ms;
    bucket->is_begun = true;
}

int64_t cw_bucket_take(struct cw_bucket *bucket, struct cw_bucket_rate rate, int64_t now_ms)
{
    fill(bucket, rate, now_ms);
    if (bucket->level < rate.window_ms)
        return ms_for(rate.window_ms - bucket->level, rate);
    bucket->level -= rate.window_ms;
    return 0;
}

int64_t cw_bucket_full_in_ms(const struct cw_bucket *bucket, struct cw_bucket_rate rate)
{
    return ms_for(capacity(rate) - bucket->level, rate);
}

bool cw_bucket_is_abused(struct cw_bucket *bucket, struct cw_bucket_rate rate, int64_t now_ms)
{
    if (bucket->refused == 0 || now_ms - bucket->refused_since_ms >= rate.window_ms) {
        bucket->refused = 0;
        bucket->refused_since_ms = now_ms;
    }
    bucket->refused++;
    return bucket->refused > rate.count;
}
