/*
 * stream.h - what happens to a channel, told to back ends (cluster.h: the event stream).
 *
 * Nothing happens for kinds that the setting `events` does not name.
 */
#ifndef CW_CHANNEL_STREAM_H
#define CW_CHANNEL_STREAM_H

#include <chanway/bytes.h>

#include <stdbool.h>

struct cw_channel;

/** It is attached. */
void cw_stream_connect(struct cw_channel *channel);
/** Its socket is gone, it is not detached yet; `reason` may be NULL. */
void cw_stream_disconnect(struct cw_channel *channel, int code, const char *reason);
/** A join or leave took effect. A channel that goes leaves its groups without a word. */
void cw_stream_join(struct cw_channel *channel, struct cw_bytes group);
void cw_stream_leave(struct cw_channel *channel, struct cw_bytes group);
/** A frame of its client could not be taken: CW_ERR_*, and what is wrong with it. */
void cw_stream_error(struct cw_channel *channel, int error, const char *message);

#endif
