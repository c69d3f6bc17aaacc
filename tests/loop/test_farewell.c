/* test_farewell.c - a channel that is closed and may be resumed leaves the cluster before its
 * client is told: it may be back at another node at once. */
#include "channel/farewell.h"
#include "loop/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define GROUP "chat"
#define BYE   "{'op':'bye','code':1001,'reason':'going','retry_ms':7}"

/* A member whose session may go on elsewhere. */
static struct path_client *begin(struct path *path)
{
    path->nodes[0].node.limits.session_ttl_s = 60;
    return path_member(path, 0, GROUP);
}

static void close_it(const struct path_client *client)
{
    cw_channel_close(client->channel, 1001, "going", 7);
    assert_int_equal(client->close_code, 1001);
    assert_non_null(client->channel->farewell); /* the close frame waits for that */
}

/* The socket has taken everything. */
static void drain(const struct path_client *client)
{
    path_expect_nothing(client);
    cw_channel_on_drained(client->channel);
}

static void expect_told(struct path_client *client)
{
    assert_null(client->channel->farewell);
    path_expect(client, BYE);
    path_expect_nothing(client);
}

/* Redis was told that it was written its group's messages and direct ones up to there. */
static void expect_detached(const struct path *path, const struct path_client *client,
                            const char *direct, const char *group)
{
    char words[200];
    (void)snprintf(words, sizeof(words), "cw_node_detach|%s| 60 gone 1 %s %s %s", client->uuid,
                   direct, GROUP, group);
    assert_int_equal(fake_redis_said(path->redis, words), 1);
    assert_int_equal(fake_redis_said(path->redis, "cw_node_detach"), 1);
}

static void its_client_is_told_when_redis_has_it(void **state)
{
    struct path *path = *state;
    struct path_client *client = begin(path);
    struct path_client *other = path_member(path, 1, GROUP);
    path_publish(other, GROUP, 1, 2);
    path_expect_numbers(client, GROUP, other, 1, 1, 2);
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    close_it(client);
    drain(client);
    fake_time_run();
    expect_detached(path, client, "0-0", "1-2");
    path_expect_nothing(client);
    assert_non_null(client->channel->farewell);
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
    expect_told(client);
    path_close(client);
    fake_time_run();
    assert_int_equal(fake_redis_said(path->redis, "cw_node_detach"), 1);
}

static void what_was_queued_is_written_before(void **state)
{
    struct path *path = *state;
    struct path_client *client = begin(path);
    struct path_client *other = path_member(path, 1, GROUP);
    path_publish(other, GROUP, 1, 3);
    path_push_direct(path, client, 5, 1, "1");
    fake_time_run();
    close_it(client);
    fake_time_advance(500);
    assert_int_equal(fake_redis_said(path->redis, "cw_node_detach"), 0);
    path_expect_numbers(client, GROUP, other, 1, 1, 3);
    path_expect(client, "{'op':'message','from':'server','epoch':'5','offset':1,'data':1}");
    path_expect_nothing(client);
    fake_time_run();
    expect_detached(path, client, "5-1", "1-3");
    expect_told(client);
}

/* A message of the group and a direct one after the close: whoever resumes the channel has them. */
static void what_comes_meanwhile_is_not_taken_for_written(void **state)
{
    struct path *path = *state;
    struct path_client *client = begin(path);
    struct path_client *other = path_member(path, 1, GROUP);
    path_publish(other, GROUP, 1, 2);
    path_push_direct(path, client, 5, 1, "1");
    fake_time_run();
    assert_int_equal(path_skip(client), 3);
    close_it(client);
    path_publish(other, GROUP, 3, 4);
    path_push_direct(path, client, 5, 2, "2");
    fake_time_run();
    drain(client);
    fake_time_run();
    expect_detached(path, client, "5-1", "1-2");
    expect_told(client);
}

static void without_redis_it_is_told_at_once(void **state)
{
    struct path *path = *state;
    struct path_client *client = begin(path);
    path->redis->is_down = true;
    fake_redis_drop(path->redis, 0, FAKE_COMMANDS, FAKE_NOT_RUN);
    fake_time_run();
    close_it(client);
    drain(client);
    expect_told(client);
    assert_int_equal(fake_redis_said(path->redis, "cw_node_detach"), 0);
}

static void a_link_that_is_lost_keeps_nobody_waiting(void **state)
{
    struct path *path = *state;
    struct path_client *client = begin(path);
    fake_redis_hold(path->redis, FAKE_CALLS);
    close_it(client);
    drain(client);
    fake_time_run();
    path_expect_nothing(client);
    fake_redis_drop(path->redis, 0, FAKE_COMMANDS, FAKE_NOT_RUN);
    fake_time_run();
    expect_told(client);
}

static void it_may_be_said_before_redis_has_answered(void **state)
{
    struct path *path = *state;
    struct path_client *client = begin(path);
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    close_it(client);
    drain(client);
    fake_time_run();
    cw_farewell_say(client->channel);
    expect_told(client);
    cw_farewell_say(client->channel);
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
    path_expect_nothing(client);
}

static void it_may_be_said_before_all_is_written(void **state)
{
    struct path *path = *state;
    struct path_client *client = begin(path);
    struct path_client *other = path_member(path, 1, GROUP);
    path_publish(other, GROUP, 1, 2);
    close_it(client);
    cw_farewell_say(client->channel);
    path_expect_numbers(client, GROUP, other, 1, 1, 1);
    path_close(client);
    fake_time_run();
    expect_detached(path, client, "0-0", "1-1"); /* as far as it was written when it was lost */
}

static void who_is_lost_meanwhile_is_not_told(void **state)
{
    struct path *path = *state;
    struct path_client *early = begin(path);
    struct path_client *late = path_member(path, 0, GROUP);
    struct path_client *never = path_member(path, 0, GROUP);
    close_it(early);
    path_close(early);
    fake_time_run();
    expect_detached(path, early, "0-0", "0-0");
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    close_it(late);
    drain(late);
    fake_time_run();
    path_close(late);
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    close_it(never);
    drain(never); /* and everything ends before it is answered */
}

static void nobody_waits_where_nothing_goes_on(void **state)
{
    struct path *path = *state;
    struct path_client *without = path_member(path, 0, GROUP);
    struct path_client *client = begin(path);
    cw_channel_close(without->channel, 1001, "going", 7);
    expect_told(without);
    cw_channel_close(client->channel, 4004, "enough", -1);
    assert_null(client->channel->farewell);
    path_expect(client, "{'op':'bye','code':4004,'reason':'enough','retry_ms':null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        path_test(its_client_is_told_when_redis_has_it),
        path_test(what_was_queued_is_written_before),
        path_test(what_comes_meanwhile_is_not_taken_for_written),
        path_test(without_redis_it_is_told_at_once),
        path_test(a_link_that_is_lost_keeps_nobody_waiting),
        path_test(it_may_be_said_before_redis_has_answered),
        path_test(it_may_be_said_before_all_is_written),
        path_test(who_is_lost_meanwhile_is_not_told),
        path_test(nobody_waits_where_nothing_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
