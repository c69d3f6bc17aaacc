/*
 * grants.h - who a channel's client is, and what it may do: what its token says. Pure.
 *
 * A channel without a token has none (NULL), and may then do everything: where tokens are asked for
 * it is not let in, or held back until it has shown one.
 */
#ifndef CW_CHANNEL_GRANTS_H
#define CW_CHANNEL_GRANTS_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include "names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Globs or names in one list of a token; more, or longer ones, and the token is refused. */
#define CW_GRANTS_LIST_MAX 256

/** A list of names or globs; `items` and their bytes belong to the grants. */
struct cw_grants_list {
    struct cw_bytes *items;
    size_t count;
};

struct cw_grants {
    char *user; /* owned: the token's `sub` */
    struct cw_grants_list join;
    struct cw_grants_list publish;
    struct cw_grants_list groups; /* joined at connect; valid names, no doubles */
    int64_t expires_at_ms;        /* wall clock; 0: never */
    int64_t expires_s;            /* longest life of a channel; 0: not limited */
    int32_t type;                 /* enum cw_payload_type; < 0: not said */
    bool sends;
    bool has_publish; /* the list was there, empty perhaps */
    char *memory;     /* owned block that the lists point into */
};

/** NULL is fine. */
void cw_grants_destroy(struct cw_grants *grants);

/* `group` is a valid name. NULL `grants` may do all that has no token to ask for: reserved groups
 * are nobody's. */
bool cw_grants_may_join(const struct cw_grants *grants, struct cw_bytes group);
bool cw_grants_may_publish(const struct cw_grants *grants, struct cw_bytes group);
/** What may be joined, and one's own user's group. */
bool cw_grants_may_list(const struct cw_grants *grants, struct cw_bytes group);
bool cw_grants_may_send(const struct cw_grants *grants);

/**
 * Writes the group of the user `sub` (PROTOCOL: names), NUL-terminated. False: it would be too
 * long, or there is no user.
 */
bool cw_user_group_write(struct cw_bytes sub, char ret_name[CW_GROUP_NAME_MAX + 1]);
/** Whether `group` is that of this user. NULL: of none. */
bool cw_grants_own(const struct cw_grants *grants, struct cw_bytes group);

/** When the connection ends because of them, on the clock of cw_clock_ms(); 0: never. A token that
 * was let in after its end, by the tolerance of clocks, holds to the end of that. */
int64_t cw_grants_end_ms(const struct cw_grants *grants);

/* How far the clock of whoever makes tokens may be off. */
#define CW_GRANTS_SKEW_MS 30000

#endif
