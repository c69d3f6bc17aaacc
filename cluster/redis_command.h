/*
 * redis_command.h - commands as RESP writes them.
 */
#ifndef CW_REDIS_COMMAND_H
#define CW_REDIS_COMMAND_H

#include <chanway/bytes.h>

#include <stddef.h>

/** Bytes of the command whose words are `args`. */
size_t cw_redis_command_size(const struct cw_bytes *args, size_t count);
/** Writes it: so many bytes to `out`. */
void cw_redis_command_write(char *out, const struct cw_bytes *args, size_t count);

#endif
