/*
 * test_msgpack_event.c - msgpack_encoder.c: every event is the same map in MessagePack as in JSON,
 * and msgpack-c reads it.
 */
#include "protocol/event.h"
#include "protocol/frame.h"
#include "protocol/json_to_msgpack.h"

#include <msgpack.h>

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

/* The payload of a whole binary frame, which msgpack-c reads to its end. */
static struct cw_bytes payload_of(const struct cw_buf *frame)
{
    assert_non_null(frame);
    assert_int_equal((unsigned char)frame->data[0], 0x80 | (int)CW_FRAME_BINARY);
    struct cw_bytes payload = cw_frame_payload(frame);
    char header[CW_FRAME_HEADER_MAX];
    size_t header_size = cw_frame_header(header, CW_FRAME_BINARY, payload.size);
    assert_int_equal(frame->size, header_size + payload.size);
    assert_memory_equal(frame->data, header, header_size);

    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t offset = 0;
    assert_int_equal(msgpack_unpack_next(&unpacked, payload.data, payload.size, &offset),
                     MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(offset, payload.size);
    assert_int_equal(unpacked.data.type, MSGPACK_OBJECT_MAP);
    msgpack_unpacked_destroy(&unpacked);
    return payload;
}

/* Whether two frames of one event say the same; drops both. */
static void assert_same(struct cw_buf *json, struct cw_buf *packed)
{
    struct cw_bytes expected;
    assert_non_null(json);
    struct cw_bytes payload = payload_of(packed);
    struct cw_bytes text = cw_frame_payload(json);
    assert_int_equal(cw_json_to_msgpack(text, &expected), CW_OK);
    if (!cw_bytes_equal(payload, expected))
        fail_msg("not as in JSON: %.*s", (int)text.size, text.data);
    cw_buf_unref(json);
    cw_buf_unref(packed);
}

static void assert_packed(struct cw_buf *frame, const void *expected, size_t size)
{
    struct cw_bytes payload = payload_of(frame);
    assert_int_equal(payload.size, size);
    assert_memory_equal(payload.data, expected, size);
    cw_buf_unref(frame);
}

#define ASSERT_PACKED(frame, literal) assert_packed(frame, literal, sizeof(literal) - 1)

static void welcome_is_the_same(void **state)
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
        .user = "ann \"x\"\n",
        .version = "1.2.3",
    };
    assert_same(cw_event_welcome(CW_KIND_JSON, &welcome),
                cw_event_welcome(CW_KIND_MSGPACK, &welcome));
    welcome = (struct cw_event_welcome){
        .channel = UUID, .node = "n.1", .type = CW_PAYLOAD_BYTES, .version = "1"};
    assert_same(cw_event_welcome(CW_KIND_JSON, &welcome),
                cw_event_welcome(CW_KIND_MSGPACK, &welcome));
}

static void welcome_may_name_many_groups(void **state)
{
    (void)state;
    struct cw_bytes groups[70000]; /* the head of an array has three sizes */
    static const size_t counts[] = {0, 15, 16, 1024, 65535, 65536, 70000};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        groups[i] = cw_bytes_text("g");
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct cw_event_welcome welcome = {.channel = UUID,
                                           .node = "n.1",
                                           .version = "1",
                                           .groups = groups,
                                           .group_count = counts[i]};
        assert_same(cw_event_welcome(CW_KIND_JSON, &welcome),
                    cw_event_welcome(CW_KIND_MSGPACK, &welcome));
    }
}

static void messages_are_the_same(void **state)
{
    (void)state;
    static const char *const values[] = {"null", "{ \"b\":1.0,\"a\":1e400}",
                                         "[18446744073709551616,-1,{\"z\":[],\"a\":\"\\u0061\"}]",
                                         "\"\\u0000\\ud83d\\ude00\"", "-0.0"};
    struct cw_message message = {
        .type = CW_PAYLOAD_JSON,
        .is_logged = true,
        .from = cw_bytes_text(UUID),
        .group = cw_bytes_text("chat"),
        .position = {UINT64_MAX, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        message.payload = cw_bytes_text(values[i]);
        message.type = CW_PAYLOAD_JSON;
        assert_same(cw_event_message(CW_KIND_JSON, &message),
                    cw_event_message(CW_KIND_MSGPACK, &message));
        message.type = CW_PAYLOAD_TEXT;
        assert_same(cw_event_message(CW_KIND_JSON, &message),
                    cw_event_message(CW_KIND_MSGPACK, &message));
    }
    message = (struct cw_message){.type = CW_PAYLOAD_TEXT};
    assert_same(cw_event_message(CW_KIND_JSON, &message),
                cw_event_message(CW_KIND_MSGPACK, &message));
}

static void bytes_are_a_bin_untouched(void **state)
{
    (void)state;
    struct cw_message message = {.type = CW_PAYLOAD_BYTES,
                                 .payload = cw_bytes_make("\0\xFF\x10>", 4),
                                 .group = cw_bytes_text("g")};
    ASSERT_PACKED(cw_event_message(CW_KIND_MSGPACK, &message),
                  "\x84\xa2op\xa7message\xa5group\xa1g\xa4"
                  "from\xa6server\xa5"
                  "bytes\xc4\x04\x00\xff\x10>");
    message = (struct cw_message){.type = CW_PAYLOAD_BYTES};
    ASSERT_PACKED(cw_event_message(CW_KIND_MSGPACK, &message), "\x83\xa2op\xa7message\xa4"
                                                               "from\xa6server\xa5"
                                                               "bytes\xc4\x00");
}

static void payloads_come_back_whole_at_each_length_of_a_head(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,   1,   31,    32,    90,    100,     125,
                                   255, 256, 65500, 65535, 65536, 1000000, CW_PAYLOAD_SIZE_MAX};
    char *bytes = malloc(CW_PAYLOAD_SIZE_MAX);
    assert_non_null(bytes);
    memset(bytes, 'b', CW_PAYLOAD_SIZE_MAX);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int type = CW_PAYLOAD_TEXT; type <= CW_PAYLOAD_BYTES; type++) {
            struct cw_message message = {.type = (enum cw_payload_type)type,
                                         .payload = cw_bytes_make(bytes, sizes[i])};
            struct cw_buf *frame = cw_event_message(CW_KIND_MSGPACK, &message);
            struct cw_bytes payload = payload_of(frame);
            assert_true(payload.size > sizes[i]);
            const char *at = payload.data + payload.size - sizes[i];
            assert_memory_equal(at, bytes, sizes[i]);
            if (type == CW_PAYLOAD_BYTES && sizes[i] < 256)
                assert_int_equal((unsigned char)at[-2], 0xc4);
            cw_buf_unref(frame);
        }
    }
    free(bytes);
}

/* Who may write to Redis may do so in a node's name: JSON is not checked again then. */
static void what_is_no_json_comes_as_bytes(void **state)
{
    (void)state;
    struct cw_message message = {.type = CW_PAYLOAD_JSON, .payload = cw_bytes_text("[1")};
    ASSERT_PACKED(cw_event_message(CW_KIND_MSGPACK, &message), "\x83\xa2op\xa7message\xa4"
                                                               "from\xa6server\xa5"
                                                               "bytes\xc4\x02[1");
}

static void replies_are_the_same(void **state)
{
    (void)state;
    const struct cw_member_info members[] = {
        {cw_bytes_text(UUID), cw_bytes_text("ann"), cw_bytes_text("one.1")},
        {cw_bytes_text(UUID), cw_bytes_text(""), cw_bytes_text("two.2")},
    };
    struct cw_command_id text_id = {.type = CW_ID_STRING, .size = 4};
    memcpy(text_id.text, "\"a\\\0", 4);
    struct cw_command_id largest = {.type = CW_ID_INTEGER, .integer = UINT64_C(1) << 53};
    const struct cw_command_id *const ids[] = {&no_id, &seven, &text_id, &largest, NULL};
    const struct cw_event_ok oks[] = {
        {0},
        {.has_position = true, .position = {5, 6}},
        {.has_position = true, .is_duplicate = true, .has_recovered = true, .is_recovered = true},
        {.has_recovered = true},
        {.status = "delivered"},
        {.has_members = true},
        {.has_members = true, .members = members, .member_count = 2, .next = cw_bytes_text("12")},
    };
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        for (size_t j = 0; j < sizeof(oks) / sizeof(oks[0]); j++)
            assert_same(cw_event_ok(CW_KIND_JSON, ids[i], &oks[j]),
                        cw_event_ok(CW_KIND_MSGPACK, ids[i], &oks[j]));
        assert_same(cw_event_pong(CW_KIND_JSON, ids[i]), cw_event_pong(CW_KIND_MSGPACK, ids[i]));
    }
    ASSERT_PACKED(cw_event_pong(CW_KIND_MSGPACK, &seven), "\x82\xa2op\xa4pong\xa2id\x07");
    ASSERT_PACKED(cw_event_pong(CW_KIND_MSGPACK, &largest),
                  "\x82\xa2op\xa4pong\xa2id\xcf\x00\x20\x00\x00\x00\x00\x00\x00");
}

static void pages_of_members_are_lists_of_maps(void **state)
{
    (void)state;
    struct cw_member_info members[1000];
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        members[i] =
            (struct cw_member_info){cw_bytes_text(UUID), cw_bytes_text(""), cw_bytes_text("one.1")};
    for (size_t count = 0; count <= 1000; count += 125) {
        struct cw_event_ok ok = {.has_members = true, .members = members, .member_count = count};
        assert_same(cw_event_ok(CW_KIND_JSON, &seven, &ok),
                    cw_event_ok(CW_KIND_MSGPACK, &seven, &ok));
    }
}

static void errors_are_the_same(void **state)
{
    (void)state;
    const struct cw_event_details details = {"/a/\"0\n", "maxLength", "must have less"};
    for (int error = -18; error < 0; error++) {
        struct cw_event_error plain = {.error = error, .retry_ms = -1};
        struct cw_event_error full = {.error = error,
                                      .message = "what \"it\" is",
                                      .retry_ms = 0,
                                      .group = cw_bytes_text("chat"),
                                      .details = &details};
        assert_same(cw_event_error(CW_KIND_JSON, &no_id, &plain),
                    cw_event_error(CW_KIND_MSGPACK, &no_id, &plain));
        assert_same(cw_event_error(CW_KIND_JSON, &seven, &full),
                    cw_event_error(CW_KIND_MSGPACK, &seven, &full));
    }
}

static void other_events_are_the_same(void **state)
{
    (void)state;
    struct cw_bytes group = cw_bytes_text("chat");
    struct cw_bytes uuid = cw_bytes_text(UUID);
    struct cw_bytes none = {NULL, 0};
    struct cw_position position = {5, 6};
    for (int i = 0; i < 4; i++) {
        bool first = i % 2 == 0;
        bool second = i < 2;
        assert_same(cw_event_joined(CW_KIND_JSON, first, group, second, position),
                    cw_event_joined(CW_KIND_MSGPACK, first, group, second, position));
        struct cw_bytes user = second ? cw_bytes_text("ann") : none;
        assert_same(cw_event_presence(CW_KIND_JSON, first, group, uuid, user),
                    cw_event_presence(CW_KIND_MSGPACK, first, group, uuid, user));
        assert_same(cw_event_gap(CW_KIND_JSON, first ? group : none, position),
                    cw_event_gap(CW_KIND_MSGPACK, first ? group : none, position));
        assert_same(
            cw_event_bye(CW_KIND_JSON, 4003, first ? "expired" : NULL, second ? 250 : -1),
            cw_event_bye(CW_KIND_MSGPACK, 4003, first ? "expired" : NULL, second ? 250 : -1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(welcome_is_the_same),
        cmocka_unit_test(welcome_may_name_many_groups),
        cmocka_unit_test(messages_are_the_same),
        cmocka_unit_test(bytes_are_a_bin_untouched),
        cmocka_unit_test(payloads_come_back_whole_at_each_length_of_a_head),
        cmocka_unit_test(what_is_no_json_comes_as_bytes),
        cmocka_unit_test(replies_are_the_same),
        cmocka_unit_test(pages_of_members_are_lists_of_maps),
        cmocka_unit_test(errors_are_the_same),
        cmocka_unit_test(other_events_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
