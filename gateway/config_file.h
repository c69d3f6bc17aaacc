/*
 * config_file.h - lines `name = value` of an INI file.
 *
 * A comment has a line of its own, beginning with # or ;. White space around names and values is of
 * no meaning; a value is everything after the first =, as it is. The one section there may be is
 * [chanway].
 */
#ifndef CW_CONFIG_FILE_H
#define CW_CONFIG_FILE_H

#include <chanway/error.h>

#include <stddef.h>

/** One line. Anything but CW_OK ends the reading; it has written to the error itself. */
typedef int (*cw_config_line_fn)(void *arg, int line, const char *name, const char *value);

/** CW_ERR_INVALID: `error` names file and line. What `fn` returns, if it is not CW_OK.
 * CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_config_file_read(const char *file, cw_config_line_fn fn, void *arg,
                                      char *error, size_t error_size);

#endif
