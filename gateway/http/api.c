/* api.c - the table of calls. */
#include "http/api.h"

#include "http/api_call.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "/api/"

struct row {
    const char *path;
    bool is_change; /* POST, and not for everybody */
    int (*begin)(struct cw_api_call *call, struct cw_bytes query);
};

static const struct row rows[] = {
    {PREFIX "nodes", false, cw_api_nodes},     {PREFIX "group", false, cw_api_group},
    {PREFIX "members", false, cw_api_members}, {PREFIX "channels", false, cw_api_channels},
    {PREFIX "channel", false, cw_api_channel}, {PREFIX "publish", true, cw_api_publish},
    {PREFIX "send", true, cw_api_send},        {PREFIX "close", true, cw_api_close},
    {PREFIX "add", true, cw_api_add},          {PREFIX "remove", true, cw_api_remove},
    {PREFIX "ban", true, cw_api_ban},          {PREFIX "unban", true, cw_api_unban},
};

/* What this node knows by itself. */
static const struct list {
    const char *path;
    void (*write)(const struct cw_node *node, struct cw_bytes query, struct cw_writer *body);
} lists[] = {{PREFIX "groups", cw_api_write_groups}, {PREFIX "bans", cw_api_write_bans}};

bool cw_api_has(const struct cw_http_request *request)
{
    return request->is_admin && request->path.size >= strlen(PREFIX) &&
           memcmp(request->path.data, PREFIX, strlen(PREFIX)) == 0;
}

/* Whether the method is wrong, or who asks may not; then it is answered. */
static bool is_refused(const struct cw_http_request *request, bool is_change,
                       struct cw_http_response *response)
{
    static const char only_reads[] = "Allow: GET, HEAD\r\n";
    static const char bearer[] = "WWW-Authenticate: Bearer\r\n";
    bool is_read = request->method == CW_HTTP_GET || request->method == CW_HTTP_HEAD;
    bool is_post = request->method == CW_HTTP_POST;
    if (!is_change && !is_read) {
        cw_http_refuse(response, 405, "bad_request", "only GET and HEAD", only_reads);
    } else if (is_change && !is_post) {
        cw_http_refuse(response, 405, "bad_request", "only POST", "Allow: POST\r\n");
    } else if (is_change && request->forbidden != NULL) {
        bool wants_token = request->wants_token;
        cw_http_refuse(response, wants_token ? 401 : 403,
                       wants_token ? "unauthenticated" : "forbidden", request->forbidden,
                       wants_token ? bearer : NULL);
    } else {
        return false;
    }
    return true;
}

static void write_list(const struct list *list, const struct cw_node *node,
                       const struct cw_http_request *request, struct cw_http_response *response)
{
    list->write(node, request->query, cw_api_body(response));
    if (!response->body.has_failed)
        return;
    cw_writer_reset(&response->body);
    cw_api_refuse(response, CW_ERR_NOMEM);
}

static bool begin(const struct row *row, const struct cw_node *node,
                  const struct cw_http_request *request, cw_api_fn fn, void *arg,
                  struct cw_http_response *response, struct cw_api_call **ret_call)
{
    struct cw_api_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        cw_api_refuse(response, CW_ERR_NOMEM);
        return false;
    }
    call->fn = fn;
    call->arg = arg;
    call->node = node;
    cw_writer_init(&call->response.body);
    int rc = row->begin(call, request->query);
    if (rc != CW_OK) {
        free(call);
        cw_api_refuse(response, rc);
        return false;
    }
    *ret_call = call;
    return true;
}

bool cw_api_begin(const struct cw_node *node, const struct cw_http_request *request, cw_api_fn fn,
                  void *arg, struct cw_http_response *response, struct cw_api_call **ret_call)
{
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (!cw_bytes_is(request->path, lists[i].path))
            continue;
        if (!is_refused(request, false, response))
            write_list(&lists[i], node, request, response);
        return false;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!cw_bytes_is(request->path, rows[i].path))
            continue;
        return !is_refused(request, rows[i].is_change, response) &&
               begin(&rows[i], node, request, fn, arg, response, ret_call);
    }
    cw_http_refuse(response, 404, "not_found", "no such path", NULL);
    return false;
}

void cw_api_cancel(struct cw_api_call *call)
{
    if (call != NULL)
        call->fn = NULL;
}
