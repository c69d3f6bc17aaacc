/*
 * stream_info.c - two commands, one after the other, and what they say together.
 */
#include "stream_info.h"

#include "names.h"

#include <hiredis/hiredis.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct cw_redis_request request;
    struct cw_endpoints *endpoints;
    cw_trimmed_fn fn;
    void *arg;
    uint64_t gone;            /* entries that have left the stream */
    struct cw_position first; /* id of the oldest that is there; {0, 0}: none is */
    char key[CW_KEY_MAX];
};

static void end_reading(struct reading *reading, int rc, uint64_t trimmed)
{
    cw_trimmed_fn fn = reading->fn;
    void *arg = reading->arg;
    free(reading);
    fn(arg, rc, trimmed);
}

/* The value of `name` in a map, or in a list of names and values; NULL: it has none. */
static const redisReply *value_of(const redisReply *map, const char *name)
{
    if (map->type != REDIS_REPLY_MAP && map->type != REDIS_REPLY_ARRAY)
        return NULL;
    for (size_t i = 0; i + 1 < map->elements; i += 2)
        if (map->element[i]->str != NULL && strcmp(map->element[i]->str, name) == 0)
            return map->element[i + 1];
    return NULL;
}

static uint64_t number_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_INTEGER && reply->integer > 0 ? (uint64_t)reply->integer : 0;
}

/* An id is `<ms>-<number>`: the same form as a position. {0, 0}: there is none. */
static struct cw_position id_of(const redisReply *reply)
{
    struct cw_position id = {0, 0};
    if (reply != NULL && reply->str != NULL)
        (void)cw_position_parse(cw_bytes_make(reply->str, reply->len), &id);
    return id;
}

static uint64_t trimmed_of_group(const struct reading *reading, const redisReply *group)
{
    struct cw_position last = id_of(value_of(group, "last-delivered-id"));
    const redisReply *read = value_of(group, "entries-read");
    uint64_t given = 0;
    if (read != NULL && read->type == REDIS_REPLY_INTEGER)
        given = number_of(read);
    else if (last.epoch != 0)
        return 0;
    bool is_behind = reading->first.epoch == 0 || cw_position_compare(last, reading->first) < 0;
    return is_behind && reading->gone > given ? reading->gone - given : 0;
}

static void on_groups(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct reading *reading = (struct reading *)request;
    uint64_t most = 0;
    if (rc == CW_OK && reply->type != REDIS_REPLY_ARRAY)
        rc = CW_ERR_INTERNAL;
    for (size_t i = 0; rc == CW_OK && i < reply->elements; i++) {
        uint64_t trimmed = trimmed_of_group(reading, reply->element[i]);
        most = trimmed > most ? trimmed : most;
    }
    end_reading(reading, rc, most);
}

/* XINFO `what` of the key. */
static int ask(struct reading *reading, const char *what,
               void (*on_reply)(struct cw_redis_request *, int, const redisReply *))
{
    struct cw_bytes args[] = {cw_bytes_text("XINFO"), cw_bytes_text(what),
                              cw_bytes_text(reading->key)};
    reading->request.on_reply = on_reply;
    return cw_endpoints_call(reading->endpoints, &reading->request, args, 3);
}

static void on_stream(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct reading *reading = (struct reading *)request;
    const redisReply *added = rc == CW_OK ? value_of(reply, "entries-added") : NULL;
    const redisReply *length = rc == CW_OK ? value_of(reply, "length") : NULL;
    if (rc == CW_OK && (added == NULL || length == NULL))
        rc = CW_ERR_INTERNAL;
    if (rc == CW_OK) {
        uint64_t there = number_of(length);
        reading->gone = number_of(added) > there ? number_of(added) - there : 0;
        reading->first = id_of(value_of(reply, "recorded-first-entry-id"));
        rc = ask(reading, "GROUPS", on_groups);
    }
    if (rc != CW_OK)
        end_reading(reading, rc, 0);
}

int cw_stream_info_read(struct cw_endpoints *endpoints, const char *key, cw_trimmed_fn fn,
                        void *arg)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    if (reading == NULL)
        return CW_ERR_NOMEM;
    reading->endpoints = endpoints;
    reading->fn = fn;
    reading->arg = arg;
    (void)snprintf(reading->key, sizeof(reading->key), "%s", key);
    int rc = ask(reading, "STREAM", on_stream);
    if (rc != CW_OK)
        free(reading);
    return rc;
}
