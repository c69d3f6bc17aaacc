/*
 * log.h - one line per event on stderr, as text or JSON, prefixed with the object it is about.
 *
 *   cw_log_warn(cw_channel_log(channel), "closing: %zu unsent bytes", bytes);
 *   -> 2026-11-25T10:00:00.123Z WARN channel=8f3a address=10.0.0.7:51514 closing: 1048 unsent bytes
 *
 * Who handles an error logs it, once. Never payloads, never tokens. Control characters and bytes
 * that are no UTF-8 in arguments are escaped. Lines are cut at 2 KiB ("...").
 * JSON has the object's words as members:
 *   -> {"time":"...","level":"warn","channel":"8f3a","address":"10.0.0.7:51514","message":"..."}
 */
#ifndef CW_BASE_LOG_H
#define CW_BASE_LOG_H

#include <chanway/error.h>

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the longest line, its '\n' included: writes to a pipe stay whole below 4 KiB. */
#define CW_LOG_LINE_MAX 2048

enum cw_log_level { CW_LOG_DEBUG, CW_LOG_INFO, CW_LOG_WARN, CW_LOG_ERROR };
enum cw_log_format { CW_LOG_TEXT, CW_LOG_JSON };

/** Who a line is about: `describe` writes words ("channel=.. address=..") when one is printed. */
struct cw_log_object {
    const void *object;
    void (*describe)(const void *object, char *text, size_t size);
};

/** A line about the process itself. */
static inline struct cw_log_object cw_log_node(void)
{
    struct cw_log_object none = {NULL, NULL};
    return none;
}

void cw_log_init(enum cw_log_level level, enum cw_log_format format);
bool cw_log_is_on(enum cw_log_level level);
/** Where finished lines go (with '\n'); NULL: stderr. For tests. */
void cw_log_set_sink(void (*sink)(void *arg, const char *line, size_t size), void *arg);
void cw_log_line(enum cw_log_level level, struct cw_log_object object, const char *format, ...)
    CW_PRINTF(3, 4);

#define cw_log_debug(object, ...)                                                                  \
    do {                                                                                           \
        if (cw_log_is_on(CW_LOG_DEBUG))                                                            \
            cw_log_line(CW_LOG_DEBUG, object, __VA_ARGS__);                                        \
    } while (0)
#define cw_log_info(object, ...)  cw_log_line(CW_LOG_INFO, object, __VA_ARGS__)
#define cw_log_warn(object, ...)  cw_log_line(CW_LOG_WARN, object, __VA_ARGS__)
#define cw_log_error(object, ...) cw_log_line(CW_LOG_ERROR, object, __VA_ARGS__)

#endif
