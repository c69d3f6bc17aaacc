/*
 * functions.c - (6) builds each call and reads its answer; nothing else knows how they look.
 */
#include "functions.h"

#include "base/clock.h"
#include "base/stats.h"
#include "names.h"

#include <hiredis/hiredis.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One shape serves all calls: the request, and who is told. */
struct call {
    struct cw_redis_request request;
    union {
        cw_published_fn published;
        cw_tip_fn tip;
        cw_flag_fn flag;
        cw_done_fn done;
        cw_history_page_fn page;
        cw_members_fn members;
    } fn;
    void *arg;
};

static struct call *
create_call(void (*on_reply)(struct cw_redis_request *, int, const redisReply *), void *arg)
{
    struct call *call = calloc(1, sizeof(*call));
    if (call != NULL) {
        call->request.on_reply = on_reply;
        call->arg = arg;
    }
    return call;
}

static int send_call(struct cw_endpoint *endpoint, struct call *call, const struct cw_bytes *args,
                     size_t count)
{
    if (call == NULL)
        return CW_ERR_NOMEM;
    int rc = cw_endpoint_call(endpoint, &call->request, args, count);
    if (rc != CW_OK)
        free(call);
    return rc;
}

static struct cw_bytes bytes_of(const redisReply *reply)
{
    return cw_bytes_make(reply->str, reply->str == NULL ? 0 : reply->len);
}

/* An integer, or a string of digits (epochs are strings: Lua's numbers would not print them whole).
 */
static bool read_u64(const redisReply *reply, uint64_t *ret_value)
{
    if (reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0) {
        *ret_value = (uint64_t)reply->integer;
        return true;
    }
    if (reply->str == NULL || reply->len == 0 || reply->len > 20)
        return false;
    char *end = NULL;
    *ret_value = strtoull(reply->str, &end, 10);
    return *end == '\0';
}

static bool is_array(const redisReply *reply, size_t least)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements >= least;
}

/* "<size> <ttl_ms> <bytes> <keys_max>": how a node hands its settings along with a group's use. */
static struct cw_bytes write_limits(char *text, size_t size, const struct cw_history_limits *limits)
{
    int n = snprintf(text, size, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, limits->size,
                     limits->ttl_ms, limits->bytes, limits->keys_max);
    return cw_bytes_make(text, (size_t)n);
}

/* publish */

static void on_published(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    struct cw_published published = {0};
    if (rc == CW_OK) {
        cw_histogram_add(&CW_STAT(publish_latency_seconds), cw_clock_us() - request->sent_us);
        if (!is_array(reply, 2) || reply->element[0]->str == NULL) {
            rc = CW_ERR_INTERNAL;
        } else {
            struct cw_bytes id = bytes_of(reply->element[0]);
            published.is_logged = cw_position_parse(id, &published.position);
            published.is_duplicate = reply->element[1]->integer == 1;
        }
    }
    if (rc == CW_OK)
        CW_STAT(publish_acked_total)++;
    if (call->fn.published != NULL)
        call->fn.published(call->arg, rc, &published);
    free(call);
}

int cw_functions_publish(struct cw_endpoint *endpoint, const char *key,
                         const struct cw_message *message, const struct cw_history_limits *limits,
                         cw_published_fn fn, void *arg)
{
    static const char *const digits[] = {"0", "1", "2"};
    char cfg[96];
    struct cw_bytes args[] = {
        cw_bytes_make("FCALL", 5),
        cw_bytes_make("cw_node_publish", 15),
        cw_bytes_make("1", 1),
        cw_bytes_text(key),
        cw_bytes_make(digits[message->type], 1),
        cw_bytes_make(digits[message->skips_sender ? 1 : 0], 1),
        message->from,
        message->payload,
        write_limits(cfg, sizeof(cfg), limits),
        message->key,
    };
    struct call *call = create_call(on_published, arg);
    if (call != NULL)
        call->fn.published = fn;
    int rc = send_call(endpoint, call, args, sizeof(args) / sizeof(args[0]));
    if (rc == CW_OK)
        CW_STAT(publish_sent_total)++;
    else
        CW_STAT(publish_refused_total)++;
    return rc;
}

/* join, leave */

static void on_tip(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    struct cw_position tip = {0, 0};
    if (rc == CW_OK && (!is_array(reply, 2) || !read_u64(reply->element[0], &tip.epoch) ||
                        !read_u64(reply->element[1], &tip.offset)))
        rc = CW_ERR_INTERNAL;
    call->fn.tip(call->arg, rc, tip);
    free(call);
}

int cw_functions_join(struct cw_endpoint *endpoint, const char *key,
                      const struct cw_history_limits *limits, const char *node,
                      const struct cw_functions_member *members, size_t count, cw_tip_fn fn,
                      void *arg)
{
    struct cw_bytes args[6 + 2 * CW_FUNCTIONS_BATCH];
    char cfg[96];
    size_t n = 0;
    args[n++] = cw_bytes_text("FCALL");
    args[n++] = cw_bytes_text("cw_node_join");
    args[n++] = cw_bytes_text("1");
    args[n++] = cw_bytes_text(key);
    args[n++] = write_limits(cfg, sizeof(cfg), limits);
    args[n++] = cw_bytes_text(node);
    for (size_t i = 0; i < count; i++) {
        args[n++] = cw_bytes_text(members[i].uuid);
        args[n++] = cw_bytes_text(members[i].user);
    }
    struct call *call = create_call(on_tip, arg);
    if (call != NULL)
        call->fn.tip = fn;
    return send_call(endpoint, call, args, n);
}

static void on_done(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    (void)reply;
    if (call->fn.done != NULL)
        call->fn.done(call->arg, rc);
    free(call);
}

int cw_functions_command(struct cw_endpoint *endpoint, const struct cw_bytes *args, size_t count,
                         cw_done_fn fn, void *arg)
{
    struct call *call = create_call(on_done, arg);
    if (call != NULL)
        call->fn.done = fn;
    return send_call(endpoint, call, args, count);
}

int cw_functions_leave(struct cw_endpoint *endpoint, const char *key, const char *node,
                       const char *const *uuids, size_t count, cw_done_fn fn, void *arg)
{
    struct cw_bytes args[5 + CW_FUNCTIONS_BATCH];
    size_t n = 0;
    args[n++] = cw_bytes_text("FCALL");
    args[n++] = cw_bytes_text("cw_node_leave");
    args[n++] = cw_bytes_text("1");
    args[n++] = cw_bytes_text(key);
    args[n++] = cw_bytes_text(node);
    for (size_t i = 0; i < count; i++)
        args[n++] = cw_bytes_text(uuids[i]);
    return cw_functions_command(endpoint, args, n, fn, arg);
}

/* mark, detach, renew */

static void on_flag(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    if (rc == CW_OK && reply->type != REDIS_REPLY_INTEGER)
        rc = CW_ERR_INTERNAL;
    call->fn.flag(call->arg, rc, rc == CW_OK && reply->integer == 1);
    free(call);
}

int cw_functions_mark(struct cw_endpoint *endpoint, const char *channel_key, const char *node,
                      bool is_added, const char *group, cw_flag_fn fn, void *arg)
{
    struct cw_bytes args[] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_node_mark"),
                              cw_bytes_text("1"),     cw_bytes_text(channel_key),
                              cw_bytes_text(node),    cw_bytes_text(is_added ? "add" : "del"),
                              cw_bytes_text(group)};
    struct call *call = create_call(on_flag, arg);
    if (call != NULL)
        call->fn.flag = fn;
    return send_call(endpoint, call, args, sizeof(args) / sizeof(args[0]));
}

int cw_functions_detach(struct cw_endpoint *endpoint, const char *channel_key, const char *node,
                        int64_t resume_s, cw_done_fn fn, void *arg)
{
    char seconds[24];
    (void)snprintf(seconds, sizeof(seconds), "%" PRId64, resume_s);
    struct cw_bytes args[] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_node_detach"),
                              cw_bytes_text("1"),     cw_bytes_text(channel_key),
                              cw_bytes_text(node),    cw_bytes_text(seconds)};
    return cw_functions_command(endpoint, args, sizeof(args) / sizeof(args[0]), fn, arg);
}

int cw_functions_renew(struct cw_endpoint *endpoint, const char *node_key, int64_t ttl_ms,
                       bool is_new, cw_flag_fn fn, void *arg)
{
    char ttl[24];
    (void)snprintf(ttl, sizeof(ttl), "%" PRId64, ttl_ms);
    struct cw_bytes args[] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_node_renew"),
                              cw_bytes_text("1"),     cw_bytes_text(node_key),
                              cw_bytes_text(ttl),     cw_bytes_text("new")};
    struct call *call = create_call(on_flag, arg);
    if (call != NULL)
        call->fn.flag = fn;
    return send_call(endpoint, call, args, is_new ? 6 : 5);
}

/* read: {tip_e, tip_o, more, id, prev, body, id, prev, body, ...}; prev nil: not an epoch's first
 * entry */

static bool read_entry(redisReply *const *elements, struct cw_history_entry *ret_entry)
{
    if (!cw_position_parse(bytes_of(elements[0]), &ret_entry->position) || elements[2]->str == NULL)
        return false;
    ret_entry->body = bytes_of(elements[2]);
    ret_entry->predecessor = (struct cw_position){0, 0};
    ret_entry->has_predecessor = elements[1]->type == REDIS_REPLY_STRING;
    if (ret_entry->has_predecessor && elements[1]->len > 0)
        return cw_position_parse(bytes_of(elements[1]), &ret_entry->predecessor);
    return true;
}

static int read_page(const redisReply *reply, struct cw_history_entry *entries,
                     struct cw_history_page *ret_page)
{
    uint64_t has_more = 0;
    if (!is_array(reply, 3) || (reply->elements - 3) % 3 != 0 ||
        (reply->elements - 3) / 3 > CW_HISTORY_PAGE_ENTRIES ||
        !read_u64(reply->element[0], &ret_page->tip.epoch) ||
        !read_u64(reply->element[1], &ret_page->tip.offset) ||
        !read_u64(reply->element[2], &has_more))
        return CW_ERR_INTERNAL;
    ret_page->has_more = has_more == 1;
    ret_page->entries = entries;
    ret_page->count = (reply->elements - 3) / 3;
    for (size_t i = 0; i < ret_page->count; i++)
        if (!read_entry(&reply->element[3 + 3 * i], &entries[i]))
            return CW_ERR_INTERNAL;
    return CW_OK;
}

static void on_page(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    static struct cw_history_entry entries[CW_HISTORY_PAGE_ENTRIES];
    struct call *call = (struct call *)request;
    struct cw_history_page page = {0};
    if (rc == CW_OK)
        rc = read_page(reply, entries, &page);
    call->fn.page(call->arg, rc, &page);
    free(call);
}

int cw_functions_read(struct cw_endpoint *endpoint, const char *key, struct cw_position since,
                      cw_history_page_fn fn, void *arg)
{
    char epoch[24];
    char offset[24];
    char entries[16];
    char bytes[16];
    (void)snprintf(epoch, sizeof(epoch), "%" PRIu64, since.epoch);
    (void)snprintf(offset, sizeof(offset), "%" PRIu64, since.offset);
    (void)snprintf(entries, sizeof(entries), "%d", CW_HISTORY_PAGE_ENTRIES);
    (void)snprintf(bytes, sizeof(bytes), "%d", CW_HISTORY_PAGE_BYTES);
    struct cw_bytes args[] = {cw_bytes_text("FCALL_RO"), cw_bytes_text("cw_node_read"),
                              cw_bytes_text("1"),        cw_bytes_text(key),
                              cw_bytes_text(epoch),      cw_bytes_text(offset),
                              cw_bytes_text(entries),    cw_bytes_text(bytes)};
    struct call *call = create_call(on_page, arg);
    if (call != NULL)
        call->fn.page = fn;
    return send_call(endpoint, call, args, sizeof(args) / sizeof(args[0]));
}

/* members: {next cursor, uuid, node, user, uuid, node, user, ...} */

static void on_members(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    static struct cw_member_info members[1000];
    struct call *call = (struct call *)request;
    size_t count = 0;
    struct cw_bytes next = {NULL, 0};
    if (rc == CW_OK && (!is_array(reply, 1) || (reply->elements - 1) % 3 != 0 ||
                        (reply->elements - 1) / 3 > sizeof(members) / sizeof(members[0])))
        rc = CW_ERR_INTERNAL;
    if (rc == CW_OK) {
        next = bytes_of(reply->element[0]);
        count = (reply->elements - 1) / 3;
        for (size_t i = 0; i < count; i++) {
            members[i].channel = bytes_of(reply->element[1 + 3 * i]);
            members[i].node = bytes_of(reply->element[2 + 3 * i]);
            members[i].user = bytes_of(reply->element[3 + 3 * i]);
        }
    }
    call->fn.members(call->arg, rc, members, count, next);
    free(call);
}

int cw_functions_members(struct cw_endpoint *endpoint, const char *key, struct cw_bytes cursor,
                         int count, cw_members_fn fn, void *arg)
{
    char number[16];
    (void)snprintf(number, sizeof(number), "%d", count);
    struct cw_bytes args[] = {cw_bytes_text("FCALL_RO"),
                              cw_bytes_text("cw_node_members"),
                              cw_bytes_text("1"),
                              cw_bytes_text(key),
                              cursor,
                              cw_bytes_text(number)};
    struct call *call = create_call(on_members, arg);
    if (call != NULL)
        call->fn.members = fn;
    return send_call(endpoint, call, args, sizeof(args) / sizeof(args[0]));
}
