/* test_bucket.c - a token bucket: exact to the millisecond, and who abuses it. */
#include "channel/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_MS 5000

static void it_holds_its_count_and_fills_evenly(void **state)
{
    (void)state;
    const struct cw_bucket_rate rate = {3, 1000};
    struct cw_bucket bucket = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(cw_bucket_take(&bucket, rate, START_MS), 0);
    assert_int_equal(cw_bucket_take(&bucket, rate, START_MS), 334);
    assert_int_equal(cw_bucket_take(&bucket, rate, START_MS + 333), 1);
    assert_int_equal(cw_bucket_take(&bucket, rate, START_MS + 334), 0);
    assert_int_equal(cw_bucket_take(&bucket, rate, START_MS + 334), 333);
    assert_int_equal(cw_bucket_take(&bucket, rate, START_MS + 667), 0);
    assert_int_equal(cw_bucket_take(&bucket, rate, START_MS + 1000), 0);
    assert_int_equal(cw_bucket_full_in_ms(&bucket, rate), 1000);
}

static void it_never_holds_more_than_its_count(void **state)
{
    (void)state;
    const struct cw_bucket_rate rate = {2, 100};
    struct cw_bucket bucket = {0};
    assert_int_equal(cw_bucket_take(&bucket, rate, START_MS), 0);
    int64_t now_ms = START_MS + INT64_C(1000000000);
    assert_int_equal(cw_bucket_take(&bucket, rate, now_ms), 0);
    assert_int_equal(cw_bucket_take(&bucket, rate, now_ms), 0);
    assert_int_equal(cw_bucket_take(&bucket, rate, now_ms), 50);
    assert_int_equal(cw_bucket_take(&bucket, rate, now_ms + 50), 0);
}

/* What comes in the long run is the rate, whatever the steps. */
static void the_long_run_is_the_rate(void **state)
{
    (void)state;
    const struct cw_bucket_rate rate = {7, 1000};
    struct cw_bucket bucket = {0};
    int taken = 0;
    for (int64_t ms = 0; ms <= 100000; ms += 3)
        taken += cw_bucket_take(&bucket, rate, START_MS + ms) == 0;
    assert_in_range(taken, 7 + 699, 7 + 700);
}

static void the_largest_rate_there_is_fits(void **state)
{
    (void)state;
    const struct cw_bucket_rate rate = {1000000, INT64_C(86400000)};
    struct cw_bucket bucket = {0};
    for (int i = 0; i < 1000000; i++)
        assert_int_equal(cw_bucket_take(&bucket, rate, START_MS), 0);
    assert_int_equal(cw_bucket_take(&bucket, rate, START_MS), 87);
    assert_int_equal(cw_bucket_full_in_ms(&bucket, rate), 86400000);
}

static void another_rate_cuts_what_there_is(void **state)
{
    (void)state;
    struct cw_bucket bucket = {0};
    assert_int_equal(cw_bucket_take(&bucket, (struct cw_bucket_rate){100, 1000}, START_MS), 0);
    const struct cw_bucket_rate less = {2, 1000};
    assert_int_equal(cw_bucket_take(&bucket, less, START_MS), 0);
    assert_int_equal(cw_bucket_take(&bucket, less, START_MS), 0);
    assert_int_equal(cw_bucket_take(&bucket, less, START_MS), 500);
}

static void abuse_is_more_refusals_than_the_bucket_holds(void **state)
{
    (void)state;
    const struct cw_bucket_rate rate = {2, 1000};
    struct cw_bucket bucket = {0};
    assert_false(cw_bucket_is_abused(&bucket, rate, START_MS));
    assert_false(cw_bucket_is_abused(&bucket, rate, START_MS + 999));
    assert_false(cw_bucket_is_abused(&bucket, rate, START_MS + 1000)); /* another window */
    assert_false(cw_bucket_is_abused(&bucket, rate, START_MS + 1000));
    assert_true(cw_bucket_is_abused(&bucket, rate, START_MS + 1999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_its_count_and_fills_evenly),
        cmocka_unit_test(it_never_holds_more_than_its_count),
        cmocka_unit_test(the_long_run_is_the_rate),
        cmocka_unit_test(the_largest_rate_there_is_fits),
        cmocka_unit_test(another_rate_cuts_what_there_is),
        cmocka_unit_test(abuse_is_more_refusals_than_the_bucket_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
