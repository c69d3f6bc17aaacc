/* test_error.c - error.c: the rows and what is no row. */
#include <chanway/error.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void every_row_has_its_text_and_code(void **state)
{
    (void)state;
#define CHECK(name, value, code, temporary, text)                                                  \
    assert_string_equal(cw_error_text(CW_ERR_##name), text);                                       \
    assert_string_equal(cw_error_code(CW_ERR_##name), code);                                       \
    assert_int_equal(cw_error_is_temporary(CW_ERR_##name), temporary);                             \
    assert_true(CW_ERR_##name < 0);
    CW_ERRORS(CHECK)
#undef CHECK
}

static void ok_is_no_error(void **state)
{
    (void)state;
    assert_string_equal(cw_error_text(CW_OK), "ok");
    assert_string_equal(cw_error_code(CW_OK), "internal");
    assert_false(cw_error_is_temporary(CW_OK));
}

static void unknown_numbers_are_told_as_such(void **state)
{
    (void)state;
    static const int unknown[] = {1, 4005, -19, -1000, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_string_equal(cw_error_text(unknown[i]), "unknown error");
        assert_string_equal(cw_error_code(unknown[i]), "internal");
        assert_false(cw_error_is_temporary(unknown[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_its_text_and_code),
        cmocka_unit_test(ok_is_no_error),
        cmocka_unit_test(unknown_numbers_are_told_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
