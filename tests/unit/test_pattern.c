/* test_pattern.c - what patterns mean, and how long they may take. */
#include "protocol/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static int create(void **state)
{
    *state = cw_matcher_create();
    return *state == NULL;
}

static int destroy(void **state)
{
    cw_matcher_destroy(*state);
    return 0;
}

static struct cw_pattern *pattern_of(const char *text)
{
    struct cw_pattern *pattern = NULL;
    char error[160] = "";
    if (cw_pattern_create(cw_bytes_text(text), error, sizeof(error), &pattern) != CW_OK)
        fail_msg("%s: %s", text, error);
    return pattern;
}

static enum cw_match match(struct cw_matcher *matcher, const char *text, struct cw_bytes subject)
{
    struct cw_pattern *pattern = pattern_of(text);
    cw_matcher_begin(matcher);
    enum cw_match result = cw_matcher_match(matcher, pattern, subject);
    cw_pattern_destroy(pattern);
    return result;
}

static void patterns_mean_what_they_mean_in_javascript(void **state)
{
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } rows[] = {
        {"", "", true},
        {"^a*$", "aaa", true},
        {"^a*$", "aaab", false},
        {"b", "abc", true}, /* not anchored */
        {"^b", "abc", false},
        {"^a|c$", "xc", true},
        {"c$", "abc\n", false},            /* the very end */
        {"^.$", "\xF0\x9F\x98\x80", true}, /* a character, not a byte */
        {"^..$", "\xC3\xA9", false},
        {"^.$", "\n", false},
        {"^.$", "\r", false},
        {"^\\d+$", "123", true},
        {"^\\d+$", "\xD9\xA1", false}, /* an Arabic digit */
        {"^\\w$", "\xC3\xA9", false},
        {"^\\u00e9$", "\xC3\xA9", true},
        {"^\\u{1F600}$", "\xF0\x9F\x98\x80", true},
        {"^\\p{L}+$",
         "\xC3\xA9"
         "a",
         true},
        {"^\\S(.*\\S)?$", "a b", true},
        {"(?<=a)b", "ab", true},
        {"^(a)?\\1b$", "b", true}, /* a group that took no part is empty */
        {"$", "", true},
        {"\xC3\xA9", "caf\xC3\xA9", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum cw_match result = match(*state, rows[i].pattern, cw_bytes_text(rows[i].text));
        if (result != (rows[i].matches ? CW_MATCH_YES : CW_MATCH_NO))
            fail_msg("%s of \"%s\": %d", rows[i].pattern, rows[i].text, result);
    }
    assert_int_equal(match(*state, "^a.b$", cw_bytes_make("a\0b", 3)), CW_MATCH_YES);
    assert_int_equal(match(*state, "^$", cw_bytes_make(NULL, 0)), CW_MATCH_YES);
}

static void bad_patterns_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *pattern;
        const char *says;
    } rows[] = {
        {"a(b", "missing closing parenthesis at byte 3"},
        {"[z-a]", "at byte 3"},
        {"a**b(?<", "at byte"},
        {"\\C", "at byte"},
        {"\\ud83d", "at byte"},
        {"((((a{1000}){1000}){1000}){1000})", "too large"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cw_pattern *pattern = NULL;
        char error[160] = "";
        assert_int_equal(
            cw_pattern_create(cw_bytes_text(rows[i].pattern), error, sizeof(error), &pattern),
            CW_ERR_INVALID);
        if (strstr(error, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].pattern, error);
    }
    char *text = malloc(CW_PATTERN_SIZE_MAX + 1);
    struct cw_pattern *pattern = NULL;
    char error[160] = "";
    memset(text, 'a', CW_PATTERN_SIZE_MAX + 1);
    assert_int_equal(
        cw_pattern_create(cw_bytes_make(text, CW_PATTERN_SIZE_MAX), error, sizeof(error), &pattern),
        CW_OK);
    cw_pattern_destroy(pattern);
    assert_int_equal(cw_pattern_create(cw_bytes_make(text, CW_PATTERN_SIZE_MAX + 1), error,
                                       sizeof(error), &pattern),
                     CW_ERR_INVALID);
    assert_string_equal(error, "longer than 4096 bytes");
    free(text);
}

static double cpu_ms(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* `size` bytes of `run`, then `end`. */
static char *long_text(const char *run, size_t size, const char *end, struct cw_bytes *ret_text)
{
    size_t end_size = strlen(end);
    char *text = malloc(size + end_size + 1);
    for (size_t i = 0; i < size; i++)
        text[i] = run[i % strlen(run)];
    memcpy(text + size, end, end_size + 1);
    *ret_text = cw_bytes_make(text, size + end_size);
    return text;
}

#define EVIL_MS 250 /* of the thread's time; 10 to 20 where nobody else computes */

static void evil_texts_end_soon_and_do_not_match(void **state)
{
    static const struct {
        const char *pattern, *run, *end;
    } rows[] = {
        {"^(a+)+$", "a", "b"},    {"^(a|aa)+$", "a", "b"}, {"(a+)+$", "a", "b"},
        {"\\s+$", " ", "b"}, /* begins anew at each place */
        {"a*[bc]", "a", "d"},     {"(x+x+)+y", "x", ""},   {"^(([a-z])+.)+[A-Z]([a-z])+$", "a", ""},
        {"(?:a.*){5}z", "a", ""},
    };
    static const size_t sizes[] = {30, 1000, 20000, 65536, 1 << 20};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
            struct cw_bytes subject;
            char *text = long_text(rows[i].run, sizes[j], rows[i].end, &subject);
            double before = cpu_ms();
            enum cw_match result = match(*state, rows[i].pattern, subject);
            double took = cpu_ms() - before;
            print_message("%s of %zu: %d in %.2f ms\n", rows[i].pattern, sizes[j], result, took);
            /* Time is given for long texts that are only long: 0.15 ms for 1000 bytes. */
            if (took > EVIL_MS + (double)sizes[j] / 2e3)
                fail_msg("%s of %zu bytes took %.1f ms", rows[i].pattern, sizes[j], took);
            assert_int_not_equal(result, CW_MATCH_YES);
            free(text);
        }
    }
}

static void all_texts_of_a_message_share_its_time(void **state)
{
    struct cw_pattern *pattern = pattern_of("(a+)+[bc]?$");
    struct cw_bytes subject;
    char *text = long_text("a", 13, "d", &subject);
    double before = cpu_ms();
    size_t endless = 0;
    cw_matcher_begin(*state);
    for (int i = 0; i < 3000; i++)
        endless += cw_matcher_match(*state, pattern, subject) == CW_MATCH_ENDLESS;
    double took = cpu_ms() - before;
    print_message("3000 texts: %zu of them were too much, %.2f ms\n", endless, took);
    assert_in_range(endless, 1, 2999);
    assert_true(took < EVIL_MS + 3000 * 14 / 1e4);
    /* The next message has its own. */
    assert_int_equal(match(*state, "^a+d$", subject), CW_MATCH_YES);
    free(text);
    cw_pattern_destroy(pattern);
}

static void long_texts_match_patterns_that_are_linear(void **state)
{
    static const struct {
        const char *pattern;
        bool matches;
    } rows[] = {
        {"^[a-z ]+!$", true}, {"^[a-z ]+$", false}, {"!", true},      {"<script", false},
        {"\\S", true},        {"z!$", true},        {"[0-9]", false},
    };
    static const size_t sizes[] = {1000, 65536, 1 << 18};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
            struct cw_bytes subject;
            char *text = long_text("the quick brown fox ", sizes[j], "z!", &subject);
            double before = cpu_ms();
            enum cw_match result = match(*state, rows[i].pattern, subject);
            print_message("%s of %zu: %.2f ms\n", rows[i].pattern, sizes[j], cpu_ms() - before);
            if (result != (rows[i].matches ? CW_MATCH_YES : CW_MATCH_NO))
                fail_msg("%s of %zu: %d", rows[i].pattern, sizes[j], result);
            free(text);
        }
    }
}

/* Slices begin at characters, and nothing between them is left out. */
static void a_match_is_found_wherever_it_begins(void **state)
{
    struct cw_pattern *pattern = pattern_of("x\xE2\x82\xAC");
    size_t size = 3 * 30000;
    char *text = malloc(size);
    for (size_t i = 0; i < size; i++)
        text[i] = "\xE2\x82\xAC"[i % 3];
    for (size_t at = 0; at < size; at += 3 * 997) {
        memcpy(text + at, "yyx", 3);
        cw_matcher_begin(*state);
        bool has_more = at + 3 < size;
        assert_int_equal(cw_matcher_match(*state, pattern, cw_bytes_make(text, size)),
                         has_more ? CW_MATCH_YES : CW_MATCH_NO);
        memcpy(text + at, "\xE2\x82\xAC", 3);
    }
    free(text);
    cw_pattern_destroy(pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_mean_what_they_mean_in_javascript),
        cmocka_unit_test(bad_patterns_are_refused_with_their_place),
        cmocka_unit_test(evil_texts_end_soon_and_do_not_match),
        cmocka_unit_test(all_texts_of_a_message_share_its_time),
        cmocka_unit_test(long_texts_match_patterns_that_are_linear),
        cmocka_unit_test(a_match_is_found_wherever_it_begins),
    };
    return cmocka_run_group_tests(tests, create, destroy);
}
