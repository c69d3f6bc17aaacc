/*
 * upgrade.h - whether a request for an upgrade is a good one (RFC 6455 section 4.2, PROTOCOL:
 * connecting).
 */
#ifndef CW_WS_UPGRADE_H
#define CW_WS_UPGRADE_H

#include <chanway/error.h>

#include "protocol/handshake.h"
#include "ws/head.h"
#include "ws/request.h"

struct cw_grants;
struct cw_resume;
struct cw_ws_server;
struct lws;

/**
 * Checks the head that `wsi` holds, also for what makes the library drop the socket without an
 * answer, and reads what the client asks for. CW_ERR_INVALID, CW_ERR_NOMEM: `ret_error` says what
 * to answer.
 */
CW_MUST_CHECK int cw_upgrade_check(struct cw_request *request, struct lws *wsi,
                                   struct cw_handshake *ret_handshake,
                                   struct cw_head_error *ret_error);

/** Whether there is room for one more client, and time. */
struct cw_refusal cw_upgrade_admit(const struct cw_ws_server *server);
/** A refusal for now: come back, spread so that not all come together. `reason` is static. */
struct cw_refusal cw_upgrade_refuse(int code, const char *reason);

/** The token of the request, owned by the caller: a bearer token in the head goes before the one of
 * the URL. NULL: there is none. CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_upgrade_find_token(struct lws *wsi, const struct cw_handshake *handshake,
                                        char **ret_token);
/**
 * Checks `token` (NULL: none) where the node looks at tokens: `*ret_grants`, the caller's, is what
 * it says, NULL: there is none, and it may be shown later. A `code` of 4001: the client is not let
 * in.
 */
struct cw_refusal cw_upgrade_authenticate(const struct cw_ws_server *server,
                                          const struct cw_handshake *handshake, const char *token,
                                          struct cw_grants **ret_grants);

/** Who asks. */
struct cw_upgrade_client {
    const char *token;              /* NULL: none */
    struct cw_grants *grants;       /* NULL: none; taken over, NULL then */
    const struct cw_resume *resume; /* NULL: a new channel */
};
/** Gives `request` its channel. */
CW_MUST_CHECK int cw_upgrade_create_channel(struct cw_request *request, struct lws *wsi,
                                            const struct cw_handshake *handshake,
                                            struct cw_upgrade_client *client);

#endif
