/* test_several.c - a node whose keys are at two servers: what it says to one has no order with what
 * it says to the other. */
#include "loop/path.h"
#include "slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TICK_MS 1500 /* the longest */
#define ALL     SIZE_MAX

static unsigned server_of(char kind, const char *name)
{
    char key[CW_KEY_MAX];
    size_t size = cw_key_write(key, "cw", kind, cw_bytes_text(name));
    return cw_slot_of(cw_bytes_make(key, size)) >= CW_SLOTS / 2;
}

static size_t said(const struct path *path, const char *word, const char *uuid)
{
    char words[80];
    (void)snprintf(words, sizeof(words), "%s|%s", word, uuid);
    return fake_redis_said(path->redis, words);
}

/* A channel whose hash is at `server`; its client has not been told anything yet. */
static struct path_client *open_at(struct path *path, unsigned server)
{
    for (;;) {
        struct path_client *client = path_open(path, 0, "", "chanway.v1.json");
        if (server_of('c', client->uuid) == server)
            return client;
    }
}

/* A group that is at `server`. */
static void name_at(unsigned server, char name[16])
{
    for (unsigned i = 0;; i++) {
        (void)snprintf(name, 16, "room%u", i);
        if (server_of('g', name) == server)
            return;
    }
}

/* What is in doubt is announced with the next tick. */
static void doubt(struct path *path, unsigned home)
{
    path->redis->fail_word = "HSET";
    path->redis->fail_text = "OOM command not allowed when used memory > 'maxmemory'";
    (void)open_at(path, home);
    fake_time_run();
    (void)fake_redis_step_at(path->redis, home, ALL); /* the node's set */
    (void)fake_redis_step_at(path->redis, home, ALL); /* the hash */
    path->redis->fail_word = NULL;
}

/* The join of the first announcement is answered between the attach of the second and its mark. */
static void a_join_of_an_earlier_announcement_does_not_stand_for_that_of_a_later_one(void **state)
{
    struct path path;
    char room[16];
    (void)state;
    path_redis = "redis-shards://fake:1,fake:2";
    path_start(&path, 1, 1);
    unsigned home = server_of('n', cw_cluster_node_id(path.nodes[0].cluster));
    unsigned away = 1 - home;
    struct path_client *ann = open_at(&path, home);
    name_at(away, room);
    fake_time_run();
    path_say(ann, "{'op':'join','id':0,'group':'%s'}", room);
    fake_time_run();
    assert_int_equal(said(&path, "cw_node_join", ann->uuid), 1);

    fake_redis_hold(path.redis, FAKE_CALLS);
    for (unsigned round = 1; round <= 2; round++) {
        doubt(&path, home);
        fake_time_advance(TICK_MS);
        while (said(&path, "cw_node_attach", ann->uuid) < round)
            assert_int_equal(fake_redis_step_at(path.redis, home, 1), 1);
        if (round == 1) /* its mark as well: the join waits at the other server */
            while (fake_redis_step_at(path.redis, home, ALL) > 0) {
            }
    }
    assert_int_equal(said(&path, "cw_node_join", ann->uuid), 1);
    (void)fake_redis_step_at(path.redis, away, ALL);
    assert_int_equal(said(&path, "cw_node_join", ann->uuid), 2);
    fake_redis_release(path.redis, FAKE_CALLS);
    fake_time_run();
    assert_int_equal(said(&path, "cw_node_join", ann->uuid), 3);
    assert_true(path_is_member(&path, ann, room));
    path_stop(&path);
    path_redis = "redis://fake";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_join_of_an_earlier_announcement_does_not_stand_for_that_of_a_later_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
