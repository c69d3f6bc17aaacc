/*
 * privileges.h - what the process gives up: root, and what a program that is run could gain.
 */
#ifndef CW_PRIVILEGES_H
#define CW_PRIVILEGES_H

#include <chanway/error.h>

#include <stddef.h>

/**
 * No program that this process runs from now on can gain rights (PR_SET_NO_NEW_PRIVS); for good.
 * CW_ERR_IO: `error` says why not.
 */
CW_MUST_CHECK int cw_privileges_forbid_new(char *error, size_t error_size);

/**
 * Becomes `user`, with the groups of that user alone, and makes sure that there is no way back. Who
 * is that user already stays so.
 *
 * CW_ERR_INVALID: there is no such user, or it is root; CW_ERR_IO: the process can't become it.
 * `error` says it in words; what the process is then is undefined: it is to end.
 */
CW_MUST_CHECK int cw_privileges_drop(const char *user, char *error, size_t error_size);

#endif
