/*
 * redis_tls.h - who Redis has to be for rediss://, and who this node is for it. One per cluster,
 * for all its connections.
 */
#ifndef CW_REDIS_TLS_H
#define CW_REDIS_TLS_H

#include <chanway/error.h>

#include <stdbool.h>
#include <stddef.h>

struct cw_redis_address;
struct cw_redis_tls;
struct ssl_st;

/** Names of PEM files; each may be NULL or empty. */
struct cw_redis_tls_options {
    const char *ca;   /* who may have signed Redis' certificate; none: whom the system trusts */
    const char *cert; /* this node's own, with those between it and the root; none: none */
    const char *key;  /* its key, without a password */
    const char *sni;  /* the name in Redis' certificate; none: the host that was connected to */
};

/**
 * Reads the files, for connections to `address`, which must not outlive what is made. Where it is
 * not by TLS nothing is: NULL. CW_ERR_INVALID: `error` names setting and file; or one is set that
 * nothing would obey, and whoever set it believes in TLS. `ret_tls` is unchanged then.
 */
CW_MUST_CHECK int cw_redis_tls_create(struct cw_redis_address *address,
                                      const struct cw_redis_tls_options *options, char *error,
                                      size_t error_size, struct cw_redis_tls **ret_tls);
/** Connections that were made with it may go on. NULL is fine. */
void cw_redis_tls_destroy(struct cw_redis_tls *tls);

/** One connection's state, for a Redis at `host`; whoever gets it frees it. NULL: no memory. */
struct ssl_st *cw_redis_tls_begin(const struct cw_redis_tls *tls, const char *host);
/**
 * Before each function that reads or writes: what others left in OpenSSL's queue of errors would
 * be taken for this connection's.
 */
void cw_redis_tls_forget_errors(void);
/** What is left to be written waits for nothing but the socket: not for an answer first. */
bool cw_redis_tls_can_write(const struct ssl_st *ssl);
/** Why it failed, if OpenSSL knows: false, `text` unchanged, when it does not. */
bool cw_redis_tls_why(const struct ssl_st *ssl, char *text, size_t size);

#endif
