/*
 * fake_store.h - what the fake Redis keeps, and the function library in C: as much of
 * chanway.lua as a node says.
 *
 * Epochs are small numbers: 1, 2, 3, ... in the order in which they are opened, whatever the group.
 */
#ifndef CW_TESTS_FAKE_STORE_H
#define CW_TESTS_FAKE_STORE_H

#include <chanway/bytes.h>
#include <chanway/message.h>

#include "base/buf.h"
#include "base/map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redisReply;

/** One entry of a stream. */
struct fake_entry {
    struct cw_position position;
    bool has_previous;           /* the first of its epoch */
    struct cw_position previous; /* {0, 0}: there was none */
    struct cw_buf *body;
};

/** Redis has lost what is after `from`, up to `to`. */
struct fake_loss_of {
    struct cw_position from, to;
};
#define FAKE_LOSSES_KEPT 8

struct fake_group {
    struct cw_map_node in_groups;
    struct cw_position tip; /* {0, 0}: never a message */
    uint64_t boot;          /* the server's that opened the epoch */
    struct fake_entry *entries;
    size_t count, capacity;
    size_t bytes;                                 /* of the bodies */
    struct fake_loss_of losses[FAKE_LOSSES_KEPT]; /* newest first */
    size_t loss_count;
    char key[];
};

/** A hash; a set is one without values. */
struct fake_hash {
    struct cw_map_node in_hashes;
    struct cw_map fields; /* struct fake_field */
    char key[];
};

struct fake_field {
    struct cw_map_node in_fields;
    char *value;
    char name[];
};

struct fake_store {
    struct cw_map groups;
    struct cw_map hashes;
    uint64_t boot;       /* another one after each restart */
    uint64_t last_epoch; /* only grows, as time does */
    bool has_library;
    int replicas; /* that have everything: what WAIT says, at once */
    /** A message for the subscribers of `topic`. */
    void (*on_publish)(void *arg, bool is_sharded, const char *topic, struct cw_bytes bytes);
    /** An entry was appended; may be NULL. */
    void (*on_append)(void *arg, const struct fake_group *group, const struct fake_entry *entry);
    void *arg;
};

void fake_store_init(struct fake_store *store);
void fake_store_finish(struct fake_store *store);

/** Runs one command; the caller frees the reply. */
struct redisReply *fake_store_run(struct fake_store *store, const struct cw_bytes *args,
                                  size_t count);

/* What befalls data. `group` is a name; NULL: all of them. */

/** Everything goes, the library too. */
void fake_store_forget(struct fake_store *store);
/** All but the youngest `keep` entries go; the last id stays. */
void fake_store_trim(struct fake_store *store, const char *group, size_t keep);
/** The youngest `lost` entries never came to the disk. */
void fake_store_lose_tail(struct fake_store *store, const char *group, size_t lost);
/** A hash or a set goes. */
void fake_store_lose_key(struct fake_store *store, const char *key);
/** An entry that is no envelope. */
void fake_store_append_garbage(struct fake_store *store, const char *group);

/* What is there. */

struct fake_group *fake_store_group(const struct fake_store *store, const char *group);
/** The value of a field; NULL: not there. */
const char *fake_store_get(const struct fake_store *store, const char *key, const char *field);
/** Fields of a hash; 0: no such key. */
size_t fake_store_count(const struct fake_store *store, const char *key);
/** True if members have marks and marked channels are in their node's set (DESIGN: fencing). */
bool fake_store_is_covered(const struct fake_store *store);

#endif
