/*
 * request.h - a socket before it is a WebSocket: the request's head is looked at, and answered.
 *
 * What the library would answer by dropping the socket is caught here and answered with a status.
 */
#ifndef CW_WS_REQUEST_H
#define CW_WS_REQUEST_H

#include <chanway/error.h>

#include "base/address.h"
#include "base/list.h"
#include "protocol/kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_answer;
struct cw_channel;
struct cw_late;
struct cw_session_wait;
struct cw_ws_server;
struct lws;
struct lws_process_html_args;

/* The longest head that is accepted (PROTOCOL), and what the library needs to keep any such head.
 */
#define CW_REQUEST_HEAD_MAX    8192
#define CW_REQUEST_HEAD_MEMORY 24576

/** Why a client is let in only to be told to go. `code` 0: it is welcome. */
struct cw_refusal {
    int code;
    const char *reason; /* static */
    int64_t retry_ms;   /* < 0: don't come back */
};

/** One per accepted socket, the library's opaque data for it; gone when the WebSocket is
 * established. */
struct cw_request {
    struct cw_list_node node; /* in cw_ws_server.requests */
    struct cw_ws_server *server;
    struct cw_address peer; /* who connected */
    struct lws *wsi;
    bool is_admin; /* came in by the admin listener */
    bool is_tls;
    bool is_secured;              /* the handshake has ended */
    bool is_head_whole;           /* that look saw all of it: its size is known to be good */
    bool was_looked_at;           /* the first head has been checked, or came in pieces */
    bool is_head_done;            /* this request's head has been handed to us */
    struct cw_session_wait *wait; /* a session that it names; NULL: none, or not looked for */
    int unread_before;            /* in the socket, before it is read */
    size_t head_bytes;            /* read so far */
    enum cw_kind kind;            /* of an upgrade */
    struct cw_channel *channel;   /* of an upgrade, until it is established; NULL: refused */
    struct cw_refusal refusal;
    const char
        *deflate; /* static: parameters of the compression that can be agreed upon; NULL: none */
    bool is_compressed;       /* it is agreed upon */
    bool is_held_back;        /* its 101 waits for the frame that follows at once */
    struct cw_answer *answer; /* a body that is being sent; NULL: none */
    struct cw_late *late;     /* an answer that Redis is asked for; NULL: none */
};

struct cw_request *cw_request_create(struct cw_ws_server *server, bool is_admin,
                                     const struct cw_address *peer);
/** Also closes a channel that did not get its 101. NULL is fine. */
void cw_request_destroy(struct cw_request *request);

/** Closes its socket without a word; not from the library's callbacks. */
void cw_request_drop(struct cw_request *request);

/** The request that `wsi` is; NULL: none (any more). */
struct cw_request *cw_request_of(struct lws *wsi);

/* What happens to it; nonzero: the library must close it. */
int cw_request_on_upgrade(struct cw_request *request, struct lws *wsi, const char *protocol);
/** The library has found the extension `name` among the offers; nonzero: not this one. */
int cw_request_on_extension(struct cw_request *request, const char *name);
int cw_request_on_add_headers(struct cw_request *request, struct lws_process_html_args *args);
int cw_request_on_http(struct cw_request *request, struct lws *wsi);
int cw_request_on_writable(struct cw_request *request, struct lws *wsi);
/** The method was CONNECT: there are no headers to look at. */
int cw_request_on_connect(struct cw_request *request, struct lws *wsi);

/** Its socket is about to be read. False: it was answered instead, and is being closed. */
bool cw_request_before_read(struct cw_request *request, struct lws *wsi, int fd);
/** It has been read: is the head too big? */
void cw_request_after_read(struct cw_request *request, struct lws *wsi);
/** Whether the head that has just been handed to us (with what came in the same read behind it,
 * where it was not seen as a whole) is over the bound. */
bool cw_request_is_head_too_big(const struct cw_request *request, struct lws *wsi);

#endif
