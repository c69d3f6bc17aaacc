/* test_buf.c - base/buf.c: sizes and references. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void copy_holds_the_bytes_and_one_reference(void **state)
{
    (void)state;
    char bytes[] = "a\0b";
    struct cw_buf *buf = cw_buf_copy(cw_bytes_make(bytes, 3));
    assert_non_null(buf);
    bytes[0] = 'x';
    assert_int_equal(buf->refs, 1);
    assert_int_equal(buf->size, 3);
    assert_memory_equal(buf->data, "a\0b", 3);
    assert_true(cw_buf_bytes(buf).data == buf->data);
    assert_int_equal(cw_buf_bytes(buf).size, 3);
    assert_null(cw_buf_unref(buf));
}

static void empty_copy_is_a_buffer_of_no_bytes(void **state)
{
    (void)state;
    struct cw_buf *buf = cw_buf_copy(cw_bytes_make(NULL, 0));
    assert_non_null(buf);
    assert_int_equal(buf->size, 0);
    assert_null(cw_buf_unref(buf));
}

static void bytes_live_until_the_last_reference_goes(void **state)
{
    (void)state;
    struct cw_buf *buf = cw_buf_copy(cw_bytes_text("frame"));
    assert_non_null(buf);
    for (int i = 0; i < 1000; i++)
        assert_ptr_equal(cw_buf_ref(buf), buf);
    assert_int_equal(buf->refs, 1001);
    for (int i = 0; i < 1000; i++)
        assert_null(cw_buf_unref(buf));
    assert_int_equal(buf->refs, 1);
    assert_true(cw_bytes_is(cw_buf_bytes(buf), "frame"));
    assert_null(cw_buf_unref(buf)); /* a sanitizer would tell of a leak or a second free */
}

static void unref_takes_null(void **state)
{
    (void)state;
    assert_null(cw_buf_unref(NULL));
}

static void size_is_bounded(void **state)
{
    (void)state;
    /* The largest one is never touched, so it costs no memory; it may not be had even so. */
    struct cw_buf *largest = cw_buf_create(UINT32_MAX);
    if (largest != NULL)
        assert_int_equal(largest->size, UINT32_MAX);
    assert_null(cw_buf_unref(largest));
    assert_null(cw_buf_create((size_t)UINT32_MAX + 1));
    assert_null(cw_buf_create(SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_holds_the_bytes_and_one_reference),
        cmocka_unit_test(empty_copy_is_a_buffer_of_no_bytes),
        cmocka_unit_test(bytes_live_until_the_last_reference_goes),
        cmocka_unit_test(unref_takes_null),
        cmocka_unit_test(size_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
