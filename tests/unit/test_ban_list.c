/* test_ban_list.c - who is banned, by user, address and channel. */
#include "ban_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define UUID "018f3a5e-7c1b-7d2e-9a40-5f6e7d8c9b0a"

static int set(struct cw_ban_list *list, const char *subject, const char *reason, int64_t until_ms)
{
    return cw_ban_list_set(list, cw_bytes_text(subject), cw_bytes_text(reason), until_ms);
}

static const char *of_ip(const struct cw_ban_list *list, const char *address, int64_t now_ms)
{
    struct cw_ip ip;
    assert_true(cw_ip_parse(cw_bytes_text(address), &ip));
    const struct cw_ban *ban = cw_ban_list_find_ip(list, &ip, now_ms);
    return ban == NULL ? "" : ban->reason;
}

static bool has(const struct cw_ban_list *list, const char *subject, int64_t now_ms)
{
    return cw_ban_list_find(list, cw_bytes_text(subject), now_ms) != NULL;
}

static void users_and_channels_are_found_until_they_end(void **state)
{
    (void)state;
    struct cw_ban_list list;
    cw_ban_list_init(&list);
    assert_int_equal(set(&list, "user:ann", "why", 1000), CW_OK);
    assert_int_equal(set(&list, "channel:" UUID, "", 2000), CW_OK);
    assert_true(has(&list, "user:ann", 999));
    assert_false(has(&list, "user:ann", 1000));
    assert_true(has(&list, "channel:" UUID, 1000));
    assert_false(has(&list, "user:anna", 0));
    assert_false(has(&list, "user:an", 0));
    assert_int_equal(set(&list, "user:ann", "again", 3000), CW_OK);
    assert_int_equal(list.bans.count, 2);
    assert_string_equal(cw_ban_list_find(&list, cw_bytes_text("user:ann"), 2500)->reason, "again");
    cw_ban_list_purge(&list, 2000);
    assert_int_equal(list.bans.count, 1);
    cw_ban_list_lift(&list, cw_bytes_text("user:ann"));
    cw_ban_list_lift(&list, cw_bytes_text("user:ann"));
    cw_ban_list_lift(&list, cw_bytes_text("nonsense"));
    assert_int_equal(list.bans.count, 0);
    cw_ban_list_finish(&list);
}

static void the_smallest_network_that_holds_counts(void **state)
{
    (void)state;
    struct cw_ban_list list;
    cw_ban_list_init(&list);
    assert_int_equal(set(&list, "address:10.0.0.7", "one", 1000), CW_OK);
    assert_int_equal(set(&list, "address:10.0.0.0/8", "many", 2000), CW_OK);
    assert_int_equal(set(&list, "address:2001:db8::/32", "six", 2000), CW_OK);
    assert_string_equal(of_ip(&list, "10.0.0.7", 0), "one");
    assert_string_equal(of_ip(&list, "::ffff:10.0.0.7", 0), "one");
    assert_string_equal(of_ip(&list, "10.0.0.7", 1500), "many");
    assert_string_equal(of_ip(&list, "10.255.255.255", 0), "many");
    assert_string_equal(of_ip(&list, "11.0.0.0", 0), "");
    assert_string_equal(of_ip(&list, "9.255.255.255", 0), "");
    assert_string_equal(of_ip(&list, "2001:db8:ffff::1", 0), "six");
    assert_string_equal(of_ip(&list, "2001:db9::1", 0), "");
    cw_ban_list_lift(&list, cw_bytes_text("address:10.0.0.0/8"));
    assert_string_equal(of_ip(&list, "10.0.0.8", 0), "");
    assert_int_equal(set(&list, "address:::/0", "all", 2000), CW_OK);
    assert_string_equal(of_ip(&list, "1.2.3.4", 0), "all");
    cw_ban_list_finish(&list);
    assert_string_equal(of_ip(&list, "1.2.3.4", 0), "");
    cw_ban_list_finish(&list);
}

static void what_is_no_ban_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "user",
                                        "user:",
                                        "user:a b",
                                        "user:a\x80",
                                        "group:a",
                                        "channel:",
                                        "channel:x",
                                        "channel:" UUID "0",
                                        "address:",
                                        "address:x",
                                        "address:10.0.0.7/33",
                                        "address:::/129",
                                        "address:10.0.0.7/",
                                        "address:10.0.0.7/08",
                                        "address:10.0.0.7/+8",
                                        "address:/8",
                                        "address:10.0.0.7/8/8"};
    char reason[CW_BAN_REASON_MAX + 2];
    struct cw_ban_list list;
    cw_ban_list_init(&list);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (set(&list, wrong[i], "", 1000) != CW_ERR_INVALID)
            fail_msg("%s", wrong[i]);
    memset(reason, 'x', sizeof(reason));
    reason[CW_BAN_REASON_MAX + 1] = '\0';
    assert_int_equal(set(&list, "user:ann", reason, 1000), CW_ERR_INVALID);
    reason[CW_BAN_REASON_MAX] = '\0';
    assert_int_equal(set(&list, "user:ann", reason, 1000), CW_OK);
    cw_ban_list_finish(&list);
}

static void as_many_as_there_may_be(void **state)
{
    (void)state;
    char subject[32];
    struct cw_ban_list list;
    cw_ban_list_init(&list);
    for (int i = 0; i < CW_BANS_MAX; i++) {
        (void)snprintf(subject, sizeof(subject), "user:%d", i);
        assert_int_equal(set(&list, subject, "", 1000), CW_OK);
    }
    assert_int_equal(set(&list, "user:one-more", "", 1000), CW_ERR_FULL);
    assert_int_equal(set(&list, "user:0", "again", 1000), CW_OK);
    assert_int_equal(list.bans.count, CW_BANS_MAX);
    cw_ban_list_purge(&list, 1000);
    assert_int_equal(set(&list, "user:one-more", "", 2000), CW_OK);
    cw_ban_list_finish(&list);
}

static void lines_are_read_and_written(void **state)
{
    (void)state;
    struct cw_ban_list list;
    struct cw_ban_list other;
    struct cw_writer writer;
    cw_ban_list_init(&list);
    cw_ban_list_init(&other);
    cw_writer_init(&writer);
    assert_int_equal(cw_ban_list_read(&list,
                                      cw_bytes_text("1000 user:ann why not\n500 user:bob \n"
                                                    "1 address:10.0.0.0/8 x\n"),
                                      100),
                     CW_OK);
    assert_int_equal(list.bans.count, 3);
    const struct cw_ban *ann = cw_ban_list_find(&list, cw_bytes_text("user:ann"), 100);
    assert_string_equal(ann->reason, "why not");
    assert_int_equal(ann->until_ms, 1100);
    cw_ban_list_write(&list, 400, &writer);
    assert_int_equal(cw_ban_list_read(&other, cw_writer_view(&writer), 0), CW_OK);
    assert_int_equal(other.bans.count, 2); /* one has ended */
    assert_int_equal(cw_ban_list_find(&other, cw_bytes_text("user:bob"), 0)->until_ms, 200);
    assert_int_equal(cw_ban_list_read(&other, cw_bytes_make(NULL, 0), 0), CW_OK);

    static const char *const wrong[] = {"x user:c y\n",
                                        "1 user:c\n",
                                        "1\n",
                                        "\n",
                                        " \n",
                                        "1 user:c y",
                                        "-1 user:c y\n",
                                        "1 nobody y\n",
                                        "1234567890123456 user:c y\n"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(cw_ban_list_read(&other, cw_bytes_text(wrong[i]), 0), CW_ERR_INVALID);
        assert_false(has(&other, "user:c", 0));
    }
    /* What can be read is there all the same. */
    assert_int_equal(cw_ban_list_read(&other, cw_bytes_text("1 x y\n9 user:c \n"), 0),
                     CW_ERR_INVALID);
    assert_true(has(&other, "user:c", 0));
    cw_writer_finish(&writer);
    cw_ban_list_finish(&list);
    cw_ban_list_finish(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_and_channels_are_found_until_they_end),
        cmocka_unit_test(the_smallest_network_that_holds_counts),
        cmocka_unit_test(what_is_no_ban_is_refused),
        cmocka_unit_test(as_many_as_there_may_be),
        cmocka_unit_test(lines_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
