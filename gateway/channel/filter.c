/*
 * filter.c - filters are application code: they may close the channel, send, and replace each other
 * while they run, so nothing of them is looked at afterwards.
 */
#include "channel/filter.h"

#include "base/stats.h"
#include "channel/channel.h"
#include "channel/extras.h"
#include "channel/session.h"
#include "protocol/command.h"
#include "protocol/event.h"

static int set_filter(struct cw_channel *channel, bool is_send, cw_filter_fn fn, void *arg)
{
    if (fn == NULL && channel->extras == NULL)
        return CW_OK;
    struct cw_extras *extras = cw_extras_of(channel);
    if (extras == NULL)
        return CW_ERR_NOMEM;
    if (extras->is_over)
        return CW_OK; /* nothing passes any more */
    struct cw_filter *filter = is_send ? &extras->send_filter : &extras->receive_filter;
    *filter = (struct cw_filter){.fn = fn, .arg = arg};
    if (is_send)
        channel->has_send_filter = fn != NULL;
    return CW_OK;
}

int cw_channel_set_send_filter(struct cw_channel *channel, cw_filter_fn fn, void *arg)
{
    return set_filter(channel, true, fn, arg);
}

int cw_channel_set_receive_filter(struct cw_channel *channel, cw_filter_fn fn, void *arg)
{
    return set_filter(channel, false, fn, arg);
}

int cw_filter_check(struct cw_channel *channel, const struct cw_message *message)
{
    struct cw_command_error ignored;
    int rc = cw_command_check_raw(channel->node->parser, message->type,
                                  message->type == CW_PAYLOAD_BYTES, message->payload, &ignored);
    return rc == CW_OK || rc == CW_ERR_TOO_LARGE ? rc : CW_ERR_PAYLOAD;
}

/* Takes over what a filter may change. What it made is no better checked than what others make. */
static int take_over(struct cw_channel *channel, struct cw_message *message,
                     const struct cw_message *changed)
{
    if (changed->type == message->type && changed->payload.data == message->payload.data &&
        changed->payload.size == message->payload.size)
        return CW_OK;
    if ((unsigned)changed->type > CW_PAYLOAD_BYTES)
        return CW_ERR_PAYLOAD;
    message->type = changed->type;
    message->payload = changed->payload;
    return cw_filter_check(channel, message);
}

static int run_filter(struct cw_channel *channel, const struct cw_filter *filter,
                      struct cw_message *message)
{
    const struct cw_filter now = *filter; /* it may be replaced while it runs */
    struct cw_message changed = *message;
    if (now.fn == NULL)
        return CW_OK;
    int rc = now.fn(now.arg, channel, &changed);
    if (rc > CW_OK)
        return CW_TAKEN;
    return rc < CW_OK ? rc : take_over(channel, message, &changed);
}

int cw_filter_send(struct cw_channel *channel, struct cw_message *message)
{
    struct cw_extras *extras = channel->extras;
    if (!channel->has_send_filter || extras->is_in_send_filter)
        return CW_OK;
    extras->is_in_send_filter = true;
    int rc = run_filter(channel, &extras->send_filter, message);
    extras->is_in_send_filter = false;
    return rc;
}

int cw_filter_receive(struct cw_channel *channel, struct cw_message *message)
{
    if (channel->extras == NULL)
        return CW_OK;
    return run_filter(channel, &channel->extras->receive_filter, message);
}

struct cw_buf *cw_filter_frame(struct cw_channel *channel, const struct cw_message *message,
                               uint64_t log)
{
    struct cw_message own = *message;
    if (channel->state == CW_CHANNEL_CLOSING) {
        if (message->is_logged)
            cw_session_miss(channel, log, message->position);
        return NULL;
    }
    int rc = cw_filter_send(channel, &own);
    if (rc < CW_OK)
        CW_STAT(client_messages_filtered_total)++;
    if (rc != CW_OK)
        return NULL;
    struct cw_buf *frame = cw_event_message((enum cw_kind)channel->kind, &own);
    if (frame == NULL) {
        cw_channel_close(channel, 1011, "out of memory", 0);
        if (message->is_logged)
            cw_session_miss(channel, log, message->position);
        return NULL;
    }
    frame->log = log;
    frame->position = message->position;
    frame->is_entry = message->is_logged;
    return frame;
}
