/* test_limits.c - a connection's way past max-per-address and connect-rate, and Redis away. */
#include "base/stats.h"
#include "channel/extras.h"
#include "handlers/dispatch.h"
#include "loop/fake_limits.h"
#include "loop/path.h"
#include "middleware/chain.h"
#include "middleware/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Where clients of path.c come from. */
#define SEATS "cw:{l:a:10.0.0.7}"

struct scene {
    struct path path;
    struct cw_chain chain;
    struct cw_limits *limits;
};

static void begin(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    path_start(&scene->path, 1, 1);
    struct cw_node *node = &scene->path.nodes[0].node;
    assert_int_equal(cw_limits_add(&scene->chain, node), CW_OK);
    node->chain = &scene->chain;
    node->admit = cw_chain_admit;
    scene->limits = &node->limits;
}

static void end(struct scene *scene)
{
    path_stop(&scene->path);
    cw_chain_finish(&scene->chain);
    assert_int_equal(CW_STAT(limits_seats), 0);
}

static struct path_client *come(struct scene *scene)
{
    struct path_client *client = path_open(&scene->path, 0, "", "chanway.v1.json");
    fake_time_run();
    return client;
}

static void expect_bye(struct path_client *client, int code)
{
    path_expect_start(client, "{'op':'bye','code':%d", code);
    path_expect_nothing(client);
    assert_int_equal(client->close_code, code);
}

static size_t seats(const struct scene *scene)
{
    return fake_store_count(&scene->path.redis->store, SEATS);
}

/* Time passes, and the gateway's tick with it. */
static void pass_time(struct scene *scene, int64_t ms)
{
    for (int64_t left = ms; left > 0; left -= 100) {
        fake_time_advance(left < 100 ? left : 100);
        cw_dispatch_expire_ops(&scene->path.nodes[0].node);
        fake_time_run();
    }
}

static void without_limits_redis_is_not_asked(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.path.redis->keeps_log = true;
    struct path_client *ann = come(&scene);
    path_expect_start(ann, "{'op':'welcome'");
    assert_int_equal(fake_redis_said(scene.path.redis, "cw_node_admit"), 0);
    assert_null(ann->channel->extras);
    end(&scene);
}

static void a_seat_is_taken_kept_and_given_back(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.limits->max_per_address = 1;
    fake_redis_hold(scene.path.redis, FAKE_CALLS);
    struct path_client *ann = come(&scene);
    assert_true(ann->is_paused);
    path_expect_nothing(ann);
    fake_redis_release(scene.path.redis, FAKE_CALLS);
    fake_time_run();
    path_expect_start(ann, "{'op':'welcome'");
    assert_int_equal(seats(&scene), 1);

    struct path_client *bob = come(&scene);
    expect_bye(bob, 4002);
    path_close(bob);
    fake_time_run();
    assert_int_equal(seats(&scene), 1);

    fake_store_lose_key(&scene.path.redis->store, SEATS);
    pass_time(&scene, 5200); /* renewed */
    assert_int_equal(seats(&scene), 1);
    path_close(ann);
    fake_time_run();
    assert_int_equal(seats(&scene), 0);
    path_expect_start(come(&scene), "{'op':'welcome'");
    end(&scene);
}

static void who_comes_too_fast_is_told_when(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.limits->connect_rate = 1;
    scene.limits->connect_rate_ms = 60000;
    path_expect_start(come(&scene), "{'op':'welcome'");
    struct path_client *bob = come(&scene);
    path_expect(bob, "{'op':'bye','code':4002,'reason':'connecting too often','retry_ms':%d}",
                FAKE_RATE_WAIT_MS);
    assert_int_equal(seats(&scene), 0); /* nothing to renew */
    end(&scene);
}

static void who_goes_meanwhile_leaves_no_seat(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.limits->max_per_address = 5;
    fake_redis_hold(scene.path.redis, FAKE_CALLS);
    path_close(come(&scene));
    fake_redis_release(scene.path.redis, FAKE_CALLS);
    fake_time_run();
    assert_int_equal(seats(&scene), 0);
    end(&scene);
}

static void open_lets_in_after_two_seconds_and_counts_later(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.limits->max_per_address = 1;
    path_expect_start(come(&scene), "{'op':'welcome'");
    uint64_t before = CW_STAT(limits_unavailable_total);
    fake_redis_hold(scene.path.redis, FAKE_CALLS);
    struct path_client *bob = come(&scene);
    pass_time(&scene, 1900);
    assert_null(bob->channel->mirror);
    pass_time(&scene, 300);
    assert_non_null(bob->channel->mirror); /* it is let in: attaching */
    assert_int_equal(CW_STAT(limits_unavailable_total), before + 1);
    fake_redis_release(scene.path.redis, FAKE_CALLS);
    fake_time_run();
    path_expect_start(bob, "{'op':'welcome'"); /* the late answer, a no, changes nothing */
    assert_int_equal(bob->close_code, 0);
    pass_time(&scene, 5200);
    assert_int_equal(seats(&scene), 2);
    expect_bye(come(&scene), 4002);
    end(&scene);
}

static void closed_closes_after_two_seconds(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.limits->max_per_address = scene.limits->connect_rate = 5;
    scene.limits->connect_rate_ms = 60000;
    scene.limits->closes_without_limits = true;
    fake_redis_hold(scene.path.redis, FAKE_CALLS);
    struct path_client *ann = come(&scene);
    pass_time(&scene, 2200);
    expect_bye(ann, 1013);
    path_close(ann);
    fake_redis_release(scene.path.redis, FAKE_CALLS);
    fake_time_run();
    assert_int_equal(seats(&scene), 0);
    end(&scene);
}

static void a_short_op_timeout_is_not_waited_out(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.limits->max_per_address = 1;
    scene.limits->op_timeout_ms = 600;
    fake_redis_hold(scene.path.redis, FAKE_CALLS);
    struct path_client *ann = come(&scene);
    pass_time(&scene, 700); /* else it would be closed with 1013 now */
    assert_int_equal(ann->close_code, 0);
    assert_non_null(ann->channel->mirror);
    end(&scene);
}

static void without_a_link_it_is_decided_at_once(void **state)
{
    (void)state;
    for (int closed = 0; closed <= 1; closed++) {
        struct scene scene;
        begin(&scene);
        scene.limits->max_per_address = 1;
        scene.limits->closes_without_limits = closed == 1;
        scene.path.redis->is_down = true;
        fake_redis_drop(scene.path.redis, 0, FAKE_COMMANDS, FAKE_NOT_RUN);
        fake_time_run();
        struct path_client *ann = come(&scene);
        if (closed == 1)
            expect_bye(ann, 1013);
        else
            path_expect_start(ann, "{'op':'welcome'");
        scene.path.redis->is_down = false;
        pass_time(&scene, 10000);
        assert_int_equal(seats(&scene), closed == 1 ? 0 : 1);
        end(&scene);
    }
}

static void an_error_of_redis_is_no_answer(void **state)
{
    (void)state;
    static const char *const errors[] = {"OOM command not allowed", "RATELIMITED 5 ms: no",
                                         "ERR what is this"};
    for (size_t i = 0; i < 3; i++) {
        struct scene scene;
        begin(&scene);
        scene.limits->max_per_address = 1;
        scene.limits->closes_without_limits = true;
        scene.path.redis->fail_word = "cw_node_admit";
        scene.path.redis->fail_text = errors[i];
        expect_bye(come(&scene), 1013);
        end(&scene);
    }
}

static void all_go_at_once_while_they_are_thought_about(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.limits->max_per_address = 50;
    fake_redis_hold(scene.path.redis, FAKE_CALLS);
    for (int i = 0; i < 20; i++)
        (void)come(&scene);
    end(&scene);
}

/* A flood of connections of one address takes a call for 128 of them. */
static void renewals_go_in_batches(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.limits->max_per_address = 1000;
    for (int i = 0; i < 300; i++)
        (void)come(&scene);
    assert_int_equal(seats(&scene), 300);
    scene.path.redis->keeps_log = true;
    pass_time(&scene, 5200);
    assert_int_equal(fake_redis_said(scene.path.redis, "cw_node_seats"), 3);
    pass_time(&scene, 5000);
    assert_int_equal(fake_redis_said(scene.path.redis, "cw_node_seats"), 6);
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_limits_redis_is_not_asked),
        cmocka_unit_test(a_seat_is_taken_kept_and_given_back),
        cmocka_unit_test(who_comes_too_fast_is_told_when),
        cmocka_unit_test(who_goes_meanwhile_leaves_no_seat),
        cmocka_unit_test(open_lets_in_after_two_seconds_and_counts_later),
        cmocka_unit_test(closed_closes_after_two_seconds),
        cmocka_unit_test(a_short_op_timeout_is_not_waited_out),
        cmocka_unit_test(without_a_link_it_is_decided_at_once),
        cmocka_unit_test(an_error_of_redis_is_no_answer),
        cmocka_unit_test(all_go_at_once_while_they_are_thought_about),
        cmocka_unit_test(renewals_go_in_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
