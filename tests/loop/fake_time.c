/*
 * fake_time.c - libevent's timers on the frozen clock; the linker sends their calls here.
 */
#include "loop/fake_time.h"

#include "base/clock.h"

#include <event2/event.h>

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define TIMERS_MAX 64

struct timer {
    struct event *event;
    int64_t due_ms;
};

/* In the order in which they were added: of those due at one moment the elder runs first. */
static struct timer timers[TIMERS_MAX];
static size_t timer_count;
static struct event_base *event_base;
static uint64_t chance;

/* The names that --wrap gives them. */
int __wrap_event_add(struct event *event, const struct timeval *timeout);
int __real_event_add(struct event *event, const struct timeval *timeout);
int __wrap_event_del(struct event *event);
int __real_event_del(struct event *event);
void __wrap_event_free(struct event *event);
void __real_event_free(struct event *event);
int __wrap_event_pending(const struct event *event, short what, struct timeval *ret_timeout);
int __real_event_pending(const struct event *event, short what, struct timeval *ret_timeout);
void __wrap_cw_random_bytes(void *data, unsigned size);
uint32_t __wrap_cw_random_below(uint32_t below);

static size_t find_timer(const struct event *event)
{
    size_t i = 0;
    while (i < timer_count && timers[i].event != event)
        i++;
    return i;
}

static void forget_timer(const struct event *event)
{
    size_t i = find_timer(event);
    if (i == timer_count)
        return;
    timer_count--;
    memmove(&timers[i], &timers[i + 1], (timer_count - i) * sizeof(timers[0]));
}

int __wrap_event_add(struct event *event, const struct timeval *timeout)
{
    if (timeout == NULL || event_get_fd(event) != -1)
        return __real_event_add(event, timeout);
    forget_timer(event);
    (void)__real_event_del(event); /* as in libevent: not active any more, it was set anew */
    assert(timer_count < TIMERS_MAX);
    timers[timer_count].event = event;
    timers[timer_count++].due_ms = cw_clock_ms() + timeout->tv_sec * 1000 + timeout->tv_usec / 1000;
    return 0;
}

int __wrap_event_del(struct event *event)
{
    forget_timer(event);
    return __real_event_del(event);
}

void __wrap_event_free(struct event *event)
{
    forget_timer(event);
    __real_event_free(event);
}

int __wrap_event_pending(const struct event *event, short what, struct timeval *ret_timeout)
{
    if ((what & EV_TIMEOUT) != 0 && find_timer(event) < timer_count)
        return EV_TIMEOUT;
    return __real_event_pending(event, what, ret_timeout);
}

/* xorshift64*, by Marsaglia and Vigna. */
static uint64_t next_chance(void)
{
    chance ^= chance >> 12;
    chance ^= chance << 25;
    chance ^= chance >> 27;
    return chance * 0x2545f4914f6cdd1d;
}

uint32_t fake_random(uint32_t below)
{
    return (uint32_t)((next_chance() >> 32) % below);
}

void __wrap_cw_random_bytes(void *data, unsigned size)
{
    unsigned char *to = data;
    for (unsigned i = 0; i < size; i++)
        to[i] = (unsigned char)(next_chance() >> 56);
}

uint32_t __wrap_cw_random_below(uint32_t below)
{
    return fake_random(below);
}

void fake_time_start(struct event_base *base, int64_t now_ms, uint64_t seed)
{
    event_base = base;
    chance = seed + 1; /* never 0 */
    cw_clock_freeze(now_ms);
}

void fake_time_stop(void)
{
    assert(timer_count == 0);
    event_base = NULL;
    cw_clock_freeze(-1);
}

void fake_time_run(void)
{
    (void)event_base_loop(event_base, EVLOOP_NONBLOCK);
}

static struct timer *first_due(int64_t until_ms)
{
    struct timer *first = NULL;
    for (size_t i = 0; i < timer_count; i++)
        if (timers[i].due_ms <= until_ms && (first == NULL || timers[i].due_ms < first->due_ms))
            first = &timers[i];
    return first;
}

void fake_time_advance(int64_t ms)
{
    int64_t until_ms = cw_clock_ms() + ms;
    struct timer *timer;
    fake_time_run();
    while ((timer = first_due(until_ms)) != NULL) {
        struct event *event = timer->event;
        cw_clock_freeze(timer->due_ms > cw_clock_ms() ? timer->due_ms : cw_clock_ms());
        forget_timer(event);
        event_active(event, EV_TIMEOUT, 0);
        fake_time_run();
    }
    cw_clock_freeze(until_ms);
}
