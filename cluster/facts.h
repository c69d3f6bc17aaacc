/*
 * facts.h - the calls whose answers are names and values: what a channel, a group, a node is.
 *
 * Errors as in functions.h. All views are valid during the callback.
 */
#ifndef CW_FACTS_H
#define CW_FACTS_H

#include <chanway/bytes.h>
#include <chanway/cluster.h>
#include <chanway/error.h>

#include "endpoints.h"

#include <stddef.h>

/** cw_channel; CW_ERR_NOT_FOUND: there is none. */
CW_MUST_CHECK int cw_facts_channel(struct cw_endpoints *endpoints, const char *key,
                                   cw_registry_fn fn, void *arg);
/** cw_group. */
CW_MUST_CHECK int cw_facts_group(struct cw_endpoints *endpoints, const char *key,
                                 cw_group_info_fn fn, void *arg);
/** cw_nodes: the ids of the live nodes, in no order; `key`: of all nodes. How many they are, and
 * their channels, is in the statistics then. */
typedef void (*cw_facts_nodes_fn)(void *arg, int rc, const struct cw_bytes *ids, size_t count);
CW_MUST_CHECK int cw_facts_nodes(struct cw_endpoints *endpoints, const char *key,
                                 cw_facts_nodes_fn fn, void *arg);

#endif
