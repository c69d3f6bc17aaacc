/*
 * fake_store.c - hashes, groups' logs, and what can befall them; the commands are in
 * fake_commands.c.
 */
#include "loop/fake_store.h"

#include "base/list.h"
#include "loop/fake_commands.h"
#include "names.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cw_bytes key_of_group(const struct cw_map_node *node)
{
    return cw_bytes_text(CW_CONST_CONTAINER(node, struct fake_group, in_groups)->key);
}

static struct cw_bytes key_of_hash(const struct cw_map_node *node)
{
    return cw_bytes_text(CW_CONST_CONTAINER(node, struct fake_hash, in_hashes)->key);
}

static struct cw_bytes key_of_field(const struct cw_map_node *node)
{
    return cw_bytes_text(CW_CONST_CONTAINER(node, struct fake_field, in_fields)->name);
}

/* An item with `text` behind its `size` bytes. */
static void *create_named(size_t size, struct cw_bytes text)
{
    char *item = calloc(1, size + text.size + 1);
    assert(item != NULL);
    memcpy(item + size, text.data, text.size);
    return item;
}

static void add_to_map(struct cw_map *map, struct cw_map_node *node)
{
    int rc = cw_map_add(map, node);
    assert(rc == CW_OK);
    (void)rc;
}

/* Hashes. */

struct fake_hash *fake_hash_find(const struct fake_store *store, struct cw_bytes key)
{
    struct cw_map_node *node = cw_map_find(&store->hashes, key);
    return node == NULL ? NULL : CW_CONTAINER(node, struct fake_hash, in_hashes);
}

static struct fake_field *find_field(const struct fake_hash *hash, struct cw_bytes name)
{
    struct cw_map_node *node = hash == NULL ? NULL : cw_map_find(&hash->fields, name);
    return node == NULL ? NULL : CW_CONTAINER(node, struct fake_field, in_fields);
}

bool fake_hash_set(struct fake_store *store, struct cw_bytes key, struct cw_bytes name,
                   struct cw_bytes value)
{
    struct fake_hash *hash = fake_hash_find(store, key);
    if (hash == NULL) {
        hash = create_named(offsetof(struct fake_hash, key), key);
        cw_map_init(&hash->fields, key_of_field);
        add_to_map(&store->hashes, &hash->in_hashes);
    }
    struct fake_field *field = find_field(hash, name);
    bool is_new = field == NULL;
    if (is_new) {
        field = create_named(offsetof(struct fake_field, name), name);
        add_to_map(&hash->fields, &field->in_fields);
    }
    free(field->value);
    field->value = strndup(value.size == 0 ? "" : value.data, value.size);
    assert(field->value != NULL);
    return is_new;
}

const char *fake_hash_get(const struct fake_store *store, struct cw_bytes key, struct cw_bytes name)
{
    struct fake_field *field = find_field(fake_hash_find(store, key), name);
    return field == NULL ? NULL : field->value;
}

static void free_field(struct fake_hash *hash, struct fake_field *field)
{
    cw_map_remove(&hash->fields, &field->in_fields);
    free(field->value);
    free(field);
}

void fake_hash_delete(struct fake_store *store, struct fake_hash *hash)
{
    struct cw_map_node *node;
    while ((node = cw_map_next(&hash->fields, NULL)) != NULL)
        free_field(hash, CW_CONTAINER(node, struct fake_field, in_fields));
    cw_map_finish(&hash->fields);
    cw_map_remove(&store->hashes, &hash->in_hashes);
    free(hash);
}

bool fake_hash_unset(struct fake_store *store, struct cw_bytes key, struct cw_bytes name)
{
    struct fake_hash *hash = fake_hash_find(store, key);
    struct fake_field *field = find_field(hash, name);
    if (field == NULL)
        return false;
    free_field(hash, field);
    if (hash->fields.count == 0)
        fake_hash_delete(store, hash);
    return true;
}

/* Logs. */

struct fake_group *fake_group_find(const struct fake_store *store, struct cw_bytes key)
{
    struct cw_map_node *node = cw_map_find(&store->groups, key);
    return node == NULL ? NULL : CW_CONTAINER(node, struct fake_group, in_groups);
}

struct fake_group *fake_group_make(struct fake_store *store, struct cw_bytes key)
{
    struct fake_group *group = fake_group_find(store, key);
    if (group == NULL) {
        group = create_named(offsetof(struct fake_group, key), key);
        add_to_map(&store->groups, &group->in_groups);
    }
    return group;
}

void fake_group_push(struct fake_group *group, const struct fake_entry *entry)
{
    if (group->count == group->capacity) {
        group->capacity = group->capacity == 0 ? 16 : 2 * group->capacity;
        group->entries = realloc(group->entries, group->capacity * sizeof(*entry));
        assert(group->entries != NULL);
    }
    group->entries[group->count++] = *entry;
    group->bytes += entry->body->size;
    group->tip = entry->position;
}

void fake_group_drop_oldest(struct fake_group *group, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        group->bytes -= group->entries[i].body->size;
        (void)cw_buf_unref(group->entries[i].body);
    }
    group->count -= count;
    if (count > 0)
        memmove(group->entries, group->entries + count, group->count * sizeof(group->entries[0]));
}

static void drop_youngest(struct fake_group *group)
{
    struct fake_entry *entry = &group->entries[--group->count];
    group->tip = entry->previous;
    if (!entry->has_previous) {
        group->tip.epoch = entry->position.epoch;
        group->tip.offset = entry->position.offset - 1;
    }
    group->bytes -= entry->body->size;
    (void)cw_buf_unref(entry->body);
}

static void free_group(struct fake_store *store, struct fake_group *group)
{
    fake_group_drop_oldest(group, group->count);
    cw_map_remove(&store->groups, &group->in_groups);
    free(group->entries);
    free(group);
}

/* The store. */

void fake_store_init(struct fake_store *store)
{
    memset(store, 0, sizeof(*store));
    cw_map_init(&store->groups, key_of_group);
    cw_map_init(&store->hashes, key_of_hash);
    store->boot = 1;
    store->has_library = true;
}

static void forget_data(struct fake_store *store)
{
    struct cw_map_node *node;
    while ((node = cw_map_next(&store->groups, NULL)) != NULL)
        free_group(store, CW_CONTAINER(node, struct fake_group, in_groups));
    while ((node = cw_map_next(&store->hashes, NULL)) != NULL)
        fake_hash_delete(store, CW_CONTAINER(node, struct fake_hash, in_hashes));
}

void fake_store_forget(struct fake_store *store)
{
    forget_data(store);
    store->has_library = false;
}

void fake_store_finish(struct fake_store *store)
{
    forget_data(store);
    cw_map_finish(&store->groups);
    cw_map_finish(&store->hashes);
}

struct fake_group *fake_store_group(const struct fake_store *store, const char *group)
{
    char key[CW_KEY_MAX];
    size_t size = cw_key_write(key, "cw", 'g', cw_bytes_text(group));
    return fake_group_find(store, cw_bytes_make(key, size));
}

/* Calls `fn` for the named group, or for all. */
static void each_group(struct fake_store *store, const char *name, size_t count,
                       void (*fn)(struct fake_group *group, size_t count))
{
    for (struct cw_map_node *n = cw_map_next(&store->groups, NULL); n != NULL;
         n = cw_map_next(&store->groups, n)) {
        struct fake_group *group = CW_CONTAINER(n, struct fake_group, in_groups);
        if (name == NULL || group == fake_store_group(store, name))
            fn(group, count);
    }
}

static void trim(struct fake_group *group, size_t keep)
{
    if (group->count > keep)
        fake_group_drop_oldest(group, group->count - keep);
}

static void lose_tail(struct fake_group *group, size_t lost)
{
    for (size_t i = 0; i < lost && group->count > 0; i++)
        drop_youngest(group);
}

void fake_store_trim(struct fake_store *store, const char *group, size_t keep)
{
    each_group(store, group, keep, trim);
}

void fake_store_lose_tail(struct fake_store *store, const char *group, size_t lost)
{
    each_group(store, group, lost, lose_tail);
}

void fake_store_lose_key(struct fake_store *store, const char *key)
{
    struct fake_hash *hash = fake_hash_find(store, cw_bytes_text(key));
    if (hash != NULL)
        fake_hash_delete(store, hash);
}

void fake_store_append_garbage(struct fake_store *store, const char *name)
{
    struct fake_group *group = fake_store_group(store, name);
    struct fake_entry entry = {.position = group->tip, .body = cw_buf_copy(cw_bytes_text("?"))};
    entry.position.offset++;
    fake_group_push(group, &entry);
}

const char *fake_store_get(const struct fake_store *store, const char *key, const char *field)
{
    return fake_hash_get(store, cw_bytes_text(key), cw_bytes_text(field));
}

size_t fake_store_count(const struct fake_store *store, const char *key)
{
    const struct fake_hash *hash = fake_hash_find(store, cw_bytes_text(key));
    return hash == NULL ? 0 : hash->fields.count;
}

/* Whether every uuid of a group's members has the group's mark in its channel's hash. */
static bool has_marks(const struct fake_store *store, const struct fake_hash *members)
{
    char mark[CW_GROUP_NAME_MAX + 3];
    char key[CW_KEY_MAX + 2];
    (void)snprintf(key, sizeof(key), "%.*s", (int)strlen(members->key) - 2, members->key);
    struct cw_bytes name = cw_key_group(cw_bytes_text(key), "cw");
    (void)snprintf(mark, sizeof(mark), "g:%.*s", (int)name.size, name.data);
    for (struct cw_map_node *n = cw_map_next(&members->fields, NULL); n != NULL;
         n = cw_map_next(&members->fields, n)) {
        const struct fake_field *member = CW_CONTAINER(n, struct fake_field, in_fields);
        (void)snprintf(key, sizeof(key), "cw:{c:%s}", member->name);
        const char *node = fake_store_get(store, key, "node");
        if (node == NULL || strncmp(member->value, node, strlen(node)) != 0 ||
            fake_store_get(store, key, mark) == NULL)
            return false;
    }
    return true;
}

static bool is_in_node_set(const struct fake_store *store, const struct fake_hash *channel)
{
    char uuid[CW_UUID_TEXT_SIZE];
    char key[CW_KEY_MAX + 2];
    const char *node = fake_store_get(store, channel->key, "node");
    if (node == NULL)
        return false;
    (void)snprintf(uuid, sizeof(uuid), "%s", channel->key + strlen("cw:{c:"));
    (void)snprintf(key, sizeof(key), "cw:{n:%s}:c", node);
    return fake_store_get(store, key, uuid) != NULL;
}

static void print_hash(const char *what, const struct fake_hash *hash)
{
    (void)fprintf(stderr, "%s: %s\n", what, hash->key);
    for (struct cw_map_node *n = cw_map_next(&hash->fields, NULL); n != NULL;
         n = cw_map_next(&hash->fields, n)) {
        const struct fake_field *field = CW_CONTAINER(n, struct fake_field, in_fields);
        (void)fprintf(stderr, "  %s = %s\n", field->name, field->value);
    }
}

bool fake_store_is_covered(const struct fake_store *store)
{
    for (struct cw_map_node *n = cw_map_next(&store->hashes, NULL); n != NULL;
         n = cw_map_next(&store->hashes, n)) {
        const struct fake_hash *hash = CW_CONTAINER(n, struct fake_hash, in_hashes);
        size_t size = strlen(hash->key);
        if (strncmp(hash->key, "cw:{g:", 6) == 0 && strcmp(hash->key + size - 2, ":m") == 0 &&
            !has_marks(store, hash)) {
            print_hash("members without a mark", hash);
            return false;
        }
        if (strncmp(hash->key, "cw:{c:", 6) == 0 && !is_in_node_set(store, hash)) {
            print_hash("a channel in no node's set", hash);
            return false;
        }
    }
    return true;
}
