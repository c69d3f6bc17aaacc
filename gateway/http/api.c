/* api.c - the table of calls, and their answers as JSON. */
#include "http/api.h"

#include <chanway/cluster.h>

#include "base/map.h"
#include "channel/members.h"
#include "channel/node.h"
#include "http/json_text.h"
#include "protocol/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON          "application/json"
#define PARAMETER_MAX 256
#define PAGE_SIZE     100
#define GROUPS_MAX    100

struct cw_api_call {
    cw_api_fn fn; /* NULL: nobody waits any more */
    void *arg;
    const struct cw_node *node;
    struct cw_http_response response;
};

/* --- parameters ------------------------------------------------------------------------------ */

/* The decoded value of `name`, with a NUL behind it; empty if it is not there, does not fit, or has
 * a NUL or a broken escape. */
static void read_parameter(struct cw_bytes query, const char *name, char ret_value[PARAMETER_MAX])
{
    size_t name_size = strlen(name);
    ret_value[0] = '\0';
    while (query.size > 0) {
        const char *end = memchr(query.data, '&', query.size);
        size_t size = end == NULL ? query.size : (size_t)(end - query.data);
        const char *part = query.data;
        query.data += end == NULL ? size : size + 1;
        query.size -= end == NULL ? size : size + 1;
        if (size <= name_size || memcmp(part, name, name_size) != 0 || part[name_size] != '=')
            continue;
        size_t written = 0;
        for (size_t i = name_size + 1; i < size; i++) {
            int byte = (unsigned char)part[i];
            if (byte == '%') {
                int high = i + 2 < size ? cw_hex_digit(part[i + 1]) : -1;
                int low = i + 2 < size ? cw_hex_digit(part[i + 2]) : -1;
                byte = high < 0 || low < 0 ? 0 : high * 16 + low;
                i += 2;
            }
            if (byte == 0 || written + 1 >= PARAMETER_MAX) {
                written = 0;
                break;
            }
            ret_value[written++] = (char)(unsigned char)byte;
        }
        ret_value[written] = '\0';
        return;
    }
}

/* --- ends ------------------------------------------------------------------------------------ */

static void refuse(struct cw_http_response *response, int rc)
{
    int status = rc == CW_ERR_INVALID        ? 400
                 : rc == CW_ERR_NOT_FOUND    ? 404
                 : cw_error_is_temporary(rc) ? 503
                                             : 500;
    cw_http_refuse(response, status, cw_error_code(rc), cw_error_text(rc), NULL);
}

static struct cw_writer *begin_body(struct cw_http_response *response)
{
    response->status = 200;
    response->content_type = JSON;
    response->headers = NULL;
    return &response->body;
}

static void end_call(struct cw_api_call *call, int rc)
{
    if (rc != CW_OK || call->response.body.has_failed) {
        cw_writer_reset(&call->response.body);
        refuse(&call->response, rc != CW_OK ? rc : CW_ERR_NOMEM);
    }
    if (call->fn != NULL)
        call->fn(call->arg, &call->response);
    cw_writer_finish(&call->response.body);
    free(call);
}

static void write_field(struct cw_writer *body, const char *name, struct cw_bytes text)
{
    cw_writer_printf(body, "\"%s\":", name);
    cw_json_write_string(body, text);
}

/* --- the calls ------------------------------------------------------------------------------- */

static void on_nodes(void *arg, int rc, const struct cw_node_info *nodes, size_t count)
{
    struct cw_api_call *call = arg;
    struct cw_writer *body = begin_body(&call->response);
    cw_writer_byte(body, '{');
    write_field(body, "node", cw_bytes_text(call->node->id));
    cw_writer_text(body, ",\"nodes\":[");
    for (size_t i = 0; i < count; i++) {
        cw_writer_text(body, i == 0 ? "{" : ",{");
        write_field(body, "id", nodes[i].id);
        cw_writer_byte(body, ',');
        write_field(body, "about", nodes[i].about); /* JSON in a string: it came through Redis */
        cw_writer_byte(body, '}');
    }
    cw_writer_text(body, "]}\n");
    end_call(call, rc);
}

static int begin_nodes(struct cw_api_call *call, struct cw_bytes query)
{
    (void)query;
    return cw_cluster_nodes(call->node->cluster, on_nodes, call);
}

static void on_group(void *arg, int rc, const struct cw_group_info *info)
{
    struct cw_api_call *call = arg;
    struct cw_writer *body = begin_body(&call->response);
    if (rc == CW_OK) {
        cw_writer_printf(
            body, "{\"members\":%lld,\"kept\":%lld,\"epoch\":\"%llu\",\"offset\":%llu}\n",
            (long long)info->members, (long long)info->kept, (unsigned long long)info->last.epoch,
            (unsigned long long)info->last.offset);
    }
    end_call(call, rc);
}

static int begin_group(struct cw_api_call *call, struct cw_bytes query)
{
    char name[PARAMETER_MAX];
    read_parameter(query, "name", name);
    return cw_cluster_group(call->node->cluster, cw_bytes_text(name), on_group, call);
}

static void end_page(struct cw_api_call *call, int rc, struct cw_bytes next)
{
    cw_writer_text(&call->response.body, "],");
    write_field(&call->response.body, "next", next);
    cw_writer_text(&call->response.body, "}\n");
    end_call(call, rc);
}

static void on_members(void *arg, int rc, const struct cw_member_info *members, size_t count,
                       struct cw_bytes next_cursor)
{
    struct cw_api_call *call = arg;
    struct cw_writer *body = begin_body(&call->response);
    cw_writer_text(body, "{\"members\":[");
    for (size_t i = 0; i < count; i++) {
        cw_writer_text(body, i == 0 ? "{" : ",{");
        write_field(body, "channel", members[i].channel);
        cw_writer_byte(body, ',');
        write_field(body, "node", members[i].node);
        cw_writer_byte(body, ',');
        write_field(body, "user", members[i].user);
        cw_writer_byte(body, '}');
    }
    end_page(call, rc, next_cursor);
}

static int begin_members(struct cw_api_call *call, struct cw_bytes query)
{
    char group[PARAMETER_MAX];
    char cursor[PARAMETER_MAX];
    read_parameter(query, "group", group);
    read_parameter(query, "cursor", cursor);
    return cw_cluster_members(call->node->cluster, cw_bytes_text(group),
                              cw_bytes_text(cursor[0] == '\0' ? "0" : cursor), PAGE_SIZE,
                              on_members, call);
}

static void on_channels(void *arg, int rc, const struct cw_registry_item *items, size_t count,
                        struct cw_bytes next_cursor)
{
    struct cw_api_call *call = arg;
    struct cw_writer *body = begin_body(&call->response);
    cw_writer_text(body, "{\"channels\":[");
    for (size_t i = 0; i < count; i++) {
        cw_writer_text(body, i == 0 ? "{" : ",{");
        write_field(body, "channel", items[i].uuid);
        cw_writer_byte(body, ',');
        write_field(body, "node", items[i].node);
        cw_writer_byte(body, '}');
    }
    end_page(call, rc, next_cursor);
}

static int begin_channels(struct cw_api_call *call, struct cw_bytes query)
{
    char cursor[PARAMETER_MAX];
    read_parameter(query, "cursor", cursor);
    return cw_cluster_channels(call->node->cluster, cw_bytes_text(cursor[0] == '\0' ? "0" : cursor),
                               PAGE_SIZE, on_channels, call);
}

static void on_channel(void *arg, int rc, const struct cw_registry_entry *entry)
{
    static const char *const types[] = {"json", "text", "bytes"};
    struct cw_api_call *call = arg;
    struct cw_writer *body = begin_body(&call->response);
    if (rc == CW_OK) {
        cw_writer_byte(body, '{');
        write_field(body, "channel", entry->uuid);
        cw_writer_byte(body, ',');
        write_field(body, "node", entry->node);
        cw_writer_byte(body, ',');
        write_field(body, "user", entry->user);
        cw_writer_byte(body, ',');
        write_field(body, "address", entry->address);
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
    end_call(call, rc);
}

static int begin_channel(struct cw_api_call *call, struct cw_bytes query)
{
    char id[PARAMETER_MAX];
    read_parameter(query, "id", id);
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

static void write_groups(const struct cw_node *node, struct cw_bytes query, struct cw_writer *body)
{
    struct top tops[GROUPS_MAX];
    char match[PARAMETER_MAX];
    size_t count = 0;
    size_t total = 0;
    read_parameter(query, "match", match);
    struct cw_map_node *next = NULL;
    while ((next = cw_map_next(&node->groups, next)) != NULL) {
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
        write_field(body, "name", cw_bytes_text(tops[i].group->name));
        cw_writer_printf(body, ",\"here\":%zu}", tops[i].members);
    }
    cw_writer_printf(body, "],\"total\":%zu}\n", total);
}

/* --- beginning ------------------------------------------------------------------------------- */

#define PREFIX "/api/"

bool cw_api_has(const struct cw_http_request *request)
{
    return request->is_admin && request->path.size >= strlen(PREFIX) &&
           memcmp(request->path.data, PREFIX, strlen(PREFIX)) == 0;
}

static bool begin(struct cw_api_call *call,
                  int (*begin_call)(struct cw_api_call *call, struct cw_bytes query),
                  const struct cw_http_request *request, struct cw_http_response *response)
{
    cw_writer_init(&call->response.body);
    int rc = begin_call(call, request->query);
    if (rc == CW_OK)
        return true;
    free(call);
    refuse(response, rc);
    return false;
}

bool cw_api_begin(const struct cw_node *node, const struct cw_http_request *request, cw_api_fn fn,
                  void *arg, struct cw_http_response *response, struct cw_api_call **ret_call)
{
    static const struct {
        const char *path;
        int (*begin)(struct cw_api_call *call, struct cw_bytes query);
    } calls[] = {
        {PREFIX "nodes", begin_nodes},     {PREFIX "group", begin_group},
        {PREFIX "members", begin_members}, {PREFIX "channels", begin_channels},
        {PREFIX "channel", begin_channel},
    };
    if (request->method == CW_HTTP_OTHER) {
        cw_http_refuse(response, 405, "bad_request", "only GET and HEAD", "Allow: GET, HEAD\r\n");
        return false;
    }
    if (cw_bytes_is(request->path, PREFIX "groups")) {
        write_groups(node, request->query, begin_body(response));
        if (response->body.has_failed)
            refuse(response, CW_ERR_NOMEM);
        return false;
    }
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (!cw_bytes_is(request->path, calls[i].path))
            continue;
        struct cw_api_call *call = calloc(1, sizeof(*call));
        if (call == NULL) {
            refuse(response, CW_ERR_NOMEM);
            return false;
        }
        call->fn = fn;
        call->arg = arg;
        call->node = node;
        *ret_call = call;
        return begin(call, calls[i].begin, request, response);
    }
    cw_http_refuse(response, 404, "not_found", "no such path", NULL);
    return false;
}

void cw_api_cancel(struct cw_api_call *call)
{
    if (call != NULL)
        call->fn = NULL;
}
