/*
 * events.c - lists of the application's handlers.
 *
 * Handlers only come, and go with the list: so one may add others while the list is run. The list
 * of a channel lasts until it is freed, which no handler can bring about.
 */
#include "channel/events.h"

#include "channel/channel.h"
#include "channel/extras.h"

#include <stddef.h>
#include <stdlib.h>

struct cw_event_handler {
    struct cw_event_handler *next;
    union cw_event_fn fn;
    void *arg;
};

/* What happened, whatever its kind. */
struct event {
    enum cw_event_kind kind;
    struct cw_channel *channel;
    int number;       /* disconnect: code; error: CW_ERR_* */
    const char *text; /* disconnect: reason; error: what is wrong */
    const struct cw_message *message;
};

int cw_events_add(struct cw_events *events, enum cw_event_kind kind, union cw_event_fn fn,
                  void *arg)
{
    struct cw_event_handler *handler = calloc(1, sizeof(*handler));
    if (handler == NULL)
        return CW_ERR_NOMEM;
    handler->fn = fn;
    handler->arg = arg;
    struct cw_event_handler **end = &events->first[kind];
    while (*end != NULL)
        end = &(*end)->next;
    *end = handler;
    return CW_OK;
}

bool cw_events_are_none(const struct cw_events *events)
{
    for (int kind = 0; kind < CW_EVENT_KINDS; kind++)
        if (events->first[kind] != NULL)
            return false;
    return true;
}

void cw_events_finish(struct cw_events *events)
{
    for (int kind = 0; kind < CW_EVENT_KINDS; kind++) {
        while (events->first[kind] != NULL) {
            struct cw_event_handler *handler = events->first[kind];
            events->first[kind] = handler->next;
            free(handler);
        }
    }
}

static void call(const struct cw_event_handler *handler, const struct event *event)
{
    switch (event->kind) {
    case CW_EVENT_CONNECT:
        handler->fn.connect(handler->arg, event->channel);
        break;
    case CW_EVENT_DISCONNECT:
        handler->fn.disconnect(handler->arg, event->channel, event->number, event->text);
        break;
    case CW_EVENT_MESSAGE:
        handler->fn.message(handler->arg, event->channel, event->message);
        break;
    case CW_EVENT_ERROR:
        handler->fn.error(handler->arg, event->channel, event->number, event->text);
        break;
    case CW_EVENT_KINDS:
        break;
    }
}

/* The last handler that is there now; NULL: none is. */
static const struct cw_event_handler *last_of(const struct cw_events *events,
                                              enum cw_event_kind kind)
{
    const struct cw_event_handler *last = events->first[kind];
    while (last != NULL && last->next != NULL)
        last = last->next;
    return last;
}

static void run(const struct cw_events *events, const struct cw_event_handler *last,
                const struct event *event)
{
    if (last == NULL)
        return;
    const struct cw_event_handler *handler = events->first[event->kind];
    for (; handler != last; handler = handler->next)
        call(handler, event);
    call(last, event);
}

static void tell(const struct event *event)
{
    const struct cw_extras *extras = event->channel->extras;
    const struct cw_events *common = &event->channel->node->events;
    const struct cw_event_handler *last = last_of(common, event->kind);
    if (extras != NULL)
        run(&extras->events, last_of(&extras->events, event->kind), event);
    run(common, last, event);
}

void cw_events_connect(struct cw_channel *channel)
{
    const struct event event = {.kind = CW_EVENT_CONNECT, .channel = channel};
    tell(&event);
}

void cw_events_disconnect(struct cw_channel *channel, int code, const char *reason)
{
    const struct event event = {
        .kind = CW_EVENT_DISCONNECT, .channel = channel, .number = code, .text = reason};
    tell(&event);
}

void cw_events_message(struct cw_channel *channel, const struct cw_message *message)
{
    const struct event event = {.kind = CW_EVENT_MESSAGE, .channel = channel, .message = message};
    tell(&event);
}

void cw_events_error(struct cw_channel *channel, int error, const char *message)
{
    const struct event event = {
        .kind = CW_EVENT_ERROR, .channel = channel, .number = error, .text = message};
    tell(&event);
}

/* Handlers of one channel. */

static int add_own(struct cw_channel *channel, enum cw_event_kind kind, union cw_event_fn fn,
                   void *arg)
{
    struct cw_extras *extras = cw_extras_of(channel);
    return extras == NULL ? CW_ERR_NOMEM : cw_events_add(&extras->events, kind, fn, arg);
}

int cw_channel_on_connect(struct cw_channel *channel, cw_channel_fn fn, void *arg)
{
    union cw_event_fn any = {.connect = fn};
    if (fn == NULL || channel->is_known)
        return CW_ERR_INVALID;
    return add_own(channel, CW_EVENT_CONNECT, any, arg);
}

int cw_channel_on_disconnect(struct cw_channel *channel, cw_channel_disconnect_fn fn, void *arg)
{
    union cw_event_fn any = {.disconnect = fn};
    return fn == NULL ? CW_ERR_INVALID : add_own(channel, CW_EVENT_DISCONNECT, any, arg);
}

int cw_channel_on_message(struct cw_channel *channel, cw_channel_message_fn fn, void *arg)
{
    union cw_event_fn any = {.message = fn};
    return fn == NULL ? CW_ERR_INVALID : add_own(channel, CW_EVENT_MESSAGE, any, arg);
}

int cw_channel_on_error(struct cw_channel *channel, cw_channel_error_fn fn, void *arg)
{
    union cw_event_fn any = {.error = fn};
    return fn == NULL ? CW_ERR_INVALID : add_own(channel, CW_EVENT_ERROR, any, arg);
}
