/*
 * functions.h - (6) the calls a node makes of the function library and of Redis, one C function
 * each.
 *
 * Shapes of arguments and answers are documented in README.md. Each returns CW_OK and later calls
 * `fn` exactly once; or CW_ERR_UNAVAILABLE / CW_ERR_NOMEM at once, and then nothing was sent and
 * `fn` is not called. Errors in `fn`: those of struct cw_redis_request; an answer of the wrong
 * shape is CW_ERR_INTERNAL.
 */
#ifndef CW_FUNCTIONS_H
#define CW_FUNCTIONS_H

#include <chanway/bytes.h>
#include <chanway/cluster.h>
#include <chanway/error.h>
#include <chanway/message.h>

#include "endpoints.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Most uuids in one call of join, leave or a set command: a call stays well under a millisecond.
 */
#define CW_FUNCTIONS_BATCH 128

typedef void (*cw_tip_fn)(void *arg, int rc, struct cw_position tip);
typedef void (*cw_flag_fn)(void *arg, int rc, bool flag);

/** The last id that was acknowledged here of one group, and how many publishes may still add to it:
 * it is kept until there is none. */
struct cw_acked {
    struct cw_position position;
    uint32_t calls;
};

/** cw_node_append, with a key cw_node_publish: append, give an id, publish. `key`: the group's base
 * key. `only`: refused unless this endpoint has the group; NULL: whoever has it. `acked`: learns
 * the id; NULL: nobody asks. */
CW_MUST_CHECK int cw_functions_publish(struct cw_endpoints *endpoints, struct cw_endpoint *only,
                                       const char *key, const struct cw_message *message,
                                       const struct cw_history_limits *limits,
                                       struct cw_acked *acked, cw_published_fn fn, void *arg);

/** Most messages in one call. */
#define CW_FUNCTIONS_PUBLISH_MAX 64

/** `published`: of each of the `count` messages, in order; NULL unless `rc` is CW_OK. */
typedef void (*cw_published_many_fn)(void *arg, int rc, const struct cw_published *published,
                                     size_t count);
/** cw_node_append: the same for up to CW_FUNCTIONS_PUBLISH_MAX messages without keys. */
CW_MUST_CHECK int cw_functions_publish_many(struct cw_endpoints *endpoints, const char *key,
                                            const struct cw_message *messages, size_t count,
                                            const struct cw_history_limits *limits,
                                            struct cw_acked *acked, cw_published_many_fn fn,
                                            void *arg);

struct cw_functions_member {
    const char *uuid;
    const char *user;    /* NULL: none */
    uint64_t generation; /* of the channel, as this node has it */
};

/** cw_node_join: at most CW_FUNCTIONS_BATCH members; `tip` is the group's last id. `is_watched`:
 * presence is wanted. */
CW_MUST_CHECK int cw_functions_join(struct cw_endpoints *endpoints, const char *key,
                                    const struct cw_history_limits *limits, const char *node,
                                    bool is_watched, const struct cw_functions_member *members,
                                    size_t count, cw_tip_fn fn, void *arg);
/** cw_node_leave: removes members that are still of `node`. */
CW_MUST_CHECK int cw_functions_leave(struct cw_endpoints *endpoints, const char *key,
                                     const char *node, const char *const *uuids, size_t count,
                                     cw_done_fn fn, void *arg);
/** cw_node_mark: `flag` false: the channel is not this node's any more, nothing was written. */
CW_MUST_CHECK int cw_functions_mark(struct cw_endpoints *endpoints, const char *channel_key,
                                    const char *node, bool is_added, const char *group,
                                    cw_flag_fn fn, void *arg);
/** What cw_node_attach says; views are valid during the callback. */
struct cw_attached {
    uint64_t generation;   /* 0: refused, another node has taken the channel */
    struct cw_bytes owner; /* the node before; refused: who has it */
    const struct cw_bytes *groups;
    size_t group_count;
    struct cw_position inbox; /* last id of its direct messages */
};
typedef void (*cw_attached_fn)(void *arg, int rc, const struct cw_attached *attached);
/** cw_node_attach: takes a channel of generation `expected`, or what `earlier_node` (this node's id
 * before; "": none) took; `inbox_limits`: "<queue-max> <queue-bytes>"; `fields`: name, value, ...
 */
CW_MUST_CHECK int cw_functions_attach(struct cw_endpoints *endpoints, const char *channel_key,
                                      const char *node, uint64_t expected, const char *earlier_node,
                                      const char *inbox_limits, const struct cw_bytes *fields,
                                      size_t field_count, cw_attached_fn fn, void *arg);

/** What cw_node_detach says; views are valid during the callback. */
struct cw_detached {
    bool was_owned;
    const struct cw_bytes *groups; /* also when another node owns it now */
    size_t group_count;
};
typedef void (*cw_detached_fn)(void *arg, int rc, const struct cw_detached *detached);
/** cw_node_detach: frees the channel if it is still of `node`; kept `resume_s` seconds (0:
 * deleted). `mode`, which may be NULL, and what it wants as README.md says. */
CW_MUST_CHECK int cw_functions_detach(struct cw_endpoints *endpoints, const char *channel_key,
                                      const char *node, int64_t resume_s, const char *mode,
                                      const struct cw_bytes *more, size_t more_count,
                                      cw_detached_fn fn, void *arg);
/** cw_node_renew: the node's lease; `flag` false: it was gone (and is made only if `is_new`).
 * `about`: what the node says of itself; empty: as before. */
CW_MUST_CHECK int cw_functions_renew(struct cw_endpoints *endpoints, const char *node_key,
                                     int64_t ttl_ms, bool is_new, struct cw_bytes about,
                                     cw_flag_fn fn, void *arg);

/** One entry of a history page; views are valid during the callback. */
struct cw_history_entry {
    struct cw_position position;
    bool has_predecessor;
    struct cw_position predecessor;
    struct cw_bytes body;
};
struct cw_history_page {
    struct cw_position tip; /* the group's last id */
    const struct cw_history_entry *entries;
    size_t count;
    bool has_more; /* read on after the last entry */
};
typedef void (*cw_history_page_fn)(void *arg, int rc, const struct cw_history_page *page);
#define CW_HISTORY_PAGE_ENTRIES 200
#define CW_HISTORY_PAGE_BYTES   (256 * 1024)

/** cw_node_read: what came after `since`, a page at most. */
CW_MUST_CHECK int cw_functions_read(struct cw_endpoints *endpoints, const char *key,
                                    struct cw_position since, cw_history_page_fn fn, void *arg);
/** cw_node_vouch: there was a message at `position`. `tip`: Redis has lost it, and what comes next
 * follows this; {0, 0}: it has it. */
CW_MUST_CHECK int cw_functions_vouch(struct cw_endpoints *endpoints, const char *key,
                                     struct cw_position position, cw_tip_fn fn, void *arg);
/** cw_node_members: a page of a group's members. */
CW_MUST_CHECK int cw_functions_members(struct cw_endpoints *endpoints, const char *key,
                                       struct cw_bytes cursor, int count, cw_members_fn fn,
                                       void *arg);
/** cw_node_send: CW_ERR_NOT_FOUND in `fn`: no such channel. `only` as above. */
CW_MUST_CHECK int cw_functions_send(struct cw_endpoints *endpoints, struct cw_endpoint *only,
                                    const char *channel_key, const struct cw_message *message,
                                    cw_sent_fn fn, void *arg);

struct cw_inbox_request {
    uint64_t number;
    struct cw_bytes body;
};
struct cw_inbox_page {
    struct cw_history_page messages; /* tip: of the direct messages */
    const struct cw_inbox_request *requests;
    size_t request_count;
};
typedef void (*cw_inbox_page_fn)(void *arg, int rc, const struct cw_inbox_page *page);
#define CW_INBOX_REQUESTS_MAX 100
/** cw_node_inbox: direct messages and requests after those given. CW_ERR_NOT_FOUND: not this node's
 * channel. */
CW_MUST_CHECK int cw_functions_inbox(struct cw_endpoints *endpoints, const char *channel_key,
                                     const char *node, struct cw_position since,
                                     uint64_t since_request, cw_inbox_page_fn fn, void *arg);

/** WAIT: `count` is how many replicas have what this link wrote before; `timeout_ms` > 0. */
typedef void (*cw_count_fn)(void *arg, int rc, int64_t count);
CW_MUST_CHECK int cw_functions_wait(struct cw_endpoint *endpoint, int replicas, int timeout_ms,
                                    cw_count_fn fn, void *arg);

/** Any command that answers with a list of strings; nil is an empty view. */
typedef void (*cw_strings_fn)(void *arg, int rc, const struct cw_bytes *strings, size_t count);
#define CW_FUNCTIONS_STRINGS_MAX 2400
CW_MUST_CHECK int cw_functions_strings(struct cw_endpoints *endpoints, const struct cw_bytes *args,
                                       size_t count, cw_strings_fn fn, void *arg);

/** SCAN of the keys of one server that match, SSCAN of a set, a page: `cursor` "0" starts and ends.
 */
typedef void (*cw_scanned_fn)(void *arg, int rc, struct cw_bytes cursor,
                              const struct cw_bytes *strings, size_t count);
CW_MUST_CHECK int cw_functions_scan_keys(struct cw_endpoint *endpoint, const char *cursor,
                                         const char *pattern, cw_scanned_fn fn, void *arg);
CW_MUST_CHECK int cw_functions_scan_set(struct cw_endpoints *endpoints, const char *key,
                                        const char *cursor, cw_scanned_fn fn, void *arg);

/** Any command that answers with a number: `flag` is whether it is 1. */
CW_MUST_CHECK int cw_functions_flag(struct cw_endpoints *endpoints, const struct cw_bytes *args,
                                    size_t count, cw_flag_fn fn, void *arg);

/** Any command of which only success counts (SADD, HSET, SREM, cw_node_list, ...). A NULL `fn` is
 * fine. */
CW_MUST_CHECK int cw_functions_command(struct cw_endpoints *endpoints, const struct cw_bytes *args,
                                       size_t count, cw_done_fn fn, void *arg);

#endif
