/*
 * test_event.c - event.c and json_encoder.c: every event read back with yyjson, field by field.
 */
#include "protocol/event.h"
#include "protocol/frame.h"

#include <yyjson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UUID "0192f3a1-7b2c-7d3e-8f40-0123456789ab"

static const struct cw_command_id no_id = {.type = CW_ID_NONE};
static const struct cw_command_id seven = {.type = CW_ID_INTEGER, .integer = 7};

/* Whether the frame's payload is `expected`; drops the frame. */
static void assert_frame(struct cw_buf *frame, enum cw_frame_opcode opcode,
                         struct cw_bytes expected)
{
    assert_non_null(frame);
    assert_int_equal((unsigned char)frame->data[0], 0x80 | (int)opcode);
    char header[CW_FRAME_HEADER_MAX];
    size_t header_size = cw_frame_header(header, opcode, expected.size);
    struct cw_bytes payload = cw_frame_payload(frame);
    if (!cw_bytes_equal(payload, expected))
        fail_msg("'%.*s' instead of '%.*s'", (int)payload.size, payload.data, (int)expected.size,
                 expected.data);
    assert_int_equal(frame->size, header_size + expected.size);
    assert_memory_equal(frame->data, header, header_size);
    cw_buf_unref(frame);
}

static void assert_json(struct cw_buf *frame, const char *expected)
{
    assert_frame(frame, CW_FRAME_TEXT, cw_bytes_text(expected));
}

/* The document in a frame; drops the frame. */
static yyjson_doc *document_of(struct cw_buf *frame)
{
    assert_non_null(frame);
    struct cw_bytes payload = cw_frame_payload(frame);
    yyjson_doc *document = yyjson_read(payload.data, payload.size, YYJSON_READ_NUMBER_AS_RAW);
    if (document == NULL)
        fail_msg("not JSON: %.*s", (int)payload.size, payload.data);
    cw_buf_unref(frame);
    return document;
}

static void welcome_tells_all_that_is_known(void **state)
{
    (void)state;
    const struct cw_bytes groups[] = {cw_bytes_text("a"), cw_bytes_text("b:c")};
    struct cw_event_welcome welcome = {
        .channel = UUID,
        .node = "one.0123abcd",
        .type = CW_PAYLOAD_TEXT,
        .created_ms = INT64_C(1764064800123),
        .expires_s = 3600,
        .heartbeat_s = 15,
        .session = "tok",
        .is_resumed = true,
        .groups = groups,
        .group_count = 2,
        .user = "ann \"x\"",
        .version = "1.2.3",
    };
    assert_json(cw_event_welcome(CW_KIND_JSON, &welcome),
                "{\"op\":\"welcome\",\"channel\":\"" UUID "\",\"node\":\"one.0123abcd\","
                "\"type\":\"text\",\"created\":1764064800123,\"expires\":3600,\"heartbeat\":15,"
                "\"session\":\"tok\",\"resumed\":true,\"groups\":[\"a\",\"b:c\"],"
                "\"user\":\"ann \\\"x\\\"\",\"version\":\"1.2.3\"}");
}

static void welcome_says_null_where_there_is_nothing(void **state)
{
    (void)state;
    struct cw_event_welcome welcome = {
        .channel = UUID, .node = "n.1", .type = CW_PAYLOAD_BYTES, .version = "1"};
    assert_json(cw_event_welcome(CW_KIND_JSON, &welcome),
                "{\"op\":\"welcome\",\"channel\":\"" UUID "\",\"node\":\"n.1\",\"type\":\"bytes\","
                "\"created\":0,\"expires\":null,\"heartbeat\":0,\"session\":null,"
                "\"resumed\":false,\"groups\":[],\"user\":null,\"version\":\"1\"}");
}

static void messages_name_group_sender_and_place(void **state)
{
    (void)state;
    struct cw_message message = {
        .type = CW_PAYLOAD_JSON,
        .is_logged = true,
        .payload = cw_bytes_text("{ \"b\":1.0,\"a\":1e400}"),
        .from = cw_bytes_text(UUID),
        .group = cw_bytes_text("chat"),
        .position = {UINT64_MAX, UINT64_MAX},
    };
    assert_json(cw_event_message(CW_KIND_JSON, &message),
                "{\"op\":\"message\",\"group\":\"chat\",\"from\":\"" UUID "\","
                "\"epoch\":\"18446744073709551615\",\"offset\":18446744073709551615,"
                "\"data\":{ \"b\":1.0,\"a\":1e400}}");
    message.position = (struct cw_position){0, 0};
    message.type = CW_PAYLOAD_TEXT;
    assert_json(cw_event_message(CW_KIND_JSON, &message),
                "{\"op\":\"message\",\"group\":\"chat\",\"from\":\"" UUID "\","
                "\"epoch\":\"0\",\"offset\":0,"
                "\"text\":\"{ \\\"b\\\":1.0,\\\"a\\\":1e400}\"}");
}

static void direct_messages_of_nobody_are_the_servers(void **state)
{
    (void)state;
    struct cw_message message = {.type = CW_PAYLOAD_BYTES,
                                 .payload = cw_bytes_make("\0\xFF\x10>", 4)};
    assert_json(cw_event_message(CW_KIND_JSON, &message),
                "{\"op\":\"message\",\"from\":\"server\",\"bytes\":\"AP8QPg==\"}");
    message.payload = cw_bytes_make(NULL, 0);
    assert_json(cw_event_message(CW_KIND_JSON, &message),
                "{\"op\":\"message\",\"from\":\"server\",\"bytes\":\"\"}");
    message.type = CW_PAYLOAD_TEXT;
    assert_json(cw_event_message(CW_KIND_JSON, &message),
                "{\"op\":\"message\",\"from\":\"server\",\"text\":\"\"}");
}

static void raw_messages_are_bare_payloads(void **state)
{
    (void)state;
    struct cw_message message = {.is_logged = true,
                                 .from = cw_bytes_text(UUID),
                                 .group = cw_bytes_text("chat"),
                                 .position = {1, 2}};
    message.payload = cw_bytes_text("[1.0]");
    message.type = CW_PAYLOAD_JSON;
    assert_frame(cw_event_message(CW_KIND_RAW, &message), CW_FRAME_TEXT, message.payload);
    message.payload = cw_bytes_text("\"quoted\"\n");
    message.type = CW_PAYLOAD_TEXT;
    assert_frame(cw_event_message(CW_KIND_RAW, &message), CW_FRAME_TEXT, message.payload);
    message.payload = cw_bytes_make("\0\xFF", 2);
    message.type = CW_PAYLOAD_BYTES;
    assert_frame(cw_event_message(CW_KIND_RAW, &message), CW_FRAME_BINARY, message.payload);
}

static void payloads_come_back_whole_at_each_length_of_the_header(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 70000; size += size < 300 ? 1 : 8713) {
        char *bytes = malloc(size + 1);
        assert_non_null(bytes);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)(i % 128);
        struct cw_message message = {.type = CW_PAYLOAD_TEXT,
                                     .payload = cw_bytes_make(bytes, size)};
        yyjson_doc *document = document_of(cw_event_message(CW_KIND_JSON, &message));
        yyjson_val *text = yyjson_obj_get(yyjson_doc_get_root(document), "text");
        assert_int_equal(yyjson_get_len(text), size);
        assert_memory_equal(yyjson_get_str(text), bytes, size);
        yyjson_doc_free(document);
        free(bytes);
    }
}

static void strings_are_escaped_as_rfc_8259_wants(void **state)
{
    (void)state;
    char all[256];
    size_t size = 0;
    for (int byte = 0; byte < 128; byte++)
        all[size++] = (char)byte;
    memcpy(all + size, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9);
    size += 9;
    struct cw_message message = {.type = CW_PAYLOAD_TEXT, .payload = cw_bytes_make(all, size)};
    yyjson_doc *document = document_of(cw_event_message(CW_KIND_JSON, &message));
    yyjson_val *text = yyjson_obj_get(yyjson_doc_get_root(document), "text");
    assert_int_equal(yyjson_get_len(text), size);
    assert_memory_equal(yyjson_get_str(text), all, size);
    yyjson_doc_free(document);

    message.payload = cw_bytes_text("\b\f\n\r\t\"\\/\x01\x1F\x7F");
    assert_json(cw_event_message(CW_KIND_JSON, &message),
                "{\"op\":\"message\",\"from\":\"server\","
                "\"text\":\"\\b\\f\\n\\r\\t\\\"\\\\/\\u0001\\u001f\x7F\"}");
}

static void ok_has_only_what_there_is_to_say(void **state)
{
    (void)state;
    struct cw_event_ok ok = {0};
    assert_json(cw_event_ok(CW_KIND_JSON, &seven, &ok), "{\"op\":\"ok\",\"id\":7}");

    ok.has_position = true;
    ok.position = (struct cw_position){12, 34};
    assert_json(cw_event_ok(CW_KIND_JSON, &seven, &ok),
                "{\"op\":\"ok\",\"id\":7,\"epoch\":\"12\",\"offset\":34}");
    ok.is_duplicate = true;
    assert_json(cw_event_ok(CW_KIND_JSON, &seven, &ok),
                "{\"op\":\"ok\",\"id\":7,\"epoch\":\"12\",\"offset\":34,\"duplicate\":true}");

    struct cw_event_ok joined = {.has_recovered = true, .is_recovered = false};
    assert_json(cw_event_ok(CW_KIND_JSON, &seven, &joined),
                "{\"op\":\"ok\",\"id\":7,\"recovered\":false}");
    joined.is_recovered = true;
    assert_json(cw_event_ok(CW_KIND_JSON, &seven, &joined),
                "{\"op\":\"ok\",\"id\":7,\"recovered\":true}");

    struct cw_event_ok sent = {.status = "queued"};
    assert_json(cw_event_ok(CW_KIND_JSON, &seven, &sent),
                "{\"op\":\"ok\",\"id\":7,\"status\":\"queued\"}");
}

static void pages_of_members_are_lists(void **state)
{
    (void)state;
    const struct cw_member_info members[] = {
        {cw_bytes_text(UUID), cw_bytes_text("one.1"), cw_bytes_text("ann")},
        {cw_bytes_text(UUID), cw_bytes_text("two.2"), cw_bytes_make(NULL, 0)},
    };
    struct cw_event_ok ok = {.has_members = true, .members = members, .member_count = 2};
    ok.next = cw_bytes_text("42");
    assert_json(cw_event_ok(CW_KIND_JSON, &seven, &ok),
                "{\"op\":\"ok\",\"id\":7,\"members\":["
                "{\"channel\":\"" UUID "\",\"user\":\"ann\",\"node\":\"one.1\"},"
                "{\"channel\":\"" UUID "\",\"user\":null,\"node\":\"two.2\"}],\"next\":\"42\"}");
    ok.member_count = 0;
    ok.next = cw_bytes_make(NULL, 0);
    assert_json(cw_event_ok(CW_KIND_JSON, &seven, &ok), "{\"op\":\"ok\",\"id\":7,\"members\":[]}");
}

static void ids_come_back_as_they_came(void **state)
{
    (void)state;
    struct cw_command_id largest = {.type = CW_ID_INTEGER, .integer = UINT64_C(1) << 53};
    assert_json(cw_event_pong(CW_KIND_JSON, &largest), "{\"op\":\"pong\",\"id\":9007199254740992}");
    struct cw_command_id zero = {.type = CW_ID_INTEGER};
    assert_json(cw_event_pong(CW_KIND_JSON, &zero), "{\"op\":\"pong\",\"id\":0}");
    struct cw_command_id text = {.type = CW_ID_STRING, .size = 4};
    memcpy(text.text, "7\"\0\n", 4);
    assert_json(cw_event_pong(CW_KIND_JSON, &text), "{\"op\":\"pong\",\"id\":\"7\\\"\\u0000\\n\"}");
    assert_json(cw_event_pong(CW_KIND_JSON, &no_id), "{\"op\":\"pong\"}");
    assert_json(cw_event_pong(CW_KIND_JSON, NULL), "{\"op\":\"pong\"}");
}

static void errors_have_the_row_of_their_number(void **state)
{
    (void)state;
    static const int errors[] = {CW_ERR_INVALID, CW_ERR_PAYLOAD,         CW_ERR_TOO_LARGE,
                                 CW_ERR_TIMEOUT, CW_ERR_UNAVAILABLE,     CW_ERR_FORBIDDEN,
                                 CW_ERR_NOMEM,   CW_ERR_TOO_MANY_GROUPS, CW_ERR_RATE_LIMITED};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct cw_event_error error = {.error = errors[i], .retry_ms = -1};
        yyjson_doc *document = document_of(cw_event_error(CW_KIND_JSON, &seven, &error));
        yyjson_val *root = yyjson_doc_get_root(document);
        assert_int_equal(yyjson_obj_size(root), 5);
        assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "op")), "error");
        assert_string_equal(yyjson_get_raw(yyjson_obj_get(root, "id")), "7");
        assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "code")), cw_error_code(errors[i]));
        assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "message")),
                            cw_error_text(errors[i]));
        assert_true(yyjson_get_bool(yyjson_obj_get(root, "temporary")) ==
                    cw_error_is_temporary(errors[i]));
        yyjson_doc_free(document);
    }
}

static void errors_tell_when_and_where_if_known(void **state)
{
    (void)state;
    struct cw_event_error error = {.error = CW_ERR_RATE_LIMITED,
                                   .message = "slow down",
                                   .retry_ms = 0,
                                   .group = cw_bytes_text("chat")};
    assert_json(cw_event_error(CW_KIND_JSON, &no_id, &error),
                "{\"op\":\"error\",\"code\":\"rate_limited\",\"message\":\"slow down\","
                "\"temporary\":true,\"retry_ms\":0,\"group\":\"chat\"}");
    error.retry_ms = 1500;
    error.group = cw_bytes_make(NULL, 0);
    assert_json(cw_event_error(CW_KIND_JSON, NULL, &error),
                "{\"op\":\"error\",\"code\":\"rate_limited\",\"message\":\"slow down\","
                "\"temporary\":true,\"retry_ms\":1500}");
}

static void errors_say_what_is_wrong_with_a_payload(void **state)
{
    (void)state;
    const struct cw_event_details details = {"/a~1b/\"0\n", "type", "must be string"};
    struct cw_event_error error = {
        .error = CW_ERR_PAYLOAD, .message = "no", .retry_ms = -1, .details = &details};
    assert_json(cw_event_error(CW_KIND_JSON, &seven, &error),
                "{\"op\":\"error\",\"id\":7,\"code\":\"bad_payload\",\"message\":\"no\","
                "\"temporary\":false,\"details\":{\"pointer\":\"/a~1b/\\\"0\\n\","
                "\"keyword\":\"type\",\"message\":\"must be string\"}}");
    const struct cw_event_details whole = {"", "false", "is not allowed"};
    error.details = &whole;
    assert_json(cw_event_error(CW_KIND_RAW, &no_id, &error),
                "{\"op\":\"error\",\"code\":\"bad_payload\",\"message\":\"no\","
                "\"temporary\":false,\"details\":{\"pointer\":\"\",\"keyword\":\"false\","
                "\"message\":\"is not allowed\"}}");
}

static void raw_channels_are_told_of_bad_payloads_only(void **state)
{
    (void)state;
    struct cw_event_error error = {.error = CW_ERR_PAYLOAD, .message = "no", .retry_ms = -1};
    assert_json(cw_event_error(CW_KIND_RAW, &no_id, &error),
                "{\"op\":\"error\",\"code\":\"bad_payload\",\"message\":\"no\","
                "\"temporary\":false}");
    error.error = CW_ERR_TOO_LARGE;
    assert_null(cw_event_error(CW_KIND_RAW, &no_id, &error));

    struct cw_event_welcome welcome = {.channel = UUID, .node = "n", .version = "1"};
    struct cw_event_ok ok = {0};
    struct cw_position position = {1, 2};
    assert_null(cw_event_welcome(CW_KIND_RAW, &welcome));
    assert_null(cw_event_ok(CW_KIND_RAW, &seven, &ok));
    assert_null(cw_event_pong(CW_KIND_RAW, &seven));
    assert_null(cw_event_joined(CW_KIND_RAW, true, cw_bytes_text("g"), true, position));
    assert_null(cw_event_presence(CW_KIND_RAW, true, cw_bytes_text("g"), cw_bytes_text(UUID),
                                  cw_bytes_text("ann")));
    assert_null(cw_event_gap(CW_KIND_RAW, cw_bytes_text("g"), position));
    assert_null(cw_event_bye(CW_KIND_RAW, 1001, "drain", 5));
}

static void other_events_are_as_the_protocol_has_them(void **state)
{
    (void)state;
    struct cw_bytes group = cw_bytes_text("chat");
    struct cw_bytes none = cw_bytes_make(NULL, 0);
    struct cw_position position = {5, 6};

    assert_json(cw_event_joined(CW_KIND_JSON, true, group, true, position),
                "{\"op\":\"joined\",\"group\":\"chat\",\"epoch\":\"5\",\"offset\":6}");
    assert_json(cw_event_joined(CW_KIND_JSON, false, group, false, position),
                "{\"op\":\"left\",\"group\":\"chat\"}");
    assert_json(
        cw_event_presence(CW_KIND_JSON, true, group, cw_bytes_text(UUID), cw_bytes_text("ann")),
        "{\"op\":\"presence\",\"group\":\"chat\",\"event\":\"join\",\"channel\":\"" UUID
        "\",\"user\":\"ann\"}");
    assert_json(cw_event_presence(CW_KIND_JSON, false, group, cw_bytes_text(UUID), none),
                "{\"op\":\"presence\",\"group\":\"chat\",\"event\":\"leave\",\"channel\":\"" UUID
                "\",\"user\":null}");
    assert_json(cw_event_gap(CW_KIND_JSON, group, position),
                "{\"op\":\"gap\",\"group\":\"chat\",\"epoch\":\"5\",\"offset\":6}");
    assert_json(cw_event_gap(CW_KIND_JSON, none, position),
                "{\"op\":\"gap\",\"epoch\":\"5\",\"offset\":6}");
    assert_json(cw_event_gap(CW_KIND_JSON, group, (struct cw_position){0, 0}),
                "{\"op\":\"gap\",\"group\":\"chat\"}");
    assert_json(cw_event_bye(CW_KIND_JSON, 1001, "node drains", 250),
                "{\"op\":\"bye\",\"code\":1001,\"reason\":\"node drains\",\"retry_ms\":250}");
    assert_json(cw_event_bye(CW_KIND_JSON, 4003, NULL, -1),
                "{\"op\":\"bye\",\"code\":4003,\"reason\":\"\",\"retry_ms\":null}");
}

static void what_was_sent_comes_out_as_it_was_written(void **state)
{
    (void)state;
    static const char *const values[] = {"1.0", "1e400", "18446744073709551616",
                                         "{\"z\" : [ ],\"a\":\"\\u0061\\/\"}"};
    struct cw_command_parser *parser = cw_command_parser_create(1024);
    assert_non_null(parser);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char frame[200];
        char expected[200];
        struct cw_command command;
        struct cw_command_error error;
        (void)snprintf(frame, sizeof(frame), "{\"op\":\"message\",\"data\":%s}", values[i]);
        assert_int_equal(
            cw_command_parse(parser, CW_KIND_JSON, cw_bytes_text(frame), &command, &error), CW_OK);
        struct cw_message message = {.type = command.payload_type, .payload = command.payload};
        (void)snprintf(expected, sizeof(expected),
                       "{\"op\":\"message\",\"from\":\"server\",\"data\":%s}", values[i]);
        assert_json(cw_event_message(CW_KIND_JSON, &message), expected);
    }
    cw_command_parser_destroy(parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(welcome_tells_all_that_is_known),
        cmocka_unit_test(welcome_says_null_where_there_is_nothing),
        cmocka_unit_test(messages_name_group_sender_and_place),
        cmocka_unit_test(direct_messages_of_nobody_are_the_servers),
        cmocka_unit_test(raw_messages_are_bare_payloads),
        cmocka_unit_test(payloads_come_back_whole_at_each_length_of_the_header),
        cmocka_unit_test(strings_are_escaped_as_rfc_8259_wants),
        cmocka_unit_test(ok_has_only_what_there_is_to_say),
        cmocka_unit_test(pages_of_members_are_lists),
        cmocka_unit_test(ids_come_back_as_they_came),
        cmocka_unit_test(errors_have_the_row_of_their_number),
        cmocka_unit_test(errors_tell_when_and_where_if_known),
        cmocka_unit_test(errors_say_what_is_wrong_with_a_payload),
        cmocka_unit_test(raw_channels_are_told_of_bad_payloads_only),
        cmocka_unit_test(other_events_are_as_the_protocol_has_them),
        cmocka_unit_test(what_was_sent_comes_out_as_it_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
