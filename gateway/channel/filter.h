/*
 * filter.h - the application's say in what one channel sends and receives (chanway/channel.h:
 * filters).
 */
#ifndef CW_CHANNEL_FILTER_H
#define CW_CHANNEL_FILTER_H

#include <chanway/error.h>

#include <stdint.h>

struct cw_buf;
struct cw_channel;
struct cw_message;

/** Runs the send filter, if there is one and we are not inside of it. CW_OK: `message` goes on, its
 * type and payload perhaps others, valid until application code runs again; CW_TAKEN; or an error.
 */
CW_MUST_CHECK int cw_filter_send(struct cw_channel *channel, struct cw_message *message);

/** The same for what a client has for the application. */
CW_MUST_CHECK int cw_filter_receive(struct cw_channel *channel, struct cw_message *message);

/** The frame of `message`, an entry of `log` (channel/session.h), for this channel alone: after its
 * send filter. NULL: it gets none; dropped by the filter: counted; out of memory: it is being
 * closed. */
struct cw_buf *cw_filter_frame(struct cw_channel *channel, const struct cw_message *message,
                               uint64_t log);

/** CW_OK; CW_ERR_PAYLOAD, CW_ERR_TOO_LARGE: not what its type says. */
CW_MUST_CHECK int cw_filter_check(struct cw_channel *channel, const struct cw_message *message);

#endif
