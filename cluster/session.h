/*
 * session.h - a lost channel, found and taken again by its session (PROTOCOL: order, rule 4).
 *
 * The channel's hash keeps a digest of the session's token, and what its last connection was
 * written last of each of its groups and of its direct messages.
 */
#ifndef CW_SESSION_H
#define CW_SESSION_H

#include <chanway/bytes.h>
#include <chanway/cluster.h>
#include <chanway/error.h>

#include "endpoints.h"

#include <stddef.h>
#include <stdint.h>

/** cw_node_session: as cw_cluster_find_session. */
CW_MUST_CHECK int cw_session_find(struct cw_endpoints *endpoints, const char *channel_key,
                                  struct cw_bytes digest, const char *user, cw_session_fn fn,
                                  void *arg);

/** Who takes a channel, by which session, and how it will be known from now on. */
struct cw_taking {
    const char *channel_key;
    const char *node;
    struct cw_bytes digest;     /* of the token that the client has */
    struct cw_bytes new_digest; /* of the one it gets */
    const char *user;           /* NULL: none */
    const char *inbox_limits;
    const struct cw_bytes *fields; /* of the hash: name, value, ... */
    size_t field_count;
};
/** `generation` 0 with CW_ERR_NOT_FOUND: there is no such session any more. */
typedef void (*cw_taken_fn)(void *arg, int rc, uint64_t generation,
                            const struct cw_resumed *resumed);
/** cw_node_resume. */
CW_MUST_CHECK int cw_session_take(struct cw_endpoints *endpoints, const struct cw_taking *taking,
                                  cw_taken_fn fn, void *arg);

/** cw_node_settle: the client has its new token, the one before ends. */
void cw_session_settle(struct cw_endpoints *endpoints, const char *channel_key, const char *node,
                       uint64_t generation);

/** Arguments of a detach that leaves the channel to be resumed; owned by whoever has them. */
struct cw_departure {
    int64_t resume_s;
    cw_done_fn fn; /* NULL: nobody waits */
    void *arg;
    size_t count;
    struct cw_bytes words[]; /* position of direct messages, then group and position of each */
};
/** NULL: no memory. */
struct cw_departure *cw_departure_create(const struct cw_leaving *leaving);
/** Tells whoever waits what became of it; frees it. NULL is ignored. */
void cw_departure_end(struct cw_departure *departure, int rc);

#endif
