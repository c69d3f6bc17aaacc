/* test_slow.c - what a group's slow-policy does to a client that does not read, the whole way. */
#include "base/stats.h"
#include "channel/members.h"
#include "channel/session.h"
#include "handlers/dispatch.h"
#include "loop/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GROUP "room"

/* By the first letter of its name, as `slow-policy.o* = drop-oldest` says it. */
static enum cw_slow_policy policy_of(void *arg, struct cw_bytes group)
{
    const enum cw_slow_policy *room = arg;
    if (cw_bytes_is(group, GROUP))
        return *room;
    return group.data[0] == 'l' ? CW_SLOW_LATEST : CW_SLOW_CLOSE;
}

static enum cw_slow_policy room_policy;

static void set_policy(struct path *path, enum cw_slow_policy policy)
{
    struct cw_node *node = &path->nodes[0].node;
    room_policy = policy;
    node->slow_policy = policy_of;
    node->slow_policy_arg = &room_policy;
    cw_groups_on_reload(node);
}

/* A member that has read all but message 10, and a bound of five such frames; `ret_far` publishes.
 */
static struct path_client *begin(struct path *path, const char *protocols,
                                 struct path_client **ret_far)
{
    struct path_client *slow = path_open(path, 0, "groups=" GROUP, protocols);
    struct path_client *far = path_json(path, 1);
    fake_time_run();
    path_publish(far, GROUP, 1, 9);
    (void)path_skip(slow);
    path_publish(far, GROUP, 10, 10);
    path->nodes[0].node.limits.send_queue_max = 5 * (size_t)slow->channel->outbox.bytes;
    *ret_far = far;
    return slow;
}

/* Where a resume would go on, by what was written until now; 0: nobody knows. */
static uint64_t written(const struct path_client *client)
{
    struct cw_written groups[4] = {{.is_known = false}};
    struct cw_leaving leaving = {.groups = NULL};
    cw_session_measure(client->channel, groups, &leaving);
    for (size_t i = 0; i < leaving.group_count; i++)
        if (cw_bytes_is(groups[i].group, GROUP))
            return groups[i].position.offset;
    return 0;
}

static void drop_oldest_tells_one_gap_and_closes_nobody(void **state)
{
    struct path *path = *state;
    struct path_client *far;
    set_policy(path, CW_SLOW_DROP_OLDEST);
    struct path_client *slow = begin(path, "chanway.v1.json", &far);
    struct path_client *fast = path_member(path, 0, GROUP);
    path_publish(far, GROUP, 11, 14);
    assert_int_equal(slow->channel->outbox.count, 5); /* at the bound */
    (void)path_skip(fast);
    for (unsigned i = 15; i <= 90; i++) {
        path_publish(far, GROUP, i, i);
        path_expect_numbers(fast, GROUP, far, 1, i, i);
        path_expect_nothing(fast);
    }
    assert_int_equal(slow->close_code, 0);
    assert_int_equal(written(slow), 9);
    path_expect_gap(slow, GROUP, 1, 85);
    assert_int_equal(written(slow), 85); /* told is told */
    path_expect_numbers(slow, GROUP, far, 1, 86, 90);
    path_expect_nothing(slow);
    path_publish(far, GROUP, 91, 91);
    path_expect_numbers(slow, GROUP, far, 1, 91, 91);
    assert_int_equal(written(slow), 91);
}

static void a_messagepack_member_is_told_as_well(void **state)
{
    struct path *path = *state;
    struct path_client *far;
    set_policy(path, CW_SLOW_DROP_OLDEST);
    struct path_client *slow = begin(path, "chanway.v1.msgpack", &far);
    path_publish(far, GROUP, 11, 20);
    const char *gap = path_next(slow);
    assert_non_null(gap);
    assert_memory_equal(gap + 1, "\xa2op\xa3gap", 7);
    assert_int_equal(slow->channel->outbox.count, 5);
}

static void what_stays_closes_with_4005_whatever_the_policy(void **state)
{
    struct path *path = *state;
    struct path_client *far;
    set_policy(path, CW_SLOW_DROP_OLDEST);
    struct path_client *slow = begin(path, "chanway.v1.json", &far);
    path_publish(far, GROUP, 11, 20);
    unsigned replies = 0;
    while (slow->close_code == 0 && replies < 1000) {
        path_say(slow, "{'op':'ping','id':%u}", 1000 + replies++);
        fake_time_run();
    }
    assert_int_equal(slow->close_code, 4005);
    path_expect_gap(slow, GROUP, 1, 20);
    for (unsigned i = 0; i + 1 < replies; i++)
        path_expect(slow, "{'op':'pong','id':%u}", 1000 + i);
    path_expect_start(slow, "{'op':'bye','code':4005");
}

static void direct_messages_stay(void **state)
{
    struct path *path = *state;
    struct path_client *far;
    set_policy(path, CW_SLOW_DROP_OLDEST);
    struct path_client *slow = begin(path, "chanway.v1.json", &far);
    path_push_direct(path, slow, 1, 1, "1");
    path_publish(far, GROUP, 11, 30);
    path_expect_start(slow, "{'op':'message','from'");
    path_expect_gap(slow, GROUP, 1, 26);
    path_expect_numbers(slow, GROUP, far, 1, 27, 30);
}

static void raw_members_are_counted_or_closed(void **state)
{
    struct path *path = *state;
    struct path_client *far;
    uint64_t gaps = CW_STAT(raw_gaps_total);
    set_policy(path, CW_SLOW_DROP_OLDEST);
    struct path_client *slow = begin(path, "", &far);
    path_publish(far, GROUP, 11, 30);
    for (unsigned i = 26; i <= 30; i++)
        path_expect(slow, "%u", i);
    path_expect_nothing(slow);
    assert_int_equal(CW_STAT(raw_gaps_total) - gaps, 1);
    assert_int_equal(written(slow), 30);

    path->nodes[0].node.limits.closes_raw_on_gap = true;
    path_publish(far, GROUP, 31, 35);
    assert_int_equal(slow->close_code, 0);
    path_publish(far, GROUP, 36, 36);
    assert_int_equal(slow->close_code, 1013);
    assert_int_equal(written(slow), 30);
}

static void latest_keeps_one_while_the_socket_is_full(void **state)
{
    struct path *path = *state;
    struct path_client *far;
    set_policy(path, CW_SLOW_LATEST);
    struct path_client *slow = begin(path, "chanway.v1.json", &far);
    path_publish(far, GROUP, 11, 13); /* in one turn: the socket may take them all */
    assert_int_equal(slow->channel->outbox.count, 4);
    slow->channel->outbox.flying = 2; /* 10 and 11 */
    uint32_t bytes = slow->channel->outbox.bytes / 4 * 3;
    path_publish(far, GROUP, 14, 80);
    assert_int_equal(slow->channel->outbox.bytes, bytes);
    assert_int_equal(written(slow), 9);
    slow->channel->outbox.flying = 0;
    path_expect_numbers(slow, GROUP, far, 1, 10, 11);
    assert_int_equal(written(slow), 11);
    path_expect_gap(slow, GROUP, 1, 79);
    path_expect_numbers(slow, GROUP, far, 1, 80, 80);
    path_expect_nothing(slow);
    assert_int_equal(slow->close_code, 0);
}

static void without_history_a_gap_says_that_something_went(void **state)
{
    struct path *path = *state;
    path->history.size = 0;
    set_policy(path, CW_SLOW_DROP_OLDEST);
    struct path_client *slow = path_member(path, 0, GROUP);
    struct path_client *far = path_json(path, 1);
    path_publish(far, GROUP, 10, 10);
    uint64_t dropped = CW_STAT(client_messages_dropped_total);
    path->nodes[0].node.limits.send_queue_max = 5 * (size_t)slow->channel->outbox.bytes;
    path_publish(far, GROUP, 11, 30);
    path_expect(slow, "{'op':'gap','group':'room'}");
    for (unsigned i = 26; i <= 30; i++)
        path_expect(slow, "{'op':'message','group':'room','from':'%s','data':%u}", far->uuid, i);
    path_expect_nothing(slow);
    assert_int_equal(CW_STAT(client_messages_dropped_total) - dropped, 16);
    assert_int_equal(slow->close_code, 0);
}

static void a_reload_changes_what_comes_next(void **state)
{
    struct path *path = *state;
    struct path_client *far;
    set_policy(path, CW_SLOW_CLOSE);
    struct path_client *slow = begin(path, "chanway.v1.json", &far);
    path_publish(far, GROUP, 11, 12);
    set_policy(path, CW_SLOW_DROP_OLDEST);
    path_publish(far, GROUP, 13, 20);
    assert_int_equal(slow->close_code, 0);
    path_expect_numbers(slow, GROUP, far, 1, 10, 12); /* they came under `close` */
    path_expect_gap(slow, GROUP, 1, 18);
    path_expect_numbers(slow, GROUP, far, 1, 19, 20);
}

static void a_group_that_it_has_left_meanwhile_has_its_gap_too(void **state)
{
    struct path *path = *state;
    struct path_client *far;
    set_policy(path, CW_SLOW_DROP_OLDEST);
    struct path_client *slow = begin(path, "chanway.v1.json", &far);
    path_publish(far, GROUP, 11, 30);
    path_say(slow, "{'op':'leave','id':1,'group':'room'}"); /* 26 goes for its reply */
    fake_time_run();
    path_publish(far, GROUP, 31, 31);
    path_expect_gap(slow, GROUP, 1, 26);
    path_expect_numbers(slow, GROUP, far, 1, 27, 30);
    path_expect(slow, "{'op':'ok','id':1}");
    path_expect_nothing(slow);
    assert_null(slow->channel->outbox.shed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        path_test(drop_oldest_tells_one_gap_and_closes_nobody),
        path_test(a_messagepack_member_is_told_as_well),
        path_test(what_stays_closes_with_4005_whatever_the_policy),
        path_test(direct_messages_stay),
        path_test(raw_members_are_counted_or_closed),
        path_test(latest_keeps_one_while_the_socket_is_full),
        path_test(without_history_a_gap_says_that_something_went),
        path_test(a_reload_changes_what_comes_next),
        path_test(a_group_that_it_has_left_meanwhile_has_its_gap_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
