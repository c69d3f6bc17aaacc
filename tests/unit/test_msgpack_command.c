/*
 * test_msgpack_command.c - msgpack_decoder.c: commands in each of MessagePack's formats, what only
 * MessagePack can get wrong, and frames that claim more than they hold. What both formats can say
 * is in test_command.c and test_payload.c.
 */
#include "command_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

#define OP_PING    "\xa2op\xa4ping"
#define OP_MESSAGE "\xa2op\xa7message"
#define OP_JOIN    "\xa2op\xa4join"
#define ID_7       "\xa2id\x07"
#define DATA                                                                                       \
    "\xa4"                                                                                         \
    "data"
#define TEXT                                                                                       \
    "\xa4"                                                                                         \
    "text"
#define PAYLOAD                                                                                    \
    "\xa5"                                                                                         \
    "bytes"
#define GROUP  "\xa5group"
#define NAN_64 "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"

/* `start`, `count` times `c`, `end`; owned by the caller. */
static struct cw_bytes long_frame(struct cw_bytes start, size_t count, char c, struct cw_bytes end)
{
    char *frame = malloc(start.size + count + end.size);
    assert_non_null(frame);
    memcpy(frame, start.data, start.size);
    memset(frame + start.size, c, count);
    if (end.size > 0)
        memcpy(frame + start.size + count, end.data, end.size);
    return cw_bytes_make(frame, start.size + count + end.size);
}

static void free_frame(struct cw_bytes frame)
{
    free((char *)(uintptr_t)frame.data);
}

static void assert_id_7(const struct command_case *fixture)
{
    assert_int_equal(fixture->error.id.type, CW_ID_INTEGER);
    assert_int_equal(fixture->error.id.integer, 7);
}

static void ids_may_be_integers_in_any_format(void **state)
{
    struct command_case *fixture = *state;
    static const struct {
        struct cw_bytes frame;
        uint64_t integer;
    } rows[] = {
        {BYTES("\x82" OP_PING "\xa2id\x00"), 0},
        {BYTES("\x82" OP_PING "\xa2id\x7f"), 127},
        {BYTES("\x82" OP_PING "\xa2id\xcc\x07"), 7},
        {BYTES("\x82" OP_PING "\xa2id\xcd\xff\xff"), 65535},
        {BYTES("\x82" OP_PING "\xa2id\xce\xff\xff\xff\xff"), UINT32_MAX},
        {BYTES("\x82" OP_PING "\xa2id\xcf\x00\x20\x00\x00\x00\x00\x00\x00"), UINT64_C(1) << 53},
        {BYTES("\x82" OP_PING "\xa2id\xd0\x07"), 7},
        {BYTES("\x82" OP_PING "\xa2id\xd1\x00\x07"), 7},
        {BYTES("\x82" OP_PING "\xa2id\xd2\x00\x00\x00\x07"), 7},
        {BYTES("\x82" OP_PING "\xa2id\xd3\x00\x20\x00\x00\x00\x00\x00\x00"), UINT64_C(1) << 53},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        command_case_accept_packed(fixture, rows[i].frame);
        assert_int_equal(fixture->command.id.type, CW_ID_INTEGER);
        assert_true(fixture->command.id.integer == rows[i].integer);
    }
}

static void other_ids_are_refused_and_none_comes_back(void **state)
{
    struct command_case *fixture = *state;
    static const struct cw_bytes frames[] = {
        BYTES("\x82" OP_PING "\xa2id\xcf\x00\x20\x00\x00\x00\x00\x00\x01"), /* 2^53 + 1 */
        BYTES("\x82" OP_PING "\xa2id\xff"),
        BYTES("\x82" OP_PING "\xa2id\xd3\xff\xff\xff\xff\xff\xff\xff\xff"),
        BYTES("\x82" OP_PING "\xa2id\xca\x40\xe0\x00\x00"),                 /* 7.0f */
        BYTES("\x82" OP_PING "\xa2id\xcb\x40\x1c\x00\x00\x00\x00\x00\x00"), /* 7.0 */
        BYTES("\x82" OP_PING "\xa2id" NAN_64),
        BYTES("\x82" OP_PING "\xa2id\xc0"),
        BYTES("\x82" OP_PING "\xa2id\xc3"),
        BYTES("\x82" OP_PING "\xa2id\xc4\x01x"),
        BYTES("\x82" OP_PING "\xa2id\xd4\x01x"),
        BYTES("\x82" OP_PING "\xa2id\x91\x07"),
        BYTES("\x82" OP_PING "\xa2id\x81\xa1x\x07"),
        BYTES("\x82" OP_PING "\xa2id\xa0"),
        BYTES("\x82" OP_PING "\xa2id\xa1\xff"),
        BYTES("\x83" OP_PING ID_7 ID_7),
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        command_case_refuse_packed(fixture, frames[i], CW_ERR_INVALID);
        assert_int_equal(fixture->error.id.type, CW_ID_NONE);
    }
}

static void strings_may_be_in_any_format(void **state)
{
    struct command_case *fixture = *state;
    static const struct cw_bytes frames[] = {
        BYTES("\x83" OP_JOIN GROUP "\xa1g\xa2id\xa1x"),
        BYTES("\x83\xd9\x02op\xd9\x04join\xd9\x05group\xd9\x01g\xd9\x02id\xd9\x01x"),
        BYTES("\xde\x00\x03\xda\x00\x02op\xda\x00\x04join\xda\x00\x05group\xda\x00\x01g"
              "\xda\x00\x02id\xda\x00\x01x"),
        BYTES("\xdf\x00\x00\x00\x03\xdb\x00\x00\x00\x02op\xdb\x00\x00\x00\x04join"
              "\xdb\x00\x00\x00\x05group\xdb\x00\x00\x00\x01g\xdb\x00\x00\x00\x02id"
              "\xdb\x00\x00\x00\x01x"),
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        command_case_accept_packed(fixture, frames[i]);
        assert_int_equal(fixture->command.op, CW_OP_JOIN);
        assert_true(cw_bytes_is(fixture->command.group, "g"));
        assert_int_equal(fixture->command.id.type, CW_ID_STRING);
        assert_int_equal(fixture->command.id.size, 1);
    }
}

static void payloads_are_views_of_the_frame(void **state)
{
    struct command_case *fixture = *state;
    static const struct {
        struct cw_bytes frame;
        enum cw_payload_type type;
        struct cw_bytes payload;
    } rows[] = {
        {BYTES("\x82" OP_MESSAGE PAYLOAD "\xc4\x04\x00\xff\x10>"), CW_PAYLOAD_BYTES,
         BYTES("\x00\xff\x10>")},
        {BYTES("\x82" OP_MESSAGE PAYLOAD "\xc5\x00\x01x"), CW_PAYLOAD_BYTES, BYTES("x")},
        {BYTES("\x82" OP_MESSAGE PAYLOAD "\xc6\x00\x00\x00\x01x"), CW_PAYLOAD_BYTES, BYTES("x")},
        {BYTES("\x82" OP_MESSAGE PAYLOAD "\xc4\x00"), CW_PAYLOAD_BYTES, BYTES("")},
        {BYTES("\x82" OP_MESSAGE TEXT "\xa3\x00\xc3\xa9"), CW_PAYLOAD_TEXT, BYTES("\x00\xc3\xa9")},
        {BYTES("\x82" OP_MESSAGE TEXT "\xd9\x01x"), CW_PAYLOAD_TEXT, BYTES("x")},
        {BYTES("\x82" OP_MESSAGE TEXT "\xa0"), CW_PAYLOAD_TEXT, BYTES("")},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        command_case_accept_packed(fixture, rows[i].frame);
        assert_int_equal(fixture->command.payload_type, rows[i].type);
        assert_true(cw_bytes_equal(fixture->command.payload, rows[i].payload));
        assert_ptr_equal(fixture->command.payload.data + rows[i].payload.size,
                         fixture->frame + rows[i].frame.size);
    }
}

static void data_becomes_json(void **state)
{
    struct command_case *fixture = *state;
    static const struct cw_bytes frame =
        BYTES("\x85" GROUP "\xa1g" DATA "\x82\xa1z\x93\x01\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xc0"
              "\xa1"
              "a\xa1\"\xa2op\xa7publish\xa4"
              "echo\xc2\xa3key\xa1k");
    command_case_accept_packed(fixture, frame);
    assert_int_equal(fixture->command.op, CW_OP_PUBLISH);
    assert_int_equal(fixture->command.payload_type, CW_PAYLOAD_JSON);
    assert_true(fixture->command.skips_sender);
    assert_true(cw_bytes_is(fixture->command.key, "k"));
    assert_true(cw_bytes_is(fixture->command.payload, "{\"z\":[1,1.5,null],\"a\":\"\\\"\"}"));
}

static void payloads_of_the_wrong_kind_are_bad_payloads(void **state)
{
    struct command_case *fixture = *state;
    static const struct cw_bytes frames[] = {
        BYTES("\x83" ID_7 OP_MESSAGE PAYLOAD "\xa4"
              "AAAA"), /* base64 is JSON's */
        BYTES("\x83" ID_7 OP_MESSAGE PAYLOAD "\x91\x00"),
        BYTES("\x83" ID_7 OP_MESSAGE PAYLOAD "\xc0"),
        BYTES("\x83" ID_7 OP_MESSAGE PAYLOAD "\xd4\x01x"),
        BYTES("\x83" ID_7 OP_MESSAGE TEXT "\xc4\x01x"),
        BYTES("\x83" ID_7 OP_MESSAGE TEXT "\x07"),
        BYTES("\x83" ID_7 OP_MESSAGE TEXT "\xa1\xff"),
        BYTES("\x83" ID_7 OP_MESSAGE TEXT "\xa3\xed\xa0\x80"), /* a surrogate */
        BYTES("\x83" ID_7 OP_MESSAGE DATA NAN_64),
        BYTES("\x83" ID_7 OP_MESSAGE DATA "\xca\x7f\x80\x00\x00"),
        BYTES("\x83" ID_7 OP_MESSAGE DATA "\xc4\x00"),
        BYTES("\x83" ID_7 OP_MESSAGE DATA "\xd6\xff\x00\x00\x00\x00"),
        BYTES("\x83" ID_7 OP_MESSAGE DATA "\x91\x81\x01\x01"),
        BYTES("\x83" ID_7 OP_MESSAGE DATA "\x81\xc4\x01k\x01"),
        BYTES("\x83" ID_7 OP_MESSAGE DATA "\x91\xa1\xff"),
        BYTES("\x83" ID_7 OP_MESSAGE DATA "\x81\xa2\xc3\xc3\x01"),
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        command_case_refuse_packed(fixture, frames[i], CW_ERR_PAYLOAD);
        assert_id_7(fixture);
    }
}

static void bad_strings_elsewhere_are_bad_requests(void **state)
{
    struct command_case *fixture = *state;
    static const struct cw_bytes frames[] = {
        BYTES("\x82\xa2op\xa4pin\xff" ID_7),
        BYTES("\x83" OP_JOIN GROUP "\xa1\xff" ID_7),
        BYTES("\x83" OP_PING "\xa1x\xa1\xff" ID_7),
        BYTES("\x83" OP_PING "\xa1\xff\x01" ID_7),
        BYTES("\x83" OP_PING DATA "\xa1\xff" ID_7), /* a ping has no payload */
        BYTES("\x84" OP_MESSAGE DATA "\x01\xa1x\x91\xa1\xff" ID_7),
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        command_case_refuse_packed(fixture, frames[i], CW_ERR_INVALID);
        assert_id_7(fixture);
    }
    /* An id with a backslash is what was sent, whatever else is wrong. */
    command_case_refuse_packed(fixture,
                               (struct cw_bytes)BYTES("\x83" OP_PING "\xa1x\xa1\xff\xa2id\xa1\\"),
                               CW_ERR_INVALID);
    assert_int_equal(fixture->error.id.type, CW_ID_STRING);
}

static void keys_that_are_no_strings_are_bad_requests(void **state)
{
    struct command_case *fixture = *state;
    static const struct cw_bytes frames[] = {
        BYTES("\x83" OP_PING "\x01\x01" ID_7),
        BYTES("\x83" ID_7 OP_PING "\xc0\x01"),
        BYTES("\x83\xc4\x02op\xa4ping" ID_7 OP_PING), /* a bin */
        BYTES("\x83\x90\x01" ID_7 OP_PING),
        BYTES("\x83\x81\xa1x\x91\x01\x01" ID_7 OP_PING),
        BYTES("\x83\xd4\x01x\x01" ID_7 OP_PING),
        BYTES("\x84" OP_MESSAGE DATA "\x01\x07\x01" ID_7),
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        command_case_refuse_packed(fixture, frames[i], CW_ERR_INVALID);
        assert_id_7(fixture);
    }
    /* Of the maps within: a name that is none, and an unknown field. */
    command_case_refuse_packed(
        fixture,
        (struct cw_bytes)BYTES("\x82\xa2op\xa5since\xa6groups\x81\xc4\x01g\x82\xa5"
                               "epoch"
                               "\xa1"
                               "1\xa6offset\x02"),
        CW_ERR_INVALID);
    command_case_accept_packed(fixture, (struct cw_bytes)BYTES("\x82\xa2op\xa5since\xa6"
                                                               "direct\x83\xa5"
                                                               "epoch\xa1"
                                                               "1"
                                                               "\xa6offset\x02\x03\x04"));
}

static void unknown_fields_may_hold_what_json_has_not(void **state)
{
    struct command_case *fixture = *state;
    static const struct cw_bytes frames[] = {
        BYTES("\x82" OP_PING "\xa1x" NAN_64),   BYTES("\x82" OP_PING "\xa1x\xc4\x01\xff"),
        BYTES("\x82" OP_PING "\xa1x\xd4\x01x"), BYTES("\x82" OP_PING "\xa1x\x81\x01\x81\xc0\x01"),
        BYTES("\x82" OP_PING DATA NAN_64), /* not taken by this op */
        BYTES("\xdf\x00\x00\x00\x01" OP_PING),
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
        command_case_accept_packed(fixture, frames[i]);
}

static void what_is_no_map_is_refused_without_id(void **state)
{
    struct command_case *fixture = *state;
    static const struct cw_bytes frames[] = {
        BYTES(""),
        BYTES("\xc0"),
        BYTES("\x07"),
        BYTES("\xa4ping"),
        BYTES("\xc4\x00"),
        BYTES("\xd4\x01x"),
        BYTES("\x90"),
        BYTES("\x91\x82" OP_PING ID_7),
        BYTES("\xc1"),
        BYTES("\x82" OP_PING "\xa2id\xc1"),
        BYTES("\x82" OP_PING ID_7 "\xc0"), /* bytes behind it */
        BYTES("\x82" OP_PING ID_7 "\x82" OP_PING ID_7),
        BYTES("\x83" OP_PING ID_7),
        BYTES("{\"op\":\"ping\",\"id\":7}"),
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        command_case_refuse_packed(fixture, frames[i], CW_ERR_INVALID);
        assert_int_equal(fixture->error.id.type, CW_ID_NONE);
    }
    command_case_refuse_packed(fixture, (struct cw_bytes)BYTES("\x80"), CW_ERR_INVALID);
}

static void claims_of_more_than_there_is_are_refused_at_once(void **state)
{
    struct command_case *fixture = *state;
    static const struct cw_bytes starts[] = {
        BYTES("\xdf\xff\xff\xff\xff"),
        BYTES("\xde\xff\xff"),
        BYTES("\xdd\xff\xff\xff\xff"),
        BYTES("\x82" OP_MESSAGE DATA "\xdd\xff\xff\xff\xff"),
        BYTES("\x82" OP_MESSAGE DATA "\xdf\xff\xff\xff\xff"),
        BYTES("\x82" OP_MESSAGE DATA "\xdb\xff\xff\xff\xff"),
        BYTES("\x82" OP_MESSAGE PAYLOAD "\xc6\xff\xff\xff\xff"),
        BYTES("\x82" OP_MESSAGE DATA "\xc9\xff\xff\xff\xff\x01"),
        BYTES("\xdb\xff\xff\xff\xff"),
    };
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        for (size_t more = 0; more <= 50000; more += 25000) {
            struct cw_bytes frame = long_frame(starts[i], more, 'x', cw_bytes_text(""));
            command_case_refuse_packed(fixture, frame, CW_ERR_INVALID);
            free_frame(frame);
        }
    }
    /* Claims within claims: 2^32 times as many with each five bytes. */
    char frame[60000];
    for (size_t i = 0; i < sizeof(frame); i += 5)
        memcpy(frame + i, "\xdd\xff\xff\xff\xff", 5);
    command_case_refuse_packed(fixture, cw_bytes_make(frame, sizeof(frame)), CW_ERR_INVALID);
    for (size_t i = 0; i < sizeof(frame); i += 5)
        memcpy(frame + i, "\xdf\xff\xff\xff\xff", 5);
    command_case_refuse_packed(fixture, cw_bytes_make(frame, sizeof(frame)), CW_ERR_INVALID);
    /* And a frame of heads alone, each of one child. */
    memset(frame, 0x91, sizeof(frame));
    command_case_refuse_packed(fixture, cw_bytes_make(frame, sizeof(frame)), CW_ERR_INVALID);
}

static void payloads_are_64_deep_at_most(void **state)
{
    struct command_case *fixture = *state;
    static const struct {
        struct cw_bytes start;
        struct cw_bytes end;
        int error;
    } rows[] = {
        {BYTES("\x83" OP_MESSAGE ID_7 DATA), BYTES("\x07"), CW_ERR_PAYLOAD},
        {BYTES("\x83" DATA), BYTES("\x07" ID_7 OP_MESSAGE), CW_ERR_PAYLOAD},
        {BYTES("\x84" OP_MESSAGE ID_7 DATA "\x01\xa1x"), BYTES("\x07"), CW_ERR_INVALID},
        {BYTES("\x83" OP_PING ID_7 DATA), BYTES("\x07"), CW_ERR_INVALID},
    };
    static const size_t depths[] = {1, 63, 64, 65, 66, 100, 65000};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t j = 0; j < sizeof(depths) / sizeof(depths[0]); j++) {
            struct cw_bytes frame = long_frame(rows[i].start, depths[j], (char)0x91, rows[i].end);
            /* A known field that the op does not take may be as deep as it likes. */
            if (depths[j] <= 64 || i == 3) {
                command_case_accept_packed(fixture, frame);
            } else {
                command_case_refuse_packed(fixture, frame, rows[i].error);
                assert_id_7(fixture);
            }
            free_frame(frame);
        }
    }
}

/* Depth is of what is open at once, not of what comes one after the other. */
static void many_containers_beside_each_other_are_not_deep(void **state)
{
    struct command_case *fixture = *state;
    struct cw_bytes frame =
        long_frame((struct cw_bytes)BYTES("\x82" OP_MESSAGE DATA "\xdc\xc3\x50"), 50000, (char)0x80,
                   cw_bytes_text(""));
    command_case_accept_packed(fixture, frame);
    assert_int_equal(fixture->command.payload.size, 50000 * 3 + 1);
    free_frame(frame);
}

static void payloads_over_one_mebibyte_are_too_large(void **state)
{
    (void)state;
    size_t max = 3 * (size_t)CW_PAYLOAD_SIZE_MAX;
    struct cw_command_parser *parser = cw_command_parser_create(max);
    assert_non_null(parser);
    static const struct {
        struct cw_bytes start; /* its last four bytes become a length */
        size_t largest;
        char c;
    } rows[] = {
        {BYTES("\x83" OP_MESSAGE ID_7 TEXT "\xdb____"), CW_PAYLOAD_SIZE_MAX, 'x'},
        {BYTES("\x83" OP_MESSAGE ID_7 PAYLOAD "\xc6____"), CW_PAYLOAD_SIZE_MAX, '\xff'},
        {BYTES("\x83" OP_MESSAGE ID_7 DATA "\xdb____"), CW_PAYLOAD_SIZE_MAX - 2, 'x'},
        {BYTES("\x83" OP_MESSAGE ID_7 DATA "\xdb____"), (CW_PAYLOAD_SIZE_MAX - 2) / 6, '\x01'},
        {BYTES("\x83" OP_MESSAGE ID_7 DATA "\xdd____"), CW_PAYLOAD_SIZE_MAX / 5, '\xc0'},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t more = 0; more <= 1; more++) {
            struct cw_command command;
            struct cw_command_error error;
            size_t size = rows[i].largest + more;
            struct cw_bytes frame = long_frame(rows[i].start, size, rows[i].c, cw_bytes_text(""));
            char *length = (char *)(uintptr_t)frame.data + rows[i].start.size - 4;
            for (unsigned j = 0; j < 4; j++)
                length[j] = (char)(unsigned char)(size >> (8 * (3 - j)));
            int rc = cw_command_parse(parser, CW_KIND_MSGPACK, frame, &command, &error);
            if (rc != (more == 0 ? CW_OK : CW_ERR_TOO_LARGE))
                fail_msg("row %zu: %d %s", i, rc, error.message);
            assert_int_equal(more == 0 ? command.id.integer : error.id.integer, 7);
            free_frame(frame);
        }
    }
    /* Longer than any message may be. */
    struct cw_command command;
    struct cw_command_error error;
    struct cw_bytes frame = long_frame(cw_bytes_text(""), max + 1, (char)0x80, cw_bytes_text(""));
    assert_int_equal(cw_command_parse(parser, CW_KIND_MSGPACK, frame, &command, &error),
                     CW_ERR_INVALID);
    free_frame(frame);
    cw_command_parser_destroy(parser);
}

static const struct cw_bytes whole_frames[] = {
    BYTES("\x86\xa2op\xa7publish\xa2id\xa2\xc3\xa9" GROUP "\xa1g\xa3key\xd9\x01k\xa4"
          "echo\xc2" DATA "\x82\xa1"
          "a\x93\xca\x3f\x80\x00\x00\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\xa4"
          "\xf0\x9f\x98\x80\xa1"
          "b\xc0"),
    BYTES("\x83\xa2op\xa5since\xa6"
          "direct\x82\xa5"
          "epoch\xa1"
          "1\xa6offset\xce\x00\x00\x00\x02"
          "\xa6groups\x82\xa1"
          "a\x82\xa5"
          "epoch\xa1"
          "3\xa6offset\x04\xa1"
          "b\x82\xa5"
          "epoch"
          "\xa1"
          "5\xa6offset\x06"),
    BYTES("\x83" PAYLOAD "\xc4\x04\x00\x01\x02\x03" OP_MESSAGE "\xa2id\xcf\x00\x20\x00\x00\x00\x00"
          "\x00\x00"),
};

static void frames_cut_anywhere_are_refused(void **state)
{
    struct command_case *fixture = *state;
    for (size_t i = 0; i < sizeof(whole_frames) / sizeof(whole_frames[0]); i++) {
        command_case_accept_packed(fixture, whole_frames[i]);
        for (size_t size = 0; size < whole_frames[i].size; size++) {
            struct cw_bytes cut = cw_bytes_make(whole_frames[i].data, size);
            command_case_refuse_packed(fixture, cut, CW_ERR_INVALID);
            assert_int_equal(fixture->error.id.type, CW_ID_NONE);
        }
    }
}

/* Whatever one byte becomes, the parser answers and stays whole. */
static void frames_with_any_byte_changed_are_answered(void **state)
{
    struct command_case *fixture = *state;
    for (size_t i = 0; i < sizeof(whole_frames) / sizeof(whole_frames[0]); i++) {
        char changed[200];
        size_t size = whole_frames[i].size;
        assert_true(size <= sizeof(changed));
        for (size_t at = 0; at < size; at++) {
            for (int byte = 0; byte < 256; byte++) {
                memcpy(changed, whole_frames[i].data, size);
                changed[at] = (char)(unsigned char)byte;
                int rc = command_case_parse_packed(fixture, cw_bytes_make(changed, size));
                assert_true(rc == CW_OK || rc == CW_ERR_INVALID || rc == CW_ERR_PAYLOAD);
                if (rc == CW_OK && fixture->command.payload_type == CW_PAYLOAD_JSON &&
                    fixture->command.payload.size > 0)
                    assert_true(cw_json_is_valid(fixture->parser, fixture->command.payload));
            }
        }
        command_case_accept_packed(fixture, whole_frames[i]);
    }
}

#define CASE_TEST(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, command_case_setup, command_case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE_TEST(ids_may_be_integers_in_any_format),
        CASE_TEST(other_ids_are_refused_and_none_comes_back),
        CASE_TEST(strings_may_be_in_any_format),
        CASE_TEST(payloads_are_views_of_the_frame),
        CASE_TEST(data_becomes_json),
        CASE_TEST(payloads_of_the_wrong_kind_are_bad_payloads),
        CASE_TEST(bad_strings_elsewhere_are_bad_requests),
        CASE_TEST(keys_that_are_no_strings_are_bad_requests),
        CASE_TEST(unknown_fields_may_hold_what_json_has_not),
        CASE_TEST(what_is_no_map_is_refused_without_id),
        CASE_TEST(claims_of_more_than_there_is_are_refused_at_once),
        CASE_TEST(payloads_are_64_deep_at_most),
        CASE_TEST(many_containers_beside_each_other_are_not_deep),
        cmocka_unit_test(payloads_over_one_mebibyte_are_too_large),
        CASE_TEST(frames_cut_anywhere_are_refused),
        CASE_TEST(frames_with_any_byte_changed_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
