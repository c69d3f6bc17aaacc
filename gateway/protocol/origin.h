/*
 * origin.h - whether a browser's page may connect: allow-origin against the Origin header. Pure.
 */
#ifndef CW_PROTOCOL_ORIGIN_H
#define CW_PROTOCOL_ORIGIN_H

#include <chanway/bytes.h>

#include <stdbool.h>

/* A longer Origin is nobody's: a host name has at most 253 bytes. */
#define CW_ORIGIN_MAX 512

/**
 * Whether one of `globs`, separated by commas, matches all of `origin`. Scheme and host have no
 * case, so nothing has; "null", of pages without an origin, is a text like others. The empty
 * origin is that of clients other than browsers: it is allowed.
 */
bool cw_origin_is_allowed(const char *globs, struct cw_bytes origin);

#endif
