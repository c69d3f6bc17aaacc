/* send.c - what the application sends to one channel. */
#include "channel/channel.h"
#include "channel/filter.h"
#include "protocol/event.h"

static int send_payload(struct cw_channel *channel, enum cw_payload_type type,
                        struct cw_bytes payload)
{
    struct cw_message message = {.type = type, .payload = payload};
    if (channel->state == CW_CHANNEL_CLOSING)
        return CW_ERR_DISCONNECTED;
    if (!channel->is_known)
        return CW_ERR_BUSY;
    int rc = cw_filter_check(channel, &message);
    if (rc == CW_OK)
        rc = cw_filter_send(channel, &message);
    if (rc != CW_OK)
        return rc == CW_TAKEN ? CW_OK : rc;
    if (channel->state == CW_CHANNEL_CLOSING) /* by its filter */
        return CW_ERR_DISCONNECTED;
    struct cw_buf *frame = cw_event_message((enum cw_kind)channel->kind, &message);
    if (frame == NULL)
        return CW_ERR_NOMEM;
    cw_channel_send_new_frame(channel, frame);
    return CW_OK;
}

int cw_channel_send(struct cw_channel *channel, struct cw_bytes payload)
{
    return send_payload(channel, (enum cw_payload_type)channel->type, payload);
}

int cw_channel_send_json(struct cw_channel *channel, struct cw_bytes json)
{
    return send_payload(channel, CW_PAYLOAD_JSON, json);
}

int cw_channel_send_text(struct cw_channel *channel, struct cw_bytes text)
{
    return send_payload(channel, CW_PAYLOAD_TEXT, text);
}

int cw_channel_send_bytes(struct cw_channel *channel, struct cw_bytes bytes)
{
    return send_payload(channel, CW_PAYLOAD_BYTES, bytes);
}
