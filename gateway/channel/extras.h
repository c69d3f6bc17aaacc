/*
 * extras.h - what the application has attached to one channel; most channels have nothing of it,
 * and no memory for it.
 *
 * Once made it stays where it is until the channel is freed, so that whoever runs application code
 * may look at it again afterwards; it is taken back earlier only by cw_extras_shrink(). What is in
 * it ends with the channel's on_disconnect: see cw_extras_end().
 */
#ifndef CW_CHANNEL_EXTRAS_H
#define CW_CHANNEL_EXTRAS_H

#include <chanway/channel.h>

#include "base/list.h"
#include "channel/bucket.h"
#include "channel/events.h"
#include "seats.h"

#include <stdbool.h>

struct cw_own_data;

/** A message that was asked for. */
struct cw_receive {
    cw_receive_fn fn; /* NULL: none is */
    void *arg;
    int type; /* enum cw_payload_type; < 0: any */
};

struct cw_filter {
    cw_filter_fn fn; /* NULL: none */
    void *arg;
};

struct cw_extras {
    struct cw_channel *channel;
    struct cw_list_node in_filtered; /* of a fan-out under way: its message is still to be sent */
    struct cw_events events;         /* handlers of this channel */
    struct cw_filter send_filter;
    struct cw_filter receive_filter;
    struct cw_receive receive;
    struct cw_own_data *data; /* owned list */
    char *facts;              /* owned; channel/websocket.h; NULL: none */
    struct cw_seat
        *seats[CW_SEAT_KINDS]; /* owned; of its address and user, where there are limits */
    struct cw_bucket bucket;   /* what message-rate leaves it */
    bool is_in_send_filter;    /* what is sent from there does not pass it again */
    bool is_over;              /* nothing is attached any more */
};

/** The channel's, made if there is none yet. NULL: out of memory. */
struct cw_extras *cw_extras_of(struct cw_channel *channel);

/** Frees them if nothing is in there. From where no application code is running. */
void cw_extras_shrink(struct cw_channel *channel);

/** Others may have its seats; or, `is_passed`, a newer connection of the same channel has them. */
void cw_extras_leave_seats(struct cw_channel *channel, bool is_passed);

/** The channel ends, its handlers have been told: destroys own data; no filter, no receive any
 * more. Again is harmless. */
void cw_extras_end(struct cw_channel *channel);

/** The channel is being freed. */
void cw_extras_destroy(struct cw_channel *channel);

#endif
