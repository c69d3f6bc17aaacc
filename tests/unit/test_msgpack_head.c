/*
 * test_msgpack_head.c - each of MessagePack's formats at its bounds, whole and cut.
 */
#include "base/msgpack_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* In memory of exactly its size, so that a sanitizer sees a step beyond it. */
static bool read_head(const char *bytes, size_t size, struct cw_msgpack_head *ret_head)
{
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    bool is_there = cw_msgpack_head_read(cw_bytes_make(copy, size), ret_head);
    free(copy);
    return is_there;
}

struct row {
    const char *head;
    size_t head_size;
    enum cw_msgpack_type type;
    uint64_t length;   /* bytes that follow the head */
    uint64_t children; /* objects that follow */
};

#define HEAD(bytes) bytes, sizeof(bytes) - 1

static const struct row rows[] = {
    {HEAD("\x00"), CW_MSGPACK_SCALAR, 0, 0},
    {HEAD("\x7f"), CW_MSGPACK_SCALAR, 0, 0},
    {HEAD("\xe0"), CW_MSGPACK_SCALAR, 0, 0},
    {HEAD("\xff"), CW_MSGPACK_SCALAR, 0, 0},
    {HEAD("\x80"), CW_MSGPACK_MAP, 0, 0},
    {HEAD("\x8f"), CW_MSGPACK_MAP, 0, 30},
    {HEAD("\x90"), CW_MSGPACK_ARRAY, 0, 0},
    {HEAD("\x9f"), CW_MSGPACK_ARRAY, 0, 15},
    {HEAD("\xa0"), CW_MSGPACK_STR, 0, 0},
    {HEAD("\xbf"), CW_MSGPACK_STR, 31, 0},
    {HEAD("\xc0"), CW_MSGPACK_SCALAR, 0, 0},
    {HEAD("\xc2"), CW_MSGPACK_SCALAR, 0, 0},
    {HEAD("\xc3"), CW_MSGPACK_SCALAR, 0, 0},
    {HEAD("\xc4\x00"), CW_MSGPACK_BIN, 0, 0},
    {HEAD("\xc4\xff"), CW_MSGPACK_BIN, 255, 0},
    {HEAD("\xc5\x01\x02"), CW_MSGPACK_BIN, 0x102, 0},
    {HEAD("\xc6\x00\x01\x02\x03"), CW_MSGPACK_BIN, 0x10203, 0},
    {HEAD("\xc7\x00\x05"), CW_MSGPACK_EXT, 0, 0},
    {HEAD("\xc7\xff\x05"), CW_MSGPACK_EXT, 255, 0},
    {HEAD("\xc8\x01\x02\x05"), CW_MSGPACK_EXT, 0x102, 0},
    {HEAD("\xc9\x00\x01\x02\x03\x05"), CW_MSGPACK_EXT, 0x10203, 0},
    {HEAD("\xca"), CW_MSGPACK_SCALAR, 4, 0},
    {HEAD("\xcb"), CW_MSGPACK_SCALAR, 8, 0},
    {HEAD("\xcc"), CW_MSGPACK_SCALAR, 1, 0},
    {HEAD("\xcd"), CW_MSGPACK_SCALAR, 2, 0},
    {HEAD("\xce"), CW_MSGPACK_SCALAR, 4, 0},
    {HEAD("\xcf"), CW_MSGPACK_SCALAR, 8, 0},
    {HEAD("\xd0"), CW_MSGPACK_SCALAR, 1, 0},
    {HEAD("\xd1"), CW_MSGPACK_SCALAR, 2, 0},
    {HEAD("\xd2"), CW_MSGPACK_SCALAR, 4, 0},
    {HEAD("\xd3"), CW_MSGPACK_SCALAR, 8, 0},
    {HEAD("\xd4"), CW_MSGPACK_EXT, 2, 0},
    {HEAD("\xd5"), CW_MSGPACK_EXT, 3, 0},
    {HEAD("\xd6"), CW_MSGPACK_EXT, 5, 0},
    {HEAD("\xd7"), CW_MSGPACK_EXT, 9, 0},
    {HEAD("\xd8"), CW_MSGPACK_EXT, 17, 0},
    {HEAD("\xd9\xff"), CW_MSGPACK_STR, 255, 0},
    {HEAD("\xda\x01\x02"), CW_MSGPACK_STR, 0x102, 0},
    {HEAD("\xdb\x00\x01\x02\x03"), CW_MSGPACK_STR, 0x10203, 0},
    {HEAD("\xdc\xff\xff"), CW_MSGPACK_ARRAY, 0, 0xffff},
    {HEAD("\xdd\xff\xff\xff\xff"), CW_MSGPACK_ARRAY, 0, 0xffffffff},
    {HEAD("\xde\xff\xff"), CW_MSGPACK_MAP, 0, 2 * 0xffff},
    {HEAD("\xdf\xff\xff\xff\xff"), CW_MSGPACK_MAP, 0, 2 * UINT64_C(0xffffffff)},
};

static void heads_tell_type_size_and_children(void **state)
{
    (void)state;
    char *bytes = calloc(1, 0x10203 + 10);
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        size_t size = row->head_size + (size_t)row->length;
        memcpy(bytes, row->head, row->head_size);
        /* What follows is not its own. */
        for (size_t more = 0; more <= 3; more++) {
            struct cw_msgpack_head head;
            assert_true(read_head(bytes, size + more, &head));
            assert_int_equal(head.type, row->type);
            assert_int_equal(head.size, size);
            assert_true(head.children == row->children);
            if (row->type == CW_MSGPACK_STR || row->type == CW_MSGPACK_BIN)
                assert_int_equal(head.body.size, row->length);
        }
    }
    free(bytes);
}

static void objects_cut_anywhere_are_none(void **state)
{
    (void)state;
    char *bytes = calloc(1, 0x10203 + 10);
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        size_t size = row->head_size + (size_t)row->length;
        memcpy(bytes, row->head, row->head_size);
        for (size_t cut = 0; cut < size; cut += cut < 20 || cut + 20 > size ? 1 : 997) {
            struct cw_msgpack_head head;
            if (read_head(bytes, cut, &head))
                fail_msg("row %zu cut at %zu", i, cut);
        }
    }
    free(bytes);
}

static void the_byte_that_is_never_used_begins_no_object(void **state)
{
    (void)state;
    struct cw_msgpack_head head;
    assert_false(read_head("\xc1\x00\x00", 3, &head));
    assert_false(cw_msgpack_head_read(cw_bytes_make(NULL, 0), &head));
}

static void bodies_are_views(void **state)
{
    (void)state;
    struct cw_msgpack_head head;
    struct cw_bytes bytes = cw_bytes_make("\xa3"
                                          "abcd",
                                          5);
    assert_true(cw_msgpack_head_read(bytes, &head));
    assert_ptr_equal(head.body.data, bytes.data + 1);
    assert_true(cw_bytes_is(head.body, "abc"));
    bytes = cw_bytes_make("\xc5\x00\x03"
                          "abcd",
                          7);
    assert_true(cw_msgpack_head_read(bytes, &head));
    assert_ptr_equal(head.body.data, bytes.data + 3);
    assert_true(cw_bytes_is(head.body, "abc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_tell_type_size_and_children),
        cmocka_unit_test(objects_cut_anywhere_are_none),
        cmocka_unit_test(the_byte_that_is_never_used_begins_no_object),
        cmocka_unit_test(bodies_are_views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
