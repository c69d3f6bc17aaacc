/*
 * connection.h - one WebSocket: from the 101 until its socket is gone.
 *
 *   OPEN --we close: the close frame goes behind what is queued--> CLOSING --peer answers, or 2
 * s--> gone
 *     |--peer closes: we answer at
 * once--------------------------------------------------------------^
 *     `--the library closes (a broken frame)--> CLOSING
 *
 * Our close frames are written by us, not by the library: so they go out behind the queue, also
 * from outside its callbacks, and never get lost when the socket is full.
 */
#ifndef CW_WS_CONNECTION_H
#define CW_WS_CONNECTION_H

#include <chanway/error.h>

#include "base/buf.h"
#include "base/list.h"
#include "channel/node.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_channel;
struct cw_request;
struct cw_ws_server;
struct lws;

struct cw_partial; /* connection.c's */

/** What only a connection that ends has. */
struct cw_ending {
    struct cw_list_node closing; /* in cw_ws_server.closing */
    struct cw_connection *connection;
    struct cw_buf *close_frame; /* owned: ours; NULL: none */
    int64_t close_at_ms;        /* when closing: no longer than this */
};

/** In the library's memory for the connection, which is zeroed before the 101 and freed with it. */
struct cw_connection {
    struct lws *wsi; /* NULL: not yet a WebSocket */
    struct cw_ws_server *server;
    struct cw_channel *channel;  /* NULL: a client that is let in only to be told why not */
    struct cw_list_node resumed; /* in cw_ws_server.resumed */
    struct cw_partial *partial;  /* owned: the beginning of a message; NULL: none */
    struct cw_ending *ending;    /* owned; NULL: it goes on, or there was no memory */
    int fd;                      /* what may be written to directly; -1: TLS */
    uint16_t peer_code;          /* of the peer's close frame, 1005: none in it; 0: none seen */
    bool is_closing;             /* no more data in either direction */
    bool is_close_sent;          /* the close frame is the library's or the kernel's */
    bool is_blocked;             /* the socket is full, its writability is awaited */
    bool is_library_writing;     /* the library awaits that too, or has bytes of its own first */
    bool is_unbound;             /* the library is closing it */
    bool is_packed;              /* the message that comes in is compressed */
    bool is_paused;
    bool is_held_back;      /* the 101 waits in the kernel for the first frame */
    bool is_opening;        /* cw_channel_open() is running */
    bool is_opening_paused; /* and asked for a pause */
};

/** Our close frame, made and perhaps sent; NULL: none. */
static inline struct cw_buf *cw_connection_close_frame(const struct cw_connection *connection)
{
    return connection->ending != NULL ? connection->ending->close_frame : NULL;
}

/** What every channel of the server is given. */
extern const struct cw_transport cw_connection_transport;

/** The connection that `wsi` is; NULL: no WebSocket (yet). */
struct cw_connection *cw_connection_of(struct lws *wsi);

/* What happens to it; nonzero: the library must close it. The first takes over the request. */
int cw_connection_on_established(struct cw_connection *connection, struct lws *wsi,
                                 struct cw_request *request);
int cw_connection_on_receive(struct cw_connection *connection, const void *data, size_t size);
int cw_connection_on_peer_close(struct cw_connection *connection, const void *data, size_t size);
int cw_connection_on_writable(struct cw_connection *connection);
/** The library waits for the socket to take more, or has done so. */
void cw_connection_on_library_writing(struct cw_connection *connection, bool is_writing);
/** The library begins to close it, or is about to drop it. */
void cw_connection_on_unbind(struct cw_connection *connection);
/** The socket is gone. */
void cw_connection_on_closed(struct cw_connection *connection);

/** Ends it without ceremony, at the end of this turn. */
void cw_connection_kill(struct cw_connection *connection);

/** Ends those whose time to close is over. */
void cw_connections_expire(struct cw_ws_server *server);

/** Input that was put aside while paused is handled now. True: some is left for the next turn. */
bool cw_connections_read_resumed(struct cw_ws_server *server);

#endif
