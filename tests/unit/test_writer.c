/* test_writer.c - base/writer.c: growth, the sticky error, numbers and formats. */
#include "base/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_written(const struct cw_writer *writer, const char *text)
{
    assert_false(writer->has_failed);
    assert_true(cw_bytes_is(cw_writer_view(writer), text));
}

static void pieces_are_joined_in_order(void **state)
{
    (void)state;
    struct cw_writer writer;
    cw_writer_init(&writer);
    assert_int_equal(cw_writer_view(&writer).size, 0);
    cw_writer_text(&writer, "{\"n\":");
    cw_writer_u64(&writer, 42);
    cw_writer_byte(&writer, ',');
    cw_writer_bytes(&writer, cw_bytes_make("\"x\"...", 3));
    cw_writer_bytes(&writer, cw_bytes_make(NULL, 0));
    cw_writer_text(&writer, "");
    cw_writer_printf(&writer, ":%s%d}", "v", -7);
    assert_written(&writer, "{\"n\":42,\"x\":v-7}");
    cw_writer_finish(&writer);
    assert_null(writer.data);
}

static void content_survives_growth(void **state)
{
    (void)state;
    struct cw_writer writer;
    cw_writer_init(&writer);
    for (unsigned i = 0; i < 100000; i++)
        cw_writer_byte(&writer, (char)(i % 101));
    assert_false(writer.has_failed);
    assert_int_equal(writer.size, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(writer.data[i], i % 101);
    cw_writer_finish(&writer);
}

static void numbers_are_decimal_up_to_the_largest(void **state)
{
    (void)state;
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_writer_u64(&writer, 0);
    cw_writer_byte(&writer, ' ');
    cw_writer_u64(&writer, 10);
    cw_writer_byte(&writer, ' ');
    cw_writer_u64(&writer, UINT64_MAX);
    assert_written(&writer, "0 10 18446744073709551615");
    cw_writer_finish(&writer);
}

static void formats_fit_at_every_distance_from_the_end(void **state)
{
    (void)state;
    /* The room that is left goes from more than the text to nothing, past the exact fit. */
    static const char text[] = "0123456789";
    for (size_t left = 0; left <= 14; left++) {
        struct cw_writer writer;
        cw_writer_init(&writer);
        assert_non_null(cw_writer_reserve(&writer, 1));
        while (writer.capacity - writer.size > left)
            cw_writer_byte(&writer, '.');
        size_t before = writer.size;
        cw_writer_printf(&writer, "%s", text);
        assert_false(writer.has_failed);
        assert_int_equal(writer.size, before + 10);
        assert_memory_equal(writer.data + before, text, 10);
        assert_int_equal(writer.data[before - 1], '.');
        cw_writer_finish(&writer);
    }
}

static void reserved_room_counts_once_it_is_advanced(void **state)
{
    (void)state;
    struct cw_writer writer;
    cw_writer_init(&writer);
    char *to = cw_writer_reserve(&writer, 5000);
    assert_non_null(to);
    memset(to, 'r', 5000);
    assert_int_equal(writer.size, 0);
    cw_writer_advance(&writer, 3);
    assert_written(&writer, "rrr");
    assert_non_null(cw_writer_reserve(&writer, 0));
    cw_writer_finish(&writer);
}

static void error_sticks_until_reset_which_keeps_the_memory(void **state)
{
    (void)state;
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_writer_text(&writer, "before");
    assert_null(cw_writer_reserve(&writer, SIZE_MAX / 2 - 5));
    assert_true(writer.has_failed);

    cw_writer_text(&writer, "after");
    cw_writer_byte(&writer, 'x');
    cw_writer_u64(&writer, 1);
    cw_writer_printf(&writer, "%d", 1);
    assert_null(cw_writer_reserve(&writer, 1));
    assert_true(writer.has_failed);
    assert_true(cw_bytes_is(cw_writer_view(&writer), "before"));

    const char *data = writer.data;
    cw_writer_reset(&writer);
    cw_writer_text(&writer, "again");
    assert_written(&writer, "again");
    assert_ptr_equal(writer.data, data);
    cw_writer_finish(&writer);
}

static void sizes_that_would_wrap_are_an_error(void **state)
{
    (void)state;
    struct cw_writer writer;
    cw_writer_init(&writer);
    assert_null(cw_writer_reserve(&writer, SIZE_MAX));
    assert_true(writer.has_failed);
    cw_writer_reset(&writer);
    assert_null(cw_writer_reserve(&writer, SIZE_MAX / 2 + 1));
    assert_true(writer.has_failed);
    assert_null(writer.data);
    cw_writer_finish(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_joined_in_order),
        cmocka_unit_test(content_survives_growth),
        cmocka_unit_test(numbers_are_decimal_up_to_the_largest),
        cmocka_unit_test(formats_fit_at_every_distance_from_the_end),
        cmocka_unit_test(reserved_room_counts_once_it_is_advanced),
        cmocka_unit_test(error_sticks_until_reset_which_keeps_the_memory),
        cmocka_unit_test(sizes_that_would_wrap_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
