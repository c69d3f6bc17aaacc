/* linger.c - read away, then close. */
#include "ws/linger.h"

#include "base/clock.h"
#include "base/list.h"

#include <event2/event.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Descriptors are worth more than politeness. */
#define LINGERING_MAX 256
#define TIME_MS       2000
#define BYTES_MAX     (1024 * 1024)
/* What is read of one socket per turn. */
#define READS_PER_TURN 8

struct lingering {
    struct cw_list_node node; /* in cw_linger.all */
    struct cw_linger *linger;
    struct event *event;
    int fd;
    int64_t until_ms;
    size_t bytes;
};

struct cw_linger {
    struct event_base *event_base;
    struct cw_list all;
    unsigned count;
};

static void drop(struct lingering *lingering)
{
    cw_list_remove(&lingering->node);
    lingering->linger->count--;
    if (lingering->event != NULL)
        event_free(lingering->event);
    close(lingering->fd);
    free(lingering);
}

/* Waits for more input. False: its time is over. */
static bool await(struct lingering *lingering)
{
    int64_t left_ms = lingering->until_ms - cw_clock_ms();
    if (left_ms <= 0)
        return false;
    const struct timeval left = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};
    return event_add(lingering->event, &left) == 0;
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
    struct lingering *lingering = arg;
    char waste[16384];
    ssize_t size = sizeof(waste);
    for (int i = 0; i < READS_PER_TURN && size == (ssize_t)sizeof(waste); i++) {
        size = recv(fd, waste, sizeof(waste), MSG_DONTWAIT);
        if (size > 0)
            lingering->bytes += (size_t)size;
    }
    if ((events & EV_TIMEOUT) != 0 || size <= 0 || lingering->bytes > BYTES_MAX ||
        !await(lingering))
        drop(lingering);
}

int cw_linger_create(struct event_base *event_base, struct cw_linger **ret_linger)
{
    struct cw_linger *linger = calloc(1, sizeof(*linger));
    if (linger == NULL)
        return CW_ERR_NOMEM;
    linger->event_base = event_base;
    cw_list_init(&linger->all);
    *ret_linger = linger;
    return CW_OK;
}

void cw_linger_destroy(struct cw_linger *linger)
{
    if (linger == NULL)
        return;
    struct cw_list_node *node;
    while ((node = cw_list_first(&linger->all)) != NULL)
        drop(CW_CONTAINER(node, struct lingering, node));
    free(linger);
}

void cw_linger_add(struct cw_linger *linger, int fd)
{
    (void)shutdown(fd, SHUT_WR);
    if (linger->count >= LINGERING_MAX)
        return;
    struct lingering *lingering = calloc(1, sizeof(*lingering));
    if (lingering == NULL)
        return;
    lingering->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (lingering->fd < 0) {
        free(lingering);
        return;
    }
    lingering->linger = linger;
    lingering->until_ms = cw_clock_ms() + TIME_MS;
    cw_list_push_back(&linger->all, &lingering->node);
    linger->count++;
    lingering->event =
        event_new(linger->event_base, lingering->fd, EV_READ, on_readable, lingering);
    if (lingering->event == NULL || !await(lingering))
        drop(lingering);
}
