/*
 * node_list.c - the live nodes, and what each says of itself: one list, then one look at each
 * lease.
 */
#include <chanway/cluster.h>

#include "facts.h"
#include "functions.h"
#include "names.h"
#include "parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a larger cluster the first that Redis names are told. */
#define NODES_MAX 1000

struct listing;

struct listed {
    struct listing *listing;
    char id[CW_NODE_ID_MAX];
    char about[CW_NODE_ABOUT_MAX];
    size_t about_size;
    bool is_gone; /* its lease has ended meanwhile */
};

struct listing {
    struct cw_cluster *cluster;
    cw_nodes_fn fn;
    void *arg;
    struct listed *nodes;
    size_t count;
    size_t missing; /* answers */
    int rc;
};

static void end_listing(struct listing *listing)
{
    struct cw_node_info *infos = calloc(listing->count + 1, sizeof(*infos));
    size_t count = 0;
    int rc = infos == NULL ? CW_ERR_NOMEM : listing->rc;
    for (size_t i = 0; rc == CW_OK && i < listing->count; i++) {
        const struct listed *node = &listing->nodes[i];
        if (node->is_gone)
            continue;
        infos[count++] = (struct cw_node_info){
            .id = cw_bytes_text(node->id), .about = cw_bytes_make(node->about, node->about_size)};
    }
    listing->fn(listing->arg, rc, count == 0 ? NULL : infos, count);
    free(infos);
    free(listing->nodes);
    free(listing);
}

static void end_one(struct listing *listing, int rc)
{
    if (rc != CW_OK)
        listing->rc = rc;
    if (--listing->missing == 0)
        end_listing(listing);
}

/* {since, about}: empty where there is none; without `since` there is no lease. */
static void on_about(void *arg, int rc, const struct cw_bytes *strings, size_t count)
{
    struct listed *node = arg;
    if (rc == CW_OK && count != 2)
        rc = CW_ERR_INTERNAL;
    if (rc == CW_OK) {
        node->is_gone = strings[0].size == 0;
        if (strings[1].size > 0 && strings[1].size <= sizeof(node->about)) {
            memcpy(node->about, strings[1].data, strings[1].size);
            node->about_size = strings[1].size;
        }
    }
    end_one(node->listing, rc);
}

static int ask_about(const struct listing *listing, struct listed *node)
{
    const struct cw_cluster *cluster = listing->cluster;
    char key[CW_KEY_MAX];
    (void)cw_key_write(key, cluster->prefix, 'n', cw_bytes_text(node->id));
    const struct cw_bytes args[] = {cw_bytes_text("HMGET"), cw_bytes_text(key),
                                    cw_bytes_text("since"), cw_bytes_text("about")};
    return cw_functions_strings(cluster->endpoints, args, sizeof(args) / sizeof(args[0]), on_about,
                                node);
}

static void on_ids(void *arg, int rc, const struct cw_bytes *ids, size_t count)
{
    struct listing *listing = arg;
    if (count > NODES_MAX)
        count = NODES_MAX;
    struct listed *nodes = rc == CW_OK ? calloc(count + 1, sizeof(*nodes)) : NULL;
    if (nodes == NULL) {
        listing->rc = rc == CW_OK ? CW_ERR_NOMEM : rc;
        end_listing(listing);
        return;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (ids[i].size > 0 && ids[i].size < CW_NODE_ID_MAX)
            memcpy(nodes[kept++].id, ids[i].data, ids[i].size);
    }
    listing->nodes = nodes;
    listing->count = kept;
    /* One more than are asked: it ends when the last one was, however many fail at once. */
    listing->missing = kept + 1;
    for (size_t i = 0; i < kept; i++) {
        nodes[i].listing = listing;
        int failed = ask_about(listing, &nodes[i]);
        if (failed != CW_OK)
            end_one(listing, failed);
    }
    end_one(listing, CW_OK);
}

int cw_cluster_nodes(struct cw_cluster *cluster, cw_nodes_fn fn, void *arg)
{
    char key[CW_KEY_MAX];
    struct listing *listing = calloc(1, sizeof(*listing));
    if (listing == NULL)
        return CW_ERR_NOMEM;
    listing->cluster = cluster;
    listing->fn = fn;
    listing->arg = arg;
    (void)snprintf(key, sizeof(key), "%s:nodes", cluster->prefix);
    int rc = cw_facts_nodes(cluster->endpoints, key, on_ids, listing);
    if (rc != CW_OK)
        free(listing);
    return rc;
}
