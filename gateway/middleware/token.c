/* token.c - by libjwt: a signature is checked, then the algorithm by which it was, then the claims.
 */
#include "middleware/token.h"

#include <chanway/gateway.h>

#include "base/clock.h"
#include "base/stats.h"
#include "channel/grants.h"
#include "middleware/claims.h"
#include "middleware/token_key.h"

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cw_tokens {
    jwt_alg_t alg;
    struct cw_token_key keys[CW_TOKEN_KEYS_MAX];
    size_t key_count;
    char *issuer;   /* owned; NULL: not looked at */
    char *audience; /* likewise */
    bool are_required;
};

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

void cw_tokens_destroy(struct cw_tokens *tokens)
{
    if (tokens == NULL)
        return;
    for (size_t i = 0; i < tokens->key_count; i++)
        cw_token_key_finish(&tokens->keys[i]);
    free(tokens->issuer);
    free(tokens->audience);
    free(tokens);
}

/* --- settings --------------------------------------------------------------------------------- */

/* What does not go together; NULL: all does. */
static const char *find_fault(const struct cw_gateway_options *options)
{
    bool has_secret = is_set(options->token_secret) || is_set(options->token_secret_2);
    bool has_file = is_set(options->token_key_file);
    bool is_secret = strncmp(options->token_alg, "HS", 2) == 0;
    if (is_secret && has_file)
        return "token-key-file is for token-alg RS256, ES256 and their like; HS256 wants a "
               "token-secret";
    if (!is_secret && has_secret)
        return "token-secret is for token-alg HS256, HS384 and HS512; this one wants a "
               "token-key-file";
    if (!is_secret && !has_file)
        return "this token-alg wants a token-key-file";
    if (has_secret || has_file)
        return NULL;
    if (is_set(options->token_issuer) || is_set(options->token_audience))
        return "token-issuer and token-audience want a token-secret or a token-key-file";
    if (options->require_token == CW_REQUIRE_TOKEN_ON)
        return "require-token = on wants a token-secret or a token-key-file";
    return NULL;
}

static int add_secret(struct cw_tokens *tokens, const char *secret)
{
    if (!is_set(secret))
        return CW_OK;
    int rc = cw_token_key_copy(secret, &tokens->keys[tokens->key_count]);
    tokens->key_count += rc == CW_OK;
    return rc;
}

static int copy_text(const char *text, char **ret_copy)
{
    if (!is_set(text))
        return CW_OK;
    *ret_copy = strdup(text);
    return *ret_copy == NULL ? CW_ERR_NOMEM : CW_OK;
}

static int fill(struct cw_tokens *tokens, const struct cw_gateway_options *options, char *error,
                size_t error_size)
{
    int rc = CW_OK;
    if (is_set(options->token_key_file))
        rc = cw_token_key_read_public(options->token_key_file, options->token_alg, error,
                                      error_size, tokens->keys, &tokens->key_count);
    if (rc == CW_OK)
        rc = add_secret(tokens, options->token_secret);
    if (rc == CW_OK)
        rc = add_secret(tokens, options->token_secret_2);
    if (rc == CW_OK)
        rc = copy_text(options->token_issuer, &tokens->issuer);
    if (rc == CW_OK)
        rc = copy_text(options->token_audience, &tokens->audience);
    return rc;
}

int cw_tokens_create(const struct cw_gateway_options *options, char *error, size_t error_size,
                     struct cw_tokens **ret_tokens)
{
    jwt_alg_t alg = jwt_str_alg(options->token_alg);
    const char *fault = find_fault(options);
    if (alg == JWT_ALG_INVAL || alg == JWT_ALG_NONE) {
        (void)snprintf(error, error_size,
                       "token-alg = %s: the libjwt of this node does not offer it",
                       options->token_alg);
        return CW_ERR_INVALID;
    }
    if (fault != NULL) {
        (void)snprintf(error, error_size, "token-alg = %s: %s", options->token_alg, fault);
        return CW_ERR_INVALID;
    }
    struct cw_tokens *tokens = calloc(1, sizeof(*tokens));
    if (tokens == NULL)
        return CW_ERR_NOMEM;
    tokens->alg = alg;
    tokens->are_required = options->require_token != CW_REQUIRE_TOKEN_OFF;
    int rc = fill(tokens, options, error, error_size);
    if (rc != CW_OK || tokens->key_count == 0) {
        cw_tokens_destroy(tokens);
        tokens = NULL;
    }
    if (rc == CW_OK)
        *ret_tokens = tokens;
    return rc;
}

bool cw_tokens_are_required(const struct cw_tokens *tokens)
{
    return tokens != NULL && tokens->are_required;
}

/* --- checking --------------------------------------------------------------------------------- */

/* Three parts of base64url with dots between them, none empty: libjwt's own decoder takes more. */
static bool has_form(struct cw_bytes token)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t dots = 0, part = 0;
    for (size_t i = 0; i < token.size; i++) {
        char byte = token.data[i];
        if (byte == '.' && part == 0)
            return false;
        if (byte != '.' && (byte == '\0' || strchr(plain, byte) == NULL))
            return false;
        dots += byte == '.';
        part = byte == '.' ? 0 : part + 1;
    }
    return dots == 2 && part > 0;
}

/* The claims of a token whose signature is by one of the keys; NULL: by none. */
static char *open_token(const struct cw_tokens *tokens, const char *token)
{
    char *claims = NULL;
    for (size_t i = 0; i < tokens->key_count && claims == NULL; i++) {
        const struct cw_token_key *key = &tokens->keys[i];
        jwt_t *jwt = NULL;
        if (jwt_decode(&jwt, token, (const unsigned char *)key->data, (int)key->size) != 0)
            continue;
        if (jwt_get_alg(jwt) == tokens->alg)
            claims = jwt_get_grants_json(jwt, NULL);
        jwt_free(jwt);
    }
    return claims;
}

static int verify(const struct cw_tokens *tokens, struct cw_bytes token,
                  struct cw_grants **ret_grants, const char **ret_reason)
{
    char text[CW_TOKEN_SIZE_MAX + 1];
    *ret_reason = "it is no token, or longer than one may be";
    if (token.size > CW_TOKEN_SIZE_MAX || !has_form(token))
        return CW_ERR_UNAUTHENTICATED;
    memcpy(text, token.data, token.size);
    text[token.size] = '\0';
    char *claims = open_token(tokens, text);
    if (claims == NULL) {
        *ret_reason = "it was signed with another key, or another algorithm";
        return CW_ERR_UNAUTHENTICATED;
    }
    const struct cw_claims_wishes wishes = {
        .issuer = tokens->issuer, .audience = tokens->audience, .now_ms = cw_clock_wall_ms()};
    int rc = cw_claims_read(cw_bytes_text(claims), &wishes, ret_grants, ret_reason);
    free(claims); /* libjwt takes memory by malloc() */
    return rc;
}

int cw_tokens_verify(const struct cw_tokens *tokens, struct cw_bytes token,
                     struct cw_grants **ret_grants, const char **ret_reason)
{
    int rc = verify(tokens, token, ret_grants, ret_reason);
    if (rc == CW_OK)
        CW_STAT(tokens_accepted_total)++;
    else
        CW_STAT(tokens_refused_total)++;
    return rc;
}
