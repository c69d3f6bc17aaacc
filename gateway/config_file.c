/*
 * config_file.c - lines `name = value` of an INI file.
 */
#include "config_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE_MAX 8192 /* longer than any value may be: not a file of settings */

static const char white_space[] = " \t\r\n";

/* Cuts white space at both ends, in place. */
static char *trim(char *text)
{
    text += strspn(text, white_space);
    size_t size = strlen(text);
    while (size > 0 && strchr(white_space, text[size - 1]) != NULL)
        size--;
    text[size] = '\0';
    return text;
}

static const char *skip_byte_order_mark(const char *text, int line)
{
    return line == 1 && strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? text + 3 : text;
}

/* NULL, or what is wrong with the line; `*ret_value` is NULL where there is nothing to set. */
static const char *split_line(char *text, size_t size, char **ret_name, char **ret_value)
{
    *ret_value = NULL;
    if (size > LINE_SIZE_MAX)
        return "the line is too long";
    if (memchr(text, '\0', size) != NULL)
        return "the line holds a NUL byte";

    char *line = trim(text);
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
        return NULL;
    if (line[0] == '[')
        return strcmp(line, "[chanway]") == 0 ? NULL : "the only section there may be is [chanway]";
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return "not a line \"name = value\"";
    *equals = '\0';
    *ret_name = trim(line);
    *ret_value = trim(equals + 1);
    return NULL;
}

static int read_lines(FILE *stream, const char *file, cw_config_line_fn fn, void *arg, char *error,
                      size_t error_size)
{
    char *text = NULL;
    size_t capacity = 0;
    ssize_t size;
    int rc = CW_OK;

    for (int line = 1; rc == CW_OK && (size = getline(&text, &capacity, stream)) >= 0; line++) {
        size_t skipped = (size_t)(skip_byte_order_mark(text, line) - text);
        char *name;
        char *value;
        const char *why = split_line(text + skipped, (size_t)size - skipped, &name, &value);
        if (why != NULL) {
            (void)snprintf(error, error_size, "%s:%d: %s", file, line, why);
            rc = CW_ERR_INVALID;
        } else if (value != NULL) {
            rc = fn(arg, line, name, value);
        }
    }
    free(text);
    return rc;
}

int cw_config_file_read(const char *file, cw_config_line_fn fn, void *arg, char *error,
                        size_t error_size)
{
    FILE *stream = fopen(file, "re");
    if (stream == NULL) {
        (void)snprintf(error, error_size, "%s: %s", file, strerror(errno));
        return CW_ERR_INVALID;
    }
    int rc = read_lines(stream, file, fn, arg, error, error_size);
    if (rc == CW_OK && ferror(stream)) {
        (void)snprintf(error, error_size, "%s: %s", file, strerror(errno));
        rc = CW_ERR_INVALID;
    }
    (void)fclose(stream);
    return rc;
}
