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

/** cw_node_publish: append, give an id, publish. `key`: the group's base key. */
CW_MUST_CHECK int cw_functions_publish(struct cw_endpoint *endpoint, const char *key,
                                       const struct cw_message *message,
                                       const struct cw_history_limits *limits, cw_published_fn fn,
                                       void *arg);

struct cw_functions_member {
    const char *uuid;
    const char *user; /* NULL: none */
};

/** cw_node_join: at most CW_FUNCTIONS_BATCH members; `tip` is the group's last id after joining. */
CW_MUST_CHECK int cw_functions_join(struct cw_endpoint *endpoint, const char *key,
                                    const struct cw_history_limits *limits, const char *node,
                                    const struct cw_functions_member *members, size_t count,
                                    cw_tip_fn fn, void *arg);
/** cw_node_leave: removes members that are still of `node`. */
CW_MUST_CHECK int cw_functions_leave(struct cw_endpoint *endpoint, const char *key,
                                     const char *node, const char *const *uuids, size_t count,
                                     cw_done_fn fn, void *arg);
/** cw_node_mark: `flag` false: the channel is not this node's any more, nothing was written. */
CW_MUST_CHECK int cw_functions_mark(struct cw_endpoint *endpoint, const char *channel_key,
                                    const char *node, bool is_added, const char *group,
                                    cw_flag_fn fn, void *arg);
/** cw_node_detach: frees the channel if it is still of `node`; kept `resume_s` seconds (0:
 * deleted). */
CW_MUST_CHECK int cw_functions_detach(struct cw_endpoint *endpoint, const char *channel_key,
                                      const char *node, int64_t resume_s, cw_done_fn fn, void *arg);
/** cw_node_renew: the node's lease; `flag` false: it was gone (and is made only if `is_new`). */
CW_MUST_CHECK int cw_functions_renew(struct cw_endpoint *endpoint, const char *node_key,
                                     int64_t ttl_ms, bool is_new, cw_flag_fn fn, void *arg);

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
CW_MUST_CHECK int cw_functions_read(struct cw_endpoint *endpoint, const char *key,
                                    struct cw_position since, cw_history_page_fn fn, void *arg);
/** cw_node_members: a page of a group's members. */
CW_MUST_CHECK int cw_functions_members(struct cw_endpoint *endpoint, const char *key,
                                       struct cw_bytes cursor, int count, cw_members_fn fn,
                                       void *arg);
/** Any command of which only success counts (SADD, HSET, SREM, cw_node_list, ...). A NULL `fn` is
 * fine. */
CW_MUST_CHECK int cw_functions_command(struct cw_endpoint *endpoint, const struct cw_bytes *args,
                                       size_t count, cw_done_fn fn, void *arg);

#endif
