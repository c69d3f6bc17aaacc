/* receive.c - asked for, and taken out before it is given, so that the callback may ask anew. */
#include "channel/receive.h"

#include "channel/channel.h"
#include "channel/events.h"
#include "channel/extras.h"

#define ANY_TYPE (-1)

static int ask(struct cw_channel *channel, int type, cw_receive_fn fn, void *arg)
{
    if (fn == NULL)
        return CW_ERR_INVALID;
    if (channel->state == CW_CHANNEL_CLOSING)
        return CW_ERR_DISCONNECTED;
    struct cw_extras *extras = cw_extras_of(channel);
    if (extras == NULL)
        return CW_ERR_NOMEM;
    if (extras->receive.fn != NULL)
        return CW_ERR_BUSY;
    extras->receive = (struct cw_receive){.fn = fn, .arg = arg, .type = type};
    return CW_OK;
}

int cw_channel_receive(struct cw_channel *channel, cw_receive_fn fn, void *arg)
{
    return ask(channel, ANY_TYPE, fn, arg);
}

int cw_channel_receive_json(struct cw_channel *channel, cw_receive_fn fn, void *arg)
{
    return ask(channel, CW_PAYLOAD_JSON, fn, arg);
}

int cw_channel_receive_text(struct cw_channel *channel, cw_receive_fn fn, void *arg)
{
    return ask(channel, CW_PAYLOAD_TEXT, fn, arg);
}

int cw_channel_receive_bytes(struct cw_channel *channel, cw_receive_fn fn, void *arg)
{
    return ask(channel, CW_PAYLOAD_BYTES, fn, arg);
}

/* Who asked, and asks no longer; `fn` NULL: nobody. */
static struct cw_receive take(struct cw_channel *channel)
{
    struct cw_receive asked = {.fn = NULL};
    if (channel->extras != NULL) {
        asked = channel->extras->receive;
        channel->extras->receive.fn = NULL;
    }
    return asked;
}

void cw_receive_message(struct cw_channel *channel, const struct cw_message *message)
{
    struct cw_receive asked = take(channel);
    if (asked.fn == NULL) {
        cw_events_message(channel, message);
        return;
    }
    bool is_wanted = asked.type == ANY_TYPE || asked.type == (int)message->type;
    asked.fn(asked.arg, channel, is_wanted ? CW_OK : CW_ERR_PAYLOAD, message);
}

void cw_receive_end(struct cw_channel *channel)
{
    struct cw_receive asked = take(channel);
    if (asked.fn != NULL)
        asked.fn(asked.arg, channel, CW_ERR_DISCONNECTED, NULL);
}
