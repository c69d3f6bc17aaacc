/* test_redis_url.c - redis_url.c: every form, every refusal, and that no refusal tells a password.
 */
#include "redis_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct expected {
    const char *url;
    const char *host;
    const char *user;
    const char *password;
    const char *description;
    int port;
    int db;
    bool uses_tls;
};

static void assert_same_text(const char *text, const char *expected)
{
    if (expected == NULL)
        assert_null(text);
    else
        assert_string_equal(text, expected);
}

static int parse(const char *url, char error[200], struct cw_redis_address *ret_address)
{
    error[0] = '\0';
    return cw_redis_address_parse(url, error, 200, ret_address);
}

static void every_form_of_a_server_is_understood(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {"redis://h", "h", NULL, NULL, "h:6379/0", 6379, 0, false},
        {"redis://h/", "h", NULL, NULL, "h:6379/0", 6379, 0, false},
        {"redis://redis.example:6390/3", "redis.example", NULL, NULL, "redis.example:6390/3", 6390,
         3, false},
        {"rediss://h:1", "h", NULL, NULL, "h:1/0", 1, 0, true},
        {"redis://h:65535/2147483647", "h", NULL, NULL, "h:65535/2147483647", 65535, 2147483647,
         false},
        {"redis://:secret@h", "h", NULL, "secret", "h:6379/0", 6379, 0, false},
        {"redis://ann:secret@h:7/1", "h", "ann", "secret", "h:7/1", 7, 1, false},
        {"redis://ann:@h", "h", "ann", "", "h:6379/0", 6379, 0, false},
        {"redis://:@h", "h", NULL, NULL, "h:6379/0", 6379, 0, false},
        {"redis://:p@s/w:d@h", "h", NULL, "p@s/w:d", "h:6379/0", 6379, 0, false},
        {"redis://a%3ab:%40%2f%25%Ff@h", "h", "a:b", "@/%\xff", "h:6379/0", 6379, 0, false},
        {"redis://127.0.0.1:6379", "127.0.0.1", NULL, NULL, "127.0.0.1:6379/0", 6379, 0, false},
        {"redis://[::1]", "::1", NULL, NULL, "[::1]:6379/0", 6379, 0, false},
        {"redis://:x@[fe80::1%eth0]:80/2", "fe80::1%eth0", NULL, "x", "[fe80::1%eth0]:80/2", 80, 2,
         false},
        {"redis://under_score-1.x", "under_score-1.x", NULL, NULL, "under_score-1.x:6379/0", 6379,
         0, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char error[200];
        struct cw_redis_address address;
        if (parse(rows[i].url, error, &address) != CW_OK)
            fail_msg("%s: %s", rows[i].url, error);
        assert_false(address.is_embedded);
        assert_null(address.unix_path);
        assert_int_equal(address.uses_tls, rows[i].uses_tls);
        assert_same_text(address.host, rows[i].host);
        assert_int_equal(address.port, rows[i].port);
        assert_same_text(address.user, rows[i].user);
        assert_same_text(address.password, rows[i].password);
        assert_int_equal(address.db, rows[i].db);
        char text[100];
        cw_redis_address_describe(&address, text, sizeof(text));
        assert_string_equal(text, rows[i].description);
        cw_redis_address_finish(&address);
        assert_null(address.host);
    }
}

static void embedded_has_no_address_yet(void **state)
{
    (void)state;
    char error[200];
    char text[100];
    struct cw_redis_address address;
    assert_int_equal(parse("embedded", error, &address), CW_OK);
    assert_true(address.is_embedded);
    assert_null(address.host);
    assert_null(address.unix_path);
    cw_redis_address_describe(&address, text, sizeof(text));
    assert_string_equal(text, "embedded");
    cw_redis_address_finish(&address);
    cw_redis_address_finish(&address);
}

static void socket_paths_fit_a_socket_address(void **state)
{
    (void)state;
    char error[200];
    char text[200];
    struct cw_redis_address address;
    assert_int_equal(parse("unix:/run/redis.sock", error, &address), CW_OK);
    assert_string_equal(address.unix_path, "/run/redis.sock");
    assert_null(address.host);
    cw_redis_address_describe(&address, text, sizeof(text));
    assert_string_equal(text, "unix:/run/redis.sock");
    cw_redis_address_finish(&address);

    assert_int_equal(parse("unix:", error, &address), CW_ERR_INVALID);
    char url[5 + 108 + 1] = "unix:";
    memset(url + 5, 'p', 107);
    assert_int_equal(parse(url, error, &address), CW_OK);
    cw_redis_address_finish(&address);
    url[5 + 107] = 'p';
    assert_int_equal(parse(url, error, &address), CW_ERR_INVALID);
    assert_non_null(strstr(error, "107"));
}

static void sentinels_are_a_list(void **state)
{
    (void)state;
    char error[200];
    char text[100];
    struct cw_redis_address address;
    assert_int_equal(
        parse("rediss+sentinel://ann:p,w@a,[::1]:7,c.d:8/the-main.1/3", error, &address), CW_OK);
    assert_true(address.uses_tls);
    assert_null(address.host);
    assert_string_equal(address.user, "ann");
    assert_string_equal(address.password, "p,w");
    assert_string_equal(address.sentinel_name, "the-main.1");
    assert_int_equal(address.db, 3);
    assert_int_equal(address.host_count, 3);
    assert_string_equal(address.hosts[0].host, "a");
    assert_int_equal(address.hosts[0].port, 26379);
    assert_string_equal(address.hosts[1].host, "::1");
    assert_int_equal(address.hosts[1].port, 7);
    assert_string_equal(address.hosts[2].host, "c.d");
    assert_int_equal(address.hosts[2].port, 8);
    cw_redis_address_describe(&address, text, sizeof(text));
    assert_string_equal(text, "sentinel:the-main.1/3");
    cw_redis_address_finish(&address);

    char url[200] = "redis+sentinel://h";
    for (int i = 1; i < CW_REDIS_HOSTS_MAX; i++)
        (void)strncat(url, ",h", 3);
    (void)strncat(url, "/m", 3);
    assert_int_equal(parse(url, error, &address), CW_OK);
    assert_false(address.uses_tls);
    assert_int_equal(address.host_count, CW_REDIS_HOSTS_MAX);
    cw_redis_address_finish(&address);
}

static void nodes_and_shards_are_lists(void **state)
{
    (void)state;
    char error[200];
    char text[100];
    struct cw_redis_address address;
    assert_int_equal(parse("redis+cluster://ann:p@a:7000,[::1],c", error, &address), CW_OK);
    assert_int_equal(address.kind, CW_REDIS_CLUSTER);
    assert_false(address.uses_tls);
    assert_null(address.host);
    assert_string_equal(address.password, "p");
    assert_int_equal(address.host_count, 3);
    assert_int_equal(address.hosts[0].port, 7000);
    assert_string_equal(address.hosts[1].host, "::1");
    assert_int_equal(address.hosts[2].port, 6379);
    cw_redis_address_describe(&address, text, sizeof(text));
    assert_string_equal(text, "cluster:a:7000+2");
    cw_redis_address_finish(&address);

    assert_int_equal(parse("rediss-shards://a:1,a:2,b:1/3", error, &address), CW_OK);
    assert_int_equal(address.kind, CW_REDIS_SHARDS);
    assert_true(address.uses_tls);
    assert_int_equal(address.db, 3);
    assert_int_equal(address.host_count, 3);
    assert_string_equal(address.hosts[2].host, "b");
    cw_redis_address_describe(&address, text, sizeof(text));
    assert_string_equal(text, "shards:a:1+2");
    cw_redis_address_finish(&address);
}

/* With a comma behind the last. */
#define HOSTS_16 "h,h,h,h,h,h,h,h,h,h,h,h,h,h,h,h,"

static void refusals_say_why_and_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *why;
    } rows[] = {
        {"", "it must be embedded"},
        {"redis", "it must be embedded"},
        {"embedded ", "it must be embedded"},
        {"http://h", "it must be embedded"},
        {"redis:h", "it must be embedded"},
        {"REDIS://h", "it must be embedded"},
        {"redis://", "the host is missing"},
        {"redis://:6379", "the host is missing"},
        {"redis:///1", "the host is missing"},
        {"redis://:p@", "the host is missing"},
        {"redis://[]", "the host is missing"},
        {"redis://a b", "no host has"},
        {"redis://a\nb", "no host has"},
        {"redis://h?db=1", "no host has"},
        {"redis://h,g:1", "no host has"},
        {"redis://[::1", "its ']'"},
        {"redis://[::1]x", "only :PORT"},
        {"redis://[::1]x:1", "only :PORT"},
        {"redis://[::1/1]", "database"},
        {"redis://fe80::1", "port"},
        {"redis://h:", "port"},
        {"redis://h:0", "port"},
        {"redis://h:65536", "port"},
        {"redis://h:-1", "port"},
        {"redis://h:6379x", "port"},
        {"redis://h:99999999999999999999", "port"},
        {"redis://h/x", "database"},
        {"redis://h/-1", "database"},
        {"redis://h/1/2", "database"},
        {"redis://h/2147483648", "database"},
        {"redis+sentinel://h", "/NAME"},
        {"redis+sentinel://h:1,g:2/", "NAME"},
        {"redis+sentinel://h/a b", "NAME"},
        {"redis+sentinel://h/m/x", "database"},
        {"redis+sentinel:///m", "the host is missing"},
        {"redis+sentinel://h,/m", "the host is missing"},
        {"redis+sentinel://h:0/m", "port"},
        {"redis+sentinel://" HOSTS_16 HOSTS_16 HOSTS_16 HOSTS_16 "h/m", "more than 64"},
        {"redis+cluster://", "the host is missing"},
        {"redis+cluster://h,/0", "the host is missing"},
        {"redis+cluster://h/1", "database 0"},
        {"redis+cluster://h:0", "port"},
        {"redis+cluster://" HOSTS_16 HOSTS_16 HOSTS_16 HOSTS_16 "h", "more than 64"},
        {"redis-shards://", "the host is missing"},
        {"redis-shards://h:1,g:1,h:1", "twice"},
        {"redis-shards://h,g/x", "database"},
        {"redis://secret@h", "USER:PASSWORD"},
        {"redis://:secret%@h", "%25"},
        {"redis://:secret%4@h", "%25"},
        {"redis://:secret%4g@h", "%25"},
        {"redis://:secret%00@h", "%25"},
        {"redis://secret%zz:x@h", "%25"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char error[200];
        struct cw_redis_address address = {.port = 77};
        if (parse(rows[i].url, error, &address) != CW_ERR_INVALID)
            fail_msg("%s was taken", rows[i].url);
        if (strstr(error, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].url, error);
        assert_int_equal(address.port, 77);
        assert_null(address.host);
    }
}

static void no_text_shows_a_password(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "redis://:secret@",      "redis://:secret@h:x",  "redis://:secret@h/x", "redis://secret@h",
        "redis://ann:secret%@h", "redis://:secret@[::1", "redis://:secret@a b", "rediss:/:secret@h",
        "redis://:secret@h",     "redis://:secret"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        char error[200];
        struct cw_redis_address address;
        if (parse(urls[i], error, &address) == CW_OK) {
            cw_redis_address_describe(&address, error, sizeof(error));
            cw_redis_address_finish(&address);
        }
        assert_null(strstr(error, "secret"));
    }
}

/* redis://:<password>@h of `size` bytes in all */
static char *url_of_size(size_t size)
{
    char *url = malloc(size + 1);
    assert_non_null(url);
    (void)snprintf(url, size + 1, "redis://:%0*d@h", (int)size - 11, 0);
    return url;
}

static void length_is_bounded(void **state)
{
    (void)state;
    char error[200];
    struct cw_redis_address address;
    char *url = url_of_size(CW_REDIS_URL_MAX);
    assert_int_equal(parse(url, error, &address), CW_OK);
    assert_int_equal(strlen(address.password), CW_REDIS_URL_MAX - 11);
    cw_redis_address_finish(&address);
    free(url);
    url = url_of_size(CW_REDIS_URL_MAX + 1);
    assert_int_equal(parse(url, error, &address), CW_ERR_INVALID);
    free(url);

    char host[8 + 254 + 1] = "redis://";
    memset(host + 8, 'h', 253);
    assert_int_equal(parse(host, error, &address), CW_OK);
    cw_redis_address_finish(&address);
    host[8 + 253] = 'h';
    assert_int_equal(parse(host, error, &address), CW_ERR_INVALID);
}

static void texts_are_cut_to_their_room(void **state)
{
    (void)state;
    char small[8] = "xxxxxxx";
    struct cw_redis_address address;
    assert_int_equal(cw_redis_address_parse("nothing", small, 4, &address), CW_ERR_INVALID);
    assert_string_equal(small, "it ");
    assert_int_equal(cw_redis_address_parse("nothing", NULL, 0, &address), CW_ERR_INVALID);
    assert_int_equal(cw_redis_address_parse("redis://host", NULL, 0, &address), CW_OK);
    cw_redis_address_describe(&address, small, 5);
    assert_string_equal(small, "host");
    cw_redis_address_finish(&address);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_server_is_understood),
        cmocka_unit_test(embedded_has_no_address_yet),
        cmocka_unit_test(socket_paths_fit_a_socket_address),
        cmocka_unit_test(sentinels_are_a_list),
        cmocka_unit_test(nodes_and_shards_are_lists),
        cmocka_unit_test(refusals_say_why_and_change_nothing),
        cmocka_unit_test(no_text_shows_a_password),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(texts_are_cut_to_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
