/*
 * functions.c - (6) builds each call and reads its answer; nothing else knows how they look.
 */
#include "functions.h"

#include "base/clock.h"
#include "base/stats.h"
#include "functions_call.h"
#include "names.h"

#include <hiredis/hiredis.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

#define JOINER_TEXT_SIZE (CW_UUID_TEXT_SIZE + 21)

/* "<uuid>", or "<uuid> <generation>" of a channel that was taken over or announced again. */
static struct cw_bytes write_joiner(char text[JOINER_TEXT_SIZE],
                                    const struct cw_functions_member *member)
{
    if (member->generation <= 1)
        return cw_bytes_text(member->uuid);
    (void)snprintf(text, JOINER_TEXT_SIZE, "%s %" PRIu64, member->uuid, member->generation);
    return cw_bytes_text(text);
}

int cw_functions_join(struct cw_endpoints *endpoints, const char *key,
                      const struct cw_history_limits *limits, const char *node, bool is_watched,
                      const struct cw_functions_member *members, size_t count, cw_tip_fn fn,
                      void *arg)
{
    struct cw_bytes args[7 + 2 * CW_FUNCTIONS_BATCH];
    char joiners[CW_FUNCTIONS_BATCH][JOINER_TEXT_SIZE];
    char cfg[CFG_SIZE];
    size_t n = 0;
    args[n++] = cw_bytes_text("FCALL");
    args[n++] = cw_bytes_text("cw_node_join");
    args[n++] = cw_bytes_text("1");
    args[n++] = cw_bytes_text(key);
    args[n++] = write_limits(cfg, limits);
    args[n++] = cw_bytes_text(node);
    args[n++] = cw_bytes_text(is_watched ? "1" : "0");
    for (size_t i = 0; i < count; i++) {
        args[n++] = write_joiner(joiners[i], &members[i]);
        args[n++] = cw_bytes_text(members[i].user);
    }
    struct call *call = create_call(on_tip, arg);
    if (call != NULL)
        call->fn.tip = fn;
    return send_call(endpoints, call, args, n);
}

static void on_done(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    (void)reply;
    if (call->fn.done != NULL)
        call->fn.done(call->arg, rc);
    free(call);
}

int cw_functions_command(struct cw_endpoints *endpoints, const struct cw_bytes *args, size_t count,
                         cw_done_fn fn, void *arg)
{
    struct call *call = create_call(on_done, arg);
    if (call != NULL)
        call->fn.done = fn;
    return send_call(endpoints, call, args, count);
}

int cw_functions_leave(struct cw_endpoints *endpoints, const char *key, const char *node,
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
    return cw_functions_command(endpoints, args, n, fn, arg);
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

int cw_functions_mark(struct cw_endpoints *endpoints, const char *channel_key, const char *node,
                      bool is_added, const char *group, cw_flag_fn fn, void *arg)
{
    struct cw_bytes args[] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_node_mark"),
                              cw_bytes_text("1"),     cw_bytes_text(channel_key),
                              cw_bytes_text(node),    cw_bytes_text(is_added ? "add" : "del"),
                              cw_bytes_text(group)};
    struct call *call = create_call(on_flag, arg);
    if (call != NULL)
        call->fn.flag = fn;
    return send_call(endpoints, call, args, sizeof(args) / sizeof(args[0]));
}

/* attach, detach: lists of groups */

/* The strings of an array reply; false: it is none, or longer than the table. */
static bool read_strings(const redisReply *reply, const struct cw_bytes **ret_strings,
                         size_t *ret_count)
{
    static struct cw_bytes strings[CW_FUNCTIONS_STRINGS_MAX];
    if (reply->type != REDIS_REPLY_ARRAY && reply->type != REDIS_REPLY_SET)
        return false;
    if (reply->elements > CW_FUNCTIONS_STRINGS_MAX)
        return false;
    for (size_t i = 0; i < reply->elements; i++)
        strings[i] = bytes_of(reply->element[i]);
    *ret_strings = strings;
    *ret_count = reply->elements;
    return true;
}

static void on_attached(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    struct cw_attached attached = {0};
    if (rc == CW_OK) {
        if (!is_array(reply, 5) || !read_u64(reply->element[0], &attached.generation) ||
            !read_strings(reply->element[2], &attached.groups, &attached.group_count) ||
            !read_u64(reply->element[3], &attached.inbox.epoch) ||
            !read_u64(reply->element[4], &attached.inbox.offset))
            rc = CW_ERR_INTERNAL;
        else
            attached.owner = bytes_of(reply->element[1]);
    }
    call->fn.attached(call->arg, rc, &attached);
    free(call);
}

int cw_functions_attach(struct cw_endpoints *endpoints, const char *channel_key, const char *node,
                        uint64_t expected, const char *earlier_node, const char *inbox_limits,
                        const struct cw_bytes *fields, size_t field_count, cw_attached_fn fn,
                        void *arg)
{
    struct cw_bytes args[32];
    char generation[24 + CW_NODE_ID_MAX];
    size_t n = 0;
    (void)snprintf(generation, sizeof(generation), "%" PRIu64 "%s%s", expected,
                   earlier_node[0] == '\0' ? "" : " ", earlier_node);
    args[n++] = cw_bytes_text("FCALL");
    args[n++] = cw_bytes_text("cw_node_attach");
    args[n++] = cw_bytes_text("1");
    args[n++] = cw_bytes_text(channel_key);
    args[n++] = cw_bytes_text(node);
    args[n++] = cw_bytes_text(generation);
    args[n++] = cw_bytes_text(inbox_limits);
    for (size_t i = 0; i < field_count && n < sizeof(args) / sizeof(args[0]); i++)
        args[n++] = fields[i];
    struct call *call = create_call(on_attached, arg);
    if (call != NULL)
        call->fn.attached = fn;
    return send_call(endpoints, call, args, n);
}

static void on_detached(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    struct cw_detached detached = {0};
    if (rc == CW_OK && reply->type == REDIS_REPLY_INTEGER) { /* of `gone` */
        detached.was_owned = reply->integer == 1;
    } else if (rc == CW_OK) {
        if (!is_array(reply, 2) ||
            !read_strings(reply->element[1], &detached.groups, &detached.group_count))
            rc = CW_ERR_INTERNAL;
        else
            detached.was_owned = reply->element[0]->integer == 1;
    }
    if (call->fn.detached != NULL)
        call->fn.detached(call->arg, rc, &detached);
    free(call);
}

int cw_functions_detach(struct cw_endpoints *endpoints, const char *channel_key, const char *node,
                        int64_t resume_s, const char *mode, const struct cw_bytes *more,
                        size_t more_count, cw_detached_fn fn, void *arg)
{
    struct cw_bytes args[7 + CW_FUNCTIONS_STRINGS_MAX];
    char seconds[CW_DIGITS_SIZE];
    size_t n = 0;
    args[n++] = cw_bytes_text("FCALL");
    args[n++] = cw_bytes_text("cw_node_detach");
    args[n++] = cw_bytes_text("1");
    args[n++] = cw_bytes_text(channel_key);
    args[n++] = cw_bytes_text(node);
    args[n++] = cw_digits(seconds, (uint64_t)resume_s);
    if (mode != NULL)
        args[n++] = cw_bytes_text(mode);
    for (size_t i = 0; i < more_count && n < sizeof(args) / sizeof(args[0]); i++)
        args[n++] = more[i];
    struct call *call = create_call(on_detached, arg);
    if (call != NULL)
        call->fn.detached = fn;
    return send_call(endpoints, call, args, n);
}

static void on_strings(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    const struct cw_bytes *strings = NULL;
    size_t count = 0;
    if (rc == CW_OK && !read_strings(reply, &strings, &count))
        rc = CW_ERR_INTERNAL;
    call->fn.strings(call->arg, rc, strings, count);
    free(call);
}

int cw_functions_strings(struct cw_endpoints *endpoints, const struct cw_bytes *args, size_t count,
                         cw_strings_fn fn, void *arg)
{
    struct call *call = create_call(on_strings, arg);
    if (call != NULL)
        call->fn.strings = fn;
    return send_call(endpoints, call, args, count);
}

static void on_scanned(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    const struct cw_bytes *strings = NULL;
    struct cw_bytes cursor = {NULL, 0};
    size_t count = 0;
    if (rc == CW_OK) {
        if (!is_array(reply, 2) || !read_strings(reply->element[1], &strings, &count))
            rc = CW_ERR_INTERNAL;
        else
            cursor = bytes_of(reply->element[0]);
    }
    call->fn.scanned(call->arg, rc, cursor, strings, count);
    free(call);
}

int cw_functions_scan_keys(struct cw_endpoint *endpoint, const char *cursor, const char *pattern,
                           cw_scanned_fn fn, void *arg)
{
    struct cw_bytes args[] = {cw_bytes_text("SCAN"),  cw_bytes_text(cursor),
                              cw_bytes_text("MATCH"), cw_bytes_text(pattern),
                              cw_bytes_text("COUNT"), cw_bytes_text("200")};
    struct call *call = create_call(on_scanned, arg);
    if (call != NULL)
        call->fn.scanned = fn;
    return send_call_to(endpoint, call, args, sizeof(args) / sizeof(args[0]));
}

int cw_functions_scan_set(struct cw_endpoints *endpoints, const char *key, const char *cursor,
                          cw_scanned_fn fn, void *arg)
{
    struct cw_bytes args[] = {cw_bytes_text("SSCAN"), cw_bytes_text(key), cw_bytes_text(cursor),
                              cw_bytes_text("COUNT"), cw_bytes_text("100")};
    struct call *call = create_call(on_scanned, arg);
    if (call != NULL)
        call->fn.scanned = fn;
    return send_call(endpoints, call, args, sizeof(args) / sizeof(args[0]));
}

int cw_functions_flag(struct cw_endpoints *endpoints, const struct cw_bytes *args, size_t count,
                      cw_flag_fn fn, void *arg)
{
    struct call *call = create_call(on_flag, arg);
    if (call != NULL)
        call->fn.flag = fn;
    return send_call(endpoints, call, args, count);
}

int cw_functions_renew(struct cw_endpoints *endpoints, const char *node_key, int64_t ttl_ms,
                       bool is_new, struct cw_bytes about, cw_flag_fn fn, void *arg)
{
    char ttl[24];
    (void)snprintf(ttl, sizeof(ttl), "%" PRId64, ttl_ms);
    struct cw_bytes args[] = {cw_bytes_text("FCALL"),
                              cw_bytes_text("cw_node_renew"),
                              cw_bytes_text("1"),
                              cw_bytes_text(node_key),
                              cw_bytes_text(ttl),
                              cw_bytes_text(is_new ? "new" : ""),
                              about};
    struct call *call = create_call(on_flag, arg);
    if (call != NULL)
        call->fn.flag = fn;
    return send_call(endpoints, call, args, about.size > 0 ? 7 : is_new ? 6 : 5);
}

static void on_waited(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    if (rc == CW_OK && reply->type != REDIS_REPLY_INTEGER)
        rc = CW_ERR_INTERNAL;
    call->fn.count(call->arg, rc, rc == CW_OK ? reply->integer : 0);
    free(call);
}

int cw_functions_wait(struct cw_endpoint *endpoint, int replicas, int timeout_ms, cw_count_fn fn,
                      void *arg)
{
    char numbers[2][16];
    (void)snprintf(numbers[0], sizeof(numbers[0]), "%d", replicas);
    (void)snprintf(numbers[1], sizeof(numbers[1]), "%d", timeout_ms);
    struct cw_bytes args[] = {cw_bytes_text("WAIT"), cw_bytes_text(numbers[0]),
                              cw_bytes_text(numbers[1])};
    struct call *call = create_call(on_waited, arg);
    if (call != NULL)
        call->fn.count = fn;
    return send_call_to(endpoint, call, args, sizeof(args) / sizeof(args[0]));
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

/* tip_e, tip_o, more, then (from `first` on) id, prev, body of each. */
static int read_page(const redisReply *reply, size_t first, struct cw_history_page *ret_page)
{
    static struct cw_history_entry entries[CW_HISTORY_PAGE_ENTRIES];
    uint64_t has_more = 0;
    if (!is_array(reply, first) || (reply->elements - first) % 3 != 0 ||
        (reply->elements - first) / 3 > CW_HISTORY_PAGE_ENTRIES ||
        !read_u64(reply->element[0], &ret_page->tip.epoch) ||
        !read_u64(reply->element[1], &ret_page->tip.offset) ||
        !read_u64(reply->element[2], &has_more))
        return CW_ERR_INTERNAL;
    ret_page->has_more = has_more == 1;
    ret_page->entries = entries;
    ret_page->count = (reply->elements - first) / 3;
    for (size_t i = 0; i < ret_page->count; i++)
        if (!read_entry(&reply->element[first + 3 * i], &entries[i]))
            return CW_ERR_INTERNAL;
    return CW_OK;
}

static void on_page(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    struct cw_history_page page = {0};
    if (rc == CW_OK)
        rc = read_page(reply, 3, &page);
    call->fn.page(call->arg, rc, &page);
    free(call);
}

int cw_functions_read(struct cw_endpoints *endpoints, const char *key, struct cw_position since,
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
    return send_call(endpoints, call, args, sizeof(args) / sizeof(args[0]));
}

int cw_functions_vouch(struct cw_endpoints *endpoints, const char *key, struct cw_position position,
                       cw_tip_fn fn, void *arg)
{
    char epoch[24];
    char offset[24];
    (void)snprintf(epoch, sizeof(epoch), "%" PRIu64, position.epoch);
    (void)snprintf(offset, sizeof(offset), "%" PRIu64, position.offset);
    struct cw_bytes args[] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_node_vouch"),
                              cw_bytes_text("1"),     cw_bytes_text(key),
                              cw_bytes_text(epoch),   cw_bytes_text(offset)};
    struct call *call = create_call(on_tip, arg);
    if (call != NULL)
        call->fn.tip = fn;
    return send_call(endpoints, call, args, sizeof(args) / sizeof(args[0]));
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

int cw_functions_members(struct cw_endpoints *endpoints, const char *key, struct cw_bytes cursor,
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
    return send_call(endpoints, call, args, sizeof(args) / sizeof(args[0]));
}

/* send: {"delivered" or "queued", id, duplicate} */

static void on_sent(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    struct cw_sent sent = {.retry_ms = read_retry_ms(rc, reply)};
    if (rc == CW_OK) {
        if (!is_array(reply, 3) || !cw_position_parse(bytes_of(reply->element[1]), &sent.position))
            rc = CW_ERR_INTERNAL;
        else {
            sent.is_delivered = cw_bytes_is(bytes_of(reply->element[0]), "delivered");
            sent.is_duplicate = reply->element[2]->integer == 1;
        }
    }
    if (call->fn.sent != NULL)
        call->fn.sent(call->arg, rc, &sent);
    free(call);
}

int cw_functions_send(struct cw_endpoints *endpoints, struct cw_endpoint *only,
                      const char *channel_key, const struct cw_message *message, cw_sent_fn fn,
                      void *arg)
{
    static const char *const digits[] = {"0", "1", "2"};
    struct cw_bytes args[] = {cw_bytes_text("FCALL"),
                              cw_bytes_text("cw_node_send"),
                              cw_bytes_text("1"),
                              cw_bytes_text(channel_key),
                              cw_bytes_text(digits[message->type]),
                              cw_bytes_text("0"),
                              message->from,
                              message->payload,
                              message->key};
    struct call *call = create_call(on_sent, arg);
    if (call != NULL)
        call->fn.sent = fn;
    return send_call_at(endpoints, only, call, args, sizeof(args) / sizeof(args[0]));
}

/* inbox: {tip_e, tip_o, more, requests, number, body, ..., id, prev, body, ...} */

static int read_inbox(const redisReply *reply, struct cw_inbox_page *ret_page)
{
    static struct cw_inbox_request requests[CW_INBOX_REQUESTS_MAX];
    uint64_t count = 0;
    if (!is_array(reply, 4) || !read_u64(reply->element[3], &count) ||
        count > CW_INBOX_REQUESTS_MAX || reply->elements < 4 + 2 * count)
        return CW_ERR_INTERNAL;
    for (size_t i = 0; i < count; i++) {
        if (!read_u64(reply->element[4 + 2 * i], &requests[i].number))
            return CW_ERR_INTERNAL;
        requests[i].body = bytes_of(reply->element[5 + 2 * i]);
    }
    ret_page->requests = requests;
    ret_page->request_count = count;
    return read_page(reply, 4 + 2 * count, &ret_page->messages);
}

static void on_inbox(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    struct cw_inbox_page page = {0};
    if (rc == CW_OK)
        rc = read_inbox(reply, &page);
    call->fn.inbox(call->arg, rc, &page);
    free(call);
}

int cw_functions_inbox(struct cw_endpoints *endpoints, const char *channel_key, const char *node,
                       struct cw_position since, uint64_t since_request, cw_inbox_page_fn fn,
                       void *arg)
{
    char numbers[5][24];
    (void)snprintf(numbers[0], sizeof(numbers[0]), "%" PRIu64, since.epoch);
    (void)snprintf(numbers[1], sizeof(numbers[1]), "%" PRIu64, since.offset);
    (void)snprintf(numbers[2], sizeof(numbers[2]), "%" PRIu64, since_request);
    (void)snprintf(numbers[3], sizeof(numbers[3]), "%d", CW_HISTORY_PAGE_ENTRIES);
    (void)snprintf(numbers[4], sizeof(numbers[4]), "%d", CW_HISTORY_PAGE_BYTES);
    struct cw_bytes args[] = {cw_bytes_text("FCALL_RO"), cw_bytes_text("cw_node_inbox"),
                              cw_bytes_text("1"),        cw_bytes_text(channel_key),
                              cw_bytes_text(node),       cw_bytes_text(numbers[0]),
                              cw_bytes_text(numbers[1]), cw_bytes_text(numbers[2]),
                              cw_bytes_text(numbers[3]), cw_bytes_text(numbers[4])};
    struct call *call = create_call(on_inbox, arg);
    if (call != NULL)
        call->fn.inbox = fn;
    return send_call(endpoints, call, args, sizeof(args) / sizeof(args[0]));
}
