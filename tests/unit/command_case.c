/*
 * command_case.c - one parser and one parsed frame, for the tests of commands.
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

int command_case_setup(void **state)
{
    struct command_case *fixture = calloc(1, sizeof(*fixture));
    if (fixture == NULL)
        return -1;
    fixture->parser = cw_command_parser_create(CASE_MAX_MESSAGE);
    *state = fixture;
    return fixture->parser != NULL ? 0 : -1;
}

int command_case_teardown(void **state)
{
    struct command_case *fixture = *state;
    cw_command_parser_destroy(fixture->parser);
    free(fixture->frame);
    free(fixture);
    return 0;
}

int command_case_parse(struct command_case *fixture, struct cw_bytes frame)
{
    free(fixture->frame);
    fixture->frame = malloc(frame.size > 0 ? frame.size : 1);
    assert_non_null(fixture->frame);
    if (frame.size > 0)
        memcpy(fixture->frame, frame.data, frame.size);
    return cw_command_parse(fixture->parser, CW_KIND_JSON,
                            cw_bytes_make(fixture->frame, frame.size), &fixture->command,
                            &fixture->error);
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
