/* test_json_number.c - numbers by their text: order, integers, counts. */
#include "protocol/json_number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cw_json_number number_of(const char *text)
{
    return cw_json_number_of(cw_bytes_text(text));
}

/* Each is as large as the others of its line, and smaller than those of the next. */
static const char *const ascending[][6] = {
    {"-1e99999999999999999999", "-1e1000000000000000"},
    {"-1e400", "-10e399", "-0.1E401"},
    {"-18446744073709551616"},
    {"-18446744073709551615.00000000000000000000001"},
    {"-18446744073709551615", "-18446744073709551615.0", "-1844674407370955161.5e1"},
    {"-12.5", "-125e-1"},
    {"-12", "-12.0", "-1.2e1", "-0.12E2", "-1200e-2"},
    {"-1e-400"},
    {"0", "-0", "0.0", "-0.00e7", "0e400", "0E-9"},
    {"1e-99999999999999999999", "1e-1000000000000000"},
    {"1e-400", "0.1e-399"},
    {"0.1", "1e-1", "0.10", "100e-3"},
    {"0.1000000000000000000000000000000001"},
    {"0.11"},
    {"1", "1.0", "1e0", "10e-1", "0.01e2"},
    {"9"},
    {"10", "1e1", "1E+1"},
    {"10.01"},
    {"9007199254740992"},
    {"9007199254740993", "9007199254740993.0", "9.007199254740993e15"},
    {"9223372036854775807"},
    {"9223372036854775808"},
    {"1e400", "10e399"},
    {"1e401", "100e399"},
    {"1e1000000000000000", "1e99999999999999999999"},
};
#define LINES (sizeof(ascending) / sizeof(ascending[0]))

static void numbers_are_compared_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < LINES; i++) {
        for (size_t j = 0; j < LINES; j++) {
            for (size_t m = 0; m < 6 && ascending[i][m] != NULL; m++) {
                for (size_t n = 0; n < 6 && ascending[j][n] != NULL; n++) {
                    struct cw_json_number a = number_of(ascending[i][m]);
                    struct cw_json_number b = number_of(ascending[j][n]);
                    int order = cw_json_number_compare(&a, &b);
                    if ((order < 0) != (i < j) || (order > 0) != (i > j))
                        fail_msg("%s and %s: %d", ascending[i][m], ascending[j][n], order);
                }
            }
        }
    }
}

static void integers_have_no_fraction_however_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_integer;
    } rows[] = {
        {"0", true},
        {"-0.0", true},
        {"1", true},
        {"1.0", true},
        {"-7.000", true},
        {"1e400", true},
        {"1.5e1", true},
        {"15e-1", false},
        {"150e-1", true},
        {"0.5", false},
        {"1e-1", false},
        {"1.00000000000000000000001", false},
        {"9007199254740993", true},
        {"1e-99999999999999999999", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cw_json_number number = number_of(rows[i].text);
        if (cw_json_number_is_integer(&number) != rows[i].is_integer)
            fail_msg("%s", rows[i].text);
    }
}

static void counts_are_integers_from_zero(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_count;
        uint64_t count;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"2.0", true, 2},
        {"1e3", true, 1000},
        {"1020", true, 1020},
        {"102.0e1", true, 1020},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", true, UINT64_MAX},
        {"1e99999999999999999999", true, UINT64_MAX},
        {"-1", false, 0},
        {"1.5", false, 0},
        {"1e-1", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cw_json_number number = number_of(rows[i].text);
        uint64_t count = 0;
        if (cw_json_number_to_count(&number, &count) != rows[i].is_count || count != rows[i].count)
            fail_msg("%s: %llu", rows[i].text, (unsigned long long)count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_compared_exactly),
        cmocka_unit_test(integers_have_no_fraction_however_they_are_written),
        cmocka_unit_test(counts_are_integers_from_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
