/*
 * request.c - what back ends and administrators ask of a channel: close, join a group, leave one.
 */
#include "handlers/handlers.h"

#include <stdio.h>
#include <stdlib.h>

#define REASON_MAX 123 /* RFC 6455 section 5.5: a control frame has 125 bytes, two are the code */

/* "<code> <reason>" */
static void close_as_asked(struct cw_channel *channel, struct cw_bytes text)
{
    char reason[REASON_MAX + 1] = "";
    int code = 0;
    size_t at = 0;
    while (at < text.size && at < 4 && text.data[at] >= '0' && text.data[at] <= '9')
        code = code * 10 + (text.data[at++] - '0');
    bool is_allowed = code == 1000 || (code >= 3000 && code <= 4999);
    if (at < text.size && text.data[at] == ' ' && text.size - at - 1 <= REASON_MAX)
        (void)snprintf(reason, sizeof(reason), "%.*s", (int)(text.size - at - 1),
                       text.data + at + 1);
    cw_cluster_request_done(channel->mirror, is_allowed ? CW_OK : CW_ERR_INVALID);
    if (is_allowed)
        cw_channel_close(channel, code, reason, -1);
}

void cw_handle_request(struct cw_channel *channel, enum cw_channel_request request,
                       struct cw_bytes text)
{
    switch (request) {
    case CW_REQUEST_CLOSE:
        close_as_asked(channel, text);
        break;
    case CW_REQUEST_JOIN:
        cw_join_as_asked(channel, text);
        break;
    case CW_REQUEST_LEAVE:
        cw_leave_as_asked(channel, text);
        break;
    }
}
