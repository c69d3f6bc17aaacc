/* http.c - the table of paths, and the bytes of an answer's head. */
#include "http/http.h"

#include "http/health.h"
#include "http/metrics.h"
#include "http/pages.h"
#include "protocol/handshake.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define JSON "application/json"
/* The Prometheus text format. */
#define EXPOSITION "text/plain; version=0.0.4; charset=utf-8"

/* RFC 6797: for a year, browsers come to this host by TLS only. */
#define HSTS "Strict-Transport-Security: max-age=31536000\r\n"

/* One row per path. */
static const struct {
    const char *path;
    bool is_admin_only;
    const char *content_type;
    int (*write)(const struct cw_node *node, struct cw_writer *body); /* returns the status */
} routes[] = {
    {"/healthz", false, JSON, cw_health_write},
    {"/readyz", false, JSON, cw_readiness_write},
    {"/metrics", true, EXPOSITION, cw_metrics_write},
};

static bool is_read(const struct cw_http_request *request)
{
    return request->method == CW_HTTP_GET || request->method == CW_HTTP_HEAD;
}

static void refuse_method(struct cw_http_response *response)
{
    cw_http_refuse(response, 405, "bad_request", "only GET and HEAD", "Allow: GET, HEAD\r\n");
}

static void respond_page(const struct cw_page *page, const struct cw_http_request *request,
                         struct cw_http_response *response)
{
    if (!is_read(request)) {
        refuse_method(response);
        return;
    }
    response->status = 200;
    response->content_type = page->content_type;
    response->headers = cw_page_headers;
    cw_writer_bytes(&response->body, page->content);
    if (response->body.has_failed) {
        cw_writer_reset(&response->body);
        response->status = 500;
    }
}

void cw_http_respond(const struct cw_node *node, const struct cw_http_request *request,
                     struct cw_http_response *response)
{
    struct cw_page page;
    if (request->is_admin && cw_page_find(request->path, &page)) {
        respond_page(&page, request, response);
        return;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!cw_bytes_is(request->path, routes[i].path) ||
            (routes[i].is_admin_only && !request->is_admin))
            continue;
        if (!is_read(request)) {
            refuse_method(response);
            return;
        }
        response->content_type = routes[i].content_type;
        response->headers = NULL;
        response->status = routes[i].write(node, &response->body);
        if (response->body.has_failed) {
            cw_writer_reset(&response->body);
            response->status = 500;
        }
        return;
    }
    cw_http_refuse(response, 404, "not_found", "no such path", NULL);
}

void cw_http_refuse(struct cw_http_response *response, int status, const char *code,
                    const char *message, const char *headers)
{
    struct cw_handshake_error error = {.status = status, .code = code};
    (void)snprintf(error.message, sizeof(error.message), "%s", message);
    char body[512];
    size_t size = cw_handshake_error_body(&error, body, sizeof(body));
    response->status = status;
    response->content_type = JSON;
    response->headers = headers;
    cw_writer_bytes(&response->body, cw_bytes_make(body, size));
    if (response->body.has_failed)
        cw_writer_reset(&response->body);
}

const char *cw_http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {426, "Upgrade Required"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Error";
}

int cw_http_write_head(const struct cw_http_response *response, bool is_last,
                       char ret_head[CW_HTTP_HEAD_MAX])
{
    return snprintf(ret_head, CW_HTTP_HEAD_MAX,
                    "HTTP/1.1 %d %s\r\n"
                    "Content-Type: %s\r\n"
                    "Content-Length: %zu\r\n"
                    "Cache-Control: no-store\r\n"
                    "%s%s%s\r\n",
                    response->status, cw_http_status_text(response->status), response->content_type,
                    response->body.size, response->headers != NULL ? response->headers : "",
                    response->is_tls ? HSTS : "", is_last ? "Connection: close\r\n" : "");
}
