/*
 * socket.h - a client's socket, with TLS or without: what the library has no calls for.
 */
#ifndef CW_WS_SOCKET_H
#define CW_WS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct lws;

/** Whether it can carry data: with TLS not before the handshake has ended. */
bool cw_socket_is_open(struct lws *wsi);

/** Looks at up to `size` bytes that have come, without taking them; with TLS they are of one
 * record.
 * <= 0: there are none (yet). */
ssize_t cw_socket_peek(struct lws *wsi, void *bytes, size_t size);

/** How many bytes can be read; with TLS, of a record of which some were looked at or read. */
int cw_socket_unread(struct lws *wsi);

/** Whether anything has come, also what is not decrypted yet. */
bool cw_socket_has_input(struct lws *wsi);

/** Whether the peer is still there. */
bool cw_socket_is_peer_there(struct lws *wsi);

/** While it is held back, small writes wait for what follows them, for at most 200 ms (TCP_CORK).
 */
void cw_socket_hold_back(struct lws *wsi, bool is_held);

/** Nothing is sent any more, and the peer is told so. */
void cw_socket_end_output(struct lws *wsi);

#endif
