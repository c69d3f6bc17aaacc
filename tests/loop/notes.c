/* notes.c - the recorder, and callbacks that use it. */
#include "loop/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char notes[8192];

void note(const char *format, ...)
{
    va_list args;
    size_t size = strlen(notes);
    if (size > 0)
        notes[size++] = ' ';
    va_start(args, format);
    (void)vsnprintf(notes + size, sizeof(notes) - size, format, args);
    va_end(args);
}

void expect_notes(const char *wanted)
{
    assert_string_equal(notes, wanted);
    notes[0] = '\0';
}

void note_connect(void *arg, struct cw_channel *channel)
{
    (void)channel;
    note("%s:connect", (const char *)arg);
}

void note_disconnect(void *arg, struct cw_channel *channel, int code, const char *reason)
{
    (void)channel;
    (void)reason;
    note("%s:disconnect=%d", (const char *)arg, code);
}

void note_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    (void)channel;
    note("%s:message=%.*s", (const char *)arg, (int)message->payload.size, message->payload.data);
}

void note_error(void *arg, struct cw_channel *channel, int error, const char *message)
{
    (void)channel;
    (void)message;
    note("%s:error=%s", (const char *)arg, cw_error_code(error));
}

void note_received(void *arg, struct cw_channel *channel, int rc, const struct cw_message *message)
{
    (void)channel;
    if (message == NULL)
        note("%s:received(%d)", (const char *)arg, rc);
    else
        note("%s:received(%d)=%.*s", (const char *)arg, rc, (int)message->payload.size,
             message->payload.data);
}

void note_destroyed(void *data)
{
    note("destroyed=%s", (const char *)data);
}

static void add(struct path *path, enum cw_event_kind kind, union cw_event_fn fn, void *arg)
{
    assert_int_equal(cw_events_add(&path->nodes[0].node.events, kind, fn, arg), CW_OK);
}

void on_connect(struct path *path, cw_channel_fn fn, void *arg)
{
    add(path, CW_EVENT_CONNECT, (union cw_event_fn){.connect = fn}, arg);
}

void on_disconnect(struct path *path, cw_channel_disconnect_fn fn, void *arg)
{
    add(path, CW_EVENT_DISCONNECT, (union cw_event_fn){.disconnect = fn}, arg);
}

void on_message(struct path *path, cw_channel_message_fn fn, void *arg)
{
    add(path, CW_EVENT_MESSAGE, (union cw_event_fn){.message = fn}, arg);
}

void on_error(struct path *path, cw_channel_error_fn fn, void *arg)
{
    add(path, CW_EVENT_ERROR, (union cw_event_fn){.error = fn}, arg);
}

int notes_setup(void **state)
{
    static char node[] = "node";
    int rc = path_setup(state);
    notes[0] = '\0';
    on_connect(*state, note_connect, node);
    on_disconnect(*state, note_disconnect, node);
    on_message(*state, note_message, node);
    on_error(*state, note_error, node);
    return rc;
}
