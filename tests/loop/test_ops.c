/* test_ops.c - ops on their way: order of answers, waiting, deadlines, what Redis is told of joins.
 */
#include "base/stats.h"
#include "functions.h"
#include "handlers/dispatch.h"
#include "loop/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expire(struct path *path, int64_t ms)
{
    fake_time_advance(ms);
    for (unsigned i = 0; i < path->node_count; i++)
        cw_dispatch_expire_ops(&path->nodes[i].node);
    fake_time_run();
}

/* Order. */

static void answers_come_in_the_order_of_the_ops(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    fake_redis_hold(path->redis, FAKE_CALLS);
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':1}");
    fake_time_run(); /* a turn of its own, a call of its own */
    path_say(ann, "{'op':'ping','id':2}");
    path_say(ann, "{'op':'dance','id':3}");
    path_say(ann, "{'op':'publish','group':'room','data':2}"); /* no id, no answer */
    fake_time_run();
    path_say(ann, "{'op':'leave','id':4,'group':'hall'}");
    path_say(ann, "{'op':'members','id':'five','group':'room'}");
    path_say(ann, "{'op':'ping'}");
    fake_time_run();
    path_expect_nothing(ann);

    fake_redis_step(path->redis, 1);
    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':1}");
    path_expect(ann, "{'op':'pong','id':2}");
    path_expect_start(ann, "{'op':'error','id':3,'code':'bad_request'");
    path_expect_nothing(ann);
    fake_redis_step(path->redis, 1);
    path_expect(ann, "{'op':'ok','id':4}");
    path_expect_nothing(ann);
    fake_redis_step(path->redis, 1);
    path_expect(ann, "{'op':'ok','id':'five','members':[]}");
    path_expect(ann, "{'op':'pong'}");
    path_expect_nothing(ann);
}

static void publish_behind_a_pending_join_of_its_group_waits_and_others_do_not(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    fake_redis_hold(path->redis, FAKE_PUSHES); /* the subscribe's ack among them */
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    path_say(ann, "{'op':'publish','id':2,'group':'room','data':1}");
    path_say(ann, "{'op':'publish','id':3,'group':'hall','data':2}");
    path_say(ann, "{'op':'publish','id':4,'group':'room','data':3}");
    fake_time_run();
    assert_int_equal(fake_redis_said(path->redis, "cw_node_append|hall"), 1);
    assert_int_equal(fake_redis_said(path->redis, "cw_node_append|room"), 0);
    path_expect_nothing(ann);

    fake_redis_release(path->redis, FAKE_PUSHES);
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':1,'epoch':'0','offset':0}");
    path_expect(ann, "{'op':'ok','id':2,'epoch':'2','offset':1}");
    path_expect(ann, "{'op':'ok','id':3,'epoch':'1','offset':1}");
    path_expect(ann, "{'op':'ok','id':4,'epoch':'2','offset':2}");
    path_expect_message(ann, "room", ann, 2, 1, "1");
    path_expect_message(ann, "room", ann, 2, 2, "3");
    path_expect_nothing(ann);
}

static void ops_of_one_group_keep_their_order_through_joins_and_leaves(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    static const char *const ops[] = {"join", "leave", "leave", "join", "join"};
    for (int i = 0; i < 5; i++) {
        path_say(ann, "{'op':'%s','id':%d,'group':'room'}", ops[i], 2 * i);
        path_say(ann, "{'op':'publish','id':%d,'group':'room','data':%d}", 2 * i + 1, i);
    }
    fake_time_run();
    const char *frame;
    int answers = 0;
    unsigned messages = 0; /* by their offsets */
    while ((frame = path_next(ann)) != NULL) {
        char start[40];
        unsigned offset = 0;
        (void)snprintf(start, sizeof(start), "{\"op\":\"ok\",\"id\":%d", answers);
        if (strncmp(frame, start, strlen(start)) == 0)
            answers++;
        else if (sscanf(strstr(frame, "\"offset\":"), "\"offset\":%u", &offset) == 1)
            messages |= 1U << offset;
    }
    assert_int_equal(answers, 10);
    /* The first may be cut off by the leave behind it; the next two are not this client's. */
    assert_int_equal(messages & ~2U, 1U << 4 | 1U << 5);
}

static void a_join_where_one_is_already_says_how_far_one_has_come(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    path_say(ann, "{'op':'publish','group':'room','data':1}");
    path_say(ann, "{'op':'publish','group':'room','data':2}");
    fake_time_run();
    assert_int_equal(path_skip(ann), 2);
    size_t said = fake_redis_said(path->redis, "cw_node_join");
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':2}");
    fake_time_run();
    assert_int_equal(fake_redis_said(path->redis, "cw_node_join"), said);

    fake_redis_hold(path->redis, FAKE_ANSWERS); /* what is sent before the answer counts */
    path_say(ann, "{'op':'publish','id':2,'group':'room','data':3}");
    path_say(ann, "{'op':'join','id':3,'group':'room'}");
    fake_time_run();
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
    path_expect_message(ann, "room", ann, 1, 3, "3");
    path_expect(ann, "{'op':'ok','id':2,'epoch':'1','offset':3}");
    path_expect(ann, "{'op':'ok','id':3,'epoch':'1','offset':3}");

    fake_redis_hold(path->redis, FAKE_ANSWERS); /* left before its turn has come */
    path_say(ann, "{'op':'publish','id':4,'group':'hall','data':4}");
    path_say(ann, "{'op':'join','id':5,'group':'room'}");
    path_say(ann, "{'op':'leave','id':6,'group':'room'}");
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':4,'epoch':'2','offset':1}");
    path_expect_start(ann, "{'op':'ok','id':5");
    path_expect(ann, "{'op':'ok','id':6}");
}

/* Joins. */

static void a_joins_ok_comes_after_the_subscription_and_the_membership(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    fake_redis_hold(path->redis, FAKE_CALLS | FAKE_SUBSCRIBES | FAKE_PUSHES | FAKE_ANSWERS);
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    fake_time_run();
    assert_int_equal(fake_redis_pending(path->redis), 1); /* the mark */
    fake_redis_step(path->redis, 10);
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
    assert_int_equal(fake_redis_pending(path->redis), 0); /* no membership before the topic */
    fake_redis_release(path->redis, FAKE_SUBSCRIBES);
    fake_time_run();
    assert_int_equal(fake_redis_pending(path->redis), 0);
    fake_redis_release(path->redis, FAKE_PUSHES);
    fake_time_run();
    assert_int_equal(fake_redis_pending(path->redis), 1);
    path_expect_nothing(ann);
    assert_false(path_is_member(path, ann, "room"));
    fake_redis_step(path->redis, 1);
    assert_true(path_is_member(path, ann, "room"));
    path_expect(ann, "{'op':'ok','id':1,'epoch':'0','offset':0}");
}

/* What is published while a join is under way: up to the ok's id nothing comes, after it all. */
static void a_join_divides_messages_at_the_id_in_its_ok(void **state)
{
    struct path *path = *state;
    struct path_client *far = path_json(path, 1);
    struct path_client *ann = path_json(path, 0);
    fake_redis_hold(path->redis, FAKE_CALLS);
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    fake_time_run();
    path_say(far, "{'op':'publish','group':'room','data':1}");
    fake_time_run();
    path_say(far, "{'op':'publish','group':'room','data':2}");
    fake_time_run();
    fake_redis_step(path->redis, 1); /* marked: the join goes behind these two */
    path_say(far, "{'op':'publish','group':'room','data':3}");
    fake_time_run();
    fake_redis_hold(path->redis, FAKE_PUSHES | FAKE_ANSWERS);
    fake_redis_step(path->redis, 2);
    assert_false(path_is_member(path, ann, "room"));
    fake_redis_step(path->redis, 1);
    assert_true(path_is_member(path, ann, "room"));
    fake_redis_step(path->redis, 1);
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
    fake_redis_release(path->redis, FAKE_CALLS | FAKE_PUSHES);
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':2}");
    path_expect_message(ann, "room", far, 1, 3, "3");
    path_expect_nothing(ann);
}

static void a_join_of_a_silent_group_begins_at_its_last_id(void **state)
{
    struct path *path = *state;
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 3);
    struct path_client *ann = path_json(path, 0);
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':3}");
    path_publish(far, "room", 4, 4);
    path_expect_numbers(ann, "room", far, 1, 4, 4);
    path_expect_nothing(ann);
    assert_int_equal(fake_redis_said(path->redis, "cw_node_read"), 0);
}

/* A second member joins where the first has not yet been sent all that was published before. */
static void a_joins_ok_waits_until_its_node_has_come_as_far(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *bob = path_json(path, 0);
    struct path_client *far = path_json(path, 1);
    fake_redis_hold(path->redis, FAKE_PUSHES);
    path_say(far, "{'op':'publish','group':'room','data':1}");
    fake_time_run();
    path_say(bob, "{'op':'join','id':1,'group':'room'}");
    fake_time_run();
    path_expect_nothing(bob);
    path_say(far, "{'op':'publish','group':'room','data':2}");
    fake_time_run();
    fake_redis_release(path->redis, FAKE_PUSHES);
    fake_time_run();
    path_expect(bob, "{'op':'ok','id':1,'epoch':'1','offset':1}");
    path_expect_message(bob, "room", far, 1, 2, "2");
    path_expect_nothing(bob);
    assert_int_equal(path_skip(ann), 2);
}

/* The ok has to wait for that of an op before it: so have the messages behind it. */
static void messages_above_a_joins_ok_come_after_it_however_late_that_is(void **state)
{
    struct path *path = *state;
    (void)path_member(path, 0, "room"); /* the node listens to it already */
    struct path_client *far = path_json(path, 1);
    struct path_client *ann = path_json(path, 0);
    fake_redis_hold(path->redis, FAKE_SUBSCRIBES);
    path_say(ann, "{'op':'join','id':1,'group':'hall'}");
    path_say(ann, "{'op':'join','id':2,'group':'room'}");
    path_say(ann, "{'op':'publish','id':3,'group':'room','data':1}");
    path_say(ann, "{'op':'publish','id':4,'group':'attic','data':2}");
    fake_time_run();
    assert_int_equal(fake_redis_said(path->redis, "cw_node_append|attic"), 1);
    path_publish(far, "room", 1, 2);
    path_expect_nothing(ann);
    fake_redis_release(path->redis, FAKE_SUBSCRIBES);
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':1,'epoch':'0','offset':0}");
    path_expect(ann, "{'op':'ok','id':2,'epoch':'2','offset':2}");
    path_expect(ann, "{'op':'ok','id':3,'epoch':'2','offset':3}");
    path_expect(ann, "{'op':'ok','id':4,'epoch':'1','offset':1}");
    path_expect_message(ann, "room", ann, 2, 3, "1");
    path_expect_nothing(ann);
}

static void redis_is_written_superset_first_and_emptied_in_reverse(void **state)
{
    struct path *path = *state;
    struct fake_redis *redis = path->redis;
    fake_redis_clear_log(redis);
    struct path_client *ann = path_open(path, 0, "groups=room", "chanway.v1.json");
    fake_time_run();
    size_t node_set = fake_redis_find(redis, 0, "SADD cw:{n:|:c");
    size_t hash = fake_redis_find(redis, 0, "HSET cw:{c:|node");
    size_t mark = fake_redis_find(redis, 0, "cw_node_mark|add room");
    size_t join = fake_redis_find(redis, 0, "cw_node_join|{g:room}");
    assert_true(node_set < hash && hash < mark && mark < join && join < SIZE_MAX);

    path_say(ann, "{'op':'join','id':1,'group':'hall'}");
    fake_time_run();
    mark = fake_redis_find(redis, 0, "cw_node_mark|add hall");
    join = fake_redis_find(redis, 0, "cw_node_join|{g:hall}");
    assert_true(mark < join && join < SIZE_MAX);

    path_say(ann, "{'op':'leave','id':2,'group':'hall'}");
    fake_time_run();
    size_t leave = fake_redis_find(redis, 0, "cw_node_leave|{g:hall}");
    size_t unmark = fake_redis_find(redis, 0, "cw_node_mark|del hall");
    assert_true(leave < unmark && unmark < SIZE_MAX);

    path_close(ann);
    fake_time_run();
    leave = fake_redis_find(redis, 0, "cw_node_leave|{g:room}");
    size_t detach = fake_redis_find(redis, 0, "cw_node_detach");
    node_set = fake_redis_find(redis, 0, "SREM cw:{n:|:c");
    assert_true(leave < detach && detach < node_set && node_set < SIZE_MAX);
    assert_false(path_is_registered(path, ann));
    assert_int_equal(path_members(path, "room"), 0);
}

static void joins_of_one_turn_travel_in_calls_of_128(void **state)
{
    struct path *path = *state;
    static const struct {
        int joins;
        size_t calls;
    } rows[] = {{1, 1}, {128, 1}, {129, 2}, {300, 3}};
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        struct path_client *clients[300];
        for (int i = 0; i < rows[row].joins; i++)
            clients[i] = path_json(path, 0);
        fake_redis_clear_log(path->redis);
        for (int i = 0; i < rows[row].joins; i++)
            path_say(clients[i], "{'op':'join','id':1,'group':'room-%zu'}", row);
        fake_time_run();
        assert_int_equal(fake_redis_said(path->redis, "cw_node_join"), rows[row].calls);
        for (int i = 0; i < rows[row].joins; i++)
            path_expect(clients[i], "{'op':'ok','id':1,'epoch':'0','offset':0}");

        fake_redis_clear_log(path->redis);
        for (int i = 0; i < rows[row].joins; i++)
            path_say(clients[i], "{'op':'leave','id':2,'group':'room-%zu'}", row);
        fake_time_run();
        assert_int_equal(fake_redis_said(path->redis, "cw_node_leave"), rows[row].calls);
        for (int i = 0; i < rows[row].joins; i++)
            path_expect(clients[i], "{'op':'ok','id':2}");
    }
}

static void new_channels_of_one_turn_are_registered_in_batches(void **state)
{
    struct path *path = *state;
    struct path_client *clients[300];
    fake_redis_clear_log(path->redis);
    for (int i = 0; i < 300; i++)
        clients[i] = path_open(path, 0, "groups=room", "chanway.v1.json");
    fake_time_run();
    assert_int_equal(fake_redis_said(path->redis, "SADD"), 3);
    assert_in_range(fake_redis_said(path->redis, "cw_node_join"), 3, 4);
    assert_int_equal(path_members(path, "room"), 300);
    assert_true(fake_store_is_covered(&path->redis->store));
    fake_redis_clear_log(path->redis);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(path_skip(clients[i]), 2); /* welcome, joined */
        path_close(clients[i]);
    }
    fake_time_run();
    assert_int_equal(fake_redis_said(path->redis, "cw_node_leave"), 3);
    assert_int_equal(fake_redis_said(path->redis, "SREM"), 3);
    assert_int_equal(path_members(path, "room"), 0);
}

static void groups_are_bounded(void **state)
{
    struct path *path = *state;
    path->nodes[0].node.limits.max_groups = 2;
    struct path_client *ann = path_member(path, 0, "a");
    path_say(ann, "{'op':'join','id':1,'group':'b'}");
    path_say(ann, "{'op':'join','id':2,'group':'c'}");
    path_say(ann, "{'op':'join','id':3,'group':'user:ann'}");
    path_say(ann, "{'op':'publish','id':4,'group':'user:ann','data':1}");
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':1");
    path_expect_start(ann, "{'op':'error','id':2,'code':'too_many_groups'");
    path_expect_start(ann, "{'op':'error','id':3,'code':'forbidden'");
    path_expect_start(ann, "{'op':'error','id':4,'code':'forbidden'");
    path_say(ann, "{'op':'leave','group':'a'}");
    fake_time_run();
    path_say(ann, "{'op':'join','id':5,'group':'c'}");
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':5");
}

/* Deadlines. */

static void timeout_of_what_was_handed_over_unavailable_of_what_waited(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    fake_redis_hold(path->redis, FAKE_CALLS);
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    path_say(ann, "{'op':'publish','id':2,'group':'room','data':1}"); /* behind the join */
    path_say(ann, "{'op':'publish','group':'hall','data':2}");
    path_say(ann, "{'op':'members','id':3,'group':'hall'}");
    path_say(ann, "{'op':'ping','id':4}");
    expire(path, 4999);
    path_expect_nothing(ann);
    expire(path, 1);
    path_expect_start(ann, "{'op':'error','id':1,'code':'timeout'");
    path_expect_start(ann, "{'op':'error','id':2,'code':'unavailable'");
    path_expect_start(ann,
                      "{'op':'error','code':'timeout'"); /* errors are told without an id, too */
    path_expect_start(ann, "{'op':'error','id':3,'code':'timeout'");
    path_expect(ann, "{'op':'pong','id':4}");
    path_expect_nothing(ann);

    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    path_expect_nothing(ann); /* answered once */
    assert_int_equal(fake_redis_said(path->redis, "cw_node_append|room"), 0);
}

static void a_join_that_succeeds_after_its_timeout_is_undone(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    struct path_client *far = path_json(path, 1);
    fake_redis_hold(path->redis, FAKE_CALLS);
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    fake_time_run();
    expire(path, 5000);
    path_expect_start(ann, "{'op':'error','id':1,'code':'timeout'");
    fake_redis_step(path->redis, 1); /* mark */
    fake_redis_step(path->redis, 1); /* join */
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    assert_int_equal(fake_redis_said(path->redis, "cw_node_join|room"), 1);
    assert_int_equal(fake_redis_said(path->redis, "cw_node_leave|room"), 1);
    assert_int_equal(path_members(path, "room"), 0);
    path_say(far, "{'op':'publish','group':'room','data':1}");
    fake_time_run();
    path_expect_nothing(ann);

    path_say(ann, "{'op':'join','id':2,'group':'room'}");
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':2,'epoch':'1','offset':1}");
    assert_true(path_is_member(path, ann, "room"));
}

static void ops_behind_a_join_that_timed_out_run_once_it_is_settled(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    fake_redis_hold(path->redis, FAKE_CALLS);
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    expire(path, 3000);
    path_say(ann, "{'op':'publish','id':2,'group':'room','data':1}");
    path_say(ann, "{'op':'join','id':3,'group':'room'}");
    expire(path, 2000);
    path_expect_start(ann, "{'op':'error','id':1,'code':'timeout'");
    path_expect_nothing(ann);
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':2,'epoch':'1','offset':1}");
    path_expect_start(ann, "{'op':'error','id':3,'code':'unavailable'"); /* it is being undone */
    path_expect_nothing(ann);
    path_say(ann, "{'op':'join','id':4,'group':'room'}");
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':4,'epoch':'1','offset':1}");
}

static void a_leave_that_times_out_is_done_all_the_same(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    fake_redis_hold(path->redis, FAKE_CALLS);
    path_say(ann, "{'op':'leave','id':1,'group':'room'}");
    expire(path, 5000);
    path_expect_start(ann, "{'op':'error','id':1,'code':'timeout'");
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    path_expect_nothing(ann);
    assert_int_equal(path_members(path, "room"), 0);
    path_say(ann, "{'op':'join','id':2,'group':'room'}");
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':2");
}

static void errors_of_redis_are_told_as_what_they_mean(void **state)
{
    struct path *path = *state;
    static const struct {
        const char *text, *code;
    } rows[] = {
        {"OOM command not allowed when used memory > 'maxmemory'", "unavailable"},
        {"LOADING Redis is loading the dataset in memory", "unavailable"},
        {"RATELIMITED 500 ms: 100000 idempotency keys are remembered", "rate_limited"},
        {"BADREQUEST cfg is none", "bad_request"},
        {"WRONGTYPE Operation against a key", "internal"},
    };
    struct path_client *ann = path_json(path, 0);
    for (int i = 0; i < 5; i++) {
        char group[] = {'r', (char)('0' + i), '\0'};
        char key[] = {'c', 'w', ':', '{', 'g', ':', group[0], group[1], '}', '\0'};
        path->redis->fail_word = key;
        path->redis->fail_text = rows[i].text;
        path_say(ann, "{'op':'publish','id':1,'group':'%s','data':1}", group);
        path_say(ann, "{'op':'join','id':2,'group':'%s'}", group);
        fake_time_run();
        path_expect_start(ann, "{'op':'error','id':1,'code':'%s'", rows[i].code);
        path_expect_start(ann, "{'op':'error','id':2,'code':'%s'", rows[i].code);
        path_expect_nothing(ann);

        path->redis->fail_word = NULL;
        path_say(ann, "{'op':'join','id':3,'group':'hall'}"); /* what was half done is taken back */
        path_say(ann, "{'op':'leave','group':'hall'}");
        fake_time_run();
        path_expect_start(ann, "{'op':'ok','id':3");
        path_say(ann, "{'op':'join','id':4,'group':'%s'}", group);
        fake_time_run();
        path_expect(ann, "{'op':'ok','id':4,'epoch':'0','offset':0}");
    }
}

/* Bounds. */

static void a_client_with_1024_unanswered_ops_is_not_read_until_half_are_answered(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    uint64_t paused = CW_STAT(client_input_paused_total);
    fake_redis_hold(path->redis, FAKE_CALLS);
    for (int i = 0; i < 1023; i++) {
        path_say(ann, "{'op':'publish','group':'room','data':1}");
        fake_time_run();
    }
    assert_false(ann->is_paused);
    path_say(ann, "{'op':'publish','group':'room','data':1}");
    assert_true(ann->is_paused);
    assert_int_equal(CW_STAT(client_input_paused_total) - paused, 1);
    path_say(ann, "{'op':'publish','group':'room','data':1}"); /* had been read already */
    fake_redis_step(path->redis, 512);
    assert_true(ann->is_paused);
    fake_redis_step(path->redis, 1);
    assert_false(ann->is_paused);
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    assert_false(ann->is_paused);
    assert_int_equal(fake_redis_said(path->redis, "cw_node_append"),
                     1024); /* the last two in one */
}

/* Calls. */

static void messages_of_one_turn_to_one_group_are_one_call(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    struct path_client *bob = path_member(path, 1, "room");
    int count = CW_FUNCTIONS_PUBLISH_MAX + 1;
    for (int i = 1; i <= count; i++)
        path_say(ann, "{'op':'publish','id':%d,'group':'room','data':%d}", i, i);
    fake_time_run();
    assert_int_equal(fake_redis_said(path->redis, "cw_node_append"), 2);
    for (int i = 1; i <= count; i++)
        path_expect(ann, "{'op':'ok','id':%d,'epoch':'1','offset':%d}", i, i);
    path_expect_numbers(bob, "room", ann, 1, 1, (unsigned)count);
}

static void messages_of_one_turn_keep_their_order_over_groups_and_with_keys(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    struct path_client *bob = path_member(path, 1, "room");
    fake_redis_hold(path->redis, FAKE_CALLS);
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':1}");
    path_say(ann, "{'op':'publish','id':2,'group':'room','data':2,'key':'k'}");
    path_say(ann, "{'op':'publish','id':3,'group':'room','data':3}");
    path_say(ann, "{'op':'publish','id':4,'group':'room','data':4}");
    path_say(ann, "{'op':'publish','id':5,'group':'hall','data':5}");
    path_say(ann, "{'op':'publish','id':6,'group':'room','data':5}");
    fake_time_run();
    assert_int_equal(fake_redis_pending(path->redis), 5);
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    for (int i = 1; i <= 4; i++)
        path_expect(ann, "{'op':'ok','id':%d,'epoch':'1','offset':%d}", i, i);
    path_expect(ann, "{'op':'ok','id':5,'epoch':'2','offset':1}");
    path_expect(ann, "{'op':'ok','id':6,'epoch':'1','offset':5}");
    path_expect_numbers(bob, "room", ann, 1, 1, 5);
}

static void messages_that_wait_as_the_link_is_lost_are_unavailable(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':1}");
    path_say(ann, "{'op':'publish','id':2,'group':'room','data':2}");
    fake_redis_drop(path->redis, 0, FAKE_COMMANDS, FAKE_NOT_SENT);
    fake_time_run();
    path_expect_start(ann, "{'op':'error','id':1,'code':'unavailable'");
    path_expect_start(ann, "{'op':'error','id':2,'code':'unavailable'");
    assert_int_equal(fake_redis_said(path->redis, "cw_node_append"), 0);
}

static void beyond_what_may_be_in_flight_ops_are_refused(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    path->redis->in_flight_max = 3;
    fake_redis_hold(path->redis, FAKE_CALLS);
    for (int i = 1; i <= 4; i++) {
        path_say(ann, "{'op':'publish','id':%d,'group':'room','data':1}", i);
        fake_time_run();
    }
    path_say(ann, "{'op':'join','id':5,'group':'hall'}");
    path_say(ann, "{'op':'members','id':6,'group':'hall'}");
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    for (int i = 1; i <= 3; i++)
        path_expect(ann, "{'op':'ok','id':%d,'epoch':'1','offset':%d}", i, i);
    for (int i = 4; i <= 6; i++)
        path_expect_start(ann, "{'op':'error','id':%d,'code':'unavailable'", i);
    assert_int_equal(path_skip(ann), 3);
    path_say(ann, "{'op':'join','id':7,'group':'hall'}");
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        path_test(answers_come_in_the_order_of_the_ops),
        path_test(publish_behind_a_pending_join_of_its_group_waits_and_others_do_not),
        path_test(ops_of_one_group_keep_their_order_through_joins_and_leaves),
        path_test(a_join_where_one_is_already_says_how_far_one_has_come),
        path_test(a_joins_ok_comes_after_the_subscription_and_the_membership),
        path_test(a_join_divides_messages_at_the_id_in_its_ok),
        path_test(a_join_of_a_silent_group_begins_at_its_last_id),
        path_test(a_joins_ok_waits_until_its_node_has_come_as_far),
        path_test(messages_above_a_joins_ok_come_after_it_however_late_that_is),
        path_test(redis_is_written_superset_first_and_emptied_in_reverse),
        path_test(joins_of_one_turn_travel_in_calls_of_128),
        path_test(new_channels_of_one_turn_are_registered_in_batches),
        path_test(groups_are_bounded),
        path_test(timeout_of_what_was_handed_over_unavailable_of_what_waited),
        path_test(a_join_that_succeeds_after_its_timeout_is_undone),
        path_test(ops_behind_a_join_that_timed_out_run_once_it_is_settled),
        path_test(a_leave_that_times_out_is_done_all_the_same),
        path_test(errors_of_redis_are_told_as_what_they_mean),
        path_test(a_client_with_1024_unanswered_ops_is_not_read_until_half_are_answered),
        path_test(messages_of_one_turn_to_one_group_are_one_call),
        path_test(messages_of_one_turn_keep_their_order_over_groups_and_with_keys),
        path_test(messages_that_wait_as_the_link_is_lost_are_unavailable),
        path_test(beyond_what_may_be_in_flight_ops_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
