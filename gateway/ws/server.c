/*
 * server.c - one libwebsockets context on the caller's loop, and what its callbacks mean.
 *
 *   listener -> cw_request (the library's opaque data of the socket) -> 101 -> cw_connection (its
 * user data)
 */
#include "ws/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/node.h"
#include "protocol/extensions.h"
#include "protocol/handshake.h"
#include "ws/connection.h"
#include "ws/flush.h"
#include "ws/greeting.h"
#include "ws/heartbeat.h"
#include "ws/linger.h"
#include "ws/listener.h"
#include "ws/loop_adapter.h"
#include "ws/request.h"
#include "ws/session_wait.h"
#include "ws/state.h"
#include "ws/tls.h"

#include <libwebsockets.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* From the accepted socket to the end of the request's head. */
#define HANDSHAKE_TIME_S 10
/* An idle HTTP connection is kept this long for its next request. */
#define KEEPALIVE_TIME_S 15
/* One send may be as big as that; the rest of a bigger one would be copied by the library. */
#define TX_MAX (16 * 1024 * 1024)
/* The library has two words of memory for each descriptor that may be opened. */
#define OPEN_FILES_MAX 1048576
/* Descriptors beside those of clients: Redis, listeners, sockets that linger or are turned away. */
#define OPEN_FILES_SPARE 2048
/* Of the descriptors that clients may have, those that are for others all the same. */
#define OPEN_FILES_RESERVED 32
/* So many clients may always be between connecting and the end of their request. */
#define REQUESTS_MIN 16
/* Complaints of the library that are logged per interval. */
#define COMPLAINTS_MAX         5
#define COMPLAINTS_INTERVAL_MS 10000

/* --- the library's callbacks ----------------------------------------------------------------- */

static struct cw_ws_server *server_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

static int on_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t size)
{
    struct cw_request *request;
    struct cw_connection *connection;
    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        request = cw_request_of(wsi);
        return request != NULL ? cw_request_on_upgrade(request, wsi, in) : -1;
    case LWS_CALLBACK_HTTP:
        request = cw_request_of(wsi);
        return request != NULL ? cw_request_on_http(request, wsi) : -1;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        request = cw_request_of(wsi);
        return request != NULL ? cw_request_on_writable(request, wsi) : -1;
    case LWS_CALLBACK_RAW_ADOPT:
        request = cw_request_of(wsi);
        return request != NULL ? cw_request_on_connect(request, wsi) : -1;
    case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
        request = cw_request_of(wsi);
        return request != NULL ? cw_request_on_extension(request, in) : 1;
    case LWS_CALLBACK_ADD_HEADERS:
        request = cw_request_of(wsi);
        return request != NULL ? cw_request_on_add_headers(request, in) : 0;
    case LWS_CALLBACK_ESTABLISHED:
        request = cw_request_of(wsi);
        if (request == NULL)
            return -1;
        lws_set_opaque_user_data(wsi, NULL);
        return cw_connection_on_established(user, wsi, request);
    case LWS_CALLBACK_RECEIVE:
        connection = cw_connection_of(wsi);
        return connection != NULL ? cw_connection_on_receive(connection, in, size) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        connection = cw_connection_of(wsi);
        return connection != NULL ? cw_connection_on_writable(connection) : -1;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        connection = cw_connection_of(wsi);
        return connection != NULL ? cw_connection_on_peer_close(connection, in, size) : -1;
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        connection = cw_connection_of(wsi);
        if (connection != NULL)
            cw_connection_on_unbind(connection);
        return 0;
    case LWS_CALLBACK_CLOSED:
        connection = cw_connection_of(wsi);
        if (connection != NULL)
            cw_connection_on_closed(connection);
        return 0;
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        cw_tls_attach(server_of(wsi)->tls, user);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        request = cw_request_of(wsi);
        if (request != NULL && request->server->adopting == request)
            request->server->adopting = NULL;
        cw_request_destroy(request);
        return 0;
    default:
        return 0;
    }
}

/* The first is for clients that name no subprotocol, and for plain HTTP. */
static struct lws_protocols protocols[CW_KIND_COUNT + 1];

static void fill_protocols(bool has_tls)
{
    for (int kind = 0; kind < CW_KIND_COUNT; kind++) {
        const char *name = cw_handshake_subprotocol(kind);
        protocols[kind] = (struct lws_protocols){
            .name = name != NULL ? name : "",
            .callback = on_callback,
            .per_session_data_size = sizeof(struct cw_connection),
            .rx_buffer_size = has_tls ? CW_WS_RX_BUFFER_TLS : CW_WS_RX_BUFFER,
            .tx_packet_size = TX_MAX,
        };
    }
}

/* It is ours to compress and to inflate (protocol/deflate.h): the library is only to let frames
 * pass that are marked as compressed, as they are. */
static int on_extension(struct lws_context *context, const struct lws_extension *extension,
                        struct lws *wsi, enum lws_extension_callback_reasons reason, void *user,
                        void *in, size_t size)
{
    static const struct lws_ext_options no_options[] = {{NULL, EXTARG_NONE}};
    (void)context;
    (void)extension;
    (void)wsi;
    (void)user;
    (void)size;
    if (reason == LWS_EXT_CB_CONSTRUCT)
        *(const struct lws_ext_options **)in = no_options;
    return 0;
}

static const struct lws_extension extensions[] = {
    {.name = CW_EXTENSION_DEFLATE, .callback = on_extension},
    {.name = NULL},
};

/* The library's complaints are mostly about clients, so there may be many. */
static void on_library_log(int level, const char *line)
{
    static int64_t interval_end_ms;
    static unsigned count;
    int64_t now_ms = cw_clock_ms();
    if (now_ms >= interval_end_ms) {
        if (count > COMPLAINTS_MAX)
            cw_log_warn(cw_log_node(), "libwebsockets: %u complaints not logged",
                        count - COMPLAINTS_MAX);
        count = 0;
        interval_end_ms = now_ms + COMPLAINTS_INTERVAL_MS;
    }
    if (++count > COMPLAINTS_MAX)
        return;
    int size = (int)strcspn(line, "\n");
    cw_log_line(level == LLL_ERR ? CW_LOG_ERROR : CW_LOG_WARN, cw_log_node(), "libwebsockets: %.*s",
                size, line);
}

/* --- turns of the loop ----------------------------------------------------------------------- */

static void on_begin_turn(void *arg)
{
    struct cw_ws_server *server = arg;
    server->node->now_ms = cw_clock_ms();
}

static bool on_end_turn(void *arg)
{
    struct cw_ws_server *server = arg;
    bool has_more = cw_connections_read_resumed(server);
    return cw_flush_dirty(server) || has_more;
}

static bool on_before_read(void *arg, struct lws *wsi, int fd)
{
    struct cw_ws_server *server = arg;
    struct cw_connection *connection = cw_connection_of(wsi);
    struct cw_request *request = connection == NULL ? cw_request_of(wsi) : NULL;
    if (request != NULL)
        return cw_request_before_read(request, wsi, fd);
    if (connection != NULL && connection->channel != NULL) {
        connection->channel->last_seen_ms = server->node->now_ms;
        connection->channel->is_pinged = false;
    }
    return true;
}

static void on_after_read(void *arg, struct lws *wsi, int fd)
{
    (void)arg;
    (void)fd;
    struct cw_request *request = cw_connection_of(wsi) == NULL ? cw_request_of(wsi) : NULL;
    if (request != NULL)
        cw_request_after_read(request, wsi);
}

static void on_writing(void *arg, struct lws *wsi, bool is_on)
{
    (void)arg;
    struct cw_connection *connection = cw_connection_of(wsi);
    if (connection != NULL)
        cw_connection_on_library_writing(connection, is_on);
}

static void on_tick(void *arg)
{
    struct cw_ws_server *server = arg;
    cw_loop_request_post_turn(server->loop);
    cw_connections_expire(server);
    cw_session_waits_tick(server);
    cw_memory_tick(server->node);
    cw_trim_tick(&server->trim, server->node->count + server->request_count, cw_clock_ms());
}

/* --- clients come in ------------------------------------------------------------------------- */

/* How many clients may be at their requests. */
static size_t requests_max(const struct cw_ws_server *server)
{
    size_t taken = server->node->count + OPEN_FILES_RESERVED;
    size_t left = server->open_files_max > taken ? server->open_files_max - taken : 0;
    size_t half = server->open_files_max / 2;
    size_t max = left < half ? left : half;
    return max > REQUESTS_MIN ? max : REQUESTS_MIN;
}

/* Who dawdles makes room for who has just come: so slow heads can't use up all descriptors. */
static void make_room(struct cw_ws_server *server)
{
    while (server->request_count >= requests_max(server)) {
        struct cw_list_node *oldest = cw_list_first(&server->requests);
        cw_request_drop(CW_CONTAINER(oldest, struct cw_request, node));
        CW_STAT(handshakes_dropped_total) += 1;
    }
}

static void adopt(struct cw_ws_server *server, bool is_admin, int fd, const struct cw_address *peer)
{
    cw_loop_request_post_turn(server->loop);
    make_room(server);
    struct cw_request *request = cw_request_create(server, is_admin, peer);
    if (request == NULL) {
        close(fd);
        return;
    }
    request->is_tls = server->tls != NULL && !is_admin;
    lws_adopt_desc_t adopt = {
        .vh = server->vhost,
        .fd.sockfd = fd,
        .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | (request->is_tls ? LWS_ADOPT_ALLOW_SSL : 0),
        .opaque = request,
    };
    server->adopting = request;
    /* When it fails the socket is closed, and the request destroyed or not. */
    struct lws *wsi = lws_adopt_descriptor_vhost_via_info(&adopt);
    if (wsi == NULL)
        cw_request_destroy(server->adopting);
    else
        request->wsi = wsi;
    server->adopting = NULL;
}

static void on_greeted(void *arg, int fd, const struct cw_address *peer)
{
    adopt(arg, false, fd, peer);
}

/* Who is no proxy of ours could claim to be anybody. */
static void drop_stranger(struct cw_ws_server *server, int fd, const struct cw_address *peer)
{
    int64_t now_ms = cw_clock_ms();
    close(fd);
    CW_STAT(proxy_headers_refused_total) += 1;
    if (server->strangers_logged_ms != 0 &&
        now_ms - server->strangers_logged_ms < COMPLAINTS_INTERVAL_MS)
        return;
    server->strangers_logged_ms = now_ms;
    char text[CW_ADDRESS_TEXT_SIZE];
    (void)cw_address_write(peer, text);
    cw_log_warn(cw_log_node(),
                "dropping %s: proxy-protocol is on, and it is none of trusted-proxies", text);
}

static void on_accept(void *arg, struct cw_listener *listener, int fd,
                      const struct cw_address *peer)
{
    struct cw_ws_server *server = arg;
    bool is_admin = listener == server->admin_listener;
    if (is_admin || !server->has_proxy_protocol)
        adopt(server, is_admin, fd, peer);
    else if (cw_networks_have(&server->trusted, peer))
        cw_greetings_add(server->greetings, fd, peer);
    else
        drop_stranger(server, fd, peer);
}

/* --- creating -------------------------------------------------------------------------------- */

/* As many open files as the system allows and could be of use; how many there may be then. */
static size_t raise_open_files(size_t max_connections)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return OPEN_FILES_SPARE;
    rlim_t wanted = OPEN_FILES_MAX;
    if (max_connections > 0 && max_connections + OPEN_FILES_SPARE < OPEN_FILES_MAX)
        wanted = max_connections + OPEN_FILES_SPARE;
    if (wanted > limit.rlim_max)
        wanted = limit.rlim_max;
    if (wanted <= limit.rlim_cur)
        return limit.rlim_cur;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return wanted;
    cw_log_warn(cw_log_node(), "could not raise the limit of open files; going on");
    return before;
}

static int create_context(struct cw_ws_server *server)
{
    /* No validity timers: each costs a walk through all others. */
    static const lws_retry_bo_t no_validity_timer = {0};
    void *loops[] = {server->loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
        .user = server,
        .event_lib_custom = cw_loop_plugin(),
        .foreign_loops = loops,
        .extensions = server->node->deflate != NULL ? extensions : NULL,
        .retry_and_idle_policy = &no_validity_timer,
        .timeout_secs = HANDSHAKE_TIME_S,
        .timeout_secs_ah_idle = HANDSHAKE_TIME_S,
        .keepalive_timeout = KEEPALIVE_TIME_S,
        .max_http_header_data2 = CW_REQUEST_HEAD_MEMORY,
        .vhost_name = "chanway",
    };
    if (server->tls != NULL) {
        info.options |=
            LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
        info.pt_serv_buf_size = 2 * CW_WS_RX_BUFFER_TLS;
    }
    lws_set_log_level(LLL_ERR | LLL_WARN, on_library_log);
    server->context = lws_create_context(&info);
    if (server->context == NULL)
        return CW_ERR_NOMEM;
    server->vhost = lws_get_vhost_by_name(server->context, info.vhost_name);
    cw_loop_attach(server->loop, server->context);
    return server->vhost != NULL ? CW_OK : CW_ERR_INTERNAL;
}

static int create_parts(struct cw_ws_server *server)
{
    struct cw_loop_options loop_options = {
        .event_base = server->event_base,
        .read_size = CW_WS_RX_BUFFER + LWS_PRE,
        .begin_turn = on_begin_turn,
        .end_turn = on_end_turn,
        .before_read = on_before_read,
        .after_read = on_after_read,
        .on_writing = on_writing,
        .arg = server,
    };
    int rc = cw_loop_create(&loop_options, &server->loop);
    if (rc < 0)
        return rc;
    rc = create_context(server);
    if (rc < 0)
        return rc;
    rc = cw_linger_create(server->event_base, &server->linger);
    if (rc < 0)
        return rc;
    rc = cw_greetings_create(server->event_base, on_greeted, server, &server->greetings);
    if (rc < 0)
        return rc;
    return cw_heartbeat_create(server->event_base, server->node, on_tick, server,
                               &server->heartbeat);
}

static bool has_text(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* The names that are given fit together. */
static int check_tls(const struct cw_ws_server_options *options, char *error, size_t error_size)
{
    if (has_text(options->tls_cert) == has_text(options->tls_key) &&
        (has_text(options->tls_cert) || !has_text(options->tls_client_ca)))
        return CW_OK;
    (void)snprintf(error, error_size, "%s",
                   has_text(options->tls_cert)  ? "tls-cert: needs tls-key"
                   : has_text(options->tls_key) ? "tls-key: needs tls-cert"
                                                : "tls-client-ca: needs tls-cert and tls-key");
    return CW_ERR_INVALID;
}

static int reload_tls(struct cw_ws_server *server, const struct cw_ws_server_options *options,
                      char *error, size_t error_size)
{
    const struct cw_tls_files files = {options->tls_cert, options->tls_key, options->tls_client_ca};
    if (server->context == NULL) /* they are read when it starts: others may not be read before */
        return CW_OK;
    if (has_text(options->tls_cert) != (server->tls != NULL)) {
        (void)snprintf(error, error_size, "tls-cert: TLS is turned on and off by a restart only");
        return CW_ERR_INVALID;
    }
    return server->tls != NULL ? cw_tls_reload(server->tls, &files, error, error_size) : CW_OK;
}

int cw_ws_server_reload(struct cw_ws_server *server, const struct cw_ws_server_options *options,
                        char *error, size_t error_size)
{
    struct cw_networks trusted;
    int rc = check_tls(options, error, error_size);
    if (rc < 0)
        return rc;
    rc = cw_networks_parse(cw_bytes_text(options->trusted_proxies), &trusted);
    if (rc < 0) {
        (void)snprintf(error, error_size, "trusted-proxies: %s",
                       rc == CW_ERR_INVALID ? "not a list of networks" : cw_error_text(rc));
        return rc;
    }
    bool has_trusted = trusted.count > 0 || trusted.has_unix;
    if (options->has_proxy_protocol && !has_trusted) {
        (void)snprintf(error, error_size,
                       "proxy-protocol = on: trusted-proxies must say whose headers are believed");
        return CW_ERR_INVALID;
    }
    char *allow_origin = strdup(options->allow_origin != NULL ? options->allow_origin : "*");
    char *admin_token = strdup(options->admin_token != NULL ? options->admin_token : "");
    if (allow_origin == NULL || admin_token == NULL) {
        free(allow_origin);
        free(admin_token);
        cw_networks_finish(&trusted);
        (void)snprintf(error, error_size, "%s", cw_error_text(CW_ERR_NOMEM));
        return CW_ERR_NOMEM;
    }
    rc = reload_tls(server, options, error, error_size);
    if (rc < 0) {
        free(allow_origin);
        free(admin_token);
        cw_networks_finish(&trusted);
        return rc;
    }
    free(server->allow_origin);
    server->allow_origin = allow_origin;
    free(server->admin_token);
    server->admin_token = admin_token;
    cw_networks_finish(&server->trusted);
    server->trusted = trusted;
    server->has_proxy_protocol = options->has_proxy_protocol;
    return CW_OK;
}

static void write_error(int rc, char *error, size_t error_size)
{
    (void)snprintf(error, error_size, "the WebSocket server: %s", cw_error_text(rc));
}

int cw_ws_server_create(const struct cw_ws_server_options *options, char *error, size_t error_size,
                        struct cw_ws_server **ret_server)
{
    error[0] = '\0';
    int rc = CW_ERR_NOMEM;
    struct cw_ws_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        goto fail;
    server->event_base = options->event_base;
    server->node = options->node;
    cw_list_init(&server->requests);
    cw_list_init(&server->closing);
    cw_list_init(&server->resumed);
    cw_list_init(&server->waits);
    server->path = strdup(options->path != NULL ? options->path : "/ws");
    server->scratch = malloc(CW_FLUSH_SCRATCH);
    if (server->path == NULL || server->scratch == NULL)
        goto fail;
    rc = cw_ws_server_reload(server, options, error, error_size);
    if (rc < 0)
        goto fail;

    rc = cw_listener_create(server->event_base, options->listen, options->shares_port, on_accept,
                            server, error, error_size, &server->listener);
    if (rc < 0)
        goto fail;
    if (options->admin_listen != NULL && options->admin_listen[0] != '\0') {
        rc = cw_listener_create(server->event_base, options->admin_listen, false, on_accept, server,
                                error, error_size, &server->admin_listener);
        if (rc < 0)
            goto fail;
    }
    *ret_server = server;
    return CW_OK;

fail:
    if (error[0] == '\0')
        write_error(rc, error, error_size);
    cw_ws_server_destroy(server);
    return rc;
}

int cw_ws_server_start(struct cw_ws_server *server, const struct cw_ws_server_options *options,
                       char *error, size_t error_size)
{
    const struct cw_tls_files files = {options->tls_cert, options->tls_key, options->tls_client_ca};
    int rc = CW_OK;
    if (has_text(options->tls_cert))
        rc = cw_tls_create(&files, error, error_size, &server->tls);
    if (rc < 0)
        return rc;
    server->open_files_max = raise_open_files(server->node->limits.max_connections);
    fill_protocols(server->tls != NULL);
    rc = create_parts(server);
    if (rc < 0) {
        write_error(rc, error, error_size);
        return rc;
    }
    server->node->transport = &cw_connection_transport;
    server->node->path = server->path;
    server->node->listen = cw_ws_server_address(server, false);
    server->node->admin_listen = cw_ws_server_address(server, true);
    server->node->has_tls = server->tls != NULL;
    return CW_OK;
}

const char *cw_ws_server_address(const struct cw_ws_server *server, bool is_admin)
{
    const struct cw_listener *listener = is_admin ? server->admin_listener : server->listener;
    return listener != NULL ? cw_listener_address(listener) : NULL;
}

void cw_ws_server_request_flush(struct cw_ws_server *server)
{
    cw_loop_request_post_turn(server->loop);
}

void cw_ws_server_stop(struct cw_ws_server *server, int64_t retry_ms)
{
    server->is_stopping = true;
    cw_loop_request_post_turn(server->loop);
    uint32_t spread = retry_ms > 0 && retry_ms < UINT32_MAX ? (uint32_t)retry_ms + 1 : 1;
    /* Closing only marks: nobody leaves the array here. */
    for (size_t i = 0; i < server->node->count; i++)
        cw_channel_close(server->node->all[i], 1001, "the node is going away",
                         retry_ms < 0 ? -1 : (int64_t)cw_random_below(spread));
}

void cw_ws_server_destroy(struct cw_ws_server *server)
{
    if (server == NULL)
        return;
    server->is_ending = true;
    cw_listener_destroy(server->listener);
    cw_listener_destroy(server->admin_listener);
    cw_heartbeat_destroy(server->heartbeat);
    if (server->context != NULL)
        lws_context_destroy(server->context);
    cw_tls_destroy(server->tls);
    cw_greetings_destroy(server->greetings);
    cw_linger_destroy(server->linger);
    cw_loop_destroy(server->loop);
    free(server->scratch);
    cw_networks_finish(&server->trusted);
    free(server->allow_origin);
    free(server->admin_token);
    free(server->path);
    free(server);
}
