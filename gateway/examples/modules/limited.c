/*
 * limited.c - the seed's RateLimitedChannel: a channel whose receive() raises when it is asked for
 * more than MESSAGES in SECONDS.
 *
 *   chanwayd --module limited.so:MESSAGES/SECONDS
 *
 * What the seed does by overriding receive() is a receive filter here: it sees what the client has
 * for the application, before anybody else, and may refuse it.
 */
#include <chanway/gateway.h>
#include <chanway/module.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

CW_MODULE_DEFINE;

static const char own_key;
static long messages_max, window_s;

struct limit {
    long message_count;
    time_t last_reset;
};

static time_t now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* `async def receive(self)` of the seed. */
static int receive(void *arg, struct cw_channel *channel, struct cw_message *message)
{
    struct limit *limit = cw_channel_data(channel, &own_key);
    time_t now = now_s();
    (void)arg;
    (void)message;
    if (now - limit->last_reset >= window_s) {
        limit->message_count = 0;
        limit->last_reset = now;
    }
    if (limit->message_count >= messages_max)
        return CW_ERR_RATE_LIMITED; /* `raise RateLimitExceeded()` */
    limit->message_count++;
    return CW_OK; /* `return await super().receive()` */
}

static void on_connect(void *arg, struct cw_channel *channel)
{
    struct limit *limit = calloc(1, sizeof(*limit));
    int rc = CW_ERR_NOMEM;
    if (limit != NULL) {
        limit->last_reset = now_s();
        rc = cw_channel_set_data(channel, &own_key, limit, free);
    }
    if (rc != CW_OK)
        free(limit);
    if (rc == CW_OK)
        rc = cw_channel_set_receive_filter(channel, receive, arg);
    if (rc != CW_OK)
        cw_channel_close(channel, 1011, cw_error_text(rc), -1);
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
    if (!read_pair(args, &messages_max, &window_s)) {
        (void)snprintf(error, error_size, "say how many in how many seconds: limited.so:100/60");
        return -1;
    }
    return cw_gateway_on_connect(gateway, on_connect, NULL);
}

void cw_module_fini(void) {}
