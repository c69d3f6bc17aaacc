/*
 * clock.c - time, frozen by tests; random bytes.
 */
#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static int64_t frozen_ms = -1;

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now); /* fails for unknown clocks only */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t cw_clock_ms(void)
{
    return frozen_ms >= 0 ? frozen_ms : read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t cw_clock_us(void)
{
    return frozen_ms >= 0 ? frozen_ms * 1000 : read_us(CLOCK_MONOTONIC);
}

int64_t cw_clock_wall_ms(void)
{
    return frozen_ms >= 0 ? frozen_ms : read_us(CLOCK_REALTIME) / 1000;
}

void cw_clock_freeze(int64_t ms)
{
    frozen_ms = ms < 0 ? -1 : ms;
}

/* Asked of the kernel in one go: each connection takes a few bytes, and a system call costs more
 * than they do. Bytes that were handed out are wiped. */
static _Thread_local struct {
    unsigned char bytes[256];
    size_t left;     /* at the end of `bytes` */
    bool is_guarded; /* against forks */
} pool;

/* A child's must not be its parent's. */
static void empty_pool(void)
{
    memset(&pool.bytes, 0, sizeof(pool.bytes));
    pool.left = 0;
}

static void read_random(void *data, size_t size)
{
    unsigned char *to = data;
    while (size > 0) {
        ssize_t got = getrandom(to, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort(); /* predictable session tokens would be worse */
        to += got;
        size -= (size_t)got;
    }
}

void cw_random_bytes(void *data, unsigned size)
{
    if (size == 0)
        return;
    if (!pool.is_guarded && pthread_atfork(NULL, NULL, empty_pool) == 0)
        pool.is_guarded = true;
    if (size > sizeof(pool.bytes) || !pool.is_guarded) {
        read_random(data, size);
        return;
    }
    if (size > pool.left) {
        read_random(pool.bytes, sizeof(pool.bytes));
        pool.left = sizeof(pool.bytes);
    }
    unsigned char *from = pool.bytes + sizeof(pool.bytes) - pool.left;
    memcpy(data, from, size);
    memset(from, 0, size);
    pool.left -= size;
}

uint32_t cw_random_below(uint32_t below)
{
    assert(below > 0);

    /* Numbers at and above the largest multiple of `below` would favour the small remainders. */
    uint64_t range = (uint64_t)UINT32_MAX + 1;
    uint64_t usable = range - range % below;
    uint32_t number;
    do {
        cw_random_bytes(&number, sizeof(number));
    } while (number >= usable);
    return number % below;
}
