/*
 * library.h - the function library on one server: there, of this version or a later one, and the
 * server can be written to.
 */
#ifndef CW_LIBRARY_H
#define CW_LIBRARY_H

#include <chanway/log.h>

struct cw_redis_link;

/** `why` NULL: the server is fit for use. */
typedef void (*cw_library_fn)(void *arg, const char *why);

/**
 * Looks for the library, loads it where it is missing or older, and tries a write that changes
 * nothing: `probe` (a key that is never there) is deleted, or, where it is NULL, a name taken off
 * the list of nodes of `prefix` that is never on it. `fn` is called once, unless the link is lost
 * before. `log` is whose lines it writes.
 */
void cw_library_prepare(struct cw_redis_link *link, struct cw_log_object log, const char *prefix,
                        const char *probe, cw_library_fn fn, void *arg);

#endif
