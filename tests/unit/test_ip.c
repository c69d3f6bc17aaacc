/* test_ip.c - addresses of clients, as limits and bans compare them. */
#include "ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_party_is_an_address_or_a_network(void **state)
{
    (void)state;
    static const struct {
        const char *text, *party; /* NULL: it is none */
    } rows[] = {
        {"127.0.0.1", "127.0.0.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"::ffff:10.0.0.7", "10.0.0.7"},
        {"::ffff:a00:7", "10.0.0.7"},
        {"::1", "::/64"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        {"2001:DB8:1:2::9", "2001:db8:1:2::/64"},
        {"fe80::1%eth0", "fe80::/64"},
        {"", NULL},
        {"unix", NULL},
        {"127.0.0.1:80", NULL},
        {"[::1]", NULL},
        {"127.0.0", NULL},
        {"127.0.0.256", NULL},
        {"1:2:3", NULL},
        {"10.0.0.7 ", NULL},
        {"2001:db8:1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21:22:23:24", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cw_ip ip;
        char text[CW_IP_TEXT_SIZE];
        bool is_one = cw_ip_parse(cw_bytes_text(rows[i].text), &ip);
        if (is_one != (rows[i].party != NULL))
            fail_msg("%s", rows[i].text);
        if (!is_one)
            continue;
        assert_int_equal(cw_ip_write_party(&ip, text), strlen(rows[i].party));
        assert_string_equal(text, rows[i].party);
    }
    struct cw_ip ip;
    assert_false(cw_ip_parse(cw_bytes_make("10.0.0.7\0", 9), &ip));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_party_is_an_address_or_a_network)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
