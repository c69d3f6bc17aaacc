/*
 * server.h - (1)(10) clients' sockets: WebSockets and HTTP on libwebsockets, on the caller's event
 * loop.
 *
 * The server makes a channel of each accepted handshake, hands its frames to the handlers, writes
 * its outbox at the end of the loop turn, pings and closes it when it is silent. It is the node's
 * transport.
 */
#ifndef CW_WS_SERVER_H
#define CW_WS_SERVER_H

#include <chanway/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_node;
struct cw_ws_server;
struct event_base;

/** Strings are copied. */
struct cw_ws_server_options {
    struct event_base *event_base; /* required; outlives the server */
    struct cw_node *node;          /* required; outlives the server; its `transport` is set by it */
    const char *listen;            /* required: "0.0.0.0:8000", "[::]:8000", ":8000", "unix:PATH" */
    bool shares_port;              /* `listen` may be several processes' */
    const char *admin_listen;      /* the same; NULL or empty: off */
    const char *admin_token;       /* asked for by changing calls; NULL or empty: none */
    const char *path;              /* of the WebSocket; NULL: "/ws" */
    const char *tls_cert;          /* PEM files, read when it starts; NULL or empty: no TLS */
    const char *tls_key;           /* with tls_cert */
    const char *tls_client_ca;     /* NULL or empty: clients need no certificates */
    const char *allow_origin;      /* comma-separated globs; NULL: "*" */
    const char *trusted_proxies;   /* comma-separated networks; NULL: none */
    bool has_proxy_protocol;       /* they begin each connection with a PROXY header */
};

/**
 * Listens; cw_ws_server_start() is to come before the loop turns. Uses nothing of the node yet.
 *
 * CW_ERR_INVALID: an address can't be read; CW_ERR_IO: it can't be listened on; CW_ERR_NOMEM.
 * `error` says it in words; nothing is left behind.
 */
CW_MUST_CHECK int cw_ws_server_create(const struct cw_ws_server_options *options, char *error,
                                      size_t error_size, struct cw_ws_server **ret_server);

/**
 * Serves from the next turn of the loop on, the node being complete. Reads the files of TLS; raises
 * the limit of open files to its hard limit. < 0: `error` says why; the server is to be destroyed.
 */
CW_MUST_CHECK int cw_ws_server_start(struct cw_ws_server *server,
                                     const struct cw_ws_server_options *options, char *error,
                                     size_t error_size);

/**
 * Takes over `admin_token`, `allow_origin`, `trusted_proxies`, `has_proxy_protocol` and what is in
 * the files of TLS now: whoever connects from now on is judged by them. CW_ERR_INVALID,
 * CW_ERR_NOMEM: all is as it was; `error` says it in words.
 */
CW_MUST_CHECK int cw_ws_server_reload(struct cw_ws_server *server,
                                      const struct cw_ws_server_options *options, char *error,
                                      size_t error_size);

/** Where it really listens (port 0 is any free one); the server's. NULL: there is no admin
 * listener. */
const char *cw_ws_server_address(const struct cw_ws_server *server, bool is_admin);

/** Lets this turn of the loop have an end: node->now_ms is set, dirty channels are written. Cheap.
 */
void cw_ws_server_request_flush(struct cw_ws_server *server);

/**
 * Accepts no more handshakes (they are closed with 1001) and closes every channel with 1001, each
 * after a `bye` that tells it to come back after a random time up to `retry_ms`. They are gone when
 * node->count is 0: at the latest a few seconds later. Again is harmless.
 */
void cw_ws_server_stop(struct cw_ws_server *server, int64_t retry_ms);

/**
 * Drops what is still connected (each channel gets its cw_channel_closed()) and frees the server.
 * Not from inside a callback of it; before the node and the cluster are gone. NULL is fine.
 */
void cw_ws_server_destroy(struct cw_ws_server *server);

#endif
