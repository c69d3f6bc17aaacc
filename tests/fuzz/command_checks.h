/*
 * command_checks.h - what holds of every command that was parsed, and of every error.
 */
#ifndef CW_TESTS_COMMAND_CHECKS_H
#define CW_TESTS_COMMAND_CHECKS_H

#include "protocol/command.h"

#define FUZZ_MAX_MESSAGE 65536

/* One parser for the whole run. */
struct cw_command_parser *fuzz_parser(void);
/* Parses `frame`, whose memory is exactly as large, and checks what comes of it. Whether it is
 * good. */
bool fuzz_parse_command(enum cw_kind kind, struct cw_bytes frame, struct cw_command *ret_command);
void fuzz_check_error(int rc, const struct cw_command_error *error);

#endif
