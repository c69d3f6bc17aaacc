/*
 * facts.h - an upgrade request as the application sees it: query, token, headers.
 */
#ifndef CW_WS_FACTS_H
#define CW_WS_FACTS_H

#include <chanway/error.h>

struct cw_channel;
struct lws;

/** Reads them from the head that `wsi` holds; `token`: of the handshake, NULL: none. CW_ERR_NOMEM.
 */
CW_MUST_CHECK int cw_facts_read(struct cw_channel *channel, struct lws *wsi, const char *token);

#endif
