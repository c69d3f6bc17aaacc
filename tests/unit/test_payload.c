/*
 * test_payload.c - payloads of commands and of raw frames: the very bytes of `data`, strings,
 * base64, depth, sizes, and frames cut at every byte.
 */
#include "command_case.h"
#include "protocol/base64.h"
#include "protocol/utf8.h"

#include <yyjson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_payload(const struct command_case *fixture, enum cw_payload_type type,
                           struct cw_bytes expected)
{
    struct cw_bytes payload = fixture->command.payload;
    assert_int_equal(fixture->command.payload_type, type);
    if (!cw_bytes_equal(payload, expected))
        fail_msg("'%.*s' instead of '%.*s'", (int)payload.size, payload.data, (int)expected.size,
                 expected.data);
}

static void data_is_forwarded_as_it_was_written(void **state)
{
    static const char *const values[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-0.0",
        "1.0",
        "1.50",
        "1e400",
        "-1E+0400",
        "1e-999",
        "18446744073709551616",
        "123456789012345678901234567890.12345678901234567890",
        "0.1000000000000000055511151231257827021181583404541015625",
        "\"\"",
        "\"a\\u0061\\/\\n\"",
        "\"\\\"\"",
        "\"\\\\\"",
        "\"\\\\\\\"}]\"",
        "\"\xF0\x9F\x98\x80\\ud83d\\ude00\"",
        "\"\\u0000\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1 ,2,\t3\r\n]",
        "{\"b\":1,\"a\":2,\"b\":3}",
        "{\"z\":{\"y\":[{\"x\":\"}\"},\"]\"]}}",
        "{\"data\":{\"data\":1},\"op\":2}",
        "[\"[\",\"{\",\"\\\"[\"]",
        "[[],{},[{}]]",
    };
    static const char *const formats[] = {
        "{\"op\":\"message\",\"data\":%s}",
        "{\"data\":%s,\"op\":\"message\"}",
        " { \"x\" : \"\\\"data\\\":1\" , \"data\" : %s , \"y\" : [ { } ] , \"op\" : \"message\" } ",
        "{\"x\":\"\\\\\",\"data\"\n:\n%s\n,\"op\":\"message\"}",
    };
    struct command_case *fixture = *state;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (size_t j = 0; j < sizeof(formats) / sizeof(formats[0]); j++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            char *frame = command_case_format(formats[j], values[i]);
#pragma GCC diagnostic pop
            command_case_accept(fixture, frame);
            assert_payload(fixture, CW_PAYLOAD_JSON, cw_bytes_text(values[i]));
            free(frame);
        }
    }
}

static void text_and_bytes_are_decoded(void **state)
{
    struct command_case *fixture = *state;
    static const struct {
        const char *field;
        enum cw_payload_type type;
        const char *bytes;
        size_t size;
    } rows[] = {
        {"\"text\":\"\"", CW_PAYLOAD_TEXT, "", 0},
        {"\"text\":\"a\\n\\u00e9\\u0000\\ud83d\\ude00\"", CW_PAYLOAD_TEXT,
         "a\n\xC3\xA9\0\xF0\x9F\x98\x80", 9},
        {"\"text\":\"\xC3\xA9\"", CW_PAYLOAD_TEXT, "\xC3\xA9", 2},
        {"\"bytes\":\"\"", CW_PAYLOAD_BYTES, "", 0},
        {"\"bytes\":\"AA==\"", CW_PAYLOAD_BYTES, "\0", 1},
        {"\"bytes\":\"AAE=\"", CW_PAYLOAD_BYTES, "\0\1", 2},
        {"\"bytes\":\"AAEC\"", CW_PAYLOAD_BYTES, "\0\1\2", 3},
        {"\"bytes\":\"+/+\\/\"", CW_PAYLOAD_BYTES, "\xFB\xFF\xBF", 3},
        {"\"bytes\":\"Zm9vYmFy\"", CW_PAYLOAD_BYTES, "foobar", 6},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *frame = command_case_format("{\"op\":\"message\",%s}", rows[i].field);
        command_case_accept(fixture, frame);
        assert_payload(fixture, rows[i].type, cw_bytes_make(rows[i].bytes, rows[i].size));
        free(frame);
    }
}

static void payloads_of_the_wrong_kind_are_bad_payloads(void **state)
{
    struct command_case *fixture = *state;
    static const char *const fields[] = {
        "\"text\":5",
        "\"text\":null",
        "\"text\":[]",
        "\"text\":{}",
        "\"text\":true",
        "\"bytes\":5",
        "\"bytes\":null",
        "\"bytes\":[0]",
        "\"bytes\":\"A\"",
        "\"bytes\":\"AA\"",
        "\"bytes\":\"AAA\"",
        "\"bytes\":\"AA=\"",
        "\"bytes\":\"A===\"",
        "\"bytes\":\"====\"",
        "\"bytes\":\"AB==\"",
        "\"bytes\":\"AAF=\"",
        "\"bytes\":\"AA==AAAA\"",
        "\"bytes\":\"AA=A\"",
        "\"bytes\":\"-_AA\"",
        "\"bytes\":\"AA A\"",
        "\"bytes\":\"AAAA\\n\"",
        "\"bytes\":\" AAAA\"",
        "\"bytes\":\"AAAA \"",
        "\"bytes\":\"   \"",
        "\"bytes\":\"AA==\\n\\n\\n\\n\"",
        "\"bytes\":\"A\xC3\xA9=\"",
        "\"bytes\":\"AA\\u0000A\"",
    };
    static const char *const starts[] = {
        "\"op\":\"message\"", "\"op\":\"publish\",\"group\":\"g\"",
        "\"op\":\"send\",\"to\":\"0192f3a1-7b2c-7d3e-8f40-0123456789ab\""};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        for (size_t j = 0; j < sizeof(starts) / sizeof(starts[0]); j++) {
            char *frame = command_case_format("{%s,%s,\"id\":1}", starts[j], fields[i]);
            command_case_refuse(fixture, frame, CW_ERR_PAYLOAD);
            assert_int_equal(fixture->error.id.type, CW_ID_INTEGER);
            free(frame);
        }
    }
}

static void exactly_one_payload_is_wanted(void **state)
{
    static const char *const frames[] = {
        "{\"op\":\"message\"}",
        "{\"op\":\"message\",\"data\":1,\"text\":\"a\"}",
        "{\"op\":\"message\",\"data\":1,\"bytes\":\"\"}",
        "{\"op\":\"message\",\"text\":\"a\",\"bytes\":\"\"}",
        "{\"op\":\"message\",\"data\":1,\"text\":\"a\",\"bytes\":\"\"}",
        "{\"op\":\"message\",\"text\":5,\"bytes\":5}",
        "{\"op\":\"message\",\"data\":1,\"data\":1}",
        "{\"op\":\"publish\",\"group\":\"g\"}",
        "{\"op\":\"send\",\"to\":\"0192f3a1-7b2c-7d3e-8f40-0123456789ab\"}",
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
        command_case_refuse(*state, frames[i], CW_ERR_INVALID);
}

static char *nested(size_t depth)
{
    char *text = command_case_repeat('[', 2 * depth);
    memset(text + depth, ']', depth);
    /* Objects count like arrays. */
    return text;
}

static void payloads_are_64_deep_at_most(void **state)
{
    struct command_case *fixture = *state;
    static const struct {
        const char *start, *end;
        bool is_payload;
    } rows[] = {
        {"{\"op\":\"message\",\"data\":", "}", true},
        {"{\"data\":", ",\"op\":\"message\",\"id\":3}", true},
        {"{\"op\":\"message\",\"data\":1,\"unknown\":", "}", false},
        {"{\"op\":\"join\",\"group\":\"g\",\"since\":{\"epoch\":\"1\",\"offset\":1,\"x\":", "}}",
         false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t own = i == 3; /* `since` itself is one level */
        char *deepest = nested(64 - own);
        char *frame = command_case_format("%s%s%s", rows[i].start, deepest, rows[i].end);
        command_case_accept(fixture, frame);
        free(frame);
        frame = command_case_format("%s[%s]%s", rows[i].start, deepest, rows[i].end);
        command_case_refuse(fixture, frame, rows[i].is_payload ? CW_ERR_PAYLOAD : CW_ERR_INVALID);
        free(frame);
        frame = command_case_format("%s{\"k\":%s}%s", rows[i].start, deepest, rows[i].end);
        command_case_refuse(fixture, frame, rows[i].is_payload ? CW_ERR_PAYLOAD : CW_ERR_INVALID);
        free(frame);
        free(deepest);
    }
}

static void brackets_inside_strings_are_not_depth(void **state)
{
    char *brackets = command_case_repeat('[', 200);
    char *frame =
        command_case_format("{\"op\":\"message\",\"data\":[\"%s\\\"%s\"]}", brackets, brackets);
    command_case_accept(*state, frame);
    free(frame);
    free(brackets);
}

static void depth_of_a_whole_message_of_brackets_is_refused(void **state)
{
    struct command_case *fixture = *state;
    char *brackets = command_case_repeat('[', CASE_MAX_MESSAGE);
    command_case_refuse(fixture, brackets, CW_ERR_INVALID);
    memset(brackets + CASE_MAX_MESSAGE / 2, ']', CASE_MAX_MESSAGE / 2);
    command_case_refuse(fixture, brackets, CW_ERR_INVALID);
    assert_false(cw_json_is_valid(fixture->parser, cw_bytes_text(brackets)));
    free(brackets);
}

/* The worst for memory: the most values in the fewest bytes. */
static void message_of_the_largest_size_is_parsed_and_one_byte_more_is_not(void **state)
{
    struct command_case *fixture = *state;
    static const char start[] = "{\"op\":\"message\",\"data\":[1";
    char *frame = command_case_repeat(',', CASE_MAX_MESSAGE + 1);

    for (size_t i = 0; i < CASE_MAX_MESSAGE; i += 2)
        frame[i] = '1';
    memcpy(frame, start, sizeof(start) - 1);
    if (frame[sizeof(start) - 1] == '1')
        frame[sizeof(start) - 1] = ' ';
    memcpy(frame + CASE_MAX_MESSAGE - 4, "1 ]}", 4);
    frame[CASE_MAX_MESSAGE - 5] = ',';
    frame[CASE_MAX_MESSAGE] = ' ';
    assert_int_equal(command_case_parse(fixture, cw_bytes_make(frame, CASE_MAX_MESSAGE)), CW_OK);
    assert_int_equal(command_case_parse(fixture, cw_bytes_make(frame, CASE_MAX_MESSAGE + 1)),
                     CW_ERR_INVALID);
    free(frame);
}

static void payloads_over_one_mebibyte_are_too_large(void **state)
{
    (void)state;
    size_t max_message = 3 * (size_t)CW_PAYLOAD_SIZE_MAX;
    struct cw_command_parser *parser = cw_command_parser_create(max_message);
    assert_non_null(parser);
    char *fill = command_case_repeat('A', CW_PAYLOAD_SIZE_MAX + 4);
    static const struct {
        const char *format;
        size_t size; /* of the fill that makes a payload of the largest size */
        size_t more; /* of a fill that makes it larger */
    } rows[] = {
        {"{\"op\":\"message\",\"text\":\"%.*s\",\"id\":1}", CW_PAYLOAD_SIZE_MAX, 1},
        {"{\"op\":\"message\",\"data\":\"%.*s\",\"id\":1}", CW_PAYLOAD_SIZE_MAX - 2, 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t more = 0; more <= rows[i].more; more++) {
            struct cw_command command;
            struct cw_command_error error;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            char *frame = command_case_format(rows[i].format, (int)(rows[i].size + more), fill);
#pragma GCC diagnostic pop
            int rc = cw_command_parse(parser, CW_KIND_JSON, cw_bytes_text(frame), &command, &error);
            assert_int_equal(rc, more == 0 ? CW_OK : CW_ERR_TOO_LARGE);
            assert_int_equal(more == 0 ? command.id.type : error.id.type, CW_ID_INTEGER);
            free(frame);
        }
    }

    struct cw_command_error error;
    struct cw_bytes raw = cw_bytes_make(fill, CW_PAYLOAD_SIZE_MAX);
    assert_int_equal(cw_command_check_raw(parser, CW_PAYLOAD_BYTES, true, raw, &error), CW_OK);
    assert_int_equal(cw_command_check_raw(parser, CW_PAYLOAD_TEXT, false, raw, &error), CW_OK);
    raw.size++;
    assert_int_equal(cw_command_check_raw(parser, CW_PAYLOAD_BYTES, true, raw, &error),
                     CW_ERR_TOO_LARGE);
    assert_int_equal(cw_command_check_raw(parser, CW_PAYLOAD_TEXT, false, raw, &error),
                     CW_ERR_TOO_LARGE);
    free(fill);
    cw_command_parser_destroy(parser);
}

static void bad_strings_are_refused_where_they_are(void **state)
{
    struct command_case *fixture = *state;
    static const struct {
        const char *frame;
        int error;
        enum cw_id_type id;
    } rows[] = {
        {"{\"op\":\"message\",\"data\":\"\\ud800\",\"id\":1}", CW_ERR_PAYLOAD, CW_ID_INTEGER},
        {"{\"op\":\"message\",\"data\":\"\\udc00\",\"id\":1}", CW_ERR_PAYLOAD, CW_ID_INTEGER},
        {"{\"op\":\"message\",\"data\":\"\\uDBFFx\",\"id\":1}", CW_ERR_PAYLOAD, CW_ID_INTEGER},
        {"{\"op\":\"message\",\"data\":\"\\ud83d\\ud83d\\ude00\",\"id\":1}", CW_ERR_PAYLOAD,
         CW_ID_INTEGER},
        {"{\"op\":\"message\",\"data\":[{\"\\udfff\":1}],\"id\":1}", CW_ERR_PAYLOAD, CW_ID_INTEGER},
        {"{\"op\":\"message\",\"text\":\"\\ud800\",\"id\":1}", CW_ERR_PAYLOAD, CW_ID_INTEGER},
        {"{\"op\":\"message\",\"text\":\"\xFF\",\"id\":1}", CW_ERR_PAYLOAD, CW_ID_INTEGER},
        {"{\"op\":\"message\",\"text\":\"\xED\xA0\x80\",\"id\":1}", CW_ERR_PAYLOAD, CW_ID_INTEGER},
        {"{\"op\":\"message\",\"text\":\"\xC0\xAF\",\"id\":1}", CW_ERR_PAYLOAD, CW_ID_INTEGER},
        {"{\"op\":\"message\",\"data\":\"a\nb\",\"id\":1}", CW_ERR_PAYLOAD, CW_ID_INTEGER},
        {"{\"op\":\"ping\",\"x\":\"a\nb\",\"id\":1}", CW_ERR_INVALID, CW_ID_INTEGER},
        {"{\"op\":\"message\",\"text\":\"a\",\"x\":\"\\ud800\",\"id\":1}", CW_ERR_INVALID,
         CW_ID_INTEGER},
        {"{\"op\":\"ping\",\"data\":\"\\ud800\",\"id\":1}", CW_ERR_INVALID, CW_ID_INTEGER},
        {"{\"op\":\"join\",\"group\":\"\\ud800\",\"id\":\"a\"}", CW_ERR_INVALID, CW_ID_STRING},
        {"{\"op\":\"\\ud800\",\"id\":1}", CW_ERR_INVALID, CW_ID_INTEGER},
        {"{\"op\":\"ping\",\"id\":\"\\ud800\"}", CW_ERR_INVALID, CW_ID_NONE},
        {"{\"op\":\"ping\",\"id\":\"\xFF\"}", CW_ERR_INVALID, CW_ID_NONE},
        {"{\"op\":\"ping\",\"id\":1,\"x\":\"\\ud8\"}", CW_ERR_INVALID, CW_ID_NONE},
        {"{\"op\":\"ping\",\"id\":1,\"x\":\"\\ud800", CW_ERR_INVALID, CW_ID_NONE},
        {"\"\\ud800\"", CW_ERR_INVALID, CW_ID_NONE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        command_case_refuse(fixture, rows[i].frame, rows[i].error);
        if (fixture->error.id.type != rows[i].id)
            fail_msg("id: %s", rows[i].frame);
    }
}

static void frames_cut_anywhere_are_refused(void **state)
{
    struct command_case *fixture = *state;
    static const char *const frames[] = {
        "{\"op\":\"publish\",\"id\":\"\\u00e9\",\"group\":\"g\",\"key\":\"k\",\"echo\":false,"
        "\"data\":{\"a\":[1.0,1e400,\"\\\\\\\"\\ud83d\\ude00\xF0\x9F\x98\x80\"],\"b\":null}}",
        "{\"op\":\"since\",\"direct\":{\"epoch\":\"1\",\"offset\":2},"
        "\"groups\":{\"a\":{\"epoch\":\"3\",\"offset\":4},\"b\":{\"epoch\":\"5\",\"offset\":6}}}",
        "{\"bytes\":\"AAECAw==\",\"op\":\"message\",\"id\":9007199254740992}",
        "{\"op\":\"message\",\"data\":\"\\ud800\",\"x\":\"\\\\\\udfff\xFF\"}",
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        for (size_t size = 0; size < strlen(frames[i]); size++) {
            struct cw_bytes cut = cw_bytes_make(frames[i], size);
            assert_int_equal(command_case_parse(fixture, cut), CW_ERR_INVALID);
        }
    }
}

/* Whatever one byte becomes, the parser answers and stays whole. */
static void frames_with_any_byte_changed_are_answered(void **state)
{
    struct command_case *fixture = *state;
    static const char frame[] = "{\"op\":\"send\",\"to\":\"0192f3a1-7b2c-7d3e-8f40-0123456789ab\","
                                "\"id\":7,\"data\":[{\"a\":\"\\ud83d\\ude00\"},-1.5e3,true]}";
    char changed[sizeof(frame)];

    for (size_t i = 0; i < sizeof(frame) - 1; i++) {
        for (int byte = 0; byte < 256; byte++) {
            memcpy(changed, frame, sizeof(frame));
            changed[i] = (char)(unsigned char)byte;
            int rc = command_case_parse(fixture, cw_bytes_make(changed, sizeof(frame) - 1));
            assert_true(rc == CW_OK || rc == CW_ERR_INVALID || rc == CW_ERR_PAYLOAD);
            if (rc == CW_OK)
                assert_true(fixture->command.payload.size > 0);
        }
    }
    command_case_accept(fixture, frame);
}

static void raw_frames_are_read_by_the_type_of_their_channel(void **state)
{
    struct command_case *fixture = *state;
    static const struct {
        enum cw_payload_type type;
        bool is_binary;
        const char *frame;
        int rc;
    } rows[] = {
        {CW_PAYLOAD_JSON, false, "{\"a\":1e400}", CW_OK},
        {CW_PAYLOAD_JSON, false, " 1 ", CW_OK},
        {CW_PAYLOAD_JSON, false, "\"x\"", CW_OK},
        {CW_PAYLOAD_JSON, false, "null", CW_OK},
        {CW_PAYLOAD_JSON, false, "", CW_ERR_PAYLOAD},
        {CW_PAYLOAD_JSON, false, "hello", CW_ERR_PAYLOAD},
        {CW_PAYLOAD_JSON, false, "{}{}", CW_ERR_PAYLOAD},
        {CW_PAYLOAD_JSON, false, "[1,]", CW_ERR_PAYLOAD},
        {CW_PAYLOAD_JSON, false, "\"\\ud800\"", CW_ERR_PAYLOAD},
        {CW_PAYLOAD_JSON, false, "\"\xFF\"", CW_ERR_PAYLOAD},
        {CW_PAYLOAD_JSON, true, "1", CW_ERR_PAYLOAD},
        {CW_PAYLOAD_TEXT, false, "", CW_OK},
        {CW_PAYLOAD_TEXT, false, "hello \xC3\xA9", CW_OK},
        {CW_PAYLOAD_TEXT, false, "\xC3", CW_ERR_PAYLOAD},
        {CW_PAYLOAD_TEXT, true, "hello", CW_ERR_PAYLOAD},
        {CW_PAYLOAD_BYTES, true, "\xFF\xFE", CW_OK},
        {CW_PAYLOAD_BYTES, true, "", CW_OK},
        {CW_PAYLOAD_BYTES, false, "text", CW_OK},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cw_command_error error;
        int rc = cw_command_check_raw(fixture->parser, rows[i].type, rows[i].is_binary,
                                      cw_bytes_text(rows[i].frame), &error);
        if (rc != rows[i].rc)
            fail_msg("row %zu: %d", i, rc);
        if (rc != CW_OK) {
            assert_int_equal(error.error, rc);
            assert_int_equal(error.id.type, CW_ID_NONE);
            assert_true(error.message[0] != '\0');
        }
    }
    for (size_t depth = 64; depth <= 65; depth++) {
        struct cw_command_error error;
        char *text = nested(depth);
        assert_int_equal(cw_command_check_raw(fixture->parser, CW_PAYLOAD_JSON, false,
                                              cw_bytes_text(text), &error),
                         depth == 64 ? CW_OK : CW_ERR_PAYLOAD);
        free(text);
    }
}

static void checks_leave_a_parsed_command_alone(void **state)
{
    struct command_case *fixture = *state;
    struct cw_command_error error;
    command_case_accept(fixture, "{\"op\":\"publish\",\"group\":\"g\",\"text\":\"a\\u0062c\"}");
    assert_true(
        cw_json_is_valid(fixture->parser, cw_bytes_text("[\"xxxxxxxxxxxxxxxxxxxxxxxxxx\"]")));
    assert_int_equal(cw_command_check_raw(fixture->parser, CW_PAYLOAD_JSON, false,
                                          cw_bytes_text("[\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\"]"),
                                          &error),
                     CW_OK);
    assert_true(cw_bytes_is(fixture->command.group, "g"));
    assert_payload(fixture, CW_PAYLOAD_TEXT, cw_bytes_text("abc"));
}

/* What reads a payload further need not read its text again. */
static void json_is_handed_on_as_it_was_read(void **state)
{
    struct command_case *fixture = *state;
    struct cw_command_error error;
    struct cw_bytes frame = cw_bytes_text("[1.0,2]");
    command_case_accept(fixture, "{\"data\":{\"a\":1e400},\"op\":\"publish\",\"group\":\"g\"}");
    assert_int_equal(cw_command_check_raw(fixture->parser, CW_PAYLOAD_JSON, false, frame, &error),
                     CW_OK);
    assert_string_equal(yyjson_get_raw(yyjson_obj_get(fixture->command.data, "a")), "1e400");
    struct yyjson_val *value = cw_command_raw_value(fixture->parser, frame);
    assert_int_equal(yyjson_arr_size(value), 2);
    assert_string_equal(yyjson_get_raw(yyjson_arr_get_first(value)), "1.0");
    assert_null(cw_command_raw_value(fixture->parser, cw_bytes_make(frame.data, 6)));
    assert_true(cw_json_is_valid(fixture->parser, cw_bytes_text("7")));
    assert_null(cw_command_raw_value(fixture->parser, frame));
    assert_int_equal(cw_command_check_raw(fixture->parser, CW_PAYLOAD_JSON, false,
                                          cw_bytes_make(frame.data, 3), &error),
                     CW_ERR_PAYLOAD);
    assert_null(cw_command_raw_value(fixture->parser, cw_bytes_make(frame.data, 3)));
    command_case_accept(fixture, "{\"text\":\"a\",\"op\":\"publish\",\"group\":\"g\"}");
    assert_null(fixture->command.data);
}

static void json_of_back_ends_may_be_larger_than_a_message(void **state)
{
    struct command_case *fixture = *state;
    char *text = command_case_repeat('x', 2 * (size_t)CASE_MAX_MESSAGE);

    assert_false(cw_json_is_valid(fixture->parser, cw_bytes_text(text)));
    text[0] = '"';
    text[2 * (size_t)CASE_MAX_MESSAGE - 1] = '"';
    assert_true(cw_json_is_valid(fixture->parser, cw_bytes_text(text)));
    assert_true(cw_json_is_valid(fixture->parser, cw_bytes_text("{}")));
    assert_false(cw_json_is_valid(fixture->parser, cw_bytes_text("{")));
    assert_false(cw_json_is_valid(fixture->parser, cw_bytes_make(NULL, 0)));
    free(text);
}

static void base64_of_every_length_comes_back(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 100; size++) {
        char bytes[100];
        char text[140];
        char decoded[110];
        struct cw_bytes view;
        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)(unsigned char)(i * 37 + size);
        cw_base64_encode(cw_bytes_make(bytes, size), text);
        assert_int_equal(strlen(text), cw_base64_encoded_size(size));
        assert_int_equal(cw_base64_decode(cw_bytes_text(text), decoded, &view), CW_OK);
        assert_true(cw_bytes_equal(view, cw_bytes_make(bytes, size)));
    }
}

static void utf8_is_checked_by_rfc_3629(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        bool is_valid;
    } rows[] = {
        {"", 0, true},
        {"plain ascii of more than eight bytes", 36, true},
        {"\0", 1, true},
        {"\x7F\xC2\x80\xDF\xBF", 5, true},
        {"\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF", 12, true},
        {"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8, true},
        {"12345678\xC3\xA9", 10, true},
        {"1234567\xC3\xA9"
         "1234567890",
         19, true},
        {"\x80", 1, false},
        {"\xBF", 1, false},
        {"\xC0\x80", 2, false},
        {"\xC1\xBF", 2, false},
        {"\xC2", 1, false},
        {"\xC2\x7F", 2, false},
        {"\xC2\xC0", 2, false},
        {"\xE0\x9F\xBF", 3, false},
        {"\xE0\xA0", 2, false},
        {"\xE1\x80\xC0", 3, false},
        {"\xED\xA0\x80", 3, false},
        {"\xED\xBF\xBF", 3, false},
        {"\xF0\x8F\xBF\xBF", 4, false},
        {"\xF0\x90\x80", 3, false},
        {"\xF1\x80\x80\x7F", 4, false},
        {"\xF4\x90\x80\x80", 4, false},
        {"\xF5\x80\x80\x80", 4, false},
        {"\xFF", 1, false},
        {"12345678\xC3", 9, false},
        {"1234567\xE2\x82", 9, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *copy = malloc(rows[i].size + (rows[i].size == 0));
        assert_non_null(copy);
        memcpy(copy, rows[i].text, rows[i].size);
        if (cw_utf8_is_valid(cw_bytes_make(copy, rows[i].size)) != rows[i].is_valid)
            fail_msg("row %zu", i);
        free(copy);
    }
}

#define CASE_TEST(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, command_case_setup, command_case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE_TEST(data_is_forwarded_as_it_was_written),
        CASE_TEST(text_and_bytes_are_decoded),
        CASE_TEST(payloads_of_the_wrong_kind_are_bad_payloads),
        CASE_TEST(exactly_one_payload_is_wanted),
        CASE_TEST(payloads_are_64_deep_at_most),
        CASE_TEST(brackets_inside_strings_are_not_depth),
        CASE_TEST(depth_of_a_whole_message_of_brackets_is_refused),
        CASE_TEST(message_of_the_largest_size_is_parsed_and_one_byte_more_is_not),
        cmocka_unit_test(payloads_over_one_mebibyte_are_too_large),
        CASE_TEST(bad_strings_are_refused_where_they_are),
        CASE_TEST(frames_cut_anywhere_are_refused),
        CASE_TEST(frames_with_any_byte_changed_are_answered),
        CASE_TEST(raw_frames_are_read_by_the_type_of_their_channel),
        CASE_TEST(checks_leave_a_parsed_command_alone),
        CASE_TEST(json_is_handed_on_as_it_was_read),
        CASE_TEST(json_of_back_ends_may_be_larger_than_a_message),
        cmocka_unit_test(base64_of_every_length_comes_back),
        cmocka_unit_test(utf8_is_checked_by_rfc_3629),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
