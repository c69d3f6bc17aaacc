/* test_claims.c - middleware/claims.c: claims that are taken, those that are not, to the ms. */
#include "channel/grants.h"
#include "middleware/claims.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S INT64_C(1700000000)

static const struct cw_claims_wishes any = {.now_ms = NOW_S * 1000};

/* NULL: refused. In memory of its own size, so that a byte too far is seen. */
static struct cw_grants *read_by(const struct cw_claims_wishes *wishes, const char *json)
{
    struct cw_grants *grants = NULL;
    const char *reason = NULL;
    size_t size = strlen(json);
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, json, size);
    int rc = cw_claims_read(cw_bytes_make(copy, size), wishes, &grants, &reason);
    free(copy);
    if (rc == CW_OK) {
        assert_non_null(grants);
        return grants;
    }
    assert_int_equal(rc, CW_ERR_UNAUTHENTICATED);
    assert_null(grants);
    assert_true(reason != NULL && reason[0] != '\0');
    return NULL;
}

static bool is_taken_by(const struct cw_claims_wishes *wishes, const char *json)
{
    struct cw_grants *grants = read_by(wishes, json);
    cw_grants_destroy(grants);
    return grants != NULL;
}

static bool is_taken(const char *json)
{
    return is_taken_by(&any, json);
}

/* {"sub":"a", NAME: seconds}. */
static bool is_time_taken(const char *name, double seconds)
{
    char json[100];
    (void)snprintf(json, sizeof(json), "{\"sub\":\"a\",\"%s\":%.3f}", name, seconds);
    return is_taken(json);
}

static void times_are_exact_to_the_tolerance(void **state)
{
    (void)state;
    const double now = (double)NOW_S;
    assert_true(is_time_taken("exp", now + 1));
    assert_true(is_time_taken("exp", now));
    assert_true(is_time_taken("exp", now - 29.999));
    assert_false(is_time_taken("exp", now - 30));
    assert_false(is_time_taken("exp", 0));
    assert_false(is_time_taken("exp", -1));
    assert_true(is_time_taken("nbf", now + 30));
    assert_false(is_time_taken("nbf", now + 30.001));
    assert_true(is_time_taken("nbf", -5));
    assert_true(is_time_taken("iat", now + 30));
    assert_false(is_time_taken("iat", now + 30.001));
}

static void the_end_is_kept_in_ms(void **state)
{
    (void)state;
    struct cw_grants *grants = read_by(&any, "{\"sub\":\"a\",\"exp\":1700000001.5}");
    assert_int_equal(grants->expires_at_ms, INT64_C(1700000001500));
    cw_grants_destroy(grants);
    grants = read_by(&any, "{\"sub\":\"a\",\"exp\":1e300}");
    assert_int_equal(grants->expires_at_ms, INT64_C(253402300799000));
    cw_grants_destroy(grants);
    grants = read_by(&any, "{\"sub\":\"a\"}");
    assert_int_equal(grants->expires_at_ms, 0);
    cw_grants_destroy(grants);
}

static void what_is_no_claim_is_not_taken(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "{",
        "null",
        "[]",
        "\"a\"",
        "{}",
        "{\"sub\":\"\"}",
        "{\"sub\":1}",
        "{\"sub\":null}",
        "{\"sub\":[\"a\"]}",
        "{\"sub\":\"a\\u0000b\"}",
        "{\"Sub\":\"a\"}",
        "{\"sub\":\"a\",}",
        "{\"sub\":\"\xff\"}",
        "{\"sub\":\"a\",\"exp\":\"1700000009\"}",
        "{\"sub\":\"a\",\"exp\":null}",
        "{\"sub\":\"a\",\"exp\":true}",
        "{\"sub\":\"a\",\"nbf\":[]}",
        "{\"sub\":\"a\",\"iat\":{}}",
        "{\"sub\":\"a\",\"cw\":null}",
        "{\"sub\":\"a\",\"cw\":[]}",
        "{\"sub\":\"a\",\"cw\":1}",
        "{\"sub\":\"a\",\"cw\":{\"join\":\"*\"}}",
        "{\"sub\":\"a\",\"cw\":{\"join\":null}}",
        "{\"sub\":\"a\",\"cw\":{\"join\":[1]}}",
        "{\"sub\":\"a\",\"cw\":{\"publish\":{}}}",
        "{\"sub\":\"a\",\"cw\":{\"groups\":[\"\"]}}",
        "{\"sub\":\"a\",\"cw\":{\"groups\":[\"a b\"]}}",
        "{\"sub\":\"a\",\"cw\":{\"groups\":\"a\"}}",
        "{\"sub\":\"a\",\"cw\":{\"send\":1}}",
        "{\"sub\":\"a\",\"cw\":{\"send\":\"true\"}}",
        "{\"sub\":\"a\",\"cw\":{\"send\":null}}",
        "{\"sub\":\"a\",\"cw\":{\"type\":\"xml\"}}",
        "{\"sub\":\"a\",\"cw\":{\"type\":0}}",
        "{\"sub\":\"a\",\"cw\":{\"expires\":-1}}",
        "{\"sub\":\"a\",\"cw\":{\"expires\":1.0}}",
        "{\"sub\":\"a\",\"cw\":{\"expires\":\"1\"}}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (is_taken(wrong[i]))
            fail_msg("taken: %s", wrong[i]);
    assert_true(is_taken("{\"sub\":\"a\"}"));
    assert_true(is_taken("{\"sub\":\"a\",\"cw\":{\"other\":[{}]},\"more\":null}"));
}

static void issuer_and_audience_are_looked_at_where_they_are_asked_for(void **state)
{
    (void)state;
    const struct cw_claims_wishes issuer = {.issuer = "us", .now_ms = NOW_S * 1000};
    const struct cw_claims_wishes audience = {.audience = "chat", .now_ms = NOW_S * 1000};
    assert_true(is_taken("{\"sub\":\"a\",\"iss\":7,\"aud\":{}}"));
    assert_true(is_taken_by(&issuer, "{\"sub\":\"a\",\"iss\":\"us\"}"));
    assert_false(is_taken_by(&issuer, "{\"sub\":\"a\"}"));
    assert_false(is_taken_by(&issuer, "{\"sub\":\"a\",\"iss\":\"u\"}"));
    assert_false(is_taken_by(&issuer, "{\"sub\":\"a\",\"iss\":\"us\\u0000\"}"));
    assert_false(is_taken_by(&issuer, "{\"sub\":\"a\",\"iss\":[\"us\"]}"));
    assert_true(is_taken_by(&audience, "{\"sub\":\"a\",\"aud\":\"chat\"}"));
    assert_true(is_taken_by(&audience, "{\"sub\":\"a\",\"aud\":[1,\"mail\",\"chat\"]}"));
    assert_false(is_taken_by(&audience, "{\"sub\":\"a\"}"));
    assert_false(is_taken_by(&audience, "{\"sub\":\"a\",\"aud\":[]}"));
    assert_false(is_taken_by(&audience, "{\"sub\":\"a\",\"aud\":[[\"chat\"]]}"));
    assert_false(is_taken_by(&audience, "{\"sub\":\"a\",\"aud\":\"chat,mail\"}"));
}

static void rights_are_read(void **state)
{
    (void)state;
    struct cw_grants *grants = read_by(
        &any,
        "{\"sub\":\"a b\",\"cw\":{\"join\":[\"x.*\",\"x.*\",\"\"],\"publish\":[],\"send\":true,"
        "\"groups\":[\"one\",\"two\",\"one\"],\"type\":\"bytes\",\"expires\":60}}");
    assert_string_equal(grants->user, "a b");
    assert_int_equal(grants->join.count, 2); /* the same glob is one */
    assert_true(cw_bytes_is(grants->join.items[0], "x.*"));
    assert_int_equal(grants->join.items[1].size, 0);
    assert_int_equal(grants->publish.count, 0);
    assert_true(grants->has_publish && grants->sends);
    assert_int_equal(grants->groups.count, 2);
    assert_true(cw_bytes_is(grants->groups.items[1], "two"));
    assert_int_equal(grants->type, 2);
    assert_int_equal(grants->expires_s, 60);
    cw_grants_destroy(grants);

    grants = read_by(&any, "{\"sub\":\"a\",\"cw\":{\"expires\":18446744073709551615}}");
    assert_int_equal(grants->expires_s, INT32_MAX);
    assert_false(grants->has_publish || grants->sends);
    assert_int_equal(grants->type, -1);
    cw_grants_destroy(grants);
}

/* cw.join of `count` times a glob of `size` bytes. */
static bool is_list_taken(size_t count, size_t size)
{
    size_t room = 64 + count * (size + 3), at = 0;
    char *json = malloc(room);
    assert_non_null(json);
    at += (size_t)snprintf(json, room, "{\"sub\":\"a\",\"cw\":{\"join\":[");
    for (size_t i = 0; i < count; i++) {
        json[at++] = '"';
        memset(json + at, 'g', size);
        at += size;
        json[at++] = '"';
        json[at++] = ',';
    }
    at -= count > 0;
    (void)snprintf(json + at, room - at, "]}}");
    bool is_good = is_taken(json);
    free(json);
    return is_good;
}

static void lists_have_bounds(void **state)
{
    (void)state;
    assert_true(is_list_taken(0, 0));
    assert_true(is_list_taken(CW_GRANTS_LIST_MAX, 10));
    assert_false(is_list_taken(CW_GRANTS_LIST_MAX + 1, 1));
    assert_true(is_list_taken(1, CW_GROUP_NAME_MAX));
    assert_false(is_list_taken(1, CW_GROUP_NAME_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_exact_to_the_tolerance),
        cmocka_unit_test(the_end_is_kept_in_ms),
        cmocka_unit_test(what_is_no_claim_is_not_taken),
        cmocka_unit_test(issuer_and_audience_are_looked_at_where_they_are_asked_for),
        cmocka_unit_test(rights_are_read),
        cmocka_unit_test(lists_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
