/* test_memory.c - a node above its ceiling (memory-max): who loses what, and when it is over. */
#include "base/stats.h"
#include "channel/members.h"
#include "channel/memory.h"
#include "channel/session.h"
#include "loop/fake_time.h"
#include "loop/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MAX  100000U
#define MARK (MAX - MAX / 16)

/* What the process holds beside its queues. */
static size_t base;
static unsigned measured;

static size_t measure(void *arg)
{
    (void)arg;
    measured++;
    return base + (size_t)CW_STAT(node_queue_bytes);
}

static struct cw_node *begin(struct path *path)
{
    struct cw_node *node = &path->nodes[0].node;
    node->memory.measure = measure;
    node->limits.memory_max = MAX;
    base = 0;
    return node;
}

/* The queues count as well. */
static void set_resident(size_t resident)
{
    base = resident - (size_t)CW_STAT(node_queue_bytes);
}

static uint32_t waiting(const struct path_client *client)
{
    return client->channel->outbox.bytes;
}

/* A member that has not read messages 1 to `last`, of which the first is at its socket. */
static struct path_client *stall(struct path *path, const char *group, unsigned last)
{
    struct path_client *client = path_member(path, 0, group);
    struct path_client *far = path_json(path, 1);
    path_publish(far, group, 1, last);
    client->channel->outbox.flying = 1;
    return client;
}

static void look_many_times(struct cw_node *node, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        cw_memory_tick(node);
}

static void at_the_ceiling_nothing_happens_and_above_it_the_largest_queue_goes(void **state)
{
    struct path *path = *state;
    struct cw_node *node = begin(path);
    struct path_client *reader = path_member(path, 0, "large");
    struct path_client *large = stall(path, "large", 200);
    struct path_client *small = stall(path, "small", 100);
    uint64_t passed = CW_STAT(memory_max_passed_total);
    uint64_t queues = CW_STAT(memory_queues_dropped_total);
    uint64_t bytes = CW_STAT(memory_dropped_bytes_total);
    uint32_t was_large = waiting(large), was_small = waiting(small), was_reader = waiting(reader);
    assert_true(was_reader >= was_large);

    set_resident(MAX);
    look_many_times(node, 3);
    assert_false(node->memory.is_low);
    assert_int_equal(waiting(large), was_large);

    set_resident(MAX + 1);
    cw_memory_tick(node);
    assert_int_equal(large->close_code, 4005);
    assert_int_equal(small->close_code, 0);
    assert_int_equal(waiting(small), was_small);
    assert_int_equal(reader->close_code, 0); /* its socket takes all there is */
    assert_int_equal(waiting(reader), was_reader);
    assert_false(node->memory.is_low); /* it was enough */
    assert_int_equal(CW_STAT(memory_max_passed_total) - passed, 1);
    assert_int_equal(CW_STAT(memory_queues_dropped_total) - queues, 1);
    assert_true(CW_STAT(memory_dropped_bytes_total) - bytes >= was_large - 200);
    assert_int_equal(CW_STAT(node_memory_bytes), base + (size_t)CW_STAT(node_queue_bytes));

    /* What was at the socket stays; where a resume goes on is known. */
    large->channel->outbox.flying = 0;
    struct cw_written groups[4];
    struct cw_leaving leaving = {.groups = NULL};
    cw_session_measure(large->channel, groups, &leaving);
    assert_int_equal(leaving.group_count, 1);
    assert_int_equal(groups[0].position.offset, 0);
    path_expect_start(large, "{'op':'message','group':'large'");
    cw_session_measure(large->channel, groups, &leaving);
    assert_int_equal(groups[0].position.offset, 1);
    path_expect_start(large, "{'op':'bye','code':4005");
    path_expect_nothing(large);
}

static void as_many_go_as_it_takes(void **state)
{
    struct path *path = *state;
    struct cw_node *node = begin(path);
    struct path_client *first = stall(path, "first", 180);
    struct path_client *second = stall(path, "second", 160);
    struct path_client *third = stall(path, "third", 140);
    set_resident(MAX + waiting(first)); /* to the mark it is more than the first queue */
    cw_memory_tick(node);
    assert_int_equal(first->close_code, 4005);
    assert_int_equal(second->close_code, 4005);
    assert_int_equal(third->close_code, 0);
    assert_false(node->memory.is_low);
}

static enum cw_slow_policy drop_oldest(void *arg, struct cw_bytes group)
{
    (void)arg;
    (void)group;
    return CW_SLOW_DROP_OLDEST;
}

static void what_may_go_goes_before_anybody_is_closed(void **state)
{
    struct path *path = *state;
    struct cw_node *node = begin(path);
    node->slow_policy = drop_oldest;
    struct path_client *slow = stall(path, "room", 200);
    set_resident(MAX + 1);
    cw_memory_tick(node);
    assert_int_equal(slow->close_code, 0);
    slow->channel->outbox.flying = 0;
    path_expect_start(slow, "{'op':'message','group':'room'");
    path_expect_gap(slow, "room", 1, 200);
    path_expect_nothing(slow);
}

static void who_is_closed_already_loses_what_waits(void **state)
{
    struct path *path = *state;
    struct cw_node *node = begin(path);
    struct path_client *slow = stall(path, "room", 200);
    cw_channel_close(slow->channel, 4000, "no sign of life", 0);
    set_resident(MAX + 1);
    cw_memory_tick(node);
    assert_true(waiting(slow) < 200);
    assert_int_equal(slow->close_code, 4000);
}

static void small_queues_are_left_alone(void **state)
{
    struct path *path = *state;
    struct cw_node *node = begin(path);
    struct path_client *slow = stall(path, "room", 10);
    set_resident(2 * MAX);
    look_many_times(node, 3);
    assert_int_equal(slow->close_code, 0);
    assert_true(node->memory.is_low);
}

static void it_is_over_below_the_mark_or_after_a_calm_time(void **state)
{
    struct path *path = *state;
    struct cw_node *node = begin(path);
    set_resident(MAX + 1);
    cw_memory_tick(node);
    assert_true(node->memory.is_low);
    assert_int_equal(CW_STAT(node_memory_low), 1);
    set_resident(MARK + 1);
    cw_memory_tick(node);
    assert_true(node->memory.is_low);
    set_resident(MARK);
    cw_memory_tick(node);
    assert_false(node->memory.is_low);
    assert_int_equal(CW_STAT(node_memory_low), 0);

    set_resident(MAX + 1);
    cw_memory_tick(node);
    set_resident(MAX);
    cw_memory_tick(node);
    fake_time_advance(4900);
    set_resident(MAX);
    cw_memory_tick(node);
    assert_true(node->memory.is_low);
    set_resident(MAX + 1); /* not calm yet: from the beginning */
    cw_memory_tick(node);
    set_resident(MAX);
    cw_memory_tick(node);
    fake_time_advance(4900);
    cw_memory_tick(node);
    assert_true(node->memory.is_low);
    fake_time_advance(100);
    set_resident(MAX);
    cw_memory_tick(node);
    assert_false(node->memory.is_low);
}

static void without_the_setting_it_is_measured_only(void **state)
{
    struct path *path = *state;
    struct cw_node *node = begin(path);
    set_resident(MAX + 1);
    cw_memory_tick(node);
    assert_true(node->memory.is_low);
    node->limits.memory_max = 0; /* by a reload */
    measured = 0;
    cw_memory_tick(node);
    assert_false(node->memory.is_low);
    set_resident((size_t)1 << 40);
    cw_memory_tick(node);
    assert_false(node->memory.is_low);
    assert_int_equal(measured, 2);
    node->memory.measure = NULL;
    cw_memory_tick(node);
    assert_true(CW_STAT(node_memory_bytes) > 1 << 20); /* this process */
    assert_true(CW_STAT(node_memory_bytes) < (int64_t)1 << 40);
}

static void where_nobody_knows_there_is_no_ceiling(void **state)
{
    struct path *path = *state;
    struct cw_node *node = begin(path);
    struct path_client *slow = stall(path, "room", 200);
    set_resident(0);
    look_many_times(node, 3);
    assert_false(node->memory.is_low);
    assert_true(node->memory.is_blind); /* said once */
    assert_int_equal(slow->close_code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        path_test(at_the_ceiling_nothing_happens_and_above_it_the_largest_queue_goes),
        path_test(as_many_go_as_it_takes),
        path_test(what_may_go_goes_before_anybody_is_closed),
        path_test(who_is_closed_already_loses_what_waits),
        path_test(small_queues_are_left_alone),
        path_test(it_is_over_below_the_mark_or_after_a_calm_time),
        path_test(without_the_setting_it_is_measured_only),
        path_test(where_nobody_knows_there_is_no_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
