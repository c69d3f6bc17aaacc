/* extras.c - made, ended, freed. */
#include "channel/extras.h"

#include "channel/channel.h"
#include "channel/own_data.h"

#include <stdlib.h>

struct cw_extras *cw_extras_of(struct cw_channel *channel)
{
    if (channel->extras != NULL)
        return channel->extras;
    struct cw_extras *extras = calloc(1, sizeof(*extras));
    if (extras == NULL)
        return NULL;
    extras->channel = channel;
    channel->extras = extras;
    return extras;
}

static bool is_empty(const struct cw_extras *extras)
{
    return cw_events_are_none(&extras->events) && extras->send_filter.fn == NULL &&
           extras->receive_filter.fn == NULL && extras->receive.fn == NULL &&
           extras->data == NULL && extras->facts == NULL && !extras->bucket.is_begun &&
           extras->seats[CW_SEAT_ADDRESS] == NULL && extras->seats[CW_SEAT_USER] == NULL;
}

void cw_extras_leave_seats(struct cw_channel *channel, bool is_passed)
{
    for (int i = 0; channel->extras != NULL && i < CW_SEAT_KINDS; i++) {
        cw_seat_destroy(channel->extras->seats[i], is_passed ? CW_SEAT_PASS : CW_SEAT_FREE);
        channel->extras->seats[i] = NULL;
    }
}

void cw_extras_shrink(struct cw_channel *channel)
{
    if (channel->extras == NULL || !is_empty(channel->extras))
        return;
    free(channel->extras);
    channel->extras = NULL;
}

void cw_extras_end(struct cw_channel *channel)
{
    struct cw_extras *extras = channel->extras;
    if (extras == NULL)
        return;
    extras->is_over = true;
    extras->send_filter.fn = extras->receive_filter.fn = NULL;
    channel->has_send_filter = false;
    cw_list_remove(&extras->in_filtered);
    cw_own_data_destroy(&extras->data);
}

void cw_extras_destroy(struct cw_channel *channel)
{
    struct cw_extras *extras = channel->extras;
    if (extras == NULL)
        return;
    cw_extras_end(channel);
    cw_extras_leave_seats(channel, false);
    cw_events_finish(&extras->events);
    free(extras->facts);
    free(extras);
    channel->extras = NULL;
}
