/*
 * token.h - JSON Web Tokens that a gateway takes, made with its own key (gateway/README.md:
 * tokens).
 */
#ifndef CHANWAY_TOKEN_H
#define CHANWAY_TOKEN_H

#include <chanway/error.h>
#include <chanway/gateway.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a token says; all zeros but `sub` is a user who may join and publish nothing. */
struct cw_token_claims {
    const char *sub;            /**< required: the user */
    int64_t ttl_s;              /**< how long it holds from now; 0: for ever */
    const char *const *join;    /**< globs of groups that may be joined; NULL: no list */
    size_t join_count;          /**< how many */
    const char *const *publish; /**< globs of groups that may be published to; NULL: no list */
    size_t publish_count;       /**< how many */
    const char *const *groups;  /**< names of groups that are joined at connect; NULL: none */
    size_t group_count;         /**< how many */
    bool sends;                 /**< the op `send` is allowed */
    const char *type;           /**< the channel's payload type; NULL: not said */
    int64_t expires_s;          /**< longest life of a channel; 0: not limited by it */
};

/**
 * Makes a token by the token_... options: signed with `token_secret`, or the private key in
 * `token_key_file`; free() it. CW_ERR_INVALID: options or claims that the gateway would not take,
 * said in `error`; CW_ERR_INTERNAL: it could not be signed; CW_ERR_NOMEM.
 */
CW_API CW_MUST_CHECK int cw_token_make(const struct cw_gateway_options *options,
                                       const struct cw_token_claims *claims, char *error,
                                       size_t error_size, char **ret_token);

/** Whether the token_... options go together and their keys can be read. CW_ERR_INVALID: `error`
 * says it in words; CW_ERR_NOMEM. */
CW_API CW_MUST_CHECK int cw_token_check_options(const struct cw_gateway_options *options,
                                                char *error, size_t error_size);

#ifdef __cplusplus
}
#endif

#endif
