/* json_pointer.c - tokens from the root on, as long as they fit. */
#include "protocol/json_pointer.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Appends "/" and the token; false: it does not fit, and nothing is written. */
static bool put_token(struct cw_bytes token, char *pointer, size_t *at)
{
    size_t end = *at;

    pointer[end++] = '/';
    for (size_t i = 0; i < token.size; i++) {
        bool is_escaped = token.data[i] == '~' || token.data[i] == '/';
        if (end + 2 >= CW_JSON_POINTER_SIZE || token.data[i] == '\0') /* it would end a C string */
            return false;
        if (is_escaped)
            pointer[end++] = '~';
        if (is_escaped)
            pointer[end++] = token.data[i] == '~' ? '0' : '1';
        else
            pointer[end++] = token.data[i];
    }
    *at = end;
    return true;
}

static bool put_place(const struct cw_json_place *place, char *pointer, size_t *at)
{
    char digits[24];
    struct cw_bytes token = place->key;

    if (*at + 2 >= CW_JSON_POINTER_SIZE)
        return false;
    if (token.data == NULL) {
        (void)snprintf(digits, sizeof(digits), "%zu", place->index);
        token = cw_bytes_text(digits);
    }
    return put_token(token, pointer, at);
}

void cw_json_pointer_write(const struct cw_json_place *place,
                           char ret_pointer[CW_JSON_POINTER_SIZE])
{
    size_t at = 0;
    size_t depth = 0;
    bool fits = true;

    for (const struct cw_json_place *up = place; up != NULL; up = up->parent)
        depth++;
    for (; depth > 0 && fits; depth--) { /* from the root on */
        const struct cw_json_place *next = place;
        for (size_t i = 1; i < depth; i++)
            next = next->parent;
        fits = put_place(next, ret_pointer, &at);
    }
    ret_pointer[at] = '\0';
}
