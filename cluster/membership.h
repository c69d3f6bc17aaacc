/*
 * membership.h - which of this node's channels are in which group, here and in Redis.
 *
 *   MARKING --owner-checked mark in the channel's hash--> WAITING --interest acked--> JOINING
 *      --batched cw_node_join: the group's tip--> REACHING --all up to the tip delivered--> JOINED
 *
 *   JOINED, or a join that failed half way --> LEAVING --cw_node_leave, then the mark's removal,
 *      both acknowledged (else sent again)--> (gone)
 *
 * A channel that is written for the first time skips MARKING: its groups' marks go with its join in
 * the same turn, since nobody else can own a new uuid. Joins and leaves of a turn travel in batches
 * per group.
 */
#ifndef CW_MEMBERSHIP_H
#define CW_MEMBERSHIP_H

#include <chanway/cluster.h>
#include <chanway/error.h>

#include "base/list.h"
#include "endpoints.h"
#include "interest.h"
#include "registry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cw_membership_state {
    CW_MEMBERSHIP_MARKING,
    CW_MEMBERSHIP_WAITING,
    CW_MEMBERSHIP_JOINING,
    CW_MEMBERSHIP_REACHING,
    CW_MEMBERSHIP_JOINED,
    CW_MEMBERSHIP_LEAVING,
};

struct cw_membership {
    struct cw_list_node in_channel;  /* in cw_cluster_channel.memberships */
    struct cw_list_node in_interest; /* in the interest's waiting, joining or leaving */
    struct cw_memberships *memberships;
    struct cw_cluster_channel *channel; /* NULL: the channel went while this leaves */
    struct cw_interest *interest;
    union {
        cw_joined_fn joined;
        cw_done_fn left;
    } fn;
    void *arg;
    struct cw_position target; /* REACHING: the tip at its join */
    uint32_t lease_number;     /* of the id under which it was written last */
    uint16_t calls;            /* answers outstanding: it is freed after the last */
    int16_t leave_rc;          /* LEAVING: the error among the answers so far */
    uint8_t state;             /* enum cw_membership_state */
    bool is_in_redis : 1;      /* a join was sent: it has to be left */
    bool is_repeat : 1;        /* to be written again after a loss, once it is JOINED and marked */
    bool wants_presence : 1;
    char uuid[CW_UUID_TEXT_SIZE];
};

struct cw_memberships {
    struct cw_interests *interests;
    struct cw_registry *registry;
    struct cw_list dirty; /* interests with joins or leaves of this turn */
};

void cw_memberships_init(struct cw_memberships *memberships, struct cw_interests *interests,
                         struct cw_registry *registry);

/** Frees what is left, without telling anybody; the link is gone. */
void cw_memberships_finish(struct cw_memberships *memberships);

struct cw_membership *cw_membership_find(const struct cw_cluster_channel *channel,
                                         struct cw_bytes group);
/** As cw_cluster_join, with a valid name and no membership yet. */
CW_MUST_CHECK int cw_membership_join(struct cw_memberships *memberships,
                                     struct cw_cluster_channel *channel, struct cw_bytes group,
                                     bool wants_presence, void *local, cw_joined_fn fn, void *arg);
/** As cw_cluster_leave, from JOINED. Messages end at once. */
void cw_membership_leave(struct cw_memberships *memberships, struct cw_membership *membership,
                         cw_done_fn fn, void *arg);
/** The channel goes: pending fns are called with CW_ERR_CANCELLED, everything is left. */
void cw_memberships_remove_all(struct cw_memberships *memberships,
                               struct cw_cluster_channel *channel);

/** The channel's hash is on its way to Redis: its memberships may follow (again). */
void cw_memberships_on_attached(struct cw_cluster_channel *channel);
/** Redis has the channel in `group`, this node has not: leaves it for `owner` and for this node. */
void cw_memberships_repair(struct cw_cluster_channel *channel, struct cw_bytes group,
                           struct cw_bytes owner);
/** An interest was acked or moved on. */
void cw_memberships_on_progress(struct cw_memberships *memberships, struct cw_interest *interest);
/** The channel could not be written: its joins, which wait for that, fail (CW_ERR_UNAVAILABLE). */
void cw_memberships_refuse(struct cw_cluster_channel *channel);
/** The links to `endpoint` were lost: joins under way there fail, CW_ERR_TIMEOUT, or
 * CW_ERR_UNAVAILABLE if nothing was handed over; leaves are sent when they are back. */
void cw_memberships_on_down(struct cw_memberships *memberships, const struct cw_endpoint *endpoint);
/** Groups have another endpoint: where the one before is lost, the same. Before the interests. */
void cw_memberships_on_moved(struct cw_memberships *memberships);
/** End of turn: sends joins, then leaves. */
void cw_memberships_flush(struct cw_memberships *memberships);

#endif
