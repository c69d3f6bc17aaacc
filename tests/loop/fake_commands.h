/*
 * fake_commands.h - what the files of the fake store share.
 */
#ifndef CW_TESTS_FAKE_COMMANDS_H
#define CW_TESTS_FAKE_COMMANDS_H

#include "loop/fake_store.h"
#include "names.h"

struct redisReply;

/* What a function is called with: its one key, and its arguments. */
struct fake_call {
    struct fake_store *store;
    struct cw_bytes key;
    const struct cw_bytes *args;
    size_t count;
};

long long fake_number(struct cw_bytes text);
/** `key` and what is behind it. */
struct cw_bytes fake_sibling(const struct fake_call *call, const char *suffix,
                             char space[CW_KEY_MAX + 4]);

/** What groups keep: "<size> <ttl ms> <bytes> <keys>". */
struct fake_limits {
    long long size, ttl_ms, bytes, keys_max;
};
struct fake_limits fake_limits_read(struct cw_bytes text);
/** What is published without history is in no log: the ids before it end, too. */
void fake_log_end(struct fake_group *group);
struct redisReply *fake_publish(const struct fake_call *call);
struct redisReply *fake_publish_many(const struct fake_call *call);
struct redisReply *fake_append(const struct fake_call *call);

struct fake_hash *fake_hash_find(const struct fake_store *store, struct cw_bytes key);
const char *fake_hash_get(const struct fake_store *store, struct cw_bytes key,
                          struct cw_bytes name);
/** True if the field is new. */
bool fake_hash_set(struct fake_store *store, struct cw_bytes key, struct cw_bytes name,
                   struct cw_bytes value);
/** True if the field was there; a hash goes with its last field. */
bool fake_hash_unset(struct fake_store *store, struct cw_bytes key, struct cw_bytes name);
void fake_hash_delete(struct fake_store *store, struct fake_hash *hash);

struct fake_group *fake_group_find(const struct fake_store *store, struct cw_bytes key);
struct fake_group *fake_group_make(struct fake_store *store, struct cw_bytes key);
/** Takes over the entry's body; the entry becomes the tip. */
void fake_group_push(struct fake_group *group, const struct fake_entry *entry);
void fake_group_drop_oldest(struct fake_group *group, size_t count);

#endif
