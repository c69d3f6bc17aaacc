/*
 * fake_commands.c - the commands and functions a node calls, each as chanway.lua has it.
 */
#include "loop/fake_commands.h"

#include "base/list.h"
#include "base/writer.h"
#include "envelope.h"
#include "loop/fake_bans.h"
#include "loop/fake_limits.h"
#include "loop/fake_reply.h"
#include "names.h"
#include "redis_link.h"
#include "unit/envelope_encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of more than 2^53 are strings. */
static redisReply *epoch_reply(uint64_t epoch)
{
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%" PRIu64, epoch);
    return fake_reply_text(cw_bytes_text(digits));
}

static redisReply *position_reply(struct cw_position position)
{
    char text[CW_POSITION_TEXT_SIZE];
    return fake_reply_text(cw_bytes_make(text, cw_position_write(text, position)));
}

/* vouch, read, join, leave, members */

static struct cw_position find_loss(const struct fake_group *group, struct cw_position at)
{
    for (size_t i = 0; i < group->loss_count; i++)
        if (cw_position_compare(group->losses[i].from, at) < 0 &&
            cw_position_compare(at, group->losses[i].to) < 0)
            return group->losses[i].to;
    return (struct cw_position){0, 0};
}

static struct cw_position follows(const struct fake_group *group, struct cw_position previous)
{
    for (size_t i = 0; i < group->loss_count; i++)
        if (cw_position_compare(group->losses[i].from, previous) <= 0 &&
            cw_position_compare(previous, group->losses[i].to) < 0)
            return group->losses[i].to;
    return previous;
}

static void add_loss(struct fake_group *group, struct cw_position from, struct cw_position to)
{
    struct fake_loss_of *newest = group->losses;
    bool is_longer = group->loss_count > 0 && cw_position_compare(newest->from, from) <= 0 &&
                     cw_position_compare(from, newest->to) <= 0;
    if (!is_longer) {
        memmove(newest + 1, newest, (FAKE_LOSSES_KEPT - 1) * sizeof(*newest));
        group->loss_count += group->loss_count < FAKE_LOSSES_KEPT;
        newest->from = from;
    }
    newest->to = to;
}

static redisReply *tip_reply(struct cw_position tip)
{
    redisReply *reply = fake_reply_array();
    fake_reply_add(reply, epoch_reply(tip.epoch));
    fake_reply_add(reply, fake_reply_integer((long long)tip.offset));
    return reply;
}

static redisReply *vouch(const struct fake_call *call)
{
    struct fake_group *group = fake_group_make(call->store, call->key);
    struct cw_position at = {(uint64_t)fake_number(call->args[0]),
                             (uint64_t)fake_number(call->args[1])};
    struct cw_position known = find_loss(group, at);
    if (cw_position_compare(at, group->tip) > 0) {
        struct cw_position to = {++call->store->last_epoch, 0};
        add_loss(group, group->tip, to);
        group->tip = to;
        group->boot = 0; /* the next message opens an epoch */
        return tip_reply(to);
    }
    if (known.epoch > 0)
        return tip_reply(known);
    size_t i = 0;
    while (i < group->count && cw_position_compare(group->entries[i].position, at) <= 0)
        i++;
    if (at.epoch == group->tip.epoch || i == group->count || !group->entries[i].has_previous ||
        cw_position_compare(follows(group, group->entries[i].previous), at) >= 0)
        return tip_reply((struct cw_position){0, 0});
    struct cw_position to = {group->entries[i].position.epoch, 0};
    add_loss(group, group->entries[i].previous, to);
    return tip_reply(to);
}

static redisReply *read_log(const struct fake_call *call)
{
    const struct fake_group *group = fake_group_find(call->store, call->key);
    struct cw_position since = {(uint64_t)fake_number(call->args[0]),
                                (uint64_t)fake_number(call->args[1])};
    struct cw_position tip = group == NULL ? (struct cw_position){0, 0} : group->tip;
    size_t left = (size_t)fake_number(call->args[2]);
    size_t bytes = 0;
    redisReply *reply = fake_reply_array();
    fake_reply_add(reply, epoch_reply(tip.epoch));
    fake_reply_add(reply, fake_reply_integer((long long)tip.offset));
    fake_reply_add(reply, fake_reply_integer(0));
    for (size_t i = 0; group != NULL && i < group->count; i++) {
        const struct fake_entry *entry = &group->entries[i];
        if (cw_position_compare(entry->position, since) <= 0)
            continue;
        if (left == 0 || bytes >= (size_t)fake_number(call->args[3])) {
            reply->element[2]->integer = 1;
            break;
        }
        struct cw_position previous = follows(group, entry->previous);
        bool has_none = cw_position_compare(previous, (struct cw_position){0, 0}) == 0;
        fake_reply_add(reply, position_reply(entry->position));
        fake_reply_add(reply, !entry->has_previous ? fake_reply_nil()
                              : has_none           ? fake_reply_text(cw_bytes_text(""))
                                                   : position_reply(previous));
        fake_reply_add(reply, fake_reply_text(cw_buf_bytes(entry->body)));
        bytes += entry->body->size;
        left--;
    }
    return reply;
}

/* Of "<uuid>" or "<uuid> <generation>"; nobody here takes a channel from another node. */
static struct cw_bytes uuid_of_joiner(struct cw_bytes joiner)
{
    const char *space = memchr(joiner.data, ' ', joiner.size);
    return space == NULL ? joiner : cw_bytes_make(joiner.data, (size_t)(space - joiner.data));
}

static redisReply *join(const struct fake_call *call)
{
    char space[CW_KEY_MAX + 4];
    char value[256];
    struct cw_bytes members = fake_sibling(call, ":m", space);
    struct fake_group *group = fake_group_make(call->store, call->key);
    for (size_t i = 3; i + 1 < call->count; i += 2) { /* cfg, node, whether it is watched */
        bool has_user = call->args[i + 1].size > 0;
        int size = snprintf(value, sizeof(value), "%.*s%s%.*s", (int)call->args[1].size,
                            call->args[1].data, has_user ? " " : "", (int)call->args[i + 1].size,
                            has_user ? call->args[i + 1].data : "");
        (void)fake_hash_set(call->store, members, uuid_of_joiner(call->args[i]),
                            cw_bytes_make(value, (size_t)size));
    }
    if (fake_limits_read(call->args[0]).size == 0)
        fake_log_end(group);
    redisReply *reply = fake_reply_array();
    fake_reply_add(reply, epoch_reply(group->tip.epoch));
    fake_reply_add(reply, fake_reply_integer((long long)group->tip.offset));
    return reply;
}

/* "<node>" or "<node> <user>" */
static bool is_of_node(const char *value, struct cw_bytes node)
{
    return strncmp(value, node.data, node.size) == 0 &&
           (value[node.size] == '\0' || value[node.size] == ' ');
}

static redisReply *leave(const struct fake_call *call)
{
    char space[CW_KEY_MAX + 4];
    struct cw_bytes members = fake_sibling(call, ":m", space);
    long long removed = 0;
    for (size_t i = 1; i < call->count; i++) {
        const char *value = fake_hash_get(call->store, members, call->args[i]);
        if (value != NULL && is_of_node(value, call->args[0]) &&
            fake_hash_unset(call->store, members, call->args[i]))
            removed++;
    }
    return fake_reply_integer(removed);
}

static int compare_fields(const void *a, const void *b)
{
    const struct fake_field *const *left = a;
    const struct fake_field *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* Sorted; a cursor is how many were told. */
static redisReply *members(const struct fake_call *call)
{
    const struct fake_field *all[2000];
    char space[CW_KEY_MAX + 4];
    const struct fake_hash *hash = fake_hash_find(call->store, fake_sibling(call, ":m", space));
    size_t total = 0;
    struct cw_map_node *n = hash == NULL ? NULL : cw_map_next(&hash->fields, NULL);
    for (; n != NULL && total < 2000; n = cw_map_next(&hash->fields, n))
        all[total++] = CW_CONTAINER(n, struct fake_field, in_fields);
    qsort(all, total, sizeof(all[0]), compare_fields);

    size_t first = (size_t)fake_number(call->args[0]);
    size_t end = first + (size_t)fake_number(call->args[1]);
    redisReply *reply = fake_reply_array();
    fake_reply_add(reply, epoch_reply(end < total ? end : 0));
    for (size_t i = first; i < end && i < total; i++) {
        const char *space_at = strchr(all[i]->value, ' ');
        size_t node_size =
            space_at == NULL ? strlen(all[i]->value) : (size_t)(space_at - all[i]->value);
        fake_reply_add(reply, fake_reply_text(cw_bytes_text(all[i]->name)));
        fake_reply_add(reply, fake_reply_text(cw_bytes_make(all[i]->value, node_size)));
        fake_reply_add(reply, fake_reply_text(cw_bytes_text(space_at == NULL ? "" : space_at + 1)));
    }
    return reply;
}

/* Channels and nodes. */

static bool is_owner(const struct fake_call *call)
{
    const char *node = fake_hash_get(call->store, call->key, cw_bytes_text("node"));
    return node != NULL && cw_bytes_is(call->args[0], node);
}

static redisReply *mark(const struct fake_call *call)
{
    char field[CW_GROUP_NAME_MAX + 3];
    if (!is_owner(call))
        return fake_reply_integer(0);
    for (size_t i = 2; i < call->count; i++) {
        (void)snprintf(field, sizeof(field), "g:%.*s", (int)call->args[i].size, call->args[i].data);
        if (cw_bytes_is(call->args[1], "add"))
            (void)fake_hash_set(call->store, call->key, cw_bytes_text(field), cw_bytes_text(""));
        else
            (void)fake_hash_unset(call->store, call->key, cw_bytes_text(field));
    }
    return fake_reply_integer(1);
}

static redisReply *groups_of(const struct fake_hash *hash)
{
    redisReply *groups = fake_reply_array();
    for (struct cw_map_node *n = hash == NULL ? NULL : cw_map_next(&hash->fields, NULL); n != NULL;
         n = cw_map_next(&hash->fields, n)) {
        const char *name = CW_CONTAINER(n, struct fake_field, in_fields)->name;
        if (strncmp(name, "g:", 2) == 0)
            fake_reply_add(groups, fake_reply_text(cw_bytes_text(name + 2)));
    }
    return groups;
}

/* node, generation, limits, fields -> {generation, the node before, its groups, inbox} */
static redisReply *attach(const struct fake_call *call)
{
    const char *node = fake_hash_get(call->store, call->key, cw_bytes_text("node"));
    const char *generation = fake_hash_get(call->store, call->key, cw_bytes_text("gen"));
    const char *space = memchr(call->args[1].data, ' ', call->args[1].size);
    size_t digits = space == NULL ? call->args[1].size : (size_t)(space - call->args[1].data);
    long long expected = fake_number(cw_bytes_make(call->args[1].data, digits));
    struct cw_bytes earlier = cw_bytes_make(call->args[1].data + digits + 1,
                                            space == NULL ? 0 : call->args[1].size - digits - 1);
    long long found = generation == NULL ? 0 : fake_number(cw_bytes_text(generation));
    char next[24];
    redisReply *reply = fake_reply_array();
    bool is_own = node != NULL && (cw_bytes_is(call->args[0], node) || cw_bytes_is(earlier, node));
    if (generation == NULL || found <= expected || is_own) {
        long long grown = (found > expected ? found : expected) + 1;
        (void)snprintf(next, sizeof(next), "%lld", grown);
        fake_reply_add(reply, fake_reply_integer(grown));
        fake_reply_add(reply, fake_reply_text(cw_bytes_text(node == NULL ? "" : node)));
        (void)fake_hash_set(call->store, call->key, cw_bytes_text("node"), call->args[0]);
        (void)fake_hash_set(call->store, call->key, cw_bytes_text("gen"), cw_bytes_text(next));
        for (size_t i = 3; i + 1 < call->count; i += 2)
            (void)fake_hash_set(call->store, call->key, call->args[i], call->args[i + 1]);
    } else {
        fake_reply_add(reply, fake_reply_integer(0));
        fake_reply_add(reply, fake_reply_text(cw_bytes_text(node == NULL ? "" : node)));
    }
    fake_reply_add(reply, groups_of(fake_hash_find(call->store, call->key)));
    fake_reply_add(reply, fake_reply_text(cw_bytes_text("0")));
    fake_reply_add(reply, fake_reply_integer(0));
    return reply;
}

/* Nothing is ever sent to a channel. */
static redisReply *inbox(const struct fake_call *call)
{
    redisReply *reply = fake_reply_array();
    (void)call;
    fake_reply_add(reply, fake_reply_text(cw_bytes_text("0")));
    for (int i = 0; i < 3; i++)
        fake_reply_add(reply, fake_reply_integer(0));
    return reply;
}

/* Those that are listed and have no lease: the time of leases does not pass here, data is lost. */
static redisReply *dead_nodes(const struct fake_call *call)
{
    redisReply *reply = fake_reply_array();
    const struct fake_hash *nodes = fake_hash_find(call->store, call->key);
    char key[CW_KEY_MAX];
    for (struct cw_map_node *n = nodes == NULL ? NULL : cw_map_next(&nodes->fields, NULL);
         n != NULL; n = cw_map_next(&nodes->fields, n)) {
        const struct fake_field *field = CW_CONTAINER(n, struct fake_field, in_fields);
        size_t size = cw_key_write(key, "cw", 'n', cw_bytes_text(field->name));
        if (fake_hash_find(call->store, cw_bytes_make(key, size)) == NULL)
            fake_reply_add(reply, fake_reply_text(cw_bytes_text(field->name)));
    }
    return reply;
}

/* All that are listed, without channels. */
static redisReply *live_nodes(const struct fake_call *call)
{
    redisReply *reply = fake_reply_array();
    const struct fake_hash *nodes = fake_hash_find(call->store, call->key);
    for (struct cw_map_node *n = nodes == NULL ? NULL : cw_map_next(&nodes->fields, NULL);
         n != NULL; n = cw_map_next(&nodes->fields, n)) {
        const struct fake_field *field = CW_CONTAINER(n, struct fake_field, in_fields);
        fake_reply_add(reply, fake_reply_text(cw_bytes_text(field->name)));
        fake_reply_add(reply, fake_reply_integer(15000));
        fake_reply_add(reply, fake_reply_integer(0));
    }
    return reply;
}

static redisReply *detach(const struct fake_call *call)
{
    struct fake_hash *hash = fake_hash_find(call->store, call->key);
    bool owned = is_owner(call);
    bool is_first = call->count > 2 && cw_bytes_is(call->args[2], "reap"); /* of two */
    redisReply *groups = groups_of(hash);
    if (owned && !is_first)
        fake_hash_delete(call->store, hash);
    redisReply *reply = fake_reply_array();
    fake_reply_add(reply, fake_reply_integer(owned));
    fake_reply_add(reply, groups);
    return reply;
}

static redisReply *renew(const struct fake_call *call)
{
    if (call->count > 1 && cw_bytes_is(call->args[1], "new") &&
        fake_hash_find(call->store, call->key) == NULL)
        (void)fake_hash_set(call->store, call->key, cw_bytes_text("since"), cw_bytes_text("0"));
    return fake_reply_integer(fake_hash_find(call->store, call->key) != NULL);
}

static redisReply *list_node(const struct fake_call *call)
{
    if (call->count == 1)
        return fake_reply_integer(fake_hash_unset(call->store, call->key, call->args[0]));
    (void)fake_hash_set(call->store, call->key, call->args[0], call->args[2]);
    return fake_reply_integer(1);
}

static redisReply *version(const struct fake_call *call)
{
    (void)call;
    return fake_reply_integer(1000000);
}

static redisReply *run_function(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    static const struct {
        const char *name;
        redisReply *(*run)(const struct fake_call *call);
    } rows[] = {
        {"cw_version", version},
        {"cw_node_publish", fake_publish},
        {"cw_node_publish_many", fake_publish_many},
        {"cw_node_append", fake_append},
        {"cw_node_read", read_log},
        {"cw_node_vouch", vouch},
        {"cw_node_join", join},
        {"cw_node_leave", leave},
        {"cw_node_members", members},
        {"cw_node_mark", mark},
        {"cw_node_detach", detach},
        {"cw_node_renew", renew},
        {"cw_node_list", list_node},
        {"cw_node_attach", attach},
        {"cw_node_inbox", inbox},
        {"cw_node_dead", dead_nodes},
        {"cw_nodes", live_nodes},
    };
    struct fake_call call = {.store = store};
    if (count > 3)
        call = (struct fake_call){store, args[3], args + 4, count - 4};
    for (size_t i = 0; store->has_library && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (cw_bytes_is(args[1], rows[i].name))
            return rows[i].run(&call);
    redisReply *reply =
        store->has_library ? fake_limits_run(store, args[1], args + 3, count - 3) : NULL;
    if (store->has_library && reply == NULL)
        reply = fake_bans_run(store, args[1], args + 3, count - 3);
    return reply != NULL ? reply : fake_reply_error(CW_REDIS_NO_FUNCTION);
}

/* Plain commands. */

static redisReply *run_sadd(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    long long added = 0;
    for (size_t i = 2; i < count; i++)
        added += fake_hash_set(store, args[1], args[i], cw_bytes_text(""));
    return fake_reply_integer(added);
}

/* SREM and HDEL: members of sets are fields here. */
static redisReply *run_unset(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    long long removed = 0;
    for (size_t i = 2; i < count; i++)
        removed += fake_hash_unset(store, args[1], args[i]);
    return fake_reply_integer(removed);
}

static redisReply *run_exists(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    (void)count;
    return fake_reply_integer(fake_hash_find(store, args[1]) != NULL);
}

static redisReply *run_hexists(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    (void)count;
    return fake_reply_integer(fake_hash_get(store, args[1], args[2]) != NULL);
}

static redisReply *run_hkeys(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    redisReply *reply = fake_reply_array();
    const struct fake_hash *hash = fake_hash_find(store, args[1]);
    (void)count;
    for (struct cw_map_node *n = hash == NULL ? NULL : cw_map_next(&hash->fields, NULL); n != NULL;
         n = cw_map_next(&hash->fields, n))
        fake_reply_add(reply, fake_reply_text(cw_bytes_text(
                                  CW_CONTAINER(n, struct fake_field, in_fields)->name)));
    return reply;
}

/* SCAN cursor MATCH pattern ...: all in one page. */
static redisReply *run_scan(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    redisReply *reply = fake_reply_array();
    redisReply *keys = fake_reply_array();
    (void)count;
    for (struct cw_map_node *n = cw_map_next(&store->hashes, NULL); n != NULL;
         n = cw_map_next(&store->hashes, n)) {
        const struct fake_hash *hash = CW_CONTAINER(n, struct fake_hash, in_hashes);
        if (cw_glob_matches(args[3], cw_bytes_text(hash->key)))
            fake_reply_add(keys, fake_reply_text(cw_bytes_text(hash->key)));
    }
    fake_reply_add(reply, fake_reply_text(cw_bytes_text("0")));
    fake_reply_add(reply, keys);
    return reply;
}

/* Some members: the first ones. */
static redisReply *run_srandmember(struct fake_store *store, const struct cw_bytes *args,
                                   size_t count)
{
    redisReply *reply = fake_reply_array();
    const struct fake_hash *set = fake_hash_find(store, args[1]);
    long long left = count > 2 ? fake_number(args[2]) : 1;
    for (struct cw_map_node *n = set == NULL ? NULL : cw_map_next(&set->fields, NULL);
         n != NULL && left > 0; n = cw_map_next(&set->fields, n), left--)
        fake_reply_add(reply, fake_reply_text(cw_bytes_text(
                                  CW_CONTAINER(n, struct fake_field, in_fields)->name)));
    return reply;
}

static redisReply *run_hset(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    long long added = 0;
    for (size_t i = 2; i + 1 < count; i += 2)
        added += fake_hash_set(store, args[1], args[i], args[i + 1]);
    return fake_reply_integer(added);
}

static redisReply *run_del(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    long long deleted = 0;
    for (size_t i = 1; i < count; i++) {
        struct fake_hash *hash = fake_hash_find(store, args[i]);
        if (hash == NULL)
            continue;
        fake_hash_delete(store, hash);
        deleted++;
    }
    return fake_reply_integer(deleted);
}

static redisReply *run_hmget(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    redisReply *reply = fake_reply_array();
    for (size_t i = 2; i < count; i++) {
        const char *value = fake_hash_get(store, args[1], args[i]);
        fake_reply_add(reply,
                       value == NULL ? fake_reply_nil() : fake_reply_text(cw_bytes_text(value)));
    }
    return reply;
}

/* A set in one page. */
static redisReply *run_sscan(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    const struct fake_hash *hash = fake_hash_find(store, args[1]);
    redisReply *members = fake_reply_array();
    redisReply *reply = fake_reply_array();
    (void)count;
    for (struct cw_map_node *n = hash == NULL ? NULL : cw_map_next(&hash->fields, NULL); n != NULL;
         n = cw_map_next(&hash->fields, n)) {
        const char *name = CW_CONTAINER(n, struct fake_field, in_fields)->name;
        fake_reply_add(members, fake_reply_text(cw_bytes_text(name)));
    }
    fake_reply_add(reply, fake_reply_text(cw_bytes_text("0")));
    fake_reply_add(reply, members);
    return reply;
}

/* The stream of events is in the log: nobody reads it here. */
static redisReply *run_xadd(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    (void)store;
    (void)args;
    (void)count;
    return fake_reply_text(cw_bytes_text("1-1"));
}

static redisReply *run_publish(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    char topic[CW_KEY_MAX];
    (void)count;
    (void)snprintf(topic, sizeof(topic), "%.*s", (int)args[1].size, args[1].data);
    store->on_publish(store->arg, false, topic, args[2]);
    return fake_reply_integer(1);
}

static redisReply *run_load(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    (void)args;
    (void)count;
    store->has_library = true;
    store->boot++; /* another Lua state */
    return fake_reply_text(cw_bytes_text("chanway"));
}

/* It does not block: tests hold it by FAKE_CALLS. */
static redisReply *run_wait(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    (void)args;
    (void)count;
    return fake_reply_integer(store->replicas);
}

redisReply *fake_store_run(struct fake_store *store, const struct cw_bytes *args, size_t count)
{
    static const struct {
        const char *name;
        size_t least;
        redisReply *(*run)(struct fake_store *, const struct cw_bytes *, size_t);
    } rows[] = {
        {"FCALL", 3, run_function},
        {"FCALL_RO", 3, run_function},
        {"SADD", 3, run_sadd},
        {"SREM", 3, run_unset},
        {"HDEL", 3, run_unset},
        {"HSET", 4, run_hset},
        {"DEL", 2, run_del},
        {"PUBLISH", 3, run_publish},
        {"FUNCTION", 4, run_load},
        {"XADD", 5, run_xadd},
        {"SSCAN", 3, run_sscan},
        {"HEXISTS", 3, run_hexists},
        {"HKEYS", 2, run_hkeys},
        {"SCAN", 4, run_scan},
        {"HMGET", 3, run_hmget},
        {"EXISTS", 2, run_exists},
        {"SRANDMEMBER", 2, run_srandmember},
        {"WAIT", 3, run_wait},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (cw_bytes_is(args[0], rows[i].name) && count >= rows[i].least)
            return rows[i].run(store, args, count);
    return fake_reply_error("ERR unknown command, or wrong number of arguments");
}
