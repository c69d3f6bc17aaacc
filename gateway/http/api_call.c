/* api_call.c - parameters and answers. */
#include "http/api_call.h"

#include "base/hex.h"
#include "http/json_text.h"

#include <stdlib.h>
#include <string.h>

/* Decodes `text`; 0: a NUL, a broken escape, or no room. */
static size_t decode(struct cw_bytes text, char *ret_value, size_t size)
{
    size_t written = 0;
    for (size_t i = 0; i < text.size; i++) {
        int byte = (unsigned char)text.data[i];
        if (byte == '%') {
            int high = i + 2 < text.size ? cw_hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? cw_hex_digit(text.data[i + 2]) : -1;
            byte = high < 0 || low < 0 ? 0 : high * 16 + low;
            i += 2;
        }
        if (byte == 0 || written + 1 >= size)
            return 0;
        ret_value[written++] = (char)(unsigned char)byte;
    }
    return written;
}

size_t cw_api_parameter(struct cw_bytes query, const char *name, char *ret_value, size_t size)
{
    size_t name_size = strlen(name);
    size_t written = 0;
    while (query.size > 0) {
        const char *end = memchr(query.data, '&', query.size);
        size_t part_size = end == NULL ? query.size : (size_t)(end - query.data);
        struct cw_bytes part = cw_bytes_make(query.data, part_size);
        size_t taken = end == NULL ? part_size : part_size + 1;
        query = cw_bytes_make(query.data + taken, query.size - taken);
        if (part.size <= name_size || memcmp(part.data, name, name_size) != 0 ||
            part.data[name_size] != '=')
            continue;
        struct cw_bytes value = cw_bytes_make(part.data + name_size + 1, part.size - name_size - 1);
        written = decode(value, ret_value, size);
        break;
    }
    ret_value[written] = '\0';
    return written;
}

struct cw_writer *cw_api_body(struct cw_http_response *response)
{
    response->status = 200;
    response->content_type = "application/json";
    response->headers = NULL;
    return &response->body;
}

void cw_api_field(struct cw_writer *body, const char *name, struct cw_bytes text)
{
    cw_writer_printf(body, "\"%s\":", name);
    cw_json_write_string(body, text);
}

void cw_api_refuse(struct cw_http_response *response, int error)
{
    int status = 500;
    if (error == CW_ERR_INVALID || error == CW_ERR_PAYLOAD || error == CW_ERR_TOO_LARGE)
        status = 400;
    else if (error == CW_ERR_FORBIDDEN)
        status = 403;
    else if (error == CW_ERR_NOT_FOUND)
        status = 404;
    else if (cw_error_is_temporary(error))
        status = 503;
    cw_http_refuse(response, status, cw_error_code(error), cw_error_text(error), NULL);
}

void cw_api_end(struct cw_api_call *call, int rc)
{
    if (rc != CW_OK || call->response.body.has_failed) {
        cw_writer_reset(&call->response.body);
        cw_api_refuse(&call->response, rc != CW_OK ? rc : CW_ERR_NOMEM);
    }
    if (call->fn != NULL)
        call->fn(call->arg, &call->response);
    cw_writer_finish(&call->response.body);
    free(call);
}
