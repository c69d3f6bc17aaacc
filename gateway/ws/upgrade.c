/*
 * upgrade.c - checks of an upgrade request, in the order of the table at the end.
 *
 * The library checks some of this too, but answers nothing: it drops the socket.
 */
#include "ws/upgrade.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/writer.h"
#include "channel/channel.h"
#include "channel/node.h"
#include "middleware/token.h"
#include "protocol/extensions.h"
#include "protocol/forwarded.h"
#include "protocol/origin.h"
#include "ws/facts.h"
#include "ws/query.h"
#include "ws/state.h"

#include <libwebsockets.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The library copies two headers into this, and words of them into that (lws_process_ws_upgrade).
 */
#define LIST_HEADER_SIZE 127
#define WORD_SIZE        64
/* And it gives up on a list of extensions that is longer (lws_extension_server_handshake). */
#define EXTENSIONS_MAX 254
/* RFC 6455 section 4.1: 16 bytes in base64. */
#define KEY_SIZE 24
/* When those who are turned away come back: spread, so that they do not come together. */
#define FULL_RETRY_MIN_MS 1000
#define FULL_RETRY_MAX_MS 5000

/* What the checks look at. */
struct upgrade {
    struct cw_request *request;
    struct lws *wsi;
    struct cw_handshake *handshake;
    struct cw_head_error *error;
};

static int fail(struct upgrade *upgrade, int status, const char *message, const char *headers)
{
    struct cw_handshake_error *error = &upgrade->error->error;
    error->status = status;
    error->code = status == 403 ? "forbidden" : status == 404 ? "not_found" : "bad_request";
    (void)snprintf(error->message, sizeof(error->message), "%s", message);
    upgrade->error->headers = headers;
    return CW_ERR_INVALID;
}

/* A header's value, NUL-terminated; its length; < 0: does not fit. */
static int copy_header(struct upgrade *upgrade, enum lws_token_indexes token, char *text, int size)
{
    return lws_hdr_copy(upgrade->wsi, text, size, token);
}

/* How the library reads a list: whatever this can't read makes it drop the socket. */
static void begin_list(struct lws_tokenize *tokenizer, const char *list)
{
    lws_tokenize_init(tokenizer, list,
                      LWS_TOKENIZE_F_COMMA_SEP_LIST | LWS_TOKENIZE_F_DOT_NONTERM |
                          LWS_TOKENIZE_F_RFC7230_DELIMS | LWS_TOKENIZE_F_MINUS_NONTERM);
    tokenizer->len = strlen(list);
}

/* The next word of it; NULL: the end, or something else than a word. */
static const char *next_word(struct lws_tokenize *tokenizer, size_t *ret_size)
{
    lws_tokenize_elem element;
    do
        element = lws_tokenize(tokenizer);
    while (element == LWS_TOKZE_DELIMITER);
    if (element != LWS_TOKZE_TOKEN)
        return NULL;
    *ret_size = tokenizer->token_len;
    return tokenizer->token;
}

static bool list_has_upgrade(const char *list)
{
    if (strcasecmp(list, "upgrade") == 0)
        return true;
    struct lws_tokenize tokenizer;
    begin_list(&tokenizer, list);
    const char *word;
    size_t size;
    while ((word = next_word(&tokenizer, &size)) != NULL)
        if (size == 7 && strncasecmp(word, "upgrade", 7) == 0)
            return true;
    return false;
}

/* Whether the library finds `name` in the list too, before anything that stops it. */
static bool list_leads_to(const char *list, const char *name)
{
    if (strcmp(list, name) == 0)
        return true;
    struct lws_tokenize tokenizer;
    begin_list(&tokenizer, list);
    const char *word;
    size_t size;
    while ((word = next_word(&tokenizer, &size)) != NULL && size < WORD_SIZE)
        if (cw_bytes_is(cw_bytes_make(word, size), name))
            return true;
    return false;
}

/* --- the checks ------------------------------------------------------------------------------ */

static int check_head_size(struct upgrade *upgrade)
{
    if (!cw_request_is_head_too_big(upgrade->request, upgrade->wsi))
        return CW_OK;
    upgrade->error->error = cw_head_too_big;
    return CW_ERR_INVALID;
}

static int check_request_line(struct upgrade *upgrade)
{
    char *path = NULL;
    int path_size = 0;
    int method = lws_http_get_uri_and_method(upgrade->wsi, &path, &path_size);
    struct cw_bytes asked = cw_bytes_make(path, method < 0 ? 0 : (size_t)path_size);
    if (upgrade->request->is_admin || !cw_bytes_is(asked, upgrade->request->server->path))
        return fail(upgrade, 404, "no such path", NULL);
    if (method != LWSHUMETH_GET)
        return fail(upgrade, 405, "only GET", CW_HEAD_ALLOW_GET);

    char version[16];
    if (copy_header(upgrade, WSI_TOKEN_HTTP, version, sizeof(version)) < 0 ||
        strncmp(version, "HTTP/1.", 7) != 0)
        return fail(upgrade, 505, "only HTTP/1.1", NULL);
    if (strcmp(version, "HTTP/1.1") != 0)
        return fail(upgrade, 400, "a WebSocket needs HTTP/1.1", NULL);
    return CW_OK;
}

static int check_version(struct upgrade *upgrade)
{
    char version[16];
    if (copy_header(upgrade, WSI_TOKEN_VERSION, version, sizeof(version)) < 0 ||
        strcmp(version, "13") != 0)
        return fail(upgrade, 426, "Sec-WebSocket-Version must be 13", CW_HEAD_UPGRADE);
    return CW_OK;
}

static int check_headers(struct upgrade *upgrade)
{
    char value[LIST_HEADER_SIZE];
    if (lws_hdr_total_length(upgrade->wsi, WSI_TOKEN_HOST) == 0)
        return fail(upgrade, 400, "no Host", NULL);
    if (copy_header(upgrade, WSI_TOKEN_CONNECTION, value, sizeof(value)) < 0 ||
        !list_has_upgrade(value))
        return fail(upgrade, 400, "Connection must be Upgrade", NULL);
    if (lws_hdr_total_length(upgrade->wsi, WSI_TOKEN_EXTENSIONS) > EXTENSIONS_MAX)
        return fail(upgrade, 400, "Sec-WebSocket-Extensions is over 254 bytes", NULL);

    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (copy_header(upgrade, WSI_TOKEN_KEY, value, sizeof(value)) != KEY_SIZE ||
        strspn(value, base64) != KEY_SIZE - 2 || strcmp(value + KEY_SIZE - 2, "==") != 0)
        return fail(upgrade, 400, "Sec-WebSocket-Key must be 16 bytes in base64", NULL);
    return CW_OK;
}

static int check_origin(struct upgrade *upgrade)
{
    const char *globs = upgrade->request->server->allow_origin;
    int size = lws_hdr_total_length(upgrade->wsi, WSI_TOKEN_ORIGIN);
    if (size == 0 || strcmp(globs, "*") == 0)
        return CW_OK;
    char origin[CW_ORIGIN_MAX + 1];
    bool is_single = lws_hdr_fragment_length(upgrade->wsi, WSI_TOKEN_ORIGIN, 1) <= 0;
    if (is_single && copy_header(upgrade, WSI_TOKEN_ORIGIN, origin, sizeof(origin)) > 0 &&
        cw_origin_is_allowed(globs, cw_bytes_text(origin)))
        return CW_OK;
    CW_STAT(handshakes_origin_refused_total) += 1;
    return fail(upgrade, 403, "this Origin is not allowed", NULL);
}

static int parse_wishes(struct upgrade *upgrade)
{
    char protocols[LIST_HEADER_SIZE];
    if (copy_header(upgrade, WSI_TOKEN_PROTOCOL, protocols, sizeof(protocols)) < 0)
        return fail(upgrade, 400, "Sec-WebSocket-Protocol is over 126 bytes", NULL);

    struct cw_writer query;
    cw_writer_init(&query);
    cw_query_write(upgrade->wsi, &query);
    int rc = CW_ERR_NOMEM;
    upgrade->error->error = (struct cw_handshake_error){500, "internal", "out of memory"};
    size_t max_groups = upgrade->request->server->node->limits.max_groups;
    if (!query.has_failed)
        rc = cw_handshake_parse(cw_writer_view(&query), cw_bytes_text(protocols), max_groups,
                                upgrade->handshake, &upgrade->error->error);
    cw_writer_finish(&query);
    if (rc < 0)
        return rc;
    const char *chosen = cw_handshake_subprotocol(upgrade->handshake->kind);
    if (chosen == NULL || list_leads_to(protocols, chosen))
        return CW_OK;
    cw_handshake_finish(upgrade->handshake);
    return fail(upgrade, 400, "Sec-WebSocket-Protocol can't be read", NULL);
}

/* A list that is too long for this the library would not read either (check_headers). */
static int choose_extensions(struct upgrade *upgrade)
{
    char offers[EXTENSIONS_MAX + 1];
    if (upgrade->request->server->node->deflate != NULL &&
        copy_header(upgrade, WSI_TOKEN_EXTENSIONS, offers, sizeof(offers)) > 0)
        upgrade->request->deflate = cw_extensions_answer(cw_bytes_text(offers));
    return CW_OK;
}

int cw_upgrade_check(struct cw_request *request, struct lws *wsi,
                     struct cw_handshake *ret_handshake, struct cw_head_error *ret_error)
{
    static int (*const checks[])(struct upgrade * upgrade) = {
        check_head_size, check_request_line, check_version, check_headers,
        check_origin,    choose_extensions,  parse_wishes,
    };
    struct upgrade upgrade = {
        .request = request, .wsi = wsi, .handshake = ret_handshake, .error = ret_error};
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        int rc = checks[i](&upgrade);
        if (rc < 0)
            return rc;
    }
    return CW_OK;
}

/* --- the channel ----------------------------------------------------------------------------- */

struct cw_refusal cw_upgrade_refuse(int code, const char *reason)
{
    int64_t spread_ms = cw_random_below(FULL_RETRY_MAX_MS - FULL_RETRY_MIN_MS);
    return (struct cw_refusal){code, reason, FULL_RETRY_MIN_MS + spread_ms};
}

struct cw_refusal cw_upgrade_admit(const struct cw_ws_server *server)
{
    const struct cw_node *node = server->node;
    struct cw_refusal refusal = {.code = 0};
    if (server->is_stopping || node->is_draining)
        refusal = (struct cw_refusal){1001, "the node is going away", 0};
    else if (node->count >= node->limits.max_connections)
        refusal = (struct cw_refusal){1013, "the node is full", 0};
    else if (node->memory.is_low)
        refusal = (struct cw_refusal){1013, "the node is low on memory", 0};
    return refusal.code == 0 ? refusal : cw_upgrade_refuse(refusal.code, refusal.reason);
}

/* The token of "Authorization: Bearer <token>", owned by the caller; NULL: none. */
static int copy_bearer(struct lws *wsi, char **ret_token)
{
    int size = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_AUTHORIZATION);
    if (size == 0)
        return CW_OK;
    char *value = malloc((size_t)size + 1);
    if (value == NULL)
        return CW_ERR_NOMEM;
    const char *token = NULL;
    if (lws_hdr_copy(wsi, value, size + 1, WSI_TOKEN_HTTP_AUTHORIZATION) >= 7 &&
        strncasecmp(value, "Bearer ", 7) == 0)
        token = value + 7 + strspn(value + 7, " ");
    if (token == NULL || *token == '\0') {
        free(value);
        return CW_OK;
    }
    memmove(value, token, strlen(token) + 1);
    *ret_token = value;
    return CW_OK;
}

int cw_upgrade_find_token(struct lws *wsi, const struct cw_handshake *handshake, char **ret_token)
{
    *ret_token = NULL;
    int rc = copy_bearer(wsi, ret_token);
    if (rc != CW_OK || *ret_token != NULL || handshake->token == NULL)
        return rc;
    *ret_token = strdup(handshake->token);
    return *ret_token == NULL ? CW_ERR_NOMEM : CW_OK;
}

struct cw_refusal cw_upgrade_authenticate(const struct cw_ws_server *server,
                                          const struct cw_handshake *handshake, const char *token,
                                          struct cw_grants **ret_grants)
{
    const struct cw_tokens *tokens = server->node->tokens;
    const struct cw_refusal good = {.code = 0};
    const char *reason = NULL;
    *ret_grants = NULL;
    if (tokens == NULL)
        return good;
    if (token == NULL) {
        if (handshake->kind != CW_KIND_RAW || !cw_tokens_are_required(tokens))
            return good;
        return (struct cw_refusal){4001, "a token is required", -1};
    }
    int rc = cw_tokens_verify(tokens, cw_bytes_text(token), ret_grants, &reason);
    if (rc == CW_OK)
        return good;
    if (rc == CW_ERR_NOMEM)
        return cw_upgrade_refuse(1011, reason);
    cw_log_debug(cw_log_node(), "a token is refused: %s", reason);
    return (struct cw_refusal){4001, reason, -1};
}

/* Who the client is: the other end of the socket, or whom trusted proxies name. CW_ERR_NOMEM. */
static int write_client(const struct cw_request *request, struct lws *wsi,
                        char ret_text[CW_ADDRESS_TEXT_SIZE])
{
    const struct cw_networks *trusted = &request->server->trusted;
    struct cw_address client = request->peer;
    int size = lws_hdr_total_length(wsi, WSI_TOKEN_X_FORWARDED_FOR);
    if (size > 0 && cw_networks_have(trusted, &client)) {
        /* The library joins several lines by commas. */
        char *values = malloc((size_t)size + 1);
        if (values == NULL)
            return CW_ERR_NOMEM;
        bool is_whole = true;
        if (lws_hdr_copy(wsi, values, size + 1, WSI_TOKEN_X_FORWARDED_FOR) > 0)
            client = cw_forwarded_client(trusted, &client, cw_bytes_text(values), &is_whole);
        free(values);
        CW_STAT(proxy_clients_total) += 1;
        if (!is_whole)
            CW_STAT(proxy_hops_unread_total) += 1;
    }
    (void)cw_address_write(&client, ret_text);
    return CW_OK;
}

int cw_upgrade_create_channel(struct cw_request *request, struct lws *wsi,
                              const struct cw_handshake *handshake,
                              struct cw_upgrade_client *client)
{
    char address[CW_ADDRESS_TEXT_SIZE];
    int rc = write_client(request, wsi, address);
    if (rc == CW_OK)
        rc = cw_channel_create(request->server->node, handshake, client->resume, client->grants,
                               address, NULL, &request->channel);
    if (rc != CW_OK)
        return rc;
    client->grants = NULL;
    if (request->server->node->wants_facts)
        rc = cw_facts_read(request->channel, wsi, client->token);
    return rc;
}
