/*
 * test_setting.c - setting.c: every type of setting at its bounds and beyond, and errors without
 * secrets.
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

#include <cmocka.h>

static void numbers_hold_at_their_bounds(void **state)
{
    struct config_case *fixture = *state;
    static const struct {
        const char *flag;
        bool is_good;
    } rows[] = {
        {"--max-groups=1", true},
        {"--max-groups=0", false},
        {"--max-groups=1024", true},
        {"--max-groups=1025", false},
        {"--max-groups=-1", false},
        {"--max-groups=+1", false},
        {"--max-groups=1.0", false},
        {"--max-groups=1e2", false},
        {"--max-groups= 1", false},
        {"--max-groups=0x10", false},
        {"--max-groups=99999999999999999999", false},
        {"--history-size=0", true},
        {"--history-size=1000000", true},
        {"--history-size=1000001", false},
        {"--keys-max=0", false},
        {"--keys-max=1", true},
        {"--max-connections=0", true},
        {"--max-connections=10000000", true},
        {"--max-connections=10000001", false},
        {"--max-message=128", true},
        {"--max-message=127", false},
        {"--max-message=1KiB", true},
        {"--max-message=16MiB", true},
        {"--max-message=16777217", false},
        {"--max-message=64kib", false},
        {"--max-message=64KB", false},
        {"--max-message=64 KiB", false},
        {"--max-message=KiB", false},
        {"--max-message=1.5MiB", false},
        {"--max-message=64K", false},
        {"--max-message=9999999999999GiB", false},
        {"--payload-max=1MiB", true},
        {"--payload-max=1048577", false},
        {"--send-queue-max=1KiB", true},
        {"--send-queue-max=1023", false},
        {"--send-queue-max=1GiB", true},
        {"--send-queue-max=2GiB", false},
        {"--op-timeout=100ms", true},
        {"--op-timeout=99ms", false},
        {"--op-timeout=10m", true},
        {"--op-timeout=600001ms", false},
        {"--op-timeout=5", false},
        {"--op-timeout=5S", false},
        {"--op-timeout=5 s", false},
        {"--op-timeout=0", false},
        {"--op-timeout=s", false},
        {"--op-timeout=1s1s", false},
        {"--heartbeat-interval=0", true},
        {"--heartbeat-interval=0s", true},
        {"--heartbeat-interval=1h", true},
        {"--heartbeat-interval=61m", false},
        {"--history-ttl=365d", true},
        {"--history-ttl=366d", false},
        {"--history-ttl=999ms", false},
        {"--channel-ttl=0", true},
        {"--channel-ttl=1s", true},
        {"--channel-ttl=1000ms", true},
        {"--channel-ttl=1500ms", false},
        {"--channel-ttl=3650d", true},
        {"--channel-ttl=3651d", false},
        {"--history-bytes=1KiB", true},
        {"--history-bytes=1GiB", true},
        {"--history-bytes=1", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((config_case_load_flag(fixture, rows[i].flag) == CW_OK) != rows[i].is_good)
            fail_msg("%s: %s", rows[i].flag, fixture->error);
        if (!rows[i].is_good)
            config_case_assert_has(fixture->error, "allowed: ");
    }
}

static void units_mean_what_they_say(void **state)
{
    struct config_case *fixture = *state;
    assert_int_equal(config_case_load_flag(fixture, "--history-ttl=1500ms"), CW_OK);
    assert_int_equal(fixture->config.history_ttl_ms, 1500);
    assert_int_equal(config_case_load_flag(fixture, "--history-ttl=25s"), CW_OK);
    assert_int_equal(fixture->config.history_ttl_ms, 25000);
    assert_int_equal(config_case_load_flag(fixture, "--history-ttl=2m"), CW_OK);
    assert_int_equal(fixture->config.history_ttl_ms, 120000);
    assert_int_equal(config_case_load_flag(fixture, "--history-ttl=1h"), CW_OK);
    assert_int_equal(fixture->config.history_ttl_ms, 3600000);
    assert_int_equal(config_case_load_flag(fixture, "--history-ttl=1d"), CW_OK);
    assert_int_equal(fixture->config.history_ttl_ms, 86400000);
    assert_int_equal(config_case_load_flag(fixture, "--channel-ttl=2h"), CW_OK);
    assert_int_equal(fixture->config.channel_ttl_s, 7200);
    assert_int_equal(config_case_load_flag(fixture, "--send-queue-max=5000"), CW_OK);
    assert_int_equal(fixture->config.send_queue_max, 5000);
    assert_int_equal(config_case_load_flag(fixture, "--send-queue-max=64KiB"), CW_OK);
    assert_int_equal(fixture->config.send_queue_max, 65536);
    assert_int_equal(config_case_load_flag(fixture, "--send-queue-max=3MiB"), CW_OK);
    assert_int_equal(fixture->config.send_queue_max, 3145728);
}

static void words_are_those_of_their_row(void **state)
{
    struct config_case *fixture = *state;
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++) {
        char flag[40];
        (void)snprintf(flag, sizeof(flag), "--log-level=%s", levels[i]);
        assert_int_equal(config_case_load_flag(fixture, flag), CW_OK);
        assert_int_equal(fixture->config.log_level, CW_LOG_DEBUG + i);
    }
    assert_int_equal(config_case_load_flag(fixture, "--log-format=json"), CW_OK);
    assert_int_equal(fixture->config.log_format, CW_LOG_JSON);
    assert_int_equal(config_case_load_flag(fixture, "--raw-gap=close"), CW_OK);
    assert_int_equal(fixture->config.raw_gap, CW_CONFIG_RAW_GAP_CLOSE);
    config_case_refuse_flag(fixture, "--log-level=Info", "one of debug|info|warn|error");
    config_case_refuse_flag(fixture, "--log-level=inf", "one of debug|info|warn|error");
    config_case_refuse_flag(fixture, "--log-level=", "one of debug|info|warn|error");
    config_case_refuse_flag(fixture, "--log-level=info|warn", "one of debug|info|warn|error");
    config_case_refuse_flag(fixture, "--raw-gap=drop", "one of count|close");
}

static void several_words_are_a_bit_each(void **state)
{
    struct config_case *fixture = *state;
    static const struct {
        const char *flag;
        int64_t mask;
        const char *shown;
    } rows[] = {
        {"--events=", 0, ""},
        {"--events=connect", CW_STREAM_CONNECT, "connect"},
        {"--events=error,message", CW_STREAM_ERROR | CW_STREAM_MESSAGE, "message,error"},
        {"--events= join , leave,join", CW_STREAM_JOIN | CW_STREAM_LEAVE, "join,leave"},
        {"--events=connect,disconnect,message,join,leave,error", 0x3F,
         "connect,disconnect,message,join,leave,error"},
    };
    static const char *const bad[] = {"--events=,",       "--events=connect,",
                                      "--events=a",       "--events=connect|join",
                                      "--events=Connect", "--events= "};
    int setting = 0;
    while (strcmp(cw_settings[setting].field, "events") != 0)
        setting++;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[80];
        assert_int_equal(config_case_load_flag(fixture, rows[i].flag), CW_OK);
        assert_int_equal(fixture->config.events, rows[i].mask);
        struct cw_setting_value value = cw_config_value(&fixture->config, setting);
        cw_setting_format(&cw_settings[setting], &value, text, sizeof(text));
        assert_string_equal(text, rows[i].shown);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        config_case_refuse_flag(fixture, bad[i],
                                "any of connect|disconnect|message|join|leave|error, separated by");
}

static void a_rate_is_so_many_in_so_much_time(void **state)
{
    struct config_case *fixture = *state;
    static const struct {
        const char *flag;
        int64_t count, ms;
        const char *shown;
    } rows[] = {
        {"--message-rate=0", 0, 0, "0"},
        {"--message-rate=1/100ms", 1, 100, "1/100ms"},
        {"--message-rate=20/60s", 20, 60000, "20/1m"},
        {"--message-rate=100/1500ms", 100, 1500, "100/1500ms"},
        {"--message-rate=1000000/1d", 1000000, 86400000, "1000000/1d"},
    };
    static const char *const bad[] = {"--message-rate=",
                                      "--message-rate=20",
                                      "--message-rate=20/",
                                      "--message-rate=/60s",
                                      "--message-rate=20/60",
                                      "--message-rate=0/60s",
                                      "--message-rate=20/0",
                                      "--message-rate=1/99ms",
                                      "--message-rate=1000001/1d",
                                      "--message-rate=1/25h",
                                      "--message-rate=-1/1s",
                                      "--message-rate=1/-1s",
                                      "--message-rate=1 / 1s",
                                      "--message-rate=1.5/1s",
                                      "--message-rate=1/1s/1s",
                                      "--message-rate=00",
                                      "--message-rate=1s/1",
                                      "--message-rate=1/1S",
                                      "--message-rate=/",
                                      "--message-rate=1/9999999999999999999d",
                                      "--message-rate=99999999999999999999999999/1s"};
    int setting = 0;
    while (strcmp(cw_settings[setting].field, "message_rate") != 0)
        setting++;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[40];
        assert_int_equal(config_case_load_flag(fixture, rows[i].flag), CW_OK);
        assert_int_equal(cw_rate_count(fixture->config.message_rate), rows[i].count);
        assert_int_equal(cw_rate_ms(fixture->config.message_rate), rows[i].ms);
        struct cw_setting_value value = cw_config_value(&fixture->config, setting);
        cw_setting_format(&cw_settings[setting], &value, text, sizeof(text));
        assert_string_equal(text, rows[i].shown);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        config_case_refuse_flag(fixture, bad[i], "0, or N/TIME such as 20/60s, from 1/100ms");
}

static void texts_are_checked_by_their_type(void **state)
{
    struct config_case *fixture = *state;
    static const char *const good[] = {
        "--listen=0.0.0.0:80",
        "--listen=:80",
        "--listen=localhost:65535",
        "--listen=[::1]:1",
        "--listen=[fe80::1%25]:0",
        "--listen=a-b.c_d:0",
        "--listen=unix:/tmp/x.sock",
        "--listen=unix:rel/x",
        "--admin-listen=",
        "--admin-listen=:1",
        "--path=/",
        "--path=/a/b-c.d",
        "--node=a_B.9-",
        "--redis=unix:/tmp/r",
        "--redis=redis://u:p@h:1/2",
        "--redis=rediss://h",
        "--redis=redis+sentinel://u:p@h:1,g/main",
        "--redis-prefix=a:b",
        "--data-dir=/var/lib/x y",
        "--allow-origin=https://*.example.com, http://localhost:*",
    };
    static const char *const bad[] = {
        "--listen=",
        "--listen=80",
        "--listen=x",
        "--listen=h:",
        "--listen=h:65536",
        "--listen=h:-1",
        "--listen=h:8o",
        "--listen=::1:80",
        "--listen=[]:80",
        "--listen=[::g]:80",
        "--listen=a b:80",
        "--listen=unix:",
        "--listen=h:000080",
        "--admin-listen=off",
        "--path=",
        "--path=ws",
        "--path=/a?b",
        "--path=/a#b",
        "--path=/a b",
        "--path=/\xC3\xA9",
        "--node=a b",
        "--node=123456789012345678901234567890123456789012345678901",
        "--redis=",
        "--redis=nothing",
        "--redis=http://h",
        "--redis-prefix=",
        "--redis-prefix=a{b",
        "--data-dir=",
        "--data-dir=a\nb",
        "--allow-origin=",
        "--allow-origin=a,,b",
        "--allow-origin= , a",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (config_case_load_flag(fixture, good[i]) != CW_OK)
            fail_msg("refused: %s: %s", good[i], fixture->error);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        config_case_refuse_flag(fixture, bad[i], "allowed: ");
}

static void socket_paths_fit_a_socket_address(void **state)
{
    struct config_case *fixture = *state;
    char flag[200] = "--listen=unix:";
    size_t start = strlen(flag);
    memset(flag + start, 'p', 107);
    assert_int_equal(config_case_load_flag(fixture, flag), CW_OK);
    memset(flag + start, 'p', 108);
    assert_int_equal(config_case_load_flag(fixture, flag), CW_ERR_INVALID);
}

static void addresses_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host;
        int port;
        bool is_unix;
    } rows[] = {
        {"0.0.0.0:8000", "0.0.0.0", 8000, false}, {":0", "", 0, false},
        {"[::1]:443", "::1", 443, false},         {"unix:/run/cw.sock", "/run/cw.sock", 0, true},
        {"localhost:1", "localhost", 1, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cw_listen_address address;
        assert_int_equal(cw_listen_address_parse(rows[i].text, &address), CW_OK);
        assert_string_equal(address.host, rows[i].host);
        assert_int_equal(address.port, rows[i].port);
        assert_true(address.is_unix == rows[i].is_unix);
    }
}

static void errors_never_show_a_password(void **state)
{
    struct config_case *fixture = *state;
    static const char *const flags[] = {
        "--redis=redis://ann:secret@h:99999",
        "--redis=http://ann:secret@h",
        "--redis=ann:secret@h",
        "--redis=redis://:secret@",
        "--redis=redis://a:se@secret@h:x",
    };
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        config_case_refuse_flag(fixture, flags[i], "--redis = ");
        config_case_assert_lacks(fixture->error, "secret");
    }
}

#define RUN_TEST(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, config_case_setup, config_case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_TEST(numbers_hold_at_their_bounds),      RUN_TEST(units_mean_what_they_say),
        RUN_TEST(words_are_those_of_their_row),      RUN_TEST(several_words_are_a_bit_each),
        RUN_TEST(a_rate_is_so_many_in_so_much_time), RUN_TEST(texts_are_checked_by_their_type),
        RUN_TEST(socket_paths_fit_a_socket_address), cmocka_unit_test(addresses_are_taken_apart),
        RUN_TEST(errors_never_show_a_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
