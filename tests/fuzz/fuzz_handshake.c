/*
 * fuzz_handshake.c - an upgrade request: the query, a line end, Sec-WebSocket-Protocol.
 */
#include "fuzz.h"
#include "names.h"
#include "protocol/handshake.h"

#define GROUPS_MAX 16

static void check_error(const struct cw_handshake_error *error)
{
    char body[512];
    fuzz_require(error->status >= 400 && error->status <= 431);
    size_t size = cw_handshake_error_body(error, body, sizeof(body));
    fuzz_require(size > 0 && size < sizeof(body) && body[size] == '\0' && body[size - 1] == '}');
}

static void check(const struct cw_handshake *handshake)
{
    fuzz_require(handshake->type <= CW_PAYLOAD_BYTES);
    fuzz_require(handshake->expires_s >= 0 && handshake->expires_s <= INT32_MAX);
    fuzz_require(handshake->group_count <= GROUPS_MAX);
    for (size_t i = 0; i < handshake->group_count; i++) {
        fuzz_require(cw_group_name_is_valid(handshake->groups[i]));
        for (size_t j = 0; j < i; j++)
            fuzz_require(!cw_bytes_equal(handshake->groups[i], handshake->groups[j]));
    }
    for (size_t i = 0; i < handshake->group_since_count; i++)
        fuzz_require(cw_group_name_is_valid(handshake->group_since[i].group));
    fuzz_require(!handshake->is_since_later ||
                 (!handshake->has_direct_since && handshake->group_since_count == 0));
    if (handshake->publish != NULL) {
        fuzz_require(handshake->kind == CW_KIND_RAW);
        fuzz_require(cw_group_name_is_valid(cw_bytes_text(handshake->publish)));
    }
    fuzz_require(handshake->token == NULL || handshake->token[0] != '\0');
    fuzz_require(handshake->session == NULL || handshake->session[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes protocols = cw_bytes_make(data, size);
    struct cw_bytes query = fuzz_take(&protocols, '\n');
    struct cw_handshake handshake;
    struct cw_handshake_error error;
    if (cw_handshake_parse(query, protocols, GROUPS_MAX, &handshake, &error) == CW_OK) {
        check(&handshake);
        cw_handshake_finish(&handshake);
    } else {
        check_error(&error);
    }
    return 0;
}
