/*
 * registry.h - the mirror in Redis of the channels that this node holds.
 *
 *   NEW --end of turn: node set, then channel hash--> ATTACHED --detach--> (gone)
 *   ATTACHED --to be announced again--> STALE --cw_node_attach, same generation--> ATTACHED
 *                                         '---- refused: another node has taken it --> given up
 *   RESUMING --end of turn: node set, then cw_node_resume--> ATTACHED, or of no use
 *   ATTACHED, STALE --hide: detached for good in Redis, its connection lives on--> HIDDEN
 *   HIDDEN --show--> STALE, then as above
 *
 * Superset first (DESIGN: fencing): the node's set, then the channel's hash, then memberships;
 * removal in reverse. So a crash between two steps leaves nothing that can't be found. A fenced
 * node, or one without a link, queues nothing: what it can't write is found in the node's set later
 * (reaper.c).
 */
#ifndef CW_REGISTRY_H
#define CW_REGISTRY_H

#include <chanway/cluster.h>
#include <chanway/error.h>

#include "base/list.h"
#include "base/map.h"
#include "endpoints.h"
#include "inbox.h"
#include "names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cw_attach_state {
    CW_ATTACH_NEW,
    CW_ATTACH_RESUMING,
    CW_ATTACH_STALE,
    CW_ATTACHED,
    CW_HIDDEN,
    CW_DETACHING,
};

struct cw_departure;

/** A hide or a show whose outcome somebody waits for. */
struct cw_registry_change {
    struct cw_list_node in_changes; /* in cw_registry.changes */
    struct cw_cluster_channel *channel;
    cw_done_fn fn; /* NULL: nobody */
    void *arg;
};

struct cw_cluster_channel {
    struct cw_map_node in_by_uuid;   /* in cw_registry.by_uuid */
    struct cw_list_node in_channels; /* in cw_registry.channels */
    struct cw_list_node in_turn;     /* in cw_registry.attaching, .refused or .detaching */
    struct cw_list_node in_unknown;  /* in cw_registry.unknown */
    struct cw_cluster *cluster;
    struct cw_registry *registry;
    void *user;                 /* the caller's, for describe */
    struct cw_list memberships; /* struct cw_membership.in_channel */
    struct cw_inbox inbox;
    union {
        cw_attach_fn attached;
        cw_resume_fn resumed;          /* RESUMING */
    } fn;                              /* NULL: it was called */
    struct cw_departure *departure;    /* DETACHING: owned; NULL: for good */
    struct cw_registry_change *change; /* owned; NULL: none */
    uint64_t generation; /* as Redis has it, or a later one seen while RESUMING; 0: not written */
    uint32_t calls;      /* answers under way: freed after the last */
    uint8_t state;       /* enum cw_attach_state */
    unsigned char digest[CW_SESSION_DIGEST_SIZE]; /* RESUMING: of the token that the client has */
    bool is_attaching; /* an attach is under way: one at a time, their generations would clash */
    bool wants_again;  /* announced again meanwhile */
    bool is_announced; /* its `connect` was emitted, its `disconnect` was not */
    bool was_hidden;   /* since it was ATTACHED last */
    bool is_refused;   /* it could not be sent: to be told */
    char uuid[CW_UUID_TEXT_SIZE];
};

struct cw_lease;
struct cw_memberships;

struct cw_registry {
    struct cw_endpoints *endpoints;
    const struct cw_lease *lease;
    struct cw_memberships *memberships; /* set by the cluster */
    void (*request_flush)(void *arg);   /* asks for the end-of-turn flush; set by the cluster */
    /** The channel is written again after a loss: what was sent to it meanwhile is to be read.
     * `was_taken`: Redis had it no more, or as this node's under a former id. */
    void (*on_attached)(void *arg, struct cw_cluster_channel *channel, bool was_taken);
    void (*on_tick)(void *arg); /* about once a second, while the registry may be written */
    void *arg;                  /* of the three */
    const char *prefix;
    const char *node_id;
    const char *earlier_id; /* this node's id before the last lost lease; "": none */
    uint32_t lease_number;  /* counts this node's ids */
    struct cw_cluster_events events;
    void *events_arg;
    struct cw_map by_uuid; /* those that are not DETACHING */
    struct cw_list channels;
    struct cw_list changes; /* struct cw_registry_change.in_changes */
    struct cw_list unknown; /* those whose `fn` waits for an answer of Redis, or for its absence */
    struct cw_list attaching; /* to be written at the end of the turn */
    struct cw_list refused;   /* those that found the node's set away: after a while again */
    struct cw_list detaching; /* to be removed at the end of the turn, after their memberships */
    int64_t session_ttl_s;    /* of channels of nodes that died; 0: they end */
    char inbox_limits[48];    /* "<queue-max> <queue-bytes>" */
    int64_t queue_max, queue_bytes;
    size_t count;     /* channels that are neither HIDDEN nor DETACHING */
    size_t removals;  /* batches of channels whose end Redis has not confirmed yet */
    bool is_suspect;  /* a write failed or its outcome is unknown: announce all again */
    bool needs_sweep; /* a channel went that could not be removed: the node's set still has it */
};

void cw_registry_init(struct cw_registry *registry, struct cw_endpoints *endpoints,
                      const struct cw_lease *lease, const char *prefix, const char *node_id,
                      const char *earlier_id, const struct cw_cluster_events *events,
                      void *events_arg);
void cw_registry_finish(struct cw_registry *registry);

/** Bounds of inboxes and how long lost channels are kept; 0: the defaults of cluster.h. */
void cw_registry_set_session(struct cw_registry *registry, int64_t ttl_s, int64_t queue_max,
                             int64_t queue_bytes);

/** A NEW channel. CW_ERR_BUSY: its uuid is here; CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_registry_add_channel(struct cw_registry *registry, struct cw_cluster *cluster,
                                          const char *uuid, void *user,
                                          struct cw_cluster_channel **ret_channel);
/** What was just added is RESUMING, by the session of this digest. */
void cw_registry_resume(struct cw_cluster_channel *channel, const unsigned char *digest);
/** Its memberships are gone already; frees it at the end of the turn. Takes `departure`. */
void cw_registry_remove_channel(struct cw_registry *registry, struct cw_cluster_channel *channel,
                                struct cw_departure *departure);
/** The same, but Redis is not told: another connection here takes it over. */
void cw_registry_abandon(struct cw_registry *registry, struct cw_cluster_channel *channel);
/** In any state but DETACHING. NULL: this node has it not. */
struct cw_cluster_channel *cw_registry_find(const struct cw_registry *registry,
                                            struct cw_bytes uuid);
/** Whether this node has the channel, and the registry is to show it. */
bool cw_registry_shows(const struct cw_registry *registry, struct cw_bytes uuid);

/** As cw_cluster_hide and cw_cluster_show; memberships are the caller's matter. */
CW_MUST_CHECK int cw_registry_hide(struct cw_registry *registry, struct cw_cluster_channel *channel,
                                   cw_done_fn fn, void *arg);
CW_MUST_CHECK int cw_registry_show(struct cw_registry *registry, struct cw_cluster_channel *channel,
                                   cw_done_fn fn, void *arg);
/** Whoever waits for the channel's hide or show is told; nobody waits: nothing happens. */
void cw_registry_tell_change(struct cw_cluster_channel *channel, int rc);
/** All of them are told CW_ERR_CANCELLED. */
void cw_registry_cancel_changes(struct cw_registry *registry);

/** Keeps the struct (not the registration) until an answer has come; after the last one it is
 * freed. */
void cw_registry_ref_channel(struct cw_cluster_channel *channel);
void cw_registry_unref_channel(struct cw_cluster_channel *channel);

/** "<uuid> <generation>" on this node's topic: another node has attached the channel. */
void cw_registry_on_taken(struct cw_registry *registry, struct cw_bytes bytes);

/** True if the registry may be written: there is a link, and the node is not fenced. */
bool cw_registry_may_write(const struct cw_registry *registry);

static inline void cw_registry_request_flush(struct cw_registry *registry)
{
    registry->request_flush(registry->arg);
}

/** End of turn, first half: writes new and stale channels (node set, then hashes). */
void cw_registry_flush_attach(struct cw_registry *registry);
/** What was refused is written again, at the end of the turn. */
void cw_registry_retry(struct cw_registry *registry);
/** SADD or SREM of some uuids in this node's set. */
CW_MUST_CHECK int cw_registry_send_set(struct cw_registry *registry, const char *verb,
                                       const char *const *uuids, size_t count, cw_done_fn fn,
                                       void *arg);
/** A channel that left the table: frees it, once no answer is under way. */
void cw_registry_release(struct cw_registry *registry, struct cw_cluster_channel *channel);

/** What Redis acknowledged may be gone, what was removed may be back: all is announced again and
 * the node's set is swept, at the next tick. */
void cw_registry_distrust(struct cw_registry *registry);

/** Writes the channel again at the end of the turn, or after the attach that is under way. */
void cw_registry_announce(struct cw_registry *registry, struct cw_cluster_channel *channel);
/** All channels go back to STALE, to be written again in the next turns. */
void cw_registry_announce_all(struct cw_registry *registry);

#endif
