/*
 * head.h - a first look at the bytes of a request's head, before the library reads them. Pure,
 * fuzzed.
 *
 * What the library answers by dropping the socket, by waiting for ever or by a page of its own is
 * answered here: a head too big, NULs, methods and escapes it does not know, more lines than it can
 * keep.
 */
#ifndef CW_WS_HEAD_H
#define CW_WS_HEAD_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include "protocol/handshake.h"

#include <stdbool.h>

/* The longest head that is accepted (PROTOCOL). */
#define CW_HEAD_MAX 8192

extern const struct cw_handshake_error cw_head_too_big;

struct cw_head_error {
    struct cw_handshake_error error;
    const char *headers; /* static: more header lines of the answer; NULL: none */
};

/* More header lines of answers. */
#define CW_HEAD_ALLOW_GET "Allow: GET\r\n"
/* What who does not upgrade, or to another version, is told (RFC 9110 section 15.5.22). */
#define CW_HEAD_UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"

/** Whether `bytes` have a head to its end. */
bool cw_head_is_whole(struct cw_bytes bytes);

/**
 * `bytes` begin with a request. CW_OK, also where its head is not complete yet; else
 * CW_ERR_INVALID: `ret_error` says what to answer.
 */
CW_MUST_CHECK int cw_head_check(struct cw_bytes bytes, struct cw_head_error *ret_error);

#endif
