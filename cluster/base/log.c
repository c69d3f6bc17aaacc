/*
 * log.c - one line per event, built in a fixed buffer and handed on in one write.
 *
 * Text and JSON differ in how a line is framed and escaped only. What does not fit is cut between
 * two whole characters, and the line still ends as its format demands.
 */
#include "base/log.h"

#include <chanway/bytes.h>

#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What `describe` may write: two or three words. */
#define OBJECT_TEXT_SIZE 256
/* Kept free for the end of a cut line: ..."} and the newline. */
#define END_SIZE 6

struct line {
    char data[CW_LOG_LINE_MAX];
    size_t size;
    bool is_cut; /* something did not fit; nothing is added any more */
};

static enum cw_log_level log_level = CW_LOG_INFO;
static enum cw_log_format log_format = CW_LOG_TEXT;
static void (*log_sink)(void *arg, const char *line, size_t size);
static void *log_sink_arg;

/* All of it or nothing. */
static void put(struct line *line, const char *data, size_t size)
{
    if (line->is_cut || size > sizeof(line->data) - END_SIZE - line->size) {
        line->is_cut = true;
        return;
    }
    memcpy(line->data + line->size, data, size);
    line->size += size;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Bytes of the well-formed UTF-8 character at the front of `text`, which is not empty; 0: none. */
static size_t character_size(const unsigned char *at, size_t left)
{
    unsigned char first = at[0];
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (left < size)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if (!is_tail(at[i]))
            return 0;
    }
    /* Too long a form, a surrogate, or beyond U+10FFFF: told by the second byte. */
    if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f) ||
        (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f))
        return 0;
    return size;
}

/* A control character of ASCII, or one of U+0080..U+009F, which terminals obey too. */
static void put_control(struct line *line, unsigned code)
{
    char escaped[8];
    if (code == '\n')
        put_text(line, "\\n");
    else if (code == '\t')
        put_text(line, "\\t");
    else {
        int size = snprintf(escaped, sizeof(escaped), "\\u%04x", code);
        put(line, escaped, (size_t)size);
    }
}

/* A byte that is no UTF-8: \xff, its backslash doubled in JSON, which has no such escape. */
static void put_broken(struct line *line, unsigned char byte)
{
    char escaped[8];
    const char *backslash = log_format == CW_LOG_JSON ? "\\\\" : "\\";
    int size = snprintf(escaped, sizeof(escaped), "%sx%02x", backslash, byte);
    put(line, escaped, (size_t)size);
}

static void put_escaped(struct line *line, struct cw_bytes text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = text.size;
    while (left > 0 && !line->is_cut) {
        size_t size = character_size(at, left);
        if (size == 0) {
            put_broken(line, *at);
            size = 1;
        } else if (at[0] < 0x20 || at[0] == 0x7f) {
            put_control(line, at[0]);
        } else if (at[0] == 0xc2 && at[1] < 0xa0) {
            put_control(line, at[1]);
        } else if (log_format == CW_LOG_JSON && (at[0] == '"' || at[0] == '\\')) {
            char pair[2] = {'\\', (char)at[0]};
            put(line, pair, sizeof(pair));
        } else {
            put(line, (const char *)at, size);
        }
        at += size;
        left -= size;
    }
}

static void put_time(struct line *line)
{
    int64_t now_ms = cw_clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc = {0};
    (void)gmtime_r(&seconds, &utc);
    char text[40];
    size_t size = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    put(line, text, size);
    int fraction = snprintf(text, sizeof(text), ".%03dZ", (int)(now_ms % 1000));
    put(line, text, (size_t)fraction);
}

/* ,"name":"value" */
static void put_member(struct line *line, struct cw_bytes name, struct cw_bytes value)
{
    put_text(line, ",\"");
    put_escaped(line, name);
    put_text(line, "\":\"");
    put_escaped(line, value);
    put_text(line, "\"");
}

/* Each key=value word becomes a member of its own; a word without '=' is "about". */
static void put_object_members(struct line *line, const char *words)
{
    while (*words != '\0') {
        size_t size = strcspn(words, " ");
        const char *equals = memchr(words, '=', size);
        if (equals != NULL && equals != words) {
            size_t name_size = (size_t)(equals - words);
            put_member(line, cw_bytes_make(words, name_size),
                       cw_bytes_make(equals + 1, size - name_size - 1));
        } else if (size > 0) {
            put_member(line, cw_bytes_text("about"), cw_bytes_make(words, size));
        }
        words += size;
        words += strspn(words, " ");
    }
}

static void build_text(struct line *line, enum cw_log_level level, const char *object,
                       const char *message)
{
    static const char *const names[] = {" DEBUG ", " INFO ", " WARN ", " ERROR "};
    put_time(line);
    put_text(line, names[level]);
    if (object[0] != '\0') {
        put_escaped(line, cw_bytes_text(object));
        put_text(line, " ");
    }
    put_escaped(line, cw_bytes_text(message));
}

static void build_json(struct line *line, enum cw_log_level level, const char *object,
                       const char *message)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    put_text(line, "{\"time\":\"");
    put_time(line);
    put_text(line, "\",\"level\":\"");
    put_text(line, names[level]);
    put_text(line, "\"");
    put_object_members(line, object);
    put_text(line, ",\"message\":\"");
    put_escaped(line, cw_bytes_text(message));
}

/* END_SIZE bytes are free. */
static void end_line(struct line *line)
{
    const char *end = log_format == CW_LOG_JSON ? "\"}\n" : "\n";
    if (line->is_cut) {
        memcpy(line->data + line->size, "...", 3);
        line->size += 3;
    }
    memcpy(line->data + line->size, end, strlen(end));
    line->size += strlen(end);
}

/* What stderr does not take is lost: there is nobody to tell. */
static void write_stderr(const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        data += written;
        size -= (size_t)written;
    }
}

void cw_log_init(enum cw_log_level level, enum cw_log_format format)
{
    log_level = level;
    log_format = format;
}

bool cw_log_is_on(enum cw_log_level level)
{
    return level >= log_level;
}

void cw_log_set_sink(void (*sink)(void *arg, const char *line, size_t size), void *arg)
{
    log_sink = sink;
    log_sink_arg = arg;
}

void cw_log_line(enum cw_log_level level, struct cw_log_object object, const char *format, ...)
{
    if (!cw_log_is_on(level))
        return;
    int saved_errno = errno; /* a caller may still want to look at it */

    char words[OBJECT_TEXT_SIZE] = "";
    if (object.describe != NULL)
        object.describe(object.object, words, sizeof(words));

    char message[CW_LOG_LINE_MAX] = "";
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(message, sizeof(message), format, arguments) < 0)
        (void)snprintf(message, sizeof(message), "%s", format);
    va_end(arguments);

    struct line line;
    line.size = 0;
    line.is_cut = false;
    if (log_format == CW_LOG_JSON)
        build_json(&line, level, words, message);
    else
        build_text(&line, level, words, message);
    end_line(&line);
    if (log_sink != NULL)
        log_sink(log_sink_arg, line.data, line.size);
    else
        write_stderr(line.data, line.size);
    errno = saved_errno;
}
