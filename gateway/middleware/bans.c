/* bans.c - asked at connect, and of all channels in slices when somebody is banned. */
#include "middleware/bans.h"

#include <chanway/middleware.h>

#include "ban_mirror.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/grants.h"
#include "ip.h"
#include "middleware/chain.h"
#include "policy.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>

#define TRY_AGAIN_MS 1000
/* Channels in one turn: less than a millisecond. */
#define SLICE 1000

struct cw_ban_guard {
    struct cw_node *node;
    struct event *turn;
    size_t left; /* channels of node->all, from the first on, that are still to be looked at */
};

static const struct cw_ban_mirror *bans_of(const struct cw_channel *channel)
{
    return cw_cluster_bans(channel->node->cluster);
}

/* NULL: it is not banned. */
static const struct cw_ban *find_ban(const struct cw_channel *channel)
{
    const struct cw_ban_list *list = &bans_of(channel)->list;
    int64_t now_ms = cw_clock_ms();
    char subject[CW_GROUP_NAME_MAX + 1];
    struct cw_ip ip;
    const struct cw_ban *ban = NULL;
    if (list->bans.count == 0)
        return NULL;
    if (cw_ip_parse(cw_address_host(channel->address), &ip))
        ban = cw_ban_list_find_ip(list, &ip, now_ms);
    if (ban != NULL)
        return ban;
    int size = snprintf(subject, sizeof(subject), "channel:%s", channel->uuid);
    ban = cw_ban_list_find(list, cw_bytes_make(subject, (size_t)size), now_ms);
    const char *user = cw_channel_user(channel);
    if (ban == NULL && user != NULL && cw_user_group_write(cw_bytes_text(user), subject))
        ban = cw_ban_list_find(list, cw_bytes_text(subject), now_ms);
    return ban;
}

static const char *reason_of(const struct cw_ban *ban)
{
    return ban->reason[0] == '\0' ? "banned" : ban->reason;
}

/* --- connections ------------------------------------------------------------------------------ */

static enum cw_verdict on_connect(void *arg, struct cw_channel *channel, struct cw_step *step)
{
    (void)arg;
    const struct cw_ban *ban = find_ban(channel);
    if (ban != NULL) {
        CW_STAT(bans_refused_total)++;
        return cw_step_close(step, 4004, reason_of(ban), -1);
    }
    if (channel->node->limits.closes_without_limits && !bans_of(channel)->is_current) {
        CW_STAT(limits_unavailable_total)++;
        return cw_step_close(step, 1013, "bans can't be looked up now",
                             TRY_AGAIN_MS + cw_random_below(TRY_AGAIN_MS));
    }
    return CW_PASS;
}

int cw_ban_guard_add(struct cw_chain *chain)
{
    static const struct cw_middleware guard = {.name = "bans", .on_connect = on_connect};
    return cw_chain_add(chain, &guard);
}

/* --- channels --------------------------------------------------------------------------------- */

bool cw_ban_guard_closes(struct cw_channel *channel)
{
    const struct cw_ban *ban = channel->state == CW_CHANNEL_CLOSING ? NULL : find_ban(channel);
    if (ban == NULL)
        return false;
    CW_STAT(bans_closed_total)++;
    cw_log_info(cw_channel_log(channel), "closing: banned");
    cw_channel_close(channel, 4004, reason_of(ban), -1);
    return true;
}

/* From the end on: where a channel goes, the last one takes its place, which was looked at. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct cw_ban_guard *guard = arg;
    const struct cw_node *node = guard->node;
    (void)fd;
    (void)what;
    if (guard->left > node->count)
        guard->left = node->count;
    for (size_t slice = 0; slice < SLICE && guard->left > 0; slice++)
        (void)cw_ban_guard_closes(node->all[--guard->left]);
    if (guard->left > 0)
        event_active(guard->turn, EV_TIMEOUT, 0);
}

/* Those that come from now on are looked at when they come. */
static void on_change(void *arg)
{
    struct cw_ban_guard *guard = arg;
    guard->left = guard->node->count;
    event_active(guard->turn, EV_TIMEOUT, 0);
}

int cw_ban_guard_create(struct event_base *base, struct cw_node *node,
                        struct cw_ban_guard **ret_guard)
{
    struct cw_ban_guard *guard = calloc(1, sizeof(*guard));
    if (guard == NULL)
        return CW_ERR_NOMEM;
    guard->node = node;
    guard->turn = event_new(base, -1, 0, on_turn, guard);
    if (guard->turn == NULL) {
        free(guard);
        return CW_ERR_NOMEM;
    }
    struct cw_ban_mirror *bans = cw_cluster_bans(node->cluster);
    bans->on_change = on_change;
    bans->on_change_arg = guard;
    *ret_guard = guard;
    return CW_OK;
}

void cw_ban_guard_destroy(struct cw_ban_guard *guard)
{
    if (guard == NULL)
        return;
    cw_cluster_bans(guard->node->cluster)->on_change = NULL;
    event_free(guard->turn);
    free(guard);
}
