/* test_grants.c - channel/grants.c: what lists allow, and the name of a user's group. */
#include "base/clock.h"
#include "channel/grants.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1700000000000)

static struct cw_bytes chat_globs[2], home[1];

/* Not cw_grants_destroy()ed: nothing of it is on the heap. */
static struct cw_grants make(const char *user)
{
    static char name[200];
    chat_globs[0] = cw_bytes_text("chat.*");
    chat_globs[1] = cw_bytes_text("user:*");
    home[0] = cw_bytes_text("home");
    (void)snprintf(name, sizeof(name), "%s", user);
    return (struct cw_grants){.user = name, .type = -1};
}

static bool may_join(const struct cw_grants *grants, const char *group)
{
    return cw_grants_may_join(grants, cw_bytes_text(group));
}

static bool may_publish(const struct cw_grants *grants, const char *group)
{
    return cw_grants_may_publish(grants, cw_bytes_text(group));
}

static bool may_list(const struct cw_grants *grants, const char *group)
{
    return cw_grants_may_list(grants, cw_bytes_text(group));
}

static void without_a_token_all_is_allowed_but_what_is_reserved(void **state)
{
    (void)state;
    assert_true(may_join(NULL, "g") && may_publish(NULL, "g") && may_list(NULL, "g"));
    assert_true(cw_grants_may_send(NULL));
    assert_false(may_join(NULL, "user:a") || may_publish(NULL, "user:a"));
    assert_false(may_list(NULL, "user:a") || cw_grants_own(NULL, cw_bytes_text("user:a")));
}

static void what_is_not_listed_is_not_allowed(void **state)
{
    (void)state;
    struct cw_grants grants = make("alice");
    assert_false(may_join(&grants, "g") || may_publish(&grants, "g") || may_list(&grants, "g"));
    assert_false(cw_grants_may_send(&grants));
    grants.sends = true;
    assert_true(cw_grants_may_send(&grants));
}

static void each_list_is_for_its_own(void **state)
{
    (void)state;
    struct cw_grants grants = make("alice");
    grants.join = (struct cw_grants_list){chat_globs, 2};
    assert_true(may_join(&grants, "chat.1") && may_list(&grants, "chat.1"));
    assert_false(may_publish(&grants, "chat.1") || may_join(&grants, "chat"));
    grants = make("alice");
    grants.publish = (struct cw_grants_list){chat_globs, 2};
    grants.has_publish = true;
    assert_true(may_publish(&grants, "chat.1"));
    assert_false(may_join(&grants, "chat.1") || may_list(&grants, "chat.1"));
}

static void no_glob_reaches_a_users_group(void **state)
{
    (void)state;
    struct cw_grants grants = make("alice");
    grants.join = grants.publish = (struct cw_grants_list){chat_globs, 2};
    assert_false(may_join(&grants, "user:alice") || may_join(&grants, "user:bob"));
    assert_false(may_publish(&grants, "user:alice") || may_publish(&grants, "user:bob"));
    assert_true(may_list(&grants, "user:alice"));
    assert_false(may_list(&grants, "user:bob") || may_list(&grants, "user:alic"));
    assert_false(may_list(&grants, "user:alice2") || may_list(&grants, "user:"));
}

static void names_are_no_globs_and_are_published_to_without_a_list(void **state)
{
    (void)state;
    struct cw_grants grants = make("alice");
    grants.groups = (struct cw_grants_list){home, 1};
    assert_true(may_join(&grants, "home") && may_list(&grants, "home"));
    assert_true(may_publish(&grants, "home"));
    assert_false(may_join(&grants, "homes") || may_publish(&grants, "hom"));
    grants.has_publish = true; /* an empty list */
    assert_true(may_join(&grants, "home"));
    assert_false(may_publish(&grants, "home"));
}

static void assert_group(struct cw_bytes sub, const char *name)
{
    char written[CW_GROUP_NAME_MAX + 1] = "before";
    assert_int_equal(cw_user_group_write(sub, written), name != NULL);
    assert_string_equal(written, name != NULL ? name : "before");
}

static void a_users_group_has_a_valid_name(void **state)
{
    (void)state;
    char sub[CW_GROUP_NAME_MAX], name[CW_GROUP_NAME_MAX + 1];
    assert_group(cw_bytes_text("alice"), "user:alice");
    assert_group(cw_bytes_text("a.B_c:d@e/f-9"), "user:a.B_c:d@e/f-9");
    assert_group(cw_bytes_text("a b"), "user:a=20b");
    assert_group(cw_bytes_text("a=20b"), "user:a=3D20b");
    assert_group(cw_bytes_text("\xc3\xa4\x7f\x01"), "user:=C3=A4=7F=01");
    assert_group(cw_bytes_make("\0", 1), "user:=00");
    assert_group(cw_bytes_text(""), NULL);

    memset(sub, 'a', sizeof(sub));
    (void)snprintf(name, sizeof(name), "user:%.*s", 123, sub);
    assert_group(cw_bytes_make(sub, 123), name);
    assert_group(cw_bytes_make(sub, 124), NULL);
    sub[120] = ' ';
    (void)snprintf(name, sizeof(name), "user:%.*s=20", 120, sub);
    assert_group(cw_bytes_make(sub, 121), name);
    assert_group(cw_bytes_make(sub, 122), NULL);
}

static void a_connection_ends_with_its_token_or_with_the_tolerance(void **state)
{
    (void)state;
    struct cw_grants grants = make("alice");
    cw_clock_freeze(NOW_MS);
    assert_int_equal(cw_grants_end_ms(NULL), 0);
    assert_int_equal(cw_grants_end_ms(&grants), 0);
    grants.expires_at_ms = NOW_MS + 1;
    assert_int_equal(cw_grants_end_ms(&grants), NOW_MS + 1);
    grants.expires_at_ms = NOW_MS;
    assert_int_equal(cw_grants_end_ms(&grants), NOW_MS + CW_GRANTS_SKEW_MS);
    grants.expires_at_ms = NOW_MS - CW_GRANTS_SKEW_MS + 1;
    assert_int_equal(cw_grants_end_ms(&grants), NOW_MS + 1);
    cw_clock_freeze(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_token_all_is_allowed_but_what_is_reserved),
        cmocka_unit_test(what_is_not_listed_is_not_allowed),
        cmocka_unit_test(each_list_is_for_its_own),
        cmocka_unit_test(no_glob_reaches_a_users_group),
        cmocka_unit_test(names_are_no_globs_and_are_published_to_without_a_list),
        cmocka_unit_test(a_users_group_has_a_valid_name),
        cmocka_unit_test(a_connection_ends_with_its_token_or_with_the_tolerance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
