/* api_reads.c - what there is: nodes, groups, channels. */
#include <chanway/cluster.h>

#include "base/map.h"
#include "channel/members.h"
#include "channel/node.h"
#include "http/api_call.h"
#include "http/json_text.h"

#include <string.h>

#define PAGE_SIZE  100
#define GROUPS_MAX 100
/* Groups that are looked at in one call: a few milliseconds. */
#define GROUPS_SEEN_MAX 50000

static void on_nodes(void *arg, int rc, const struct cw_node_info *nodes, size_t count)
{
    struct cw_api_call *call = arg;
    struct cw_writer *body = cw_api_body(&call->response);
    cw_writer_byte(body, '{');
    cw_api_field(body, "node", cw_bytes_text(call->node->id));
    cw_writer_text(body, ",\"nodes\":[");
    for (size_t i = 0; i < count; i++) {
        cw_writer_text(body, i == 0 ? "{" : ",{");
        cw_api_field(body, "id", nodes[i].id);
        cw_writer_byte(body, ',');
        cw_api_field(body, "about", nodes[i].about); /* JSON in a string: it came through Redis */
        cw_writer_byte(body, '}');
    }
    cw_writer_text(body, "]}\n");
    cw_api_end(call, rc);
}

int cw_api_nodes(struct cw_api_call *call, struct cw_bytes query)
{
    (void)query;
    return cw_cluster_nodes(call->node->cluster, on_nodes, call);
}

static void on_group(void *arg, int rc, const struct cw_group_info *info)
{
    struct cw_api_call *call = arg;
    struct cw_writer *body = cw_api_body(&call->response);
    if (rc == CW_OK) {
        cw_writer_printf(
            body, "{\"members\":%lld,\"kept\":%lld,\"epoch\":\"%llu\",\"offset\":%llu}\n",
            (long long)info->members, (long long)info->kept, (unsigned long long)info->last.epoch,
            (unsigned long long)info->last.offset);
    }
    cw_api_end(call, rc);
}

int cw_api_group(struct cw_api_call *call, struct cw_bytes query)
{
    char name[CW_API_PARAMETER_MAX];
    (void)cw_api_parameter(query, "name", name, sizeof(name));
    return cw_cluster_group(call->node->cluster, cw_bytes_text(name), on_group, call);
}

static void end_page(struct cw_api_call *call, int rc, struct cw_bytes next)
{
    cw_writer_text(&call->response.body, "],");
    cw_api_field(&call->response.body, "next", next);
    cw_writer_text(&call->response.body, "}\n");
    cw_api_end(call, rc);
}

static void on_members(void *arg, int rc, const struct cw_member_info *members, size_t count,
                       struct cw_bytes next_cursor)
{
    struct cw_api_call *call = arg;
    struct cw_writer *body = cw_api_body(&call->response);
    cw_writer_text(body, "{\"members\":[");
    for (size_t i = 0; i < count; i++) {
        cw_writer_text(body, i == 0 ? "{" : ",{");
        cw_api_field(body, "channel", members[i].channel);
        cw_writer_byte(body, ',');
        cw_api_field(body, "node", members[i].node);
        cw_writer_byte(body, ',');
        cw_api_field(body, "user", members[i].user);
        cw_writer_byte(body, '}');
    }
    end_page(call, rc, next_cursor);
}

int cw_api_members(struct cw_api_call *call, struct cw_bytes query)
{
    char group[CW_API_PARAMETER_MAX];
    char cursor[CW_API_PARAMETER_MAX];
    (void)cw_api_parameter(query, "group", group, sizeof(group));
    (void)cw_api_parameter(query, "cursor", cursor, sizeof(cursor));
    return cw_cluster_members(call->node->cluster, cw_bytes_text(group),
                              cw_bytes_text(cursor[0] == '\0' ? "0" : cursor), PAGE_SIZE,
                              on_members, call);
}

static void on_channels(void *arg, int rc, const struct cw_registry_item *items, size_t count,
                        struct cw_bytes next_cursor)
{
    struct cw_api_call *call = arg;
    struct cw_writer *body = cw_api_body(&call->response);
    cw_writer_text(body, "{\"channels\":[");
    for (size_t i = 0; i < count; i++) {
        cw_writer_text(body, i == 0 ? "{" : ",{");
        cw_api_field(body, "channel", items[i].uuid);
        cw_writer_byte(body, ',');
        cw_api_field(body, "node", items[i].node);
        cw_writer_byte(body, '}');
    }
    end_page(call, rc, next_cursor);
}

int cw_api_channels(struct cw_api_call *call, struct cw_bytes query)
{
    char cursor[CW_API_PARAMETER_MAX];
    (void)cw_api_parameter(query, "cursor", cursor, sizeof(cursor));
    return cw_cluster_channels(call->node->cluster, cw_bytes_text(cursor[0] == '\0' ? "0" : cursor),
                               PAGE_SIZE, on_channels, call);
}

static void on_channel(void *arg, int rc, const struct cw_registry_entry *entry)
{
    static const char *const types[] = {"json", "text", "bytes"};
    struct cw_api_call *call = arg;
    struct cw_writer *body = cw_api_body(&call->response);
    if (rc == CW_OK) {
        cw_writer_byte(body, '{');
        cw_api_field(body, "channel", entry->uuid);
        cw_writer_byte(body, ',');
        cw_api_field(body, "node", entry->node);
        cw_writer_byte(body, ',');
        cw_api_field(body, "user", entry->user);
        cw_writer_byte(body, ',');
        cw_api_field(body, "address", entry->address);
        cw_writer_printf(body, ",\"type\":\"%s\",\"created\":%lld,\"expires\":%lld,\"queued\":%lld",
                         types[entry->type], (long long)entry->created_ms,
                         (long long)entry->expires_s, (long long)entry->queued);
        cw_writer_printf(body, ",\"connected\":%s,\"groups\":[",
                         entry->is_connected ? "true" : "false");
        for (size_t i = 0; i < entry->group_count; i++) {
            if (i > 0)
                cw_writer_byte(body, ',');
            cw_json_write_string(body, entry->groups[i]);
        }
        cw_writer_text(body, "]}\n");
    }
    cw_api_end(call, rc);
}

int cw_api_channel(struct cw_api_call *call, struct cw_bytes query)
{
    char id[CW_API_PARAMETER_MAX];
    (void)cw_api_parameter(query, "id", id, sizeof(id));
    return cw_cluster_find_channel(call->node->cluster, cw_bytes_text(id), on_channel, call);
}

/* --- groups of this node, at once ------------------------------------------------------------ */

struct top {
    const struct cw_group *group;
    size_t members;
};

static size_t count_members(const struct cw_group *group)
{
    size_t count = 0;
    for (size_t kind = 0; kind < CW_KIND_COUNT; kind++)
        count += (size_t)group->count[kind] + group->behind[kind];
    return count;
}

/* Keeps the largest, in order. */
static void insert_top(struct top *tops, size_t *count, const struct top *one)
{
    if (*count == GROUPS_MAX && tops[GROUPS_MAX - 1].members >= one->members)
        return;
    size_t i = *count < GROUPS_MAX ? (*count)++ : GROUPS_MAX - 1;
    for (; i > 0 && tops[i - 1].members < one->members; i--)
        tops[i] = tops[i - 1];
    tops[i] = *one;
}

void cw_api_write_groups(const struct cw_node *node, struct cw_bytes query, struct cw_writer *body)
{
    struct top tops[GROUPS_MAX];
    char match[CW_API_PARAMETER_MAX];
    size_t count = 0;
    size_t total = 0;
    size_t seen = 0;
    (void)cw_api_parameter(query, "match", match, sizeof(match));
    struct cw_map_node *next = NULL;
    while (seen < GROUPS_SEEN_MAX && (next = cw_map_next(&node->groups, next)) != NULL) {
        seen++;
        const struct cw_group *group = CW_CONTAINER(next, struct cw_group, in_groups);
        const struct top one = {group, count_members(group)};
        if (one.members == 0 || strstr(group->name, match) == NULL)
            continue;
        total++;
        insert_top(tops, &count, &one);
    }
    cw_writer_text(body, "{\"groups\":[");
    for (size_t i = 0; i < count; i++) {
        cw_writer_text(body, i == 0 ? "{" : ",{");
        cw_api_field(body, "name", cw_bytes_text(tops[i].group->name));
        cw_writer_printf(body, ",\"here\":%zu}", tops[i].members);
    }
    cw_writer_printf(body, "],\"total\":%zu}\n", total);
}
