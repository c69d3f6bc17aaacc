/*
 * auth.h - the built-in middleware that holds a connection back until its token has come (PROTOCOL:
 * connecting). Bad tokens do not come so far: the upgrade refuses them (ws/request.c).
 */
#ifndef CW_MIDDLEWARE_AUTH_H
#define CW_MIDDLEWARE_AUTH_H

#include <chanway/middleware.h>

extern const struct cw_middleware cw_auth_middleware;

#endif
