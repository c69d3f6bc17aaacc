/* session_wait.c - the session of a request, looked up before the library reads the request. */
#include "ws/session_wait.h"

#include "base/clock.h"
#include "base/stats.h"
#include "channel/grants.h"
#include "channel/node.h"
#include "middleware/token.h"
#include "protocol/handshake.h"
#include "ws/head.h"
#include "ws/loop_adapter.h"
#include "ws/request.h"
#include "ws/socket.h"
#include "ws/state.h"

#include <libwebsockets.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* PROTOCOL: how long Redis is waited for. */
#define WAIT_MS 10000
/* The library's own clock for the head: not while it is kept waiting, then anew. */
#define HELD_S 30
#define HEAD_S 10

struct cw_session_wait {
    struct cw_list_node in_waits; /* in cw_ws_server.waits, while it waits */
    struct cw_ws_server *server;
    struct cw_request *request; /* NULL: it went while Redis was asked */
    struct lws *wsi;
    int fd;
    int64_t until_ms;
    bool is_whole; /* the head has come, `resume` names what is looked for */
    bool is_asked; /* an answer is under way */
    enum cw_session_answer answer;
    char *user; /* owned: of the request's token; NULL: it has none */
    struct cw_resume resume;
};

/* --- what the request says ---------------------------------------------------------------------
 */

/* The query of a GET of `path`; empty: it is something else. */
static struct cw_bytes find_query(struct cw_bytes bytes, const char *path)
{
    const struct cw_bytes none = {NULL, 0};
    const char *end = memchr(bytes.data, '\n', bytes.size);
    struct cw_bytes line =
        cw_bytes_make(bytes.data, end == NULL ? bytes.size : (size_t)(end - bytes.data));
    size_t path_size = strlen(path);
    if (line.size < 4 + path_size + 1 || memcmp(line.data, "GET ", 4) != 0 ||
        memcmp(line.data + 4, path, path_size) != 0 || line.data[4 + path_size] != '?')
        return none;
    const char *query = line.data + 4 + path_size + 1;
    size_t size = line.size - 4 - path_size - 1;
    const char *space = memchr(query, ' ', size);
    return cw_bytes_make(query, space == NULL ? size : (size_t)(space - query));
}

/* The token of "Authorization: Bearer <token>" in a head; empty: there is none. */
static struct cw_bytes find_bearer(struct cw_bytes head)
{
    static const char name[] = "authorization:";
    const struct cw_bytes none = {NULL, 0};
    const char *at = head.data, *end = head.data + head.size;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        if ((size_t)(end - at) < sizeof(name) || strncasecmp(at, name, sizeof(name) - 1) != 0)
            continue;
        at += sizeof(name) - 1;
        const char *line_end = memchr(at, '\r', (size_t)(end - at));
        if (line_end == NULL)
            return none;
        while (at < line_end && (*at == ' ' || *at == '\t'))
            at++;
        if (line_end - at < 7 || strncasecmp(at, "bearer ", 7) != 0)
            return none;
        at += 7;
        while (at < line_end && *at == ' ')
            at++;
        while (line_end > at && (line_end[-1] == ' ' || line_end[-1] == '\t'))
            line_end--;
        return cw_bytes_make(at, (size_t)(line_end - at));
    }
    return none;
}

/* Whose request it is: a session is its user's. False: it will be refused, or be nobody's where
 * everybody is somebody. */
static bool find_user(const struct cw_tokens *tokens, struct cw_bytes head,
                      const struct cw_handshake *handshake, char **ret_user)
{
    struct cw_grants *grants = NULL;
    const char *ignored;
    struct cw_bytes token = find_bearer(head);
    if (token.size == 0)
        token = cw_bytes_text(handshake->token);
    if (tokens == NULL || token.size == 0)
        return !cw_tokens_are_required(tokens);
    if (cw_tokens_verify(tokens, token, &grants, &ignored) != CW_OK)
        return false;
    *ret_user = grants->user;
    grants->user = NULL;
    cw_grants_destroy(grants);
    return true;
}

/* True: a request like the one to be made names a session that may be there. */
static bool find_session(const struct cw_ws_server *server, struct cw_bytes head,
                         struct cw_resume *ret_resume, char **ret_user)
{
    struct cw_handshake handshake = {0};
    struct cw_handshake_error ignored;
    struct cw_bytes query = find_query(head, server->path);
    if (query.size == 0 || memmem(query.data, query.size, "session=", 8) == NULL)
        return false;
    if (cw_handshake_parse(query, cw_bytes_make(NULL, 0), server->node->limits.max_groups,
                           &handshake, &ignored) != CW_OK)
        return false; /* it will be refused */
    bool is_found =
        handshake.session != NULL &&
        cw_session_parse(cw_bytes_text(handshake.session), ret_resume->uuid, ret_resume->digest) &&
        find_user(server->node->tokens, head, &handshake, ret_user);
    cw_handshake_finish(&handshake);
    return is_found;
}

/* --- waiting -----------------------------------------------------------------------------------
 */

static void free_wait(struct cw_session_wait *wait)
{
    free(wait->user);
    free(wait);
}

static void end_wait(struct cw_session_wait *wait, enum cw_session_answer answer)
{
    bool is_late = cw_clock_ms() >= wait->until_ms && !wait->is_whole;
    wait->answer = answer;
    cw_list_remove(&wait->in_waits);
    lws_set_timeout(wait->wsi, PENDING_TIMEOUT_USER_REASON_BASE, is_late ? 1 : HEAD_S);
    cw_loop_hold(wait->server->loop, wait->fd, false);
    if (wait->request->is_tls) /* the head has been taken out of the socket to be looked at */
        cw_loop_read_soon(wait->server->loop, wait->fd);
}

static void on_found(void *arg, int rc, const struct cw_session *session)
{
    struct cw_session_wait *wait = arg;
    wait->is_asked = false;
    if (wait->request == NULL) {
        free_wait(wait);
        return;
    }
    if (!cw_list_is_linked(&wait->in_waits))
        return; /* too late */
    if (rc == CW_OK)
        wait->resume.was = *session;
    if (rc == CW_OK || rc == CW_ERR_NOT_FOUND)
        end_wait(wait, rc == CW_OK ? CW_SESSION_FOUND : CW_SESSION_NONE);
}

static void ask(struct cw_session_wait *wait)
{
    CW_STAT(session_lookups_total)++;
    wait->is_asked =
        cw_cluster_find_session(wait->server->node->cluster, cw_bytes_text(wait->resume.uuid),
                                wait->resume.digest, wait->user, on_found, wait) == CW_OK;
}

/* A head that comes in pieces is looked at until it is whole. */
static void look_again(struct cw_session_wait *wait)
{
    char bytes[CW_HEAD_MAX + 1];
    struct cw_head_error error;
    ssize_t size = cw_socket_peek(wait->wsi, bytes, sizeof(bytes));
    struct cw_bytes head = cw_bytes_make(bytes, size > 0 ? (size_t)size : 0);
    if (size <= 0 || cw_head_check(head, &error) < 0) {
        end_wait(wait, CW_SESSION_UNASKED);
        return;
    }
    if (!cw_head_is_whole(head))
        return;
    wait->is_whole = find_session(wait->server, head, &wait->resume, &wait->user);
    if (!wait->is_whole)
        end_wait(wait, CW_SESSION_UNASKED);
}

void cw_session_wait_begin(struct cw_request *request, struct lws *wsi, int fd,
                           struct cw_bytes bytes)
{
    struct cw_ws_server *server = request->server;
    struct cw_bytes query = find_query(bytes, server->path);
    if (request->is_admin || server->node->limits.session_ttl_s == 0 || query.size == 0 ||
        memmem(query.data, query.size, "session=", 8) == NULL)
        return;
    /* With TLS no more than this can be looked at before it is read. */
    if (request->is_tls && !cw_head_is_whole(bytes))
        return; /* told to come again */
    struct cw_session_wait *wait = calloc(1, sizeof(*wait));
    if (wait == NULL)
        return; /* the same */
    wait->is_whole = cw_head_is_whole(bytes);
    if (wait->is_whole && !find_session(server, bytes, &wait->resume, &wait->user)) {
        free_wait(wait);
        return;
    }
    wait->server = server;
    wait->request = request;
    wait->wsi = wsi;
    wait->fd = fd;
    wait->until_ms = cw_clock_ms() + WAIT_MS;
    request->wait = wait;
    cw_list_push_back(&server->waits, &wait->in_waits);
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, HELD_S);
    cw_loop_hold(server->loop, fd, true);
    if (wait->is_whole)
        ask(wait);
}

void cw_session_waits_tick(struct cw_ws_server *server)
{
    int64_t now_ms = cw_clock_ms();
    struct cw_list_node *node = cw_list_first(&server->waits);
    while (node != NULL) {
        struct cw_session_wait *wait = CW_CONTAINER(node, struct cw_session_wait, in_waits);
        node = cw_list_next(&server->waits, node);
        if (now_ms >= wait->until_ms)
            end_wait(wait, wait->is_whole ? CW_SESSION_LATE : CW_SESSION_UNASKED);
        else if (!wait->is_whole)
            look_again(wait);
        else if (!wait->is_asked)
            ask(wait);
    }
}

bool cw_session_wait_is_over(const struct cw_session_wait *wait)
{
    return !cw_list_is_linked(&wait->in_waits);
}

static bool is_of(const struct cw_session_wait *wait, const char *user)
{
    return wait->user == NULL || user == NULL ? wait->user == user : strcmp(wait->user, user) == 0;
}

enum cw_session_answer cw_session_wait_answer(const struct cw_session_wait *wait,
                                              struct cw_bytes token, const char *user,
                                              const struct cw_resume **ret_resume)
{
    struct cw_resume asked;
    if (!cw_session_parse(token, asked.uuid, asked.digest))
        return CW_SESSION_NONE;
    if (wait == NULL || !is_of(wait, user) || strcmp(asked.uuid, wait->resume.uuid) != 0 ||
        memcmp(asked.digest, wait->resume.digest, sizeof(asked.digest)) != 0)
        return CW_SESSION_UNASKED;
    *ret_resume = &wait->resume;
    return cw_session_wait_is_over(wait) ? wait->answer : CW_SESSION_UNASKED;
}

void cw_session_wait_destroy(struct cw_session_wait *wait)
{
    if (wait == NULL)
        return;
    cw_list_remove(&wait->in_waits);
    wait->request = NULL;
    if (!wait->is_asked)
        free_wait(wait);
}
