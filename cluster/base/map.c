/*
 * map.c - hash map with chained buckets, at most one item per bucket on average.
 *
 * Growing doubles the buckets in one go; the items keep their hashes, so no key is read again. A
 * map never shrinks: its size follows the busiest minute of a node, which comes back.
 */
#include "base/map.h"

#include "base/clock.h"
#include "base/siphash.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#define BUCKETS_MIN 16
/* All bits of a node's hash. */
#define BUCKETS_MAX ((size_t)1 << 31)

static uint32_t hash_of(struct cw_bytes key)
{
    static unsigned char secret[CW_SIPHASH_KEY_SIZE];
    static bool has_secret;
    if (!has_secret) {
        cw_random_bytes(secret, sizeof(secret));
        has_secret = true;
    }
    return (uint32_t)cw_siphash13(secret, key);
}

static size_t bucket_index(const struct cw_map *map, uint32_t hash)
{
    return hash & (map->bucket_count - 1);
}

static void link_node(struct cw_map *map, struct cw_map_node *node)
{
    struct cw_map_node **bucket = &map->buckets[bucket_index(map, node->hash)];
    node->next = *bucket;
    *bucket = node;
}

static bool grow(struct cw_map *map)
{
    size_t old_count = map->bucket_count;
    size_t new_count = old_count == 0 ? BUCKETS_MIN : old_count * 2;
    struct cw_map_node **old = map->buckets;
    struct cw_map_node **buckets = calloc(new_count, sizeof(struct cw_map_node *));
    if (buckets == NULL)
        return false;

    map->buckets = buckets;
    map->bucket_count = new_count;
    for (size_t i = 0; i < old_count; i++) {
        struct cw_map_node *node = old[i];
        while (node != NULL) {
            struct cw_map_node *next = node->next;
            link_node(map, node);
            node = next;
        }
    }
    free(old);
    return true;
}

void cw_map_init(struct cw_map *map, cw_map_key_fn key_of)
{
    *map = (struct cw_map){.key_of = key_of};
}

void cw_map_finish(struct cw_map *map)
{
    free(map->buckets);
    *map = (struct cw_map){.key_of = map->key_of};
}

struct cw_map_node *cw_map_find(const struct cw_map *map, struct cw_bytes key)
{
    if (map->count == 0)
        return NULL;

    uint32_t hash = hash_of(key);
    struct cw_map_node *node = map->buckets[bucket_index(map, hash)];
    while (node != NULL && !(node->hash == hash && cw_bytes_equal(map->key_of(node), key)))
        node = node->next;
    return node;
}

int cw_map_add(struct cw_map *map, struct cw_map_node *node)
{
    if (map->count >= map->bucket_count && map->bucket_count < BUCKETS_MAX) {
        /* A map that can't grow gets slower; only one without buckets has no place for the item. */
        if (!grow(map) && map->buckets == NULL)
            return CW_ERR_NOMEM;
    }
    node->hash = hash_of(map->key_of(node));
    link_node(map, node);
    map->count++;
    return CW_OK;
}

void cw_map_remove(struct cw_map *map, struct cw_map_node *node)
{
    assert(map->count > 0);
    struct cw_map_node **link = &map->buckets[bucket_index(map, node->hash)];
    while (*link != node) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = node->next; /* node->next stays: an iteration may go on from here */
    map->count--;
}

struct cw_map_node *cw_map_next(const struct cw_map *map, const struct cw_map_node *node)
{
    if (node != NULL && node->next != NULL)
        return node->next;

    size_t i = node == NULL ? 0 : bucket_index(map, node->hash) + 1;
    for (; i < map->bucket_count; i++) {
        if (map->buckets[i] != NULL)
            return map->buckets[i];
    }
    return NULL;
}
