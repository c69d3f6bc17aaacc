/* test_clock.c - base/clock.c: the frozen clock, the real one, random numbers. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void frozen_clocks_show_what_the_test_says(void **state)
{
    (void)state;
    static const int64_t times_ms[] = {0, 1, 1764064800123};
    for (size_t i = 0; i < sizeof(times_ms) / sizeof(times_ms[0]); i++) {
        cw_clock_freeze(times_ms[i]);
        assert_true(cw_clock_ms() == times_ms[i]);
        assert_true(cw_clock_us() == times_ms[i] * 1000);
        assert_true(cw_clock_wall_ms() == times_ms[i]);
    }
    cw_clock_freeze(-1);
}

static void real_clocks_come_back(void **state)
{
    (void)state;
    cw_clock_freeze(5);
    cw_clock_freeze(-1);
    assert_true(cw_clock_wall_ms() > 1700000000000); /* 2023 */
    assert_true(cw_clock_ms() != 5);

    int64_t before_ms = cw_clock_ms();
    int64_t us = cw_clock_us();
    int64_t after_ms = cw_clock_ms();
    assert_true(before_ms <= us / 1000 && us / 1000 <= after_ms);
}

static void random_bytes_fill_the_whole_and_no_more(void **state)
{
    (void)state;
    /* A byte that stays 0 in 64 draws is not written (or a chance of 1 in 2^512). */
    unsigned char seen[300] = {0};
    unsigned char bytes[302];
    for (int round = 0; round < 64; round++) {
        memset(bytes, 0, sizeof(bytes));
        cw_random_bytes(bytes + 1, 300);
        assert_int_equal(bytes[0], 0);
        assert_int_equal(bytes[301], 0);
        for (size_t i = 0; i < 300; i++)
            seen[i] |= bytes[i + 1];
    }
    for (size_t i = 0; i < 300; i++)
        assert_int_not_equal(seen[i], 0);
    cw_random_bytes(NULL, 0);
}

static void random_numbers_reach_every_value_below_the_bound(void **state)
{
    (void)state;
    for (uint32_t below = 1; below <= 7; below++) {
        unsigned counts[7] = {0};
        for (int i = 0; i < 700; i++) {
            uint32_t number = cw_random_below(below);
            assert_true(number < below);
            counts[number]++;
        }
        for (uint32_t i = 0; i < below; i++)
            assert_true(counts[i] > 0);
    }
    (void)cw_random_below(UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frozen_clocks_show_what_the_test_says),
        cmocka_unit_test(real_clocks_come_back),
        cmocka_unit_test(random_bytes_fill_the_whole_and_no_more),
        cmocka_unit_test(random_numbers_reach_every_value_below_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
