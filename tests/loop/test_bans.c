/* test_bans.c - a node's copy of the bans, and what becomes of channels. */
#include "ban_mirror.h"
#include "base/stats.h"
#include "channel/grants.h"
#include "loop/fake_bans.h"
#include "loop/path.h"
#include "middleware/bans.h"
#include "middleware/chain.h"
#include "policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct scene {
    struct path path;
    struct cw_chain chains[2];
    struct cw_ban_guard *guards[2];
};

static void begin(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    path_start(&scene->path, 2, 1);
    for (int i = 0; i < 2; i++) {
        struct cw_node *node = &scene->path.nodes[i].node;
        assert_int_equal(cw_ban_guard_add(&scene->chains[i]), CW_OK);
        assert_int_equal(cw_ban_guard_create(scene->path.base, node, &scene->guards[i]), CW_OK);
        node->chain = &scene->chains[i];
        node->admit = cw_chain_admit;
    }
}

static void end(struct scene *scene)
{
    for (int i = 0; i < 2; i++)
        cw_ban_guard_destroy(scene->guards[i]);
    path_stop(&scene->path);
    for (int i = 0; i < 2; i++)
        cw_chain_finish(&scene->chains[i]);
}

static struct cw_ban_mirror *mirror(const struct scene *scene, unsigned node)
{
    return cw_cluster_bans(scene->path.nodes[node].cluster);
}

static void change(struct scene *scene, const char *subject, const char *reason)
{
    fake_bans_change(&scene->path.redis->store, subject, reason);
    fake_time_run();
}

static struct path_client *come(struct scene *scene, unsigned node)
{
    struct path_client *client = path_open(&scene->path, node, "", "chanway.v1.json");
    fake_time_run();
    return client;
}

static void expect_banned(struct path_client *client, const char *reason)
{
    path_expect(client, "{'op':'bye','code':4004,'reason':'%s','retry_ms':null}", reason);
    path_expect_nothing(client);
    assert_int_equal(client->close_code, 4004);
}

static void pass_time(int64_t ms)
{
    for (; ms > 0; ms -= 100) {
        fake_time_advance(100);
        fake_time_run();
    }
}

static void all_that_are_there_and_all_that_come(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    struct path_client *ann = path_json(&scene.path, 0);
    struct path_client *bob = path_json(&scene.path, 1);
    change(&scene, "address:10.0.0.7", "too loud");
    expect_banned(ann, "too loud");
    expect_banned(bob, "too loud");
    expect_banned(come(&scene, 1), "too loud");
    change(&scene, "address:10.0.0.7", NULL);
    path_expect_start(come(&scene, 0), "{'op':'welcome'");
    end(&scene);
}

static void channels_and_users_alone(void **state)
{
    (void)state;
    struct scene scene;
    char subject[80];
    begin(&scene);
    struct path_client *ann = path_json(&scene.path, 0);
    struct path_client *bob = path_json(&scene.path, 0);
    struct path_client *eve = path_json(&scene.path, 0);
    struct cw_grants *grants = calloc(1, sizeof(*grants));
    assert_non_null(grants);
    grants->user = strdup("e v");
    eve->channel->grants = grants;
    (void)snprintf(subject, sizeof(subject), "channel:%s", ann->uuid);
    change(&scene, subject, "");
    expect_banned(ann, "banned");
    change(&scene, "user:e=20v", "x");
    expect_banned(eve, "x");
    assert_int_equal(bob->close_code, 0);
    path_expect_nothing(bob);
    end(&scene);
}

static void a_change_that_was_missed_is_read(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.path.redis->keeps_log = true;
    fake_redis_clear_log(scene.path.redis);
    change(&scene, "user:a", "1");
    change(&scene, "user:b", "2");
    assert_int_equal(fake_redis_said(scene.path.redis, "cw_node_bans"), 0); /* it follows */
    assert_int_equal(mirror(&scene, 0)->version, 2);
    mirror(&scene, 0)->version = 1;
    cw_ban_list_lift(&mirror(&scene, 0)->list, cw_bytes_text("user:b"));
    change(&scene, "user:c", "3");
    assert_int_equal(fake_redis_said(scene.path.redis, "cw_node_bans"), 1);
    assert_int_equal(mirror(&scene, 0)->version, 3);
    assert_int_equal(mirror(&scene, 0)->list.bans.count, 3);
    end(&scene);
}

static void changes_while_it_is_asked_are_kept(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    fake_redis_hold(scene.path.redis, FAKE_ANSWERS);
    pass_time(5000); /* asked, and answered with nothing */
    change(&scene, "user:a", "1");
    fake_redis_release(scene.path.redis, FAKE_ANSWERS);
    fake_time_run();
    assert_int_equal(mirror(&scene, 0)->version, 1);
    assert_int_equal(mirror(&scene, 0)->list.bans.count, 1);
    assert_int_equal(mirror(&scene, 1)->list.bans.count, 1);
    end(&scene);
}

static void they_hold_without_a_link_and_are_given_back(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    change(&scene, "address:10.0.0.7", "too loud");
    scene.path.redis->is_down = true;
    fake_redis_drop(scene.path.redis, 0, FAKE_COMMANDS, FAKE_NOT_RUN);
    fake_redis_drop(scene.path.redis, 1, FAKE_COMMANDS, FAKE_NOT_RUN);
    fake_time_run();
    assert_false(mirror(&scene, 0)->is_current);
    expect_banned(come(&scene, 0), "too loud");
    uint64_t restored = CW_STAT(bans_restored_total);
    fake_bans_forget(&scene.path.redis->store, 0);
    scene.path.redis->is_down = false;
    pass_time(10000);
    assert_int_equal(CW_STAT(bans_restored_total), restored + 1);
    assert_string_equal(fake_store_get(&scene.path.redis->store, "cw:bans", "address:10.0.0.7"),
                        "too loud");
    for (unsigned i = 0; i < 2; i++) {
        assert_true(mirror(&scene, i)->is_current);
        expect_banned(come(&scene, i), "too loud");
    }
    end(&scene);
}

static void a_lift_that_redis_has_lost_is_given_back(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    change(&scene, "user:a", "1");
    change(&scene, "user:a", NULL);
    fake_bans_forget(&scene.path.redis->store, 1); /* the snapshot of before */
    pass_time(6000);
    assert_string_equal(fake_store_get(&scene.path.redis->store, "cw:bans", "v"), "2");
    /* Of nothing at all nothing is made. */
    fake_bans_forget(&scene.path.redis->store, 0);
    pass_time(6000);
    assert_int_equal(fake_store_count(&scene.path.redis->store, "cw:bans"), 0);
    assert_int_equal(mirror(&scene, 0)->version, 0);
    end(&scene);
}

static void closed_lets_nobody_in_who_cannot_be_looked_up(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.path.nodes[0].node.limits.closes_without_limits = true;
    struct path_client *ann = path_json(&scene.path, 0);
    scene.path.redis->is_down = true;
    fake_redis_drop(scene.path.redis, 0, FAKE_COMMANDS, FAKE_NOT_RUN);
    fake_time_run();
    struct path_client *bob = come(&scene, 0);
    path_expect_start(bob, "{'op':'bye','code':1013");
    assert_int_equal(bob->close_code, 1013);
    assert_int_equal(ann->close_code, 0);
    scene.path.redis->is_down = false;
    pass_time(10000);
    path_expect_start(come(&scene, 0), "{'op':'welcome'");
    end(&scene);
}

static void words_that_are_no_change_are_ignored(void **state)
{
    (void)state;
    static const char *const words[] = {"bans ",
                                        "bans x",
                                        "bans 0 1",
                                        "bans 0 1 2",
                                        "bans 0 1 x y z",
                                        "bans 0 0 1 user:a b",
                                        "bans 0 1 60000 nobody b",
                                        "bans 0 1 60000 user:a",
                                        "bans -1 1 60000 user:a b",
                                        "bans 99999999999999999999 1 1 user:a b"};
    struct scene scene;
    begin(&scene);
    struct fake_store *store = &scene.path.redis->store;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        store->on_publish(store->arg, false, "cw:all", cw_bytes_text(words[i]));
        fake_time_run();
        assert_int_equal(mirror(&scene, 0)->list.bans.count, 0);
        assert_int_equal(mirror(&scene, 0)->version, 0);
    }
    end(&scene);
}

static void a_thousand_and_more_are_looked_at_in_slices(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    for (int i = 0; i < 2500; i++)
        (void)come(&scene, 0);
    uint64_t closed = CW_STAT(bans_closed_total);
    change(&scene, "address:10.0.0.0/8", "all");
    assert_int_equal(CW_STAT(bans_closed_total), closed + 2500);
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_are_there_and_all_that_come),
        cmocka_unit_test(channels_and_users_alone),
        cmocka_unit_test(a_change_that_was_missed_is_read),
        cmocka_unit_test(changes_while_it_is_asked_are_kept),
        cmocka_unit_test(they_hold_without_a_link_and_are_given_back),
        cmocka_unit_test(a_lift_that_redis_has_lost_is_given_back),
        cmocka_unit_test(closed_lets_nobody_in_who_cannot_be_looked_up),
        cmocka_unit_test(words_that_are_no_change_are_ignored),
        cmocka_unit_test(a_thousand_and_more_are_looked_at_in_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
