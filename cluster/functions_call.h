/*
 * functions_call.h - (6) what the files that build calls share: a call under way, and its answer.
 */
#ifndef CW_FUNCTIONS_CALL_H
#define CW_FUNCTIONS_CALL_H

#include "base/digits.h"
#include "functions.h"
#include "names.h"

#include <hiredis/hiredis.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CFG_SIZE 112 /* five numbers of 64 bits */

/* One shape serves all calls: the request, and who is told. */
struct call {
    struct cw_redis_request request;
    union {
        cw_published_fn published;
        cw_published_many_fn published_many;
        cw_tip_fn tip;
        cw_flag_fn flag;
        cw_count_fn count;
        cw_done_fn done;
        cw_history_page_fn page;
        cw_members_fn members;
        cw_attached_fn attached;
        cw_detached_fn detached;
        cw_sent_fn sent;
        cw_inbox_page_fn inbox;
        cw_strings_fn strings;
        cw_scanned_fn scanned;
    } fn;
    void *arg;
    size_t count;           /* of published_many: messages */
    struct cw_acked *acked; /* of what publishes; NULL: nobody asks */
};

static inline struct call *
create_call(void (*on_reply)(struct cw_redis_request *, int, const redisReply *), void *arg)
{
    struct call *call = calloc(1, sizeof(*call));
    if (call != NULL) {
        call->request.on_reply = on_reply;
        call->arg = arg;
    }
    return call;
}

static inline int send_call(struct cw_endpoints *endpoints, struct call *call,
                            const struct cw_bytes *args, size_t count)
{
    if (call == NULL)
        return CW_ERR_NOMEM;
    int rc = cw_endpoints_call(endpoints, &call->request, args, count);
    if (rc != CW_OK)
        free(call);
    return rc;
}

/* At one server, whatever keys it has. */
static inline int send_call_to(struct cw_endpoint *endpoint, struct call *call,
                               const struct cw_bytes *args, size_t count)
{
    if (call == NULL)
        return CW_ERR_NOMEM;
    int rc = cw_endpoint_call(endpoint, &call->request, args, count);
    if (rc != CW_OK)
        free(call);
    return rc;
}

/* `only` NULL: at whoever has the key. */
static inline int send_call_at(struct cw_endpoints *endpoints, struct cw_endpoint *only,
                               struct call *call, const struct cw_bytes *args, size_t count)
{
    return only != NULL ? send_call_to(only, call, args, count)
                        : send_call(endpoints, call, args, count);
}

static inline struct cw_bytes bytes_of(const redisReply *reply)
{
    return cw_bytes_make(reply->str, reply->str == NULL ? 0 : reply->len);
}

/* An integer, or a string of digits (epochs are strings: Lua's numbers would not print them whole).
 */
static inline bool read_u64(const redisReply *reply, uint64_t *ret_value)
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

static inline bool is_array(const redisReply *reply, size_t least)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements >= least;
}

/* "<size> <ttl_ms> <bytes> <keys_max> <payload_max>": how a node hands its settings along with a
 * group's use; the last one where it is not the functions' own. */
static inline struct cw_bytes write_limits(char text[CFG_SIZE],
                                           const struct cw_history_limits *limits)
{
    const int64_t numbers[] = {limits->size, limits->ttl_ms, limits->bytes, limits->keys_max,
                               limits->payload_max};
    size_t count = limits->payload_max == CW_PAYLOAD_MAX_DEFAULT ? 4 : 5;
    char *end = text;
    for (size_t i = 0; i < count; i++) {
        char space[CW_DIGITS_SIZE];
        struct cw_bytes digits = cw_digits(space, (uint64_t)numbers[i]);
        if (i > 0)
            *end++ = ' ';
        memcpy(end, digits.data, digits.size);
        end += digits.size;
    }
    return cw_bytes_make(text, (size_t)(end - text));
}

/* "RATELIMITED <ms> ms: ..." */
static inline int64_t read_retry_ms(int rc, const redisReply *reply)
{
    if (rc != CW_ERR_RATE_LIMITED || reply == NULL)
        return -1;
    return strtoll(reply->str + strcspn(reply->str, " "), NULL, 10);
}

#endif
