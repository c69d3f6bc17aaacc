/* test_address.c - base/address.c: addresses as text, lists of networks. */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

/* Parses a copy of exactly that size. */
static bool parse(const char *text, struct cw_address *ret_address)
{
    size_t size = strlen(text);
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    bool is_good = cw_address_parse(cw_bytes_make(copy, size), ret_address);
    free(copy);
    return is_good;
}

static void addresses_have_one_form(void **state)
{
    static const struct {
        const char *text;
        const char *written;
    } rows[] = {
        {"10.0.0.7", "10.0.0.7"},
        {"10.0.0.7:51514", "10.0.0.7:51514"},
        {"0.0.0.0:65535", "0.0.0.0:65535"},
        {"10.0.0.7:0", "10.0.0.7"},
        {"2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:DB8:0:0::1]:443", "[2001:db8::1]:443"},
        {"::ffff:10.0.0.7", "10.0.0.7"},
        {"[::ffff:a00:7]:8", "10.0.0.7:8"},
        {"::", "::"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cw_address address;
        char written[CW_ADDRESS_TEXT_SIZE];
        assert_true(parse(rows[i].text, &address));
        assert_int_equal(address.kind, CW_ADDRESS_IP);
        assert_int_equal(cw_address_write(&address, written), strlen(rows[i].written));
        assert_string_equal(written, rows[i].written);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        ":",
        "x",
        "unknown",
        "_hidden",
        "unix",
        "localhost",
        "10.0.0",
        "10.0.0.256",
        "010.0.0.1:x",
        "10.0.0.7:",
        "10.0.0.7:65536",
        "10.0.0.7:123456",
        "10.0.0.7:-1",
        "10.0.0.7:+1",
        "10.0.0.7 ",
        "10.0.0.7/8",
        "[10.0.0.7]",
        "[10.0.0.7]:80",
        "[]",
        "[]:80",
        "[::1",
        "[::1]x",
        "[::1]:",
        "[::1]80",
        "[::1]:65536",
        "::1]",
        ":::",
        "1:2:3:4:5:6:7:8:9",
        "fe80::1%lo",
        "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff:2001:db8:aaaa:bbbb",
    };
    (void)state;
    struct cw_address address;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (parse(rows[i], &address))
            fail_msg("%s", rows[i]);
    assert_false(cw_address_parse(cw_bytes_make("10.0.0.7\0", 9), &address));
}

static void a_host_has_no_port_and_no_brackets(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"10.0.0.7:51514", "10.0.0.7"},
        {"10.0.0.7", "10.0.0.7"},
        {"[2001:db8::1]:443", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"2001:db8::1", "2001:db8::1"},
        {"unix", "unix"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cw_bytes host = cw_address_host(texts[i][0]);
        assert_int_equal(host.size, strlen(texts[i][1]));
        assert_memory_equal(host.data, texts[i][1], host.size);
    }
}

static void sockets_have_addresses(void **state)
{
    char written[CW_ADDRESS_TEXT_SIZE];
    struct cw_address address;
    (void)state;
    struct sockaddr_storage storage = {.ss_family = AF_UNIX};
    address = cw_address_of_sockaddr(&storage);
    (void)cw_address_write(&address, written);
    assert_string_equal(written, "unix");

    storage.ss_family = AF_UNSPEC;
    address = cw_address_of_sockaddr(&storage);
    (void)cw_address_write(&address, written);
    assert_string_equal(written, "unknown");

    struct sockaddr_in *in = (struct sockaddr_in *)&storage;
    in->sin_family = AF_INET;
    in->sin_port = htons(80);
    in->sin_addr.s_addr = htonl(0x7f000001);
    address = cw_address_of_sockaddr(&storage);
    (void)cw_address_write(&address, written);
    assert_string_equal(written, "127.0.0.1:80");

    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
    memset(&storage, 0, sizeof(storage));
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(80);
    in6->sin6_addr = in6addr_loopback;
    address = cw_address_of_sockaddr(&storage);
    (void)cw_address_write(&address, written);
    assert_string_equal(written, "[::1]:80");
}

static void networks_have_what_is_in_them(void **state)
{
    static const struct {
        const char *networks;
        const char *inside;  /* separated by blanks */
        const char *outside; /* likewise */
    } rows[] = {
        {"", "", "10.0.0.1 ::1"},
        {"  ", "", "10.0.0.1"},
        {"10.0.0.1", "10.0.0.1 ::ffff:10.0.0.1 10.0.0.1:80", "10.0.0.0 10.0.0.2"},
        {"10.0.0.0/8", "10.0.0.0 10.255.255.255", "9.255.255.255 11.0.0.0 ::a00:1"},
        {"10.1.2.3/8", "10.200.0.0", "11.1.2.3"},
        {"192.0.2.128/25", "192.0.2.128 192.0.2.255", "192.0.2.127 192.0.3.128"},
        {"192.0.2.4/31", "192.0.2.4 192.0.2.5", "192.0.2.3 192.0.2.6"},
        {"0.0.0.0/0", "0.0.0.0 255.255.255.255", ":: 2001:db8::1"},
        {"::/0", ":: 2001:db8::1", "10.0.0.1"},
        {"::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3 2001:db8::1"},
        {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000:: 2001:db7::"},
        {"2001:db8::1/128", "2001:db8::1", "2001:db8::2"},
        {" 10.0.0.0/8 ,\t2001:db8::/32 , unix", "10.9.9.9 2001:db8:1::", "192.0.2.1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cw_networks networks;
        assert_int_equal(cw_networks_parse(cw_bytes_text(rows[i].networks), &networks), CW_OK);
        for (int inside = 0; inside < 2; inside++) {
            char list[128];
            (void)snprintf(list, sizeof(list), "%s", inside ? rows[i].inside : rows[i].outside);
            char *rest = NULL;
            for (char *at = strtok_r(list, " ", &rest); at != NULL;
                 at = strtok_r(NULL, " ", &rest)) {
                struct cw_address address;
                assert_true(parse(at, &address));
                if (cw_networks_have(&networks, &address) != (inside != 0))
                    fail_msg("%s in %s", at, rows[i].networks);
            }
        }
        cw_networks_finish(&networks);
    }
}

static void unix_sockets_are_in_a_list_that_says_so(void **state)
{
    const struct cw_address of_unix = {.kind = CW_ADDRESS_UNIX};
    const struct cw_address unknown = {.kind = CW_ADDRESS_UNKNOWN};
    struct cw_networks networks;
    (void)state;
    assert_int_equal(cw_networks_parse(cw_bytes_text("0.0.0.0/0,::/0"), &networks), CW_OK);
    assert_false(cw_networks_have(&networks, &of_unix));
    cw_networks_finish(&networks);
    assert_int_equal(cw_networks_parse(cw_bytes_text("unix"), &networks), CW_OK);
    assert_true(cw_networks_have(&networks, &of_unix));
    assert_false(cw_networks_have(&networks, &unknown));
    cw_networks_finish(&networks);
}

static void what_is_no_list_of_networks_is_refused(void **state)
{
    static const char *const rows[] = {
        ",",           "10.0.0.0/8,", ",10.0.0.0/8", "10.0.0.0/8,,::1", "10.0.0.0/33", "10.0.0.0/",
        "10.0.0.0/-1", "/8",          "::/129",      "10.0.0.0/8 x",    "10.0.0.0 /8", "Unix",
        "10.0.0.1:80", "[::1]",       "localhost",   "10.0.0.0/8;::1",  "unix:/tmp/x", "10.0/8",
        "10.0.0.0/08x"};
    struct cw_networks networks;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (cw_networks_parse(cw_bytes_text(rows[i]), &networks) != CW_ERR_INVALID)
            fail_msg("%s", rows[i]);
}

static void a_list_is_bounded(void **state)
{
    static char text[CW_NETWORKS_MAX * 20];
    struct cw_networks networks;
    size_t size = 0;
    (void)state;
    for (int i = 0; i < CW_NETWORKS_MAX; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, "10.0.%d.1,", i % 256);
    assert_int_equal(cw_networks_parse(cw_bytes_make(text, size - 1), &networks), CW_OK);
    assert_int_equal(networks.count, CW_NETWORKS_MAX);
    cw_networks_finish(&networks);
    size += (size_t)snprintf(text + size, sizeof(text) - size, "10.1.1.1");
    assert_int_equal(cw_networks_parse(cw_bytes_make(text, size), &networks), CW_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_one_form),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(a_host_has_no_port_and_no_brackets),
        cmocka_unit_test(sockets_have_addresses),
        cmocka_unit_test(networks_have_what_is_in_them),
        cmocka_unit_test(unix_sockets_are_in_a_list_that_says_so),
        cmocka_unit_test(what_is_no_list_of_networks_is_refused),
        cmocka_unit_test(a_list_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
