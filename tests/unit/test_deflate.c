/* test_deflate.c - protocol/deflate.c: messages there and back, in bounds. */
#include "protocol/deflate.h"
#include "protocol/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX 65536

static int set_up(void **state)
{
    struct cw_deflate *codec = NULL;
    int rc = cw_deflate_create(16, &codec);
    *state = codec;
    return rc;
}

static int tear_down(void **state)
{
    cw_deflate_destroy(*state);
    return 0;
}

static struct cw_buf *frame_of(char byte, size_t size, enum cw_frame_opcode opcode)
{
    char *payload = malloc(size + 1);
    assert_non_null(payload);
    memset(payload, byte, size + 1);
    struct cw_buf *frame = cw_frame_create(opcode, cw_bytes_make(payload, size));
    free(payload);
    assert_non_null(frame);
    return frame;
}

static void a_form_inflates_to_its_payload(void **state)
{
    static const size_t sizes[] = {16, 125, 126, 4095, 4096, 65535, 65536, 1000000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct cw_buf *frame = frame_of('x', sizes[i], CW_FRAME_TEXT);
        struct cw_buf *form = cw_deflate_form(*state, frame);
        assert_ptr_not_equal(form, frame);
        assert_int_equal((unsigned char)form->data[0], 0xc1);
        assert_true(form->size < frame->size);
        struct cw_bytes plain;
        assert_int_equal(cw_deflate_unpack(*state, cw_frame_payload(form), sizes[i], &plain),
                         CW_OK);
        struct cw_bytes payload = cw_frame_payload(frame);
        assert_int_equal(plain.size, payload.size);
        assert_memory_equal(plain.data, payload.data, plain.size);
        cw_buf_unref(frame);
    }
}

static void a_form_is_made_once_and_has_the_marks_of_its_frame(void **state)
{
    struct cw_buf *frame = frame_of('x', 1000, CW_FRAME_BINARY);
    frame->log = 7;
    frame->position = (struct cw_position){8, 9};
    frame->is_entry = true;
    frame->slow_policy = 2;
    struct cw_buf *form = cw_deflate_form(*state, frame);
    assert_ptr_equal(cw_deflate_form(*state, frame), form);
    assert_ptr_equal(cw_deflate_form(*state, form), form);
    assert_int_equal((unsigned char)form->data[0], 0xc2);
    assert_int_equal(form->log, 7);
    assert_int_equal(form->position.epoch, 8);
    assert_int_equal(form->position.offset, 9);
    assert_true(form->is_entry);
    assert_int_equal(form->slow_policy, 2);
    /* Whoever has it keeps it when the frame goes. */
    cw_buf_ref(form);
    cw_buf_unref(frame);
    assert_int_equal(form->refs, 1);
    cw_buf_unref(form);
}

static void what_gains_nothing_stays_as_it_is(void **state)
{
    char noise[300];
    unsigned seed = 1;
    for (size_t i = 0; i < sizeof(noise); i++) {
        seed = seed * 1103515245U + 12345U;
        noise[i] = (char)(seed >> 16);
    }
    struct cw_buf *frames[] = {
        frame_of('x', 15, CW_FRAME_TEXT),
        frame_of('x', 0, CW_FRAME_TEXT),
        frame_of('x', 100, CW_FRAME_PING),
        frame_of('x', 100, CW_FRAME_CLOSE),
        cw_frame_create(CW_FRAME_BINARY, cw_bytes_make(noise, sizeof(noise))),
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        assert_ptr_equal(cw_deflate_form(*state, frames[i]), frames[i]);
        assert_ptr_equal(cw_deflate_form(*state, frames[i]), frames[i]);
        cw_buf_unref(frames[i]);
    }
}

static void no_more_is_inflated_than_is_allowed(void **state)
{
    static const size_t maxima[] = {0, 1, 4095, 4096, 4097, MAX - 1};
    struct cw_buf *frame = frame_of('\0', MAX, CW_FRAME_BINARY);
    struct cw_bytes packed = cw_frame_payload(cw_deflate_form(*state, frame));
    struct cw_bytes plain;
    for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++)
        assert_int_equal(cw_deflate_unpack(*state, packed, maxima[i], &plain), CW_ERR_TOO_LARGE);
    assert_int_equal(cw_deflate_unpack(*state, packed, MAX, &plain), CW_OK);
    assert_int_equal(plain.size, MAX);
    cw_buf_unref(frame);
}

static void stored_blocks_fit_the_bound(void **state)
{
    static const size_t maxima[] = {0, 1, 1000, 65535, 65536};
    (void)state;
    for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
        size_t blocks = maxima[i] / 16383 + 1;
        assert_true(cw_deflate_bound(maxima[i]) >= maxima[i] + blocks * 5 + 1);
    }
}

static void a_fault_leaves_no_trace(void **state)
{
    static const char bad[] = "\x07\xff\xff";
    static const char good[] = "\xf2\x48\xcd\xc9\xc9\x07"; /* and its last byte, a zero */
    struct cw_bytes plain;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cw_deflate_unpack(*state, cw_bytes_make(bad, 3), MAX, &plain),
                         CW_ERR_INVALID);
        assert_int_equal(cw_deflate_unpack(*state, cw_bytes_make(good, 7), MAX, &plain), CW_OK);
        assert_int_equal(plain.size, 5);
        assert_memory_equal(plain.data, "Hello", 5);
    }
    assert_int_equal(cw_deflate_unpack(*state, cw_bytes_make(NULL, 0), MAX, &plain), CW_OK);
    assert_int_equal(plain.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_form_inflates_to_its_payload, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_form_is_made_once_and_has_the_marks_of_its_frame, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_gains_nothing_stays_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_more_is_inflated_than_is_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stored_blocks_fit_the_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_fault_leaves_no_trace, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
