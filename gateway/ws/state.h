/*
 * state.h - what the files of this folder share: the server's own struct. For them only.
 */
#ifndef CW_WS_STATE_H
#define CW_WS_STATE_H

#include "base/address.h"
#include "base/list.h"
#include "ws/trim.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the library reads of a WebSocket at once is this and LWS_PRE; as a system's library is, it
 * keeps as much per connection. */
#define CW_WS_RX_BUFFER 256
/* With TLS it has to be a whole record: what of one is not read is not seen by poll(), and the
 * library drops a connection that pauses with such a rest. */
#define CW_WS_RX_BUFFER_TLS 16384

struct cw_greetings;
struct cw_heartbeat;
struct cw_linger;
struct cw_listener;
struct cw_tls;
struct cw_loop;
struct cw_node;
struct cw_request;
struct event_base;
struct lws_context;
struct lws_vhost;

struct cw_ws_server {
    struct event_base *event_base;
    struct cw_node *node;
    struct cw_loop *loop;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct cw_listener *listener;
    struct cw_listener *admin_listener; /* NULL: off */
    struct cw_greetings *greetings;
    struct cw_heartbeat *heartbeat;
    struct cw_linger *linger;
    char *path;
    char *allow_origin;
    char *admin_token;           /* empty: none */
    struct cw_tls *tls;          /* of clients, not of the admin; NULL: off */
    struct cw_networks trusted;  /* whose X-Forwarded-For is believed */
    struct cw_request *adopting; /* its socket is being handed to the library */
    struct cw_list requests;     /* cw_request.node: sockets that are no WebSockets, oldest first */
    size_t request_count;        /* of them */
    size_t open_files_max;       /* descriptors that the process may have */
    struct cw_list closing;      /* cw_connection.closing, the earliest first */
    struct cw_list resumed;      /* cw_connection.resumed */
    struct cw_list waits;        /* session_wait.c's */
    struct cw_trim trim;
    int64_t strangers_logged_ms; /* when one that is no proxy was last complained about; 0: never */
    char *scratch;               /* CW_FLUSH_SCRATCH bytes: frames that go out in one write */
    char close_reason[124];      /* of the peer's close frame that is being handled */
    bool has_proxy_protocol;     /* clients are told of by PROXY headers */
    bool is_stopping;            /* nobody is let in any more */
    bool is_ending;              /* the library drops everybody */
};

#endif
