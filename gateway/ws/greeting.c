/* greeting.c - sockets that wait for a PROXY header. */
#include "ws/greeting.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/stats.h"
#include "protocol/proxy_header.h"

#include <event2/event.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIME_MS 10000
/* A descriptor each; a proxy's header comes with its connection. */
#define WAITING_MAX 1024

struct greeting {
    struct cw_list_node node; /* in cw_greetings.all, the oldest first */
    struct cw_greetings *greetings;
    struct event *event;
    struct cw_address peer;
    int64_t until_ms;
    char *taken; /* owned: of a header that comes in pieces; NULL: none yet */
    size_t taken_size;
    int fd; /* < 0: handed on */
};

struct cw_greetings {
    struct event_base *event_base;
    cw_greeted_fn on_greeted;
    void *arg;
    struct cw_list all;
    unsigned count;
};

static void end(struct greeting *greeting)
{
    cw_list_remove(&greeting->node);
    greeting->greetings->count--;
    if (greeting->event != NULL)
        event_free(greeting->event);
    if (greeting->fd >= 0)
        close(greeting->fd);
    free(greeting->taken);
    free(greeting);
}

static void refuse(struct greeting *greeting, const char *why)
{
    char text[CW_ADDRESS_TEXT_SIZE];
    (void)cw_address_write(&greeting->peer, text);
    cw_log_debug(cw_log_node(), "dropping %s: %s", text, why);
    CW_STAT(proxy_headers_refused_total) += 1;
    end(greeting);
}

static void hand_on(struct greeting *greeting, const struct cw_address *client)
{
    struct cw_greetings *greetings = greeting->greetings;
    struct cw_address peer = client->kind != CW_ADDRESS_UNKNOWN ? *client : greeting->peer;
    int fd = greeting->fd;
    greeting->fd = -1;
    end(greeting);
    CW_STAT(proxy_headers_total) += 1;
    greetings->on_greeted(greetings->arg, fd, &peer);
}

/* False: it has ended. */
static bool await(struct greeting *greeting)
{
    int64_t left_ms = greeting->until_ms - cw_clock_ms();
    const struct timeval left = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};
    if (left_ms > 0 && event_add(greeting->event, &left) == 0)
        return true;
    refuse(greeting, "its PROXY header did not come in time");
    return false;
}

/* Takes `size` bytes that have come. False: they can't be had, though they were seen. */
static bool take(int fd, char *to, size_t size)
{
    return recv(fd, to, size, MSG_DONTWAIT) == (ssize_t)size;
}

/* Looks at what has come behind what was taken. False: it has ended. */
static bool look(struct greeting *greeting)
{
    char bytes[CW_PROXY_HEADER_MAX];
    size_t before = greeting->taken_size;
    if (before > 0)
        memcpy(bytes, greeting->taken, before);
    ssize_t seen = recv(greeting->fd, bytes + before, sizeof(bytes) - before, MSG_PEEK);
    if (seen < 0 && (errno == EAGAIN || errno == EINTR))
        return await(greeting);
    if (seen <= 0) {
        refuse(greeting, "it closed before its PROXY header");
        return false;
    }
    size_t size = before + (size_t)seen;
    struct cw_address client;
    int header = cw_proxy_header_parse(cw_bytes_make(bytes, size), &client);
    /* The part that has come would keep the socket readable: it is taken out. */
    size_t wanted = header > 0 ? (size_t)header : size;
    if (header < 0 || !take(greeting->fd, bytes + before, wanted - before)) {
        refuse(greeting, "no PROXY header");
        return false;
    }
    if (header > 0) {
        hand_on(greeting, &client);
        return false;
    }
    char *taken = realloc(greeting->taken, size);
    if (taken == NULL) {
        refuse(greeting, "out of memory");
        return false;
    }
    memcpy(taken + before, bytes + before, size - before);
    greeting->taken = taken;
    greeting->taken_size = size;
    return await(greeting);
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
    struct greeting *greeting = arg;
    (void)fd;
    if ((events & EV_TIMEOUT) != 0)
        refuse(greeting, "its PROXY header did not come in time");
    else
        (void)look(greeting);
}

int cw_greetings_create(struct event_base *event_base, cw_greeted_fn on_greeted, void *arg,
                        struct cw_greetings **ret_greetings)
{
    struct cw_greetings *greetings = calloc(1, sizeof(*greetings));
    if (greetings == NULL)
        return CW_ERR_NOMEM;
    greetings->event_base = event_base;
    greetings->on_greeted = on_greeted;
    greetings->arg = arg;
    cw_list_init(&greetings->all);
    *ret_greetings = greetings;
    return CW_OK;
}

void cw_greetings_destroy(struct cw_greetings *greetings)
{
    if (greetings == NULL)
        return;
    struct cw_list_node *node;
    while ((node = cw_list_first(&greetings->all)) != NULL)
        end(CW_CONTAINER(node, struct greeting, node));
    free(greetings);
}

void cw_greetings_add(struct cw_greetings *greetings, int fd, const struct cw_address *peer)
{
    if (greetings->count >= WAITING_MAX)
        refuse(CW_CONTAINER(cw_list_first(&greetings->all), struct greeting, node),
               "too many have not said their PROXY header");
    struct greeting *greeting = calloc(1, sizeof(*greeting));
    if (greeting == NULL) {
        close(fd);
        return;
    }
    greeting->greetings = greetings;
    greeting->fd = fd;
    greeting->peer = *peer;
    greeting->until_ms = cw_clock_ms() + TIME_MS;
    cw_list_push_back(&greetings->all, &greeting->node);
    greetings->count++;
    greeting->event = event_new(greetings->event_base, fd, EV_READ, on_readable, greeting);
    if (greeting->event == NULL)
        end(greeting);
    else
        (void)look(greeting); /* most have come with the connection */
}
