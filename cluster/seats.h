/*
 * seats.h - connections of an address or a user, counted in the whole cluster (settings
 * max-per-address, max-per-user, connect-rate).
 *
 * Redis has a seat for each connection of such a party, under its channel's uuid, and it ends by
 * itself: its node renews it every 5 s, in batches, and a node that dies renews nothing any more.
 * What Redis has lost comes back with the next renewal.
 *
 *   created --ask--> ASKING --let in--> kept: renewed until destroyed
 *      |               `--refused, or no answer in time--> destroyed, or kept all the same
 *      `--keep (Redis is away, and that is to be no obstacle)--^
 */
#ifndef CW_SEATS_H
#define CW_SEATS_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include "base/list.h"
#include "base/map.h"
#include "endpoints.h"

#include <stdbool.h>
#include <stdint.h>

struct event;
struct event_base;

/** How long a seat holds in Redis, and how often it is renewed. */
#define CW_SEAT_TTL_MS   15000
#define CW_SEAT_RENEW_MS 5000
/** Who asks is answered within this. */
#define CW_SEAT_WAIT_MS 2000

struct cw_seats {
    struct event_base *base;
    struct cw_endpoints *endpoints;
    const char *prefix;
    struct cw_map parties; /* struct party by key */
    struct cw_list due;    /* struct party, the next to renew first */
    struct cw_list asking; /* struct cw_seat, the next to give up first */
    struct event *timer;   /* runs while there is anything to renew or to give up */
};

struct cw_seat;

enum cw_seat_kind { CW_SEAT_ADDRESS, CW_SEAT_USER, CW_SEAT_KINDS };

/** 0: no such limit. */
struct cw_seat_limits {
    int64_t max;           /* connections */
    int64_t rate, rate_ms; /* so many new ones in so much time */
    int64_t wait_ms;       /* for an answer, at most CW_SEAT_WAIT_MS */
};

struct cw_seat_answer {
    int rc;           /* CW_OK; CW_ERR_RATE_LIMITED: refused; else Redis did not say */
    bool is_too_fast; /* refused by the rate, not by the number */
    int64_t retry_ms; /* refused: when the rate lets one in; when the oldest seat would end */
};
typedef void (*cw_seat_fn)(void *arg, const struct cw_seat_answer *answer);

CW_MUST_CHECK int cw_seats_init(struct cw_seats *seats, struct event_base *base,
                                struct cw_endpoints *endpoints, const char *prefix);
/** After the endpoint's close, and when all seats are destroyed. */
void cw_seats_finish(struct cw_seats *seats);

/**
 * A seat for the channel `uuid`, of which Redis knows nothing yet. `name` is written as the names
 * of keys have it (the caller's work). CW_ERR_INVALID: it is too long or not of that alphabet;
 * CW_ERR_NOMEM.
 */
CW_MUST_CHECK int cw_seat_create(struct cw_seats *seats, enum cw_seat_kind kind,
                                 struct cw_bytes name, const char *uuid, struct cw_seat **ret_seat);
/**
 * Asks Redis for it. CW_OK: `fn` is called once, later, unless the seat is destroyed before; an
 * error (no link): it is not.
 */
CW_MUST_CHECK int cw_seat_ask(struct cw_seat *seat, const struct cw_seat_limits *limits,
                              cw_seat_fn fn, void *arg);
/** From now on it is renewed, if there is a limit to its party's number. */
void cw_seat_keep(struct cw_seat *seat);

enum cw_seat_end {
    CW_SEAT_FREE, /* another connection may have it */
    CW_SEAT_PASS, /* a newer connection of the same channel has it */
    CW_SEAT_UNDO, /* something else has refused the connection: it does not count for the rate */
};
/** NULL is fine. */
void cw_seat_destroy(struct cw_seat *seat, enum cw_seat_end end);

#endif
