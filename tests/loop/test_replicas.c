/* test_replicas.c - `wait-replicas`: no ok before enough replicas have what it is of. */
#include "base/stats.h"
#include "loop/path.h"
#include "replicas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct path_client *client_that_waits(struct path *path, int needed)
{
    struct path_client *ann = path_json(path, 0);
    cw_cluster_set_wait_replicas(path->nodes[0].cluster, needed);
    return ann;
}

static void publish(struct path_client *client, int id)
{
    path_say(client, "{'op':'publish','id':%d,'group':'room','data':%d}", id, id);
}

static void off_nothing_is_waited_for(void **state)
{
    struct path *path = *state;
    struct path_client *ann = client_that_waits(path, 0);
    publish(ann, 1);
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':1}");
    assert_int_equal(fake_redis_said(path->redis, "WAIT"), 0);
}

static void one_wait_covers_what_was_written_in_a_turn(void **state)
{
    struct path *path = *state;
    path->redis->store.replicas = 2;
    struct path_client *ann = client_that_waits(path, 2);
    struct path_client *bob = path_member(path, 0, "room");
    publish(ann, 1);
    publish(ann, 2);
    path_say(ann, "{'op':'send','id':3,'to':'%s','data':3}", bob->uuid);
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':1}");
    path_expect(ann, "{'op':'ok','id':2,'epoch':'1','offset':2}");
    path_expect_start(ann, "{'op':'error','id':3"); /* the fake has no cw_node_send */
    assert_int_equal(fake_redis_said(path->redis, "WAIT 2 50"), 1);
    size_t last = fake_redis_find(path->redis, 0, "cw_node_send");
    assert_true(fake_redis_find(path->redis, 0, "WAIT") > last);
    assert_int_equal(CW_STAT(replicas_held_messages), 0);
}

/* Delivered is not acknowledged; and what comes while a WAIT is under way waits for the next one.
 */
static void answers_are_held_until_wait_is_answered(void **state)
{
    struct path *path = *state;
    path->redis->store.replicas = 1;
    struct path_client *ann = client_that_waits(path, 1);
    struct path_client *bob = path_member(path, 1, "room");
    fake_redis_hold(path->redis, FAKE_CALLS);
    publish(ann, 1);
    fake_time_run();
    assert_int_equal(fake_redis_pending(path->redis), 2);
    fake_redis_step(path->redis, 1);
    path_expect_message(bob, "room", ann, 1, 1, "1");
    path_expect_nothing(ann);
    publish(ann, 2);
    publish(ann, 3);
    fake_time_run();
    publish(ann, 4);
    fake_time_run();
    assert_int_equal(fake_redis_pending(path->redis), 4);
    fake_redis_step(path->redis, 1); /* the first WAIT */
    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':1}");
    assert_int_equal(fake_redis_pending(path->redis), 4);
    fake_redis_step(path->redis, 3);
    path_expect_nothing(ann);
    assert_int_equal(CW_STAT(replicas_held_messages), 3);
    fake_redis_step(path->redis, 1);
    for (int i = 2; i <= 4; i++)
        path_expect(ann, "{'op':'ok','id':%d,'epoch':'1','offset':%d}", i, i);
    assert_int_equal(fake_redis_pending(path->redis), 0);
    assert_int_equal(fake_redis_said(path->redis, "WAIT 1 50"), 2);
    assert_int_equal(CW_STAT(replicas_acked), 1);
}

static void errors_are_told_at_once_and_in_order(void **state)
{
    struct path *path = *state;
    path->redis->store.replicas = 1;
    struct path_client *ann = client_that_waits(path, 1);
    fake_redis_hold(path->redis, FAKE_CALLS);
    path->redis->fail_word = "bad";
    path->redis->fail_text = "OOM command not allowed when used memory > 'maxmemory'";
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':1,'key':'bad'}");
    publish(ann, 2);
    fake_time_run();
    fake_redis_step(path->redis, 2);
    path_expect_start(ann, "{'op':'error','id':1,'code':'unavailable'");
    path_expect_nothing(ann);
    fake_redis_step(path->redis, 1);
    path_expect(ann, "{'op':'ok','id':2,'epoch':'1','offset':1}");
}

static void too_few_replicas_are_waited_for_again_and_then_it_is_a_timeout(void **state)
{
    struct path *path = *state;
    struct path_client *ann = client_that_waits(path, 1);
    uint64_t before = CW_STAT(replicas_too_few_total);
    publish(ann, 1);
    fake_time_advance(500);
    publish(ann, 2);
    fake_time_advance(CW_REPLICAS_LIMIT_MS - 501);
    path_expect_nothing(ann);
    fake_time_advance(10);
    path_expect_start(ann, "{'op':'error','id':1,'code':'timeout'");
    path_expect_nothing(ann);
    assert_in_range(fake_redis_said(path->redis, "WAIT"), 100, CW_REPLICAS_LIMIT_MS / 5 + 5);
    path->redis->store.replicas = 1; /* in time for the second */
    fake_time_advance(10);
    path_expect(ann, "{'op':'ok','id':2,'epoch':'1','offset':2}");
    assert_int_equal(CW_STAT(replicas_too_few_total), before + 1);
    assert_int_equal(CW_STAT(replicas_held_messages), 0);
    size_t said = fake_redis_said(path->redis, "WAIT");
    fake_time_advance(10000);
    assert_int_equal(fake_redis_said(path->redis, "WAIT"), said);
}

/* Whatever became of the calls: an answer that was held is never an ok. */
static void a_lost_link_makes_timeouts_of_what_was_held(void **state)
{
    (void)state;
    for (int loss = 0; loss < FAKE_LOSSES; loss++) {
        struct path path;
        path_start(&path, 2, 1);
        path.redis->store.replicas = 1;
        struct path_client *ann = client_that_waits(&path, 1);
        fake_redis_hold(path.redis, FAKE_CALLS);
        publish(ann, 1);
        fake_time_run();
        publish(ann, 2);
        fake_time_run();
        fake_redis_step(path.redis, 1);
        path_expect_nothing(ann);
        fake_redis_drop(path.redis, 0, FAKE_COMMANDS, (enum fake_loss)loss);
        path_expect_start(ann, "{'op':'error','id':1,'code':'timeout'");
        path_expect_start(ann, "{'op':'error','id':2,'code':'%s'",
                          loss == FAKE_NOT_SENT ? "unavailable" : "timeout");
        fake_redis_release(path.redis, FAKE_CALLS);
        fake_time_advance(100);
        assert_true(cw_cluster_is_up(path.nodes[0].cluster));
        publish(ann, 3);
        fake_time_run();
        path_expect_start(ann, "{'op':'ok','id':3");
        assert_int_equal(CW_STAT(replicas_held_messages), 0);
        path_stop(&path);
    }
}

static void a_redis_that_refuses_wait_is_left(void **state)
{
    struct path *path = *state;
    path->redis->store.replicas = 1;
    struct path_client *ann = client_that_waits(path, 1);
    publish(ann, 1);
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':1");
    path->redis->fail_word = "WAIT";
    path->redis->fail_text = "NOPERM this user has no permissions to run the 'wait' command";
    publish(ann, 2);
    fake_time_run();
    path_expect_start(ann, "{'op':'error','id':2,'code':'timeout'");
    assert_false(cw_cluster_is_up(path->nodes[0].cluster));
    struct cw_cluster_health health;
    cw_cluster_health(path->nodes[0].cluster, &health);
    assert_string_equal(health.why, "WAIT was refused, but wait-replicas is set");
    fake_time_advance(5000); /* found when the link is up, not by a message */
    assert_true(fake_redis_said(path->redis, "WAIT 0") > 10);
    path->redis->fail_word = NULL;
    fake_time_advance(5000);
    assert_true(cw_cluster_is_up(path->nodes[0].cluster));
    publish(ann, 3);
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':3");
}

static void switched_off_what_is_held_is_answered(void **state)
{
    struct path *path = *state;
    struct path_client *ann = client_that_waits(path, 2);
    publish(ann, 1);
    fake_time_advance(100);
    path_expect_nothing(ann);
    cw_cluster_set_wait_replicas(path->nodes[0].cluster, 0);
    publish(ann, 2);
    fake_time_advance(10);
    path_expect_start(ann, "{'op':'ok','id':1");
    path_expect_start(ann, "{'op':'ok','id':2");
}

struct tally {
    int oks, timeouts;
};

static void on_published(void *arg, int rc, const struct cw_published *published)
{
    struct tally *tally = arg;
    tally->oks += rc == CW_OK;
    tally->timeouts += rc == CW_ERR_TIMEOUT;
    assert_true(rc == CW_OK || !published->is_logged);
}

/* Redis has answered them: they count no more as in flight. */
static void what_is_held_has_a_bound(void **state)
{
    struct path *path = *state;
    struct cw_cluster *cluster = path->nodes[0].cluster;
    struct tally tally = {0};
    struct cw_message message = {.type = CW_PAYLOAD_TEXT,
                                 .payload = cw_bytes_text("x"),
                                 .from = cw_bytes_text("test"),
                                 .group = cw_bytes_text("room")};
    path->redis->keeps_log = false;
    cw_cluster_set_wait_replicas(cluster, 1);
    for (int i = 0; i < CW_REPLICAS_HELD_MAX; i++) {
        assert_int_equal(cw_cluster_publish(cluster, &message, on_published, &tally), CW_OK);
        if (i % 1000 == 0)
            fake_time_run();
    }
    fake_time_run();
    assert_int_equal(CW_STAT(replicas_held_messages), CW_REPLICAS_HELD_MAX);
    uint64_t refused = CW_STAT(publish_refused_total);
    assert_int_equal(cw_cluster_publish(cluster, &message, on_published, &tally),
                     CW_ERR_UNAVAILABLE);
    assert_int_equal(CW_STAT(publish_refused_total), refused + 1);
    path->redis->store.replicas = 1;
    fake_time_advance(10);
    assert_int_equal(tally.oks, CW_REPLICAS_HELD_MAX);
    assert_int_equal(cw_cluster_publish(cluster, &message, on_published, &tally), CW_OK);
    fake_time_run();
    assert_int_equal(tally.oks, CW_REPLICAS_HELD_MAX + 1);
}

static void a_cluster_that_is_destroyed_answers_what_it_holds(void **state)
{
    (void)state;
    struct path path;
    struct tally tally = {0};
    struct cw_message message = {.type = CW_PAYLOAD_TEXT,
                                 .payload = cw_bytes_text("x"),
                                 .from = cw_bytes_text("test"),
                                 .group = cw_bytes_text("room")};
    path_start(&path, 2, 1);
    cw_cluster_set_wait_replicas(path.nodes[0].cluster, 1);
    assert_int_equal(cw_cluster_publish(path.nodes[0].cluster, &message, on_published, &tally),
                     CW_OK);
    fake_time_run();
    assert_int_equal(cw_cluster_publish(path.nodes[0].cluster, &message, on_published, &tally),
                     CW_OK);
    path_stop(&path);
    assert_int_equal(tally.timeouts, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        path_test(off_nothing_is_waited_for),
        path_test(one_wait_covers_what_was_written_in_a_turn),
        path_test(answers_are_held_until_wait_is_answered),
        path_test(errors_are_told_at_once_and_in_order),
        path_test(too_few_replicas_are_waited_for_again_and_then_it_is_a_timeout),
        cmocka_unit_test(a_lost_link_makes_timeouts_of_what_was_held),
        path_test(a_redis_that_refuses_wait_is_left),
        path_test(switched_off_what_is_held_is_answered),
        path_test(what_is_held_has_a_bound),
        cmocka_unit_test(a_cluster_that_is_destroyed_answers_what_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
