/*
 * opening.h - what a connection begins with: the groups that its URL names or that it comes back
 * to, and where it was in each. Gone when all of it is done.
 */
#ifndef CW_CHANNEL_OPENING_H
#define CW_CHANNEL_OPENING_H

#include <chanway/bytes.h>
#include <chanway/cluster.h>
#include <chanway/error.h>

#include "channel/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_grants;
struct cw_handshake;
struct cw_member;
struct cw_op;

struct cw_opening_group {
    char *name;               /* owned */
    struct cw_member *parked; /* joined, waits for `welcome` or for the op `since`; NULL: not */
    int rc;                   /* resumed: why it could not be joined; CW_OK: it was */
    struct cw_position since;
    bool has_since;
    bool is_logged; /* parked: the group keeps history */
    bool is_lost;   /* resumed, and nobody knows where it was: `since` is lost */
    bool is_resumed;
    bool is_own;       /* of its user: joined before `welcome` like those, and not named there */
    bool was_named;    /* own: the URL names it all the same, which is refused */
    bool wants_joined; /* the URL or its token names it */
};

/** A position of `since=` in the URL, of a group that may be resumed. */
struct cw_opening_since {
    char *group; /* owned */
    struct cw_position position;
};

struct cw_opening {
    struct cw_opening_group *groups; /* owned */
    size_t group_count;
    size_t joining;                 /* resumed ones that are joined before `welcome` names them */
    size_t left;                    /* of all of them, not done */
    struct cw_opening_since *since; /* owned */
    size_t since_count;
    struct cw_position direct_since;
    bool has_direct_since;
    bool is_direct_lost; /* resumed, and nobody knows where it was */
    bool is_later;       /* positions come by the op `since`: until then deliveries wait */
    bool is_resuming;    /* by `resume` */
    bool is_resumed;
    bool was_welcomed;   /* before its token came */
    bool is_direct_done; /* what was kept has been sent */
    bool has_gap;
    int64_t later_until_ms; /* monotonic: then the default holds */
    struct cw_op *op;       /* `since`, until all is replayed; NULL: none */
    struct cw_op *auth;     /* `auth`, until it is known to the cluster; NULL: none */
    struct cw_resume resume;
    char token[CW_SESSION_TOKEN_SIZE]; /* for the client; "": there are no sessions */
};

/** Takes what it needs of `handshake`; `resume` NULL: a new channel. CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_opening_create(const struct cw_handshake *handshake,
                                    const struct cw_resume *resume,
                                    struct cw_opening **ret_opening);
/** Beside its own: the groups that its token names, and its user's. CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_opening_add_granted(struct cw_opening *opening,
                                         const struct cw_grants *grants);
/** NULL is fine. */
void cw_opening_destroy(struct cw_opening *opening);

struct cw_opening_group *cw_opening_find(const struct cw_opening *opening, struct cw_bytes name);

/** What the registry or, `own`, this node itself knows of the connection before. CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_opening_add(struct cw_opening *opening, const struct cw_written *groups,
                                 size_t count);
/** As for groups: the client's own position counts more. */
void cw_opening_set_direct(struct cw_opening *opening, struct cw_position position, bool is_known);

/** The op `since`: positions that replace those known so far. */
void cw_opening_set_since(struct cw_opening *opening, struct cw_bytes group,
                          struct cw_position position);

#endif
