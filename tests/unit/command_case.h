/*
 * command_case.h - one parser and one parsed frame, for the tests of commands.
 *
 * The frame is parsed in memory of exactly its size, so that a sanitizer sees a step beyond it.
 *
 * What a test says in JSON is said in MessagePack as well: all that is parsed or refused as a JSON
 * frame must be parsed or refused alike as the same map in MessagePack.
 */
#ifndef CW_COMMAND_CASE_H
#define CW_COMMAND_CASE_H

#include "protocol/command.h"

#define CASE_MAX_MESSAGE 65536

struct command_case {
    struct cw_command_parser *parser;
    struct cw_command_parser *packed_parser; /* of the same frames in MessagePack */
    char *frame;                             /* owned: the last one */
    struct cw_command command;
    struct cw_command_error error;
};

/* cmocka's setup and teardown: `*state` is a struct command_case. */
int command_case_setup(void **state);
int command_case_teardown(void **state);

/** Parses as CW_KIND_JSON; fails the test if the same map in MessagePack is taken otherwise. */
int command_case_parse(struct command_case *fixture, struct cw_bytes frame);
/** Parses as CW_KIND_MSGPACK. */
int command_case_parse_packed(struct command_case *fixture, struct cw_bytes frame);
int command_case_parse_text(struct command_case *fixture, const char *frame);
/** Fails the test, telling the frame, unless it is parsed, or refused with `error`. */
void command_case_accept(struct command_case *fixture, const char *frame);
void command_case_refuse(struct command_case *fixture, const char *frame, int error);
/** The same for a frame in MessagePack. */
void command_case_accept_packed(struct command_case *fixture, struct cw_bytes frame);
void command_case_refuse_packed(struct command_case *fixture, struct cw_bytes frame, int error);

/** `count` times `c`, owned by the caller. */
char *command_case_repeat(char c, size_t count);
/** printf into new memory. */
char *command_case_format(const char *format, ...) CW_PRINTF(1, 2);

#endif
