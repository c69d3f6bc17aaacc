/* farewell.c - out of the cluster, then out of the door; see the header. */
#include "channel/farewell.h"

#include "base/clock.h"
#include "base/probe.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/extras.h"
#include "channel/members.h"
#include "channel/op.h"
#include "channel/receive.h"
#include "channel/session.h"
#include "channel/stream.h"
#include "protocol/event.h"

#include <stdio.h>
#include <stdlib.h>

/* RFC 6455 section 5.5: a control frame's payload, less the code; and the end of the text. */
#define REASON_SIZE 124

struct cw_farewell {
    struct cw_channel *channel; /* NULL: it was said, or nobody is there any more */
    struct cw_buf *bye;         /* owned; NULL: no frame before the close frame, or it was queued */
    int code;
    bool is_telling; /* the cluster is being told: its answer frees this */
    char reason[REASON_SIZE];
};

/* --- the cluster ------------------------------------------------------------------------------ */

void cw_farewell_withdraw(struct cw_channel *channel, int code, const char *reason,
                          const struct cw_leaving *leaving, bool is_replaced)
{
    if (channel->is_counted) {
        CW_STAT(closes_total)[cw_stats_close_index(code)]++;
        CW_PROBE2(disconnect, (const char *)channel->uuid, code);
    }
    channel->is_counted = false;
    channel->state = CW_CHANNEL_CLOSING; /* first: nothing more is sent or received */
    cw_receive_end(channel);
    if (channel->is_known) {
        cw_events_disconnect(channel, code, reason);
        cw_stream_disconnect(channel, code, reason);
        channel->is_known = false;
    }
    cw_extras_end(channel);
    cw_extras_leave_seats(channel, code == 4006);
    cw_list_remove(&channel->in_later);
    cw_op_forget_channel(channel);
    if (is_replaced)
        cw_cluster_abandon(channel->mirror);
    else
        cw_cluster_detach(channel->mirror, leaving);
    channel->mirror = NULL;
    struct cw_list_node *node;
    while ((node = cw_list_first(&channel->members)) != NULL)
        cw_member_destroy(CW_CONTAINER(node, struct cw_member, in_channel));
}

/* How long it may be resumed; 0: it ends (PROTOCOL: order, rule 4). */
static int64_t resume_time_s(const struct cw_channel *channel, int code)
{
    int64_t resume_s = channel->node->limits.session_ttl_s;
    if (!channel->has_session || code == 1000 || code == 4003 || code == 4004 || code == 4006)
        return 0;
    if (channel->expires_s > 0) {
        int64_t left_s = (channel->expires_at_ms - cw_clock_ms()) / 1000;
        if (left_s < resume_s)
            resume_s = left_s;
    }
    return resume_s > 0 ? resume_s : 0;
}

/* How it goes, if it may be resumed; false: it may not, or there is no memory, `ret_groups` is to
 * be freed in any case. */
static bool measure(const struct cw_channel *channel, int code, struct cw_leaving *ret_leaving,
                    struct cw_written **ret_groups)
{
    *ret_groups = NULL;
    *ret_leaving = (struct cw_leaving){.resume_s = resume_time_s(channel, code)};
    if (channel->mirror == NULL || ret_leaving->resume_s == 0)
        return false;
    *ret_groups = calloc(channel->member_count + 1, sizeof(**ret_groups));
    if (*ret_groups == NULL)
        return false;
    cw_session_measure(channel, *ret_groups, ret_leaving);
    return true;
}

/* --- the client ------------------------------------------------------------------------------- */

static void queue_bye(struct cw_channel *channel, struct cw_buf *bye)
{
    if (bye != NULL) /* beyond the bound if need be: it is the last one */
        (void)cw_outbox_push(&channel->outbox, bye, UINT32_MAX);
    (void)cw_buf_unref(bye);
}

/* The channel waits for it no longer. */
static struct cw_buf *part(struct cw_farewell *farewell)
{
    struct cw_buf *bye = farewell->bye;
    farewell->channel->farewell = NULL;
    farewell->channel = NULL;
    farewell->bye = NULL;
    if (!farewell->is_telling)
        free(farewell);
    return bye;
}

void cw_farewell_say(struct cw_channel *channel)
{
    if (channel->farewell == NULL)
        return;
    queue_bye(channel, part(channel->farewell));
    channel->node->transport->request_flush(channel);
}

void cw_farewell_forget(struct cw_channel *channel)
{
    if (channel->farewell != NULL)
        (void)cw_buf_unref(part(channel->farewell));
}

static void on_told(void *arg, int rc)
{
    struct cw_farewell *farewell = arg;
    (void)rc; /* else the cluster finds out by itself: the client is not to wait for it */
    farewell->is_telling = false;
    if (farewell->channel != NULL)
        cw_farewell_say(farewell->channel);
    else
        free(farewell);
}

void cw_farewell_on_drained(struct cw_channel *channel)
{
    struct cw_farewell *farewell = channel->farewell;
    struct cw_leaving leaving;
    struct cw_written *groups;
    if (farewell == NULL || farewell->is_telling)
        return;
    if (measure(channel, farewell->code, &leaving, &groups)) {
        leaving.fn = on_told;
        leaving.arg = farewell;
        farewell->is_telling = true;
        cw_farewell_withdraw(channel, farewell->code, farewell->reason, &leaving, false);
    } else {
        cw_farewell_say(channel);
    }
    free(groups);
}

/* False: nobody needs to be told before the client is, or there is no memory. */
static bool await_cluster(struct cw_channel *channel, int code, const char *reason,
                          struct cw_buf *bye)
{
    if (!channel->is_known || channel->mirror == NULL || resume_time_s(channel, code) == 0)
        return false;
    struct cw_farewell *farewell = calloc(1, sizeof(*farewell));
    if (farewell == NULL)
        return false;
    farewell->channel = channel;
    farewell->bye = bye;
    farewell->code = code;
    (void)snprintf(farewell->reason, sizeof(farewell->reason), "%s", reason);
    channel->farewell = farewell;
    return true;
}

/* PROTOCOL: `bye` goes before 1001, 1011, 1013 and every 4000 code. */
static bool wants_bye(int code)
{
    return code == 1001 || code == 1011 || code == 1013 || code >= 4000;
}

void cw_channel_close(struct cw_channel *channel, int code, const char *reason, int64_t retry_ms)
{
    if (channel->state == CW_CHANNEL_CLOSING)
        return;
    struct cw_buf *bye = NULL;
    const char *text = reason == NULL ? "" : reason;
    if (wants_bye(code))
        bye = cw_event_bye((enum cw_kind)channel->kind, code, text, retry_ms);
    if (!await_cluster(channel, code, text, bye))
        queue_bye(channel, bye);
    cw_channel_set_state(channel, CW_CHANNEL_CLOSING);
    channel->node->transport->close(channel, code, reason);
}

void cw_channel_closed(struct cw_channel *channel, int code, const char *reason)
{
    struct cw_leaving leaving;
    struct cw_written *groups;
    cw_log_debug(cw_channel_log(channel), "closed: %d %s", code, reason == NULL ? "" : reason);
    bool is_kept = measure(channel, code, &leaving, &groups);
    cw_farewell_withdraw(channel, code, reason, is_kept ? &leaving : NULL, false);
    free(groups);
    cw_channel_destroy(channel);
}
