/*
 * events.h - the application's handlers: connect, disconnect, message, error (seed: Channel
 * Events), of a channel and of the whole gateway.
 */
#ifndef CW_CHANNEL_EVENTS_H
#define CW_CHANNEL_EVENTS_H

#include <chanway/channel.h>

#include <stdbool.h>

struct cw_event_handler;

enum cw_event_kind {
    CW_EVENT_CONNECT,
    CW_EVENT_DISCONNECT,
    CW_EVENT_MESSAGE,
    CW_EVENT_ERROR,
    CW_EVENT_KINDS
};

union cw_event_fn {
    cw_channel_fn connect;
    cw_channel_disconnect_fn disconnect;
    cw_channel_message_fn message;
    cw_channel_error_fn error;
};

/** Handlers by kind, in the order they were added. All zero: none. */
struct cw_events {
    struct cw_event_handler *first[CW_EVENT_KINDS];
};

CW_MUST_CHECK int cw_events_add(struct cw_events *events, enum cw_event_kind kind,
                                union cw_event_fn fn, void *arg);
bool cw_events_are_none(const struct cw_events *events);
void cw_events_finish(struct cw_events *events);

/* The handlers of `channel`, then those of its node. */
void cw_events_connect(struct cw_channel *channel);
void cw_events_disconnect(struct cw_channel *channel, int code, const char *reason);
void cw_events_message(struct cw_channel *channel, const struct cw_message *message);
void cw_events_error(struct cw_channel *channel, int error, const char *message);

#endif
