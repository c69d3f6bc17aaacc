/*
 * events.c - lists of the application's handlers.
 */
#include "channel/events.h"

#include <stdlib.h>

struct cw_event_handler {
    struct cw_event_handler *next;
    union cw_event_fn fn;
    void *arg;
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

void cw_events_connect(const struct cw_events *events, struct cw_channel *channel)
{
    for (struct cw_event_handler *h = events->first[CW_EVENT_CONNECT]; h != NULL; h = h->next)
        h->fn.connect(h->arg, channel);
}

void cw_events_disconnect(const struct cw_events *events, struct cw_channel *channel, int code,
                          const char *reason)
{
    for (struct cw_event_handler *h = events->first[CW_EVENT_DISCONNECT]; h != NULL; h = h->next)
        h->fn.disconnect(h->arg, channel, code, reason);
}

void cw_events_message(const struct cw_events *events, struct cw_channel *channel,
                       const struct cw_message *message)
{
    for (struct cw_event_handler *h = events->first[CW_EVENT_MESSAGE]; h != NULL; h = h->next)
        h->fn.message(h->arg, channel, message);
}

void cw_events_error(const struct cw_events *events, struct cw_channel *channel, int error,
                     const char *message)
{
    for (struct cw_event_handler *h = events->first[CW_EVENT_ERROR]; h != NULL; h = h->next)
        h->fn.error(h->arg, channel, error, message);
}
