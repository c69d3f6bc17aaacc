/* test_drain.c - clients are told to go evenly, whatever the turns and whoever goes by himself. */
#include "drain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_MS 5000
#define TIME_MS  30000
#define SECONDS  (TIME_MS / 1000)

/* Drains `clients` by turns of `turn_ms`; how many were told in each second. */
static void drain_all(size_t clients, int64_t turn_ms, size_t ret_told[SECONDS + 1])
{
    struct cw_drain drain;
    cw_drain_init(&drain, START_MS, TIME_MS);
    for (int i = 0; i <= SECONDS; i++)
        ret_told[i] = 0;
    for (int64_t ms = 0; ms <= TIME_MS; ms += turn_ms) {
        size_t due = cw_drain_due(&drain, clients, START_MS + ms);
        assert_true(due <= clients);
        ret_told[ms / 1000] += due;
        clients -= due;
    }
    assert_int_equal(clients, 0);
}

static void it_is_quiet_first_and_even_then(void **state)
{
    static const int64_t turns_ms[] = {1, 8, 100, 250};
    size_t told[SECONDS + 1];
    (void)state;
    for (size_t turn = 0; turn < sizeof(turns_ms) / sizeof(turns_ms[0]); turn++) {
        drain_all(28000, turns_ms[turn], told);
        assert_int_equal(told[0] + told[1], 0);
        for (int i = 2; i < SECONDS; i++)
            assert_in_range(told[i], 1000 - turns_ms[turn] - 2, 1000 + turns_ms[turn] + 2);
        assert_in_range(told[SECONDS], 0, turns_ms[turn] + 2);
    }
}

static void few_are_as_far_apart_as_may_be(void **state)
{
    size_t told[SECONDS + 1];
    (void)state;
    drain_all(6, 100, told);
    for (int i = 0; i <= SECONDS; i++)
        assert_int_equal(told[i], i > 2 && (i - 2) % 4 == 0 && i < SECONDS ? 1 : 0);
}

static void those_that_go_by_themselves_make_it_slower(void **state)
{
    struct cw_drain drain;
    size_t left = 28000, due = 0;
    (void)state;
    cw_drain_init(&drain, START_MS, TIME_MS);
    for (int64_t ms = 0; ms <= 16000; ms += 100)
        left -= cw_drain_due(&drain, left, START_MS + ms);
    assert_in_range(left, 13990, 14010);
    left = 1400; /* the others are gone */
    for (int64_t ms = 16100; ms <= 17100; ms += 100)
        due += cw_drain_due(&drain, left - due, START_MS + ms);
    assert_in_range(due, 90, 120);
    assert_int_equal(cw_drain_due(&drain, left - due, START_MS + TIME_MS), left - due);
}

static void a_long_turn_is_made_up_for(void **state)
{
    struct cw_drain drain;
    (void)state;
    cw_drain_init(&drain, START_MS, TIME_MS);
    assert_in_range(cw_drain_due(&drain, 28000, START_MS + 16000), 13990, 14010);
    assert_int_equal(cw_drain_due(&drain, 14000, START_MS + 16000), 0);
}

static void a_short_time_is_quiet_for_a_tenth(void **state)
{
    struct cw_drain drain;
    (void)state;
    cw_drain_init(&drain, START_MS, 1000);
    assert_int_equal(cw_drain_due(&drain, 900, START_MS + 100), 0);
    assert_in_range(cw_drain_due(&drain, 900, START_MS + 200), 99, 101);
    assert_int_equal(cw_drain_due(&drain, 0, START_MS + 500), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_quiet_first_and_even_then),
        cmocka_unit_test(few_are_as_far_apart_as_may_be),
        cmocka_unit_test(those_that_go_by_themselves_make_it_slower),
        cmocka_unit_test(a_long_turn_is_made_up_for),
        cmocka_unit_test(a_short_time_is_quiet_for_a_tenth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
