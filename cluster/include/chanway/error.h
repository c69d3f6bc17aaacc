/*
 * error.h - every error of Chanway, one row each.
 *
 * Functions return CW_OK or a negative CW_ERR_*; counts and sizes are the positive range of the
 * same int. `code` is what a client reads in `error.code` (PROTOCOL: error codes); `temporary`
 * tells it whether the same op may succeed later.
 */
#ifndef CHANWAY_ERROR_H
#define CHANWAY_ERROR_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
/** It can fail, and who calls it has to look: behind `(void)` if it does not matter. */
#define CW_MUST_CHECK __attribute__((warn_unused_result))
/** Part of the public API: the shared library shows it. */
#define CW_API __attribute__((visibility("default")))
/** Takes a format, and its arguments from `first` on, as printf does. */
#define CW_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#else
#define CW_MUST_CHECK
#define CW_API
#define CW_PRINTF(format_index, first)
#endif

/* clang-format off */
/** ROW(name, value, code, temporary, text) for each error there is. */
#define CW_ERRORS(ROW) \
    ROW(NOMEM,             -1,    "internal",        true,      "out of memory") \
    ROW(INVALID,           -2,    "bad_request",     false,     "bad request") \
    ROW(PAYLOAD,           -3,    "bad_payload",     false,     "bad payload") \
    ROW(TOO_LARGE,         -4,    "too_large",       false,     "too large") \
    ROW(UNAUTHENTICATED,   -5,    "unauthenticated", false,     "not authenticated") \
    ROW(FORBIDDEN,         -6,    "forbidden",       false,     "not allowed") \
    ROW(RATE_LIMITED,      -7,    "rate_limited",    true,      "too many requests") \
    ROW(NOT_FOUND,         -8,    "not_found",       false,     "no such channel") \
    ROW(TOO_MANY_GROUPS,   -9,    "too_many_groups", false,     "too many groups") \
    ROW(UNAVAILABLE,       -10,   "unavailable",     true,      "Redis can't be reached; nothing was done") \
    ROW(TIMEOUT,           -11,   "timeout",         true,      "no answer in time; it may have been done") \
    ROW(INTERNAL,          -12,   "internal",        true,      "internal error") \
    ROW(FULL,              -13,   "rate_limited",    true,      "a queue is full") \
    ROW(CANCELLED,         -14,   "internal",        true,      "cancelled") \
    ROW(DISCONNECTED,      -15,   "internal",        false,     "disconnected") \
    ROW(BUSY,              -16,   "internal",        true,      "busy") \
    ROW(IO,                -17,   "internal",        true,      "input/output error") \
    ROW(UNSUPPORTED,       -18,   "bad_request",     false,     "not supported")
/* clang-format on */

/** CW_OK, and CW_ERR_NOMEM and so on: a row of CW_ERRORS each. */
enum cw_error {
    CW_OK = 0, /**< it is done */
#define CW_ERROR_ENUM(name, value, code, temporary, text) CW_ERR_##name = (value),
    CW_ERRORS(CW_ERROR_ENUM)
#undef CW_ERROR_ENUM
};

/** English text of `error` ("ok" for CW_OK, "unknown error" for what is no CW_ERR_*); static. */
CW_API const char *cw_error_text(int error);

/** What a client reads in `error.code` for `error`; "internal" for what is no CW_ERR_*; static. */
CW_API const char *cw_error_code(int error);

/** Whether the same op may succeed later (`error.temporary`). */
CW_API bool cw_error_is_temporary(int error);

#ifdef __cplusplus
}
#endif

#endif
