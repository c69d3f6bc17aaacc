/*
 * config.c - flags, environment, file and defaults, laid over each other by the table of settings.
 */
#include "config.h"

#include "config_file.h"
#include "names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILE_FLAG "config"
/* Descriptors that are no client's: Redis, listeners, admin connections, log, epoll. */
#define RESERVED_DESCRIPTORS 64
#define CONNECTIONS_MAX      1000000 /* where `ulimit -n` is unlimited */

#define OFFSET_ADDRESS(name)         offsetof(struct cw_config, name)
#define OFFSET_ADDRESS_OR_NONE(name) offsetof(struct cw_config, name)
#define OFFSET_URL_PATH(name)        offsetof(struct cw_config, name)
#define OFFSET_NODE_NAME(name)       offsetof(struct cw_config, name)
#define OFFSET_REDIS(name)           offsetof(struct cw_config, name)
#define OFFSET_PREFIX(name)          offsetof(struct cw_config, name)
#define OFFSET_FILE_NAME(name)       offsetof(struct cw_config, name)
#define OFFSET_MODULES(name)         offsetof(struct cw_config, name)
#define OFFSET_ORIGINS(name)         offsetof(struct cw_config, name)
#define OFFSET_NETWORKS(name)        offsetof(struct cw_config, name)
#define OFFSET_USER(name)            offsetof(struct cw_config, name)
#define OFFSET_SECRET(name)          offsetof(struct cw_config, name)
#define OFFSET_WORD(name)            offsetof(struct cw_config, name)
#define OFFSET_INTEGER(name)         offsetof(struct cw_config, name)
#define OFFSET_BYTES(name)           offsetof(struct cw_config, name)
#define OFFSET_DURATION(name)        offsetof(struct cw_config, name##_ms)
#define OFFSET_SECONDS(name)         offsetof(struct cw_config, name##_s)
#define OFFSET_ENUM(name)            offsetof(struct cw_config, name)
#define OFFSET_WORDS(name)           offsetof(struct cw_config, name)
#define OFFSET_RATE(name)            offsetof(struct cw_config, name)

#define ROW(name, type, default_text, min, max, help, is_reloadable, is_per_group)                 \
    {#name,         default_text, min, max, help, OFFSET_##type(name), CW_SETTING_##type,          \
     is_reloadable, is_per_group},
#define SETTING(name, type, default_text, min, max, help)                                          \
    ROW(name, type, default_text, min, max, help, false, false)
#define RELOADABLE(name, type, default_text, min, max, help)                                       \
    ROW(name, type, default_text, min, max, help, true, false)
#define PER_GROUP(name, type, default_text, min, max, help)                                        \
    ROW(name, type, default_text, min, max, help, true, true)
const struct cw_setting cw_settings[CW_SETTING_COUNT] = {
#include "settings.def"
};
#undef SETTING
#undef RELOADABLE
#undef PER_GROUP

/* One source of settings being read into `config`. */
struct loading {
    struct cw_config *config;
    const char *file;
    char *error;
    size_t error_size;
};

CW_PRINTF(2, 3)
static int fail(const struct loading *loading, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(loading->error, loading->error_size, format, arguments);
    va_end(arguments);
    return CW_ERR_INVALID;
}

static int fail_memory(const struct loading *loading)
{
    (void)fail(loading, "%s", cw_error_text(CW_ERR_NOMEM));
    return CW_ERR_NOMEM;
}

static char **text_at(const struct cw_config *config, int setting)
{
    return (char **)(uintptr_t)((const char *)config + cw_settings[setting].offset);
}

static int64_t *number_at(const struct cw_config *config, int setting)
{
    return (int64_t *)(uintptr_t)((const char *)config + cw_settings[setting].offset);
}

struct cw_setting_value cw_config_value(const struct cw_config *config, int setting)
{
    struct cw_setting_value value = {0};
    if (cw_setting_is_text(&cw_settings[setting]))
        value.text = *text_at(config, setting);
    else
        value.number = *number_at(config, setting);
    return value;
}

/* What may be given several times, by the same source, is a list. Takes `text` over; NULL: no
 * memory. */
static char *append(const char *list, char *text)
{
    char *longer = NULL;
    if (asprintf(&longer, "%s;%s", list, text) < 0)
        longer = NULL;
    free(text);
    return longer;
}

/* Takes `value`'s text over. */
static void set_value(struct cw_config *config, int setting, struct cw_setting_value value)
{
    if (!cw_setting_is_text(&cw_settings[setting])) {
        *number_at(config, setting) = value.number;
        return;
    }
    free(*text_at(config, setting));
    *text_at(config, setting) = value.text;
}

/* "chanway.ini:12: listen", "--listen", "CHANWAY_LISTEN": where the reader finds what is wrong. */
static void describe_origin(const struct loading *loading, struct cw_config_origin origin,
                            const char *name, char *text, size_t size)
{
    if (origin.source == CW_CONFIG_FILE)
        (void)snprintf(text, size, "%s:%d: %s", loading->file, origin.line, name);
    else
        (void)snprintf(text, size, "%s%s", origin.source == CW_CONFIG_FLAG ? "--" : "", name);
}

static int fail_value(const struct loading *loading, struct cw_config_origin origin,
                      const char *name, const struct cw_setting *setting, const char *value,
                      const char *why)
{
    char where[200];
    char shown[120];
    describe_origin(loading, origin, name, where, sizeof(where));
    cw_setting_show(setting, value, shown, sizeof(shown));
    return fail(loading, "%s = %s: %s", where, shown, why);
}

/* `text` for a row; `name` as it was written, for errors. */
static int read_value(const struct loading *loading, struct cw_config_origin origin,
                      const char *name, int setting, const char *text,
                      struct cw_setting_value *ret_value)
{
    char why[320];
    int rc = cw_setting_parse(&cw_settings[setting], text, why, sizeof(why), ret_value);
    if (rc == CW_ERR_INVALID)
        return fail_value(loading, origin, name, &cw_settings[setting], text, why);
    return rc == CW_OK ? CW_OK : fail_memory(loading);
}

static int refuse_second(const struct loading *loading, struct cw_config_origin before,
                         struct cw_config_origin origin, const char *name)
{
    if (origin.source != CW_CONFIG_FILE || before.source != CW_CONFIG_FILE)
        return CW_OK;
    return fail(loading, "%s:%d: %s is set in line %d already", loading->file, origin.line, name,
                before.line);
}

static int set_setting(const struct loading *loading, struct cw_config_origin origin,
                       const char *name, int setting, const char *text)
{
    struct cw_config *config = loading->config;
    struct cw_setting_value value;

    bool is_list = cw_settings[setting].type == CW_SETTING_MODULES;
    int rc = CW_OK;
    if (!is_list)
        rc = refuse_second(loading, config->origins[setting], origin, name);
    if (rc == CW_OK)
        rc = read_value(loading, origin, name, setting, text, &value);
    if (rc != CW_OK)
        return rc;
    const char *list = is_list ? *text_at(config, setting) : NULL;
    if (list != NULL && list[0] != '\0' && config->origins[setting].source == origin.source)
        value.text = append(*text_at(config, setting), value.text);
    if (is_list && value.text == NULL)
        return fail_memory(loading);
    set_value(config, setting, value);
    config->origins[setting] = origin;
    return CW_OK;
}

/* Bytes of group names and '*'. */
static bool is_glob(const char *glob)
{
    char name[CW_GROUP_NAME_MAX + 1];
    size_t size = strlen(glob);

    if (size == 0 || size > CW_GROUP_NAME_MAX)
        return false;
    for (size_t i = 0; i <= size; i++)
        name[i] = (char)(glob[i] == '*' ? '-' : glob[i]);
    return cw_group_name_is_valid(cw_bytes_make(name, size));
}

static int find_override(const struct cw_config *config, int setting, const char *glob)
{
    for (size_t i = 0; i < config->override_count; i++) {
        if (config->overrides[i].setting == setting && strcmp(config->overrides[i].glob, glob) == 0)
            return (int)i;
    }
    return -1;
}

/* A later one of the same glob replaces the earlier one and counts as given last. */
static int set_override(const struct loading *loading, struct cw_config_origin origin,
                        const char *name, int setting, const char *glob, const char *text)
{
    struct cw_config *config = loading->config;
    struct cw_setting_value value;
    int before = find_override(config, setting, glob);
    int rc = CW_OK;

    if (before >= 0)
        rc = refuse_second(loading, config->overrides[before].origin, origin, name);
    if (rc == CW_OK)
        rc = read_value(loading, origin, name, setting, text, &value);
    if (rc != CW_OK)
        return rc;

    size_t count = config->override_count;
    struct cw_config_override *overrides =
        realloc(config->overrides, (count + 1) * sizeof(*overrides));
    if (overrides != NULL)
        config->overrides = overrides;
    char *own_glob = strdup(glob);
    if (overrides == NULL || own_glob == NULL) {
        free(own_glob);
        free(value.text);
        return fail_memory(loading);
    }
    if (before >= 0) {
        free(overrides[before].glob);
        free(overrides[before].text);
        count--;
        memmove(&overrides[before], &overrides[before + 1],
                (count - (size_t)before) * sizeof(*overrides));
    }
    overrides[count].setting = setting;
    overrides[count].glob = own_glob;
    overrides[count].value = value.number;
    overrides[count].text = value.text;
    overrides[count].origin = origin;
    config->override_count = count + 1;
    return CW_OK;
}

static int fail_unknown(const struct loading *loading, struct cw_config_origin origin,
                        const char *name)
{
    char where[200];
    char suggestion[CW_SETTING_NAME_SIZE];
    describe_origin(loading, origin, name, where, sizeof(where));
    int near = cw_setting_nearest(name, cw_setting_name);
    if (near < 0)
        return fail(loading, "%s: there is no such setting; --help lists them", where);
    cw_setting_name(&cw_settings[near], suggestion);
    return fail(loading, "%s: there is no such setting; did you mean %s%s?", where,
                origin.source == CW_CONFIG_FLAG ? "--" : "", suggestion);
}

/* A line of the file, or a flag. */
static int set_by_name(const struct loading *loading, struct cw_config_origin origin,
                       const char *name, const char *text)
{
    char where[200];

    for (int i = 0; i < CW_SETTING_COUNT; i++) {
        char candidate[CW_SETTING_NAME_SIZE];
        cw_setting_name(&cw_settings[i], candidate);
        size_t size = strlen(candidate);
        if (strncmp(name, candidate, size) != 0)
            continue;
        if (name[size] == '\0')
            return set_setting(loading, origin, name, i, text);
        if (name[size] != '.')
            continue;
        describe_origin(loading, origin, name, where, sizeof(where));
        if (!cw_settings[i].is_per_group)
            return fail(loading, "%s: %s is not by group", where, candidate);
        if (!is_glob(name + size + 1))
            return fail(loading, "%s: after the first dot: a group's name, `*` for any bytes",
                        where);
        return set_override(loading, origin, name, i, name + size + 1, text);
    }
    return fail_unknown(loading, origin, name);
}

static int on_line(void *arg, int line, const char *name, const char *value)
{
    struct cw_config_origin origin = {CW_CONFIG_FILE, line};
    return set_by_name(arg, origin, name, value);
}

static const char *variable(char *const environment[], const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; environment[i] != NULL; i++) {
        if (strncmp(environment[i], name, size) == 0 && environment[i][size] == '=')
            return environment[i] + size + 1;
    }
    return NULL;
}

static int read_environment(const struct loading *loading, char *const environment[])
{
    struct cw_config_origin origin = {CW_CONFIG_ENVIRONMENT, 0};

    for (int i = 0; i < CW_SETTING_COUNT; i++) {
        char name[CW_SETTING_NAME_SIZE];
        cw_setting_variable(&cw_settings[i], name);
        const char *text = variable(environment, name);
        int rc = text == NULL ? CW_OK : set_setting(loading, origin, name, i, text);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

/* What the arguments say beside settings. */
struct arguments {
    enum cw_config_action action;
    const char *file;
};

static bool read_action(const char *argument, enum cw_config_action *action)
{
    /* The first one in this list that is given wins. */
    static const struct {
        const char *flag;
        enum cw_config_action action;
    } rows[] = {
        {"--help", CW_CONFIG_HELP},
        {"-h", CW_CONFIG_HELP},
        {"--version", CW_CONFIG_VERSION},
        {"-V", CW_CONFIG_VERSION},
        {"--print-settings", CW_CONFIG_PRINT},
        {"--check-config", CW_CONFIG_CHECK},
    };
    static const enum cw_config_action order[] = {CW_CONFIG_HELP, CW_CONFIG_VERSION,
                                                  CW_CONFIG_PRINT, CW_CONFIG_CHECK};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(argument, rows[i].flag) != 0)
            continue;
        for (size_t j = 0; j < sizeof(order) / sizeof(order[0]); j++) {
            if (order[j] == *action || order[j] == rows[i].action) {
                *action = order[j];
                break;
            }
        }
        return true;
    }
    return false;
}

/* Goes over the flags: `--name value` and `--name=value`. With `sets` they are set, else only
 * looked at. */
static int read_flags(const struct loading *loading, int argc, char *const argv[], bool sets,
                      struct arguments *arguments)
{
    struct cw_config_origin origin = {CW_CONFIG_FLAG, 0};

    for (int i = 1; i < argc; i++) {
        char name[CW_SETTING_NAME_SIZE + CW_GROUP_NAME_MAX + 2];
        if (read_action(argv[i], &arguments->action))
            continue;
        if (strncmp(argv[i], "--", 2) != 0 || argv[i][2] == '\0')
            return fail(loading, "%.80s: not a flag; --help lists them", argv[i]);

        const char *text = argv[i] + 2;
        const char *value = strchr(text, '=');
        size_t size = value != NULL ? (size_t)(value - text) : strlen(text);
        if (size >= sizeof(name))
            return fail(loading, "%.80s...: there is no such setting; --help lists them", argv[i]);
        memcpy(name, text, size);
        name[size] = '\0';
        if (value != NULL)
            value++;
        else if (i + 1 < argc)
            value = argv[++i];
        else
            return fail(loading, "--%s: a value is missing", name);

        if (strcmp(name, FILE_FLAG) == 0) {
            arguments->file = value;
        } else if (sets) {
            int rc = set_by_name(loading, origin, name, value);
            if (rc != CW_OK)
                return rc;
        }
    }
    return CW_OK;
}

static int set_defaults(const struct loading *loading)
{
    struct cw_config_origin origin = {CW_CONFIG_DEFAULT, 0};

    for (int i = 0; i < CW_SETTING_COUNT; i++) {
        int rc = set_setting(loading, origin, cw_settings[i].field, i, cw_settings[i].default_text);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

/* The host's name, with '-' for what a node's name may not hold. */
static char *host_name(void)
{
    char name[CW_NODE_NAME_MAX + 1] = "";
    /* A longer name is cut: Linux says so by an error and fills the buffer all the same. */
    (void)gethostname(name, sizeof(name));
    name[CW_NODE_NAME_MAX] = '\0';
    for (char *at = name; *at != '\0'; at++) {
        if (!cw_node_name_is_valid(cw_bytes_make(at, 1)))
            *at = '-';
    }
    return strdup(name[0] != '\0' ? name : "node");
}

static int64_t connections_by_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur > CONNECTIONS_MAX)
        return CONNECTIONS_MAX;
    int64_t connections = (int64_t)limit.rlim_cur - RESERVED_DESCRIPTORS;
    return connections > 1 ? connections : 1;
}

static struct cw_config_origin *origin_of(struct cw_config *config, size_t offset)
{
    int setting = 0;
    while (cw_settings[setting].offset != offset)
        setting++;
    return &config->origins[setting];
}

/* What has no constant default. */
static int derive(const struct loading *loading)
{
    struct cw_config *config = loading->config;
    struct cw_config_origin derived = {CW_CONFIG_DERIVED, 0};

    if (config->node[0] == '\0') {
        char *name = host_name();
        if (name == NULL)
            return fail_memory(loading);
        free(config->node);
        config->node = name;
        *origin_of(config, offsetof(struct cw_config, node)) = derived;
    }
    if (config->max_connections == 0) {
        config->max_connections = connections_by_limit();
        *origin_of(config, offsetof(struct cw_config, max_connections)) = derived;
    }
    /* A timeout alone, below the usual interval, would close clients that were never pinged. */
    struct cw_config_origin *interval =
        origin_of(config, offsetof(struct cw_config, heartbeat_interval_ms));
    if (interval->source == CW_CONFIG_DEFAULT && config->heartbeat_timeout_ms > 0 &&
        config->heartbeat_timeout_ms < 2 * config->heartbeat_interval_ms) {
        config->heartbeat_interval_ms = (config->heartbeat_timeout_ms + 1) / 2;
        *interval = derived;
    }
    return CW_OK;
}

static int read_sources(struct loading *loading, int argc, char *const argv[],
                        char *const environment[], struct arguments *arguments)
{
    int rc = set_defaults(loading);
    if (rc == CW_OK && arguments->file != NULL) {
        loading->config->file = strdup(arguments->file);
        if (loading->config->file == NULL)
            return fail_memory(loading);
        loading->file = arguments->file;
        rc = cw_config_file_read(arguments->file, on_line, loading, loading->error,
                                 loading->error_size);
    }
    if (rc == CW_OK)
        rc = read_environment(loading, environment);
    if (rc == CW_OK)
        rc = read_flags(loading, argc, argv, true, arguments);
    if (rc == CW_OK)
        rc = derive(loading);
    return rc;
}

int cw_config_load(int argc, char *const argv[], char *const environment[],
                   struct cw_config *ret_config, enum cw_config_action *ret_action, char *error,
                   size_t error_size)
{
    struct cw_config config = {0};
    struct loading loading = {.config = &config, .error = error, .error_size = error_size};
    struct arguments arguments = {CW_CONFIG_RUN, variable(environment, "CHANWAY_CONFIG")};

    if (arguments.file != NULL && arguments.file[0] == '\0')
        arguments.file = NULL;
    int rc = read_flags(&loading, argc, argv, false, &arguments);
    bool is_read = arguments.action != CW_CONFIG_HELP && arguments.action != CW_CONFIG_VERSION;
    if (!is_read)
        rc = CW_OK;
    else if (rc == CW_OK)
        rc = read_sources(&loading, argc, argv, environment, &arguments);
    if (rc != CW_OK) {
        cw_config_finish(&config);
        return rc;
    }
    *ret_config = config;
    *ret_action = arguments.action;
    return CW_OK;
}

static void finish_overrides(struct cw_config *config)
{
    for (size_t i = 0; i < config->override_count; i++) {
        free(config->overrides[i].glob);
        free(config->overrides[i].text);
    }
    free(config->overrides);
    config->overrides = NULL;
    config->override_count = 0;
}

void cw_config_finish(struct cw_config *config)
{
    for (int i = 0; i < CW_SETTING_COUNT; i++) {
        if (cw_setting_is_text(&cw_settings[i]))
            free(*text_at(config, i));
    }
    finish_overrides(config);
    free(config->file);
    *config = (struct cw_config){0};
}

static void swap_origins(struct cw_config_origin *a, struct cw_config_origin *b)
{
    struct cw_config_origin origin = *a;
    *a = *b;
    *b = origin;
}

/* `fresh` gets the value that `config` had: whoever finishes it frees the old text. */
static void swap_setting(struct cw_config *config, struct cw_config *fresh, int setting)
{
    swap_origins(&config->origins[setting], &fresh->origins[setting]);
    if (cw_setting_is_text(&cw_settings[setting])) {
        char *text = *text_at(config, setting);
        *text_at(config, setting) = *text_at(fresh, setting);
        *text_at(fresh, setting) = text;
    } else {
        int64_t number = *number_at(config, setting);
        *number_at(config, setting) = *number_at(fresh, setting);
        *number_at(fresh, setting) = number;
    }
}

static bool has_same_value(const struct cw_config *a, const struct cw_config *b, int setting)
{
    if (cw_setting_is_text(&cw_settings[setting]))
        return strcmp(*text_at(a, setting), *text_at(b, setting)) == 0;
    return *number_at(a, setting) == *number_at(b, setting);
}

static void swap_overrides(struct cw_config *config, struct cw_config *fresh)
{
    struct cw_config_override *overrides = config->overrides;
    size_t count = config->override_count;
    config->overrides = fresh->overrides;
    config->override_count = fresh->override_count;
    fresh->overrides = overrides;
    fresh->override_count = count;
}

int cw_config_reload(int argc, char *const argv[], char *const environment[],
                     struct cw_config *config, struct cw_writer *ret_unchanged, char *error,
                     size_t error_size)
{
    struct cw_config fresh;
    enum cw_config_action action;

    int rc = cw_config_load(argc, argv, environment, &fresh, &action, error, error_size);
    if (rc != CW_OK)
        return rc;
    for (int i = 0; i < CW_SETTING_COUNT; i++) {
        char name[CW_SETTING_NAME_SIZE];
        if (cw_settings[i].is_reloadable) {
            swap_setting(config, &fresh, i);
        } else if (!has_same_value(config, &fresh, i)) {
            cw_setting_name(&cw_settings[i], name);
            cw_writer_printf(ret_unchanged, "%s%s", ret_unchanged->size > 0 ? ", " : "", name);
        }
    }
    swap_overrides(config, &fresh);
    cw_config_finish(&fresh);
    return CW_OK;
}

/* The value of the per-group setting at `offset` for `group`. */
static int64_t value_for_group(const struct cw_config *config, size_t offset, struct cw_bytes group)
{
    int64_t value = *(const int64_t *)(const void *)((const char *)config + offset);
    size_t best = 0;

    for (size_t i = 0; i < config->override_count; i++) {
        const struct cw_config_override *override = &config->overrides[i];
        size_t size = cw_glob_literals(override->glob);
        if (cw_settings[override->setting].offset == offset && size >= best &&
            cw_glob_matches(cw_bytes_text(override->glob), group)) {
            value = override->value;
            best = size;
        }
    }
    return value;
}

struct cw_history_limits cw_config_history(const struct cw_config *config, struct cw_bytes group)
{
    return (struct cw_history_limits){
        .size = value_for_group(config, offsetof(struct cw_config, history_size), group),
        .ttl_ms = value_for_group(config, offsetof(struct cw_config, history_ttl_ms), group),
        .bytes = value_for_group(config, offsetof(struct cw_config, history_bytes), group),
        .keys_max = value_for_group(config, offsetof(struct cw_config, keys_max), group),
    };
}

int cw_config_slow_policy(const struct cw_config *config, struct cw_bytes group)
{
    return (int)value_for_group(config, offsetof(struct cw_config, slow_policy), group);
}
