/*
 * linger.h - sockets that were answered while the client may still be sending.
 *
 * Closing a socket with unread input resets the connection, and the client may lose the answer. So
 * its input is read away for a moment, after our side was shut down.
 */
#ifndef CW_WS_LINGER_H
#define CW_WS_LINGER_H

#include <chanway/error.h>

struct cw_linger;
struct event_base;

CW_MUST_CHECK int cw_linger_create(struct event_base *event_base, struct cw_linger **ret_linger);
/** Closes what still lingers. NULL is fine. */
void cw_linger_destroy(struct cw_linger *linger);

/**
 * Shuts down our side of `fd` and keeps a duplicate of it until the client is done, for 2 s or 1
 * MiB at most; `fd` stays the caller's, to be closed. Does nothing when too many linger already.
 */
void cw_linger_add(struct cw_linger *linger, int fd);

#endif
