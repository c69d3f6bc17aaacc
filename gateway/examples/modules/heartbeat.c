/*
 * heartbeat.c - the seed's HeartbeatChannel: the application sends {"type": "heartbeat"}, and
 * closes with 4000 whoever has not answered for a while.
 *
 *   chanwayd --module heartbeat.so:INTERVAL_MS/TIMEOUT_MS
 *
 * The node has a heartbeat of its own (settings heartbeat-interval, heartbeat-timeout), by pings
 * that browsers answer by themselves; this one finds a page whose script hangs.
 */
#include <chanway/gateway.h>
#include <chanway/module.h>

#include <event2/event.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

CW_MODULE_DEFINE;

static const char own_key;
static struct event_base *base;
static long interval_ms, timeout_ms;

struct heartbeat {
    struct cw_channel *channel;
    struct event *timer;
    int64_t last_answer_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

static void destroy(void *data)
{
    struct heartbeat *heartbeat = data;
    event_free(heartbeat->timer);
    free(heartbeat);
}

/* The seed's check_heartbeat and send_heartbeat. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct heartbeat *heartbeat = arg;
    (void)fd;
    (void)what;
    if (now_ms() - heartbeat->last_answer_ms > timeout_ms)
        cw_channel_close(heartbeat->channel, 4000, "no heartbeat", 0);
    else if (cw_channel_send_json(heartbeat->channel, cw_bytes_text("{\"type\":\"heartbeat\"}")) !=
             CW_OK)
        event_del(heartbeat->timer); /* it is closing */
}

static void on_connect(void *arg, struct cw_channel *channel)
{
    const struct timeval interval = {.tv_sec = interval_ms / 1000,
                                     .tv_usec = interval_ms % 1000 * 1000};
    (void)arg;
    struct heartbeat *heartbeat = calloc(1, sizeof(*heartbeat));
    if (heartbeat != NULL)
        heartbeat->timer = event_new(base, -1, EV_PERSIST, on_timer, heartbeat);
    if (heartbeat == NULL || heartbeat->timer == NULL) {
        free(heartbeat);
        cw_channel_close(channel, 1011, "out of memory", -1);
        return;
    }
    heartbeat->channel = channel;
    heartbeat->last_answer_ms = now_ms();
    if (cw_channel_set_data(channel, &own_key, heartbeat, destroy) != CW_OK) {
        destroy(heartbeat);
        cw_channel_close(channel, 1011, "out of memory", -1);
        return;
    }
    (void)event_add(heartbeat->timer, &interval);
}

/* Whatever the client says shows that it lives. */
static void on_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    struct heartbeat *heartbeat = cw_channel_data(channel, &own_key);
    (void)arg;
    (void)message;
    if (heartbeat != NULL)
        heartbeat->last_answer_ms = now_ms();
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
    base = cw_gateway_event_base(gateway);
    if (!read_pair(args, &interval_ms, &timeout_ms)) {
        (void)snprintf(error, error_size, "say how often and how long: heartbeat.so:10000/30000");
        return -1;
    }
    int rc = cw_gateway_on_connect(gateway, on_connect, NULL);
    return rc == CW_OK ? cw_gateway_on_message(gateway, on_message, NULL) : rc;
}

void cw_module_fini(void) {}
