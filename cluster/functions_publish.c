/*
 * functions_publish.c - (6) the calls that publish: one message, or some of one group.
 */
#include "base/clock.h"
#include "base/probe.h"
#include "base/stats.h"
#include "functions_call.h"

#define ARGS_BEFORE_BODIES 5
#define BODY_HEAD_MAX      (3 + 5 + 5) /* array, type, flags; heads of two strings */
#define SMALL_BODY         1024

static const char *const digits[] = {"0", "1", "2"};

/* --- bodies: MessagePack's [type, flags, from, payload] --------------------------------------- */

static char *write_string(char *out, struct cw_bytes text)
{
    if (text.size < 32) {
        *out++ = (char)(0xa0 | text.size);
    } else {
        int bytes = text.size <= UINT8_MAX ? 1 : text.size <= UINT16_MAX ? 2 : 4;
        *out++ = (char)(bytes == 1 ? 0xd9 : bytes == 2 ? 0xda : 0xdb);
        for (int i = bytes - 1; i >= 0; i--)
            *out++ = (char)(text.size >> (8 * i));
    }
    if (text.size > 0)
        memcpy(out, text.data, text.size);
    return out + text.size;
}

static size_t body_size_max(const struct cw_message *message)
{
    return BODY_HEAD_MAX + message->from.size + message->payload.size;
}

/* Room for body_size_max() bytes. */
static struct cw_bytes write_body(char *out, const struct cw_message *message)
{
    char *end = out;
    *end++ = (char)0x94;
    *end++ = (char)message->type;
    *end++ = message->skips_sender ? 1 : 0;
    end = write_string(end, message->from);
    end = write_string(end, message->payload);
    return cw_bytes_make(out, (size_t)(end - out));
}

/* A call that was handed over is counted until its answer; `published` NULL: it failed. */
static void begin_acked(struct cw_acked *acked)
{
    if (acked != NULL)
        acked->calls++;
}

static void end_acked(struct cw_acked *acked, const struct cw_published *published)
{
    if (acked == NULL)
        return;
    acked->calls--;
    if (published != NULL && published->is_logged &&
        cw_position_compare(published->position, acked->position) > 0)
        acked->position = published->position;
}

/* --- one message ------------------------------------------------------------------------------ */

static void on_published(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    struct cw_published published = {.retry_ms = read_retry_ms(rc, reply)};
    if (rc == CW_OK) {
        int64_t took_us = cw_clock_us() - request->sent_us;
        cw_histogram_add(&CW_STAT(publish_latency_seconds), took_us);
        CW_PROBE2(published, 1, took_us);
        const redisReply *id = is_array(reply, 2) ? reply->element[0] : reply;
        if (id->str == NULL) {
            rc = CW_ERR_INTERNAL;
        } else {
            published.is_logged = cw_position_parse(bytes_of(id), &published.position);
            published.is_duplicate = id != reply && reply->element[1]->integer == 1;
        }
    }
    if (rc == CW_OK)
        CW_STAT(publish_acked_total)++;
    end_acked(call->acked, rc == CW_OK ? &published : NULL);
    if (call->fn.published != NULL)
        call->fn.published(call->arg, rc, &published);
    free(call);
}

static int publish_with_key(struct cw_endpoints *endpoints, struct cw_endpoint *only,
                            struct call *call, const char *key, const struct cw_message *message,
                            struct cw_bytes cfg)
{
    struct cw_bytes args[] = {
        cw_bytes_make("FCALL", 5),
        cw_bytes_make("cw_node_publish", 15),
        cw_bytes_make("1", 1),
        cw_bytes_text(key),
        cw_bytes_make(digits[message->type], 1),
        cw_bytes_make(digits[message->skips_sender ? 1 : 0], 1),
        message->from,
        message->payload,
        cfg,
        message->key,
    };
    return send_call_at(endpoints, only, call, args, sizeof(args) / sizeof(args[0]));
}

static int append_bodies(struct cw_endpoints *endpoints, struct cw_endpoint *only,
                         struct call *call, const char *key, const struct cw_message *messages,
                         size_t count, struct cw_bytes cfg)
{
    struct cw_bytes args[ARGS_BEFORE_BODIES + CW_FUNCTIONS_PUBLISH_MAX] = {
        cw_bytes_make("FCALL", 5),
        cw_bytes_make("cw_node_append", 14),
        cw_bytes_make("1", 1),
        cw_bytes_text(key),
        cfg,
    };
    char small[SMALL_BODY];
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += body_size_max(&messages[i]);
    char *space = size <= sizeof(small) ? small : malloc(size);
    if (space == NULL) {
        free(call);
        return CW_ERR_NOMEM;
    }
    char *at = space;
    for (size_t i = 0; i < count; i++) {
        args[ARGS_BEFORE_BODIES + i] = write_body(at, &messages[i]);
        at += args[ARGS_BEFORE_BODIES + i].size;
    }
    int rc = send_call_at(endpoints, only, call, args, ARGS_BEFORE_BODIES + count);
    if (space != small)
        free(space);
    return rc;
}

int cw_functions_publish(struct cw_endpoints *endpoints, struct cw_endpoint *only, const char *key,
                         const struct cw_message *message, const struct cw_history_limits *limits,
                         struct cw_acked *acked, cw_published_fn fn, void *arg)
{
    char space[CFG_SIZE];
    struct cw_bytes cfg = write_limits(space, limits);
    struct call *call = create_call(on_published, arg);
    if (call != NULL) {
        call->fn.published = fn;
        call->acked = acked;
    }
    int rc = message->key.size > 0 ? publish_with_key(endpoints, only, call, key, message, cfg)
                                   : append_bodies(endpoints, only, call, key, message, 1, cfg);
    if (rc == CW_OK)
        begin_acked(acked);
    *(rc == CW_OK ? &CW_STAT(publish_sent_total) : &CW_STAT(publish_refused_total)) += 1;
    return rc;
}

/* --- several ---------------------------------------------------------------------------------- */

/* The last one's id: the others' are those right before it. */
static bool read_ids(const redisReply *reply, struct cw_published *published, size_t count,
                     struct cw_published *ret_last)
{
    *ret_last = (struct cw_published){.retry_ms = -1};
    if (reply->str == NULL)
        return false;
    ret_last->is_logged = cw_position_parse(bytes_of(reply), &ret_last->position);
    if (ret_last->is_logged && ret_last->position.offset < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        published[i] = *ret_last;
        if (ret_last->is_logged)
            published[i].position.offset -= count - 1 - i;
    }
    return true;
}

static void on_published_many(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct call *call = (struct call *)request;
    struct cw_published published[CW_FUNCTIONS_PUBLISH_MAX];
    struct cw_published last;
    if (rc == CW_OK && !read_ids(reply, published, call->count, &last))
        rc = CW_ERR_INTERNAL;
    if (rc == CW_OK) {
        CW_STAT(publish_acked_total) += call->count;
        int64_t took_us = cw_clock_us() - request->sent_us;
        for (size_t i = 0; i < call->count; i++)
            cw_histogram_add(&CW_STAT(publish_latency_seconds), took_us);
        CW_PROBE2(published, call->count, took_us);
    }
    end_acked(call->acked, rc == CW_OK ? &last : NULL);
    call->fn.published_many(call->arg, rc, rc == CW_OK ? published : NULL, call->count);
    free(call);
}

int cw_functions_publish_many(struct cw_endpoints *endpoints, const char *key,
                              const struct cw_message *messages, size_t count,
                              const struct cw_history_limits *limits, struct cw_acked *acked,
                              cw_published_many_fn fn, void *arg)
{
    char cfg[CFG_SIZE];
    struct call *call = create_call(on_published_many, arg);
    if (call != NULL) {
        call->fn.published_many = fn;
        call->count = count;
        call->acked = acked;
    }
    int rc = append_bodies(endpoints, NULL, call, key, messages, count, write_limits(cfg, limits));
    if (rc == CW_OK)
        begin_acked(acked);
    *(rc == CW_OK ? &CW_STAT(publish_sent_total) : &CW_STAT(publish_refused_total)) += count;
    return rc;
}
