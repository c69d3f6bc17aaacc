/*
 * functions_publish.c - (6) the calls that publish: one message, or some of one group.
 */
#include "base/clock.h"
#include "base/probe.h"
#include "base/stats.h"
#include "functions_call.h"

#define ARGS_BEFORE_MESSAGES 5
#define ARGS_OF_MESSAGE      4

static const char *const digits[] = {"0", "1", "2"};

static void on_published(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    struct cw_published published = {.retry_ms = read_retry_ms(rc, reply)};
    if (rc == CW_OK) {
        int64_t took_us = cw_clock_us() - request->sent_us;
        cw_histogram_add(&CW_STAT(publish_latency_seconds), took_us);
        CW_PROBE2(published, 1, took_us);
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
    char cfg[CFG_SIZE];
    struct cw_bytes args[] = {
        cw_bytes_make("FCALL", 5),
        cw_bytes_make("cw_node_publish", 15),
        cw_bytes_make("1", 1),
        cw_bytes_text(key),
        cw_bytes_make(digits[message->type], 1),
        cw_bytes_make(digits[message->skips_sender ? 1 : 0], 1),
        message->from,
        message->payload,
        write_limits(cfg, limits),
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

/* The last one's id: the others' are those right before it. */
static bool read_ids(const redisReply *reply, struct cw_published *published, size_t count)
{
    struct cw_published last = {.retry_ms = -1};
    if (reply->str == NULL)
        return false;
    last.is_logged = cw_position_parse(bytes_of(reply), &last.position);
    if (last.is_logged && last.position.offset < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        published[i] = last;
        if (last.is_logged)
            published[i].position.offset -= count - 1 - i;
    }
    return true;
}

static void on_published_many(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    struct cw_published published[CW_FUNCTIONS_PUBLISH_MAX];
    if (rc == CW_OK && !read_ids(reply, published, call->count))
        rc = CW_ERR_INTERNAL;
    if (rc == CW_OK) {
        CW_STAT(publish_acked_total) += call->count;
        int64_t took_us = cw_clock_us() - request->sent_us;
        for (size_t i = 0; i < call->count; i++)
            cw_histogram_add(&CW_STAT(publish_latency_seconds), took_us);
        CW_PROBE2(published, call->count, took_us);
    }
    call->fn.published_many(call->arg, rc, rc == CW_OK ? published : NULL, call->count);
    free(call);
}

int cw_functions_publish_many(struct cw_endpoint *endpoint, const char *key,
                              const struct cw_message *messages, size_t count,
                              const struct cw_history_limits *limits, cw_published_many_fn fn,
                              void *arg)
{
    char cfg[CFG_SIZE];
    struct cw_bytes
        args[ARGS_BEFORE_MESSAGES + ARGS_OF_MESSAGE * (size_t)CW_FUNCTIONS_PUBLISH_MAX] = {
            cw_bytes_text("FCALL"), cw_bytes_text("cw_node_publish_many"), cw_bytes_text("1"),
            cw_bytes_text(key), write_limits(cfg, limits)};
    size_t n = ARGS_BEFORE_MESSAGES;
    for (size_t i = 0; i < count; i++) {
        args[n++] = cw_bytes_make(digits[messages[i].type], 1);
        args[n++] = cw_bytes_make(digits[messages[i].skips_sender ? 1 : 0], 1);
        args[n++] = messages[i].from;
        args[n++] = messages[i].payload;
    }
    struct call *call = create_call(on_published_many, arg);
    if (call != NULL) {
        call->fn.published_many = fn;
        call->count = count;
    }
    int rc = send_call(endpoint, call, args, n);
    *(rc == CW_OK ? &CW_STAT(publish_sent_total) : &CW_STAT(publish_refused_total)) += count;
    return rc;
}
