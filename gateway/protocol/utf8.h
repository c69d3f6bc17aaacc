/*
 * utf8.h - whether bytes are UTF-8. Pure.
 */
#ifndef CW_PROTOCOL_UTF8_H
#define CW_PROTOCOL_UTF8_H

#include <chanway/bytes.h>

#include <stdbool.h>

/** RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. NUL is a character like any
 * other. */
bool cw_utf8_is_valid(struct cw_bytes text);

#endif
