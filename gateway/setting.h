/*
 * setting.h - types of settings: text -> value, value -> text, and what is allowed. Pure.
 */
#ifndef CW_SETTING_H
#define CW_SETTING_H

#include <chanway/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One row per type: enum, where its value is kept, what --help calls it. */
/* clang-format off */
#define CW_SETTING_TYPES(ROW) \
    ROW(ADDRESS, TEXT, "ADDRESS") ROW(ADDRESS_OR_NONE, TEXT, "ADDRESS") \
    ROW(URL_PATH, TEXT, "PATH") ROW(NODE_NAME, TEXT, "NAME") ROW(REDIS, TEXT, "URL") \
    ROW(PREFIX, TEXT, "PREFIX") ROW(FILE_NAME, TEXT, "PATH") ROW(ORIGINS, TEXT, "GLOBS") \
    ROW(NETWORKS, TEXT, "CIDRS") ROW(USER, TEXT, "NAME") ROW(SECRET, TEXT, "SECRET") \
    ROW(WORD, TEXT, "TEXT") \
    ROW(MODULES, TEXT, "PATH.so[:ARGS]") \
    ROW(INTEGER, NUMBER, "N") ROW(BYTES, NUMBER, "SIZE") ROW(DURATION, NUMBER, "TIME") \
    ROW(SECONDS, NUMBER, "TIME") ROW(ENUM, NUMBER, "WORD") ROW(WORDS, NUMBER, "WORDS") \
    ROW(RATE, NUMBER, "N/TIME")
/* clang-format on */

enum cw_setting_type {
#define CW_SETTING_TYPE_ENUM(name, store, word) CW_SETTING_##name,
    CW_SETTING_TYPES(CW_SETTING_TYPE_ENUM)
#undef CW_SETTING_TYPE_ENUM
};

/** A row of settings.def. */
struct cw_setting {
    const char *field; /* with '_' */
    const char *default_text;
    const char *min;
    const char *max;
    const char *help;
    size_t offset; /* of its value in struct cw_config */
    enum cw_setting_type type;
    bool is_reloadable;
    bool is_per_group;
};

/** A value of any type; `text` is owned and NULL in numbers. */
struct cw_setting_value {
    char *text;
    /* DURATION: ms; SECONDS: s; BYTES: bytes; ENUM: index of the word; WORDS: a bit for each word,
     * the first of the row is 1; RATE: see below */
    int64_t number;
};

/* A RATE, so many in so much time, is one number: 0 is none. */
#define CW_RATE_TIME_BITS 40
static inline int64_t cw_rate_count(int64_t rate)
{
    return rate >> CW_RATE_TIME_BITS;
}
static inline int64_t cw_rate_ms(int64_t rate)
{
    return rate & ((INT64_C(1) << CW_RATE_TIME_BITS) - 1);
}

bool cw_setting_is_text(const struct cw_setting *setting);
const char *cw_setting_type_word(const struct cw_setting *setting);

/**
 * Reads `text`. CW_ERR_INVALID: `error` is what is wrong and what is allowed, without the value;
 * CW_ERR_NOMEM. The empty text is the default that is worked out later where the row's default is
 * "".
 */
CW_MUST_CHECK int cw_setting_parse(const struct cw_setting *setting, const char *text, char *error,
                                   size_t error_size, struct cw_setting_value *ret_value);

/** The value as it may be written in a file; a SECRET, or a password in a REDIS, is masked. Cut at
 * `size`. */
void cw_setting_format(const struct cw_setting *setting, const struct cw_setting_value *value,
                       char *text, size_t size);

/** `text` as it may be shown in an error: a SECRET, or a password in a REDIS, is masked, long ones
 * are cut. */
void cw_setting_show(const struct cw_setting *setting, const char *text, char *shown, size_t size);

/** "an integer from 1 to 1024": what is allowed. */
void cw_setting_allowed(const struct cw_setting *setting, char *text, size_t size);

/** Where to listen: HOST:PORT, [IPv6]:PORT, :PORT (every address) or unix:PATH. */
struct cw_listen_address {
    bool is_unix;
    char host[256]; /* without brackets; empty: every address; is_unix: the path */
    int port;       /* 0: any free one */
};
/** CW_ERR_INVALID: it is none of these. */
CW_MUST_CHECK int cw_listen_address_parse(const char *text, struct cw_listen_address *ret_address);

#endif
