/*
 * test_config.c - config.c, config_file.c, config_text.c: sources and their order, groups, errors
 * that name place, setting and value, what is printed, reload.
 */
#include "base/log.h"
#include "config_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

static void defaults_are_those_of_the_contract(void **state)
{
    struct config_case *fixture = *state;
    const struct cw_config *config = &fixture->config;

    config_case_accept(fixture);
    assert_int_equal(fixture->action, CW_CONFIG_RUN);
    assert_string_equal(config->listen, "0.0.0.0:8000");
    assert_string_equal(config->admin_listen, "127.0.0.1:8001");
    assert_string_equal(config->path, "/ws");
    assert_string_equal(config->redis, "embedded");
    assert_string_equal(config->redis_prefix, "cw");
    assert_string_equal(config->data_dir, "./run");
    assert_string_equal(config->module, "");
    assert_int_equal(config->channel_ttl_s, 0);
    assert_int_equal(config->channel_ttl_max_s, 0);
    assert_int_equal(config->history_size, 100);
    assert_int_equal(config->history_ttl_ms, 300000);
    assert_int_equal(config->history_bytes, 8388608);
    assert_int_equal(config->keys_max, 100000);
    assert_int_equal(config->heartbeat_interval_ms, 15000);
    assert_int_equal(config->heartbeat_timeout_ms, 30000);
    assert_int_equal(config->op_timeout_ms, 5000);
    assert_int_equal(config->raw_gap, CW_CONFIG_RAW_GAP_COUNT);
    assert_int_equal(config->max_message, 65536);
    assert_int_equal(config->max_groups, 128);
    assert_int_equal(config->payload_max, 65536);
    assert_int_equal(config->send_queue_max, 1048576);
    assert_int_equal(config->events, 0);
    assert_int_equal(config->events_max, 100000);
    assert_int_equal(config->log_level, CW_LOG_INFO);
    assert_int_equal(config->log_format, CW_LOG_TEXT);
    assert_string_equal(config->allow_origin, "*");
    assert_null(config->file);
}

static void host_and_ulimit_give_what_has_no_default(void **state)
{
    struct config_case *fixture = *state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit lower = {256, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
    config_case_accept(fixture);
    assert_int_equal(fixture->config.max_connections, 192);
    struct rlimit tiny = {32, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tiny), 0);
    config_case_accept(fixture);
    assert_int_equal(fixture->config.max_connections, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(fixture->config.node[0] != '\0' && strlen(fixture->config.node) <= 50);

    assert_int_equal(config_case_load_flag(fixture, "--max-connections=5"), CW_OK);
    assert_int_equal(fixture->config.max_connections, 5);
    assert_int_equal(config_case_load_flag(fixture, "--node=one"), CW_OK);
    assert_string_equal(fixture->config.node, "one");
    assert_int_equal(config_case_load_flag(fixture, "--node="), CW_OK);
    assert_true(fixture->config.node[0] != '\0');
}

static void short_timeout_alone_shortens_the_interval(void **state)
{
    struct config_case *fixture = *state;
    assert_int_equal(config_case_load_flag(fixture, "--heartbeat-timeout=5s"), CW_OK);
    assert_int_equal(fixture->config.heartbeat_interval_ms, 2500);
    assert_int_equal(config_case_load_flag(fixture, "--heartbeat-timeout=1ms"), CW_OK);
    assert_int_equal(fixture->config.heartbeat_interval_ms, 1);
    assert_int_equal(config_case_load_flag(fixture, "--heartbeat-timeout=1h"), CW_OK);
    assert_int_equal(fixture->config.heartbeat_interval_ms, 15000);
    assert_int_equal(config_case_load_flag(fixture, "--heartbeat-timeout=0"), CW_OK);
    assert_int_equal(fixture->config.heartbeat_interval_ms, 15000);
    config_case_flag(fixture, "--heartbeat-timeout=5s");
    config_case_flag(fixture, "--heartbeat-interval=20s");
    config_case_accept(fixture);
    assert_int_equal(fixture->config.heartbeat_interval_ms, 20000);
}

static void flag_beats_environment_beats_file(void **state)
{
    struct config_case *fixture = *state;
    config_case_write_text(
        fixture, "path = /file\nmax-groups = 1\nsend-queue-max = 5KiB\nop-timeout = 1s\n");
    config_case_variable(fixture, "CHANWAY_PATH=/variable");
    config_case_variable(fixture, "CHANWAY_MAX_GROUPS=2");
    config_case_variable(fixture, "CHANWAY_SEND_QUEUE_MAX=6KiB");
    config_case_flag(fixture, "--path");
    config_case_flag(fixture, "/flag");
    config_case_flag(fixture, "--max-groups=3");
    config_case_accept(fixture);
    assert_string_equal(fixture->config.path, "/flag");
    assert_int_equal(fixture->config.max_groups, 3);
    assert_int_equal(fixture->config.send_queue_max, 6144);
    assert_int_equal(fixture->config.op_timeout_ms, 1000);
}

static void last_of_a_flag_holds(void **state)
{
    struct config_case *fixture = *state;
    config_case_flag(fixture, "--path=/a");
    config_case_flag(fixture, "--path=/b");
    config_case_accept(fixture);
    assert_string_equal(fixture->config.path, "/b");
}

static void file_may_be_named_by_a_variable(void **state)
{
    struct config_case *fixture = *state;
    char variable[100];
    config_case_write_text(fixture, "path = /from-file\n");
    (void)snprintf(variable, sizeof(variable), "CHANWAY_CONFIG=%s", fixture->file);
    fixture->argc = 1; /* not by the flag */
    free(fixture->argv[1]);
    free(fixture->argv[2]);
    fixture->argv[1] = fixture->argv[2] = NULL;
    config_case_variable(fixture, variable);
    config_case_accept(fixture);
    assert_string_equal(fixture->config.path, "/from-file");
}

static void file_is_read_line_by_line(void **state)
{
    struct config_case *fixture = *state;
    config_case_write_text(fixture, "\xEF\xBB\xBF# a comment\r\n"
                                    "; another = one\r\n"
                                    "\r\n"
                                    "[chanway]\r\n"
                                    "  path=/a=b;c  \r\n"
                                    "\tadmin-listen =\r\n"
                                    "allow-origin = https://a.example , https://*.b.example\r\n"
                                    "max-groups=7");
    config_case_accept(fixture);
    assert_string_equal(fixture->config.path, "/a=b;c");
    assert_string_equal(fixture->config.admin_listen, "");
    assert_string_equal(fixture->config.allow_origin, "https://a.example , https://*.b.example");
    assert_int_equal(fixture->config.max_groups, 7);
}

static void bad_lines_are_named(void **state)
{
    static const struct {
        const char *text;
        const char *parts[3];
    } rows[] = {
        {"\n\npath /ws\n", {":3: ", "name = value", NULL}},
        {"[other]\n", {":1: ", "[chanway]", NULL}},
        {"=5\n", {":1: ", "no such setting", NULL}},
        {"pth = /ws\n", {":1: pth: ", "did you mean path?", NULL}},
        {"listn = :80\n", {":1: listn: ", "did you mean listen?", NULL}},
        {"quite-something-else = 1\n", {":1: ", "no such setting; --help", NULL}},
        {"path = /a\n\npath = /b\n", {":3: path ", "line 1", NULL}},
        {"history-size.a* = 1\nhistory-size.a* = 2\n", {":2: history-size.a* ", "line 1", NULL}},
        {"max-groups = many\n", {":1: max-groups = many: ", "from 1 to 1024", NULL}},
        {"max-groups =\n", {":1: max-groups = : ", "from 1 to 1024", NULL}},
        {"path = /ws ; the path\n", {":1: path = /ws ; the path", "allowed", NULL}},
        {"path.a = /ws\n", {":1: path.a: ", "not by group", NULL}},
        {"MAX-GROUPS = 1\n", {":1: MAX-GROUPS: ", "no such setting", NULL}},
        {"config = x\n", {":1: config: ", "no such setting", NULL}},
    };
    struct config_case *fixture = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        config_case_write_text(fixture, rows[i].text);
        if (config_case_load(fixture) != CW_ERR_INVALID)
            fail_msg("accepted: %s", rows[i].text);
        config_case_assert_has(fixture->error, fixture->file);
        for (size_t j = 0; rows[i].parts[j] != NULL; j++)
            config_case_assert_has(fixture->error, rows[i].parts[j]);
    }
    config_case_write(fixture, "path = /a\0b\n", 12);
    assert_int_equal(config_case_load(fixture), CW_ERR_INVALID);
    config_case_assert_has(fixture->error, "NUL");
}

static void lines_are_bounded_beyond_any_value(void **state)
{
    struct config_case *fixture = *state;
    char *text = malloc(9000);
    assert_non_null(text);

    /* The longest value there may be, 4096 bytes, is no problem of the line. */
    memset(text, 'h', 9000);
    memcpy(text, "data-dir = ", 11);
    config_case_write(fixture, text, 11 + 4096);
    config_case_accept(fixture);
    config_case_write(fixture, text, 11 + 4097);
    assert_int_equal(config_case_load(fixture), CW_ERR_INVALID);
    config_case_assert_has(fixture->error, "data-dir = hhh");
    assert_true(strlen(fixture->error) < 300);
    config_case_write(fixture, text, 9000);
    assert_int_equal(config_case_load(fixture), CW_ERR_INVALID);
    config_case_assert_has(fixture->error, "too long");
    free(text);
}

static void unreadable_files_are_errors(void **state)
{
    struct config_case *fixture = *state;
    config_case_flag(fixture, "--config=/nowhere/at/all.ini");
    assert_int_equal(config_case_load(fixture), CW_ERR_INVALID);
    assert_string_equal(fixture->error, "/nowhere/at/all.ini: No such file or directory");
    config_case_forget(fixture);
    config_case_flag(fixture, "--config=/tmp");
    assert_int_equal(config_case_load(fixture), CW_ERR_INVALID);
    config_case_assert_has(fixture->error, "/tmp: ");
}

static void bad_arguments_are_named(void **state)
{
    struct config_case *fixture = *state;
    static const struct {
        const char *flag;
        const char *part;
    } rows[] = {
        {"serve", "serve: not a flag"},
        {"-x", "-x: not a flag"},
        {"--", "--: not a flag"},
        {"", ": not a flag"},
        {"--listen", "--listen: a value is missing"},
        {"--config", "--config: a value is missing"},
        {"--lisen=:80", "--lisen: there is no such setting; did you mean --listen?"},
        {"--heartbeat-intervall=1s", "did you mean --heartbeat-interval?"},
        {"--no-such-thing-at-all=1", "--no-such-thing-at-all: there is no such setting"},
        {"--listen=x", "--listen = x: allowed: HOST:PORT"},
        {"--=1", "no such setting"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        config_case_refuse_flag(fixture, rows[i].flag, rows[i].part);
    char long_flag[400];
    memset(long_flag, 'x', sizeof(long_flag));
    memcpy(long_flag, "--", 2);
    long_flag[sizeof(long_flag) - 1] = '\0';
    config_case_refuse_flag(fixture, long_flag, "no such setting");
}

static void bad_variables_are_named(void **state)
{
    struct config_case *fixture = *state;
    config_case_variable(fixture, "CHANWAY_OP_TIMEOUT=soon");
    assert_int_equal(config_case_load(fixture), CW_ERR_INVALID);
    assert_string_equal(fixture->error,
                        "CHANWAY_OP_TIMEOUT = soon: allowed: 100ms to 10m, with a unit: "
                        "ms, s, m, h, d");
}

static void variables_that_are_nearly_settings_are_doubted(void **state)
{
    struct config_case *fixture = *state;
    struct cw_writer writer;
    config_case_variable(fixture, "CHANWAY_LISTN=:80");
    config_case_variable(fixture, "CHANWAY_LISTEN=:80");
    config_case_variable(fixture, "CHANWAY_UP_PORT=8000");
    config_case_variable(fixture, "CHANWAY_CONFIG=");
    config_case_variable(fixture, "PATH=/bin");
    config_case_accept(fixture);
    cw_writer_init(&writer);
    cw_config_write_doubts(fixture->environment, &writer);
    assert_true(cw_bytes_is(cw_writer_view(&writer),
                            "CHANWAY_LISTN is no setting; did you mean CHANWAY_LISTEN?\n"));
    cw_writer_finish(&writer);
}

static void actions_are_read_from_the_flags(void **state)
{
    struct config_case *fixture = *state;
    assert_int_equal(config_case_load_flag(fixture, "--help"), CW_OK);
    assert_int_equal(fixture->action, CW_CONFIG_HELP);
    assert_int_equal(config_case_load_flag(fixture, "-h"), CW_OK);
    assert_int_equal(fixture->action, CW_CONFIG_HELP);
    assert_int_equal(config_case_load_flag(fixture, "--version"), CW_OK);
    assert_int_equal(fixture->action, CW_CONFIG_VERSION);
    assert_int_equal(config_case_load_flag(fixture, "--check-config"), CW_OK);
    assert_int_equal(fixture->action, CW_CONFIG_CHECK);
    assert_int_equal(config_case_load_flag(fixture, "--print-settings"), CW_OK);
    assert_int_equal(fixture->action, CW_CONFIG_PRINT);
    config_case_flag(fixture, "--version");
    config_case_flag(fixture, "--check-config");
    config_case_accept(fixture);
    assert_int_equal(fixture->action, CW_CONFIG_VERSION);
}

static void help_works_beside_broken_settings(void **state)
{
    struct config_case *fixture = *state;
    config_case_write_text(fixture, "nonsense\n");
    config_case_variable(fixture, "CHANWAY_LISTEN=x");
    assert_int_equal(config_case_load(fixture), CW_ERR_INVALID);
    config_case_flag(fixture, "--help");
    config_case_accept(fixture);
    assert_int_equal(fixture->action, CW_CONFIG_HELP);
}

static void most_specific_glob_holds_for_a_group(void **state)
{
    struct config_case *fixture = *state;
    struct cw_history_limits limits;
    config_case_write_text(fixture, "history-size.chat.* = 1000\n"
                                    "history-size = 7\n"
                                    "history-size.chat.vip.* = 2000\n"
                                    "history-size.*.log = 50\n"
                                    "history-size.a*b = 1\n"
                                    "history-size.ab* = 2\n"
                                    "history-ttl.chat.* = 1h\n"
                                    "history-bytes.chat.* = 1MiB\n"
                                    "keys-max.chat.* = 5\n");
    config_case_flag(fixture, "--history-size.news");
    config_case_flag(fixture, "0");
    config_case_flag(fixture, "--history-size.chat.*=900");
    config_case_accept(fixture);

    static const struct {
        const char *group;
        int64_t size;
    } rows[] = {
        {"other", 7},      {"chat", 7},          {"chat.", 900},    {"chat.a", 900},
        {"chat.vip", 900}, {"chat.vip.x", 2000}, {"chat.log", 900}, {"x.log", 50},
        {"news", 0},       {"newsx", 7},         {"abb", 2},        {"axb", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        limits = cw_config_history(&fixture->config, cw_bytes_text(rows[i].group));
        if (limits.size != rows[i].size)
            fail_msg("%s: %lld", rows[i].group, (long long)limits.size);
    }
    limits = cw_config_history(&fixture->config, cw_bytes_text("chat.a"));
    assert_int_equal(limits.ttl_ms, 3600000);
    assert_int_equal(limits.bytes, 1048576);
    assert_int_equal(limits.keys_max, 5);
    limits = cw_config_history(&fixture->config, cw_bytes_text("other"));
    assert_int_equal(limits.ttl_ms, 300000);
    assert_int_equal(limits.bytes, 8388608);
    assert_int_equal(limits.keys_max, 100000);
}

/* NUL-terminated copy of what `writer` holds; finishes it. */
static char *text_of(struct cw_writer *writer)
{
    assert_false(writer->has_failed);
    char *text = strndup(writer->data, writer->size);
    cw_writer_finish(writer);
    return text;
}

static void a_file_may_be_set_by_group(void **state)
{
    struct config_case *fixture = *state;
    config_case_write_text(fixture, "schema.chat.* = chat.json\n"
                                    "schema.chat.free =\n"
                                    "schema.news = old.json\n");
    config_case_flag(fixture, "--schema.news=news.json");
    config_case_accept(fixture);
    const struct cw_config *config = &fixture->config;
    assert_string_equal(config->schema, "");
    assert_int_equal(config->override_count, 3);
    static const char *const rows[][2] = {
        {"chat.*", "chat.json"}, {"chat.free", ""}, {"news", "news.json"}};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(config->overrides[i].glob, rows[i][0]);
        assert_string_equal(config->overrides[i].text, rows[i][1]);
    }
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_config_write_settings(config, &writer);
    char *text = text_of(&writer);
    assert_non_null(strstr(text, ":1\nschema.chat.* = chat.json\n"));
    assert_non_null(strstr(text, "# flag\nschema.news = news.json\n"));
    free(text);
}

static void globs_are_checked(void **state)
{
    struct config_case *fixture = *state;
    config_case_refuse_flag(fixture, "--history-size.=1", "after the first dot");
    config_case_refuse_flag(fixture, "--history-size.a b=1", "after the first dot");
    config_case_refuse_flag(fixture, "--history-size.a,b=1", "after the first dot");
    config_case_refuse_flag(fixture, "--history-size.a=-1", "--history-size.a = -1: allowed: ");
    config_case_refuse_flag(fixture, "--max-groups.a=1", "not by group");
    char flag[200];
    char stars[130];
    memset(stars, '*', sizeof(stars));
    (void)snprintf(flag, sizeof(flag), "--history-size.%.128s=1", stars);
    assert_int_equal(config_case_load_flag(fixture, flag), CW_OK);
    (void)snprintf(flag, sizeof(flag), "--history-size.%.129s=1", stars);
    config_case_refuse_flag(fixture, flag, "after the first dot");
    /* Not in the environment: such names can't be set by every shell. */
    config_case_forget(fixture);
    config_case_variable(fixture, "CHANWAY_HISTORY_SIZE.a=1");
    config_case_accept(fixture);
    assert_int_equal(fixture->config.override_count, 0);
}

static void printed_settings_say_where_they_come_from(void **state)
{
    struct config_case *fixture = *state;
    struct cw_writer writer;
    char expected[200];

    config_case_write_text(fixture, "# one\nsend-queue-max = 65536\nhistory-size.chat.* = 5\n");
    config_case_variable(fixture, "CHANWAY_REDIS=redis://ann:hidden@redis.example:6379/0");
    config_case_variable(fixture, "CHANWAY_TOKEN_SECRET=hidden too");
    config_case_flag(fixture, "--op-timeout=60000ms");
    config_case_accept(fixture);
    cw_writer_init(&writer);
    cw_config_write_settings(&fixture->config, &writer);
    char *text = text_of(&writer);
    config_case_assert_has(text, "# default\nlisten = 0.0.0.0:8000\n");
    config_case_assert_has(text, "# worked out\nnode = ");
    config_case_assert_has(text, "# worked out\nmax-connections = ");
    config_case_assert_has(text, "# CHANWAY_REDIS\nredis = redis://***@redis.example:6379/0\n");
    config_case_assert_has(text, "# CHANWAY_TOKEN_SECRET\ntoken-secret = ***\n");
    config_case_assert_lacks(text, "hidden");
    config_case_assert_has(text, "# flag\nop-timeout = 1m\n");
    config_case_assert_has(text, "# default\nchannel-ttl = 0\n");
    config_case_assert_has(text, "# default\nlog-level = info\n");
    (void)snprintf(expected, sizeof(expected), "# %s:2\nsend-queue-max = 64KiB\n", fixture->file);
    config_case_assert_has(text, expected);
    (void)snprintf(expected, sizeof(expected), "# %s:3\nhistory-size.chat.* = 5\n", fixture->file);
    config_case_assert_has(text, expected);
    free(text);
}

static void printed_settings_are_a_file_that_means_the_same(void **state)
{
    struct config_case *fixture = *state;
    struct cw_writer writer;
    struct cw_config before;

    config_case_flag(fixture, "--history-ttl.a*=90s");
    config_case_flag(fixture, "--channel-ttl=90m");
    config_case_flag(fixture, "--max-message=1025");
    config_case_flag(fixture, "--admin-listen=");
    config_case_flag(fixture, "--log-level=debug");
    config_case_accept(fixture);
    cw_writer_init(&writer);
    cw_config_write_settings(&fixture->config, &writer);
    before = fixture->config;
    memset(&fixture->config, 0, sizeof(fixture->config));
    config_case_forget(fixture);
    config_case_write(fixture, writer.data, writer.size);
    cw_writer_finish(&writer);
    config_case_accept(fixture);
    for (int i = 0; i < CW_SETTING_COUNT; i++) {
        char a[300];
        char b[300];
        struct cw_setting_value was = cw_config_value(&before, i);
        struct cw_setting_value is = cw_config_value(&fixture->config, i);
        cw_setting_format(&cw_settings[i], &was, a, sizeof(a));
        cw_setting_format(&cw_settings[i], &is, b, sizeof(b));
        assert_string_equal(a, b);
    }
    assert_int_equal(fixture->config.override_count, 1);
    assert_int_equal(fixture->config.overrides[0].value, 90000);
    cw_config_finish(&before);
}

static void help_lists_every_setting(void **state)
{
    (void)state;
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_config_write_help(&writer);
    char *text = text_of(&writer);
    for (int i = 0; i < CW_SETTING_COUNT; i++) {
        char name[CW_SETTING_NAME_SIZE];
        char line[CW_SETTING_NAME_SIZE + 8];
        cw_setting_name(&cw_settings[i], name);
        (void)snprintf(line, sizeof(line), "\n  --%s ", name);
        config_case_assert_has(text, line);
        config_case_assert_has(text, cw_settings[i].help);
    }
    config_case_assert_has(text, "--print-settings");
    free(text);
}

static int reload(struct config_case *fixture, struct cw_writer *writer)
{
    return cw_config_reload(fixture->argc, fixture->argv, fixture->environment, &fixture->config,
                            writer, fixture->error, sizeof(fixture->error));
}

static void reload_takes_over_what_is_reloadable(void **state)
{
    struct config_case *fixture = *state;
    struct cw_writer writer;

    cw_writer_init(&writer);
    config_case_write_text(fixture, "history-size.a = 1\nlog-level = info\npath = /a\n");
    config_case_flag(fixture, "--max-groups=9");
    config_case_accept(fixture);
    config_case_write_text(fixture, "history-size.b = 2\nlog-level = debug\npath = /b\n"
                                    "listen = :1\nmax-groups = 5\n");
    assert_int_equal(reload(fixture, &writer), CW_OK);
    assert_int_equal(fixture->config.log_level, CW_LOG_DEBUG);
    assert_int_equal(fixture->config.max_groups, 9);
    assert_int_equal(cw_config_history(&fixture->config, cw_bytes_text("a")).size, 100);
    assert_int_equal(cw_config_history(&fixture->config, cw_bytes_text("b")).size, 2);
    assert_string_equal(fixture->config.path, "/a");
    assert_string_equal(fixture->config.listen, "0.0.0.0:8000");
    assert_true(cw_bytes_is(cw_writer_view(&writer), "listen, path"));
    cw_writer_finish(&writer);
}

static void bad_reload_changes_nothing(void **state)
{
    struct config_case *fixture = *state;
    struct cw_writer writer;

    cw_writer_init(&writer);
    config_case_write_text(fixture, "log-level = warn\n");
    config_case_accept(fixture);
    config_case_write_text(fixture, "log-level = debug\nlog-format = xml\n");
    assert_int_equal(reload(fixture, &writer), CW_ERR_INVALID);
    config_case_assert_has(fixture->error, ":2: log-format = xml: allowed: one of text|json");
    assert_int_equal(fixture->config.log_level, CW_LOG_WARN);
    assert_int_equal(writer.size, 0);
    cw_writer_finish(&writer);
}

#define RUN_TEST(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, config_case_setup, config_case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_TEST(defaults_are_those_of_the_contract),
        RUN_TEST(host_and_ulimit_give_what_has_no_default),
        RUN_TEST(short_timeout_alone_shortens_the_interval),
        RUN_TEST(flag_beats_environment_beats_file),
        RUN_TEST(last_of_a_flag_holds),
        RUN_TEST(file_may_be_named_by_a_variable),
        RUN_TEST(file_is_read_line_by_line),
        RUN_TEST(bad_lines_are_named),
        RUN_TEST(lines_are_bounded_beyond_any_value),
        RUN_TEST(unreadable_files_are_errors),
        RUN_TEST(bad_arguments_are_named),
        RUN_TEST(bad_variables_are_named),
        RUN_TEST(variables_that_are_nearly_settings_are_doubted),
        RUN_TEST(actions_are_read_from_the_flags),
        RUN_TEST(help_works_beside_broken_settings),
        RUN_TEST(most_specific_glob_holds_for_a_group),
        RUN_TEST(a_file_may_be_set_by_group),
        RUN_TEST(globs_are_checked),
        RUN_TEST(printed_settings_say_where_they_come_from),
        RUN_TEST(printed_settings_are_a_file_that_means_the_same),
        cmocka_unit_test(help_lists_every_setting),
        RUN_TEST(reload_takes_over_what_is_reloadable),
        RUN_TEST(bad_reload_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
