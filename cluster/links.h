/*
 * links.h - what becomes of a cluster's parts when a Redis server comes, goes, or gives slots away.
 */
#ifndef CW_LINKS_H
#define CW_LINKS_H

#include "endpoints.h"

/** The endpoints' events; their `arg` is the cluster. */
extern const struct cw_endpoints_events cw_link_events;

/** The node may write (again): what waited, what is in doubt, what was sent to its channels
 * meanwhile. `arg` is the cluster. */
void cw_links_on_held(void *arg);

#endif
