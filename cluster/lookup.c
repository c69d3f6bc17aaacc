/*
 * lookup.c - what the whole cluster has: channels of any node, members and history of groups; and
 * what may be asked of a channel wherever it is.
 */
#include <chanway/cluster.h>

#include "base/stats.h"
#include "envelope.h"
#include "facts.h"
#include "functions.h"
#include "names.h"
#include "parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Groups. */

int cw_cluster_members(struct cw_cluster *cluster, struct cw_bytes group, struct cw_bytes cursor,
                       int count, cw_members_fn fn, void *arg)
{
    char key[CW_KEY_MAX];
    if (!cw_group_name_is_valid(group) || count < 1 || count > 1000)
        return CW_ERR_INVALID;
    (void)cw_key_write(key, cluster->prefix, 'g', group);
    return cw_functions_members(cluster->endpoints, key, cursor, count, fn, arg);
}

int cw_cluster_read(struct cw_cluster *cluster, struct cw_bytes group, struct cw_position since,
                    cw_log_fn fn, void *arg)
{
    char key[CW_KEY_MAX];
    if (!cw_group_name_is_valid(group))
        return CW_ERR_INVALID;
    (void)cw_key_write(key, cluster->prefix, 'g', group);
    return cw_log_reader_read(&cluster->reader, key, since, fn, arg);
}

int cw_cluster_group(struct cw_cluster *cluster, struct cw_bytes group, cw_group_info_fn fn,
                     void *arg)
{
    char key[CW_KEY_MAX];
    if (!cw_group_name_is_valid(group))
        return CW_ERR_INVALID;
    (void)cw_key_write(key, cluster->prefix, 'g', group);
    return cw_facts_group(cluster->endpoints, key, fn, arg);
}

/* One channel. */

int cw_cluster_find_channel(struct cw_cluster *cluster, struct cw_bytes uuid, cw_registry_fn fn,
                            void *arg)
{
    char key[CW_KEY_MAX];
    if (!cw_uuid_is_valid(uuid))
        return CW_ERR_INVALID;
    (void)cw_key_write(key, cluster->prefix, 'c', uuid);
    return cw_facts_channel(cluster->endpoints, key, fn, arg);
}

int cw_cluster_request(struct cw_cluster *cluster, struct cw_bytes uuid,
                       enum cw_channel_request request, struct cw_bytes text, cw_done_fn fn,
                       void *arg)
{
    char key[CW_KEY_MAX];
    size_t count = 5;
    if (!cw_uuid_is_valid(uuid))
        return CW_ERR_INVALID;
    size_t key_size = cw_key_write(key, cluster->prefix, 'c', uuid);
    struct cw_bytes args[6] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_close"),
                               cw_bytes_text("1"), cw_bytes_make(key, key_size), text};
    if (request == CW_REQUEST_CLOSE) {
        const char *space = text.size == 0 ? NULL : memchr(text.data, ' ', text.size);
        if (space != NULL) {
            args[4].size = (size_t)(space - text.data);
            args[count++] = cw_bytes_make(space + 1, text.size - args[4].size - 1);
        }
    } else {
        if (!cw_group_name_is_valid(text))
            return CW_ERR_INVALID;
        if (cw_group_name_is_reserved(text))
            return CW_ERR_FORBIDDEN;
        args[1] = cw_bytes_text(request == CW_REQUEST_JOIN ? "cw_group_add" : "cw_group_remove");
    }
    return cw_functions_command(cluster->endpoints, args, count, fn, arg);
}

/* All channels. A cursor is `<node id>/<cursor of its set>`: nodes come in the order of their ids,
 * whichever there are by the time of a page. */

#define SET_CURSOR_MAX 64 /* as the functions have it */

struct paging {
    struct cw_cluster *cluster;
    cw_registry_page_fn fn;
    void *arg;
    int count;
    char node[CW_NODE_ID_MAX];      /* whose page it is, or the next after it; "": the first */
    char following[CW_NODE_ID_MAX]; /* the node after it; "": there is none */
    char cursor[SET_CURSOR_MAX + 1];
};

static void end_paging(struct paging *paging, int rc, const struct cw_registry_item *items,
                       size_t count, const char *next)
{
    cw_registry_page_fn fn = paging->fn;
    void *arg = paging->arg;
    free(paging);
    fn(arg, rc, items, count, cw_bytes_text(next));
}

static int list_nodes(struct paging *paging);

/* The end of the node's set: goes on with the next one at the next page, or now if this is empty.
 */
static void end_node(struct paging *paging, const struct cw_registry_item *items, size_t count)
{
    char next[CW_REGISTRY_CURSOR_MAX + 1] = "0";
    if (paging->following[0] != '\0')
        (void)snprintf(next, sizeof(next), "%s/0", paging->following);
    if (count > 0 || paging->following[0] == '\0') {
        end_paging(paging, CW_OK, items, count, next);
        return;
    }
    memcpy(paging->node, paging->following, sizeof(paging->node));
    (void)snprintf(paging->cursor, sizeof(paging->cursor), "0");
    int rc = list_nodes(paging);
    if (rc != CW_OK)
        end_paging(paging, rc, NULL, 0, "");
}

/* {next cursor, uuid, uuid, ...} */
static void on_channels(void *arg, int rc, const struct cw_bytes *strings, size_t count)
{
    struct paging *paging = arg;
    char next[CW_REGISTRY_CURSOR_MAX + 1];
    char node[CW_NODE_ID_MAX];
    if (rc == CW_OK &&
        (count == 0 || count - 1 > (size_t)paging->count || strings[0].size > SET_CURSOR_MAX))
        rc = CW_ERR_INTERNAL;
    struct cw_registry_item *items = rc == CW_OK ? calloc(count, sizeof(*items)) : NULL;
    if (items == NULL) {
        end_paging(paging, rc == CW_OK ? CW_ERR_NOMEM : rc, NULL, 0, "");
        return;
    }
    memcpy(node, paging->node, sizeof(node)); /* it outlives the struct */
    for (size_t i = 1; i < count; i++)
        items[i - 1] = (struct cw_registry_item){.uuid = strings[i], .node = cw_bytes_text(node)};
    if (cw_bytes_is(strings[0], "0")) {
        end_node(paging, items, count - 1);
    } else {
        (void)snprintf(next, sizeof(next), "%s/%.*s", node, (int)strings[0].size, strings[0].data);
        end_paging(paging, CW_OK, items, count - 1, next);
    }
    free(items);
}

static int read_set(struct paging *paging)
{
    char key[CW_KEY_MAX];
    char digits[12];
    (void)cw_key_write(key, paging->cluster->prefix, 'n', cw_bytes_text(paging->node));
    (void)snprintf(digits, sizeof(digits), "%d", paging->count);
    const struct cw_bytes args[] = {
        cw_bytes_text("FCALL_RO"), cw_bytes_text("cw_node_channels"), cw_bytes_text("1"),
        cw_bytes_text(key),        cw_bytes_text(paging->cursor),     cw_bytes_text(digits)};
    return cw_functions_strings(paging->cluster->endpoints, args, sizeof(args) / sizeof(args[0]),
                                on_channels, paging);
}

static int compare_bytes(struct cw_bytes a, struct cw_bytes b)
{
    size_t least = a.size < b.size ? a.size : b.size;
    int order = least == 0 ? 0 : memcmp(a.data, b.data, least);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* The least id after `node`, or `node` itself if `is_self` and it is there; empty: none. */
static struct cw_bytes least_after(const struct cw_bytes *ids, size_t count, const char *node,
                                   bool is_self)
{
    struct cw_bytes least = {NULL, 0};
    for (size_t i = 0; i < count; i++) {
        int order = compare_bytes(ids[i], cw_bytes_text(node));
        if (ids[i].size >= CW_NODE_ID_MAX || order < 0 || (order == 0 && !is_self))
            continue;
        if (least.size == 0 || compare_bytes(ids[i], least) < 0)
            least = ids[i];
    }
    return least;
}

static void on_nodes(void *arg, int rc, const struct cw_bytes *ids, size_t count)
{
    struct paging *paging = arg;
    if (rc != CW_OK) {
        end_paging(paging, rc, NULL, 0, "");
        return;
    }
    struct cw_bytes node = least_after(ids, count, paging->node, true);
    if (node.size == 0) {
        end_paging(paging, CW_OK, NULL, 0, "0");
        return;
    }
    if (!cw_bytes_is(node,
                     paging->node)) /* that one is gone: the next is read from its beginning */
        (void)snprintf(paging->cursor, sizeof(paging->cursor), "0");
    (void)snprintf(paging->node, sizeof(paging->node), "%.*s", (int)node.size, node.data);
    struct cw_bytes following = least_after(ids, count, paging->node, false);
    (void)snprintf(paging->following, sizeof(paging->following), "%.*s", (int)following.size,
                   following.data == NULL ? "" : following.data);
    rc = read_set(paging);
    if (rc != CW_OK)
        end_paging(paging, rc, NULL, 0, "");
}

static int list_nodes(struct paging *paging)
{
    char key[CW_KEY_MAX];
    (void)snprintf(key, sizeof(key), "%s:nodes", paging->cluster->prefix);
    return cw_facts_nodes(paging->cluster->endpoints, key, on_nodes, paging);
}

static bool read_cursor(struct cw_bytes cursor, struct paging *paging)
{
    const char *slash = cursor.size == 0 ? NULL : memchr(cursor.data, '/', cursor.size);
    size_t node = slash == NULL ? 0 : (size_t)(slash - cursor.data);
    size_t rest = slash == NULL ? 0 : cursor.size - node - 1;
    (void)snprintf(paging->cursor, sizeof(paging->cursor), "0");
    if (cw_bytes_is(cursor, "0"))
        return true;
    if (node == 0 || node >= CW_NODE_ID_MAX || rest == 0 || rest > SET_CURSOR_MAX)
        return false;
    (void)snprintf(paging->node, sizeof(paging->node), "%.*s", (int)node, cursor.data);
    (void)snprintf(paging->cursor, sizeof(paging->cursor), "%.*s", (int)rest, slash + 1);
    return true;
}

int cw_cluster_channels(struct cw_cluster *cluster, struct cw_bytes cursor, int count,
                        cw_registry_page_fn fn, void *arg)
{
    if (count < 1 || count > 1000)
        return CW_ERR_INVALID;
    struct paging *paging = calloc(1, sizeof(*paging));
    if (paging == NULL)
        return CW_ERR_NOMEM;
    paging->cluster = cluster;
    paging->fn = fn;
    paging->arg = arg;
    paging->count = count;
    int rc = read_cursor(cursor, paging) ? list_nodes(paging) : CW_ERR_INVALID;
    if (rc != CW_OK)
        free(paging);
    return rc;
}
