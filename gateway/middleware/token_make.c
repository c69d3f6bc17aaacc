/* token_make.c - making tokens: what a node's operator, or an application, does with its own key.
 */
#include <chanway/token.h>

#include "base/clock.h"
#include "channel/grants.h"
#include "middleware/token.h"
#include "middleware/token_key.h"
#include "names.h"

#include <yyjson.h>

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cw_token_check_options(const struct cw_gateway_options *options, char *error, size_t error_size)
{
    struct cw_tokens *tokens = NULL;
    (void)snprintf(error, error_size, "%s", cw_error_text(CW_ERR_NOMEM));
    int rc = cw_tokens_create(options, error, error_size, &tokens);
    cw_tokens_destroy(tokens);
    return rc;
}

static void add_list(yyjson_mut_doc *doc, yyjson_mut_val *rights, const char *name,
                     const char *const *items, size_t count)
{
    if (items == NULL)
        return;
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    for (size_t i = 0; i < count; i++)
        (void)yyjson_mut_arr_add_str(doc, list, items[i]);
    (void)yyjson_mut_obj_add_val(doc, rights, name, list);
}

/* Owned by the caller; NULL: out of memory. */
static char *write_claims(const struct cw_gateway_options *options,
                          const struct cw_token_claims *claims)
{
    int64_t now_s = cw_clock_wall_ms() / 1000;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    if (doc == NULL)
        return NULL;
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_val *rights = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    (void)yyjson_mut_obj_add_str(doc, root, "sub", claims->sub);
    (void)yyjson_mut_obj_add_sint(doc, root, "iat", now_s);
    if (claims->ttl_s > 0)
        (void)yyjson_mut_obj_add_sint(doc, root, "exp", now_s + claims->ttl_s);
    if (options->token_issuer != NULL && options->token_issuer[0] != '\0')
        (void)yyjson_mut_obj_add_str(doc, root, "iss", options->token_issuer);
    if (options->token_audience != NULL && options->token_audience[0] != '\0')
        (void)yyjson_mut_obj_add_str(doc, root, "aud", options->token_audience);
    add_list(doc, rights, "join", claims->join, claims->join_count);
    add_list(doc, rights, "publish", claims->publish, claims->publish_count);
    add_list(doc, rights, "groups", claims->groups, claims->group_count);
    if (claims->sends)
        (void)yyjson_mut_obj_add_bool(doc, rights, "send", true);
    if (claims->type != NULL)
        (void)yyjson_mut_obj_add_str(doc, rights, "type", claims->type);
    if (claims->expires_s > 0)
        (void)yyjson_mut_obj_add_sint(doc, rights, "expires", claims->expires_s);
    (void)yyjson_mut_obj_add_val(doc, root, "cw", rights);
    char *text = yyjson_mut_write(doc, 0, NULL);
    yyjson_mut_doc_free(doc);
    return text;
}

static int find_key(const struct cw_gateway_options *options, char *error, size_t error_size,
                    struct cw_token_key *ret_key)
{
    if (options->token_secret != NULL && options->token_secret[0] != '\0')
        return cw_token_key_copy(options->token_secret, ret_key);
    if (options->token_key_file != NULL && options->token_key_file[0] != '\0')
        return cw_token_key_read_private(options->token_key_file, options->token_alg, error,
                                         error_size, ret_key);
    (void)snprintf(error, error_size, "there is no token-secret and no token-key-file to sign by");
    return CW_ERR_INVALID;
}

static char *sign(const char *alg, const struct cw_token_key *key, const char *claims)
{
    jwt_t *jwt = NULL;
    char *signed_text = NULL;
    char *token = NULL;
    if (jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, claims) == 0 &&
        jwt_set_alg(jwt, jwt_str_alg(alg), (const unsigned char *)key->data, (int)key->size) == 0)
        signed_text = jwt_encode_str(jwt);
    if (signed_text != NULL)
        token = strdup(signed_text);
    free(signed_text);
    jwt_free(jwt);
    return token;
}

/* Whether the node would take it: its own check says what is wrong with a claim. */
static int check(const struct cw_gateway_options *options, const char *token, char *error,
                 size_t error_size)
{
    struct cw_tokens *tokens = NULL;
    struct cw_grants *grants = NULL;
    const char *reason = "";
    int rc = cw_tokens_create(options, error, error_size, &tokens);
    if (rc == CW_OK)
        rc = cw_tokens_verify(tokens, cw_bytes_text(token), &grants, &reason);
    cw_tokens_destroy(tokens);
    cw_grants_destroy(grants);
    if (rc != CW_ERR_UNAUTHENTICATED)
        return rc;
    (void)snprintf(error, error_size, "the node would not take this token: %s", reason);
    return CW_ERR_INVALID;
}

int cw_token_make(const struct cw_gateway_options *options, const struct cw_token_claims *claims,
                  char *error, size_t error_size, char **ret_token)
{
    struct cw_token_key key = {0};
    char *token = NULL;
    (void)snprintf(error, error_size, "%s", cw_error_text(CW_ERR_NOMEM));
    int rc = cw_token_check_options(options, error, error_size);
    if (rc == CW_OK)
        rc = find_key(options, error, error_size, &key);
    char *text = rc == CW_OK ? write_claims(options, claims) : NULL;
    if (text != NULL)
        token = sign(options->token_alg, &key, text);
    cw_token_key_finish(&key);
    free(text);
    if (rc == CW_OK && token == NULL) {
        (void)snprintf(error, error_size, "the token could not be signed");
        rc = CW_ERR_INTERNAL;
    }
    if (rc == CW_OK)
        rc = check(options, token, error, error_size);
    if (rc != CW_OK) {
        free(token);
        return rc;
    }
    *ret_token = token;
    return CW_OK;
}
