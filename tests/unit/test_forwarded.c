/* test_forwarded.c - protocol/forwarded.c: the walk through X-Forwarded-For. */
#include "protocol/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Proxies: 10.0.0.0/8 and 2001:db8::/32. */
static void expect(const char *peer, const char *values, const char *client, bool is_whole)
{
    struct cw_networks trusted;
    struct cw_address address;
    char written[CW_ADDRESS_TEXT_SIZE];
    bool got_whole = !is_whole;
    assert_int_equal(cw_networks_parse(cw_bytes_text("10.0.0.0/8, 2001:db8::/32"), &trusted),
                     CW_OK);
    assert_true(cw_address_parse(cw_bytes_text(peer), &address));

    size_t size = strlen(values);
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, values, size);
    struct cw_address found =
        cw_forwarded_client(&trusted, &address, cw_bytes_make(copy, size), &got_whole);
    free(copy);
    cw_networks_finish(&trusted);
    (void)cw_address_write(&found, written);
    assert_string_equal(written, client);
    assert_int_equal(got_whole, is_whole);
}

static void nobody_but_a_proxy_is_believed(void **state)
{
    (void)state;
    expect("192.0.2.1:5", "203.0.113.9", "192.0.2.1:5", true);
    expect("192.0.2.1:5", "10.0.0.1", "192.0.2.1:5", true);
    expect("192.0.2.1:5", "nonsense", "192.0.2.1:5", true);
    expect("10.0.0.1:5", "203.0.113.9", "203.0.113.9", true);
    expect("[2001:db8::1]:5", "203.0.113.9", "203.0.113.9", true);
}

static void the_right_most_untrusted_hop_wins(void **state)
{
    (void)state;
    expect("10.0.0.1:5", "1.1.1.1, 203.0.113.9", "203.0.113.9", true);
    expect("10.0.0.1:5", "1.1.1.1, 203.0.113.9, 10.2.2.2", "203.0.113.9", true);
    expect("10.0.0.1:5", "1.1.1.1, 203.0.113.9, 10.2.2.2, 2001:db8::7", "203.0.113.9", true);
    /* What a client made up stands to the left of what the proxies add. */
    expect("10.0.0.1:5", "10.9.9.9, 127.0.0.1, 203.0.113.9", "203.0.113.9", true);
    expect("10.0.0.1:5", "garbage, 203.0.113.9", "203.0.113.9", true);
    /* All of them proxies: the first of them is the client. */
    expect("10.0.0.1:5", "10.3.3.3, 10.2.2.2", "10.3.3.3", true);
    expect("10.0.0.1:5", "", "10.0.0.1:5", true);
}

static void elements_have_ports_brackets_and_blanks(void **state)
{
    (void)state;
    expect("10.0.0.1:5", "203.0.113.9:1234", "203.0.113.9:1234", true);
    expect("10.0.0.1:5", "  203.0.113.9:1234\t", "203.0.113.9:1234", true);
    expect("10.0.0.1:5", "[2001:db9::1]:443,10.0.0.2:80", "[2001:db9::1]:443", true);
    expect("10.0.0.1:5", "2001:db9::1", "2001:db9::1", true);
    expect("10.0.0.1:5", "[2001:db9::1]", "2001:db9::1", true);
    expect("10.0.0.1:5", "::ffff:203.0.113.9", "203.0.113.9", true);
    expect("10.0.0.1:5", "203.0.113.9,, ,", "203.0.113.9", true);
    expect("10.0.0.1:5", ",", "10.0.0.1:5", true);
}

static void what_cannot_be_read_ends_the_walk(void **state)
{
    static const char *const unreadable[] = {"unknown",     "_hidden",       "1.2.3.4.5",
                                             "\"1.2.3.4\"", "[1.2.3.4]",     "1.2.3.4 5.6.7.8",
                                             "for=1.2.3.4", "1.2.3.4:99999", "\x80"};
    char values[128];
    (void)state;
    for (size_t i = 0; i < sizeof(unreadable) / sizeof(unreadable[0]); i++) {
        (void)snprintf(values, sizeof(values), "203.0.113.9, %s, 10.2.2.2", unreadable[i]);
        expect("10.0.0.1:5", values, "10.2.2.2", false);
        expect("10.0.0.1:5", unreadable[i], "10.0.0.1:5", false);
    }
}

/* "203.0.113.9", then `count` times `more`. */
static const char *make_list(const char *more, int count)
{
    static char list[1024];
    size_t size = (size_t)snprintf(list, sizeof(list), "203.0.113.9");
    for (int i = 0; i < count; i++)
        size += (size_t)snprintf(list + size, sizeof(list) - size, "%s", more);
    return list;
}

static void the_walk_is_bounded(void **state)
{
    (void)state;
    expect("10.0.0.1:5", make_list(",10.2.2.2", CW_FORWARDED_HOPS_MAX - 1), "203.0.113.9", true);
    expect("10.0.0.1:5", make_list(",10.2.2.2", CW_FORWARDED_HOPS_MAX), "10.2.2.2", false);
    /* Empty elements count as well. */
    expect("10.0.0.1:5", make_list(",", CW_FORWARDED_HOPS_MAX), "10.0.0.1:5", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_but_a_proxy_is_believed),
        cmocka_unit_test(the_right_most_untrusted_hop_wins),
        cmocka_unit_test(elements_have_ports_brackets_and_blanks),
        cmocka_unit_test(what_cannot_be_read_ends_the_walk),
        cmocka_unit_test(the_walk_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
