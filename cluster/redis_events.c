/*
 * redis_events.c - hiredis' wishes (struct redisAsyncContext.ev) as events of libevent.
 *
 *   command --addWrite--> end of the turn: written --all of it--> done
 *                                  `--some of it--> `write`: as soon as the socket takes more
 *
 * hiredis may free its context, and so this, inside of each of its functions: `is_busy` puts that
 * off.
 */
#include "redis_events.h"

#include "redis_tls.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <hiredis/async.h>
#include <hiredis/sds.h>

#include <stdbool.h>
#include <stdlib.h>

#define RECORDS_A_TURN 64 /* of TLS, 16 KiB each at most */

struct redis_events {
    redisAsyncContext *context;
    struct event read, write;
    struct event end_of_turn;
    struct event timer;
    const struct ssl_st *ssl; /* NULL: plain */
    bool is_busy;             /* inside of a function of hiredis that one of the events called */
    bool is_gone;             /* the context is freed */
    bool is_writing;          /* what is left has to wait for the socket */
};

typedef void (*handle_fn)(redisAsyncContext *context);

static void handle(struct redis_events *events, handle_fn fn)
{
    bool was_busy = events->is_busy;
    events->is_busy = true;
    if (events->ssl != NULL)
        cw_redis_tls_forget_errors();
    fn(events->context);
    events->is_busy = was_busy;
    if (events->is_gone && !was_busy)
        free(events);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    handle(arg, redisAsyncHandleRead);
}

static bool has_more_to_write(const struct redis_events *events)
{
    return !events->is_gone && events->ssl != NULL && sdslen(events->context->c.obuf) > 0 &&
           cw_redis_tls_can_write(events->ssl);
}

/* A write by TLS takes one record. Of the next ones hiredis believes that they have to wait for
 * something to read, because the last read had to. */
static void write_some(redisAsyncContext *context)
{
    struct redis_events *events = context->ev.data;
    int records = 0;
    do
        redisAsyncHandleWrite(context);
    while (++records < RECORDS_A_TURN && has_more_to_write(events));
    if (has_more_to_write(events))
        (void)event_add(&events->write, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    handle(arg, write_some);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    handle(arg, redisAsyncHandleTimeout);
}

static void write_all(redisAsyncContext *context)
{
    struct redis_events *events = context->ev.data;
    events->is_writing = true;
    write_some(context);
    if (!events->is_gone)
        events->is_writing = false;
}

static void on_end_of_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    handle(arg, write_all);
}

/* --- what hiredis calls ----------------------------------------------------------------------- */

static void add_read(void *data)
{
    struct redis_events *events = data;
    if (event_pending(&events->read, EV_READ, NULL) == 0)
        (void)event_add(&events->read, NULL);
}

static void delete_read(void *data)
{
    struct redis_events *events = data;
    (void)event_del(&events->read);
}

static void add_write(void *data)
{
    struct redis_events *events = data;
    bool is_connected = (events->context->c.flags & REDIS_CONNECTED) != 0;
    if (event_pending(&events->write, EV_WRITE, NULL) != 0)
        return;
    if (is_connected && !events->is_writing)
        event_active(&events->end_of_turn, EV_TIMEOUT, 0); /* twice is once */
    else
        (void)event_add(&events->write, NULL);
}

static void delete_write(void *data)
{
    struct redis_events *events = data;
    if (event_pending(&events->write, EV_WRITE, NULL) != 0)
        (void)event_del(&events->write);
}

static void schedule_timer(void *data, struct timeval delay)
{
    struct redis_events *events = data;
    (void)event_add(&events->timer, &delay);
}

static void clean_up(void *data)
{
    struct redis_events *events = data;
    if (events == NULL)
        return;
    (void)event_del(&events->read);
    (void)event_del(&events->write);
    (void)event_del(&events->end_of_turn);
    (void)event_del(&events->timer);
    events->is_gone = true;
    if (!events->is_busy)
        free(events);
}

int cw_redis_events_attach(redisAsyncContext *context, struct event_base *base)
{
    struct redis_events *events = calloc(1, sizeof(*events));
    if (events == NULL)
        return CW_ERR_NOMEM;
    int fd = context->c.fd;
    events->context = context;
    (void)event_assign(&events->read, base, fd, EV_READ | EV_PERSIST, on_readable, events);
    (void)event_assign(&events->write, base, fd, EV_WRITE | EV_PERSIST, on_writable, events);
    (void)event_assign(&events->end_of_turn, base, -1, 0, on_end_of_turn, events);
    (void)evtimer_assign(&events->timer, base, on_timer, events);
    context->ev.addRead = add_read;
    context->ev.delRead = delete_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = delete_write;
    context->ev.cleanup = clean_up;
    context->ev.scheduleTimer = schedule_timer;
    context->ev.data = events;
    return CW_OK;
}

void cw_redis_events_secure(redisAsyncContext *context, const struct ssl_st *ssl)
{
    struct redis_events *events = context->ev.data;
    events->ssl = ssl;
}
