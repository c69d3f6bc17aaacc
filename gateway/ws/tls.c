/* tls.c - TLS 1.2 and 1.3, ciphers with forward secrecy and authentication only. */
#include "ws/tls.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/tls_files.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of TLS 1.2; those of 1.3 are all good. 128 bits first: they cost least. */
#define CIPHERS                                                                                    \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"     \
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
#define CIPHERS_1_3 "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
/* The keys of session tickets are made anew: who gets hold of one reads no more than this long. */
#define TICKET_KEYS_MS   (INT64_C(8) * 3600 * 1000)
#define TICKET_KEYS_SIZE 80
/* A certificate that ends sooner is warned about. */
#define EXPIRY_WARN_S (INT64_C(14) * 24 * 3600)

struct cw_tls {
    SSL_CTX *current;
    SSL_CTX *library; /* the library's */
    int64_t ticket_keys_ms;
};

/* --- what OpenSSL says ----------------------------------------------------------------------- */

/* --- contexts -------------------------------------------------------------------------------- */

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                   const unsigned char *in, unsigned in_size, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_size, ours, sizeof(ours) - 1, in, in_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* What holds for every connection, whatever its certificate. */
static bool set_policy(SSL_CTX *context)
{
    (void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE |
                                           SSL_OP_PRIORITIZE_CHACHA);
    /* Sessions are kept by clients, in tickets; one is enough to come back with. */
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS) == 1 &&
           SSL_CTX_set_ciphersuites(context, CIPHERS_1_3) == 1;
}

static int require_clients(SSL_CTX *context, const char *file, char *error, size_t error_size)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (names == NULL || SSL_CTX_load_verify_file(context, file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return cw_tls_file_fail("tls-client-ca", file, error, error_size);
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    /* A ticket is as good as the certificate that it was given for: only as long as this file
     * holds. */
    unsigned char id[16];
    if (RAND_bytes(id, sizeof(id)) != 1 ||
        SSL_CTX_set_session_id_context(context, id, sizeof(id)) != 1)
        return cw_tls_file_fail("tls-client-ca", file, error, error_size);
    return CW_OK;
}

static int load_files(SSL_CTX *context, const struct cw_tls_files *files, char *error,
                      size_t error_size)
{
    static const unsigned char id[] = "chanway";
    SSL_CTX_set_default_passwd_cb(context, cw_tls_file_password);
    if (SSL_CTX_use_certificate_chain_file(context, files->cert) != 1)
        return cw_tls_file_fail("tls-cert", files->cert, error, error_size);
    if (SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return cw_tls_file_fail("tls-key", files->key, error, error_size);
    if (!set_policy(context) || SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1) != 1)
        return cw_tls_file_fail("tls-cert", files->cert, error, error_size);
    bool has_clients = files->client_ca != NULL && files->client_ca[0] != '\0';
    return has_clients ? require_clients(context, files->client_ca, error, error_size) : CW_OK;
}

static int load(const struct cw_tls_files *files, char *error, size_t error_size,
                SSL_CTX **ret_context)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL) {
        (void)snprintf(error, error_size, "TLS: %s", cw_error_text(CW_ERR_NOMEM));
        return CW_ERR_NOMEM;
    }
    int rc = load_files(context, files, error, error_size);
    if (rc < 0) {
        SSL_CTX_free(context);
        return rc;
    }
    *ret_context = context;
    return CW_OK;
}

/* --- how long certificates are good ---------------------------------------------------------- */

/* Unix time; INT64_MAX: for ever. */
static int64_t end_of(const X509 *certificate)
{
    struct tm end = {0};
    if (certificate == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1)
        return INT64_MAX;
    return timegm(&end);
}

/* Tells when the first of the chain ends. */
static void note_end(SSL_CTX *context)
{
    STACK_OF(X509) *chain = NULL;
    int64_t end_s = end_of(SSL_CTX_get0_certificate(context));
    (void)SSL_CTX_get0_chain_certs(context, &chain);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t of_one_s = end_of(sk_X509_value(chain, i));
        if (of_one_s < end_s)
            end_s = of_one_s;
    }
    CW_STAT(tls_cert_expiry_seconds) = end_s;
    int64_t left_s = end_s - (int64_t)time(NULL);
    if (left_s < 0)
        cw_log_warn(cw_log_node(), "tls-cert: the certificate has expired; clients will refuse it");
    else if (left_s < EXPIRY_WARN_S)
        cw_log_warn(cw_log_node(), "tls-cert: the certificate expires in %lld hours",
                    (long long)(left_s / 3600));
}

/* --- connections ----------------------------------------------------------------------------- */

static void renew_ticket_keys(struct cw_tls *tls)
{
    unsigned char keys[TICKET_KEYS_SIZE];
    int64_t now_ms = cw_clock_ms();
    if (tls->ticket_keys_ms != 0 && now_ms - tls->ticket_keys_ms < TICKET_KEYS_MS)
        return;
    tls->ticket_keys_ms = now_ms;
    if (RAND_bytes(keys, sizeof(keys)) == 1)
        (void)SSL_CTX_set_tlsext_ticket_keys(tls->library, keys, sizeof(keys));
    OPENSSL_cleanse(keys, sizeof(keys));
}

static int on_hello(SSL *ssl, int *alert, void *arg)
{
    struct cw_tls *tls = arg;
    (void)alert;
    renew_ticket_keys(tls);
    if (SSL_set_SSL_CTX(ssl, tls->current) == NULL)
        return SSL_CLIENT_HELLO_ERROR;
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(tls->current), NULL);
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* --- public ---------------------------------------------------------------------------------- */

int cw_tls_create(const struct cw_tls_files *files, char *error, size_t error_size,
                  struct cw_tls **ret_tls)
{
    struct cw_tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL) {
        (void)snprintf(error, error_size, "TLS: %s", cw_error_text(CW_ERR_NOMEM));
        return CW_ERR_NOMEM;
    }
    int rc = load(files, error, error_size, &tls->current);
    if (rc < 0) {
        free(tls);
        return rc;
    }
    note_end(tls->current);
    *ret_tls = tls;
    return CW_OK;
}

void cw_tls_destroy(struct cw_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->current);
    free(tls);
}

int cw_tls_reload(struct cw_tls *tls, const struct cw_tls_files *files, char *error,
                  size_t error_size)
{
    SSL_CTX *context;
    int rc = load(files, error, error_size, &context);
    if (rc < 0)
        return rc;
    SSL_CTX_free(tls->current); /* connections have references of their own */
    tls->current = context;
    note_end(context);
    return CW_OK;
}

void cw_tls_attach(struct cw_tls *tls, SSL_CTX *library)
{
    tls->library = library;
    if (!set_policy(library))
        cw_log_warn(cw_log_node(), "TLS: a cipher is not known; going on without");
    /* The library would look for a virtual host by the name that the client gives. */
    SSL_CTX_set_tlsext_servername_callback(library, NULL);
    SSL_CTX_set_client_hello_cb(library, on_hello, tls);
}
