/* test_slots.c - slots.c: the slot of a key, as Redis answers CLUSTER KEYSLOT. */

#include "slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void as_redis_says(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint16_t slot;
    } rows[] = {
        {"123456789", 12739}, /* 0x31c3: the check value of the specification */
        {"", 0},
        {"foo", 12182},
        {"cw:nodes", 6062},
        {"cw:bans", 4661},
        {"cw:{events}", 9102},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(cw_slot_of(cw_bytes_text(rows[i].key)), rows[i].slot);
}

static void only_the_first_tag_counts(void **state)
{
    (void)state;
    uint16_t tag = cw_slot_of(cw_bytes_text("g:chat"));
    assert_int_equal(cw_slot_of(cw_bytes_text("cw:{g:chat}")), tag);
    assert_int_equal(cw_slot_of(cw_bytes_text("cw:{g:chat}:h")), tag);
    assert_int_equal(cw_slot_of(cw_bytes_text("{g:chat}{g:other}")), tag);
    assert_int_not_equal(cw_slot_of(cw_bytes_text("cw:{g:chat")), tag);
    /* An empty tag is none. */
    assert_int_not_equal(cw_slot_of(cw_bytes_text("{}g:chat")), cw_slot_of(cw_bytes_text("")));
    assert_int_equal(cw_slot_of(cw_bytes_text("{{foo}}")), cw_slot_of(cw_bytes_text("{foo")));
    assert_int_equal(cw_slot_of(cw_bytes_make("a{", 2)), cw_slot_of(cw_bytes_make("a{", 2)));
}

static void refusals_for_the_slot(void **state)
{
    (void)state;
    assert_true(cw_slots_refused("MOVED 3999 127.0.0.1:6381"));
    assert_true(cw_slots_refused("ASK 3999 127.0.0.1:6381"));
    assert_true(cw_slots_refused("TRYAGAIN the slot is being moved"));
    assert_true(cw_slots_refused("CLUSTERDOWN Hash slot not served"));
    assert_false(cw_slots_refused("MOVEDX"));
    assert_false(cw_slots_refused("READONLY You can't write"));
    assert_false(cw_slots_refused(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_redis_says),
        cmocka_unit_test(only_the_first_tag_counts),
        cmocka_unit_test(refusals_for_the_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
