/*
 * tls_files.h - certificates and keys that OpenSSL reads from files: what is wrong with one, in
 * words.
 */
#ifndef CW_BASE_TLS_FILES_H
#define CW_BASE_TLS_FILES_H

#include <chanway/error.h>

#include <openssl/err.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/** Writes "<setting> = <file>: <why>" by OpenSSL's first error, and forgets its errors.
 * CW_ERR_INVALID. */
static inline int cw_tls_file_fail(const char *setting, const char *file, char *error,
                                   size_t error_size)
{
    unsigned long number = ERR_peek_error(); /* the first says most */
    const char *reason = ERR_SYSTEM_ERROR(number) ? strerror(ERR_GET_REASON(number))
                                                  : ERR_reason_error_string(number);
    (void)snprintf(error, error_size, "%s = %s: %s", setting, file,
                   reason != NULL ? reason : "can't be used");
    ERR_clear_error();
    return CW_ERR_INVALID;
}

/** For SSL_CTX_set_default_passwd_cb: a key with a password can't be used, nobody is there to be
 * asked. */
static inline int cw_tls_file_password(char *text, int size, int is_writing, void *arg)
{
    (void)text;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

#endif
