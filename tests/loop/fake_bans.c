/* fake_bans.c - a hash: subjects and reasons, and the version. */
#include "loop/fake_bans.h"

#include "base/list.h"
#include "base/writer.h"
#include "loop/fake_commands.h"
#include "loop/fake_reply.h"

#include <hiredis/hiredis.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char key[] = "cw:bans";
static const char version_field[] = "v";

static unsigned long version_of(const struct fake_store *store)
{
    const char *version = fake_store_get(store, key, version_field);
    return version == NULL ? 0 : strtoul(version, NULL, 10);
}

static void set(struct fake_store *store, const char *field, const char *value)
{
    (void)fake_hash_set(store, cw_bytes_text(key), cw_bytes_text(field), cw_bytes_text(value));
}

static void set_version(struct fake_store *store, unsigned long version)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lu", version);
    set(store, version_field, text);
}

static void write_lines(const struct fake_store *store, struct cw_writer *writer)
{
    const struct fake_hash *hash = fake_hash_find(store, cw_bytes_text(key));
    for (struct cw_map_node *n = hash == NULL ? NULL : cw_map_next(&hash->fields, NULL); n != NULL;
         n = cw_map_next(&hash->fields, n)) {
        const struct fake_field *field = CW_CONTAINER(n, struct fake_field, in_fields);
        if (strcmp(field->name, version_field) != 0)
            cw_writer_printf(writer, "%d %s %s\n", FAKE_BAN_LEFT_MS, field->name, field->value);
    }
}

static redisReply *bans(const struct fake_store *store, struct cw_bytes known)
{
    char text[24];
    struct cw_writer writer;
    redisReply *reply = fake_reply_array();
    cw_writer_init(&writer);
    (void)snprintf(text, sizeof(text), "%lu", version_of(store));
    if (!cw_bytes_is(known, text))
        write_lines(store, &writer);
    fake_reply_add(reply, fake_reply_text(cw_bytes_text(text)));
    fake_reply_add(reply, fake_reply_text(cw_writer_view(&writer)));
    cw_writer_finish(&writer);
    return reply;
}

static redisReply *bans_back(struct fake_store *store, struct cw_bytes known, struct cw_bytes lines)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%.*s", (int)known.size, known.data);
    if (version_of(store) >= strtoul(text, NULL, 10))
        return fake_reply_integer(0);
    fake_bans_forget(store, (unsigned)strtoul(text, NULL, 10));
    while (lines.size > 0) {
        char line[400];
        size_t size = (size_t)((const char *)memchr(lines.data, '\n', lines.size) - lines.data);
        (void)snprintf(line, sizeof(line), "%.*s", (int)size, lines.data);
        char *subject = strchr(line, ' ') + 1;
        char *reason = strchr(subject, ' ');
        *reason++ = '\0';
        set(store, subject, reason);
        lines = cw_bytes_make(lines.data + size + 1, lines.size - size - 1);
    }
    return fake_reply_integer(1);
}

struct redisReply *fake_bans_run(struct fake_store *store, struct cw_bytes function,
                                 const struct cw_bytes *args, size_t count)
{
    if (cw_bytes_is(function, "cw_node_bans") && count == 2)
        return bans(store, args[1]);
    if (cw_bytes_is(function, "cw_node_bans_back") && count == 3)
        return bans_back(store, args[1], args[2]);
    return NULL;
}

void fake_bans_change(struct fake_store *store, const char *subject, const char *reason)
{
    char text[400];
    unsigned long before = version_of(store);
    if (reason != NULL)
        set(store, subject, reason);
    else
        (void)fake_hash_unset(store, cw_bytes_text(key), cw_bytes_text(subject));
    set_version(store, before + 1);
    (void)snprintf(text, sizeof(text), "bans %lu %lu %d %s %s", before, before + 1,
                   reason == NULL ? 0 : FAKE_BAN_LEFT_MS, subject, reason == NULL ? "" : reason);
    store->on_publish(store->arg, false, "cw:all", cw_bytes_text(text));
}

void fake_bans_forget(struct fake_store *store, unsigned version)
{
    fake_store_lose_key(store, key);
    if (version > 0)
        set_version(store, version);
}
