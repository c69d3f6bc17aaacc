/*
 * fuzz_claims.c - a byte of wishes, then what a token says, in JSON. What is taken has a user,
 * lists within their bounds, and gives no right to groups of users.
 */
#include <chanway/message.h>

#include "channel/grants.h"
#include "fuzz.h"
#include "middleware/claims.h"

/* 2026: seeds can be of before, of now and of after. */
#define NOW_MS INT64_C(1790000000000)

static void check_list(const struct cw_grants_list *list, bool has_names)
{
    fuzz_require(list->count <= CW_GRANTS_LIST_MAX);
    for (size_t i = 0; i < list->count; i++) {
        fuzz_touch(list->items[i]);
        fuzz_require(list->items[i].size <= CW_GROUP_NAME_MAX);
        fuzz_require(!has_names || cw_group_name_is_valid(list->items[i]));
        for (size_t j = 0; j < i; j++)
            fuzz_require(!cw_bytes_equal(list->items[i], list->items[j]));
    }
}

static void check(const struct cw_grants *grants)
{
    char own[CW_GROUP_NAME_MAX + 1];
    fuzz_require(grants->user != NULL && grants->user[0] != '\0');
    fuzz_require(cw_user_group_write(cw_bytes_text(grants->user), own));
    struct cw_bytes group = cw_bytes_text(own);
    fuzz_require(cw_group_name_is_valid(group) && strncmp(own, "user:", 5) == 0);
    fuzz_require(cw_grants_own(grants, group) && cw_grants_may_list(grants, group));
    fuzz_require(!cw_grants_may_join(grants, group) && !cw_grants_may_publish(grants, group));
    fuzz_require(!cw_grants_may_list(grants, cw_bytes_text("user:")));
    check_list(&grants->join, false);
    check_list(&grants->publish, false);
    check_list(&grants->groups, true);
    fuzz_require(grants->publish.count == 0 || grants->has_publish);
    fuzz_require(grants->expires_s >= 0 && grants->expires_s <= INT32_MAX);
    fuzz_require(grants->type >= -1 && grants->type <= CW_PAYLOAD_BYTES);
    fuzz_require(grants->expires_at_ms >= 0);
    fuzz_require(grants->expires_at_ms == 0 || grants->expires_at_ms + CW_GRANTS_SKEW_MS > NOW_MS);
    if (grants->join.count == 0 && grants->groups.count == 0)
        fuzz_require(!cw_grants_may_join(grants, cw_bytes_text("room")));
    if (grants->publish.count == 0)
        fuzz_require(!cw_grants_may_publish(grants, cw_bytes_text("room")) ||
                     grants->groups.count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes rest = cw_bytes_make(data, size);
    unsigned wishes_of = fuzz_take_byte(&rest);
    const struct cw_claims_wishes wishes = {
        .issuer = (wishes_of & 1) != 0 ? "shop" : NULL,
        .audience = (wishes_of & 2) != 0 ? "chanway" : NULL,
        .now_ms = NOW_MS,
    };
    struct cw_grants *grants = NULL;
    const char *reason = NULL;
    char *copy = fuzz_copy(rest);
    int rc = cw_claims_read(cw_bytes_make(copy, rest.size), &wishes, &grants, &reason);
    free(copy); /* grants are no views */
    if (rc == CW_OK) {
        check(grants);
        cw_grants_destroy(grants);
    } else {
        fuzz_require(rc == CW_ERR_UNAUTHENTICATED);
        fuzz_require(reason != NULL && reason[0] != '\0');
    }
    return 0;
}
