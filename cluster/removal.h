/*
 * removal.h - channels that leave the registry: their hashes, then the node's set, in batches.
 *
 * They went for good, wait to be resumed, or are hidden while their connection lives on. Their
 * memberships were left before.
 */
#ifndef CW_REMOVAL_H
#define CW_REMOVAL_H

#include "registry.h"

/** End of turn, second half: removes the channels in cw_registry.detaching. */
void cw_removals_flush(struct cw_registry *registry);

#endif
