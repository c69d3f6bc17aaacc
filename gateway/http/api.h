/*
 * api.h - /api of the admin port: what the dashboard asks for (README: the dashboard).
 *
 *   /api/nodes                      the live nodes, and what each says of itself
 *   /api/groups?match=TEXT          the largest groups with members on this node
 *   /api/group?name=GROUP           members on all nodes, and its history
 *   /api/members?group=GROUP&cursor=C
 *   /api/channels?cursor=C          all channels of the cluster
 *   /api/channel?id=UUID
 *   /api/bans
 *
 * and, by POST, for those who may:
 *
 *   /api/publish?group=GROUP&json=JSON         or text=TEXT
 *   /api/send?channel=UUID&json=JSON
 *   /api/close?channel=UUID&code=CODE&reason=TEXT
 *   /api/add?channel=UUID&group=GROUP, /api/remove
 *   /api/ban?who=WHO&seconds=N&reason=TEXT, /api/unban?who=WHO
 *
 * Most of it is known to Redis alone, so answers come later.
 */
#ifndef CW_HTTP_API_H
#define CW_HTTP_API_H

#include "http/http.h"

#include <stdbool.h>

struct cw_api_call;
struct cw_node;

/** `response` is the callee's; not from inside cw_api_begin(). */
typedef void (*cw_api_fn)(void *arg, struct cw_http_response *response);

/** Whether the path is of /api, and came in by the admin listener. */
bool cw_api_has(const struct cw_http_request *request);

/**
 * Begins to answer. True: `fn` comes once, unless the call is cancelled before. False: `response`,
 * which is empty, is the answer.
 */
bool cw_api_begin(const struct cw_node *node, const struct cw_http_request *request, cw_api_fn fn,
                  void *arg, struct cw_http_response *response, struct cw_api_call **ret_call);
/** `fn` won't come. NULL is fine. */
void cw_api_cancel(struct cw_api_call *call);

#endif
