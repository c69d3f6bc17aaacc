/*
 * config.h - the node's settings: flags, environment, file, defaults -> struct cw_config.
 *
 * A flag beats the environment, which beats the file. `history-size.chat.* = 1000` (a file's line,
 * or
 * --history-size.chat.* 1000; not in the environment) is the value for the groups that the glob
 * matches: of several globs the one with the most bytes beside its `*` holds, of equals the one
 * given last, flags after the file. A setting twice in the file is an error; of a flag given twice
 * the last holds.
 */
#ifndef CW_CONFIG_H
#define CW_CONFIG_H

#include <chanway/bytes.h>
#include <chanway/cluster.h>
#include <chanway/error.h>

#include "base/writer.h"
#include "setting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names and units of fields by type: heartbeat_interval_ms, channel_ttl_s, listen. */
#define CW_CONFIG_FIELD_ADDRESS(name)         char *name
#define CW_CONFIG_FIELD_ADDRESS_OR_NONE(name) char *name
#define CW_CONFIG_FIELD_URL_PATH(name)        char *name
#define CW_CONFIG_FIELD_NODE_NAME(name)       char *name
#define CW_CONFIG_FIELD_REDIS(name)           char *name
#define CW_CONFIG_FIELD_PREFIX(name)          char *name
#define CW_CONFIG_FIELD_FILE_NAME(name)       char *name
#define CW_CONFIG_FIELD_MODULES(name)         char *name
#define CW_CONFIG_FIELD_ORIGINS(name)         char *name
#define CW_CONFIG_FIELD_NETWORKS(name)        char *name
#define CW_CONFIG_FIELD_USER(name)            char *name
#define CW_CONFIG_FIELD_SECRET(name)          char *name
#define CW_CONFIG_FIELD_WORD(name)            char *name
#define CW_CONFIG_FIELD_INTEGER(name)         int64_t name
#define CW_CONFIG_FIELD_BYTES(name)           int64_t name
#define CW_CONFIG_FIELD_DURATION(name)        int64_t name##_ms
#define CW_CONFIG_FIELD_SECONDS(name)         int64_t name##_s
#define CW_CONFIG_FIELD_ENUM(name)            int64_t name
#define CW_CONFIG_FIELD_WORDS(name)           int64_t name
#define CW_CONFIG_FIELD_RATE(name)            int64_t name

/* A byte for each row: its size is their number. */
struct cw_setting_bytes {
#define SETTING(name, type, default_text, min, max, help)    char name;
#define RELOADABLE(name, type, default_text, min, max, help) char name;
#define PER_GROUP(name, type, default_text, min, max, help)  char name;
#include "settings.def"
#undef SETTING
#undef RELOADABLE
#undef PER_GROUP
};
#define CW_SETTING_COUNT ((int)sizeof(struct cw_setting_bytes))

/** The rows of settings.def, in its order. */
extern const struct cw_setting cw_settings[CW_SETTING_COUNT];

enum cw_config_source {
    CW_CONFIG_DEFAULT,
    CW_CONFIG_DERIVED, /* worked out at start, where neither was given */
    CW_CONFIG_FILE,
    CW_CONFIG_ENVIRONMENT,
    CW_CONFIG_FLAG,
};

struct cw_config_origin {
    enum cw_config_source source;
    int line; /* FILE only */
};

/** `history-size.chat.* = 1000` */
struct cw_config_override {
    int setting; /* index in cw_settings */
    char *glob;  /* owned */
    int64_t value;
    char *text; /* owned; of a setting that is text, else NULL */
    struct cw_config_origin origin;
};

/* What proxy_protocol, raw_gap, slow_policy (enum cw_slow_policy), sandbox, compression, log_level,
 * log_format hold: the place of the word in the row (enum cw_log_level, cw_log_format). */
#define CW_CONFIG_OFF            0
#define CW_CONFIG_ON             1
#define CW_CONFIG_RAW_GAP_COUNT  0
#define CW_CONFIG_RAW_GAP_CLOSE  1
#define CW_CONFIG_SANDBOX_OFF    1
#define CW_CONFIG_COMPRESSION_ON 0

#define CW_CONFIG_LIMITS_FAIL_OPEN   0
#define CW_CONFIG_LIMITS_FAIL_CLOSED 1

/** Strings are owned and never NULL. `node` and `max_connections` are worked out if they were not
 * given. */
struct cw_config {
#define SETTING(name, type, default_text, min, max, help)    CW_CONFIG_FIELD_##type(name);
#define RELOADABLE(name, type, default_text, min, max, help) CW_CONFIG_FIELD_##type(name);
#define PER_GROUP(name, type, default_text, min, max, help)  CW_CONFIG_FIELD_##type(name);
#include "settings.def"
#undef SETTING
#undef RELOADABLE
#undef PER_GROUP
    char *file; /* NULL: none was named */
    struct cw_config_origin origins[CW_SETTING_COUNT];
    struct cw_config_override *overrides;
    size_t override_count;
};

/** What the command line asks for. */
enum cw_config_action {
    CW_CONFIG_RUN,
    CW_CONFIG_HELP,    /* the settings were not read: --help works beside a broken file */
    CW_CONFIG_VERSION, /* likewise */
    CW_CONFIG_CHECK,
    CW_CONFIG_PRINT,
};

/* Room for any error of the functions below. */
#define CW_CONFIG_ERROR_SIZE 512

/**
 * Reads the program's arguments, environment and file.
 *
 * CW_ERR_INVALID: `error` names file and line (or flag, or variable), setting, value and what is
 * allowed; the program ends with 2. CW_ERR_NOMEM. Errors leave nothing to finish; otherwise finish
 * `ret_config` whatever the action.
 */
CW_MUST_CHECK int cw_config_load(int argc, char *const argv[], char *const environment[],
                                 struct cw_config *ret_config, enum cw_config_action *ret_action,
                                 char *error, size_t error_size);
void cw_config_finish(struct cw_config *config);

/**
 * Reads everything again, as cw_config_load, and takes over what is RELOADABLE. Names of settings
 * that have changed and want a restart are written to `ret_unchanged`, separated by ", ". On an
 * error `config` is as it was.
 */
CW_MUST_CHECK int cw_config_reload(int argc, char *const argv[], char *const environment[],
                                   struct cw_config *config, struct cw_writer *ret_unchanged,
                                   char *error, size_t error_size);

/** What is kept of `group`. */
struct cw_history_limits cw_config_history(const struct cw_config *config, struct cw_bytes group);

/** What becomes of the messages of `group` when a client is slow: an enum cw_slow_policy. */
int cw_config_slow_policy(const struct cw_config *config, struct cw_bytes group);

/** Writes one line for each variable CHANWAY_... that is no setting, but nearly: a warning at
 * start. */
void cw_config_write_doubts(char *const environment[], struct cw_writer *writer);

/** --help */
void cw_config_write_help(struct cw_writer *writer);
/** --print-settings: an INI file of what holds and why; passwords are masked. */
void cw_config_write_settings(const struct cw_config *config, struct cw_writer *writer);

/** "listen", "CHANWAY_LISTEN": the names of a row. */
#define CW_SETTING_NAME_SIZE 64
void cw_setting_name(const struct cw_setting *setting, char ret_name[CW_SETTING_NAME_SIZE]);
void cw_setting_variable(const struct cw_setting *setting, char ret_name[CW_SETTING_NAME_SIZE]);
typedef void (*cw_setting_name_fn)(const struct cw_setting *setting,
                                   char ret_name[CW_SETTING_NAME_SIZE]);
/** The row whose name, as `make_name` writes it, is nearest to `name`; -1: none is near. */
int cw_setting_nearest(const char *name, cw_setting_name_fn make_name);
/** The value of a row in `config`; `text` is borrowed. */
struct cw_setting_value cw_config_value(const struct cw_config *config, int setting);

#endif
