/*
 * message_rate.h - how many ops and raw frames one client may send (setting `message-rate`).
 *
 * A token bucket for each channel that sends at all. Every frame takes a token as it comes, also
 * one that can't be read; `ping` and `ack` take none: they ask nothing of the cluster, and a client
 * whose pings are refused takes its connection for dead. A frame without a token is answered
 * `rate_limited` and nothing of it is done; more of these within one window than the bucket holds
 * close the channel with 4002.
 */
#ifndef CW_MIDDLEWARE_MESSAGE_RATE_H
#define CW_MIDDLEWARE_MESSAGE_RATE_H

#include <stdbool.h>

struct cw_channel;
struct cw_command;
struct cw_command_id;

/** `command` NULL: a frame that could not be read. False: it was refused, and `id` answered. Only
 * where there is a rate. */
bool cw_message_rate_allows(struct cw_channel *channel, const struct cw_command *command,
                            const struct cw_command_id *id);

#endif
