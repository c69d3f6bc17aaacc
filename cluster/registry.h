/*
 * registry.h - the mirror in Redis of the channels that this node holds.
 *
 *   ATTACHING --end of turn: node set, then channel hash--> ATTACHED --detach--> (gone)
 *        ^-------- announced again: the link or Redis' data was lost ---|
 *
 * Superset first (DESIGN: fencing): the node's set, then the channel's hash, then memberships;
 * removal in reverse. So a crash between two steps leaves nothing that can't be found.
 */
#ifndef CW_REGISTRY_H
#define CW_REGISTRY_H

#include <chanway/cluster.h>
#include <chanway/error.h>

#include "base/list.h"
#include "base/map.h"
#include "endpoints.h"
#include "names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cw_attach_state { CW_ATTACHING, CW_ATTACHED, CW_DETACHING };

struct cw_cluster_channel {
    struct cw_list_node in_channels; /* in cw_registry.channels */
    struct cw_list_node in_turn;     /* in cw_registry.attaching or .detaching */
    struct cw_cluster *cluster;
    struct cw_registry *registry;
    void *user;                 /* the caller's, for describe */
    struct cw_list memberships; /* struct cw_membership.in_channel */
    uint8_t state;              /* enum cw_attach_state */
    bool is_written;            /* Redis may have it: it has to be removed there */
    char uuid[CW_UUID_TEXT_SIZE];
};

struct cw_memberships;

struct cw_registry {
    struct cw_endpoint *endpoint;
    struct cw_memberships *memberships; /* set by the cluster */
    void (*request_flush)(void *arg);   /* asks for the end-of-turn flush; set by the cluster */
    void *request_flush_arg;
    const char *prefix;
    const char *node_id;
    struct cw_cluster_events events;
    struct cw_list channels;
    struct cw_list attaching; /* to be written at the end of the turn */
    struct cw_list detaching; /* to be removed at the end of the turn, after their memberships */
    size_t count;
    bool is_suspect; /* a write failed or its outcome is unknown: announce all at the next renewal
                        of the lease, or when the link is back */
};

void cw_registry_init(struct cw_registry *registry, struct cw_endpoint *endpoint,
                      const char *prefix, const char *node_id,
                      const struct cw_cluster_events *events);
void cw_registry_finish(struct cw_registry *registry);

CW_MUST_CHECK int cw_registry_add(struct cw_registry *registry, struct cw_cluster *cluster,
                                  const char *uuid, void *user,
                                  struct cw_cluster_channel **ret_channel);
/** Its memberships are gone already; it is freed when Redis has said that it is gone there. */
void cw_registry_remove(struct cw_registry *registry, struct cw_cluster_channel *channel);

static inline void cw_registry_request_flush(struct cw_registry *registry)
{
    registry->request_flush(registry->request_flush_arg);
}

/** End of turn, first half: writes new channels (node set, then hashes). */
void cw_registry_flush_attach(struct cw_registry *registry);
/** End of turn, second half: removes channels (hashes, then node set). */
void cw_registry_flush_detach(struct cw_registry *registry);

/** Everything is to be written again in the next turns: all channels go back to ATTACHING. */
void cw_registry_announce_all(struct cw_registry *registry);

#endif
