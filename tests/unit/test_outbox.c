/* test_outbox.c - channel/outbox.c: order, bounds, references. */
#include "base/stats.h"
#include "channel/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct cw_buf *frame_of(size_t size, char fill)
{
    struct cw_buf *frame = cw_buf_create(size);
    assert_non_null(frame);
    memset(frame->data, fill, size);
    return frame;
}

/* Pushes a frame that only the outbox keeps. */
static int push(struct cw_outbox *outbox, size_t size, char fill, size_t limit)
{
    struct cw_buf *frame = frame_of(size, fill);
    int rc = cw_outbox_push(outbox, frame, limit);
    cw_buf_unref(frame);
    return rc;
}

static void frames_come_out_in_order_through_growth(void **state)
{
    (void)state;
    struct cw_outbox outbox;
    cw_outbox_init(&outbox);
    uint32_t next_in = 0, next_out = 0;

    /* Three in, two out: the ring wraps at every size it takes. */
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 3; i++)
            assert_int_equal(push(&outbox, 4, (char)(next_in++ & 0x7f), SIZE_MAX), CW_OK);
        for (int i = 0; i < 2; i++) {
            struct cw_buf *frame = cw_outbox_pop(&outbox);
            assert_int_equal(frame->data[0], (int)(next_out++ & 0x7f));
            cw_buf_unref(frame);
        }
    }
    assert_int_equal(outbox.count, 300);
    assert_int_equal(outbox.bytes, 1200);
    while (!cw_outbox_is_empty(&outbox)) {
        assert_int_equal(cw_outbox_front(&outbox)->data[0], (int)(next_out++ & 0x7f));
        cw_buf_unref(cw_outbox_pop(&outbox));
    }
    assert_int_equal(next_out, next_in);
    assert_int_equal(outbox.bytes, 0);
    assert_null(outbox.ring);
    assert_null(cw_outbox_front(&outbox));
    assert_null(cw_outbox_pop(&outbox));
    cw_outbox_finish(&outbox);
}

static void push_is_refused_past_the_limit_and_changes_nothing(void **state)
{
    (void)state;
    struct cw_outbox outbox;
    cw_outbox_init(&outbox);
    assert_int_equal(push(&outbox, 60, 'a', 100), CW_OK);
    assert_int_equal(push(&outbox, 41, 'b', 100), CW_ERR_FULL);
    assert_int_equal(outbox.count, 1);
    assert_int_equal(outbox.bytes, 60);
    assert_int_equal(push(&outbox, 40, 'c', 100), CW_OK);
    assert_int_equal(outbox.bytes, 100);
    assert_int_equal(push(&outbox, 1, 'd', 100), CW_ERR_FULL);
    assert_int_equal(push(&outbox, 1, 'd', 101), CW_OK);
    cw_outbox_finish(&outbox);
}

static int push_paced(struct cw_outbox *outbox, size_t size, size_t limit)
{
    struct cw_buf *frame = frame_of(size, 'p');
    int rc = cw_outbox_push_paced(outbox, frame, limit);
    cw_buf_unref(frame);
    return rc;
}

static void what_is_paced_counts_everything_and_takes_no_room_from_the_rest(void **state)
{
    (void)state;
    struct cw_outbox outbox;
    cw_outbox_init(&outbox);
    assert_int_equal(push(&outbox, 30, 'a', 100), CW_OK);
    assert_int_equal(push_paced(&outbox, 71, 100), CW_ERR_FULL);
    assert_int_equal(push_paced(&outbox, 70, 100), CW_OK);
    assert_int_equal(push(&outbox, 71, 'b', 100), CW_ERR_FULL);
    assert_int_equal(push(&outbox, 70, 'b', 100), CW_OK);
    assert_int_equal(push(&outbox, 1, 'c', 100), CW_ERR_FULL);
    assert_int_equal(push_paced(&outbox, 1, 100), CW_ERR_FULL);
    assert_int_equal(push_paced(&outbox, 40, 210), CW_OK);
    cw_buf_unref(cw_outbox_pop(&outbox)); /* 30: no paced one as far as it knows */
    assert_int_equal(push(&outbox, 30, 'd', 100), CW_OK);
    cw_buf_unref(cw_outbox_pop(&outbox)); /* 70 */
    cw_buf_unref(cw_outbox_pop(&outbox)); /* 70 */
    assert_int_equal(outbox.bytes, 70);
    assert_int_equal(outbox.paced, 70);                    /* never more than there is */
    assert_int_equal(push(&outbox, 101, 'e', 100), CW_OK); /* fits: nothing else counts */
    cw_outbox_finish(&outbox);
}

static void one_frame_of_any_size_fits_an_empty_queue(void **state)
{
    (void)state;
    struct cw_outbox outbox;
    cw_outbox_init(&outbox);
    assert_int_equal(push(&outbox, 1000, 'a', 10), CW_OK);
    assert_int_equal(push(&outbox, 1, 'b', 10), CW_ERR_FULL);
    cw_buf_unref(cw_outbox_pop(&outbox));
    assert_int_equal(push(&outbox, 11, 'b', 10), CW_OK);
    cw_outbox_finish(&outbox);
}

static void what_the_socket_has_not_taken_counts_as_waiting(void **state)
{
    (void)state;
    struct cw_outbox outbox;
    cw_outbox_init(&outbox);
    char space[100];
    uint32_t frames;
    assert_int_equal(push(&outbox, 30, 'a', 100), CW_OK);
    assert_int_equal(push(&outbox, 30, 'b', 100), CW_OK);
    assert_int_equal(cw_outbox_gather(&outbox, space, sizeof(space), &frames), 60);
    outbox.flying = frames;
    assert_int_equal(push(&outbox, 41, 'c', 100), CW_ERR_FULL);
    assert_int_equal(push(&outbox, 40, 'c', 100), CW_OK);
    assert_int_equal(cw_outbox_peek(&outbox, 1)->data[0], 'b');
    cw_outbox_drop(&outbox, outbox.flying);
    assert_int_equal(outbox.bytes, 40);
    assert_int_equal(push(&outbox, 60, 'd', 100), CW_OK);
    assert_int_equal(cw_outbox_peek(&outbox, 0)->data[0], 'c');
    assert_int_equal(cw_outbox_peek(&outbox, 1)->data[0], 'd');
    cw_outbox_finish(&outbox);
}

static void gather_takes_whole_frames_that_fit(void **state)
{
    (void)state;
    struct cw_outbox outbox;
    cw_outbox_init(&outbox);
    char space[16];
    uint32_t frames = 99;
    assert_int_equal(cw_outbox_gather(&outbox, space, sizeof(space), &frames), 0);
    assert_int_equal(frames, 0);

    assert_int_equal(push(&outbox, 10, 'a', SIZE_MAX), CW_OK);
    assert_int_equal(push(&outbox, 6, 'b', SIZE_MAX), CW_OK);
    assert_int_equal(push(&outbox, 17, 'c', SIZE_MAX), CW_OK);
    assert_int_equal(push(&outbox, 1, 'd', SIZE_MAX), CW_OK);
    assert_int_equal(cw_outbox_gather(&outbox, space, sizeof(space), &frames), 16);
    assert_int_equal(frames, 2);
    assert_memory_equal(space, "aaaaaaaaaabbbbbb", 16);

    /* They stay until they are written; the next one is too big for the space: it keeps its place.
     */
    assert_int_equal(outbox.count, 4);
    cw_outbox_drop(&outbox, frames);
    assert_int_equal(cw_outbox_gather(&outbox, space, sizeof(space), &frames), 0);
    assert_int_equal(frames, 0);
    assert_int_equal(cw_outbox_front(&outbox)->data[0], 'c');
    assert_int_equal(outbox.bytes, 18);
    cw_outbox_finish(&outbox);
}

static void every_reference_is_given_back(void **state)
{
    (void)state;
    int64_t before = CW_STAT(node_queue_bytes);
    struct cw_buf *shared = frame_of(8, 's');
    struct cw_outbox outboxes[3];
    for (int i = 0; i < 3; i++) {
        cw_outbox_init(&outboxes[i]);
        for (int j = 0; j < 20; j++)
            assert_int_equal(cw_outbox_push(&outboxes[i], shared, SIZE_MAX), CW_OK);
    }
    assert_int_equal(shared->refs, 61);
    assert_int_equal(CW_STAT(node_queue_bytes) - before, 480);
    assert_int_equal(cw_outbox_push(&outboxes[0], shared, 160), CW_ERR_FULL);
    assert_int_equal(shared->refs, 61);

    char space[100];
    uint32_t frames;
    assert_int_equal(cw_outbox_gather(&outboxes[0], space, sizeof(space), &frames), 96);
    cw_outbox_drop(&outboxes[0], frames);
    assert_int_equal(shared->refs, 49);
    for (int i = 0; i < 3; i++)
        cw_outbox_finish(&outboxes[i]);
    assert_int_equal(shared->refs, 1);
    assert_int_equal(CW_STAT(node_queue_bytes), before);
    cw_buf_unref(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_in_order_through_growth),
        cmocka_unit_test(push_is_refused_past_the_limit_and_changes_nothing),
        cmocka_unit_test(what_is_paced_counts_everything_and_takes_no_room_from_the_rest),
        cmocka_unit_test(one_frame_of_any_size_fits_an_empty_queue),
        cmocka_unit_test(what_the_socket_has_not_taken_counts_as_waiting),
        cmocka_unit_test(gather_takes_whole_frames_that_fit),
        cmocka_unit_test(every_reference_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
