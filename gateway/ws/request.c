/* request.c - the head of a request: checks, answers. */
#include "ws/request.h"

#include "base/log.h"
#include "base/stats.h"
#include "base/writer.h"
#include "channel/channel.h"
#include "channel/grants.h"
#include "channel/node.h"
#include "http/api.h"
#include "http/http.h"
#include "middleware/token.h"
#include "protocol/extensions.h"
#include "protocol/handshake.h"
#include "ws/admin.h"
#include "ws/head.h"
#include "ws/linger.h"
#include "ws/loop_adapter.h"
#include "ws/query.h"
#include "ws/session_wait.h"
#include "ws/socket.h"
#include "ws/state.h"
#include "ws/upgrade.h"

#include <libwebsockets.h>

#include <stdlib.h>
#include <string.h>

/* A body up to this goes out together with its head, a bigger one in such pieces. */
#define PIECE_MAX 16384

/* Three lines: a channel, a token, a node. */
#define OUR_HEADERS_MAX 512

/* A body that is sent in pieces. */
struct cw_answer {
    struct cw_writer body;
    size_t sent;
    bool is_last;
};

/* An answer that somebody else is asked for. */
struct cw_late {
    struct cw_api_call *call; /* NULL: `response` is there */
    struct cw_http_response response;
    bool has_body;
    bool is_last;
};

struct cw_request *cw_request_create(struct cw_ws_server *server, bool is_admin,
                                     const struct cw_address *peer)
{
    struct cw_request *request = calloc(1, sizeof(*request));
    if (request == NULL)
        return NULL;
    request->server = server;
    request->is_admin = is_admin;
    request->peer = *peer;
    cw_list_push_back(&server->requests, &request->node);
    server->request_count++;
    return request;
}

static void leave_list(struct cw_request *request)
{
    if (!cw_list_is_linked(&request->node))
        return;
    cw_list_remove(&request->node);
    request->server->request_count--;
}

void cw_request_drop(struct cw_request *request)
{
    leave_list(request);
    lws_set_timeout(request->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_SYNC);
}

static void destroy_answer(struct cw_request *request)
{
    if (request->answer == NULL)
        return;
    cw_writer_finish(&request->answer->body);
    free(request->answer);
    request->answer = NULL;
}

static void destroy_late(struct cw_request *request)
{
    if (request->late == NULL)
        return;
    cw_api_cancel(request->late->call);
    cw_writer_finish(&request->late->response.body);
    free(request->late);
    request->late = NULL;
}

void cw_request_destroy(struct cw_request *request)
{
    if (request == NULL)
        return;
    leave_list(request);
    if (request->is_tls && !request->is_secured)
        CW_STAT(tls_handshakes_failed_total) += 1;
    if (request->channel != NULL)
        cw_channel_closed(request->channel, 1006, "");
    destroy_answer(request);
    destroy_late(request);
    cw_session_wait_destroy(request->wait);
    free(request);
}

struct cw_request *cw_request_of(struct lws *wsi)
{
    return lws_get_opaque_user_data(wsi);
}

/* --- answering ------------------------------------------------------------------------------- */

/* The answer is out. Nonzero: the library must close. */
static int finish_answer(struct cw_request *request, struct lws *wsi, bool is_last)
{
    destroy_answer(request);
    request->is_head_done = false;
    request->was_looked_at = false;
    request->is_head_whole = false;
    request->head_bytes = 0;
    request->unread_before = cw_socket_unread(wsi); /* what came behind the head is not counted */
    if (!is_last)
        return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
    if (lws_partial_buffered(wsi))
        return -1;
    /* Whoever still sends would lose the answer. */
    bool has_input = cw_socket_has_input(wsi);
    if (has_input || request->is_tls)
        cw_socket_end_output(wsi);
    if (has_input)
        cw_linger_add(request->server->linger, lws_get_socket_fd(wsi));
    return -1;
}

static int send_piece(struct cw_request *request, struct lws *wsi)
{
    struct cw_answer *answer = request->answer;
    size_t left = answer->body.size - answer->sent;
    size_t size = left < PIECE_MAX ? left : PIECE_MAX;
    unsigned char *piece = (unsigned char *)answer->body.data + answer->sent;
    if (lws_write(wsi, piece, size, LWS_WRITE_HTTP) < 0)
        return -1;
    answer->sent += size;
    if (answer->sent == answer->body.size)
        return finish_answer(request, wsi, answer->is_last);
    lws_callback_on_writable(wsi);
    return 0;
}

/* Sends `response`, whose body it takes. Nonzero: the library must close. */
static int send_answer(struct cw_request *request, struct lws *wsi,
                       struct cw_http_response *response, bool has_body, bool is_last)
{
    char bytes[CW_HTTP_HEAD_MAX + PIECE_MAX];
    response->is_tls = request->is_tls;
    size_t size = (size_t)cw_http_write_head(response, is_last, bytes);
    struct cw_writer body = response->body;
    cw_writer_init(&response->body);
    bool is_small = body.size <= PIECE_MAX;
    if (has_body && is_small && body.size > 0) {
        memcpy(bytes + size, body.data, body.size);
        size += body.size;
    }
    int rc = lws_write(wsi, (unsigned char *)bytes, size, LWS_WRITE_HTTP_HEADERS);
    if (rc >= 0 && has_body && !is_small)
        request->answer = calloc(1, sizeof(*request->answer));
    if (request->answer != NULL) {
        request->answer->body = body;
        request->answer->is_last = is_last;
        lws_callback_on_writable(wsi);
        return 0;
    }
    cw_writer_finish(&body);
    if (rc < 0 || (has_body && !is_small))
        return -1;
    return finish_answer(request, wsi, is_last);
}

/* Answers an error and closes. */
static int refuse(struct cw_request *request, struct lws *wsi,
                  const struct cw_handshake_error *error, const char *headers, bool has_body)
{
    struct cw_http_response response;
    cw_writer_init(&response.body);
    cw_http_refuse(&response, error->status, error->code, error->message, headers);
    CW_STAT(handshakes_refused_total) += 1;
    return send_answer(request, wsi, &response, has_body, true);
}

/* --- plain HTTP ------------------------------------------------------------------------------ */

/* Whether the client wants (or can) have no second answer on this connection. */
static bool is_last_request(struct lws *wsi, enum cw_http_method method)
{
    char version[16], connection[32];
    if (method == CW_HTTP_POST || method == CW_HTTP_OTHER) /* a body may follow */
        return true;
    if (lws_hdr_copy(wsi, version, sizeof(version), WSI_TOKEN_HTTP) < 0 ||
        strcmp(version, "HTTP/1.1") != 0)
        return true;
    return lws_hdr_copy(wsi, connection, sizeof(connection), WSI_TOKEN_CONNECTION) > 0 &&
           strcasecmp(connection, "close") == 0;
}

/* What a WebSocket's path says to a request that does not upgrade. */
static int answer_without_upgrade(struct cw_request *request, struct lws *wsi,
                                  enum cw_http_method method)
{
    static const struct cw_handshake_error upgrade_required = {
        426, "bad_request", "this is a WebSocket: upgrade to it"};
    static const struct cw_handshake_error not_allowed = {405, "bad_request", "only GET"};
    if (method == CW_HTTP_GET)
        return refuse(request, wsi, &upgrade_required, CW_HEAD_UPGRADE, true);
    return refuse(request, wsi, &not_allowed, CW_HEAD_ALLOW_GET, method != CW_HTTP_HEAD);
}

static void on_api(void *arg, struct cw_http_response *response)
{
    struct cw_request *request = arg;
    request->late->call = NULL;
    request->late->response = *response;
    cw_writer_init(&response->body);
    lws_callback_on_writable(request->wsi);
    cw_loop_request_post_turn(request->server->loop);
}

static int send_late(struct cw_request *request, struct lws *wsi)
{
    struct cw_late *late = request->late;
    if (late->call != NULL)
        return 0;
    request->late = NULL;
    int rc = send_answer(request, wsi, &late->response, late->has_body, late->is_last);
    free(late);
    return rc;
}

static int answer_api(struct cw_request *request, struct lws *wsi,
                      const struct cw_http_request *http)
{
    struct cw_late *late = request->late == NULL ? calloc(1, sizeof(*late)) : NULL;
    if (late == NULL)
        return -1;
    late->has_body = http->method != CW_HTTP_HEAD;
    late->is_last = is_last_request(wsi, http->method);
    cw_writer_init(&late->response.body);
    request->late = late;
    if (cw_api_begin(request->server->node, http, on_api, request, &late->response, &late->call))
        return 0;
    late->call = NULL;
    return send_late(request, wsi);
}

int cw_request_on_http(struct cw_request *request, struct lws *wsi)
{
    request->is_head_done = true;
    char *path = NULL;
    int path_size = 0;
    int method = lws_http_get_uri_and_method(wsi, &path, &path_size);
    if (method < 0)
        return -1;
    struct cw_http_request http = {
        .method = method == LWSHUMETH_GET    ? CW_HTTP_GET
                  : method == LWSHUMETH_HEAD ? CW_HTTP_HEAD
                  : method == LWSHUMETH_POST ? CW_HTTP_POST
                                             : CW_HTTP_OTHER,
        .path = cw_bytes_make(path, (size_t)path_size),
        .is_admin = request->is_admin,
    };
    if (cw_request_is_head_too_big(request, wsi))
        return refuse(request, wsi, &cw_head_too_big, NULL, http.method != CW_HTTP_HEAD);
    if (!request->is_admin && cw_bytes_is(http.path, request->server->path))
        return answer_without_upgrade(request, wsi, http.method);

    if (cw_api_has(&http)) {
        struct cw_writer query;
        cw_writer_init(&query);
        cw_query_write(wsi, &query);
        http.query = cw_writer_view(&query);
        cw_admin_judge(request, wsi, &http);
        int rc = query.has_failed ? -1 : answer_api(request, wsi, &http);
        cw_writer_finish(&query);
        return rc;
    }
    struct cw_http_response response;
    cw_writer_init(&response.body);
    cw_http_respond(request->server->node, &http, &response);
    return send_answer(request, wsi, &response, http.method != CW_HTTP_HEAD,
                       is_last_request(wsi, http.method));
}

int cw_request_on_writable(struct cw_request *request, struct lws *wsi)
{
    if (request->late != NULL)
        return send_late(request, wsi);
    return request->answer != NULL ? send_piece(request, wsi) : 0;
}

int cw_request_on_connect(struct cw_request *request, struct lws *wsi)
{
    static const struct cw_handshake_error not_allowed = {405, "bad_request", "only GET"};
    return refuse(request, wsi, &not_allowed, CW_HEAD_ALLOW_GET, true);
}

/* --- upgrading ------------------------------------------------------------------------------- */

/* The session by which a channel is to be taken up; NULL: a new one, or a refusal. */
static const struct cw_resume *find_resume(struct cw_request *request,
                                           const struct cw_handshake *handshake,
                                           const struct cw_grants *grants)
{
    const struct cw_resume *resume = NULL;
    const struct cw_node *node = request->server->node;
    if (handshake->session == NULL || node->limits.session_ttl_s == 0)
        return NULL;
    if (grants == NULL && cw_tokens_are_required(node->tokens))
        return NULL; /* whoever had it had a user */
    switch (cw_session_wait_answer(request->wait, cw_bytes_text(handshake->session),
                                   grants == NULL ? NULL : grants->user, &resume)) {
    case CW_SESSION_FOUND:
        return resume;
    case CW_SESSION_NONE:
        return NULL;
    case CW_SESSION_UNASKED:
    case CW_SESSION_LATE:
        break;
    }
    request->refusal = cw_upgrade_refuse(1013, "its session can't be looked up now");
    return NULL;
}

/* Makes its channel, or the refusal that its token deserves. */
static int let_in(struct cw_request *request, struct lws *wsi, const struct cw_handshake *handshake)
{
    char *token = NULL;
    struct cw_upgrade_client client = {0};
    int rc = cw_upgrade_find_token(wsi, handshake, &token);
    if (rc != CW_OK)
        return rc;
    client.token = token;
    request->refusal = cw_upgrade_authenticate(request->server, handshake, token, &client.grants);
    if (request->refusal.code == 0)
        client.resume = find_resume(request, handshake, client.grants);
    if (request->refusal.code == 0)
        rc = cw_upgrade_create_channel(request, wsi, handshake, &client);
    cw_grants_destroy(client.grants);
    free(token);
    return rc;
}

int cw_request_on_upgrade(struct cw_request *request, struct lws *wsi, const char *protocol)
{
    if (strcasecmp(protocol, "websocket") != 0)
        return 0; /* "h2c": goes on as plain HTTP */
    request->is_head_done = true;

    struct cw_handshake handshake = {0};
    struct cw_head_error error = {.headers = NULL};
    int rc = cw_upgrade_check(request, wsi, &handshake, &error);
    if (rc < 0) {
        bool is_head_request = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
        return refuse(request, wsi, &error.error, error.headers, !is_head_request);
    }

    request->kind = handshake.kind;
    request->refusal = cw_upgrade_admit(request->server);
    if (request->refusal.code == 0)
        rc = let_in(request, wsi, &handshake);
    cw_handshake_finish(&handshake);
    if (rc == CW_OK)
        return 0;
    static const struct cw_handshake_error internal = {500, "internal", "out of memory"};
    return refuse(request, wsi, &internal, NULL, true);
}

int cw_request_on_extension(struct cw_request *request, const char *name)
{
    request->is_compressed = request->deflate != NULL && strcmp(name, CW_EXTENSION_DEFLATE) == 0;
    return request->is_compressed ? 0 : 1;
}

/* The library ends the list of extensions with a name that it found: parameters go behind it. */
static int add_deflate(const struct cw_request *request, struct lws_process_html_args *args)
{
    static const char before[] = "\r\nSec-WebSocket-Extensions: " CW_EXTENSION_DEFLATE "\r\n";
    const size_t size = sizeof(before) - 1;
    if (memcmp(args->p - size, before, size) != 0)
        return CW_ERR_INTERNAL;
    int added = snprintf(args->p - 2, (size_t)args->max_len, "%s\r\n", request->deflate);
    if (added < 2 || added >= args->max_len)
        return CW_ERR_INTERNAL;
    args->p += added - 2;
    args->max_len -= added - 2;
    return CW_OK;
}

static char *put_text(char *to, const char *text)
{
    size_t size = strlen(text);
    memcpy(to, text, size);
    return to + size;
}

static char *put_line(char *to, const char *name, const char *value)
{
    return put_text(put_text(put_text(to, name), value), "\r\n");
}

int cw_request_on_add_headers(struct cw_request *request, struct lws_process_html_args *args)
{
    const struct cw_channel *channel = request->channel;
    const char *token = channel != NULL ? cw_channel_token(channel) : NULL;
    if (request->is_compressed && add_deflate(request, args) < 0)
        return -1;
    if (args->max_len < OUR_HEADERS_MAX)
        return -1;
    char *to = args->p;
    if (channel != NULL)
        to = put_line(to, "Chanway-Channel: ", cw_channel_uuid(channel));
    if (token != NULL)
        to = put_line(to, "Chanway-Session: ", token);
    to = put_line(to, "Chanway-Node: ", request->server->node->id);
    args->max_len -= (int)(to - args->p);
    args->p = to;

    /* One segment instead of two, and one wake-up of the client. A raw channel is told nothing. */
    request->is_held_back = channel == NULL || request->kind != CW_KIND_RAW;
    if (request->is_held_back)
        cw_socket_hold_back(request->wsi, true);
    return 0;
}

/* --- before the library has the head --------------------------------------------------------- */

/* Outside the library's callbacks: it is told to close by a timeout of no time. */
static void refuse_and_drop(struct cw_request *request, struct lws *wsi,
                            const struct cw_handshake_error *error, const char *headers)
{
    (void)refuse(request, wsi, error, headers, true);
    request->is_head_done = true;
    lws_set_timeout(wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
}

/* Looks at the head without taking it; true: it is to be answered by `ret_error`. One that comes in
 * pieces is looked at once. */
static bool is_head_bad(struct cw_request *request, struct lws *wsi, int fd,
                        struct cw_head_error *ret_error)
{
    char bytes[CW_HEAD_MAX + 1];
    ssize_t size = cw_socket_peek(wsi, bytes, sizeof(bytes));
    if (size <= 0)
        return false;
    request->was_looked_at = true;
    struct cw_bytes head = cw_bytes_make(bytes, (size_t)size);
    if (cw_head_check(head, ret_error) < 0)
        return true;
    request->is_head_whole = cw_head_is_whole(head);
    if (request->wait == NULL)
        cw_session_wait_begin(request, wsi, fd, head);
    return false;
}

/* A record is there to be counted once some of it was looked at. */
static void fetch_record(struct cw_request *request, struct lws *wsi)
{
    char byte;
    if (!request->is_secured) {
        request->is_secured = true;
        CW_STAT(tls_handshakes_total) += 1;
    }
    (void)cw_socket_peek(wsi, &byte, 1);
}

bool cw_request_before_read(struct cw_request *request, struct lws *wsi, int fd)
{
    struct cw_head_error error;
    if (request->is_tls && !cw_socket_is_open(wsi))
        return true;
    if (request->is_tls)
        fetch_record(request, wsi);
    if (!request->was_looked_at && is_head_bad(request, wsi, fd, &error)) {
        refuse_and_drop(request, wsi, &error.error, error.headers);
        return false;
    }
    if (request->wait != NULL && !cw_session_wait_is_over(request->wait))
        return false;
    if (!request->is_head_whole)
        request->unread_before = cw_socket_unread(wsi);
    return true;
}

void cw_request_after_read(struct cw_request *request, struct lws *wsi)
{
    if (request->is_head_done || request->is_head_whole)
        return;
    int read = request->unread_before - cw_socket_unread(wsi);
    if (read <= 0)
        return;
    /* The library drops a socket whose head it can't keep, without a word: so its input is counted.
     */
    request->head_bytes += (size_t)read;
    if (request->head_bytes > CW_HEAD_MAX)
        refuse_and_drop(request, wsi, &cw_head_too_big, NULL);
}

bool cw_request_is_head_too_big(const struct cw_request *request, struct lws *wsi)
{
    if (request->is_head_whole)
        return false;
    int read = request->unread_before - cw_socket_unread(wsi);
    return request->head_bytes + (read > 0 ? (size_t)read : 0) > CW_HEAD_MAX;
}
