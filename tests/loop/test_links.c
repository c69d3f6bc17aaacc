/* test_links.c - lost links, closed channels and lost data at every point of the way. */
#include "base/stats.h"
#include "channel/members.h"
#include "handlers/dispatch.h"
#include "interest.h"
#include "lease.h"
#include "loop/path.h"
#include "loop/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Signs of life. */

/* Who may publish to the node's topic could otherwise keep a dead link looking alive. */
static void a_canary_of_another_time_is_no_sign_of_life(void **state)
{
    struct path *path = *state;
    struct fake_store *store = &path->redis->store;
    struct cw_cluster_health health;
    char topic[CW_KEY_MAX];
    (void)snprintf(topic, sizeof(topic), "cw:n:%s", path->nodes[0].node.id);
    fake_time_advance(1000);
    static const char *const texts[] = {"canary 9223372036854775807", "canary 99999999",
                                        "canary -9223372036854775808"};
    for (int i = 0; i < 3; i++)
        store->on_publish(store->arg, false, topic, cw_bytes_text(texts[i]));
    fake_time_run();
    fake_redis_hold(path->redis, FAKE_ALIVE);
    fake_time_advance(3000);
    cw_cluster_health(path->nodes[0].cluster, &health);
    assert_true(health.canary_age_ms >= 2500 && health.canary_age_ms < 10000);
}

/* Calls in flight when the link is lost. */

static void redis_unreachable_ops_are_refused_at_once(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    path->redis->is_down = true;
    fake_redis_drop(path->redis, 0, FAKE_PUBSUB, FAKE_NOT_SENT);
    static const char *const ops[] = {"publish", "join", "members", "leave"};
    for (int i = 0; i < 4; i++)
        path_say(ann, "{'op':'%s','id':%d,'group':'%s','data':1}", ops[i], i,
                 i == 3 ? "room" : "hall");
    for (int i = 0; i < 4; i++)
        path_expect_start(ann, "{'op':'error','id':%d,'code':'unavailable'", i);
    fake_time_advance(60000);
    path->redis->is_down = false;
    fake_time_advance(2000); /* the longest back-off */
    assert_true(cw_cluster_is_up(path->nodes[0].cluster));
    path_say(ann, "{'op':'publish','id':5,'group':'room','data':1}");
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':5");
    path_expect_start(ann, "{'op':'message'");
}

static void a_client_that_connects_while_redis_is_away_is_registered_later(void **state)
{
    struct path *path = *state;
    path->redis->is_down = true;
    fake_redis_drop(path->redis, 0, FAKE_COMMANDS, FAKE_NOT_SENT);
    struct path_client *ann = path_open(path, 0, "groups=room", "chanway.v1.json");
    fake_time_run();
    path_expect_start(ann, "{'op':'welcome'");
    path_expect_start(ann, "{'op':'error','code':'unavailable'");
    assert_false(ann->is_paused);
    path->redis->is_down = false;
    fake_time_advance(2000);
    assert_true(path_is_registered(path, ann));
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':1");
}

static void a_join_that_was_not_sent_before_the_link_was_lost_is_unavailable(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_open(path, 0, "groups=room", "chanway.v1.json");
    path_say(ann, "{'op':'join','id':1,'group':'hall'}");
    path->redis->is_down = true;
    fake_redis_drop(path->redis, 0, FAKE_COMMANDS, FAKE_NOT_SENT);
    fake_time_run();
    path_expect_start(ann, "{'op':'welcome'");
    path_expect_start(ann, "{'op':'error','code':'unavailable'");
    path_expect_start(ann, "{'op':'error','id':1,'code':'unavailable'");
    path->redis->is_down = false;
    fake_time_advance(2000);
    path_expect_nothing(ann);
    assert_true(path_is_registered(path, ann));
    assert_int_equal(path_members(path, "room"), 0);
}

/* `unavailable`: it did not happen; `timeout`: it may have; then it is delivered like any other. */
static void publishes_in_flight_are_told_by_what_is_known_of_them(void **state)
{
    (void)state;
    static const struct {
        enum fake_loss loss;
        const char *code;
        size_t published;
    } rows[] = {
        {FAKE_NOT_SENT, "unavailable", 1},
        {FAKE_NOT_RUN, "timeout", 1},
        {FAKE_NOT_ANSWERED, "timeout", 3},
    };
    for (int i = 0; i < FAKE_LOSSES; i++) {
        struct path path;
        path_start(&path, 2, 1);
        struct path_client *ann = path_member(&path, 0, "room");
        fake_redis_hold(path.redis, FAKE_CALLS);
        for (int id = 1; id <= 3; id++) {
            path_say(ann, "{'op':'publish','id':%d,'group':'room','data':%d}", id, id);
            fake_time_run(); /* a turn of its own, a call of its own */
        }
        fake_redis_step(path.redis, 1);
        fake_redis_drop(path.redis, 0, FAKE_COMMANDS, rows[i].loss);
        fake_redis_release(path.redis, FAKE_CALLS);
        path_expect_message(ann, "room", ann, 1, 1, "1");
        path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':1}");
        path_expect_start(ann, "{'op':'error','id':2,'code':'%s'", rows[i].code);
        path_expect_start(ann, "{'op':'error','id':3,'code':'%s'", rows[i].code);
        fake_time_advance(RECONNECT_MS);
        for (unsigned n = 2; n <= rows[i].published; n++)
            path_expect_message(ann, "room", ann, 1, n, n == 2 ? "2" : "3");
        path_expect_nothing(ann);
        path_stop(&path);
    }
}

static void a_silent_redis_is_given_up_after_six_seconds(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    fake_redis_hold(path->redis, FAKE_ALIVE | FAKE_CALLS);
    fake_time_advance(400);
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':1}");
    path->redis->loss = FAKE_NOT_RUN;
    path->redis->is_down = true;
    fake_time_advance(5400);
    assert_true(cw_cluster_is_up(path->nodes[0].cluster));
    path_expect_nothing(ann);
    fake_time_advance(1000);
    assert_false(cw_cluster_is_up(path->nodes[0].cluster));
    path_expect_start(ann, "{'op':'error','id':1,'code':'timeout'");
    path->redis->is_down = false;
    fake_redis_release(path->redis, FAKE_ALIVE | FAKE_CALLS);
    fake_time_advance(2000);
    assert_true(cw_cluster_is_up(path->nodes[0].cluster));
}

static void a_server_that_has_become_a_replica_is_left(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    path->redis->fail_word = "cw_node_append";
    path->redis->fail_text = "READONLY You can't write against a read only replica.";
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':1}");
    fake_time_run();
    path_expect_start(ann, "{'op':'error','id':1,'code':'unavailable'");
    assert_false(cw_cluster_is_up(path->nodes[0].cluster));
    path->redis->fail_word = NULL;
    fake_time_advance(RECONNECT_MS);
    assert_true(cw_cluster_is_up(path->nodes[0].cluster));
    path_say(ann, "{'op':'publish','id':2,'group':'room','data':2}");
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':2");
}

static void a_missing_library_is_loaded_again(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    path->redis->store.has_library = false;
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':1}");
    fake_time_run();
    path_expect_start(ann, "{'op':'error','id':1,'code':'unavailable'");
    fake_time_advance(RECONNECT_MS);
    assert_true(path->redis->store.has_library);
    path_say(ann, "{'op':'publish','id':2,'group':'room','data':2}");
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':2");
    path_expect_start(ann, "{'op':'message'");
    path_expect_nothing(ann);
}

/* Redis is out of memory for a while: what it refused is written when it takes it again. */
static void writes_that_redis_refused_are_repeated_within_a_renewal(void **state)
{
    struct path *path = *state;
    static const char *const words[] = {"HSET",         "SADD", "cw_node_leave",
                                        "cw_node_join", "SREM", "cw_node_detach"};
    struct path_client *bob = path_member(path, 0, "room");
    for (int i = 0; i < 6; i++) {
        struct path_client *cat = path_member(path, 0, "room");
        struct path_client *dan = path_member(path, 0, "hall");
        path->redis->fail_word = words[i];
        path->redis->fail_text = "OOM command not allowed when used memory > 'maxmemory'";
        struct path_client *ann = path_open(path, 0, "groups=room", "chanway.v1.json");
        path_say(bob, "{'op':'join','group':'attic'}");
        path_say(cat, "{'op':'leave','group':'room'}");
        path_close(dan);
        fake_time_run();
        fake_time_advance(4000);
        path->redis->fail_word = NULL;
        fake_time_advance(3000);
        assert_true(path_is_registered(path, ann));
        assert_false(path_is_registered(path, dan));
        assert_false(path_is_member(path, cat, "room"));
        assert_false(path_is_member(path, dan, "hall"));
        path_say(ann, "{'op':'join','id':1,'group':'room'}");
        path_say(ann, "{'op':'leave','id':2,'group':'hall'}");
        fake_time_run();
        path_skip(ann);
        path_skip(bob);
        assert_true(path_is_member(path, ann, "room"));
        assert_true(path_is_member(path, bob, "room"));
        assert_true(fake_store_is_covered(&path->redis->store));
        path_say(bob, "{'op':'leave','group':'attic'}");
        fake_time_run();
        path_close(ann);
        path_close(cat);
    }
}

/* A replica that was behind, or a disk that was: the lease is older than what is missing. */
static void a_server_that_lost_its_latest_writes_is_told_them_again(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    char key[64];
    (void)snprintf(key, sizeof(key), "cw:{c:%s}", ann->uuid);
    fake_redis_restart(path->redis, FAKE_NOT_ANSWERED);
    fake_store_lose_key(&path->redis->store, key);
    fake_store_lose_key(&path->redis->store, "cw:{g:room}:m");
    fake_time_advance(RECONNECT_MS);
    assert_true(path_is_registered(path, ann));
    assert_true(path_is_member(path, ann, "room"));
    assert_true(path_is_marked(path, ann, "room"));

    fake_redis_clear_log(path->redis); /* the same server again: nothing to be told */
    fake_redis_drop(path->redis, 0, FAKE_COMMANDS, FAKE_NOT_SENT);
    fake_time_advance(RECONNECT_MS);
    assert_true(cw_cluster_is_up(path->nodes[0].cluster));
    assert_int_equal(fake_redis_said(path->redis, "HSET"), 0);
}

static void on_stopped(void *arg, int rc)
{
    assert_int_equal(rc, CW_OK);
    *(bool *)arg = true;
}

static void a_node_that_stops_takes_itself_out_of_redis(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    bool is_stopped = false;
    path_close(ann); /* in this very turn */
    assert_int_equal(cw_cluster_stop(path->nodes[0].cluster, on_stopped, &is_stopped), CW_OK);
    assert_false(is_stopped);
    fake_time_run();
    assert_true(is_stopped);
    assert_false(path_is_registered(path, ann));
    assert_int_equal(path_members(path, "room"), 0);
    assert_int_equal(fake_store_count(&path->redis->store, "cw:nodes"), 1);
    fake_time_advance(10000);
    assert_int_equal(fake_store_count(&path->redis->store, "cw:nodes"), 1);

    path->redis->is_down = true;
    fake_redis_drop(path->redis, 1, FAKE_COMMANDS, FAKE_NOT_SENT);
    assert_int_equal(cw_cluster_stop(path->nodes[1].cluster, on_stopped, &is_stopped),
                     CW_ERR_UNAVAILABLE);
}

/* What was to be joined is given up while the node may not write; the group is on the list of what
 * is to be written all the same when it may again. */
static void a_group_given_up_while_fenced_ends_once(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    struct path_client *bob = path_json(path, 0);
    fake_redis_hold(path->redis, FAKE_SUBSCRIBES);
    path_say(ann, "{'op':'join','group':'room'}");
    path_say(bob, "{'op':'join','group':'hall'}");
    path->redis->fail_word = "cw_node_renew";
    fake_time_advance(CW_LEASE_FENCE_MS + CW_LEASE_RENEW_MS - 1000);
    fake_redis_release(path->redis, FAKE_SUBSCRIBES);
    fake_time_run();
    path->redis->fail_word = NULL;
    path_close(ann);
    path_close(bob);
    fake_time_advance(1500); /* the lease is renewed */
    assert_int_equal(CW_STAT(node_groups), 2);
    fake_time_advance(CW_INTEREST_LINGER_MS + 1000);
    assert_int_equal(CW_STAT(node_groups), 0);
    assert_int_equal(path_members(path, "room"), 0);
}

static struct path_client *late;

static void close_late(struct path *path)
{
    (void)path;
    path_close(late);
}

/* Announced again, and gone before that was written. */
static void a_channel_that_closes_as_the_link_comes_back_leaves_nothing(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    late = path_member(path, 0, "room");
    fake_redis_hold(path->redis, FAKE_CALLS);
    struct path_client *bob = path_open(path, 0, "", ""); /* whose fate will be unknown */
    fake_time_run();
    fake_redis_drop(path->redis, 0, FAKE_COMMANDS, FAKE_NOT_RUN);
    fake_redis_release(path->redis, FAKE_CALLS);
    path->on_up = close_late;
    fake_time_advance(RECONNECT_MS);
    assert_null(late->channel);
    assert_false(path_is_registered(path, late));
    assert_false(path_is_member(path, late, "room"));
    assert_true(path_is_member(path, ann, "room"));
    assert_true(path_is_registered(path, bob));
}

static void close_both(struct scene *scene)
{
    path_close(scene->ann);
    path_close(scene->bob);
    scene_settle(scene);
    scene_check_agreement(scene);
    assert_int_equal(path_members(&scene->path, "room"), 1);
    assert_int_equal(path_members(&scene->path, "hall"), 0);
}

static void channels_closed_at_any_point_leave_nothing(void **state)
{
    (void)state;
    scene_at_every_point(close_both);
}

static void destroy_all(struct scene *scene)
{
    (void)scene; /* the clients first, then the node with all that is pending */
}

static void a_node_destroyed_at_any_point_leaks_nothing(void **state)
{
    (void)state;
    scene_at_every_point(destroy_all);
}

static enum fake_loss loss_now;
static enum fake_link link_now;

static void lose_link(struct scene *scene)
{
    fake_redis_drop(scene->path.redis, 0, link_now, loss_now);
    assert_true(fake_store_is_covered(&scene->path.redis->store)); /* as after a crash */
    scene_settle(scene);
    scene_check_agreement(scene);
    scene_check_answers(scene->bob, 1, 7);
    scene_check_answers(scene->ann, 1, 1);
}

static void with_every_loss(void (*befall)(struct scene *scene))
{
    for (int loss = 0; loss < FAKE_LOSSES; loss++) {
        for (int link = FAKE_COMMANDS; link <= FAKE_PUBSUB; link++) {
            loss_now = (enum fake_loss)loss;
            link_now = (enum fake_link)link;
            scene_at_every_point(befall);
        }
    }
}

static void after_a_link_lost_at_any_point_node_and_redis_agree(void **state)
{
    (void)state;
    with_every_loss(lose_link);
}

static void lose_link_then_close(struct scene *scene)
{
    fake_redis_drop(scene->path.redis, 0, link_now, loss_now);
    path_close(scene->bob);
    scene_settle(scene);
    path_close(scene->ann);
    scene_settle(scene);
    scene_check_agreement(scene);
}

static void channels_that_close_while_the_link_is_lost_leave_nothing(void **state)
{
    (void)state;
    with_every_loss(lose_link_then_close);
}

static void close_then_lose_link(struct scene *scene)
{
    path_close(scene->bob);
    fake_time_run();
    fake_redis_drop(scene->path.redis, 0, link_now, loss_now);
    scene_settle(scene);
    scene_check_agreement(scene);
    path_close(scene->ann);
    scene_settle(scene);
    scene_check_agreement(scene);
}

static void channels_that_close_before_the_link_is_lost_leave_nothing(void **state)
{
    (void)state;
    with_every_loss(close_then_lose_link);
}

static void forget_data(struct scene *scene)
{
    fake_store_forget(&scene->path.redis->store);
    fake_redis_restart(scene->path.redis, FAKE_NOT_RUN);
    scene_settle(scene);
    fake_time_advance(4000);
    scene_check_agreement(scene);
    scene_check_answers(scene->bob, 1, 7);
    scene_check_member(scene, scene->far, "room");
}

static void after_all_data_was_lost_the_registry_is_built_again(void **state)
{
    (void)state;
    scene_at_every_point(forget_data);
}

static void forget_data_under_way(struct scene *scene)
{
    fake_redis_hold(scene->path.redis, FAKE_ANSWERS);
    fake_redis_step(scene->path.redis, 1); /* run before it, answered after it */
    fake_redis_release(scene->path.redis, FAKE_ANSWERS);
    fake_store_forget(&scene->path.redis->store);
    scene->path.redis->store.has_library = true; /* FLUSHALL: no connection is lost */
    scene_settle(scene);
    fake_time_advance(4000);
    scene_check_agreement(scene);
}

static void after_a_flush_the_registry_is_built_again(void **state)
{
    (void)state;
    scene_at_every_point(forget_data_under_way);
}

/* The lease shows that the data is gone while joins and leaves still wait for their answers. */
static void forget_data_and_see_at_once(struct scene *scene)
{
    fake_store_forget(&scene->path.redis->store);
    scene->path.redis->store.has_library = true;
    fake_time_advance(4000);
    scene_settle(scene);
    scene_check_agreement(scene);
}

static void after_a_flush_joins_under_way_are_written_again(void **state)
{
    (void)state;
    scene_at_every_point(forget_data_and_see_at_once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        path_test(a_canary_of_another_time_is_no_sign_of_life),
        path_test(redis_unreachable_ops_are_refused_at_once),
        path_test(a_client_that_connects_while_redis_is_away_is_registered_later),
        path_test(a_join_that_was_not_sent_before_the_link_was_lost_is_unavailable),
        cmocka_unit_test(publishes_in_flight_are_told_by_what_is_known_of_them),
        path_test(a_silent_redis_is_given_up_after_six_seconds),
        path_test(a_server_that_has_become_a_replica_is_left),
        path_test(a_missing_library_is_loaded_again),
        path_test(writes_that_redis_refused_are_repeated_within_a_renewal),
        path_test(a_server_that_lost_its_latest_writes_is_told_them_again),
        path_test(a_group_given_up_while_fenced_ends_once),
        path_test(a_node_that_stops_takes_itself_out_of_redis),
        path_test(a_channel_that_closes_as_the_link_comes_back_leaves_nothing),
        cmocka_unit_test(channels_closed_at_any_point_leave_nothing),
        cmocka_unit_test(a_node_destroyed_at_any_point_leaks_nothing),
        cmocka_unit_test(after_a_link_lost_at_any_point_node_and_redis_agree),
        cmocka_unit_test(channels_that_close_while_the_link_is_lost_leave_nothing),
        cmocka_unit_test(channels_that_close_before_the_link_is_lost_leave_nothing),
        cmocka_unit_test(after_all_data_was_lost_the_registry_is_built_again),
        cmocka_unit_test(after_a_flush_the_registry_is_built_again),
        cmocka_unit_test(after_a_flush_joins_under_way_are_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
