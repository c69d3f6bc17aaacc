/* test_shed.c - channel/shed.c: what goes of a full queue, and how that is told. */
#include "base/stats.h"
#include "channel/outbox.h"
#include "channel/session.h"
#include "channel/shed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define EPOCH 7
#define LOGS  8

/* A queue, what its socket was given, and what its client knows by that. */
struct scene {
    struct cw_outbox outbox;
    size_t limit;
    uint64_t pushed[LOGS]; /* the last offset of each log */
    uint64_t told[LOGS];   /* all up to here was written, or told by a gap */
    char seen[4096];       /* what was written: "a1 gap:a4 r2" */
    bool keeps_seen;
};

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    cw_outbox_init(&scene->outbox);
    scene->limit = 100;
    scene->keeps_seen = true;
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    cw_outbox_finish(&scene->outbox);
    assert_null(scene->outbox.shed);
    free(scene);
    return 0;
}

#define shed_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* As channel.c does it. */
static int send_frame(struct scene *scene, struct cw_buf *frame)
{
    struct cw_outbox *outbox = &scene->outbox;
    int rc = CW_ERR_FULL;
    if (outbox->flying == 0 || frame->slow_policy != CW_SLOW_LATEST)
        rc = cw_outbox_push(outbox, frame, scene->limit);
    if (rc == CW_ERR_FULL)
        rc = cw_shed_push(outbox, frame, scene->limit);
    cw_buf_unref(frame);
    return rc;
}

static struct cw_buf *make(uint64_t log, uint8_t policy, size_t size, uint64_t offset)
{
    struct cw_buf *frame = cw_buf_create(size);
    assert_non_null(frame);
    memset(frame->data, 'x', size);
    frame->log = log;
    frame->position = (struct cw_position){EPOCH, offset};
    frame->is_entry = log != CW_LOG_NONE;
    frame->slow_policy = policy;
    return frame;
}

/* The next message of a log, of 10 bytes. */
static int say(struct scene *scene, uint64_t log, uint8_t policy)
{
    return send_frame(scene, make(log, policy, 10, ++scene->pushed[log]));
}

static void say_many(struct scene *scene, uint64_t log, uint8_t policy, int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(say(scene, log, policy), CW_OK);
}

/* A frame that stays. */
static int reply(struct scene *scene)
{
    return send_frame(scene, make(CW_LOG_NONE, CW_SLOW_CLOSE, 10, 0));
}

/* As channel.c does it; a gap's data is what it names. */
static void tell(struct scene *scene)
{
    struct cw_outbox *outbox = &scene->outbox;
    struct cw_hole hole;
    if (outbox->shed == NULL)
        return;
    while (cw_shed_next_hole(outbox, &hole)) {
        struct cw_buf *gap = cw_buf_create(4);
        assert_non_null(gap);
        const uint32_t last = (uint32_t)hole.last.offset;
        assert_int_equal(hole.last.epoch, last == 0 ? 0 : EPOCH);
        memcpy(gap->data, &last, sizeof(last));
        cw_shed_tell(outbox, &hole, gap);
    }
    cw_shed_trim(outbox);
}

static bool is_gap(const struct cw_buf *frame)
{
    return frame->size == 4;
}

static void note(struct scene *scene, const struct cw_buf *frame)
{
    uint32_t offset = (uint32_t)frame->position.offset;
    if (is_gap(frame))
        memcpy(&offset, frame->data, sizeof(offset));
    if (frame->is_entry) {
        if (is_gap(frame))
            assert_true(offset > scene->told[frame->log]);
        else
            assert_int_equal(offset, scene->told[frame->log] + 1);
        scene->told[frame->log] = offset;
    }
    if (!scene->keeps_seen || frame->size == 0)
        return;
    size_t used = strlen(scene->seen);
    char name = frame->log == CW_LOG_NONE ? 'r' : (char)('a' + (int)frame->log - CW_LOG_FIRST);
    (void)snprintf(scene->seen + used, sizeof(scene->seen) - used, "%s%s%c%u", used > 0 ? " " : "",
                   is_gap(frame) ? "gap:" : "", name, offset);
}

/* What flies arrives. */
static void land(struct scene *scene)
{
    struct cw_outbox *outbox = &scene->outbox;
    for (uint32_t i = 0; i < outbox->flying; i++)
        note(scene, cw_outbox_peek(outbox, i));
    cw_outbox_drop(outbox, outbox->flying);
    outbox->flying = 0;
}

/* So many bytes are handed to a socket that does not take them all. */
static void fly(struct scene *scene, size_t size)
{
    static char space[65536];
    uint32_t frames = 0;
    land(scene);
    tell(scene);
    (void)cw_outbox_gather(&scene->outbox, space, size, &frames);
    scene->outbox.flying = frames;
}

static const char *read_all(struct scene *scene)
{
    scene->seen[0] = '\0';
    do
        fly(scene, sizeof(scene->seen));
    while (scene->outbox.flying > 0);
    assert_int_equal(scene->outbox.count, 0);
    assert_int_equal(scene->outbox.bytes, 0);
    assert_null(scene->outbox.shed);
    for (int log = 0; log < LOGS; log++)
        assert_int_equal(scene->told[log], scene->pushed[log]);
    return scene->seen;
}

static void assert_unwritten(const struct scene *scene, uint64_t log, uint64_t offset)
{
    struct cw_position first = {0, 0};
    assert_int_equal(cw_shed_find_unwritten(&scene->outbox, log, &first), offset > 0);
    assert_int_equal(first.offset, offset);
}

enum { A = CW_LOG_FIRST, B, C, D, E };

/* --- drop-oldest ----------------------------------------------------------------------------- */

static void the_oldest_go_one_for_one_and_one_gap_names_the_last(void **state)
{
    struct scene *scene = *state;
    uint64_t dropped = CW_STAT(client_messages_dropped_total);
    uint64_t gaps = CW_STAT(client_drop_gaps_total);
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 10);
    assert_null(scene->outbox.shed); /* at the bound */
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 3);
    assert_int_equal(scene->outbox.bytes, 100);
    assert_unwritten(scene, A, 1);
    assert_string_equal(read_all(scene), "gap:a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13");
    assert_unwritten(scene, A, 0);
    assert_int_equal(CW_STAT(client_messages_dropped_total) - dropped, 3);
    assert_int_equal(CW_STAT(client_drop_gaps_total) - gaps, 1);
}

static void what_the_socket_was_handed_is_not_touched(void **state)
{
    struct scene *scene = *state;
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 10);
    fly(scene, 35);
    assert_int_equal(scene->outbox.flying, 3);
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 2);
    assert_unwritten(scene, A, 1); /* nobody knows what of it will arrive */
    assert_string_equal(read_all(scene), "a1 a2 a3 gap:a5 a6 a7 a8 a9 a10 a11 a12");
}

static void a_hole_grows_while_its_gap_waits_and_another_begins_when_it_was_written(void **state)
{
    struct scene *scene = *state;
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 12);
    tell(scene); /* the gap a2 waits: it takes no room from what is live */
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 2);
    fly(scene, 4); /* the gap a4 flies */
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 2);
    assert_string_equal(read_all(scene), "gap:a4 gap:a6 a7 a8 a9 a10 a11 a12 a13 a14 a15 a16");
}

static void groups_have_a_gap_each_before_what_is_left_of_them(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < 5; i++) {
        say_many(scene, A, CW_SLOW_DROP_OLDEST, 1);
        say_many(scene, B, CW_SLOW_DROP_OLDEST, 1);
    }
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 5);
    assert_unwritten(scene, A, 1);
    assert_unwritten(scene, B, 1);
    assert_string_equal(read_all(scene), "gap:b2 gap:a3 b3 a4 b4 a5 b5 a6 a7 a8 a9 a10");
}

static void replies_direct_messages_and_groups_that_close_stay_in_their_places(void **state)
{
    struct scene *scene = *state;
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 2);
    assert_int_equal(reply(scene), CW_OK);
    say_many(scene, B, CW_SLOW_CLOSE, 2);
    say_many(scene, CW_LOG_DIRECT, CW_SLOW_CLOSE, 1);
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 8);
    assert_int_equal(reply(scene), CW_OK); /* what stays makes room for itself as well */
    say_many(scene, B, CW_SLOW_CLOSE, 1);
    assert_string_equal(read_all(scene), "r0 b1 b2 `1 gap:a6 a7 a8 a9 a10 r0 b3");
}

static void what_stays_closes_beyond_the_bound(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < 5; i++) {
        say_many(scene, A, CW_SLOW_DROP_OLDEST, 1);
        assert_int_equal(reply(scene), CW_OK);
    }
    for (int i = 0; i < 5; i++)
        assert_int_equal(reply(scene), CW_OK); /* all of A went for them */
    assert_int_equal(scene->outbox.bytes, 100);
    assert_int_equal(reply(scene), CW_ERR_FULL); /* bound + 1 */
    assert_int_equal(scene->outbox.bytes, 100);
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 2); /* goes itself: that closes nobody */
    assert_int_equal(scene->outbox.bytes, 100);
    assert_int_equal(reply(scene), CW_ERR_FULL);
    assert_string_equal(read_all(scene), "r0 r0 r0 r0 r0 r0 r0 r0 r0 r0 gap:a7");
}

static void without_history_a_gap_names_no_position(void **state)
{
    struct scene *scene = *state;
    for (uint64_t i = 1; i <= 14; i++) {
        struct cw_buf *frame = make(A, CW_SLOW_DROP_OLDEST, 10, i);
        frame->is_entry = false;
        assert_int_equal(send_frame(scene, frame), CW_OK);
    }
    assert_int_equal(scene->outbox.bytes, 100);
    assert_unwritten(scene, A, 0);
    assert_string_equal(read_all(scene), "gap:a0 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14");
}

static void a_policy_that_changes_back_and_forth_parts_holes(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(reply(scene), CW_OK);
    fly(scene, 10);
    say_many(scene, A, CW_SLOW_LATEST, 3); /* a1 and a2 go */
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 2);
    say_many(scene, A, CW_SLOW_LATEST, 3); /* a6 and a7 go */
    assert_unwritten(scene, A, 1);
    assert_string_equal(read_all(scene), "r0 gap:a2 a3 a4 a5 gap:a7 a8");
}

static void what_a_catch_up_sent_stays_and_parts_two_holes(void **state)
{
    struct scene *scene = *state;
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 3);
    for (int i = 0; i < 3; i++) {
        struct cw_buf *paced = make(A, CW_SLOW_CLOSE, 10, ++scene->pushed[A]);
        assert_int_equal(cw_outbox_push_paced(&scene->outbox, paced, scene->limit), CW_OK);
        cw_buf_unref(paced);
    }
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 12);
    assert_int_equal(scene->outbox.bytes, 130);
    assert_string_equal(read_all(scene),
                        "gap:a3 a4 a5 a6 gap:a8 a9 a10 a11 a12 a13 a14 a15 a16 a17 a18");
}

static void one_message_of_any_size_fits_when_all_else_may_go(void **state)
{
    struct scene *scene = *state;
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 5);
    struct cw_buf *large = make(A, CW_SLOW_DROP_OLDEST, 500, ++scene->pushed[A]);
    assert_int_equal(send_frame(scene, large), CW_OK);
    assert_int_equal(scene->outbox.bytes, 500);
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 1);
    assert_int_equal(scene->outbox.bytes, 10);
    assert_string_equal(read_all(scene), "gap:a6 a7");
}

static void nobody_is_told_where_the_caller_says_so(void **state)
{
    struct scene *scene = *state;
    struct cw_hole hole;
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 12);
    assert_true(cw_shed_next_hole(&scene->outbox, &hole));
    assert_int_equal(hole.log, A);
    assert_int_equal(hole.last.offset, 2);
    cw_shed_tell(&scene->outbox, &hole, NULL);
    assert_false(cw_shed_next_hole(&scene->outbox, &hole));
    assert_unwritten(scene, A, 3);
    scene->told[A] = 2;
    assert_string_equal(read_all(scene), "a3 a4 a5 a6 a7 a8 a9 a10 a11 a12");
}

/* --- latest ---------------------------------------------------------------------------------- */

static void latest_keeps_all_while_the_socket_takes_them_and_one_while_it_is_full(void **state)
{
    struct scene *scene = *state;
    say_many(scene, A, CW_SLOW_LATEST, 4);
    assert_int_equal(scene->outbox.count, 4);
    fly(scene, 20); /* a1 a2 */
    say_many(scene, A, CW_SLOW_LATEST, 1);
    assert_int_equal(scene->outbox.bytes, 30);
    say_many(scene, A, CW_SLOW_LATEST, 1);
    assert_int_equal(scene->outbox.bytes, 30);
    assert_string_equal(read_all(scene), "a1 a2 gap:a5 a6");
}

static void latest_is_by_group_and_comes_after_its_gap_in_its_own_place(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(reply(scene), CW_OK);
    fly(scene, 10);
    for (int i = 0; i < 3; i++) {
        say_many(scene, A, CW_SLOW_LATEST, 1);
        assert_int_equal(reply(scene), CW_OK);
        say_many(scene, B, CW_SLOW_LATEST, 1);
    }
    assert_unwritten(scene, A, 1);
    assert_string_equal(read_all(scene), "r0 r0 gap:a2 r0 gap:b2 a3 r0 b3");
}

static void at_the_bound_latest_goes_last(void **state)
{
    struct scene *scene = *state;
    say_many(scene, A, CW_SLOW_LATEST, 3);
    say_many(scene, B, CW_SLOW_DROP_OLDEST, 8);
    assert_int_equal(scene->outbox.bytes, 90); /* a1 and a2 were outdated: enough */
    for (int i = 0; i < 9; i++)
        assert_int_equal(reply(scene), CW_OK);
    assert_int_equal(scene->outbox.bytes, 100); /* a3 and replies */
    assert_int_equal(reply(scene), CW_OK);
    assert_int_equal(reply(scene), CW_ERR_FULL);
    assert_string_equal(read_all(scene), "gap:a3 gap:b8 r0 r0 r0 r0 r0 r0 r0 r0 r0 r0");
}

/* --- the ring -------------------------------------------------------------------------------- */

static void empty_slots_do_not_make_the_ring_grow(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(reply(scene), CW_OK);
    fly(scene, 10);
    for (int i = 0; i < 1000; i++) {
        say_many(scene, A, CW_SLOW_LATEST, 1);
        say_many(scene, B, CW_SLOW_LATEST, 1);
        say_many(scene, C, CW_SLOW_DROP_OLDEST, 1);
    }
    assert_true(scene->outbox.capacity <= 32);
    assert_int_equal(scene->outbox.bytes, 100);
    assert_string_equal(
        read_all(scene),
        "r0 gap:c993 c994 c995 c996 c997 c998 gap:a999 gap:b999 c999 a1000 b1000 c1000");
}

static void everything_goes_and_where_it_was_is_known(void **state)
{
    struct scene *scene = *state;
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 10);
    fly(scene, 15);
    say_many(scene, A, CW_SLOW_DROP_OLDEST, 3); /* a2 to a4 went */
    say_many(scene, B, CW_SLOW_CLOSE, 1);       /* and a5 */
    say_many(scene, CW_LOG_DIRECT, CW_SLOW_CLOSE, 1);
    assert_int_equal(cw_shed_everything(&scene->outbox), CW_OK);
    assert_int_equal(scene->outbox.bytes, 10);
    assert_unwritten(scene, A, 1);
    assert_unwritten(scene, B, 1);
    assert_int_equal(reply(scene), CW_OK); /* `bye` */
    land(scene);
    assert_unwritten(scene, A, 2);
    assert_unwritten(scene, B, 1);
    assert_unwritten(scene, CW_LOG_DIRECT, 1);
    assert_unwritten(scene, C, 0);
    scene->outbox.flying = 1;
    land(scene);
    assert_unwritten(scene, A, 2); /* also when the rest is out */
}

/* --- all of it ------------------------------------------------------------------------------- */

static uint64_t random_state;

static unsigned below(unsigned limit)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)((random_state >> 33) % limit);
}

/* Logs by what they do: two of each policy; B and D have catch-ups between. */
static const uint8_t policies[LOGS] = {
    [A] = CW_SLOW_DROP_OLDEST, [B] = CW_SLOW_DROP_OLDEST, [C] = CW_SLOW_LATEST,
    [D] = CW_SLOW_LATEST,      [E] = CW_SLOW_CLOSE,
};

static void push_something(struct scene *scene)
{
    uint64_t log = CW_LOG_DIRECT + below(6);
    size_t size = 5 + below(30);
    if (below(10) == 0) {
        (void)send_frame(scene, make(CW_LOG_NONE, CW_SLOW_CLOSE, size, 0));
        return;
    }
    struct cw_buf *frame = make(log, policies[log], size, scene->pushed[log] + 1);
    if ((log == B || log == D) && below(8) == 0) {
        frame->slow_policy = CW_SLOW_CLOSE;
        if (cw_outbox_push_paced(&scene->outbox, frame, scene->limit) == CW_OK)
            scene->pushed[log]++;
        cw_buf_unref(frame);
        return;
    }
    if (policies[log] != CW_SLOW_CLOSE) {
        assert_int_equal(send_frame(scene, frame), CW_OK); /* it never closes */
        scene->pushed[log]++;
    } else if (send_frame(scene, frame) == CW_OK) {
        scene->pushed[log]++;
    }
}

/* Nothing of what holds is broken at any time. */
static void check_queue(const struct scene *scene)
{
    const struct cw_outbox *outbox = &scene->outbox;
    size_t bytes = 0;
    unsigned live = 0;
    for (uint32_t i = 0; i < outbox->count; i++) {
        bytes += cw_outbox_peek(outbox, i)->size;
        live += cw_outbox_peek(outbox, i)->size > 0;
    }
    assert_int_equal(bytes, outbox->bytes);
    assert_true(outbox->bytes - outbox->paced <= scene->limit || live == 1);
    for (uint64_t log = CW_LOG_DIRECT; log <= E; log++)
        assert_unwritten(scene, log,
                         scene->told[log] < scene->pushed[log] ? scene->told[log] + 1 : 0);
}

/* When all is told, no two gaps of a log are neighbours. */
static void check_gaps(const struct scene *scene)
{
    bool was_gap[LOGS] = {false};
    for (uint32_t i = scene->outbox.flying; i < scene->outbox.count; i++) {
        const struct cw_buf *frame = cw_outbox_peek(&scene->outbox, i);
        if (frame->size == 0)
            continue;
        assert_false(is_gap(frame) && was_gap[frame->log]);
        was_gap[frame->log] = is_gap(frame);
    }
}

static void any_mixture_keeps_order_and_tells_every_hole(void **state)
{
    struct scene *scene = *state;
    scene->keeps_seen = false;
    for (random_state = 1; random_state < 200; random_state++) {
        uint64_t seed = random_state;
        scene->limit = 60 + below(600);
        for (int step = 0; step < 2000; step++) {
            unsigned what = below(20);
            if (what == 0) {
                fly(scene, 20 + below(200));
                check_gaps(scene);
            } else if (what == 1) {
                land(scene);
                if (below(2) == 0)
                    tell(scene);
            } else {
                push_something(scene);
            }
            if (step % 7 == 0)
                check_queue(scene);
        }
        (void)read_all(scene);
        random_state = seed;
    }
}

/* Messages that stay full cost the same however long the queue is: time for 100,000 of them. */
static double time_of_flood(size_t limit, uint8_t policy)
{
    struct scene scene = {.limit = limit};
    struct timespec from, to;
    cw_outbox_init(&scene.outbox);
    assert_int_equal(reply(&scene), CW_OK);
    scene.outbox.flying = 1;
    for (size_t i = 0; i < limit / 10; i++)
        (void)send_frame(&scene, make(CW_LOG_DIRECT, CW_SLOW_CLOSE, i % 2 == 0 ? 5 : 0, i));
    struct cw_buf *frame = make(A, policy, 10, 1);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(send_frame(&scene, cw_buf_ref(frame)), CW_OK);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    cw_buf_unref(frame);
    cw_outbox_finish(&scene.outbox);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void a_long_queue_costs_no_more_than_a_short_one(void **state)
{
    (void)state;
    for (uint8_t policy = CW_SLOW_DROP_OLDEST; policy <= CW_SLOW_LATEST; policy++) {
        double small = time_of_flood(1000, policy);
        double large = time_of_flood(1000000, policy);
        print_message("100,000 messages for a full queue, policy %u: %.1f ms; 1000 times as long: "
                      "%.1f ms\n",
                      policy, small * 1e3, large * 1e3);
        assert_true(large < 20 * small + 0.2); /* linear: 1000 times, some 50 s */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        shed_test(the_oldest_go_one_for_one_and_one_gap_names_the_last),
        shed_test(what_the_socket_was_handed_is_not_touched),
        shed_test(a_hole_grows_while_its_gap_waits_and_another_begins_when_it_was_written),
        shed_test(groups_have_a_gap_each_before_what_is_left_of_them),
        shed_test(replies_direct_messages_and_groups_that_close_stay_in_their_places),
        shed_test(what_stays_closes_beyond_the_bound),
        shed_test(without_history_a_gap_names_no_position),
        shed_test(a_policy_that_changes_back_and_forth_parts_holes),
        shed_test(what_a_catch_up_sent_stays_and_parts_two_holes),
        shed_test(one_message_of_any_size_fits_when_all_else_may_go),
        shed_test(nobody_is_told_where_the_caller_says_so),
        shed_test(latest_keeps_all_while_the_socket_takes_them_and_one_while_it_is_full),
        shed_test(latest_is_by_group_and_comes_after_its_gap_in_its_own_place),
        shed_test(at_the_bound_latest_goes_last),
        shed_test(empty_slots_do_not_make_the_ring_grow),
        shed_test(everything_goes_and_where_it_was_is_known),
        shed_test(any_mixture_keeps_order_and_tells_every_hole),
        cmocka_unit_test(a_long_queue_costs_no_more_than_a_short_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
