/*
 * test_frame.c - frame.c: headers at each bound of their length, whole frames, and back.
 */
#include "protocol/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void headers_have_the_shortest_length_that_holds_the_size(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        size_t header_size;
        unsigned char header[CW_FRAME_HEADER_MAX];
    } rows[] = {
        {0, 2, {0x81, 0}},
        {1, 2, {0x81, 1}},
        {125, 2, {0x81, 125}},
        {126, 4, {0x81, 126, 0, 126}},
        {127, 4, {0x81, 126, 0, 127}},
        {256, 4, {0x81, 126, 1, 0}},
        {65535, 4, {0x81, 126, 0xFF, 0xFF}},
        {65536, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
        {0x12345678, 10, {0x81, 127, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char header[CW_FRAME_HEADER_MAX];
        assert_int_equal(cw_frame_header(header, CW_FRAME_TEXT, rows[i].size), rows[i].header_size);
        assert_memory_equal(header, rows[i].header, rows[i].header_size);
    }
}

static void first_byte_is_final_and_tells_the_opcode(void **state)
{
    (void)state;
    static const struct {
        enum cw_frame_opcode opcode;
        unsigned char byte;
    } rows[] = {
        {CW_FRAME_TEXT, 0x81}, {CW_FRAME_BINARY, 0x82}, {CW_FRAME_CLOSE, 0x88},
        {CW_FRAME_PING, 0x89}, {CW_FRAME_PONG, 0x8A},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char header[CW_FRAME_HEADER_MAX];
        (void)cw_frame_header(header, rows[i].opcode, 3);
        assert_int_equal((unsigned char)header[0], rows[i].byte);
    }
}

static void payload_of_a_made_frame_is_what_was_put_in(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *payload = malloc(sizes[i] + 1);
        assert_non_null(payload);
        memset(payload, (int)('a' + i), sizes[i]);
        struct cw_buf *frame = cw_frame_create(CW_FRAME_BINARY, cw_bytes_make(payload, sizes[i]));
        assert_non_null(frame);
        assert_int_equal((unsigned char)frame->data[0], 0x82);
        assert_true(cw_bytes_equal(cw_frame_payload(frame), cw_bytes_make(payload, sizes[i])));
        assert_null(cw_buf_unref(frame));
        free(payload);
    }
}

static void empty_view_without_data_is_an_empty_frame(void **state)
{
    (void)state;
    struct cw_buf *frame = cw_frame_create(CW_FRAME_PONG, cw_bytes_make(NULL, 0));
    assert_non_null(frame);
    assert_int_equal(frame->size, 2);
    assert_int_equal(cw_frame_payload(frame).size, 0);
    cw_buf_unref(frame);
}

static void payload_that_no_buffer_holds_is_refused(void **state)
{
    (void)state;
    /* Only the size is looked at before it is refused. */
    struct cw_bytes huge = cw_bytes_make("", (size_t)UINT32_MAX - CW_FRAME_HEADER_MAX + 1);
    assert_null(cw_frame_create(CW_FRAME_BINARY, huge));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_have_the_shortest_length_that_holds_the_size),
        cmocka_unit_test(first_byte_is_final_and_tells_the_opcode),
        cmocka_unit_test(payload_of_a_made_frame_is_what_was_put_in),
        cmocka_unit_test(empty_view_without_data_is_an_empty_frame),
        cmocka_unit_test(payload_that_no_buffer_holds_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
