/*
 * redis_tls.c - TLS 1.2 and 1.3 to Redis: its certificate is always checked, and the name in it.
 *
 * hiredis' own contexts check no names, so this makes OpenSSL's, and hiredis gets connections.
 */
#include "redis_tls.h"

#include "base/tls_files.h"
#include "redis_url.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cw_redis_tls {
    SSL_CTX *context;
    char *sni; /* owned; NULL: the host's name */
};

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static int load(SSL_CTX *context, const struct cw_redis_tls_options *options, char *error,
                size_t error_size)
{
    if (is_set(options->ca) ? SSL_CTX_load_verify_file(context, options->ca) != 1
                            : SSL_CTX_set_default_verify_paths(context) != 1)
        return cw_tls_file_fail("redis-ca", is_set(options->ca) ? options->ca : "", error,
                                error_size);
    if (is_set(options->cert) != is_set(options->key)) {
        (void)snprintf(error, error_size, "redis-cert and redis-key need each other");
        return CW_ERR_INVALID;
    }
    if (!is_set(options->cert))
        return CW_OK;
    SSL_CTX_set_default_passwd_cb(context, cw_tls_file_password);
    if (SSL_CTX_use_certificate_chain_file(context, options->cert) != 1)
        return cw_tls_file_fail("redis-cert", options->cert, error, error_size);
    if (SSL_CTX_use_PrivateKey_file(context, options->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return cw_tls_file_fail("redis-key", options->key, error, error_size);
    return CW_OK;
}

static int check_unused(const struct cw_redis_tls_options *options, char *error, size_t error_size)
{
    const struct {
        const char *name, *value;
    } rows[] = {{"redis-ca", options->ca},
                {"redis-cert", options->cert},
                {"redis-key", options->key},
                {"redis-sni", options->sni}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!is_set(rows[i].value))
            continue;
        (void)snprintf(error, error_size, "%s = %s: `redis` is not by TLS: write rediss://",
                       rows[i].name, rows[i].value);
        return CW_ERR_INVALID;
    }
    return CW_OK;
}

int cw_redis_tls_create(struct cw_redis_address *address,
                        const struct cw_redis_tls_options *options, char *error, size_t error_size,
                        struct cw_redis_tls **ret_tls)
{
    if (!address->uses_tls)
        return check_unused(options, error, error_size);
    struct cw_redis_tls *tls = calloc(1, sizeof(*tls));
    int rc = CW_ERR_NOMEM;
    (void)snprintf(error, error_size, "out of memory");
    if (tls == NULL)
        return rc;
    ERR_clear_error();
    tls->context = SSL_CTX_new(TLS_client_method());
    if (tls->context == NULL || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1 ||
        (is_set(options->sni) && (tls->sni = strdup(options->sni)) == NULL))
        goto fail;
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    /* RESP says itself where a reply ends: a cut is found without the alert of TLS. */
    (void)SSL_CTX_set_options(tls->context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                                SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* Record by record: what has left is known, so that a call which Redis may have seen is not
     * taken for one that it has not. hiredis moves what is left. */
    (void)SSL_CTX_set_mode(tls->context,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    rc = load(tls->context, options, error, error_size);
    if (rc < 0)
        goto fail;
    address->tls = tls;
    *ret_tls = tls;
    return CW_OK;

fail:
    cw_redis_tls_destroy(tls);
    return rc;
}

void cw_redis_tls_destroy(struct cw_redis_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    free(tls->sni);
    free(tls);
}

struct ssl_st *cw_redis_tls_begin(const struct cw_redis_tls *tls, const char *host)
{
    const char *name = tls->sni != NULL ? tls->sni : host;
    SSL *ssl = SSL_new(tls->context);
    if (ssl == NULL)
        return NULL;
    /* An address is looked for among the certificate's addresses; it is no name to be asked for. */
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1)
        return ssl;
    ERR_clear_error();
    if (SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1)
        return ssl;
    SSL_free(ssl);
    return NULL;
}

void cw_redis_tls_forget_errors(void)
{
    ERR_clear_error();
}

bool cw_redis_tls_can_write(const struct ssl_st *ssl)
{
    return SSL_want(ssl) != SSL_READING;
}

bool cw_redis_tls_why(const struct ssl_st *ssl, char *text, size_t size)
{
    long verified = SSL_get_verify_result(ssl);
    unsigned long number = ERR_peek_last_error();
    const char *reason = number == 0 ? NULL : ERR_reason_error_string(number);
    if (verified != X509_V_OK)
        reason = X509_verify_cert_error_string(verified);
    if (reason == NULL)
        return false;
    (void)snprintf(text, size, "TLS: %s%s", verified != X509_V_OK ? "its certificate: " : "",
                   reason);
    ERR_clear_error();
    return true;
}
