/*
 * tls.h - the certificate, the key and whose certificates clients need: loaded, and loaded again
 * while connections go on.
 *
 * The library makes every connection from one context of its own. The newest of ours is put in its
 * place when a client says hello, so a reload needs nothing of the library, and connections that
 * are there keep what they began with.
 */
#ifndef CW_WS_TLS_H
#define CW_WS_TLS_H

#include <chanway/error.h>

#include <openssl/types.h>

#include <stddef.h>

struct cw_tls;

/** Names of PEM files. */
struct cw_tls_files {
    const char *cert; /* required: the node's certificate, then those between it and the root */
    const char *key;  /* required: its key, without a password */
    const char
        *client_ca; /* who signs clients' certificates, which they then need; NULL, empty: none */
};

/**
 * Loads the files. CW_ERR_INVALID: one can't be read, or they do not fit together; CW_ERR_NOMEM.
 * `error` says it in words, and nothing is left behind.
 */
CW_MUST_CHECK int cw_tls_create(const struct cw_tls_files *files, char *error, size_t error_size,
                                struct cw_tls **ret_tls);
/** NULL is fine. After the library's context. */
void cw_tls_destroy(struct cw_tls *tls);

/** Loads them again, for clients that connect from now on. Errors as above: all stays as it was. */
CW_MUST_CHECK int cw_tls_reload(struct cw_tls *tls, const struct cw_tls_files *files, char *error,
                                size_t error_size);

/** The library has made the context of which it makes connections. */
void cw_tls_attach(struct cw_tls *tls, SSL_CTX *library);

#endif
