/*
 * map.h - hash map of items that carry their own node and key; the one map of the code base.
 *
 * Keys are bytes inside the item, found by `key_of`. The hash is keyed with random bytes drawn at
 * the first use, so that clients who choose group names can't choose collisions. Grows by doubling.
 */
#ifndef CW_BASE_MAP_H
#define CW_BASE_MAP_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include <stddef.h>
#include <stdint.h>

struct cw_map_node {
    struct cw_map_node *next; /* in its bucket */
    uint32_t hash;
};

typedef struct cw_bytes (*cw_map_key_fn)(const struct cw_map_node *node);

struct cw_map {
    struct cw_map_node **buckets; /* power of two; NULL while empty from the start */
    size_t bucket_count;
    size_t count;
    cw_map_key_fn key_of;
};

void cw_map_init(struct cw_map *map, cw_map_key_fn key_of);
/** Frees the buckets; the items are the caller's. */
void cw_map_finish(struct cw_map *map);
struct cw_map_node *cw_map_find(const struct cw_map *map, struct cw_bytes key);
/** Adds an item whose key is not in the map (the caller looked). CW_ERR_NOMEM: unchanged. */
CW_MUST_CHECK int cw_map_add(struct cw_map *map, struct cw_map_node *node);
/** Takes an item out that is in the map. */
void cw_map_remove(struct cw_map *map, struct cw_map_node *node);
/**
 * Iteration in no order: start with NULL. The item just got may be removed, and freed once the one
 * after it was got; nothing else may be removed meanwhile, and nothing added.
 */
struct cw_map_node *cw_map_next(const struct cw_map *map, const struct cw_map_node *node);

#endif
