/*
 * command_case.c - one parser and one parsed frame, for the tests of commands.
 */
#include "command_case.h"

#include "protocol/json_to_msgpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int command_case_setup(void **state)
{
    struct command_case *fixture = calloc(1, sizeof(*fixture));
    if (fixture == NULL)
        return -1;
    fixture->parser = cw_command_parser_create(CASE_MAX_MESSAGE);
    fixture->packed_parser = cw_command_parser_create(3 * (size_t)CASE_MAX_MESSAGE);
    *state = fixture;
    return fixture->parser != NULL && fixture->packed_parser != NULL ? 0 : -1;
}

int command_case_teardown(void **state)
{
    struct command_case *fixture = *state;
    cw_command_parser_destroy(fixture->parser);
    cw_command_parser_destroy(fixture->packed_parser);
    free(fixture->frame);
    free(fixture);
    return 0;
}

static int parse(struct command_case *fixture, enum cw_kind kind, struct cw_bytes frame)
{
    free(fixture->frame);
    fixture->frame = malloc(frame.size > 0 ? frame.size : 1);
    assert_non_null(fixture->frame);
    if (frame.size > 0)
        memcpy(fixture->frame, frame.data, frame.size);
    return cw_command_parse(fixture->parser, kind, cw_bytes_make(fixture->frame, frame.size),
                            &fixture->command, &fixture->error);
}

static bool is_same_id(const struct cw_command_id *a, const struct cw_command_id *b)
{
    return a->type == b->type && a->integer == b->integer && a->size == b->size &&
           memcmp(a->text, b->text, a->size) == 0;
}

static bool is_same_since(const struct cw_command *a, const struct cw_command *b)
{
    if (a->group_since_count != b->group_since_count)
        return false;
    for (size_t i = 0; i < a->group_since_count; i++)
        if (!cw_bytes_equal(a->group_since[i].group, b->group_since[i].group) ||
            cw_position_compare(a->group_since[i].position, b->group_since[i].position) != 0)
            return false;
    return a->has_since == b->has_since && cw_position_compare(a->since, b->since) == 0;
}

/* Payloads of JSON are the same if they are the same values. */
static bool is_same_payload(const struct cw_command *a, const struct cw_command *b)
{
    struct cw_bytes packed;
    if (a->payload_type != b->payload_type)
        return false;
    if (a->payload_type != CW_PAYLOAD_JSON || a->payload.size == 0 || b->payload.size == 0)
        return cw_bytes_equal(a->payload, b->payload);
    if (cw_json_to_msgpack(a->payload, &packed) != CW_OK)
        return false;
    char *copy = malloc(packed.size);
    assert_non_null(copy);
    memcpy(copy, packed.data, packed.size);
    size_t size = packed.size;
    bool is_same = cw_json_to_msgpack(b->payload, &packed) == CW_OK &&
                   cw_bytes_equal(packed, cw_bytes_make(copy, size));
    free(copy);
    return is_same;
}

static bool is_same_command(const struct cw_command *a, const struct cw_command *b)
{
    return a->op == b->op && is_same_id(&a->id, &b->id) && cw_bytes_equal(a->group, b->group) &&
           cw_bytes_equal(a->to, b->to) && cw_bytes_equal(a->key, b->key) &&
           cw_bytes_equal(a->token, b->token) && cw_bytes_equal(a->cursor, b->cursor) &&
           a->count == b->count && a->skips_sender == b->skips_sender &&
           a->wants_presence == b->wants_presence && is_same_since(a, b) && is_same_payload(a, b);
}

/* What JSON says in another way than MessagePack: bytes as base64, and -0 beside 0. */
static bool has_no_counterpart(struct cw_bytes frame)
{
    return frame.size > CASE_MAX_MESSAGE || frame.size == 0 ||
           memmem(frame.data, frame.size, "\"bytes\"", 7) != NULL ||
           memmem(frame.data, frame.size, ":-0", 3) != NULL;
}

/* After `rc` of the same frame as JSON. */
static void compare_packed(struct command_case *fixture, struct cw_bytes frame, int rc)
{
    struct cw_bytes packed;
    struct cw_command command;
    struct cw_command_error error;
    if (has_no_counterpart(frame) || cw_json_to_msgpack(frame, &packed) != CW_OK)
        return;
    char *copy = malloc(packed.size);
    assert_non_null(copy);
    memcpy(copy, packed.data, packed.size);
    int packed_rc = cw_command_parse(fixture->packed_parser, CW_KIND_MSGPACK,
                                     cw_bytes_make(copy, packed.size), &command, &error);
    if (packed_rc != rc || !is_same_id(&error.id, &fixture->error.id) ||
        (rc == CW_OK && !is_same_command(&command, &fixture->command)))
        fail_msg("%d as JSON and %d (%s) in MessagePack: %.*s", rc, packed_rc, error.message,
                 (int)(frame.size < 200 ? frame.size : 200), frame.data);
    free(copy);
}

int command_case_parse(struct command_case *fixture, struct cw_bytes frame)
{
    int rc = parse(fixture, CW_KIND_JSON, frame);
    compare_packed(fixture, frame, rc);
    return rc;
}

int command_case_parse_packed(struct command_case *fixture, struct cw_bytes frame)
{
    return parse(fixture, CW_KIND_MSGPACK, frame);
}

int command_case_parse_text(struct command_case *fixture, const char *frame)
{
    return command_case_parse(fixture, cw_bytes_text(frame));
}

void command_case_accept(struct command_case *fixture, const char *frame)
{
    if (command_case_parse_text(fixture, frame) != CW_OK)
        fail_msg("refused: %.200s: %s", frame, fixture->error.message);
}

void command_case_refuse(struct command_case *fixture, const char *frame, int error)
{
    int rc = command_case_parse_text(fixture, frame);
    if (rc != error)
        fail_msg("%d instead of %d: %.200s: %s", rc, error, frame, fixture->error.message);
    assert_int_equal(fixture->error.error, error);
    assert_true(fixture->error.message[0] != '\0');
}

/* The frame in hexadecimal, as far as it fits. */
static const char *show(struct cw_bytes frame)
{
    static char text[201];
    for (size_t i = 0; i < frame.size && i < 100; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned)(unsigned char)frame.data[i]);
    return text;
}

void command_case_accept_packed(struct command_case *fixture, struct cw_bytes frame)
{
    if (command_case_parse_packed(fixture, frame) != CW_OK)
        fail_msg("refused: %s: %s", show(frame), fixture->error.message);
}

void command_case_refuse_packed(struct command_case *fixture, struct cw_bytes frame, int error)
{
    int rc = command_case_parse_packed(fixture, frame);
    if (rc != error)
        fail_msg("%d instead of %d: %s: %s", rc, error, show(frame), fixture->error.message);
    assert_int_equal(fixture->error.error, error);
    assert_true(fixture->error.message[0] != '\0');
}

char *command_case_repeat(char c, size_t count)
{
    char *text = malloc(count + 1);
    assert_non_null(text);
    memset(text, c, count);
    text[count] = '\0';
    return text;
}

char *command_case_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    assert_true(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    return text;
}
