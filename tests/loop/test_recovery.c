/* test_recovery.c - what a node makes of lost links, lost messages, trimmed and forgotten history
 * (DESIGN: recovery). */
#include "base/stats.h"
#include "loop/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RECONNECT_MS 100

static void drop_node_0(struct path *path)
{
    fake_redis_drop(path->redis, 0, FAKE_PUBSUB, FAKE_NOT_ANSWERED);
}

/* Catching up. */

static void what_was_missed_while_the_link_was_lost_is_read(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_member(path, 1, "room");
    path_publish(far, "room", 1, 2);
    drop_node_0(path);
    path_publish(far, "room", 3, 5);
    fake_time_advance(RECONNECT_MS);
    path_publish(far, "room", 6, 6);
    path_expect_numbers(ann, "room", far, 1, 1, 6);
    path_expect_nothing(ann);
    assert_int_equal(path->nodes[0].gaps, 0);
}

static void a_group_in_which_nothing_was_missed_is_read_once_and_silent(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 1);
    fake_redis_clear_log(path->redis);
    drop_node_0(path);
    fake_time_advance(RECONNECT_MS);
    assert_int_equal(fake_redis_said(path->redis, "cw_node_read"), 1);
    path_expect_numbers(ann, "room", far, 1, 1, 1);
    path_publish(far, "room", 2, 2);
    path_expect_numbers(ann, "room", far, 1, 2, 2);
    path_expect_nothing(ann);
}

/* History is read when the subscription is known to hold, so nothing falls between the two. */
static void messages_during_the_catch_up_follow_it_once(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    drop_node_0(path);
    path_publish(far, "room", 1, 2);
    fake_redis_hold(path->redis, FAKE_SUBSCRIBES);
    fake_time_advance(RECONNECT_MS);
    path_publish(far, "room", 3, 4); /* not subscribed yet */
    assert_true(cw_cluster_is_up(path->nodes[0].cluster));
    assert_int_equal(fake_redis_said(path->redis, "cw_node_read"), 0);
    fake_redis_hold(path->redis, FAKE_CALLS);
    fake_redis_release(path->redis, FAKE_SUBSCRIBES);
    fake_time_run();
    assert_int_equal(fake_redis_pending(path->redis), 1); /* the read */
    path_say(far, "{'op':'publish','group':'room','data':5}");
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    fake_redis_step(path->redis, 1);
    fake_redis_step(path->redis, 1); /* 5 is run after the read, and comes before its answer */
    path_expect_nothing(ann);
    fake_redis_release(path->redis, FAKE_ANSWERS | FAKE_CALLS);
    fake_time_run();
    path_expect_numbers(ann, "room", far, 1, 1, 5);
    path_expect_nothing(ann);
}

/* In the page and in the buffer: delivered once. */
static void what_comes_both_ways_is_delivered_once(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    uint64_t duplicates = CW_STAT(group_duplicates_total);
    drop_node_0(path);
    path_publish(far, "room", 1, 2);
    fake_redis_hold(path->redis, FAKE_PUSHES); /* the ack waits, and what comes behind it */
    fake_time_advance(RECONNECT_MS);
    path_publish(far, "room", 3, 5);
    fake_redis_release(path->redis, FAKE_PUSHES);
    fake_time_run();
    path_expect_numbers(ann, "room", far, 1, 1, 5);
    path_expect_nothing(ann);
    assert_int_equal(CW_STAT(group_duplicates_total) - duplicates, 3);
}

static void a_hole_in_the_ids_is_filled_at_once(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 1);
    path->redis->loses_messages = true;
    path_publish(far, "room", 2, 4);
    path->redis->loses_messages = false;
    path_expect_numbers(ann, "room", far, 1, 1, 1);
    path_expect_nothing(ann);
    path_publish(far, "room", 5, 5);
    path_expect_numbers(ann, "room", far, 1, 2, 5);
    path_publish(far, "room", 6, 6);
    path_expect_numbers(ann, "room", far, 1, 6, 6);
    path_expect_nothing(ann);
}

/* A second hole shows while the first is being filled. */
static void holes_that_follow_each_other_are_filled(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    fake_redis_hold(path->redis, FAKE_PUSHES);
    path_publish(far, "room", 1, 1);
    fake_redis_lose_pushes(path->redis, 0);
    path_publish(far, "room", 2, 2);
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    fake_redis_release(path->redis, FAKE_PUSHES);
    fake_time_run(); /* 2 came: read, not answered */
    fake_redis_hold(path->redis, FAKE_PUSHES);
    path_publish(far, "room", 3, 3);
    fake_redis_lose_pushes(path->redis, 0);
    path_publish(far, "room", 4, 4);
    fake_redis_release(path->redis, FAKE_PUSHES);
    fake_time_run(); /* 4 waits behind 2 */
    path_expect_nothing(ann);
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
    path_expect_numbers(ann, "room", far, 1, 1, 4);
    path_expect_nothing(ann);
}

static void a_link_lost_again_during_the_catch_up_loses_nothing(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    drop_node_0(path);
    path_publish(far, "room", 1, 3);
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    fake_time_advance(RECONNECT_MS);
    fake_redis_release(path->redis, FAKE_ANSWERS); /* of coming up */
    fake_redis_hold(path->redis, FAKE_CALLS);
    fake_time_run();
    for (int i = 0; i < FAKE_LOSSES; i++) {
        fake_redis_drop(path->redis, 0, FAKE_COMMANDS, (enum fake_loss)i);
        fake_redis_release(path->redis, FAKE_CALLS);
        fake_redis_hold(path->redis, FAKE_SUBSCRIBES);
        fake_time_advance(RECONNECT_MS);
        fake_redis_hold(path->redis, FAKE_CALLS);
        fake_redis_release(path->redis, FAKE_SUBSCRIBES);
        fake_time_run();
        assert_true(cw_cluster_is_up(path->nodes[0].cluster));
        path_expect_nothing(ann);
    }
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    path_expect_numbers(ann, "room", far, 1, 1, 3);
    path_expect_nothing(ann);
}

static void who_joins_during_a_catch_up_gets_what_follows_it(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *bob = path_json(path, 0);
    struct path_client *far = path_json(path, 1);
    drop_node_0(path);
    path_publish(far, "room", 1, 3);
    fake_redis_hold(path->redis, FAKE_SUBSCRIBES);
    fake_time_advance(RECONNECT_MS);
    path_say(bob, "{'op':'join','id':1,'group':'room'}");
    fake_time_run();
    path_expect_nothing(bob);
    fake_redis_release(path->redis, FAKE_SUBSCRIBES);
    fake_time_run();
    path_expect(bob, "{'op':'ok','id':1,'epoch':'1','offset':3}");
    path_expect_nothing(bob);
    path_expect_numbers(ann, "room", far, 1, 1, 3);
    path_publish(far, "room", 4, 4);
    path_expect_numbers(ann, "room", far, 1, 4, 4);
    path_expect_numbers(bob, "room", far, 1, 4, 4);
}

/* Nobody is there any more, but the node listens on: no gap is told to those who come later. */
static void a_group_nobody_is_in_recovers_in_silence(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_say(ann, "{'op':'leave','group':'room'}");
    fake_time_run();
    path->redis->loses_messages = true;
    path_publish(far, "room", 1, 9);
    path->redis->loses_messages = false;
    fake_store_trim(&path->redis->store, "room", 2);
    path_publish(far, "room", 10, 10);
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':10}");
    path_publish(far, "room", 11, 11);
    path_expect_numbers(ann, "room", far, 1, 11, 11);
    path_expect_nothing(ann);
}

/* Epochs. */

static void a_restart_that_keeps_the_data_is_seamless(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 2);
    fake_redis_restart(path->redis, FAKE_NOT_ANSWERED);
    fake_time_advance(RECONNECT_MS);
    path_publish(far, "room", 1, 2);
    fake_redis_restart(path->redis, FAKE_NOT_ANSWERED);
    fake_redis_restart(path->redis, FAKE_NOT_ANSWERED);
    fake_time_advance(2 * RECONNECT_MS);
    path_publish(far, "room", 1, 1);
    path_expect_numbers(ann, "room", far, 1, 1, 2);
    path_expect_numbers(ann, "room", far, 2, 1, 2);
    path_expect_numbers(ann, "room", far, 3, 1, 1);
    path_expect_nothing(ann);
}

/* The epoch's first entry comes live to a node that has missed what was before it. */
static void a_new_epoch_is_chained_even_over_lost_messages(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 2);
    path->redis->loses_messages = true;
    path_publish(far, "room", 3, 4);
    path->redis->store.boot++; /* as FUNCTION LOAD does: no link is lost */
    path_publish(far, "room", 1, 2);
    path->redis->store.boot++;
    path->redis->loses_messages = false;
    path_publish(far, "room", 1, 2);
    path_expect_numbers(ann, "room", far, 1, 1, 4);
    path_expect_numbers(ann, "room", far, 2, 1, 2);
    path_expect_numbers(ann, "room", far, 3, 1, 2);
    path_expect_nothing(ann);
}

static void a_lost_end_of_the_log_is_told_and_delivery_goes_on(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 5);
    path_expect_numbers(ann, "room", far, 1, 1, 5);
    fake_redis_restart(path->redis, FAKE_NOT_ANSWERED);
    fake_store_lose_tail(&path->redis->store, "room", 2);
    fake_time_advance(RECONNECT_MS);
    path_expect_gap(ann, "room", 2, 0);
    path_publish(far, "room", 1, 1);
    path_expect_numbers(ann, "room", far, 3, 1, 1);
    path_expect_nothing(ann);
}

/* The same, but the log has gone on before the node is back. */
static void an_epoch_that_names_another_predecessor_is_a_gap(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 5);
    path_expect_numbers(ann, "room", far, 1, 1, 5);
    fake_redis_hold(path->redis, FAKE_SUBSCRIBES);
    fake_redis_restart(path->redis, FAKE_NOT_ANSWERED);
    fake_store_lose_tail(&path->redis->store, "room", 2);
    fake_time_advance(RECONNECT_MS);
    path_publish(far, "room", 1, 2);
    fake_redis_release(path->redis, FAKE_SUBSCRIBES);
    fake_time_run();
    path_expect_gap(ann, "room", 2, 0);
    path_expect_numbers(ann, "room", far, 2, 1, 2);
    path_expect_nothing(ann);
}

static void a_redis_that_has_forgotten_everything_is_told(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 3);
    path_expect_numbers(ann, "room", far, 1, 1, 3);
    fake_redis_restart(path->redis, FAKE_NOT_ANSWERED);
    fake_store_forget(&path->redis->store);
    fake_time_advance(RECONNECT_MS);
    path_expect_gap(ann, "room", 2, 0);
    path_publish(far, "room", 1, 2);
    path_expect_numbers(ann, "room", far, 3, 1, 2);
    path_expect_nothing(ann);
}

static void a_flush_under_a_living_link_is_told_at_the_next_message(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 3);
    path_expect_numbers(ann, "room", far, 1, 1, 3);
    fake_store_forget(&path->redis->store);
    path->redis->store.has_library = true;
    path_expect_nothing(ann);
    path_publish(far, "room", 1, 2);
    path_expect_gap(ann, "room", 2, 0);
    path_expect_numbers(ann, "room", far, 2, 1, 2);
    path_expect_nothing(ann);
}

/* It waits for history that is no more: reading again would not end. */
static void a_message_on_its_way_when_redis_forgets_is_delivered(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path->redis->loses_messages = true;
    path_publish(far, "room", 1, 2);
    path->redis->loses_messages = false;
    fake_redis_hold(path->redis, FAKE_PUSHES);
    path_publish(far, "room", 3, 3);
    fake_store_forget(&path->redis->store);
    path->redis->store.has_library = true;
    fake_redis_release(path->redis, FAKE_PUSHES);
    fake_time_run();
    path_expect_gap(ann, "room", 1, 2);
    path_expect_numbers(ann, "room", far, 1, 3, 3);
    path_publish(far, "room", 1, 1);
    path_expect_gap(ann, "room", 2, 0);
    path_expect_numbers(ann, "room", far, 2, 1, 1);
    path_expect_nothing(ann);
}

/* Gaps. */

static void trimmed_history_is_a_gap_up_to_what_is_left(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 2);
    drop_node_0(path);
    path_publish(far, "room", 3, 10);
    fake_store_trim(&path->redis->store, "room", 3);
    fake_time_advance(RECONNECT_MS);
    path_publish(far, "room", 11, 11);
    path_expect_numbers(ann, "room", far, 1, 1, 2);
    path_expect_gap(ann, "room", 1, 7);
    path_expect_numbers(ann, "room", far, 1, 8, 11);
    path_expect_nothing(ann);
    assert_int_equal(path->nodes[0].gaps, 1);
}

static void history_exactly_long_enough_is_no_gap(void **state)
{
    struct path *path = *state;
    path->history.size = 8;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 2);
    drop_node_0(path);
    path_publish(far, "room", 3, 10);
    fake_time_advance(RECONNECT_MS);
    path_expect_numbers(ann, "room", far, 1, 1, 10);
    drop_node_0(path);
    path_publish(far, "room", 11, 19); /* one more than is kept */
    fake_time_advance(RECONNECT_MS);
    path_expect_gap(ann, "room", 1, 11);
    path_expect_numbers(ann, "room", far, 1, 12, 19);
    path_expect_nothing(ann);
}

static void history_gone_to_its_end_is_a_gap_up_to_its_last_id(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 2);
    drop_node_0(path);
    path_publish(far, "room", 3, 10);
    fake_store_trim(&path->redis->store, "room", 0); /* as its ttl does */
    fake_time_advance(RECONNECT_MS);
    path_expect_numbers(ann, "room", far, 1, 1, 2);
    path_expect_gap(ann, "room", 1, 10);
    path_expect_nothing(ann);
    path_publish(far, "room", 11, 11);
    path_expect_numbers(ann, "room", far, 1, 11, 11);
    path_expect_nothing(ann);
}

static void history_trimmed_between_two_pages_is_a_gap_in_the_middle(void **state)
{
    struct path *path = *state;
    path->history.size = 1000;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    drop_node_0(path);
    path_publish(far, "room", 1, 500);
    fake_redis_hold(path->redis, FAKE_SUBSCRIBES);
    fake_time_advance(RECONNECT_MS);
    fake_redis_hold(path->redis, FAKE_CALLS);
    fake_redis_release(path->redis, FAKE_SUBSCRIBES);
    fake_time_run();
    fake_redis_step(path->redis, 1); /* 1..200 */
    fake_store_trim(&path->redis->store, "room", 100);
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    path_expect_numbers(ann, "room", far, 1, 1, 200);
    path_expect_gap(ann, "room", 1, 400);
    path_expect_numbers(ann, "room", far, 1, 401, 500);
    path_expect_nothing(ann);
}

static void raw_members_are_not_told_of_a_gap_but_may_be_closed(void **state)
{
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        struct path path;
        path_start(&path, 2, 1);
        path.nodes[0].node.limits.closes_raw_on_gap = closes == 1;
        struct path_client *ann = path_member(&path, 0, "room");
        struct path_client *raw = path_open(&path, 0, "groups=room", "");
        struct path_client *far = path_json(&path, 1);
        uint64_t counted = CW_STAT(raw_gaps_total);
        drop_node_0(&path);
        path_publish(far, "room", 1, 3);
        fake_store_trim(&path.redis->store, "room", 1);
        fake_time_advance(RECONNECT_MS);
        path_expect_gap(ann, "room", 1, 2);
        path_expect_numbers(ann, "room", far, 1, 3, 3);
        assert_int_equal(CW_STAT(raw_gaps_total) - counted, 1);
        assert_int_equal(raw->close_code, closes == 1 ? 1013 : 0);
        if (closes == 0)
            path_expect(raw, "3");
        path_expect_nothing(raw);
        path_stop(&path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        path_test(what_was_missed_while_the_link_was_lost_is_read),
        path_test(a_group_in_which_nothing_was_missed_is_read_once_and_silent),
        path_test(messages_during_the_catch_up_follow_it_once),
        path_test(what_comes_both_ways_is_delivered_once),
        path_test(a_hole_in_the_ids_is_filled_at_once),
        path_test(holes_that_follow_each_other_are_filled),
        path_test(a_link_lost_again_during_the_catch_up_loses_nothing),
        path_test(who_joins_during_a_catch_up_gets_what_follows_it),
        path_test(a_group_nobody_is_in_recovers_in_silence),
        path_test(a_restart_that_keeps_the_data_is_seamless),
        path_test(a_new_epoch_is_chained_even_over_lost_messages),
        path_test(a_lost_end_of_the_log_is_told_and_delivery_goes_on),
        path_test(an_epoch_that_names_another_predecessor_is_a_gap),
        path_test(a_redis_that_has_forgotten_everything_is_told),
        path_test(a_flush_under_a_living_link_is_told_at_the_next_message),
        path_test(a_message_on_its_way_when_redis_forgets_is_delivered),
        path_test(trimmed_history_is_a_gap_up_to_what_is_left),
        path_test(history_exactly_long_enough_is_no_gap),
        path_test(history_gone_to_its_end_is_a_gap_up_to_its_last_id),
        path_test(history_trimmed_between_two_pages_is_a_gap_in_the_middle),
        cmocka_unit_test(raw_members_are_not_told_of_a_gap_but_may_be_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
