/*
 * test_command.c - command.c: what each op takes, each field at its bounds, each way to get it
 * wrong.
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

#define UUID "0192f3a1-7b2c-7d3e-8f40-0123456789ab"

static void assert_text(struct cw_bytes bytes, const char *expected)
{
    if (!cw_bytes_is(bytes, expected))
        fail_msg("'%.*s' instead of '%s'", (int)bytes.size, bytes.data, expected);
}

static void every_op_is_known_by_its_name(void **state)
{
    static const char *const frames[CW_OP_COUNT] = {
        [CW_OP_JOIN] = "{\"op\":\"join\",\"group\":\"g\"}",
        [CW_OP_LEAVE] = "{\"op\":\"leave\",\"group\":\"g\"}",
        [CW_OP_PUBLISH] = "{\"op\":\"publish\",\"group\":\"g\",\"data\":1}",
        [CW_OP_SEND] = ("{\"op\":\"send\",\"to\":\"" UUID "\",\"data\":1}"),
        [CW_OP_MESSAGE] = "{\"op\":\"message\",\"data\":1}",
        [CW_OP_AUTH] = "{\"op\":\"auth\",\"token\":\"t\"}",
        [CW_OP_MEMBERS] = "{\"op\":\"members\",\"group\":\"g\"}",
        [CW_OP_SINCE] = "{\"op\":\"since\"}",
        [CW_OP_ACK] = "{\"op\":\"ack\",\"epoch\":\"1\",\"offset\":2}",
        [CW_OP_PING] = "{\"op\":\"ping\"}",
    };
    for (int op = 0; op < CW_OP_COUNT; op++) {
        struct command_case *fixture = *state;
        char *start = command_case_format("{\"op\":\"%s\"", cw_op_name((enum cw_op_code)op));
        assert_int_equal(strncmp(frames[op], start, strlen(start)), 0);
        free(start);
        command_case_accept(fixture, frames[op]);
        assert_int_equal(fixture->command.op, op);
        assert_int_equal(fixture->command.id.type, CW_ID_NONE);
    }
}

static void absent_fields_have_their_defaults(void **state)
{
    struct command_case *fixture = *state;
    const struct cw_command *command = &fixture->command;

    command_case_accept(fixture, "{\"op\":\"ping\"}");
    assert_int_equal(command->group.size, 0);
    assert_int_equal(command->to.size, 0);
    assert_int_equal(command->key.size, 0);
    assert_int_equal(command->token.size, 0);
    assert_int_equal(command->payload.size, 0);
    assert_int_equal(command->count, 100);
    assert_text(command->cursor, "0");
    assert_false(command->skips_sender);
    assert_false(command->wants_presence);
    assert_false(command->has_since);
    assert_null(command->group_since);
    assert_int_equal(command->group_since_count, 0);
}

static void fields_arrive_in_any_order_and_spacing(void **state)
{
    struct command_case *fixture = *state;
    const struct cw_command *command = &fixture->command;

    command_case_accept(fixture,
                        "\t{ \"echo\" : false ,\r\n \"data\" :\t{ \"a\" : [ 1 , 2 ] } , "
                        "\"key\":\"k1\",\"id\":\"x\",\"group\" : \"chat\",\"op\":\"publish\"}"
                        " \n");
    assert_int_equal(command->op, CW_OP_PUBLISH);
    assert_text(command->group, "chat");
    assert_text(command->key, "k1");
    assert_true(command->skips_sender);
    assert_int_equal(command->payload_type, CW_PAYLOAD_JSON);
    assert_text(command->payload, "{ \"a\" : [ 1 , 2 ] }");
    assert_int_equal(command->id.type, CW_ID_STRING);
    assert_int_equal(command->id.size, 1);
    assert_memory_equal(command->id.text, "x", 1);
}

static void names_may_be_written_with_escapes(void **state)
{
    struct command_case *fixture = *state;

    command_case_accept(fixture, "{\"\\u006fp\":\"\\u0070ublish\",\"gro\\u0075p\":\"c\\/d\","
                                 "\"d\\u0061ta\":[1,{\"data\":2}]}");
    assert_int_equal(fixture->command.op, CW_OP_PUBLISH);
    assert_text(fixture->command.group, "c/d");
    assert_text(fixture->command.payload, "[1,{\"data\":2}]");
}

static void what_is_not_of_the_op_is_ignored(void **state)
{
    static const char *const frames[] = {
        "{\"op\":\"ping\",\"group\":5,\"to\":null,\"data\":1,\"text\":2,\"since\":[],\"count\":-1}",
        "{\"op\":\"join\",\"group\":\"g\",\"data\":1,\"bytes\":\"?\",\"echo\":7,\"key\":{}}",
        "{\"op\":\"message\",\"data\":1,\"group\":\"bad name\",\"key\":[]}",
        "{\"op\":\"ping\",\"other\":1,\"other\":2,\"Op\":3,\"\":{},\"op \":4,\"opp\":[[[]]]}",
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
        command_case_accept(*state, frames[i]);
}

static void known_fields_come_once_whatever_the_op(void **state)
{
    static const char *const frames[] = {
        "{\"op\":\"ping\",\"op\":\"ping\",\"id\":3}",
        "{\"op\":\"ping\",\"id\":3,\"group\":\"a\",\"group\":\"a\"}",
        "{\"op\":\"ping\",\"data\":1,\"id\":3,\"data\":1}",
        "{\"op\":\"ping\",\"d\\u0061ta\":1,\"data\":1,\"id\":3}",
        ("{\"id\":3,\"op\":\"join\",\"group\":\"g\",\"since\":{\"epoch\":\"1\",\"offset\":1},"
         "\"since\":{\"epoch\":\"1\",\"offset\":1}}"),
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct command_case *fixture = *state;
        command_case_refuse(fixture, frames[i], CW_ERR_INVALID);
        assert_int_equal(fixture->error.id.type, CW_ID_INTEGER);
        assert_int_equal(fixture->error.id.integer, 3);
    }
}

static void ids_are_integers_to_2_53_and_short_strings(void **state)
{
    struct command_case *fixture = *state;
    static const struct {
        const char *id;
        uint64_t integer;
    } integers[] = {
        {"0", 0},
        {"1", 1},
        {"9007199254740991", 9007199254740991},
        {"9007199254740992", 9007199254740992},
    };
    for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
        char *frame = command_case_format("{\"op\":\"ping\",\"id\":%s}", integers[i].id);
        command_case_accept(fixture, frame);
        assert_int_equal(fixture->command.id.type, CW_ID_INTEGER);
        assert_true(fixture->command.id.integer == integers[i].integer);
        free(frame);
    }

    char *longest = command_case_repeat('i', 64);
    char *frame = command_case_format("{\"op\":\"ping\",\"id\":\"%s\"}", longest);
    command_case_accept(fixture, frame);
    assert_int_equal(fixture->command.id.type, CW_ID_STRING);
    assert_int_equal(fixture->command.id.size, 64);
    assert_memory_equal(fixture->command.id.text, longest, 64);
    free(frame);
    free(longest);

    command_case_accept(fixture, "{\"op\":\"ping\",\"id\":\"\\u0000\\u00e9\\\"\"}");
    assert_int_equal(fixture->command.id.size, 4);
    assert_memory_equal(fixture->command.id.text, "\0\xC3\xA9\"", 4);
}

static void other_ids_are_refused_and_none_comes_back(void **state)
{
    struct command_case *fixture = *state;
    static const char *const ids[] = {
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999",
        "-1",
        "-0",
        "1.0",
        "1e0",
        "0.5",
        "null",
        "true",
        "[]",
        "{}",
        "[1]",
        "\"\"",
    };
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char *frame = command_case_format("{\"op\":\"ping\",\"id\":%s}", ids[i]);
        command_case_refuse(fixture, frame, CW_ERR_INVALID);
        assert_int_equal(fixture->error.id.type, CW_ID_NONE);
        free(frame);
    }
    command_case_refuse(fixture, "{\"op\":\"ping\",\"id\":1,\"id\":1}", CW_ERR_INVALID);
    assert_int_equal(fixture->error.id.type, CW_ID_NONE);

    char *too_long = command_case_repeat('i', 65);
    char *frame = command_case_format("{\"op\":\"ping\",\"id\":\"%s\"}", too_long);
    command_case_refuse(fixture, frame, CW_ERR_INVALID);
    assert_int_equal(fixture->error.id.type, CW_ID_NONE);
    free(frame);
    /* 33 characters of two bytes: bytes are counted. */
    char *wide =
        command_case_format("{\"op\":\"ping\",\"id\":\"%s\"}", "ééééééééééééééééééééééééééééééééé");
    command_case_refuse(fixture, wide, CW_ERR_INVALID);
    free(wide);
    free(too_long);
}

static void errors_of_an_op_carry_its_id(void **state)
{
    struct command_case *fixture = *state;
    static const char *const frames[] = {
        "{\"group\":\"g\",\"id\":12}",
        "{\"op\":\"dance\",\"id\":12}",
        "{\"op\":7,\"id\":12}",
        "{\"op\":null,\"id\":12}",
        "{\"op\":\"Ping\",\"id\":12}",
        "{\"op\":\"\",\"id\":12}",
        "{\"op\":\"join\",\"id\":12}",
        "{\"op\":\"join\",\"group\":null,\"id\":12}",
        "{\"op\":\"publish\",\"group\":\"g\",\"id\":12}",
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        command_case_refuse(fixture, frames[i], CW_ERR_INVALID);
        assert_int_equal(fixture->error.id.type, CW_ID_INTEGER);
        assert_int_equal(fixture->error.id.integer, 12);
    }
}

static void what_is_no_object_is_refused_without_id(void **state)
{
    struct command_case *fixture = *state;
    static const char *const frames[] = {
        "",
        " ",
        "[]",
        "[{\"op\":\"ping\",\"id\":1}]",
        "1",
        "\"ping\"",
        "null",
        "true",
        "{",
        "}",
        "{\"op\":\"ping\"",
        "{\"op\":\"ping\"}}",
        "{\"op\":\"ping\"}{}",
        "{\"op\":\"ping\",}",
        "{op:\"ping\"}",
        "{'op':'ping'}",
        "{\"op\":\"ping\"} // no",
        "\xEF\xBB\xBF{\"op\":\"ping\"}",
        "{\"op\":\"ping\",\"id\":1,\"x\":NaN}",
        "{\"op\":\"ping\",\"id\":1,\"x\":01}",
        "{\"op\":\"ping\",\"id\":1,\"x\":0x1}",
        "{\"op\":\"ping\",\"id\":1,\"x\":+1}",
        "{\"op\":\"ping\",\"id\":1,\"x\":.5}",
        "{\"op\":\"ping\",\"id\":1,\"x\":5.}",

        "{\"op\":\"ping\",\"id\":1,\"x\":\"\\x\"}",
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        command_case_refuse(fixture, frames[i], CW_ERR_INVALID);
        assert_int_equal(fixture->error.id.type, CW_ID_NONE);
    }
    static const char with_nul[] = "{\"op\":\"ping\"}\0";
    assert_int_equal(command_case_parse(fixture, cw_bytes_make(with_nul, sizeof(with_nul))),
                     CW_ERR_INVALID);
}

static void groups_are_checked_as_names(void **state)
{
    struct command_case *fixture = *state;
    static const char *const ops[] = {"join", "leave", "members"};
    static const char *const bad[] = {"\"\"",         "\"a b\"", "\"a,b\"",      "\"a*\"",
                                      "\"\xC3\xA9\"", "5",       "null",         "[\"g\"]",
                                      "{}",           "true",    "\"a\\u0000\"", "\"a\\n\""};
    char *longest = command_case_repeat('g', 128);
    char *too_long = command_case_repeat('g', 129);

    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        char *frame = command_case_format("{\"op\":\"%s\",\"group\":\"%s\"}", ops[i], longest);
        command_case_accept(fixture, frame);
        assert_text(fixture->command.group, longest);
        free(frame);
        frame = command_case_format("{\"op\":\"%s\",\"group\":\"%s\"}", ops[i], too_long);
        command_case_refuse(fixture, frame, CW_ERR_INVALID);
        free(frame);
        for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
            frame = command_case_format("{\"op\":\"%s\",\"group\":%s}", ops[i], bad[j]);
            command_case_refuse(fixture, frame, CW_ERR_INVALID);
            free(frame);
        }
    }
    command_case_accept(fixture, "{\"op\":\"join\",\"group\":\"user:a=40_.:@=/-Z9\"}");
    free(longest);
    free(too_long);
}

static void keys_have_1_to_64_bytes(void **state)
{
    struct command_case *fixture = *state;
    static const char *const bad[] = {"\"\"", "5", "null", "[]", "false"};
    static const char *const starts[] = {"\"op\":\"publish\",\"group\":\"g\"",
                                         "\"op\":\"send\",\"to\":\"" UUID "\""};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        for (size_t size = 1; size <= 65; size += size == 1 ? 63 : 1) {
            char *key = command_case_repeat('k', size);
            char *frame = command_case_format("{%s,\"data\":1,\"key\":\"%s\"}", starts[i], key);
            if (size <= 64) {
                command_case_accept(fixture, frame);
                assert_text(fixture->command.key, key);
            } else {
                command_case_refuse(fixture, frame, CW_ERR_INVALID);
            }
            free(frame);
            free(key);
        }
        for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
            char *frame = command_case_format("{%s,\"data\":1,\"key\":%s}", starts[i], bad[j]);
            command_case_refuse(fixture, frame, CW_ERR_INVALID);
            free(frame);
        }
    }
}

static void receivers_are_uuids_in_lower_case(void **state)
{
    struct command_case *fixture = *state;
    static const char *const bad[] = {
        "\"\"",
        ("\"" UUID "0\""),
        "\"0192f3a1-7b2c-7d3e-8f40-0123456789a\"",
        "\"0192F3A1-7B2C-7D3E-8F40-0123456789AB\"",
        "\"0192f3a17b2c7d3e8f400123456789ab\"",
        "\"0192f3a1-7b2c-7d3e-8f40-0123456789ag\"",
        "\"0192f3a1_7b2c-7d3e-8f40-0123456789ab\"",
        "7",
        "null",
        ("[\"" UUID "\"]"),
    };
    command_case_accept(fixture, "{\"op\":\"send\",\"to\":\"" UUID "\",\"text\":\"\"}");
    assert_text(fixture->command.to, UUID);
    command_case_refuse(fixture, "{\"op\":\"send\",\"text\":\"\"}", CW_ERR_INVALID);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *frame = command_case_format("{\"op\":\"send\",\"to\":%s,\"text\":\"\"}", bad[i]);
        command_case_refuse(fixture, frame, CW_ERR_INVALID);
        free(frame);
    }
}

static void echo_and_presence_are_booleans(void **state)
{
    struct command_case *fixture = *state;
    static const char *const bad[] = {"0", "1", "null", "\"false\"", "[]", "{}"};

    command_case_accept(fixture, "{\"op\":\"publish\",\"group\":\"g\",\"data\":1,\"echo\":true}");
    assert_false(fixture->command.skips_sender);
    command_case_accept(fixture, "{\"op\":\"publish\",\"group\":\"g\",\"data\":1,\"echo\":false}");
    assert_true(fixture->command.skips_sender);
    command_case_accept(fixture, "{\"op\":\"join\",\"group\":\"g\",\"presence\":true}");
    assert_true(fixture->command.wants_presence);
    command_case_accept(fixture, "{\"op\":\"join\",\"group\":\"g\",\"presence\":false}");
    assert_false(fixture->command.wants_presence);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *frame = command_case_format(
            "{\"op\":\"publish\",\"group\":\"g\",\"data\":1,\"echo\":%s}", bad[i]);
        command_case_refuse(fixture, frame, CW_ERR_INVALID);
        free(frame);
        frame = command_case_format("{\"op\":\"join\",\"group\":\"g\",\"presence\":%s}", bad[i]);
        command_case_refuse(fixture, frame, CW_ERR_INVALID);
        free(frame);
    }
}

static void pages_of_members_have_a_cursor_and_a_bounded_count(void **state)
{
    struct command_case *fixture = *state;
    static const char *const bad[] = {
        "\"count\":0",   "\"count\":1001",  "\"count\":-1",    "\"count\":1.0",
        "\"count\":1e2", "\"count\":\"5\"", "\"count\":null",  "\"count\":18446744073709551716",
        "\"count\":[]",  "\"cursor\":0",    "\"cursor\":\"\"", "\"cursor\":null",
        "\"cursor\":{}",
    };
    char *cursor = command_case_repeat('7', 64);
    char *frame = command_case_format(
        "{\"op\":\"members\",\"group\":\"g\",\"count\":1000,\"cursor\":\"%s\"}", cursor);
    command_case_accept(fixture, frame);
    assert_int_equal(fixture->command.count, 1000);
    assert_text(fixture->command.cursor, cursor);
    free(frame);
    frame = command_case_format("{\"op\":\"members\",\"group\":\"g\",\"cursor\":\"%s7\"}", cursor);
    command_case_refuse(fixture, frame, CW_ERR_INVALID);
    free(frame);
    free(cursor);

    command_case_accept(fixture, "{\"op\":\"members\",\"group\":\"g\",\"count\":1}");
    assert_int_equal(fixture->command.count, 1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        frame = command_case_format("{\"op\":\"members\",\"group\":\"g\",%s}", bad[i]);
        command_case_refuse(fixture, frame, CW_ERR_INVALID);
        free(frame);
    }
}

static void positions_have_an_epoch_of_digits_and_a_whole_offset(void **state)
{
    struct command_case *fixture = *state;
    static const char *const bad[] = {
        "{}",
        "[]",
        "null",
        "\"1-2\"",
        "0",
        "{\"epoch\":\"1\"}",
        "{\"offset\":1}",
        "{\"epoch\":1,\"offset\":1}",
        "{\"epoch\":\"\",\"offset\":1}",
        "{\"epoch\":\"01\",\"offset\":1}",
        "{\"epoch\":\"+1\",\"offset\":1}",
        "{\"epoch\":\"-1\",\"offset\":1}",
        "{\"epoch\":\"1 \",\"offset\":1}",
        "{\"epoch\":\"1-0\",\"offset\":1}",
        "{\"epoch\":\"x\",\"offset\":1}",
        "{\"epoch\":\"18446744073709551616\",\"offset\":1}",
        "{\"epoch\":\"99999999999999999999999999999999999999999999\",\"offset\":1}",
        "{\"epoch\":\"1\",\"offset\":\"1\"}",
        "{\"epoch\":\"1\",\"offset\":-1}",
        "{\"epoch\":\"1\",\"offset\":1.0}",
        "{\"epoch\":\"1\",\"offset\":1e3}",
        "{\"epoch\":\"1\",\"offset\":null}",
        "{\"epoch\":\"1\",\"offset\":18446744073709551616}",
        "{\"epoch\":\"1\",\"epoch\":\"1\",\"offset\":1}",
        "{\"epoch\":\"1\",\"offset\":1,\"offset\":1}",
    };
    command_case_accept(fixture, "{\"op\":\"join\",\"group\":\"g\",\"since\":{\"offset\":"
                                 "18446744073709551615,\"epoch\":\"18446744073709551615\"}}");
    assert_true(fixture->command.has_since);
    assert_true(fixture->command.since.epoch == UINT64_MAX);
    assert_true(fixture->command.since.offset == UINT64_MAX);
    command_case_accept(fixture, "{\"op\":\"join\",\"group\":\"g\",\"since\":{\"epoch\":\"0\","
                                 "\"offset\":0,\"more\":[1]}}");
    assert_true(fixture->command.has_since);
    assert_true(fixture->command.since.epoch == 0 && fixture->command.since.offset == 0);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *frame = command_case_format("{\"op\":\"join\",\"group\":\"g\",\"since\":%s}", bad[i]);
        command_case_refuse(fixture, frame, CW_ERR_INVALID);
        free(frame);
        frame = command_case_format("{\"op\":\"since\",\"direct\":%s}", bad[i]);
        command_case_refuse(fixture, frame, CW_ERR_INVALID);
        free(frame);
        frame = command_case_format("{\"op\":\"since\",\"groups\":{\"a\":%s}}", bad[i]);
        command_case_refuse(fixture, frame, CW_ERR_INVALID);
        free(frame);
    }
}

static void acks_have_both_parts_of_a_position(void **state)
{
    struct command_case *fixture = *state;
    command_case_accept(fixture, "{\"op\":\"ack\",\"epoch\":\"12\",\"offset\":34}");
    assert_true(fixture->command.since.epoch == 12 && fixture->command.since.offset == 34);
    command_case_refuse(fixture, "{\"op\":\"ack\",\"epoch\":\"12\"}", CW_ERR_INVALID);
    command_case_refuse(fixture, "{\"op\":\"ack\",\"offset\":34}", CW_ERR_INVALID);
    command_case_refuse(fixture, "{\"op\":\"ack\",\"epoch\":12,\"offset\":34}", CW_ERR_INVALID);
    command_case_refuse(fixture, "{\"op\":\"ack\",\"epoch\":\"12\",\"offset\":\"34\"}",
                        CW_ERR_INVALID);
}

static void positions_of_groups_come_sorted_and_once_each(void **state)
{
    struct command_case *fixture = *state;
    const struct cw_command *command = &fixture->command;
    static const char *const bad[] = {
        "[]",
        "null",
        "\"a\"",
        "{\"\":{\"epoch\":\"1\",\"offset\":1}}",
        "{\"a b\":{\"epoch\":\"1\",\"offset\":1}}",
        ("{\"a\":{\"epoch\":\"1\",\"offset\":1},\"b\":{\"epoch\":\"1\",\"offset\":1},"
         "\"\\u0061\":{\"epoch\":\"1\",\"offset\":1}}"),
    };
    command_case_accept(fixture, "{\"op\":\"since\",\"direct\":{\"epoch\":\"9\",\"offset\":8},"
                                 "\"groups\":{\"b\":{\"epoch\":\"1\",\"offset\":2},"
                                 "\"ab\":{\"epoch\":\"3\",\"offset\":4},"
                                 "\"a\":{\"epoch\":\"5\",\"offset\":6}}}");
    assert_true(command->has_since && command->since.epoch == 9 && command->since.offset == 8);
    assert_int_equal(command->group_since_count, 3);
    assert_text(command->group_since[0].group, "a");
    assert_text(command->group_since[1].group, "ab");
    assert_text(command->group_since[2].group, "b");
    assert_true(command->group_since[2].position.epoch == 1);
    assert_true(command->group_since[0].position.offset == 6);

    command_case_accept(fixture, "{\"op\":\"since\",\"groups\":{}}");
    assert_false(command->has_since);
    assert_null(command->group_since);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *frame = command_case_format("{\"op\":\"since\",\"groups\":%s}", bad[i]);
        command_case_refuse(fixture, frame, CW_ERR_INVALID);
        free(frame);
    }
}

static void positions_of_groups_are_bounded_in_number(void **state)
{
    struct command_case *fixture = *state;
    for (size_t count = CW_COMMAND_GROUPS_MAX; count <= CW_COMMAND_GROUPS_MAX + 1; count++) {
        char *frame = malloc(CASE_MAX_MESSAGE);
        assert_non_null(frame);
        int size = sprintf(frame, "{\"op\":\"since\",\"groups\":{");
        for (size_t i = 0; i < count; i++)
            size += sprintf(frame + size, "%s\"g%zu\":{\"epoch\":\"1\",\"offset\":%zu}",
                            i > 0 ? "," : "", i, i);
        size += sprintf(frame + size, "}}");
        assert_true(size < CASE_MAX_MESSAGE);
        if (count == CW_COMMAND_GROUPS_MAX) {
            command_case_accept(fixture, frame);
            assert_int_equal(fixture->command.group_since_count, count);
        } else {
            command_case_refuse(fixture, frame, CW_ERR_INVALID);
        }
        free(frame);
    }
}

static void tokens_are_strings_that_are_not_empty(void **state)
{
    struct command_case *fixture = *state;
    command_case_accept(fixture, "{\"op\":\"auth\",\"token\":\"a.b.c\"}");
    assert_text(fixture->command.token, "a.b.c");
    command_case_refuse(fixture, "{\"op\":\"auth\"}", CW_ERR_INVALID);
    command_case_refuse(fixture, "{\"op\":\"auth\",\"token\":\"\"}", CW_ERR_INVALID);
    command_case_refuse(fixture, "{\"op\":\"auth\",\"token\":5}", CW_ERR_INVALID);
    command_case_refuse(fixture, "{\"op\":\"auth\",\"token\":null}", CW_ERR_INVALID);
}

static void kinds_without_commands_are_refused(void **state)
{
    struct command_case *fixture = *state;
    struct cw_bytes frame = cw_bytes_text("{\"op\":\"ping\"}");
    assert_int_equal(
        cw_command_parse(fixture->parser, CW_KIND_RAW, frame, &fixture->command, &fixture->error),
        CW_ERR_INVALID);
}

static void destroying_no_parser_is_harmless(void **state)
{
    (void)state;
    cw_command_parser_destroy(NULL);
}

#define CASE_TEST(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, command_case_setup, command_case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE_TEST(every_op_is_known_by_its_name),
        CASE_TEST(absent_fields_have_their_defaults),
        CASE_TEST(fields_arrive_in_any_order_and_spacing),
        CASE_TEST(names_may_be_written_with_escapes),
        CASE_TEST(what_is_not_of_the_op_is_ignored),
        CASE_TEST(known_fields_come_once_whatever_the_op),
        CASE_TEST(ids_are_integers_to_2_53_and_short_strings),
        CASE_TEST(other_ids_are_refused_and_none_comes_back),
        CASE_TEST(errors_of_an_op_carry_its_id),
        CASE_TEST(what_is_no_object_is_refused_without_id),
        CASE_TEST(groups_are_checked_as_names),
        CASE_TEST(keys_have_1_to_64_bytes),
        CASE_TEST(receivers_are_uuids_in_lower_case),
        CASE_TEST(echo_and_presence_are_booleans),
        CASE_TEST(pages_of_members_have_a_cursor_and_a_bounded_count),
        CASE_TEST(positions_have_an_epoch_of_digits_and_a_whole_offset),
        CASE_TEST(acks_have_both_parts_of_a_position),
        CASE_TEST(positions_of_groups_come_sorted_and_once_each),
        CASE_TEST(positions_of_groups_are_bounded_in_number),
        CASE_TEST(tokens_are_strings_that_are_not_empty),
        CASE_TEST(kinds_without_commands_are_refused),
        cmocka_unit_test(destroying_no_parser_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
