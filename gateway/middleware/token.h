/*
 * token.h - JSON Web Tokens: the keys of this node, and whether a token is good (README: tokens).
 *
 * The algorithm is the setting's, never the token's: one that names another is refused, so a public
 * key is never taken for a secret.
 */
#ifndef CW_MIDDLEWARE_TOKEN_H
#define CW_MIDDLEWARE_TOKEN_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include <stdbool.h>
#include <stddef.h>

struct cw_gateway_options;
struct cw_grants;
struct cw_tokens;

/* As long as a request's head; longer ones are refused unread. */
#define CW_TOKEN_SIZE_MAX 8192

/**
 * Reads keys and rules from the token_... options. `*ret_tokens` NULL: none is set, tokens are not
 * looked at. CW_ERR_INVALID: settings that do not go together, a key that can't be read: `error`
 * says it in words; CW_ERR_NOMEM.
 */
CW_MUST_CHECK int cw_tokens_create(const struct cw_gateway_options *options, char *error,
                                   size_t error_size, struct cw_tokens **ret_tokens);
/** NULL is fine. */
void cw_tokens_destroy(struct cw_tokens *tokens);

/** Whether a client must have one. NULL: no. */
bool cw_tokens_are_required(const struct cw_tokens *tokens);

/**
 * Checks `token`: its signature by each key, its times, `iss` and `aud`, and reads what it allows.
 * CW_ERR_UNAUTHENTICATED: it is refused, `ret_reason`, static, says why; CW_ERR_NOMEM. Counted.
 */
CW_MUST_CHECK int cw_tokens_verify(const struct cw_tokens *tokens, struct cw_bytes token,
                                   struct cw_grants **ret_grants, const char **ret_reason);

#endif
