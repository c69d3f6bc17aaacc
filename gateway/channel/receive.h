/*
 * receive.h - one message for who asked for it (chanway/channel.h: receiving).
 */
#ifndef CW_CHANNEL_RECEIVE_H
#define CW_CHANNEL_RECEIVE_H

struct cw_channel;
struct cw_message;

/** A client's message for the application, after its filter: to who asked for it, else to the
 * on_message handlers. */
void cw_receive_message(struct cw_channel *channel, const struct cw_message *message);

/** The connection is gone, the channel is CLOSING: who asked for a message is told. */
void cw_receive_end(struct cw_channel *channel);

#endif
