/* test_losses.c - Redis comes back without its latest writes: who was away is told, too. */
#include "log_reader.h"
#include "loop/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define RECONNECT_MS 100

/* Five messages are published, which `ann` was sent by node 0; Redis loses the last two. */
static struct path_client *lose_two_of_five(struct path *path, struct path_client *far)
{
    struct path_client *ann = path_member(path, 0, "room");
    path_publish(far, "room", 1, 5);
    path_expect_numbers(ann, "room", far, 1, 1, 5);
    fake_redis_restart(path->redis, FAKE_NOT_ANSWERED);
    fake_store_lose_tail(&path->redis->store, "room", 2);
    return ann;
}

/* Had seen the first two. */
static struct path_client *come_back(struct path *path, unsigned node)
{
    struct path_client *bob = path_json(path, node);
    path_say(bob, "{'op':'join','id':1,'group':'room','since':{'epoch':'1','offset':2}}");
    fake_time_run();
    return bob;
}

static void expect_joined(struct path_client *client, unsigned epoch, unsigned offset)
{
    path_expect(client, "{'op':'ok','id':1,'epoch':'%u','offset':%u,'recovered':false}", epoch,
                offset);
}

static void who_was_away_is_told_of_what_redis_has_lost(void **state)
{
    struct path *path = *state;
    struct path_client *far = path_json(path, 1);
    struct path_client *ann = lose_two_of_five(path, far);
    fake_time_advance(RECONNECT_MS);
    struct path_client *bob = come_back(path, 1);
    fake_time_advance(CW_LOG_READER_DOUBT_MS);
    path_expect_numbers(bob, "room", far, 1, 3, 3);
    path_expect_gap(bob, "room", 2, 0);
    expect_joined(bob, 2, 0);
    path_publish(far, "room", 1, 1);
    path_expect_numbers(bob, "room", far, 3, 1, 1);
    path_expect_gap(ann, "room", 2, 0);
    path_expect_numbers(ann, "room", far, 3, 1, 1);
    path_expect_nothing(ann);
    path_expect_nothing(bob);
}

/* A message is published before the node that knows is back. */
static void though_the_log_has_gone_on(void **state)
{
    struct path *path = *state;
    struct path_client *far = path_json(path, 1);
    struct path_client *ann = lose_two_of_five(path, far);
    fake_redis_hold(path->redis, FAKE_SUBSCRIBES);
    fake_time_advance(RECONNECT_MS);
    path_publish(far, "room", 1, 1);
    struct path_client *bob = come_back(path, 1);
    fake_redis_release(path->redis, FAKE_SUBSCRIBES);
    fake_time_advance(CW_LOG_READER_DOUBT_MS);
    path_expect_numbers(bob, "room", far, 1, 3, 3);
    path_expect_gap(bob, "room", 2, 0);
    path_expect_numbers(bob, "room", far, 2, 1, 1);
    expect_joined(bob, 2, 1);
    path_expect_gap(ann, "room", 2, 0);
    path_expect_numbers(ann, "room", far, 2, 1, 1);
    path_expect_nothing(ann);
    path_expect_nothing(bob);
}

static void losses_that_follow_each_other_are_all_told(void **state)
{
    struct path *path = *state;
    struct path_client *far = path_json(path, 1);
    struct path_client *ann = lose_two_of_five(path, far);
    fake_time_advance(RECONNECT_MS);
    path_publish(far, "room", 1, 3);
    fake_redis_restart(path->redis, FAKE_NOT_ANSWERED);
    fake_store_lose_tail(&path->redis->store, "room", 1);
    fake_time_advance(RECONNECT_MS);
    path_publish(far, "room", 1, 1);
    struct path_client *bob = come_back(path, 1);
    fake_time_advance(CW_LOG_READER_DOUBT_MS);
    path_expect_numbers(bob, "room", far, 1, 3, 3);
    path_expect_gap(bob, "room", 3, 0);
    path_expect_numbers(bob, "room", far, 3, 1, 2);
    path_expect_gap(bob, "room", 5, 0);
    path_expect_numbers(bob, "room", far, 5, 1, 1);
    expect_joined(bob, 5, 1);
    path_expect_gap(ann, "room", 2, 0);
    path_expect_numbers(ann, "room", far, 3, 1, 3);
    path_expect_gap(ann, "room", 4, 0);
    path_expect_numbers(ann, "room", far, 5, 1, 1);
    path_expect_nothing(ann);
}

/* More may have been acknowledged than any node was sent. */
static void who_had_seen_all_that_was_sent_is_told_too(void **state)
{
    struct path *path = *state;
    struct path_client *far = path_json(path, 1);
    (void)lose_two_of_five(path, far);
    fake_time_advance(RECONNECT_MS);
    path_publish(far, "room", 1, 1);
    struct path_client *bob = path_json(path, 1);
    path_say(bob, "{'op':'join','id':1,'group':'room','since':{'epoch':'1','offset':5}}");
    fake_time_advance(CW_LOG_READER_DOUBT_MS);
    path_expect_gap(bob, "room", 3, 0);
    path_expect_numbers(bob, "room", far, 3, 1, 1);
    expect_joined(bob, 3, 1);
    struct path_client *eve = path_json(path, 1); /* as bob was told, before the message came */
    path_say(eve, "{'op':'join','id':1,'group':'room','since':{'epoch':'2','offset':0}}");
    fake_time_run();
    path_expect_numbers(eve, "room", far, 3, 1, 1);
    path_expect(eve, "{'op':'ok','id':1,'epoch':'3','offset':1,'recovered':true}");
}

/* Later restarts lose nothing, and what the node vouches for then is no message. */
static void a_loss_is_told_once(void **state)
{
    struct path *path = *state;
    struct path_client *far = path_json(path, 1);
    struct path_client *ann = lose_two_of_five(path, far);
    for (int i = 0; i < 3; i++) {
        fake_time_advance(RECONNECT_MS);
        fake_redis_restart(path->redis, FAKE_NOT_ANSWERED);
    }
    fake_time_advance(RECONNECT_MS);
    path_expect_gap(ann, "room", 2, 0);
    path_expect_nothing(ann);
    path_publish(far, "room", 1, 1);
    path_expect_numbers(ann, "room", far, 3, 1, 1);
    path_expect_nothing(ann);
}

/* Whoever knows more may not have said so yet. */
static void a_replay_waits_while_there_is_doubt(void **state)
{
    struct path *path = *state;
    struct path_client *far = path_json(path, 1);
    (void)lose_two_of_five(path, far);
    fake_time_advance(RECONNECT_MS);
    struct path_client *bob = come_back(path, 1);
    fake_time_advance(CW_LOG_READER_DOUBT_MS - RECONNECT_MS - 100);
    path_expect_nothing(bob);
    fake_redis_drop(path->redis, 1, FAKE_PUBSUB, FAKE_NOT_ANSWERED);
    fake_time_run();
    path_expect_start(bob, "{'op':'error','id':1,'code':'unavailable',");
    fake_time_advance(RECONNECT_MS); /* the same server: no doubt */
    path_say(bob, "{'op':'join','id':1,'group':'room','since':{'epoch':'1','offset':2}}");
    fake_time_run();
    path_expect_numbers(bob, "room", far, 1, 3, 3);
    path_expect_gap(bob, "room", 2, 0);
    expect_joined(bob, 2, 0);
}

static void a_restart_that_lost_nothing_is_seamless_for_who_was_away(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 3);
    fake_redis_restart(path->redis, FAKE_NOT_ANSWERED);
    fake_time_advance(RECONNECT_MS);
    path_publish(far, "room", 1, 1);
    struct path_client *bob = come_back(path, 1);
    fake_time_advance(CW_LOG_READER_DOUBT_MS);
    path_expect_numbers(bob, "room", far, 1, 3, 3);
    path_expect_numbers(bob, "room", far, 2, 1, 1);
    path_expect(bob, "{'op':'ok','id':1,'epoch':'2','offset':1,'recovered':true}");
    path_expect_numbers(ann, "room", far, 1, 1, 3);
    path_expect_numbers(ann, "room", far, 2, 1, 1);
    path_expect_nothing(ann);
}

/* Nothing vouches for a group that never had a message. */
static void a_group_without_messages_is_not_vouched_for(void **state)
{
    struct path *path = *state;
    (void)path_member(path, 0, "room");
    fake_redis_clear_log(path->redis);
    fake_redis_restart(path->redis, FAKE_NOT_ANSWERED);
    fake_time_advance(RECONNECT_MS);
    assert_int_equal(fake_redis_said(path->redis, "cw_node_vouch"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        path_test(who_was_away_is_told_of_what_redis_has_lost),
        path_test(though_the_log_has_gone_on),
        path_test(losses_that_follow_each_other_are_all_told),
        path_test(who_had_seen_all_that_was_sent_is_told_too),
        path_test(a_loss_is_told_once),
        path_test(a_replay_waits_while_there_is_doubt),
        path_test(a_restart_that_lost_nothing_is_seamless_for_who_was_away),
        path_test(a_group_without_messages_is_not_vouched_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
