/*
 * ban_mirror.h - this node's copy of the bans in Redis (functions/chanway_limits_bans.lua).
 *
 * Each change comes by the topic of all nodes and is applied if it follows what the copy knows;
 * else everything is read: also when a link comes up, and where Redis' version, asked for every 5
 * s, is another one. A version that is lower than the copy's is of a Redis that has lost bans, or
 * lifts: it gets the copy back. Without a link the copy holds.
 */
#ifndef CW_BAN_MIRROR_H
#define CW_BAN_MIRROR_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include "ban_list.h"
#include "endpoints.h"
#include "names.h"

#include <stdbool.h>
#include <stdint.h>

struct event;
struct event_base;

#define CW_BAN_MIRROR_ASK_MS 5000

struct cw_ban_mirror {
    struct cw_endpoints *endpoints;
    struct cw_ban_list list;
    uint64_t version; /* of the list; 0: there has never been a ban */
    uint64_t asked_version;
    bool is_asking;
    bool must_ask;   /* once more, after the answer */
    bool is_current; /* since the link is up the list is known to be Redis' */
    struct event *timer;
    void (*on_change)(void *arg); /* somebody may be banned who was not; NULL: nobody asks */
    void *on_change_arg;
    char key[CW_KEY_MAX];
};

CW_MUST_CHECK int cw_ban_mirror_init(struct cw_ban_mirror *bans, struct event_base *base,
                                     struct cw_endpoints *endpoints, const char *prefix);
/** After the endpoint's close. */
void cw_ban_mirror_finish(struct cw_ban_mirror *bans);

/** From the endpoint. */
void cw_ban_mirror_on_up(struct cw_ban_mirror *bans);
void cw_ban_mirror_on_down(struct cw_ban_mirror *bans);
/** "<version before> <version> <ms left, 0: lifted> <subject> <reason>" */
void cw_ban_mirror_on_message(struct cw_ban_mirror *bans, struct cw_bytes bytes);

#endif
