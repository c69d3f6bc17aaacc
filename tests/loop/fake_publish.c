/*
 * fake_publish.c - cw_node_publish, cw_node_publish_many and cw_node_append as chanway_append.lua
 * has them.
 */
#include "base/writer.h"
#include "envelope.h"
#include "loop/fake_commands.h"
#include "loop/fake_reply.h"
#include "redis_link.h"
#include "unit/envelope_encode.h"

#include <hiredis/hiredis.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

long long fake_number(struct cw_bytes text)
{
    char digits[32];
    (void)snprintf(digits, sizeof(digits), "%.*s", (int)text.size, text.data);
    return strtoll(digits, NULL, 10);
}

struct cw_bytes fake_sibling(const struct fake_call *call, const char *suffix,
                             char space[CW_KEY_MAX + 4])
{
    int size =
        snprintf(space, CW_KEY_MAX + 4, "%.*s%s", (int)call->key.size, call->key.data, suffix);
    return cw_bytes_make(space, (size_t)size);
}

struct fake_limits fake_limits_read(struct cw_bytes text)
{
    char copy[128];
    struct fake_limits limits = {0};
    (void)snprintf(copy, sizeof(copy), "%.*s", (int)text.size, text.data);
    (void)sscanf(copy, "%lld %lld %lld %lld", &limits.size, &limits.ttl_ms, &limits.bytes,
                 &limits.keys_max);
    return limits;
}

static void spublish(const struct fake_call *call, const struct cw_envelope *envelope)
{
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_envelope_encode(&writer, envelope);
    char topic[CW_KEY_MAX];
    (void)snprintf(topic, sizeof(topic), "%.*s", (int)call->key.size, call->key.data);
    call->store->on_publish(call->store->arg, true, topic, cw_writer_view(&writer));
    cw_writer_finish(&writer);
}

static void append(const struct fake_call *call, struct fake_group *group,
                   struct cw_envelope *envelope)
{
    struct fake_store *store = call->store;
    struct fake_entry entry = {.position = group->tip};
    struct cw_writer body;
    entry.position.offset++;
    if (group->boot != store->boot || group->tip.offset == 0) {
        entry.has_previous = true;
        entry.previous = group->tip;
        entry.position.epoch = ++store->last_epoch;
        entry.position.offset = 1;
        group->boot = store->boot;
    }
    cw_writer_init(&body);
    cw_envelope_encode_body(&body, &envelope->message);
    entry.body = cw_buf_copy(cw_writer_view(&body));
    cw_writer_finish(&body);
    fake_group_push(group, &entry);
    envelope->message.is_logged = true;
    envelope->message.position = entry.position;
    envelope->has_predecessor = entry.has_previous;
    envelope->predecessor = entry.previous;
    if (store->on_append != NULL)
        store->on_append(store->arg, group, &entry);
}

void fake_log_end(struct fake_group *group)
{
    fake_group_drop_oldest(group, group->count);
    group->tip = (struct cw_position){0, 0};
}

static void apply_limits(struct fake_group *group, const struct fake_limits *limits)
{
    if (group->count > (size_t)limits->size)
        fake_group_drop_oldest(group, group->count - (size_t)limits->size);
    while (group->count > 1 && group->bytes > (size_t)limits->bytes)
        fake_group_drop_oldest(group, 1);
}

redisReply *fake_publish(const struct fake_call *call)
{
    struct fake_limits limits = fake_limits_read(call->args[4]);
    struct cw_bytes key = call->args[5];
    struct fake_group *group = fake_group_make(call->store, call->key);
    char space[CW_KEY_MAX + 4];
    struct cw_bytes keys = fake_sibling(call, ":k", space);
    struct cw_envelope envelope = {
        .message = {.type = (enum cw_payload_type)fake_number(call->args[0]),
                    .skips_sender = fake_number(call->args[1]) == 1,
                    .from = call->args[2],
                    .payload = call->args[3]}};
    redisReply *reply = fake_reply_array();
    const char *known = key.size == 0 ? NULL : fake_hash_get(call->store, keys, key);
    if (known != NULL) {
        fake_reply_add(reply, fake_reply_text(cw_bytes_text(known)));
        fake_reply_add(reply, fake_reply_integer(1));
        return reply;
    }
    char id[CW_POSITION_TEXT_SIZE];
    struct cw_bytes id_text = {id, 0};
    if (limits.size > 0) {
        append(call, group, &envelope);
        apply_limits(group, &limits);
        id_text.size = cw_position_write(id, envelope.message.position);
    } else {
        fake_log_end(group);
    }
    spublish(call, &envelope);
    if (key.size > 0)
        (void)fake_hash_set(call->store, keys, key, id_text);
    fake_reply_add(reply, fake_reply_text(id_text));
    fake_reply_add(reply, fake_reply_integer(0));
    return reply;
}

/* `args` as those of cw_node_publish. The id, in the place of `last`, the one before it. */
static redisReply *publish_next(const struct fake_call *call, const struct cw_bytes *args,
                                redisReply *last)
{
    struct fake_call one = {call->store, call->key, args, 6};
    redisReply *reply = fake_publish(&one);
    freeReplyObject(last);
    last = fake_reply_text(cw_bytes_make(reply->element[0]->str, reply->element[0]->len));
    freeReplyObject(reply);
    return last;
}

redisReply *fake_publish_many(const struct fake_call *call)
{
    redisReply *last = NULL;
    for (size_t i = 1; i + 3 < call->count; i += 4) {
        struct cw_bytes args[] = {call->args[i],     call->args[i + 1], call->args[i + 2],
                                  call->args[i + 3], call->args[0],     {NULL, 0}};
        last = publish_next(call, args, last);
    }
    return last;
}

redisReply *fake_append(const struct fake_call *call)
{
    redisReply *last = NULL;
    for (size_t i = 1; i < call->count; i++) {
        struct cw_message message;
        if (cw_envelope_decode_body(call->args[i], &message) != CW_OK) {
            freeReplyObject(last);
            return NULL;
        }
        char type = (char)('0' + message.type);
        struct cw_bytes args[] = {cw_bytes_make(&type, 1),
                                  cw_bytes_text(message.skips_sender ? "1" : "0"),
                                  message.from,
                                  message.payload,
                                  call->args[0],
                                  {NULL, 0}};
        last = publish_next(call, args, last);
    }
    return last;
}
