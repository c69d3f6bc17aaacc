/*
 * error.c - texts and codes of the rows of error.h.
 */
#include <chanway/error.h>

#include <stddef.h>

struct row {
    const char *code;
    const char *text;
    bool is_temporary;
};

#define ROW_AT(name, value, code, temporary, text) [-(value)] = {code, text, temporary},

/* By the negated value. */
static const struct row rows[] = {ROW_AT(OK, CW_OK, "internal", false, "ok") CW_ERRORS(ROW_AT)};

static const struct row *row_of(int error)
{
    static const struct row unknown = {"internal", "unknown error", false};
    const int count = (int)(sizeof(rows) / sizeof(rows[0]));
    if (error > 0 || error <= -count || rows[-error].text == NULL)
        return &unknown;
    return &rows[-error];
}

const char *cw_error_text(int error)
{
    return row_of(error)->text;
}

const char *cw_error_code(int error)
{
    return row_of(error)->code;
}

bool cw_error_is_temporary(int error)
{
    return row_of(error)->is_temporary;
}
