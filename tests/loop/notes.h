/*
 * notes.h - what an application's callbacks saw, in order, as text.
 */
#ifndef CW_TESTS_NOTES_H
#define CW_TESTS_NOTES_H

#include <chanway/channel.h>

#include "loop/path.h"

/** Adds a word; words are separated by blanks. */
void note(const char *format, ...) CW_PRINTF(1, 2);
/** What was noted since the last call is this. */
void expect_notes(const char *wanted);

/* Callbacks that note what they are called for, `arg` (a string) before it. */
void note_connect(void *arg, struct cw_channel *channel);
void note_disconnect(void *arg, struct cw_channel *channel, int code, const char *reason);
void note_message(void *arg, struct cw_channel *channel, const struct cw_message *message);
void note_error(void *arg, struct cw_channel *channel, int error, const char *message);
void note_received(void *arg, struct cw_channel *channel, int rc, const struct cw_message *message);
/** Of own data, a string. */
void note_destroyed(void *data);

/* Handlers of the whole node, as cw_gateway_on_...() adds them. */
void on_connect(struct path *path, cw_channel_fn fn, void *arg);
void on_disconnect(struct path *path, cw_channel_disconnect_fn fn, void *arg);
void on_message(struct path *path, cw_channel_message_fn fn, void *arg);
void on_error(struct path *path, cw_channel_error_fn fn, void *arg);

/* cmocka: a path whose first node notes its events with "node". */
int notes_setup(void **state);
#define notes_test(test) cmocka_unit_test_setup_teardown(test, notes_setup, path_teardown)

#endif
