/*
 * claims.h - what a token says -> struct cw_grants. Pure; who the token is of has been checked.
 */
#ifndef CW_MIDDLEWARE_CLAIMS_H
#define CW_MIDDLEWARE_CLAIMS_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include <stdint.h>

struct cw_grants;

/** What is asked of every token. */
struct cw_claims_wishes {
    const char *issuer;   /* NULL: not looked at */
    const char *audience; /* NULL: not looked at */
    int64_t now_ms;       /* wall clock */
};

/**
 * Reads a token's claims, JSON. CW_ERR_UNAUTHENTICATED: `ret_reason`, static, says why they are not
 * taken: a claim of the wrong type is never passed over. CW_ERR_NOMEM.
 */
CW_MUST_CHECK int cw_claims_read(struct cw_bytes json, const struct cw_claims_wishes *wishes,
                                 struct cw_grants **ret_grants, const char **ret_reason);

#endif
