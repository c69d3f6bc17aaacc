/*
 * error.c - texts and codes of the rows of error.h.
 */
#include <chanway/error.h>

const char *cw_error_text(int error)
{
    switch (error) {
    case CW_OK:
        return "ok";
#define TEXT_CASE(name, value, code, temporary, text)                                              \
    case CW_ERR_##name:                                                                            \
        return text;
        CW_ERRORS(TEXT_CASE)
#undef TEXT_CASE
    default:
        return "unknown error";
    }
}

const char *cw_error_code(int error)
{
    switch (error) {
#define CODE_CASE(name, value, code, temporary, text)                                              \
    case CW_ERR_##name:                                                                            \
        return code;
        CW_ERRORS(CODE_CASE)
#undef CODE_CASE
    default:
        return "internal";
    }
}

bool cw_error_is_temporary(int error)
{
    switch (error) {
#define TEMPORARY_CASE(name, value, code, temporary, text)                                         \
    case CW_ERR_##name:                                                                            \
        return temporary;
        CW_ERRORS(TEMPORARY_CASE)
#undef TEMPORARY_CASE
    default:
        return false;
    }
}
