/* test_log.c - base/log.c: both formats, escapes, and lines that are too long. */
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TIME      "2025-11-25T10:00:00.123Z"
#define TEXT_HEAD TIME " INFO "
#define JSON_HEAD "{\"time\":\"" TIME "\",\"level\":\"info\""

struct captured {
    char line[CW_LOG_LINE_MAX + 1];
    size_t size;
    unsigned count;
};
static struct captured captured;

static void capture(void *arg, const char *line, size_t size)
{
    struct captured *to = arg;
    assert_true(size <= CW_LOG_LINE_MAX);
    memcpy(to->line, line, size);
    to->line[size] = '\0';
    to->size = size;
    to->count++;
}

static int begin(void **state)
{
    (void)state;
    memset(&captured, 0, sizeof(captured));
    cw_log_set_sink(capture, &captured);
    cw_log_init(CW_LOG_INFO, CW_LOG_TEXT);
    cw_clock_freeze(1764064800123);
    return 0;
}

static int end(void **state)
{
    (void)state;
    cw_log_set_sink(NULL, NULL);
    cw_clock_freeze(-1);
    return 0;
}

static void describe(const void *object, char *text, size_t size)
{
    (void)snprintf(text, size, "%s", (const char *)object);
}

static struct cw_log_object about(const char *words)
{
    struct cw_log_object object = {words, describe};
    return object;
}

static void text_has_time_level_object_and_message(void **state)
{
    (void)state;
    cw_log_warn(about("channel=8f3a address=10.0.0.7:51514"), "closing: %zu unsent bytes",
                (size_t)1048);
    assert_string_equal(captured.line, TIME " WARN channel=8f3a address=10.0.0.7:51514 closing: "
                                            "1048 unsent bytes\n");
    cw_log_error(cw_log_node(), "gone");
    assert_string_equal(captured.line, TIME " ERROR gone\n");
    assert_int_equal(captured.count, 2);
}

static void json_has_the_words_of_the_object_as_members(void **state)
{
    (void)state;
    cw_log_init(CW_LOG_DEBUG, CW_LOG_JSON);
    cw_log_debug(about("channel=8f3a  url=a=b loose ="), "%s", "x");
    assert_string_equal(captured.line,
                        "{\"time\":\"" TIME "\",\"level\":\"debug\",\"channel\":\"8f3a\","
                        "\"url\":\"a=b\",\"about\":\"loose\",\"about\":\"=\",\"message\":\"x\"}\n");
    cw_log_info(cw_log_node(), "y");
    assert_string_equal(captured.line, JSON_HEAD ",\"message\":\"y\"}\n");
}

static void lower_levels_are_silent_and_not_even_described(void **state)
{
    (void)state;
    static const enum cw_log_level levels[] = {CW_LOG_DEBUG, CW_LOG_INFO, CW_LOG_WARN,
                                               CW_LOG_ERROR};
    for (unsigned i = 0; i < 4; i++) {
        captured.count = 0;
        cw_log_init(levels[i], CW_LOG_TEXT);
        cw_log_debug(cw_log_node(), "1");
        cw_log_info(cw_log_node(), "2");
        cw_log_warn(cw_log_node(), "3");
        cw_log_error(cw_log_node(), "4");
        assert_int_equal(captured.count, 4 - i);
        assert_int_equal(cw_log_is_on(CW_LOG_WARN), i <= 2);
    }
}

static void forged_lines_and_terminal_codes_are_escaped(void **state)
{
    (void)state;
    cw_log_info(about("user=a\nb"), "%s", "x\r\n\t\x1b[2J\x7f\xc2\x9b\xc2\xa0 \\ \"");
    assert_string_equal(captured.line, TEXT_HEAD "user=a\\nb x\\u000d\\n\\t\\u001b[2J\\u007f\\u009b"
                                                 "\xc2\xa0 \\ \"\n");
    cw_log_init(CW_LOG_INFO, CW_LOG_JSON);
    cw_log_info(about("us\"er=a\"b"), "%s", "x\r\n\t\x1b[2J\x7f\xc2\x9b\xc2\xa0 \\ \"");
    assert_string_equal(captured.line,
                        JSON_HEAD ",\"us\\\"er\":\"a\\\"b\",\"message\":\"x\\u000d\\n\\t\\u001b[2J"
                                  "\\u007f\\u009b\xc2\xa0 \\\\ \\\"\"}\n");
}

static void bytes_that_are_no_utf8_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *text;
    } rows[] = {
        {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"},
        {"\xe0\xa0\x80\xf0\x90\x80\x80", "\xe0\xa0\x80\xf0\x90\x80\x80"},
        {"\x80", "\\x80"},
        {"\xff"
         "a",
         "\\xff"
         "a"},
        {"\xc3", "\\xc3"},
        {"\xc3(", "\\xc3("},
        {"\xc1\xbf", "\\xc1\\xbf"},                   /* too long a form of 0x7f */
        {"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"},          /* too long a form */
        {"\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"}, /* too long a form */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* a surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},
        {"\xe2\x82", "\\xe2\\x82"},
        {"\xe2\x82"
         "b",
         "\\xe2\\x82"
         "b"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char expected[100];
        (void)snprintf(expected, sizeof(expected), TEXT_HEAD "%s\n", rows[i].text);
        cw_log_info(cw_log_node(), "%s", rows[i].bytes);
        assert_string_equal(captured.line, expected);
    }
    cw_log_init(CW_LOG_INFO, CW_LOG_JSON);
    cw_log_info(cw_log_node(), "%s", "\xff!");
    assert_string_equal(captured.line, JSON_HEAD ",\"message\":\"\\\\xff!\"}\n");
}

static void long_text_is_cut_past_the_bound(void **state)
{
    (void)state;
    char message[5000];
    size_t room = CW_LOG_LINE_MAX - 6 - strlen(TEXT_HEAD);
    memset(message, 'm', sizeof(message));
    message[room] = '\0';
    cw_log_info(cw_log_node(), "%s", message);
    assert_int_equal(captured.size, CW_LOG_LINE_MAX - 5);
    assert_memory_equal(captured.line + captured.size - 3, "mm\n", 3);

    message[room] = 'm';
    message[room + 1] = '\0';
    cw_log_info(cw_log_node(), "%s", message);
    assert_int_equal(captured.size, CW_LOG_LINE_MAX - 2);
    assert_memory_equal(captured.line + captured.size - 6, "mm...\n", 6);

    message[room + 1] = 'm';
    message[sizeof(message) - 1] = '\0';
    cw_log_info(cw_log_node(), "%s", message);
    assert_int_equal(captured.size, CW_LOG_LINE_MAX - 2);
}

static void cut_json_is_still_json(void **state)
{
    (void)state;
    cw_log_init(CW_LOG_INFO, CW_LOG_JSON);
    char message[5000];
    size_t room = CW_LOG_LINE_MAX - 6 - strlen(JSON_HEAD ",\"message\":\"");
    memset(message, 'm', sizeof(message));
    message[room] = '\0';
    cw_log_info(cw_log_node(), "%s", message);
    assert_int_equal(captured.size, CW_LOG_LINE_MAX - 3);
    assert_memory_equal(captured.line + captured.size - 5, "mm\"}\n", 5);
    message[room] = 'm';
    message[room + 1] = '\0';
    cw_log_info(cw_log_node(), "%s", message);
    assert_int_equal(captured.size, CW_LOG_LINE_MAX);
    assert_memory_equal(captured.line + captured.size - 8, "mm...\"}\n", 8);
}

static void cut_falls_between_characters_and_escapes(void **state)
{
    (void)state;
    static const char *const units[] = {"\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x01", "\xff", "\""};
    cw_log_init(CW_LOG_INFO, CW_LOG_JSON);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        /* Each shift puts the bound at another byte of the unit. */
        for (size_t shift = 0; shift < 8; shift++) {
            char message[3000] = "";
            memset(message, '.', shift);
            size_t size = shift;
            while (size + 4 < sizeof(message)) {
                memcpy(message + size, units[i], strlen(units[i]));
                size += strlen(units[i]);
            }
            message[size] = '\0';
            cw_log_info(cw_log_node(), "%.*s", (int)(shift + strlen(units[i])), message);
            struct captured one = captured;
            const char *unit = strstr(one.line, "\"message\":\"") + 11 + shift;
            size_t unit_size = strlen(unit) - 3;

            cw_log_info(cw_log_node(), "%s", message);
            assert_true(captured.size > CW_LOG_LINE_MAX - 8);
            assert_memory_equal(captured.line + captured.size - 6, "...\"}\n", 6);
            assert_memory_equal(captured.line + captured.size - 6 - unit_size, unit, unit_size);
        }
    }
}

static void longest_object_leaves_room_for_the_message(void **state)
{
    (void)state;
    cw_log_init(CW_LOG_INFO, CW_LOG_JSON);
    char words[600];
    memset(words, '\x01', sizeof(words));
    words[0] = 'k';
    words[1] = '=';
    words[sizeof(words) - 1] = '\0';
    cw_log_info(about(words), "message");
    assert_non_null(strstr(captured.line, "\",\"message\":\"message\"}\n"));
}

static void errno_is_left_alone(void **state)
{
    (void)state;
    errno = ENOSPC;
    cw_log_info(cw_log_node(), "%s", "x");
    assert_int_equal(errno, ENOSPC);
}

static void lines_go_to_stderr_without_a_sink(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    cw_log_set_sink(NULL, NULL);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    cw_log_info(cw_log_node(), "to stderr");
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    (void)close(ends[1]);
    (void)close(saved);

    char line[100] = "";
    ssize_t size = read(ends[0], line, sizeof(line) - 1);
    (void)close(ends[0]);
    assert_true(size > 0);
    assert_string_equal(line, TEXT_HEAD "to stderr\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_has_time_level_object_and_message, begin, end),
        cmocka_unit_test_setup_teardown(json_has_the_words_of_the_object_as_members, begin, end),
        cmocka_unit_test_setup_teardown(lower_levels_are_silent_and_not_even_described, begin, end),
        cmocka_unit_test_setup_teardown(forged_lines_and_terminal_codes_are_escaped, begin, end),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_utf8_are_escaped, begin, end),
        cmocka_unit_test_setup_teardown(long_text_is_cut_past_the_bound, begin, end),
        cmocka_unit_test_setup_teardown(cut_json_is_still_json, begin, end),
        cmocka_unit_test_setup_teardown(cut_falls_between_characters_and_escapes, begin, end),
        cmocka_unit_test_setup_teardown(longest_object_leaves_room_for_the_message, begin, end),
        cmocka_unit_test_setup_teardown(errno_is_left_alone, begin, end),
        cmocka_unit_test_setup_teardown(lines_go_to_stderr_without_a_sink, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
