/*
 * facts.c - reads lists of names and values; see the header.
 */
#include "facts.h"

#include "base/stats.h"
#include "names.h"

#include <hiredis/hiredis.h>

#include <stdlib.h>
#include <string.h>

struct asking {
    struct cw_redis_request request;
    union {
        cw_registry_fn channel;
        cw_group_info_fn group;
        cw_facts_nodes_fn nodes;
    } fn;
    void *arg;
};

/* FCALL_RO of a function with one key and no arguments. */
static int ask(struct cw_endpoints *endpoints, const char *function, const char *key,
               void (*on_reply)(struct cw_redis_request *, int, const redisReply *),
               const struct asking *asking)
{
    const struct cw_bytes args[] = {cw_bytes_text("FCALL_RO"), cw_bytes_text(function),
                                    cw_bytes_text("1"), cw_bytes_text(key)};
    struct asking *copy = malloc(sizeof(*copy));
    if (copy == NULL)
        return CW_ERR_NOMEM;
    *copy = *asking;
    copy->request.on_reply = on_reply;
    int rc = cw_endpoints_call(endpoints, &copy->request, args, sizeof(args) / sizeof(args[0]));
    if (rc != CW_OK)
        free(copy);
    return rc;
}

/* The value of `name`; NULL: it is not told. */
static const redisReply *value_of(const redisReply *list, const char *name)
{
    if (list->type != REDIS_REPLY_ARRAY)
        return NULL;
    for (size_t i = 0; i + 1 < list->elements; i += 2)
        if (list->element[i]->str != NULL && strcmp(list->element[i]->str, name) == 0)
            return list->element[i + 1];
    return NULL;
}

static struct cw_bytes text_of(const redisReply *list, const char *name)
{
    const redisReply *value = value_of(list, name);
    return value == NULL || value->str == NULL ? cw_bytes_make("", 0)
                                               : cw_bytes_make(value->str, value->len);
}

/* A number, or one in digits (epochs are strings: Lua's numbers would not print them whole). */
static uint64_t number_of(const redisReply *list, const char *name)
{
    const redisReply *value = value_of(list, name);
    if (value != NULL && value->type == REDIS_REPLY_INTEGER)
        return value->integer > 0 ? (uint64_t)value->integer : 0;
    return value == NULL || value->str == NULL ? 0 : strtoull(value->str, NULL, 10);
}

/* A channel. */

static bool read_type(struct cw_bytes text, enum cw_payload_type *ret_type)
{
    static const char *const types[] = {"json", "text", "bytes"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!cw_bytes_is(text, types[i]))
            continue;
        *ret_type = (enum cw_payload_type)i;
        return true;
    }
    return false;
}

/* Names with commas between them; `groups` has room for all. */
static size_t split_groups(struct cw_bytes text, struct cw_bytes *groups)
{
    size_t count = 0;
    while (text.size > 0) {
        const char *comma = memchr(text.data, ',', text.size);
        size_t size = comma == NULL ? text.size : (size_t)(comma - text.data);
        size_t taken = comma == NULL ? size : size + 1;
        groups[count++] = cw_bytes_make(text.data, size);
        text = cw_bytes_make(text.data + taken, text.size - taken);
    }
    return count;
}

static struct cw_bytes *create_groups(struct cw_bytes text)
{
    size_t room = 1;
    for (size_t i = 0; i < text.size; i++)
        room += text.data[i] == ',';
    return calloc(room, sizeof(struct cw_bytes));
}

static void on_channel(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct asking asking = *(struct asking *)request;
    struct cw_registry_entry entry = {0};
    struct cw_bytes *groups = NULL;
    free(request);
    if (rc == CW_OK && (!cw_uuid_is_valid(text_of(reply, "uuid")) ||
                        !read_type(text_of(reply, "type"), &entry.type)))
        rc = CW_ERR_INTERNAL;
    if (rc == CW_OK) {
        struct cw_bytes names = text_of(reply, "groups");
        groups = create_groups(names);
        if (groups == NULL)
            rc = CW_ERR_NOMEM;
        else
            entry.group_count = split_groups(names, groups);
    }
    if (rc == CW_OK) {
        entry.uuid = text_of(reply, "uuid");
        entry.node = text_of(reply, "node");
        entry.user = text_of(reply, "user");
        entry.address = text_of(reply, "address");
        entry.groups = groups;
        entry.created_ms = (int64_t)number_of(reply, "created");
        entry.expires_s = (int64_t)number_of(reply, "expires");
        entry.queued = (int64_t)number_of(reply, "queued");
        entry.is_connected = cw_bytes_is(text_of(reply, "state"), "connected");
    }
    asking.fn.channel(asking.arg, rc, rc == CW_OK ? &entry : NULL);
    free(groups);
}

int cw_facts_channel(struct cw_endpoints *endpoints, const char *key, cw_registry_fn fn, void *arg)
{
    const struct asking asking = {.fn.channel = fn, .arg = arg};
    return ask(endpoints, "cw_channel", key, on_channel, &asking);
}

/* A group. */

static void on_group(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct asking asking = *(struct asking *)request;
    struct cw_group_info info = {0};
    free(request);
    if (rc == CW_OK && value_of(reply, "members") == NULL)
        rc = CW_ERR_INTERNAL;
    if (rc == CW_OK) {
        info.members = (int64_t)number_of(reply, "members");
        info.kept = (int64_t)number_of(reply, "history");
        info.last.epoch = number_of(reply, "epoch");
        info.last.offset = number_of(reply, "offset");
    }
    asking.fn.group(asking.arg, rc, rc == CW_OK ? &info : NULL);
}

int cw_facts_group(struct cw_endpoints *endpoints, const char *key, cw_group_info_fn fn, void *arg)
{
    const struct asking asking = {.fn.group = fn, .arg = arg};
    return ask(endpoints, "cw_group", key, on_group, &asking);
}

/* Nodes: id, lease left, channels of each. */

static void on_nodes(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct asking asking = *(struct asking *)request;
    struct cw_bytes *ids = NULL;
    size_t count = 0;
    free(request);
    if (rc == CW_OK && (reply->type != REDIS_REPLY_ARRAY || reply->elements % 3 != 0))
        rc = CW_ERR_INTERNAL;
    if (rc == CW_OK) {
        ids = calloc(reply->elements / 3 + 1, sizeof(*ids));
        if (ids == NULL)
            rc = CW_ERR_NOMEM;
    }
    int64_t channels = 0;
    for (size_t i = 0; rc == CW_OK && i < reply->elements; i += 3) {
        const redisReply *number = reply->element[i + 2];
        if (reply->element[i]->str != NULL)
            ids[count++] = cw_bytes_make(reply->element[i]->str, reply->element[i]->len);
        channels += number->str != NULL ? strtoll(number->str, NULL, 10) : number->integer;
    }
    if (rc == CW_OK) {
        CW_STAT(cluster_nodes) = (int64_t)count;
        CW_STAT(cluster_channels) = channels;
    }
    asking.fn.nodes(asking.arg, rc, ids, count);
    free(ids);
}

int cw_facts_nodes(struct cw_endpoints *endpoints, const char *key, cw_facts_nodes_fn fn, void *arg)
{
    const struct asking asking = {.fn.nodes = fn, .arg = arg};
    return ask(endpoints, "cw_nodes", key, on_nodes, &asking);
}
