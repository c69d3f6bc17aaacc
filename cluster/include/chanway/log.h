/*
 * log.h - one line per event on stderr, as text or JSON, prefixed with the object it is about.
 *
 *   cw_log_warn(cw_log_node(), "closing: %zu unsent bytes", bytes);
 *   -> 2026-11-25T10:00:00.123Z WARN channel=8f3a address=10.0.0.7:51514 closing: 1048 unsent bytes
 *
 * Who handles an error logs it, once. Never payloads, never tokens. Control characters and bytes
 * that are no UTF-8 in arguments are escaped. Lines are cut at 2 KiB ("...").
 * JSON has the object's words as members:
 *   -> {"time":"...","level":"warn","channel":"8f3a","address":"10.0.0.7:51514","message":"..."}
 *
 * There is one log in a process, whatever the number of gateways.
 */
#ifndef CHANWAY_LOG_H
#define CHANWAY_LOG_H

#include <chanway/error.h>

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How much a line matters. */
enum cw_log_level {
    CW_LOG_DEBUG, /**< for who works on Chanway */
    CW_LOG_INFO,  /**< what happened, as it should */
    CW_LOG_WARN,  /**< something is wrong and is dealt with; the line says how */
    CW_LOG_ERROR, /**< something does not work until somebody does something */
};

/** What lines look like. */
enum cw_log_format {
    CW_LOG_TEXT, /**< for people */
    CW_LOG_JSON, /**< an object a line, for machines */
};

/** Who a line is about: `describe` writes words ("channel=.. address=..") when one is printed. */
struct cw_log_object {
    const void *object;                                            /**< handed to `describe` */
    void (*describe)(const void *object, char *text, size_t size); /**< NULL: nobody */
};

/** A line about the process itself. */
static inline struct cw_log_object cw_log_node(void)
{
    struct cw_log_object none = {NULL, NULL};
    return none;
}

/** Lines below `level` are not written; without this call: info, text. */
CW_API void cw_log_init(enum cw_log_level level, enum cw_log_format format);
/** Whether lines of `level` are written. */
CW_API bool cw_log_is_on(enum cw_log_level level);
/** Where finished lines go (with '\n', not NUL-terminated); NULL: stderr. */
CW_API void cw_log_set_sink(void (*sink)(void *arg, const char *line, size_t size), void *arg);
/** Writes a line; the macros below are shorter. */
CW_API void cw_log_line(enum cw_log_level level, struct cw_log_object object, const char *format,
                        ...) CW_PRINTF(3, 4);

/** Writes a line about `object` (a struct cw_log_object) for who works on Chanway: its arguments
 * are worked out only if such lines are written. */
#define cw_log_debug(object, ...)                                                                  \
    do {                                                                                           \
        if (cw_log_is_on(CW_LOG_DEBUG))                                                            \
            cw_log_line(CW_LOG_DEBUG, object, __VA_ARGS__);                                        \
    } while (0)
/** Writes a line about `object`: something happened, as it should. */
#define cw_log_info(object, ...) cw_log_line(CW_LOG_INFO, object, __VA_ARGS__)
/** Writes a line about `object`: something is wrong, and what is done about it. */
#define cw_log_warn(object, ...) cw_log_line(CW_LOG_WARN, object, __VA_ARGS__)
/** Writes a line about `object`: something does not work. */
#define cw_log_error(object, ...) cw_log_line(CW_LOG_ERROR, object, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
