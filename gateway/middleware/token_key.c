/* token_key.c - PEM files by OpenSSL: read, checked against the algorithm, written as libjwt wants
 * them. */
#include "middleware/token_key.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RSA_BITS_MIN  2048 /* RFC 7518 section 3.3 */
#define FILE_SIZE_MAX (64 * 1024)

void cw_token_key_finish(struct cw_token_key *key)
{
    if (key->data != NULL)
        OPENSSL_cleanse(key->data, key->size);
    free(key->data);
    *key = (struct cw_token_key){0};
}

static int copy(const char *data, size_t size, struct cw_token_key *ret_key)
{
    ret_key->data = malloc(size + 1);
    if (ret_key->data == NULL)
        return CW_ERR_NOMEM;
    memcpy(ret_key->data, data, size);
    ret_key->data[size] = '\0';
    ret_key->size = size;
    return CW_OK;
}

int cw_token_key_copy(const char *text, struct cw_token_key *ret_key)
{
    return copy(text, strlen(text), ret_key);
}

/* What an algorithm's key must be. */
static const struct {
    const char *alg;
    int type;
    int bits; /* 0: any from RSA_BITS_MIN on */
    const char *text;
} kinds[] = {
    {"RS256", EVP_PKEY_RSA, 0, "an RSA key of at least 2048 bits"},
    {"RS384", EVP_PKEY_RSA, 0, "an RSA key of at least 2048 bits"},
    {"RS512", EVP_PKEY_RSA, 0, "an RSA key of at least 2048 bits"},
    {"ES256", EVP_PKEY_EC, 256, "an EC key of the curve P-256"},
    {"ES384", EVP_PKEY_EC, 384, "an EC key of the curve P-384"},
    {"ES512", EVP_PKEY_EC, 521, "an EC key of the curve P-521"},
    {"EdDSA", EVP_PKEY_ED25519, 256, "an Ed25519 key"},
};

/* NULL: it is a key for `alg`; else what that must be. */
static const char *find_fault(EVP_PKEY *key, const char *alg)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].alg, alg) != 0)
            continue;
        int bits = EVP_PKEY_get_bits(key);
        bool is_good = EVP_PKEY_get_base_id(key) == kinds[i].type &&
                       (kinds[i].bits != 0 ? bits == kinds[i].bits : bits >= RSA_BITS_MIN);
        return is_good ? NULL : kinds[i].text;
    }
    return "a key of a known algorithm";
}

static BIO *read_file(const char *file, char *error, size_t error_size)
{
    char *bytes = malloc(FILE_SIZE_MAX + 1);
    FILE *stream = fopen(file, "re");
    BIO *bio = NULL;
    if (stream == NULL) {
        (void)snprintf(error, error_size, "token-key-file: %s: %s", file, strerror(errno));
    } else if (bytes != NULL) {
        size_t size = fread(bytes, 1, FILE_SIZE_MAX + 1, stream);
        if (size > FILE_SIZE_MAX)
            (void)snprintf(error, error_size, "token-key-file: %s is over 64 KiB", file);
        else if ((bio = BIO_new(BIO_s_mem())) != NULL && BIO_write(bio, bytes, (int)size) < 0)
            (void)BIO_reset(bio);
        OPENSSL_cleanse(bytes, size);
    }
    if (stream != NULL)
        (void)fclose(stream);
    free(bytes);
    return bio;
}

/* No passphrase is asked for at a terminal. */
static int no_passphrase(char *text, int size, int is_writing, void *arg)
{
    (void)text;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

/* As PEM text. */
static int write_key(EVP_PKEY *key, bool is_private, struct cw_token_key *ret_key)
{
    char *data = NULL;
    int rc = CW_ERR_NOMEM;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL)
        return CW_ERR_NOMEM;
    int is_written = is_private ? PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
                                : PEM_write_bio_PUBKEY(bio, key);
    if (is_written == 1) {
        long size = BIO_get_mem_data(bio, &data);
        rc = copy(data, (size_t)size, ret_key);
    }
    BIO_free(bio);
    return rc;
}

/* Takes `key` over. */
static int add_key(EVP_PKEY *key, bool is_private, const char *file, const char *alg, char *error,
                   size_t error_size, struct cw_token_key *ret_key)
{
    const char *fault = find_fault(key, alg);
    int rc = CW_ERR_INVALID;
    if (fault != NULL) {
        (void)snprintf(error, error_size, "token-key-file: %s: token-alg = %s wants %s", file, alg,
                       fault);
    } else {
        rc = write_key(key, is_private, ret_key);
    }
    EVP_PKEY_free(key);
    return rc;
}

/* NULL: there is no more of it. */
static EVP_PKEY *read_key(BIO *bio, bool is_private)
{
    return is_private ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
                      : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
}

/* The public halves of all keys of one kind. */
static int read_keys(bool is_private, const char *file, const char *alg, char *error,
                     size_t error_size, struct cw_token_key *keys, size_t *count)
{
    BIO *bio = read_file(file, error, error_size);
    EVP_PKEY *key = NULL;
    int rc = CW_OK;
    if (bio == NULL)
        return error[0] != '\0' ? CW_ERR_INVALID : CW_ERR_NOMEM;
    while (rc == CW_OK && (key = read_key(bio, is_private)) != NULL) {
        if (*count < CW_TOKEN_KEYS_MAX) {
            rc = add_key(key, false, file, alg, error, error_size, &keys[*count]);
            *count += rc == CW_OK;
            continue;
        }
        EVP_PKEY_free(key);
        rc = CW_ERR_INVALID;
        (void)snprintf(error, error_size, "token-key-file: %s has more than %d keys", file,
                       CW_TOKEN_KEYS_MAX);
    }
    BIO_free(bio);
    return rc;
}

int cw_token_key_read_public(const char *file, const char *alg, char *error, size_t error_size,
                             struct cw_token_key *ret_keys, size_t *ret_count)
{
    struct cw_token_key keys[CW_TOKEN_KEYS_MAX] = {{0}};
    size_t count = 0;
    error[0] = '\0';
    int rc = read_keys(false, file, alg, error, error_size, keys, &count);
    if (rc == CW_OK)
        rc = read_keys(true, file, alg, error, error_size, keys, &count);
    ERR_clear_error();
    if (rc == CW_OK && count == 0) {
        rc = CW_ERR_INVALID;
        (void)snprintf(error, error_size, "token-key-file: %s has no public key in PEM", file);
    }
    if (rc != CW_OK) {
        while (count > 0)
            cw_token_key_finish(&keys[--count]);
        return rc;
    }
    memcpy(ret_keys, keys, sizeof(keys));
    *ret_count = count;
    return CW_OK;
}

int cw_token_key_read_private(const char *file, const char *alg, char *error, size_t error_size,
                              struct cw_token_key *ret_key)
{
    error[0] = '\0';
    BIO *bio = read_file(file, error, error_size);
    if (bio == NULL)
        return error[0] != '\0' ? CW_ERR_INVALID : CW_ERR_NOMEM;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (key == NULL) {
        (void)snprintf(
            error, error_size,
            "token-key-file: %s has no private key: tokens can be checked by it, but not "
            "made",
            file);
        return CW_ERR_INVALID;
    }
    return add_key(key, true, file, alg, error, error_size, ret_key);
}
