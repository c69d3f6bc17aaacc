/* seats.c - asked for, renewed, given back; see the header for their states. */
#include "seats.h"

#include "base/clock.h"
#include "base/stats.h"
#include "functions.h"
#include "names.h"

#include <event2/event.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 100
/* Seats renewed in a tick, about: a few milliseconds of this node, and 100,000 of them in 5 s. */
#define RENEWED_A_TICK 2048
#define STAMP_SIZE     20

/* Connections of this node under one key. */
struct party {
    struct cw_map_node in_parties;
    struct cw_list_node in_due;
    struct cw_list kept; /* struct cw_seat.in_party */
    int64_t due_ms;
    uint32_t refs; /* seats, kept or not */
    char key[];
};

struct cw_seat {
    struct cw_list_node in_party;  /* kept */
    struct cw_list_node in_asking; /* `fn` is still to be called */
    struct cw_seats *seats;
    struct party *party;
    cw_seat_fn fn;
    void *arg;
    int64_t until_ms;
    bool is_counted;   /* there is a limit for which Redis has, or is to have, a seat */
    bool is_on_way;    /* an answer will come */
    bool is_destroyed; /* and nobody waits for it */
    char stamp[STAMP_SIZE];
    char uuid[CW_UUID_TEXT_SIZE];
};

static struct cw_bytes key_of_party(const struct cw_map_node *node)
{
    return cw_bytes_text(CW_CONST_CONTAINER(node, struct party, in_parties)->key);
}

static void run_timer(struct cw_seats *seats)
{
    static const struct timeval tick = {0, TICK_MS * 1000};
    bool has_work = !cw_list_is_empty(&seats->due) || !cw_list_is_empty(&seats->asking);
    if (has_work && !evtimer_pending(seats->timer, NULL))
        (void)event_add(seats->timer, &tick);
}

/* --- parties ---------------------------------------------------------------------------------- */

static struct party *find_party(struct cw_seats *seats, struct cw_bytes key)
{
    struct cw_map_node *node = cw_map_find(&seats->parties, key);
    if (node != NULL)
        return CW_CONTAINER(node, struct party, in_parties);
    struct party *party = calloc(1, sizeof(*party) + key.size + 1);
    if (party == NULL)
        return NULL;
    memcpy(party->key, key.data, key.size);
    cw_list_init(&party->kept);
    if (cw_map_add(&seats->parties, &party->in_parties) == CW_OK)
        return party;
    free(party);
    return NULL;
}

static void unref_party(struct cw_seats *seats, struct party *party)
{
    if (cw_list_is_empty(&party->kept))
        cw_list_remove(&party->in_due);
    if (--party->refs > 0)
        return;
    cw_map_remove(&seats->parties, &party->in_parties);
    free(party);
}

/* --- calls ------------------------------------------------------------------------------------ */

/* A call about seats of `party` with so many arguments, which are there; a NULL `fn` is fine. */
static int call(const struct cw_seats *seats, const struct party *party, const char *function,
                struct cw_bytes *args, size_t count)
{
    args[0] = cw_bytes_text("FCALL");
    args[1] = cw_bytes_text(function);
    args[2] = cw_bytes_text("1");
    args[3] = cw_bytes_text(party->key);
    return cw_functions_command(seats->endpoints, args, count, NULL, NULL);
}

/* As many of the party's seats as a call has; those that were are behind the others. */
static int renew(const struct cw_seats *seats, struct party *party, size_t *ret_count)
{
    struct cw_bytes args[5 + CW_FUNCTIONS_BATCH];
    char ttl[16];
    struct cw_list_node *node = cw_list_first(&party->kept);
    *ret_count = 0;
    (void)snprintf(ttl, sizeof(ttl), "%d", CW_SEAT_TTL_MS);
    args[4] = cw_bytes_text(ttl);
    while (node != NULL) {
        size_t count = 5;
        for (; node != NULL && count < 5 + CW_FUNCTIONS_BATCH;
             node = cw_list_next(&party->kept, node))
            args[count++] = cw_bytes_text(CW_CONTAINER(node, struct cw_seat, in_party)->uuid);
        int rc = call(seats, party, "cw_node_seats", args, count);
        if (rc != CW_OK)
            return rc;
        *ret_count += count - 5;
    }
    return CW_OK;
}

static void renew_due(struct cw_seats *seats, int64_t now_ms)
{
    size_t renewed = 0;
    struct cw_list_node *first;
    while (renewed < RENEWED_A_TICK && (first = cw_list_first(&seats->due)) != NULL) {
        struct party *party = CW_CONTAINER(first, struct party, in_due);
        size_t count = 0;
        if (party->due_ms > now_ms || renew(seats, party, &count) != CW_OK)
            return; /* without a link: all of it when there is one */
        renewed += count;
        party->due_ms = now_ms + CW_SEAT_RENEW_MS;
        cw_list_remove(&party->in_due);
        cw_list_push_back(&seats->due, &party->in_due);
    }
}

static void answer(struct cw_seat *seat, const struct cw_seat_answer *answer)
{
    cw_list_remove(&seat->in_asking);
    seat->fn(seat->arg, answer);
}

static void give_up_late(struct cw_seats *seats, int64_t now_ms)
{
    static const struct cw_seat_answer late = {.rc = CW_ERR_TIMEOUT, .retry_ms = -1};
    struct cw_list_node *first;
    while ((first = cw_list_first(&seats->asking)) != NULL) {
        struct cw_seat *seat = CW_CONTAINER(first, struct cw_seat, in_asking);
        if (seat->until_ms > now_ms)
            return;
        answer(seat, &late);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct cw_seats *seats = arg;
    int64_t now_ms = cw_clock_ms();
    (void)fd;
    (void)what;
    give_up_late(seats, now_ms);
    renew_due(seats, now_ms);
    run_timer(seats);
}

/* --- one seat --------------------------------------------------------------------------------- */

int cw_seat_create(struct cw_seats *seats, enum cw_seat_kind kind, struct cw_bytes name,
                   const char *uuid, struct cw_seat **ret_seat)
{
    char key[CW_KEY_MAX];
    char tagged[CW_GROUP_NAME_MAX + 1];
    int size = snprintf(tagged, sizeof(tagged), "%s:%.*s", kind == CW_SEAT_USER ? "u" : "a",
                        (int)name.size, name.size == 0 ? "" : name.data);
    struct cw_bytes whole = cw_bytes_make(tagged, (size_t)size);
    if (name.size == 0 || name.size > CW_GROUP_NAME_MAX || !cw_group_name_is_valid(whole))
        return CW_ERR_INVALID;
    size_t key_size = cw_key_write(key, seats->prefix, 'l', whole);
    struct cw_seat *seat = calloc(1, sizeof(*seat));
    struct party *party = find_party(seats, cw_bytes_make(key, key_size));
    if (party != NULL)
        party->refs++;
    if (seat == NULL || party == NULL) {
        if (party != NULL)
            unref_party(seats, party);
        free(seat);
        return CW_ERR_NOMEM;
    }
    seat->seats = seats;
    seat->party = party;
    (void)snprintf(seat->uuid, sizeof(seat->uuid), "%s", uuid);
    CW_STAT(limits_seats)++;
    *ret_seat = seat;
    return CW_OK;
}

static void free_seat(struct cw_seat *seat)
{
    if (!seat->is_on_way)
        free(seat);
}

/* {'admitted', stamp}, {'rate' or 'full', ms} */
static void on_answer(void *arg, int rc, const struct cw_bytes *strings, size_t count)
{
    struct cw_seat *seat = arg;
    struct cw_seat_answer said = {.rc = rc, .retry_ms = -1};
    char digits[24] = "";
    seat->is_on_way = false;
    bool is_broken = rc == CW_OK && (count != 2 || strings[1].size >= STAMP_SIZE);
    if (is_broken || rc == CW_ERR_RATE_LIMITED) {
        said.rc = CW_ERR_INTERNAL; /* not what this function says */
    } else if (rc == CW_OK && cw_bytes_is(strings[0], "admitted")) {
        (void)snprintf(seat->stamp, sizeof(seat->stamp), "%.*s", (int)strings[1].size,
                       strings[1].size == 0 ? "" : strings[1].data);
    } else if (rc == CW_OK) {
        (void)snprintf(digits, sizeof(digits), "%.*s", (int)strings[1].size,
                       strings[1].size == 0 ? "" : strings[1].data);
        said.rc = CW_ERR_RATE_LIMITED;
        seat->is_counted = false; /* there is nothing to give back */
        said.is_too_fast = cw_bytes_is(strings[0], "rate");
        said.retry_ms = strtoll(digits, NULL, 10);
    }
    if (seat->is_destroyed)
        free(seat);
    else if (cw_list_is_linked(&seat->in_asking))
        answer(seat, &said);
}

int cw_seat_ask(struct cw_seat *seat, const struct cw_seat_limits *limits, cw_seat_fn fn, void *arg)
{
    struct cw_seats *seats = seat->seats;
    char numbers[4][24];
    (void)snprintf(numbers[0], sizeof(numbers[0]), "%d", CW_SEAT_TTL_MS);
    (void)snprintf(numbers[1], sizeof(numbers[1]), "%" PRId64, limits->max);
    (void)snprintf(numbers[2], sizeof(numbers[2]), "%" PRId64, limits->rate);
    (void)snprintf(numbers[3], sizeof(numbers[3]), "%" PRId64,
                   limits->rate > 0 ? limits->rate_ms : 0);
    const struct cw_bytes args[] = {
        cw_bytes_text("FCALL"),          cw_bytes_text("cw_node_admit"), cw_bytes_text("1"),
        cw_bytes_text(seat->party->key), cw_bytes_text(seat->uuid),      cw_bytes_text(numbers[0]),
        cw_bytes_text(numbers[1]),       cw_bytes_text(numbers[2]),      cw_bytes_text(numbers[3])};
    int rc = cw_functions_strings(seats->endpoints, args, sizeof(args) / sizeof(args[0]), on_answer,
                                  seat);
    seat->is_counted = limits->max > 0;
    if (rc != CW_OK)
        return rc;
    seat->is_on_way = true;
    seat->fn = fn;
    seat->arg = arg;
    seat->until_ms =
        cw_clock_ms() + (limits->wait_ms < CW_SEAT_WAIT_MS ? limits->wait_ms : CW_SEAT_WAIT_MS);
    cw_list_push_back(&seats->asking, &seat->in_asking);
    run_timer(seats);
    return CW_OK;
}

void cw_seat_keep(struct cw_seat *seat)
{
    struct cw_seats *seats = seat->seats;
    struct party *party = seat->party;
    if (!seat->is_counted || cw_list_is_linked(&seat->in_party))
        return;
    cw_list_push_back(&party->kept, &seat->in_party);
    if (!cw_list_is_linked(&party->in_due)) {
        party->due_ms = cw_clock_ms() + CW_SEAT_RENEW_MS;
        cw_list_push_back(&seats->due, &party->in_due);
    }
    run_timer(seats);
}

/* A call that is under way comes before it on the link. */
static void give_back(const struct cw_seat *seat, enum cw_seat_end end)
{
    bool is_undone = end == CW_SEAT_UNDO && seat->stamp[0] != '\0';
    struct cw_bytes args[6];
    if (end == CW_SEAT_PASS || !(seat->is_counted || is_undone))
        return;
    args[4] = cw_bytes_text(is_undone ? seat->stamp : "");
    args[5] = cw_bytes_text(seat->uuid);
    (void)call(seat->seats, seat->party, "cw_node_unseat", args, 6);
}

void cw_seat_destroy(struct cw_seat *seat, enum cw_seat_end end)
{
    if (seat == NULL)
        return;
    give_back(seat, end);
    CW_STAT(limits_seats)--;
    cw_list_remove(&seat->in_asking);
    cw_list_remove(&seat->in_party);
    unref_party(seat->seats, seat->party);
    seat->is_destroyed = true;
    free_seat(seat);
}

int cw_seats_init(struct cw_seats *seats, struct event_base *base, struct cw_endpoints *endpoints,
                  const char *prefix)
{
    *seats = (struct cw_seats){.base = base, .endpoints = endpoints, .prefix = prefix};
    cw_map_init(&seats->parties, key_of_party);
    cw_list_init(&seats->due);
    cw_list_init(&seats->asking);
    seats->timer = evtimer_new(base, on_tick, seats);
    return seats->timer == NULL ? CW_ERR_NOMEM : CW_OK;
}

void cw_seats_finish(struct cw_seats *seats)
{
    if (seats->timer != NULL)
        event_free(seats->timer);
    cw_map_finish(&seats->parties);
}
