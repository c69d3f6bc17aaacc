/*
 * admin.h - who may change something by the admin port (CONTRACT: admin-token).
 */
#ifndef CW_WS_ADMIN_H
#define CW_WS_ADMIN_H

struct cw_http_request;
struct cw_request;
struct lws;

/**
 * Fills in `forbidden` and `wants_token` of `http`. With an admin-token: who has it, as
 * "Authorization: Bearer". Without: who connects from this machine, by an address of it. Never the
 * page of another site, whose requests a browser sends just so.
 */
void cw_admin_judge(const struct cw_request *request, struct lws *wsi,
                    struct cw_http_request *http);

#endif
