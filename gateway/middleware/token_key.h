/*
 * token_key.h - keys in files: what libjwt is given to check tokens by, or to make them.
 */
#ifndef CW_MIDDLEWARE_TOKEN_KEY_H
#define CW_MIDDLEWARE_TOKEN_KEY_H

#include <chanway/error.h>

#include <stdbool.h>
#include <stddef.h>

/* Keys that hold at once: more are of no use while one follows another. */
#define CW_TOKEN_KEYS_MAX 4

/** A secret, or a key in PEM. */
struct cw_token_key {
    char *data; /* owned, NUL-terminated */
    size_t size;
};

/** Zeros and frees it. */
void cw_token_key_finish(struct cw_token_key *key);

/** A secret as it is. CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_token_key_copy(const char *text, struct cw_token_key *ret_key);

/**
 * The public keys of a PEM file, those of its private keys too; `ret_keys` has room for
 * CW_TOKEN_KEYS_MAX. CW_ERR_INVALID: the file can't be read, has none or too many, or one that is
 * not for `alg` ("RS256"); `error` says it in words. CW_ERR_NOMEM. Errors leave nothing to finish.
 */
CW_MUST_CHECK int cw_token_key_read_public(const char *file, const char *alg, char *error,
                                           size_t error_size, struct cw_token_key *ret_keys,
                                           size_t *ret_count);

/** Its first private key. Errors as above. */
CW_MUST_CHECK int cw_token_key_read_private(const char *file, const char *alg, char *error,
                                            size_t error_size, struct cw_token_key *ret_key);

#endif
