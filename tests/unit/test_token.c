/* test_token.c - middleware/token.c and chanway/token.h: what is made is taken, and nothing else.
 */
#include <chanway/token.h>

#include "base/clock.h"
#include "base/stats.h"
#include "channel/grants.h"
#include "middleware/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1700000000000)

static struct cw_gateway_options options_with(const char *secret, const char *second)
{
    struct cw_gateway_options options;
    cw_gateway_options_init(&options);
    options.token_secret = secret;
    options.token_secret_2 = second;
    return options;
}

static struct cw_tokens *create(const struct cw_gateway_options *options)
{
    struct cw_tokens *tokens = NULL;
    char error[200];
    assert_int_equal(cw_tokens_create(options, error, sizeof(error), &tokens), CW_OK);
    return tokens;
}

static char *make(const struct cw_gateway_options *options, int64_t ttl_s)
{
    const struct cw_token_claims claims = {.sub = "alice", .ttl_s = ttl_s};
    char error[200];
    char *token = NULL;
    assert_int_equal(cw_token_make(options, &claims, error, sizeof(error), &token), CW_OK);
    return token;
}

/* In memory of its own size, without a zero at its end. */
static bool is_good(const struct cw_tokens *tokens, const char *token, size_t size)
{
    struct cw_grants *grants = NULL;
    const char *reason = NULL;
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, token, size);
    copy[size] = '!';
    int rc = cw_tokens_verify(tokens, cw_bytes_make(copy, size), &grants, &reason);
    free(copy);
    if (rc != CW_OK) {
        assert_int_equal(rc, CW_ERR_UNAUTHENTICATED);
        assert_true(reason != NULL && reason[0] != '\0');
        return false;
    }
    assert_string_equal(grants->user, "alice");
    cw_grants_destroy(grants);
    return true;
}

static void a_token_holds_to_its_end(void **state)
{
    (void)state;
    struct cw_gateway_options options = options_with("a secret", NULL);
    struct cw_tokens *tokens = create(&options);
    cw_clock_freeze(NOW_MS);
    char *token = make(&options, 60);
    char *forever = make(&options, 0);
    cw_clock_freeze(NOW_MS + 60000 + CW_GRANTS_SKEW_MS - 1);
    assert_true(is_good(tokens, token, strlen(token)));
    cw_clock_freeze(NOW_MS + 60000 + CW_GRANTS_SKEW_MS);
    assert_false(is_good(tokens, token, strlen(token)));
    cw_clock_freeze(NOW_MS + INT64_C(1000000000000));
    assert_true(is_good(tokens, forever, strlen(forever)));
    /* Made by a clock that is ahead. */
    cw_clock_freeze(NOW_MS - CW_GRANTS_SKEW_MS);
    assert_true(is_good(tokens, token, strlen(token)));
    cw_clock_freeze(NOW_MS - CW_GRANTS_SKEW_MS - 1);
    assert_false(is_good(tokens, token, strlen(token)));
    cw_clock_freeze(-1);
    free(token);
    free(forever);
    cw_tokens_destroy(tokens);
}

static void a_change_of_any_byte_is_seen(void **state)
{
    (void)state;
    struct cw_gateway_options options = options_with("a secret", NULL);
    struct cw_tokens *tokens = create(&options);
    char *token = make(&options, 60);
    size_t size = strlen(token);
    assert_true(is_good(tokens, token, size));
    for (size_t i = 0; i < size; i++) {
        char was = token[i];
        for (int bit = 0; bit < 8; bit++) {
            token[i] = (char)(was ^ (1 << bit));
            assert_false(is_good(tokens, token, size));
        }
        token[i] = was;
        assert_false(is_good(tokens, token, i));
        assert_false(is_good(tokens, token + i + 1, size - i - 1));
    }
    assert_true(is_good(tokens, token, size));
    free(token);
    cw_tokens_destroy(tokens);
}

static void either_secret_holds(void **state)
{
    (void)state;
    struct cw_gateway_options both = options_with("the new one", "the old one");
    struct cw_gateway_options new_one = options_with("the new one", NULL);
    struct cw_gateway_options old_one = options_with("the old one", NULL);
    struct cw_gateway_options other = options_with("the new one ", NULL);
    struct cw_tokens *tokens = create(&both);
    char *made[] = {make(&new_one, 60), make(&old_one, 60), make(&both, 60), make(&other, 60)};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(is_good(tokens, made[i], strlen(made[i])), i < 3);
        free(made[i]);
    }
    cw_tokens_destroy(tokens);
}

static void the_algorithm_is_the_settings(void **state)
{
    (void)state;
    static const char *const algorithms[] = {"HS256", "HS384", "HS512"};
    for (size_t i = 0; i < 3; i++) {
        struct cw_gateway_options node = options_with("a secret", NULL);
        node.token_alg = algorithms[i];
        struct cw_tokens *tokens = create(&node);
        for (size_t j = 0; j < 3; j++) {
            struct cw_gateway_options maker = options_with("a secret", NULL);
            maker.token_alg = algorithms[j];
            char *token = make(&maker, 60);
            assert_int_equal(is_good(tokens, token, strlen(token)), i == j);
            free(token);
        }
        cw_tokens_destroy(tokens);
    }
}

static void what_is_no_token_is_refused(void **state)
{
    (void)state;
    struct cw_gateway_options options = options_with("a secret", NULL);
    struct cw_tokens *tokens = create(&options);
    static const char *const none[] = {"",
                                       ".",
                                       "..",
                                       "a.b",
                                       "a.b.",
                                       ".b.c",
                                       "a..c",
                                       "a.b.c.d",
                                       "e30.e30.e30",
                                       "e30.e30.",
                                       "eyJhbGciOiJub25lIn0.e30.",
                                       "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.AA",
                                       "eyJhbGciOiJIUzI1NiJ9.e30.AA",
                                       "a+b.c/d.e=",
                                       "a\n.b.c"};
    char long_one[CW_TOKEN_SIZE_MAX + 1];
    uint64_t refused = CW_STAT(tokens_refused_total);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_false(is_good(tokens, none[i], strlen(none[i])));
    assert_false(is_good(tokens, "a\0b.c.d", 7));
    memset(long_one, 'a', sizeof(long_one));
    long_one[1] = long_one[3] = '.';
    assert_false(is_good(tokens, long_one, CW_TOKEN_SIZE_MAX));
    assert_false(is_good(tokens, long_one, CW_TOKEN_SIZE_MAX + 1));
    assert_int_equal(CW_STAT(tokens_refused_total) - refused, sizeof(none) / sizeof(none[0]) + 3);
    cw_tokens_destroy(tokens);
}

static void without_settings_tokens_are_not_looked_at(void **state)
{
    (void)state;
    struct cw_gateway_options options = options_with(NULL, "");
    assert_null(create(&options));
    assert_false(cw_tokens_are_required(NULL));
    options = options_with("a secret", NULL);
    struct cw_tokens *tokens = create(&options);
    assert_true(cw_tokens_are_required(tokens));
    cw_tokens_destroy(tokens);
    options.require_token = CW_REQUIRE_TOKEN_OFF;
    tokens = create(&options);
    assert_false(cw_tokens_are_required(tokens));
    cw_tokens_destroy(tokens);
    cw_tokens_destroy(NULL);
}

static void what_a_node_would_not_take_is_not_made(void **state)
{
    (void)state;
    struct cw_gateway_options options = options_with("a secret", NULL);
    char error[200], long_sub[200] = "";
    char *token = NULL;
    memset(long_sub, 'a', 124);
    const char *const bad_group[] = {"a b"};
    const struct cw_token_claims wrong[] = {{.sub = ""},
                                            {.sub = long_sub},
                                            {.sub = "a", .groups = bad_group, .group_count = 1},
                                            {.sub = "a", .type = "xml"}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        error[0] = '\0';
        assert_int_equal(cw_token_make(&options, &wrong[i], error, sizeof(error), &token),
                         CW_ERR_INVALID);
        assert_null(token);
        assert_true(error[0] != '\0');
        assert_null(strstr(error, "a secret"));
    }
    options.token_secret = NULL;
    assert_int_equal(cw_token_make(&options, &(struct cw_token_claims){.sub = "a"}, error,
                                   sizeof(error), &token),
                     CW_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_holds_to_its_end),
        cmocka_unit_test(a_change_of_any_byte_is_seen),
        cmocka_unit_test(either_secret_holds),
        cmocka_unit_test(the_algorithm_is_the_settings),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(without_settings_tokens_are_not_looked_at),
        cmocka_unit_test(what_a_node_would_not_take_is_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
