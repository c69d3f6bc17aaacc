/*
 * http.h - what this node answers to plain HTTP (CONTRACT: HTTP). Knows no sockets.
 */
#ifndef CW_HTTP_HTTP_H
#define CW_HTTP_HTTP_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include "base/writer.h"

#include <stdbool.h>

struct cw_node;

enum cw_http_method { CW_HTTP_GET, CW_HTTP_HEAD, CW_HTTP_POST, CW_HTTP_OTHER };

struct cw_http_request {
    enum cw_http_method method;
    struct cw_bytes path;  /* decoded, without the query */
    struct cw_bytes query; /* encoded; of /api alone */
    bool is_admin;         /* came in by the admin listener */
    const char *forbidden; /* why it may change nothing; NULL: it may. Of /api alone */
    bool wants_token;      /* `forbidden`: with the admin's token it may */
};

/** `body` is the caller's, initialised and empty; it is sent to HEAD only as its length. */
struct cw_http_response {
    int status;
    const char *content_type; /* static */
    const char *headers;      /* static: more header lines, each with its CRLF; NULL: none */
    bool is_tls;              /* the client is told to come by TLS only */
    struct cw_writer body;
};

/** Answers one request: 200, 404, 405, 503; 500 if there is no memory for the body. */
void cw_http_respond(const struct cw_node *node, const struct cw_http_request *request,
                     struct cw_http_response *response);

/** The answer {"code","message"}, `response` being empty. `headers`: as above. */
void cw_http_refuse(struct cw_http_response *response, int status, const char *code,
                    const char *message, const char *headers);

/** "Bad Request" and the like; static. */
const char *cw_http_status_text(int status);

#define CW_HTTP_HEAD_MAX 1024

/**
 * Status line and headers of `response`, NUL-terminated; returns their length. `is_last`: with
 * "Connection: close".
 */
int cw_http_write_head(const struct cw_http_response *response, bool is_last,
                       char ret_head[CW_HTTP_HEAD_MAX]);

#endif
