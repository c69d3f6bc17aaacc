/* test_recovery_bounds.c - how much waits while history is read, how much is read at once, and what
 * can go wrong with reading. */
#include "base/stats.h"
#include "interest.h"
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

static void set_large_history(struct path *path)
{
    path->history.size = 5000;
    path->history.bytes = 64 << 20;
}

/* Node 0 reads history, the answer is held; messages come and wait. */
static void begin_catch_up(struct path *path, struct path_client *far)
{
    path->redis->loses_messages = true;
    path_publish(far, "room", 1, 1);
    path->redis->loses_messages = false;
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    path_publish(far, "room", 2, 2); /* the first that waits */
}

static void end_catch_up(struct path *path)
{
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
}

static void as_many_messages_wait_as_the_bound_says_and_no_more(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct path path;
        path_start(&path, 2, 1);
        set_large_history(&path);
        struct path_client *ann = path_member(&path, 0, "room");
        struct path_client *far = path_json(&path, 1);
        uint64_t overflows = CW_STAT(group_buffer_overflows_total);
        unsigned last = CW_INTEREST_BUFFER_MESSAGES + 1 + over;
        begin_catch_up(&path, far);
        path_publish(far, "room", 3, last);
        assert_int_equal(CW_STAT(group_buffer_overflows_total) - overflows, over);
        end_catch_up(&path);
        path_publish(far, "room", last + 1, last + 1);
        path_expect_numbers(ann, "room", far, 1, 1, last + 1);
        path_expect_nothing(ann);
        assert_int_equal(path.nodes[0].gaps, 0);
        path_stop(&path);
    }
}

static void as_many_bytes_wait_as_the_bound_says(void **state)
{
    struct path *path = *state;
    set_large_history(path);
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    uint64_t overflows = CW_STAT(group_buffer_overflows_total);
    char text[60001];
    memset(text, 'x', 60000);
    text[60000] = '\0';
    begin_catch_up(path, far);
    unsigned last = 2;
    while (CW_STAT(group_buffer_overflows_total) == overflows && last < 100) {
        path_say(far, "{'op':'publish','group':'room','text':'%s'}", text);
        fake_time_run();
        last++;
    }
    assert_int_equal(last - 2, CW_INTEREST_BUFFER_BYTES / 60060 + 1);
    end_catch_up(path);
    path_expect_numbers(ann, "room", far, 1, 1, 2);
    assert_int_equal(path->nodes[0].messages, last);
    assert_int_equal(path->nodes[0].gaps, 0);
}

static void messages_that_come_after_an_overflow_are_not_lost(void **state)
{
    struct path *path = *state;
    set_large_history(path);
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    unsigned last = CW_INTEREST_BUFFER_MESSAGES + 2;
    begin_catch_up(path, far);
    path_publish(far, "room", 3, last);
    path_publish(far, "room", last + 1, last + 10); /* behind the overflow: not even looked at */
    fake_redis_hold(path->redis, FAKE_CALLS);
    end_catch_up(path); /* answered, and read once more, by pages */
    for (unsigned i = 11; i < 20; i++) {
        path_say(far, "{'op':'publish','group':'room','data':%u}", last + i);
        fake_redis_step(path->redis, 1);
    }
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    path_expect_numbers(ann, "room", far, 1, 1, last + 19);
    path_expect_nothing(ann);
}

/* Between the subscription and the answer to the first join nothing is known of the group. */
static void without_history_an_overflow_loses_what_waited_and_goes_on(void **state)
{
    struct path *path = *state;
    path->history.size = 0;
    struct path_client *ann = path_json(path, 0);
    struct path_client *far = path_json(path, 1);
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    fake_redis_hold(path->redis, FAKE_SUBSCRIBES);
    fake_time_run();
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    fake_redis_release(path->redis, FAKE_SUBSCRIBES);
    fake_time_run();
    path_publish(far, "room", 1, CW_INTEREST_BUFFER_MESSAGES + 1);
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':1}");
    path_expect_nothing(ann);
    path_publish(far, "room", 7, 7);
    path_expect(ann, "{'op':'message','group':'room','from':'%s','data':7}", far->uuid);
    path_expect_nothing(ann);
}

static void history_is_read_in_pages(void **state)
{
    struct path *path = *state;
    set_large_history(path);
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    static const struct {
        unsigned messages;
        size_t pages;
    } rows[] = {{199, 1}, {200, 1}, {201, 2}, {450, 3}};
    unsigned last = 0;
    for (int i = 0; i < 4; i++) {
        drop_node_0(path);
        path_publish(far, "room", last + 1, last + rows[i].messages);
        fake_redis_clear_log(path->redis);
        fake_time_advance(RECONNECT_MS);
        assert_int_equal(fake_redis_said(path->redis, "cw_node_read"), rows[i].pages);
        path_expect_numbers(ann, "room", far, 1, last + 1, last + rows[i].messages);
        path_expect_nothing(ann);
        last += rows[i].messages;
    }
}

static void a_page_is_bounded_in_bytes(void **state)
{
    struct path *path = *state;
    set_large_history(path);
    (void)path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    char text[60001];
    memset(text, 'x', 60000);
    text[60000] = '\0';
    drop_node_0(path);
    for (int i = 0; i < 20; i++)
        path_say(far, "{'op':'publish','group':'room','text':'%s'}", text);
    fake_time_run();
    fake_redis_clear_log(path->redis);
    fake_time_advance(RECONNECT_MS);
    assert_int_equal(path->nodes[0].messages, 20);
    assert_int_equal(fake_redis_said(path->redis, "cw_node_read"), 4); /* five of them in each */
}

static void a_thousand_groups_catch_up_sixty_four_at_a_time(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    struct path_client *far = path_json(path, 1);
    for (int i = 0; i < 1000; i++)
        path_say(ann, "{'op':'join','group':'g%03d'}", i);
    fake_time_run();
    path_expect_nothing(ann);
    drop_node_0(path);
    for (int i = 0; i < 2000; i++)
        path_say(far, "{'op':'publish','group':'g%03d','data':%d}", i % 1000, i / 1000);
    fake_time_run();
    fake_redis_clear_log(path->redis);
    fake_redis_hold(path->redis, FAKE_SUBSCRIBES);
    fake_time_advance(RECONNECT_MS);
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    fake_redis_release(path->redis, FAKE_SUBSCRIBES);
    fake_time_run();
    assert_int_equal(fake_redis_said(path->redis, "cw_node_read"), 64);
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
    assert_int_equal(fake_redis_said(path->redis, "cw_node_read"), 1000);

    unsigned char seen[1000] = {0};
    const char *frame;
    while ((frame = path_next(ann)) != NULL) {
        unsigned group, offset, data;
        assert_int_equal(sscanf(strstr(frame, "\"group\""), "\"group\":\"g%u\"", &group), 1);
        assert_int_equal(
            sscanf(strstr(frame, "\"offset\""), "\"offset\":%u,\"data\":%u", &offset, &data), 2);
        assert_int_equal(offset, data + 1);
        assert_int_equal(seen[group], data);
        seen[group]++;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(seen[i], 2);
}

/* What goes wrong with reading. */

static void a_history_that_can_not_be_read_is_tried_again_on_a_new_link(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path->redis->fail_word = "cw_node_read";
    path->redis->fail_text = "LOADING Redis is loading the dataset in memory";
    drop_node_0(path);
    path_publish(far, "room", 1, 3);
    fake_time_advance(5000);
    path_expect_nothing(ann);
    path->redis->fail_word = NULL;
    fake_time_advance(2000);
    path_expect_numbers(ann, "room", far, 1, 1, 3);
    path_expect_nothing(ann);
}

static void a_read_that_was_refused_for_too_much_in_flight_is_made_up_for(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path->redis->loses_messages = true;
    path_publish(far, "room", 1, 3);
    path->redis->loses_messages = false;
    fake_redis_hold(path->redis, FAKE_PUSHES);
    path_publish(far, "room", 4, 4);
    path->redis->in_flight_max = 0;
    fake_redis_release(path->redis, FAKE_PUSHES);
    fake_time_run(); /* the hole is seen, the read is refused */
    path->redis->in_flight_max = 10;
    fake_time_advance(2000);
    path_publish(far, "room", 5, 5);
    path_expect_numbers(ann, "room", far, 1, 1, 5);
    path_expect_nothing(ann);
}

static void entries_that_are_no_envelopes_are_passed_over_as_a_gap(void **state)
{
    struct path *path = *state;
    set_large_history(path);
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 1);
    drop_node_0(path);
    fake_store_append_garbage(&path->redis->store, "room"); /* 2 */
    path_publish(far, "room", 3, 3);
    for (int i = 4; i <= 453; i++) /* more than two pages of nothing else */
        fake_store_append_garbage(&path->redis->store, "room");
    path_publish(far, "room", 454, 454);
    fake_store_append_garbage(&path->redis->store, "room"); /* 455 */
    fake_time_advance(RECONNECT_MS);
    path_expect_numbers(ann, "room", far, 1, 1, 1);
    path_expect_gap(ann, "room", 1, 2);
    path_expect_numbers(ann, "room", far, 1, 3, 3);
    const char *frame;
    char last[200] = "";
    while ((frame = path_next(ann)) != NULL && strstr(frame, "\"gap\"") != NULL)
        (void)snprintf(last, sizeof(last), "%s", frame);
    assert_string_equal(last, "{\"op\":\"gap\",\"group\":\"room\",\"epoch\":\"1\",\"offset\":453}");
    assert_non_null(frame);
    assert_non_null(strstr(frame, "\"offset\":454,"));
    path_expect_gap(ann, "room", 1, 455);
    path_publish(far, "room", 456, 456);
    path_expect_numbers(ann, "room", far, 1, 456, 456);
    path_expect_nothing(ann);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_messages_wait_as_the_bound_says_and_no_more),
        path_test(as_many_bytes_wait_as_the_bound_says),
        path_test(messages_that_come_after_an_overflow_are_not_lost),
        path_test(without_history_an_overflow_loses_what_waited_and_goes_on),
        path_test(history_is_read_in_pages),
        path_test(a_page_is_bounded_in_bytes),
        path_test(a_thousand_groups_catch_up_sixty_four_at_a_time),
        path_test(a_history_that_can_not_be_read_is_tried_again_on_a_new_link),
        path_test(a_read_that_was_refused_for_too_much_in_flight_is_made_up_for),
        path_test(entries_that_are_no_envelopes_are_passed_over_as_a_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
