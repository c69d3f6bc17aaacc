/*
 * listener.h - one listening socket: TCP or Unix.
 *
 * Our own and not the library's: it says why it can't listen, accepts a bounded number per turn,
 * waits when the process is out of file descriptors, and keeps apart which socket a client came in
 * by.
 */
#ifndef CW_WS_LISTENER_H
#define CW_WS_LISTENER_H

#include <chanway/error.h>

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>

struct cw_listener;
struct event_base;

/** A client: a non-blocking socket, which is the callee's from now on. `peer` is who connected. */
typedef void (*cw_accept_fn)(void *arg, struct cw_listener *listener, int fd,
                             const struct cw_address *peer);

/**
 * Listens on `address`: "HOST:PORT", "[IPV6]:PORT" ("[::]" takes IPv4 as well), "unix:PATH" (a dead
 * socket file is replaced). Port 0: any free one. `shares_port`: other sockets of this user that
 * say so too may have the same port (not a path), and the kernel deals clients out to all of them.
 *
 * CW_ERR_INVALID: not an address; CW_ERR_IO: can't be listened on; CW_ERR_NOMEM; in words in
 * `error`.
 */
CW_MUST_CHECK int cw_listener_create(struct event_base *event_base, const char *address,
                                     bool shares_port, cw_accept_fn on_accept, void *arg,
                                     char *error, size_t error_size,
                                     struct cw_listener **ret_listener);

/** Closes it, removes a Unix socket's file. NULL is fine. */
void cw_listener_destroy(struct cw_listener *listener);

/** Where it really listens, written as above; the listener's. */
const char *cw_listener_address(const struct cw_listener *listener);

#endif
