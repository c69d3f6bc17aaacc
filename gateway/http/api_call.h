/*
 * api_call.h - one call of /api, for the files that answer them.
 */
#ifndef CW_HTTP_API_CALL_H
#define CW_HTTP_API_CALL_H

#include <chanway/bytes.h>

#include "base/writer.h"
#include "http/api.h"
#include "http/http.h"

#include <stddef.h>

struct cw_api_call {
    cw_api_fn fn; /* NULL: nobody waits any more */
    void *arg;
    const struct cw_node *node;
    struct cw_http_response response;
};

/* Values of parameters, with their NUL. */
#define CW_API_PARAMETER_MAX 256

/** The decoded value of `name`, with a NUL behind it, and its length: 0 if it is not there, does
 * not fit, or has a NUL or a broken escape. */
size_t cw_api_parameter(struct cw_bytes query, const char *name, char *ret_value, size_t size);

/** The body of a 200. */
struct cw_writer *cw_api_body(struct cw_http_response *response);
/** `"name":"text"` */
void cw_api_field(struct cw_writer *body, const char *name, struct cw_bytes text);
/** The answer to an error. */
void cw_api_refuse(struct cw_http_response *response, int error);
/** Answers by what was written, or by the error `rc`; the call is gone then. */
void cw_api_end(struct cw_api_call *call, int rc);

/* The calls: CW_OK, and cw_api_end() comes; or an error, and it does not. */
int cw_api_nodes(struct cw_api_call *call, struct cw_bytes query);
int cw_api_group(struct cw_api_call *call, struct cw_bytes query);
int cw_api_members(struct cw_api_call *call, struct cw_bytes query);
int cw_api_channels(struct cw_api_call *call, struct cw_bytes query);
int cw_api_channel(struct cw_api_call *call, struct cw_bytes query);
int cw_api_publish(struct cw_api_call *call, struct cw_bytes query);
int cw_api_send(struct cw_api_call *call, struct cw_bytes query);
int cw_api_close(struct cw_api_call *call, struct cw_bytes query);
int cw_api_add(struct cw_api_call *call, struct cw_bytes query);
int cw_api_remove(struct cw_api_call *call, struct cw_bytes query);
int cw_api_ban(struct cw_api_call *call, struct cw_bytes query);
int cw_api_unban(struct cw_api_call *call, struct cw_bytes query);

/* At once: groups of this node; bans. */
void cw_api_write_bans(const struct cw_node *node, struct cw_bytes query, struct cw_writer *body);
void cw_api_write_groups(const struct cw_node *node, struct cw_bytes query, struct cw_writer *body);

#endif
