/*
 * fuzz_token.c - a token as it comes, or, behind the byte 's', a header, a line end and claims,
 * which are signed here. Taken is only what has the right signature, made as the setting says.
 */
#include <chanway/gateway.h>

#include "channel/grants.h"
#include "fuzz.h"
#include "middleware/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SECRET "a secret of thirty-two bytes, no more"
/* Of 3 bytes 4, and a NUL. */
#define TEXT_SIZE(size) (4 * ((size) + 2) / 3 + 4)

static const struct cw_tokens *tokens(void)
{
    static struct cw_tokens *only;
    const struct cw_gateway_options options = {.token_secret = SECRET, .token_alg = "HS256"};
    char error[160];
    if (only != NULL)
        return only;
    fuzz_require(cw_tokens_create(&options, error, sizeof(error), &only) == CW_OK && only != NULL);
    return only;
}

/* Appends base64url; returns the end. */
static char *append_base64(char *out, const void *bytes, size_t size)
{
    int written = EVP_EncodeBlock((unsigned char *)out, bytes, (int)size);
    for (char *at = out; at < out + written; at++) {
        if (*at == '=') {
            *at = '\0';
            return at;
        }
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
    }
    return out + written;
}

/* The third part of a token that begins with `signed_part`; returns the end. */
static char *append_signature(char *out, struct cw_bytes signed_part)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    fuzz_require(HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET),
                      (const unsigned char *)signed_part.data, signed_part.size, digest,
                      &size) != NULL);
    return append_base64(out, digest, size);
}

static void check(struct cw_bytes token)
{
    struct cw_grants *grants = NULL;
    const char *reason = NULL;
    char *copy = fuzz_copy(token);
    int rc = cw_tokens_verify(tokens(), cw_bytes_make(copy, token.size), &grants, &reason);
    free(copy);
    if (rc != CW_OK) {
        fuzz_require(rc == CW_ERR_UNAUTHENTICATED && reason != NULL && reason[0] != '\0');
        return;
    }
    char signature[TEXT_SIZE(EVP_MAX_MD_SIZE)];
    struct cw_bytes rest = token;
    struct cw_bytes header = fuzz_take(&rest, '.');
    struct cw_bytes claims = fuzz_take(&rest, '.');
    size_t size = (size_t)(append_signature(signature, cw_bytes_make(token.data, header.size + 1 +
                                                                                     claims.size)) -
                           signature);
    fuzz_require(cw_bytes_equal(rest, cw_bytes_make(signature, size)));
    fuzz_require(grants->user != NULL && grants->user[0] != '\0');
    cw_grants_destroy(grants);
}

static void check_signed(struct cw_bytes rest)
{
    struct cw_bytes header = fuzz_take(&rest, '\n');
    char *token = malloc(TEXT_SIZE(header.size) + TEXT_SIZE(rest.size) + TEXT_SIZE(64));
    fuzz_require(token != NULL);
    char *end = append_base64(token, header.data, header.size);
    *end++ = '.';
    end = append_base64(end, rest.data, rest.size);
    struct cw_bytes signed_part = cw_bytes_make(token, (size_t)(end - token));
    *end++ = '.';
    end = append_signature(end, signed_part);
    check(cw_bytes_make(token, (size_t)(end - token)));
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes rest = cw_bytes_make(data, size);
    if (size > 0 && data[0] == 's') {
        (void)fuzz_take_byte(&rest);
        check_signed(rest);
    } else {
        check(rest);
    }
    return 0;
}
