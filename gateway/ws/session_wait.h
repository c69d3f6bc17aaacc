/*
 * session_wait.h - a request that names a session is not read before Redis has said what it is:
 * the 101 names the channel.
 */
#ifndef CW_WS_SESSION_WAIT_H
#define CW_WS_SESSION_WAIT_H

#include <chanway/bytes.h>

#include "channel/session.h"

#include <stdbool.h>

struct cw_request;
struct cw_session_wait;
struct cw_ws_server;
struct lws;

enum cw_session_answer {
    CW_SESSION_UNASKED, /* not known, or not asked for */
    CW_SESSION_NONE,    /* there is no such session */
    CW_SESSION_FOUND,
    CW_SESSION_LATE, /* Redis did not say in time */
};

/**
 * `bytes` are what has come of a request, of which nothing was read. If it names a session, its
 * socket is not read until the answer is there or ten seconds have passed.
 */
void cw_session_wait_begin(struct cw_request *request, struct lws *wsi, int fd,
                           struct cw_bytes bytes);

/** The request goes. NULL is fine. */
void cw_session_wait_destroy(struct cw_session_wait *wait);

bool cw_session_wait_is_over(const struct cw_session_wait *wait);

/** What is known of the session `token` of `user` (NULL: nobody's); FOUND: `ret_resume` names it.
 * `wait` may be NULL. */
enum cw_session_answer cw_session_wait_answer(const struct cw_session_wait *wait,
                                              struct cw_bytes token, const char *user,
                                              const struct cw_resume **ret_resume);

/** Ten times a second: asks again where there was no link, gives up where it took too long. */
void cw_session_waits_tick(struct cw_ws_server *server);

#endif
