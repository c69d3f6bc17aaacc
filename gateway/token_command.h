/*
 * token_command.h - `chanwayd token`: a token for a user, printed.
 */
#ifndef CW_TOKEN_COMMAND_H
#define CW_TOKEN_COMMAND_H

#include <chanway/gateway.h>

struct cw_config;

/** The token_... and require_token settings, in the words of the gateway. */
void cw_token_fill_options(const struct cw_config *config, struct cw_gateway_options *options);

/** `argv[1]` is "token". Returns what the program is to end with. */
int cw_token_command(int argc, char *argv[], char *const environment[]);

#endif
