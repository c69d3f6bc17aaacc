/*
 * own_data.h - what the application keeps at a channel, by key (chanway/channel.h: own data).
 */
#ifndef CW_CHANNEL_OWN_DATA_H
#define CW_CHANNEL_OWN_DATA_H

struct cw_own_data;

/** Destroys all that is in the list, the latest first. */
void cw_own_data_destroy(struct cw_own_data **list);

#endif
