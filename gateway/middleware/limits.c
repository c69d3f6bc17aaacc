/* limits.c - a connection asks for its seats, one after the other; see cluster/seats.h. */
#include "middleware/limits.h"

#include <chanway/middleware.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/extras.h"
#include "channel/grants.h"
#include "ip.h"
#include "middleware/chain.h"
#include "policy.h"
#include "seats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY_AGAIN_MS  1000 /* Redis did not say */
#define FULL_RETRY_MS 1000 /* to begin with; spread by as much as the oldest seat holds */

/* A connection on its way past both limits, or an open one whose user has just become known. */
struct asking {
    struct cw_node *node;
    struct cw_wait *wait; /* NULL: the channel is open already */
    struct cw_seat *seat; /* the one that is asked for */
    struct cw_seat *seats[CW_SEAT_KINDS];
    enum cw_seat_kind kind;
    char uuid[CW_UUID_TEXT_SIZE];
};

static const struct {
    const char *too_many;
    uint64_t *refused;
} kinds[CW_SEAT_KINDS] = {
    [CW_SEAT_ADDRESS] = {"too many connections of this address",
                         &CW_STAT(limits_refused_address_total)},
    [CW_SEAT_USER] = {"too many connections of this user", &CW_STAT(limits_refused_user_total)},
};

/* --- who it is -------------------------------------------------------------------------------- */

/* As the names of keys have it; empty: it has none, as on a Unix socket. */
static struct cw_bytes name_of(const struct cw_channel *channel, enum cw_seat_kind kind,
                               char room[CW_GROUP_NAME_MAX + 1])
{
    static const char prefix[] = "user:";
    struct cw_ip ip;
    const char *user = cw_channel_user(channel);
    if (kind == CW_SEAT_USER && user != NULL && cw_user_group_write(cw_bytes_text(user), room))
        return cw_bytes_text(room + strlen(prefix));
    if (kind == CW_SEAT_ADDRESS && cw_ip_parse(cw_address_host(channel->address), &ip))
        return cw_bytes_make(room, cw_ip_write_party(&ip, room));
    return cw_bytes_make(room, 0);
}

static struct cw_seat_limits limits_of(const struct cw_limits *limits, enum cw_seat_kind kind)
{
    struct cw_seat_limits found = {.wait_ms = limits->op_timeout_ms / 2};
    if (kind == CW_SEAT_USER) {
        found.max = limits->max_per_user;
    } else {
        found.max = limits->max_per_address;
        found.rate = limits->connect_rate;
        found.rate_ms = limits->connect_rate_ms;
    }
    return found;
}

/* --- the answer ------------------------------------------------------------------------------- */

static void free_asking(struct asking *asking, enum cw_seat_end end)
{
    cw_seat_destroy(asking->seat, end);
    for (int i = 0; i < CW_SEAT_KINDS; i++)
        cw_seat_destroy(asking->seats[i], end);
    free(asking);
}

/* The channel's; NULL: it is gone, or was closed because it took too long. */
static struct cw_channel *channel_of(const struct asking *asking)
{
    if (asking->wait != NULL)
        return cw_wait_channel(asking->wait);
    return cw_cluster_find(asking->node->cluster, cw_bytes_text(asking->uuid));
}

static void close_connection(struct asking *asking, int code, const char *reason, int64_t retry_ms)
{
    struct cw_channel *channel = channel_of(asking);
    struct cw_wait *wait = asking->wait;
    free_asking(asking, CW_SEAT_UNDO);
    if (wait != NULL)
        cw_wait_close(wait, code, reason, retry_ms);
    else if (channel != NULL)
        cw_channel_close(channel, code, reason, retry_ms);
}

/* Both have let it in: the seats are the channel's. */
static void let_in(struct asking *asking)
{
    struct cw_channel *channel = channel_of(asking);
    struct cw_wait *wait = asking->wait;
    struct cw_extras *extras = channel == NULL ? NULL : cw_extras_of(channel);
    bool is_open = channel != NULL && channel->state != CW_CHANNEL_CLOSING && extras != NULL;
    for (int i = 0; is_open && i < CW_SEAT_KINDS; i++) {
        if (asking->seats[i] == NULL)
            continue;
        cw_seat_destroy(extras->seats[i], CW_SEAT_PASS);
        extras->seats[i] = asking->seats[i];
        asking->seats[i] = NULL;
        cw_seat_keep(extras->seats[i]);
    }
    free_asking(asking, CW_SEAT_FREE);
    if (wait != NULL)
        cw_wait_next(wait);
}

static void refuse(struct asking *asking, const struct cw_seat_answer *answer)
{
    enum cw_seat_kind kind = asking->kind;
    int64_t retry_ms = answer->retry_ms;
    if (answer->is_too_fast) {
        CW_STAT(limits_refused_rate_total)++;
        close_connection(asking, 4002, "connecting too often", retry_ms);
        return;
    }
    ++*kinds[kind].refused;
    close_connection(asking, 4002, kinds[kind].too_many,
                     FULL_RETRY_MS + cw_random_below((uint32_t)retry_ms + 1));
}

static void take_seat(struct asking *asking)
{
    asking->seats[asking->kind] = asking->seat;
    asking->seat = NULL;
    asking->kind++;
}

/* Redis did not say. True: it goes on all the same; Redis has the seat with the next renewal. */
static bool goes_on_unanswered(struct asking *asking)
{
    CW_STAT(limits_unavailable_total)++;
    if (!asking->node->limits.closes_without_limits) {
        take_seat(asking);
        return true;
    }
    close_connection(asking, 1013, "limits can't be looked up now",
                     TRY_AGAIN_MS + cw_random_below(TRY_AGAIN_MS));
    return false;
}

static void on_answer(void *arg, const struct cw_seat_answer *answer);

/* From the kind that is next on: what is not limited needs no seat. */
static void ask_next(struct asking *asking)
{
    char name[CW_GROUP_NAME_MAX + 1];
    const struct cw_channel *channel = channel_of(asking);
    while (channel != NULL && asking->kind < CW_SEAT_KINDS) {
        struct cw_seat_limits limits = limits_of(&asking->node->limits, asking->kind);
        struct cw_bytes who = name_of(channel, asking->kind, name);
        if ((limits.max == 0 && limits.rate == 0) || who.size == 0) {
            asking->kind++;
            continue;
        }
        int rc = cw_seat_create(cw_cluster_seats(asking->node->cluster), asking->kind, who,
                                channel->uuid, &asking->seat);
        if (rc == CW_OK)
            rc = cw_seat_ask(asking->seat, &limits, on_answer, asking);
        if (rc == CW_OK || !goes_on_unanswered(asking))
            return;
    }
    let_in(asking);
}

static void on_answer(void *arg, const struct cw_seat_answer *answer)
{
    struct asking *asking = arg;
    if (answer->rc == CW_ERR_RATE_LIMITED) {
        refuse(asking, answer);
        return;
    }
    if (answer->rc == CW_OK)
        take_seat(asking);
    else if (!goes_on_unanswered(asking))
        return;
    ask_next(asking);
}

/* --- the chain -------------------------------------------------------------------------------- */

static bool is_asked_about(const struct cw_channel *channel)
{
    const struct cw_limits *limits = &channel->node->limits;
    return limits->max_per_address > 0 || limits->connect_rate > 0 ||
           (limits->max_per_user > 0 && cw_channel_user(channel) != NULL);
}

static struct asking *create_asking(struct cw_channel *channel, enum cw_seat_kind kind)
{
    struct asking *asking = calloc(1, sizeof(*asking));
    if (asking == NULL)
        return NULL;
    asking->node = channel->node;
    asking->kind = kind;
    memcpy(asking->uuid, channel->uuid, sizeof(asking->uuid));
    return asking;
}

static enum cw_verdict on_connect(void *arg, struct cw_channel *channel, struct cw_step *step)
{
    (void)arg;
    if (!is_asked_about(channel))
        return CW_PASS;
    struct asking *asking = create_asking(channel, CW_SEAT_ADDRESS);
    if (asking == NULL)
        return cw_step_fail(step, CW_ERR_NOMEM, NULL, -1);
    asking->wait = cw_step_wait(step);
    if (asking->wait == NULL) {
        free(asking);
        return cw_step_fail(step, CW_ERR_NOMEM, NULL, -1);
    }
    ask_next(asking);
    return CW_WAIT;
}

void cw_limits_user_known(struct cw_channel *channel)
{
    const struct cw_extras *extras = channel->extras;
    if (channel->node->limits.max_per_user == 0 || cw_channel_user(channel) == NULL ||
        (extras != NULL && extras->seats[CW_SEAT_USER] != NULL))
        return;
    struct asking *asking = create_asking(channel, CW_SEAT_USER);
    if (asking == NULL)
        cw_channel_close(channel, 1011, "out of memory", -1);
    else
        ask_next(asking);
}

int cw_limits_add(struct cw_chain *chain, struct cw_node *node)
{
    const struct cw_middleware limits = {.name = "limits", .on_connect = on_connect, .arg = node};
    return cw_chain_add(chain, &limits);
}
