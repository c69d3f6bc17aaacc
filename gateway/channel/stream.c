/*
 * stream.c - a channel's events, in the words of the cluster.
 */
#include "channel/stream.h"

#include "base/digits.h"
#include "channel/channel.h"

void cw_stream_connect(struct cw_channel *channel)
{
    static const struct cw_stream_event event = {.kind = CW_STREAM_CONNECT};
    cw_cluster_emit(channel->mirror, &event);
}

void cw_stream_disconnect(struct cw_channel *channel, int code, const char *reason)
{
    char digits[CW_DIGITS_SIZE];
    struct cw_stream_event event = {.kind = CW_STREAM_DISCONNECT,
                                    .code = cw_digits(digits, (uint64_t)code)};
    if (reason != NULL && reason[0] != '\0')
        event.reason = cw_bytes_text(reason);
    cw_cluster_emit(channel->mirror, &event);
}

/* Of users' groups nothing is told: who is in them is said by `user` of its connect. */
void cw_stream_join(struct cw_channel *channel, struct cw_bytes group)
{
    if (cw_group_name_is_reserved(group))
        return;
    struct cw_stream_event event = {.kind = CW_STREAM_JOIN, .group = group};
    cw_cluster_emit(channel->mirror, &event);
}

void cw_stream_leave(struct cw_channel *channel, struct cw_bytes group)
{
    struct cw_stream_event event = {.kind = CW_STREAM_LEAVE, .group = group};
    cw_cluster_emit(channel->mirror, &event);
}

void cw_stream_error(struct cw_channel *channel, int error, const char *message)
{
    struct cw_stream_event event = {.kind = CW_STREAM_ERROR,
                                    .code = cw_bytes_text(cw_error_code(error)),
                                    .reason = cw_bytes_text(message)};
    cw_cluster_emit(channel->mirror, &event);
}
