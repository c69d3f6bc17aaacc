/*
 * fake_commands.h - what fake_store.c and fake_commands.c share.
 */
#ifndef CW_TESTS_FAKE_COMMANDS_H
#define CW_TESTS_FAKE_COMMANDS_H

#include "loop/fake_store.h"

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
