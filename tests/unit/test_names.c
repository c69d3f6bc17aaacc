/* test_names.c - names.c: alphabets, bounds, keys, positions, globs. */
#include "base/clock.h"
#include "names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef bool (*valid_fn)(struct cw_bytes name);

/* Each of the 256 bytes alone and in the middle of a name is valid if and only if it is in `others`
 * or a letter or digit; `max` bytes are the most. */
static void check_alphabet(valid_fn is_valid, const char *others, size_t max)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= '0' && byte <= '9');
        bool wanted = is_plain || (byte != 0 && strchr(others, (int)byte) != NULL);
        char name[3] = {(char)byte, (char)byte, (char)byte};
        assert_int_equal(is_valid(cw_bytes_make(name, 1)), wanted);
        name[0] = name[2] = 'a';
        assert_int_equal(is_valid(cw_bytes_make(name, 3)), wanted);
    }

    char longest[200];
    memset(longest, 'x', sizeof(longest));
    assert_false(is_valid(cw_bytes_make(longest, 0)));
    assert_false(is_valid(cw_bytes_make(NULL, 0)));
    assert_true(is_valid(cw_bytes_make(longest, 1)));
    assert_true(is_valid(cw_bytes_make(longest, max)));
    assert_false(is_valid(cw_bytes_make(longest, max + 1)));
    longest[max - 1] = ' ';
    assert_false(is_valid(cw_bytes_make(longest, max)));
}

static void group_names_have_their_alphabet_and_bound(void **state)
{
    (void)state;
    check_alphabet(cw_group_name_is_valid, "_.:@=/-", 128);
}

static void node_names_have_their_alphabet_and_bound(void **state)
{
    (void)state;
    check_alphabet(cw_node_name_is_valid, "_.-", 50);
}

static void prefixes_have_their_alphabet_and_bound(void **state)
{
    (void)state;
    check_alphabet(cw_prefix_is_valid, "_.:-", 32);
}

static void only_groups_of_users_are_reserved(void **state)
{
    (void)state;
    assert_true(cw_group_name_is_reserved(cw_bytes_text("user:")));
    assert_true(cw_group_name_is_reserved(cw_bytes_text("user:ann")));
    assert_false(cw_group_name_is_reserved(cw_bytes_text("user")));
    assert_false(cw_group_name_is_reserved(cw_bytes_text("users:ann")));
    assert_false(cw_group_name_is_reserved(cw_bytes_text("User:ann")));
    assert_false(cw_group_name_is_reserved(cw_bytes_text("a:user:ann")));
    assert_false(cw_group_name_is_reserved(cw_bytes_make(NULL, 0)));
}

static void uuids_are_lower_case_with_four_dashes(void **state)
{
    (void)state;
    static const char good[] = "0197a2c4-8f3a-7c61-9d55-3f0a4be1c2d7";
    assert_true(cw_uuid_is_valid(cw_bytes_text(good)));
    assert_true(cw_uuid_is_valid(cw_bytes_text("00000000-0000-0000-0000-000000000000")));
    assert_false(cw_uuid_is_valid(cw_bytes_text("0197A2C4-8F3A-7C61-9D55-3F0A4BE1C2D7")));
    assert_false(cw_uuid_is_valid(cw_bytes_text("0197a2c48f3a7c619d553f0a4be1c2d7")));
    assert_false(cw_uuid_is_valid(cw_bytes_text("{197a2c4-8f3a-7c61-9d55-3f0a4be1c2d}")));
    assert_false(cw_uuid_is_valid(cw_bytes_text("0197a2c4-8f3a-7c61-9d55-3f0a4be1c2d7a")));
    for (size_t size = 0; size < sizeof(good) - 1; size++)
        assert_false(cw_uuid_is_valid(cw_bytes_make(good, size)));
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        char bad[sizeof(good)];
        memcpy(bad, good, sizeof(bad));
        bad[i] = 'g';
        assert_false(cw_uuid_is_valid(cw_bytes_text(bad)));
        bad[i] = '-';
        assert_int_equal(cw_uuid_is_valid(cw_bytes_text(bad)), good[i] == '-');
    }
}

static void new_uuids_are_version_7_and_sort_by_time(void **state)
{
    (void)state;
    char first[CW_UUID_TEXT_SIZE];
    char second[CW_UUID_TEXT_SIZE];
    /* The time of RFC 9562's example in its appendix A.6. */
    cw_clock_freeze(0x017F22E279B0);
    for (int i = 0; i < 200; i++) {
        cw_uuid_generate(first);
        assert_int_equal(strlen(first), 36);
        assert_true(cw_uuid_is_valid(cw_bytes_text(first)));
        assert_memory_equal(first, "017f22e2-79b0-7", 15);
        assert_non_null(strchr("89ab", first[19]));
        cw_uuid_generate(second);
        assert_string_not_equal(first, second);
    }
    cw_clock_freeze(0x017F22E279B1);
    cw_uuid_generate(second);
    assert_true(strcmp(first, second) < 0);
    cw_clock_freeze(-1);
}

static void node_ids_are_the_name_and_eight_digits(void **state)
{
    (void)state;
    char name[CW_NODE_NAME_MAX + 1];
    memset(name, 'n', CW_NODE_NAME_MAX);
    name[CW_NODE_NAME_MAX] = '\0';
    char first[CW_NODE_ID_MAX];
    char second[CW_NODE_ID_MAX];
    cw_node_id_generate(name, first);
    cw_node_id_generate(name, second);
    assert_int_equal(strlen(first), CW_NODE_NAME_MAX + 9);
    assert_memory_equal(first, name, CW_NODE_NAME_MAX);
    assert_int_equal(first[CW_NODE_NAME_MAX], '.');
    assert_int_equal(strspn(first + CW_NODE_NAME_MAX + 1, "0123456789abcdef"), 8);
    assert_string_not_equal(first, second);
    /* A node id is a name in a key as well. */
    assert_true(cw_group_name_is_valid(cw_bytes_text(first)));
}

static void keys_of_the_largest_names_fit(void **state)
{
    (void)state;
    char prefix[CW_PREFIX_MAX + 1];
    char group[CW_GROUP_NAME_MAX];
    memset(prefix, 'p', CW_PREFIX_MAX);
    prefix[CW_PREFIX_MAX] = '\0';
    memset(group, 'g', sizeof(group));
    char key[CW_KEY_MAX];
    size_t size = cw_key_write(key, prefix, 'g', cw_bytes_make(group, sizeof(group)));
    assert_int_equal(size, CW_KEY_MAX - 1);
    assert_int_equal(strlen(key), size);
    assert_memory_equal(key + CW_PREFIX_MAX, ":{g:g", 5);
    assert_int_equal(key[size - 1], '}');
}

static void keys_name_their_kind_and_entity(void **state)
{
    (void)state;
    char key[CW_KEY_MAX];
    assert_int_equal(cw_key_write(key, "cw", 'g', cw_bytes_text("chat")), 11);
    assert_string_equal(key, "cw:{g:chat}");
    (void)cw_key_write(key, "a:b", 'c', cw_bytes_text("0197"));
    assert_string_equal(key, "a:b:{c:0197}");
    (void)cw_key_write(key, "cw", 'n', cw_bytes_text("node.1"));
    assert_string_equal(key, "cw:{n:node.1}");
}

static void group_comes_back_out_of_its_key(void **state)
{
    (void)state;
    static const char *const groups[] = {"chat", "x", "user:a=40b", "a/b:c", ":{g"};
    for (size_t i = 0; i < 4; i++) {
        char key[CW_KEY_MAX];
        size_t size = cw_key_write(key, "cw:x", 'g', cw_bytes_text(groups[i]));
        struct cw_bytes group = cw_key_group(cw_bytes_make(key, size), "cw:x");
        assert_true(cw_bytes_is(group, groups[i]));
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(cw_key_group(cw_bytes_make(key, cut), "cw:x").size, 0);
    }
}

static void other_keys_hold_no_group(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",          "cw",           "cw:all",       "cw:n:node.1",   "cw:{c:chat}",
        "cw:{g:}",   "cx:{g:chat}",  "cw:{g:chat",   "cw:{g:chat}:h", "cw:{g:a b}",
        "cw:{g:a}}", "xcw:{g:chat}", "cw2:{g:chat}", "cw:{g:{g:a}"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(cw_key_group(cw_bytes_text(others[i]), "cw").size, 0);

    char longest[CW_KEY_MAX + 1];
    int size = snprintf(longest, sizeof(longest), "cw:{g:%0129d}", 0);
    assert_int_equal(cw_key_group(cw_bytes_make(longest, (size_t)size), "cw").size, 0);
}

static void positions_come_back_as_they_were(void **state)
{
    (void)state;
    static const struct cw_position positions[] = {
        {0, 0}, {0, 1}, {1764064800123456U, 42}, {UINT64_MAX, UINT64_MAX}, {10, 100}};
    for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
        char text[CW_POSITION_TEXT_SIZE];
        size_t size = cw_position_write(text, positions[i]);
        assert_int_equal(strlen(text), size);
        struct cw_position parsed;
        assert_true(cw_position_parse(cw_bytes_make(text, size), &parsed));
        assert_int_equal(cw_position_compare(parsed, positions[i]), 0);
    }
    char text[CW_POSITION_TEXT_SIZE];
    assert_int_equal(cw_position_write(text, positions[3]), CW_POSITION_TEXT_SIZE - 1);
    assert_string_equal(text, "18446744073709551615-18446744073709551615");
}

static void anything_else_is_no_position(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-",
                                      "1",
                                      "1-",
                                      "-1",
                                      "1--1",
                                      "1-1-1",
                                      " 1-1",
                                      "1-1 ",
                                      "+1-1",
                                      "1-+1",
                                      "01-1",
                                      "1-01",
                                      "00-0",
                                      "0-00",
                                      "a-1",
                                      "1-a",
                                      "0x1-1",
                                      "1.0-1",
                                      "1-1\n",
                                      "1_1",
                                      "18446744073709551616-1",
                                      "1-18446744073709551616",
                                      "99999999999999999999-1",
                                      "1-184467440737095516150"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cw_position position = {3, 4};
        if (cw_position_parse(cw_bytes_text(bad[i]), &position))
            fail_msg("\"%s\"", bad[i]);
        assert_int_equal(position.epoch, 3);
        assert_int_equal(position.offset, 4);
    }
    struct cw_position position;
    assert_false(cw_position_parse(cw_bytes_make("1-1\0", 4), &position));
    assert_false(cw_position_parse(cw_bytes_make(NULL, 0), &position));
    /* Only the given bytes are read. */
    assert_true(cw_position_parse(cw_bytes_make("1-234", 3), &position));
    assert_int_equal(position.offset, 2);
}

static void positions_are_ordered_by_epoch_then_offset(void **state)
{
    (void)state;
    struct cw_position low = {1, 9};
    struct cw_position high = {2, 1};
    struct cw_position higher = {2, 2};
    assert_true(cw_position_compare(low, high) < 0);
    assert_true(cw_position_compare(higher, high) > 0);
    assert_int_equal(cw_position_compare(high, high), 0);
}

static bool matches(const char *pattern, const char *text)
{
    return cw_glob_matches(cw_bytes_text(pattern), cw_bytes_text(text));
}

static void star_matches_any_run_and_nothing_else_is_special(void **state)
{
    (void)state;
    assert_true(matches("", ""));
    assert_true(matches("*", ""));
    assert_true(matches("*", "anything at all"));
    assert_true(matches("***", "x"));
    assert_true(matches("chat.*", "chat."));
    assert_true(matches("chat.*", "chat.a.b"));
    assert_true(matches("*.log", "a.log.log"));
    assert_true(matches("a*b*c", "a-b-b-c-c"));
    assert_true(matches("*a*", "bab"));
    assert_true(matches("?[a]\\", "?[a]\\"));
    assert_true(cw_glob_matches(cw_bytes_make("a*\0", 3), cw_bytes_make("ab\0", 3)));

    assert_false(matches("", "a"));
    assert_false(matches("a", ""));
    assert_false(matches("chat.*", "chat"));
    assert_false(matches("chat", "chat2"));
    assert_false(matches("*.log", "a.log2"));
    assert_false(matches("a*b*c", "a-c-b"));
    assert_false(matches("?", "a"));
    assert_false(matches("A*", "a"));
}

static void globs_agree_with_the_obvious_definition(void **state)
{
    (void)state;
    /* All patterns of up to 4 and texts of up to 5 over {a, b}: match[p][t] by the suffixes. */
    static const char alphabet[] = "ab*";
    for (unsigned p = 0; p < 81; p++) {
        char pattern[4] = {alphabet[p % 3], alphabet[p / 3 % 3], alphabet[p / 9 % 3],
                           alphabet[p / 27 % 3]};
        for (unsigned t = 0; t < 32; t++) {
            char text[5];
            for (unsigned i = 0; i < 5; i++)
                text[i] = (t >> i & 1U) != 0 ? 'b' : 'a';
            bool match[5][6] = {{false}};
            match[4][5] = true;
            for (size_t i = 4; i-- > 0;) {
                for (size_t j = 6; j-- > 0;) {
                    bool here = j < 5 && pattern[i] == text[j] && match[i + 1][j + 1];
                    bool star =
                        pattern[i] == '*' && (match[i + 1][j] || (j < 5 && match[i][j + 1]));
                    match[i][j] = here || star;
                }
            }
            for (size_t i = 0; i <= 4; i++) {
                for (size_t j = 0; j <= 5; j++) {
                    bool found = cw_glob_matches(cw_bytes_make(pattern + i, 4 - i),
                                                 cw_bytes_make(text + j, 5 - j));
                    assert_int_equal(found, match[i][j]);
                }
            }
        }
    }
}

static void many_stars_stay_cheap(void **state)
{
    (void)state;
    /* Trying every split would take longer than the universe has. */
    char pattern[129];
    char text[4097];
    for (size_t i = 0; i < 128; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    pattern[127] = 'b';
    pattern[128] = '\0';
    memset(text, 'a', 4096);
    text[4096] = '\0';
    assert_false(matches(pattern, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(group_names_have_their_alphabet_and_bound),
        cmocka_unit_test(node_names_have_their_alphabet_and_bound),
        cmocka_unit_test(prefixes_have_their_alphabet_and_bound),
        cmocka_unit_test(only_groups_of_users_are_reserved),
        cmocka_unit_test(uuids_are_lower_case_with_four_dashes),
        cmocka_unit_test(new_uuids_are_version_7_and_sort_by_time),
        cmocka_unit_test(node_ids_are_the_name_and_eight_digits),
        cmocka_unit_test(keys_of_the_largest_names_fit),
        cmocka_unit_test(keys_name_their_kind_and_entity),
        cmocka_unit_test(group_comes_back_out_of_its_key),
        cmocka_unit_test(other_keys_hold_no_group),
        cmocka_unit_test(positions_come_back_as_they_were),
        cmocka_unit_test(anything_else_is_no_position),
        cmocka_unit_test(positions_are_ordered_by_epoch_then_offset),
        cmocka_unit_test(star_matches_any_run_and_nothing_else_is_special),
        cmocka_unit_test(globs_agree_with_the_obvious_definition),
        cmocka_unit_test(many_stars_stay_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
