/*
 * rate_limit.c - the seed's RateLimitChannelMiddleware: of one host no more than RATE connections
 * in WINDOW seconds; beyond it 4002.
 *
 *   chanwayd --module rate_limit.so:RATE/WINDOW
 *
 * The times of the last RATE connections of a host are all that has to be known: one more is let in
 * if the oldest of them is out of the window. This counts what this node sees; the setting
 * `connect-rate` counts for the whole cluster.
 */
#include <chanway/gateway.h>
#include <chanway/middleware.h>
#include <chanway/module.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

CW_MODULE_DEFINE;

#define HOSTS_MAX 4096 /* the oldest host is forgotten for one more */
#define RATE_MAX  1000

struct host {
    char name[64];
    double *times; /* a ring of `rate` */
    long next;
    double last;
};

static long rate, window_s;
static struct host hosts[HOSTS_MAX];

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* "10.0.0.7:51514" -> its host; a new one, or the one that was quiet for longest, begins anew. */
static struct host *find_host(const char *address)
{
    const char *colon = strrchr(address, ':');
    size_t size = colon == NULL ? strlen(address) : (size_t)(colon - address);
    struct host *oldest = &hosts[0];
    for (size_t i = 0; i < HOSTS_MAX; i++) {
        if (strlen(hosts[i].name) == size && strncmp(hosts[i].name, address, size) == 0)
            return &hosts[i];
        if (hosts[i].last < oldest->last)
            oldest = &hosts[i];
    }
    if (oldest->times == NULL)
        oldest->times = calloc((size_t)rate, sizeof(*oldest->times));
    else
        memset(oldest->times, 0, (size_t)rate * sizeof(*oldest->times));
    oldest->next = 0;
    (void)snprintf(oldest->name, sizeof(oldest->name), "%.*s", (int)size, address);
    return oldest->times == NULL ? NULL : oldest;
}

static enum cw_verdict check_rate(void *arg, struct cw_channel *channel, struct cw_step *step)
{
    struct host *host = find_host(cw_channel_address(channel));
    double now = now_s();
    (void)arg;
    if (host == NULL)
        return cw_step_fail(step, CW_ERR_NOMEM, NULL, -1);
    double oldest = host->times[host->next];
    if (oldest > 0 && now - oldest < (double)window_s) {
        int64_t retry_ms = (int64_t)(((double)window_s - (now - oldest)) * 1000) + 1;
        return cw_step_close(step, 4002, "too many connections", retry_ms);
    }
    host->times[host->next] = host->last = now;
    host->next = (host->next + 1) % rate;
    return CW_PASS;
}

/* "FIRST/SECOND", both at least 1. */
static bool read_pair(const char *args, long *ret_first, long *ret_second)
{
    char *end = NULL;
    *ret_first = strtol(args, &end, 10);
    if (end == args || *end != '/')
        return false;
    const char *second = end + 1;
    *ret_second = strtol(second, &end, 10);
    return end != second && *end == '\0' && *ret_first >= 1 && *ret_second >= 1;
}

int cw_module_init(struct cw_gateway *gateway, const char *args, char *error, size_t error_size)
{
    static const struct cw_middleware middleware = {.name = "rate_limit", .on_connect = check_rate};
    if (!read_pair(args, &rate, &window_s) || rate > RATE_MAX) {
        (void)snprintf(error, error_size, "say how many in how many seconds: rate_limit.so:20/60");
        return -1;
    }
    return cw_gateway_use(gateway, &middleware);
}

void cw_module_fini(void)
{
    for (size_t i = 0; i < HOSTS_MAX; i++)
        free(hosts[i].times);
}
