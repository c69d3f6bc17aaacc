/*
 * ban_list.h - bans by what they are of: users, addresses and networks, channels. Pure.
 *
 * A subject is as Redis has it (functions/chanway_limits_bans.lua): "user:ann", as the group of the
 * user is called; "address:10.0.0.0/8"; "channel:<uuid>". As text a list has a line for each ban:
 * "<ms left> <subject> <reason>".
 */
#ifndef CW_BAN_LIST_H
#define CW_BAN_LIST_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include "base/map.h"
#include "base/writer.h"
#include "ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** As many as Redis keeps, and as many again that have ended since. */
#define CW_BANS_MAX 20000
/** A close frame has room for no longer reason. */
#define CW_BAN_REASON_MAX 123

struct cw_ban {
    struct cw_map_node in_bans;
    int64_t until_ms; /* of the caller's clock */
    const char *subject;
    const char *reason; /* may be empty */
    size_t key_size;
    char key[]; /* then the two texts */
};

struct cw_ban_list {
    struct cw_map bans;
    uint32_t networks[CW_IP_BITS + 1]; /* bans of addresses with so many bits */
};

void cw_ban_list_init(struct cw_ban_list *list);
/** Empties it, too. */
void cw_ban_list_finish(struct cw_ban_list *list);

/**
 * Adds a ban, or changes the one there is. CW_ERR_INVALID: no such subject, or the reason is too
 * long; CW_ERR_FULL; CW_ERR_NOMEM: nothing has changed.
 */
CW_MUST_CHECK int cw_ban_list_set(struct cw_ban_list *list, struct cw_bytes subject,
                                  struct cw_bytes reason, int64_t until_ms);
/** Takes one out; that there is none is fine. */
void cw_ban_list_lift(struct cw_ban_list *list, struct cw_bytes subject);
/** Takes out those that have ended. */
void cw_ban_list_purge(struct cw_ban_list *list, int64_t now_ms);

/** Adds the lines of `text`, those that it can; an error of cw_ban_list_set() if there are others.
 * CW_ERR_NOMEM: not all that it could. */
CW_MUST_CHECK int cw_ban_list_read(struct cw_ban_list *list, struct cw_bytes text, int64_t now_ms);
void cw_ban_list_write(const struct cw_ban_list *list, int64_t now_ms, struct cw_writer *writer);

/** The ban of an address; of the networks that it is in, that of the smallest. NULL: none. */
const struct cw_ban *cw_ban_list_find_ip(const struct cw_ban_list *list, const struct cw_ip *ip,
                                         int64_t now_ms);
/** The ban of this user or channel, as the subject is written. NULL: none. */
const struct cw_ban *cw_ban_list_find(const struct cw_ban_list *list, struct cw_bytes subject,
                                      int64_t now_ms);

#endif
