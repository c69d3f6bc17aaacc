/*
 * members.h - (8) a group's local channels, and the fan-out to them: one frame per kind, n
 * references.
 */
#ifndef CW_CHANNEL_MEMBERS_H
#define CW_CHANNEL_MEMBERS_H

#include <chanway/cluster.h>
#include <chanway/message.h>

#include "base/list.h"
#include "base/map.h"
#include "channel/node.h"
#include "names.h"
#include "protocol/kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_channel;
struct cw_group;
struct cw_op;
struct cw_replay;

enum cw_member_state { CW_MEMBER_JOINING, CW_MEMBER_JOINED, CW_MEMBER_LEAVING };

/** One channel in one group. */
struct cw_member {
    struct cw_list_node in_channel; /* in cw_channel.members */
    struct cw_channel *channel;
    struct cw_group *group;
    struct cw_op *op;         /* JOINING, LEAVING: who asked; NULL: the URL's groups */
    struct cw_replay *replay; /* what it missed is being read: JOINING, or JOINED and behind; or
                                 NULL */
    struct cw_position since; /* JOINED: all after it was sent on this connection */
    uint32_t index;           /* in the group's array of its kind, while JOINED */
    uint8_t state;            /* enum cw_member_state */
    bool wants_presence;
    bool is_asked;  /* a back end put it there: its client's token is not asked */
    bool has_since; /* JOINING: `since` is where the client was */
};

struct cw_group {
    struct cw_map_node in_groups;              /* in cw_node.groups */
    struct cw_node *node;                      /* NULL: it is gone, somebody still has the group */
    struct cw_member **members[CW_KIND_COUNT]; /* JOINED ones: `count`, then `behind` of them */
    uint32_t count[CW_KIND_COUNT];             /* they get what the node gets */
    uint32_t behind[CW_KIND_COUNT];            /* they are sent it by a replay */
    uint32_t capacity[CW_KIND_COUNT];
    uint8_t slow_policy;    /* enum cw_slow_policy */
    uint64_t log;           /* its number among the logs of this node: frames have it, see buf.h */
    uint32_t refs;          /* members in any state, and the application's */
    struct cw_list chasing; /* replays ahead of the live messages; channel/replay.c's */
    char name[];
};

/** The group `name`, made if need be, with a reference of the caller's. NULL: out of memory. */
struct cw_group *cw_group_ref(struct cw_node *node, struct cw_bytes name);
/** The settings have changed: what is asked per group is asked again. */
void cw_groups_on_reload(struct cw_node *node);
/** Frees the group after the last one. */
void cw_group_unref(struct cw_group *group);

/** The member of `channel` in `name`, in any state; NULL: none. */
struct cw_member *cw_member_find(const struct cw_channel *channel, struct cw_bytes name);
/** Adds `channel` to `name` as JOINING, creating the group. CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_member_create(struct cw_channel *channel, struct cw_bytes name,
                                   struct cw_member **ret_member);
/** From now on it gets messages. CW_ERR_NOMEM: still JOINING. */
CW_MUST_CHECK int cw_member_activate(struct cw_member *member);
/** No message after this; still in its channel's list, LEAVING. */
void cw_member_deactivate(struct cw_member *member);
/** Takes it out of everything; frees the group with its last member. NULL is fine. */
void cw_member_destroy(struct cw_member *member);

/**
 * Puts `message` into the outbox of every joined member (but its sender, if it says so). What
 * happens to a member whose outbox has no room is the group's slow-policy; but not for a message of
 * the node's catch-up: then it falls behind, and is sent the group's history as fast as it reads
 * (replay.h).
 */
void cw_group_deliver(struct cw_group *group, const struct cw_message *message);
/** The node has got `message`, but nobody is to see it. */
void cw_group_pass_over(struct cw_group *group, const struct cw_message *message);
/** Tells every joined member of a gap (raw: counted, or closed with 1013 where the setting says
 * so). */
void cw_group_tell_gap(struct cw_group *group, const struct cw_gap *gap);
/** Tells the members who asked that `channel` joined or left; not `channel` itself. */
void cw_group_tell_presence(struct cw_group *group, bool is_join, struct cw_bytes channel,
                            struct cw_bytes user);

#endif
