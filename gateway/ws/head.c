/* head.c - request line, then header lines; each check is one function. */
#include "ws/head.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The library keeps about 90 pieces of a head: header lines that it knows, parameters of the query.
 */
#define PIECES_MAX 80

const struct cw_handshake_error cw_head_too_big = {431, "bad_request",
                                                   "the request's head is over 8 KiB"};

static int fail(struct cw_head_error *error, int status, const char *message, const char *headers)
{
    error->error.status = status;
    error->error.code = "bad_request";
    (void)snprintf(error->error.message, sizeof(error->error.message), "%s", message);
    error->headers = headers;
    return CW_ERR_INVALID;
}

/* The length of the head with the empty line that ends it; 0: it is not complete. */
static size_t head_size(struct cw_bytes bytes)
{
    const char *begin = bytes.data, *end = bytes.data + bytes.size, *at = begin;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        ptrdiff_t before = at - begin;
        at++;
        if (before >= 1 && (at[-2] == '\n' || (before >= 2 && at[-2] == '\r' && at[-3] == '\n')))
            return (size_t)(at - begin);
    }
    return 0;
}

bool cw_head_is_whole(struct cw_bytes bytes)
{
    return head_size(bytes) > 0;
}

/* Takes what comes before `byte` out of `text`, and the byte; all of it if there is none. */
static struct cw_bytes take_until(struct cw_bytes *text, char byte)
{
    const char *end = text->size > 0 ? memchr(text->data, byte, text->size) : NULL;
    size_t size = end != NULL ? (size_t)(end - text->data) : text->size;
    struct cw_bytes taken = cw_bytes_make(text->data, size);
    size_t used = end != NULL ? size + 1 : size;
    *text = cw_bytes_make(text->data + used, text->size - used);
    return taken;
}

static int check_method(struct cw_bytes method, struct cw_head_error *error)
{
    static const char *const known[] = {"GET",   "HEAD",   "POST",    "PUT",
                                        "PATCH", "DELETE", "OPTIONS", "CONNECT"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (cw_bytes_is(method, known[i]))
            return CW_OK;
    if (method.size == 0 || method.size > 32)
        return fail(error, 400, "not HTTP", NULL);
    for (size_t i = 0; i < method.size; i++)
        if (!isalpha((unsigned char)method.data[i]) && method.data[i] != '-')
            return fail(error, 400, "not HTTP", NULL);
    return fail(error, 405, "only GET", CW_HEAD_ALLOW_GET);
}

static int check_target(struct cw_bytes target, size_t *ret_parameters, struct cw_head_error *error)
{
    size_t parameters = 0;
    for (size_t i = 0; i < target.size; i++) {
        if (target.data[i] == '&' || target.data[i] == ';')
            parameters++;
        if (target.data[i] == '%' &&
            (i + 2 >= target.size || !isxdigit((unsigned char)target.data[i + 1]) ||
             !isxdigit((unsigned char)target.data[i + 2])))
            return fail(error, 400, "a percent sign without two hexadecimal digits", NULL);
        if (target.data[i] == '%' && target.data[i + 1] == '0' && target.data[i + 2] == '0')
            return fail(error, 400, "a NUL in the path or query", NULL);
        /* The library decodes it, takes it for the end of the line and loses what follows. */
        if (target.data[i] == '%' && target.data[i + 1] == '0' &&
            strchr("AaDd", target.data[i + 2]) != NULL)
            return fail(error, 400, "a line end in the path or query", NULL);
    }
    if (target.size == 0 || target.data[0] != '/')
        return fail(error, 400, "the path must begin with /", NULL);
    if (parameters > PIECES_MAX)
        return fail(error, 400, "too many parameters", NULL);
    *ret_parameters = parameters;
    return CW_OK;
}

static int check_line(struct cw_bytes line, struct cw_head_error *error)
{
    struct cw_bytes value = line;
    struct cw_bytes name = take_until(&value, ':');
    if (name.size != 7 || strncasecmp(name.data, "upgrade", 7) != 0)
        return CW_OK;
    while (value.size > 0 && value.data[0] == ' ')
        value = cw_bytes_make(value.data + 1, value.size - 1);
    bool is_known = (value.size == 9 && strncasecmp(value.data, "websocket", 9) == 0) ||
                    (value.size == 3 && strncasecmp(value.data, "h2c", 3) == 0);
    return is_known ? CW_OK : fail(error, 426, "Upgrade must be websocket", CW_HEAD_UPGRADE);
}

int cw_head_check(struct cw_bytes bytes, struct cw_head_error *ret_error)
{
    size_t size = head_size(bytes);
    if (size > CW_HEAD_MAX || (size == 0 && bytes.size > CW_HEAD_MAX)) {
        ret_error->error = cw_head_too_big;
        ret_error->headers = NULL;
        return CW_ERR_INVALID;
    }
    if (size == 0)
        return CW_OK;
    struct cw_bytes head = cw_bytes_make(bytes.data, size);
    if (memchr(head.data, '\0', head.size) != NULL)
        return fail(ret_error, 400, "a NUL in the head", NULL);

    struct cw_bytes line = take_until(&head, '\n');
    struct cw_bytes method = take_until(&line, ' ');
    int rc = check_method(method, ret_error);
    if (rc < 0)
        return rc;
    size_t pieces = 0;
    if (!cw_bytes_is(method, "CONNECT") && !cw_bytes_is(method, "OPTIONS")) {
        rc = check_target(take_until(&line, ' '), &pieces, ret_error);
        if (rc < 0)
            return rc;
    }
    while (head.size > 0) {
        line = take_until(&head, '\n');
        if (line.size > 0 && line.data[line.size - 1] == '\r')
            line.size--;
        if (++pieces > PIECES_MAX)
            return fail(ret_error, 431, "too many lines in the request's head", NULL);
        rc = check_line(line, ret_error);
        if (rc < 0)
            return rc;
    }
    return CW_OK;
}
