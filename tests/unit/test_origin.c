/* test_origin.c - protocol/origin.c: globs of Origins. */
#include "protocol/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool is_allowed(const char *globs, const char *origin)
{
    return cw_origin_is_allowed(globs, cw_bytes_text(origin));
}

static void origins_are_matched_by_globs(void **state)
{
    static const char globs[] = " https://a.example , https://*.b.example,http://localhost:* ";
    static const char *const good[] = {"",
                                       "https://a.example",
                                       "HTTPS://A.Example",
                                       "https://x.b.example",
                                       "https://x.y.b.example",
                                       "http://localhost:3000"};
    static const char *const bad[] = {"https://a.example.evil",
                                      "http://a.example",
                                      "https://b.example",
                                      "https://a.example:8443",
                                      "http://localhost",
                                      "https://xb.example",
                                      "null",
                                      "NULL",
                                      "https://",
                                      " https://a.example"};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(is_allowed(globs, good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(is_allowed(globs, bad[i]));
}

static void globs_have_no_case_either(void **state)
{
    (void)state;
    assert_true(is_allowed("HTTPS://*.Example.COM", "https://a.example.com"));
    assert_false(is_allowed("HTTPS://*.Example.COM", "https://a.example.org"));
}

static void a_star_takes_all_and_null_may_be_named(void **state)
{
    (void)state;
    assert_true(is_allowed("*", "null"));
    assert_true(is_allowed("https://a.example,*", "http://anything"));
    assert_true(is_allowed("https://a.example,null", "null"));
    assert_false(is_allowed("https://*", "null"));
    assert_false(is_allowed("", "https://a.example"));
}

static void what_is_too_long_is_refused(void **state)
{
    char origin[CW_ORIGIN_MAX + 2];
    (void)state;
    memset(origin, 'a', sizeof(origin));
    memcpy(origin, "https://", 8);
    assert_true(cw_origin_is_allowed("https://*", cw_bytes_make(origin, CW_ORIGIN_MAX)));
    assert_false(cw_origin_is_allowed("https://*", cw_bytes_make(origin, CW_ORIGIN_MAX + 1)));
    /* A glob that no Origin could match is passed over. */
    char globs[CW_ORIGIN_MAX + 40];
    (void)snprintf(globs, sizeof(globs), "%.*s*,https://a.example", CW_ORIGIN_MAX, origin);
    assert_true(is_allowed(globs, "https://a.example"));
    assert_false(is_allowed(globs, "https://b.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_are_matched_by_globs),
        cmocka_unit_test(globs_have_no_case_either),
        cmocka_unit_test(a_star_takes_all_and_null_may_be_named),
        cmocka_unit_test(what_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
