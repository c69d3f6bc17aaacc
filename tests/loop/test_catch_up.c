/* test_catch_up.c - a node catches up after a lost link, and what it reads does not fit the queues
 * of its clients (channel/members.c, channel/replay.c). */
#include "base/stats.h"
#include "channel/members.h"
#include "channel/replay.h"
#include "loop/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RECONNECT_MS 100
#define QUEUE_MAX    2000 /* bytes: fewer than 20 messages */
#define REST_MS      500  /* longer than a replay rests after an attempt that failed */

static int setup(void **state)
{
    int rc = path_setup(state);
    struct path *path = *state;
    path->history.size = 5000;
    path->history.bytes = 64 << 20;
    path->nodes[0].node.limits.send_queue_max = QUEUE_MAX;
    return rc;
}

#define catch_up_test(test) cmocka_unit_test_setup_teardown(test, setup, path_teardown)

static void drop_node_0(struct path *path)
{
    fake_redis_drop(path->redis, 0, FAKE_PUBSUB, FAKE_NOT_ANSWERED);
}

/* first..last are published while node 0 has no link; then it has caught up. */
static void miss(struct path *path, struct path_client *far, unsigned first, unsigned last)
{
    drop_node_0(path);
    path_publish(far, "room", first, last);
    fake_time_advance(RECONNECT_MS);
}

/* The client reads what waits, then what comes because it has read, and so on. */
static void read_numbers(struct path_client *client, const struct path_client *from, unsigned first,
                         unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        if (cw_outbox_is_empty(&client->channel->outbox))
            fake_time_run();
        path_expect_numbers(client, "room", from, 1, i, i);
    }
    fake_time_run();
}

static void a_member_whose_queue_it_would_fill_gets_it_as_it_reads(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    uint64_t catch_ups = CW_STAT(client_catch_ups_total);
    path_publish(far, "room", 1, 1);
    miss(path, far, 2, 650);
    assert_int_equal(ann->close_code, 0);
    assert_int_equal(path->nodes[0].messages, 650);
    assert_true(ann->channel->outbox.bytes <= QUEUE_MAX);
    assert_int_equal(CW_STAT(client_catch_ups_total) - catch_ups, 1);
    path_publish(far, "room", 651, 660); /* it is behind: not before what it missed */
    read_numbers(ann, far, 1, 660);
    path_expect_nothing(ann);
    path_publish(far, "room", 661, 661);
    path_expect_numbers(ann, "room", far, 1, 661, 661);
    path_expect_nothing(ann);
    assert_int_equal(ann->close_code, 0);
}

static void what_fits_is_delivered_at_once(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    uint64_t catch_ups = CW_STAT(client_catch_ups_total);
    miss(path, far, 1, 10);
    path_expect_numbers(ann, "room", far, 1, 1, 10);
    path_expect_nothing(ann);
    assert_int_equal(CW_STAT(client_catch_ups_total), catch_ups);
}

static void a_flood_of_live_messages_closes_a_client_that_does_not_read(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_publish(far, "room", 1, 40);
    assert_int_equal(ann->close_code, 4005);
}

/* What its node caught up with takes no room from what is live. */
static void live_messages_of_another_group_find_room_behind_a_catch_up(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_say(ann, "{'op':'join','group':'other'}");
    fake_time_run();
    miss(path, far, 1, 600);
    path_publish(far, "other", 1, 3);
    assert_int_equal(ann->close_code, 0);
    path_publish(far, "other", 4, 40);
    assert_int_equal(ann->close_code, 4005);
}

/* A raw channel and two others, one of which publishes with `echo: false`, while a fast one is not
 * behind. */
static void each_of_many_members_gets_everything_in_order_and_once(void **state)
{
    struct path *path = *state;
    struct path_client *fast = path_member(path, 0, "room");
    struct path_client *raw = path_open(path, 0, "groups=room", "");
    fake_time_run();
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    drop_node_0(path);
    path_publish(far, "room", 1, 500);
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    fake_time_advance(RECONNECT_MS);
    for (unsigned next = 1; next <= 500; next += 200) { /* page by page */
        fake_redis_release(path->redis, FAKE_ANSWERS);
        fake_redis_hold(path->redis, FAKE_CALLS);
        fake_time_run();
        (void)path_skip(fast);
        fake_redis_release(path->redis, FAKE_CALLS);
        fake_time_run();
    }
    read_numbers(ann, far, 1, 500);
    path_expect_nothing(ann);
    for (unsigned i = 1; i <= 500; i++) {
        if (cw_outbox_is_empty(&raw->channel->outbox))
            fake_time_run();
        path_expect(raw, "%u", i);
    }
    path_expect_nothing(raw);
    while (path_skip(fast) > 0)
        fake_time_run();
    path_publish(far, "room", 501, 503);
    path_expect_numbers(ann, "room", far, 1, 501, 503);
    path_expect_numbers(fast, "room", far, 1, 501, 503);
    path_expect(raw, "501");
}

static void without_history_a_catch_up_can_not_be_paced(void **state)
{
    struct path *path = *state;
    path->history.size = 0;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    miss(path, far, 1, 600);
    path_expect_nothing(ann);
    path_publish(far, "room", 601, 601);
    path_expect(ann, "{'op':'message','group':'room','from':'%s','data':601}", far->uuid);
    assert_int_equal(ann->close_code, 0);
}

/* While it is behind. */

static struct cw_group *group_of(const struct path_client *client)
{
    return cw_member_find(client->channel, cw_bytes_text("room"))->group;
}

static void a_member_that_is_behind_may_publish_and_is_told_of_presence(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    struct path_client *far = path_json(path, 1);
    path_say(ann, "{'op':'join','group':'room','presence':true}");
    fake_time_run();
    miss(path, far, 1, 100);
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':101}");
    fake_time_run();
    cw_group_tell_presence(group_of(ann), true, cw_bytes_text(far->uuid), cw_bytes_text(NULL));
    unsigned replies = 0, events = 0;
    const char *frame;
    for (unsigned next = 1; next <= 101;) {
        if (cw_outbox_is_empty(&ann->channel->outbox))
            fake_time_run();
        frame = path_next(ann);
        assert_non_null(frame);
        replies += strstr(frame, "\"op\":\"ok\",\"id\":1") != NULL;
        events += strstr(frame, "\"op\":\"presence\"") != NULL;
        if (strstr(frame, "\"op\":\"message\"") != NULL)
            assert_int_equal(strtoul(strstr(frame, "\"offset\":") + 9, NULL, 10), next++);
    }
    assert_int_equal(replies, 1);
    assert_int_equal(events, 1);
    path_expect_nothing(ann);
}

static void a_join_of_a_member_that_is_behind_is_told_how_far_it_is(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    miss(path, far, 1, 100);
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    fake_time_run();
    unsigned next = 1;
    const char *frame;
    while ((frame = path_next(ann)) != NULL && strstr(frame, "\"op\":\"message\"") != NULL)
        next++;
    char wanted[100];
    (void)snprintf(wanted, sizeof(wanted), "{\"op\":\"ok\",\"id\":1,\"epoch\":\"1\",\"offset\":%u}",
                   next - 1);
    assert_true(next > 1 && next < 100);
    assert_string_equal(frame, wanted);
    read_numbers(ann, far, next, 100);
}

static void after_the_ok_of_a_leave_nothing_comes(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *bob = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    for (int reads = 0; reads < 2; reads++) {
        miss(path, far, 1, 600);
        fake_redis_hold(path->redis, FAKE_ANSWERS);
        if (reads == 1) /* a page is under way */
            (void)path_skip(ann);
        path_say(ann, "{'op':'leave','id':1,'group':'room'}");
        fake_redis_release(path->redis, FAKE_ANSWERS);
        fake_time_run();
        const char *frame, *last = NULL;
        while ((frame = path_next(ann)) != NULL)
            last = frame;
        assert_string_equal(last, "{\"op\":\"ok\",\"id\":1}");
        fake_time_run();
        path_expect_nothing(ann);
        path_say(ann, "{'op':'join','group':'room'}");
        fake_time_run();
    }
    while (path_skip(bob) > 0)
        fake_time_run();
    path_say(far, "{'op':'publish','group':'room','data':7}");
    fake_time_run();
    path_expect_message(ann, "room", far, 1, 1201, "7");
    path_expect_message(bob, "room", far, 1, 1201, "7");
}

static void a_channel_that_closes_leaves_the_others_behind_as_they_are(void **state)
{
    struct path *path = *state;
    struct path_client *members[4];
    for (int i = 0; i < 4; i++)
        members[i] = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    miss(path, far, 1, 600);
    path_close(members[1]); /* it waits to be drained */
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    (void)path_skip(members[2]);
    fake_time_run();
    path_close(members[2]); /* a page is under way */
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
    read_numbers(members[0], far, 1, 600);
    path_publish(far, "room", 601, 601);
    path_expect_numbers(members[0], "room", far, 1, 601, 601);
    read_numbers(members[3], far, 1, 601);
}

static void a_link_that_is_lost_again_does_not_end_it(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    miss(path, far, 1, 600);
    unsigned next = 1;
    for (; !cw_outbox_is_empty(&ann->channel->outbox); next++)
        path_expect_numbers(ann, "room", far, 1, next, next);
    fake_redis_hold(path->redis, FAKE_ANSWERS); /* a page is under way */
    fake_time_run();
    drop_node_0(path);
    fake_time_run();
    fake_redis_release(path->redis, FAKE_ANSWERS);
    path_publish(far, "room", 601, 700);
    fake_time_run();
    path_expect_nothing(ann);
    cw_replays_tick(&path->nodes[0].node); /* there is no link */
    fake_time_advance(REST_MS);            /* now there is */
    cw_replays_tick(&path->nodes[0].node);
    fake_time_run();
    read_numbers(ann, far, next, 700);
    path_publish(far, "room", 701, 701);
    path_expect_numbers(ann, "room", far, 1, 701, 701);
    path_expect_nothing(ann);
    assert_int_equal(ann->close_code, 0);
}

static void what_is_trimmed_before_it_could_be_read_is_a_gap(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    miss(path, far, 1, 600);
    fake_store_trim(&path->redis->store, "room", 50);
    unsigned next = 1;
    for (; !cw_outbox_is_empty(&ann->channel->outbox); next++)
        path_expect_numbers(ann, "room", far, 1, next, next);
    assert_true(next < 551);
    fake_time_run();
    path_expect_gap(ann, "room", 1, 550);
    read_numbers(ann, far, 551, 600);
    path_expect_nothing(ann);
    assert_int_equal(path->nodes[0].gaps, 0);
}

/* Whatever the number of groups, one page waits in the queue of one client. */
static void the_queue_stays_bounded_in_many_groups(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    struct path_client *far = path_json(path, 1);
    char text[60001];
    memset(text, 'x', 60000);
    text[60000] = '\0';
    for (int group = 0; group < 20; group++)
        path_say(ann, "{'op':'join','group':'g%d'}", group);
    fake_time_run();
    drop_node_0(path);
    for (int i = 0; i < 200; i++) {
        path_say(far, "{'op':'publish','group':'g%d','text':'%s'}", i % 20, text);
        fake_time_run();
    }
    fake_time_advance(RECONNECT_MS);
    size_t highest = ann->channel->outbox.bytes;
    unsigned messages = 0;
    for (;;) {
        if (cw_outbox_is_empty(&ann->channel->outbox))
            fake_time_run();
        if (ann->channel->outbox.bytes > highest)
            highest = ann->channel->outbox.bytes;
        if (path_next(ann) == NULL)
            break;
        messages++;
    }
    assert_int_equal(messages, 200);
    assert_true(highest < 400 * 1024);
    assert_int_equal(ann->close_code, 0);
}

/* A replay that has read more than its node has. */

/* Ann joins and reads history up to entries that are no envelopes; then `last` is published, which
 * shows the hole to the node. */
static void join_ahead(struct path *path, unsigned garbage_before, unsigned garbage_after)
{
    struct path_client *far = path_json(path, 1);
    struct path_client *bob = path_member(path, 0, "room");
    struct path_client *ann = path_json(path, 0);
    path_publish(far, "room", 1, 3);
    path_say(ann, "{'op':'join','id':1,'group':'room','since':{'epoch':'0','offset':0}}");
    fake_redis_hold(path->redis, FAKE_CALLS);
    fake_redis_clear_log(path->redis);
    while (fake_redis_said(path->redis, "cw_node_join") == 0)
        assert_int_not_equal(fake_redis_step(path->redis, 1), 0);
    for (unsigned i = 0; i < garbage_before; i++) /* the replay's read is pending */
        fake_store_append_garbage(&path->redis->store, "room");
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    path_expect_numbers(ann, "room", far, 1, 1, 3);
    path_expect_gap(ann, "room", 1, 3 + garbage_before);
    path_expect_nothing(ann); /* no ok: the node is not there */
    for (unsigned i = 0; i < garbage_after; i++)
        fake_store_append_garbage(&path->redis->store, "room");
    unsigned last = 4 + garbage_before + garbage_after;
    path_publish(far, "room", last, last);
    if (garbage_after > 0)
        path_expect_gap(ann, "room", 1, last - 1);
    else
        path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':%u,'recovered':false}", last - 1);
    path_expect_numbers(ann, "room", far, 1, last, last);
    if (garbage_after > 0)
        path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':%u,'recovered':false}", last);
    path_expect_nothing(ann);
    path_expect_numbers(bob, "room", far, 1, 1, 3);
    path_expect_gap(bob, "room", 1, last - 1);
    path_expect_numbers(bob, "room", far, 1, last, last);
}

static void a_replay_ahead_of_its_node_ends_where_the_node_tells_a_gap(void **state)
{
    join_ahead(*state, 1, 0);
}

static void a_replay_ahead_of_its_node_reads_on_when_the_node_tells_a_later_gap(void **state)
{
    join_ahead(*state, 1, 1);
}

/* Everything at random. */

#define CLIENTS 5
#define STEPS   300

struct reader {
    struct path_client *client;
    unsigned long last; /* offset; 0: none yet */
    bool is_out;        /* its join was refused: there was no link */
};

/* Reads `frames` frames at most; each message comes right after the one before. */
static void read_some(struct reader *reader, unsigned frames)
{
    const char *frame;
    while (frames-- > 0 && (frame = path_next(reader->client)) != NULL) {
        if (strstr(frame, "\"op\":\"message\"") == NULL) {
            assert_null(strstr(frame, "\"op\":\"gap\""));
            reader->is_out |= strstr(frame, "\"op\":\"error\"") != NULL;
            continue;
        }
        unsigned long offset = strtoul(strstr(frame, "\"offset\":") + 9, NULL, 10);
        if (reader->last > 0)
            assert_int_equal(offset, reader->last + 1);
        reader->last = offset;
    }
}

static void join_room(struct path *path, struct reader *reader)
{
    if (reader->client != NULL)
        path_close(reader->client);
    reader->client = path_open(path, 0, "", "chanway.v1.json");
    reader->last = 0;
    reader->is_out = false;
    path_say(reader->client, "{'op':'join','group':'room'}");
}

static void publish_some(struct reader *readers, struct path_client *far, unsigned count)
{
    path_publish(far, "room", 1, count);
    for (int i = 0; i < CLIENTS; i++) /* nobody is too slow for what is live */
        if (readers[i].client->channel->outbox.bytes > QUEUE_MAX / 4)
            read_some(&readers[i], 100);
}

static void do_something(struct path *path, struct reader *readers, struct path_client *far)
{
    static const unsigned stages[] = {FAKE_CALLS, FAKE_ANSWERS, FAKE_PUSHES, FAKE_SUBSCRIBES};
    struct reader *reader = &readers[fake_random(CLIENTS)];
    switch (fake_random(10)) {
    case 0:
        drop_node_0(path);
        path_publish(far, "room", 1, fake_random(150));
        break;
    case 1:
        fake_redis_hold(path->redis, stages[fake_random(4)]);
        break;
    case 2:
    case 3:
        fake_redis_release(path->redis, FAKE_CALLS | FAKE_ANSWERS | FAKE_PUSHES | FAKE_SUBSCRIBES);
        break;
    case 4:
        fake_time_advance(fake_random(300));
        cw_replays_tick(&path->nodes[0].node);
        break;
    case 5:
        if (fake_random(10) == 0)
            join_room(path, reader);
        break;
    case 6:
        publish_some(readers, far, 1 + fake_random(3));
        break;
    default:
        read_some(reader, fake_random(60));
        break;
    }
    fake_time_run();
}

static void finish(struct path *path, struct reader *readers, struct path_client *far)
{
    fake_redis_release(path->redis, FAKE_CALLS | FAKE_ANSWERS | FAKE_PUSHES | FAKE_SUBSCRIBES);
    fake_time_advance(2000);
    for (int i = 0; i < CLIENTS; i++) {
        read_some(&readers[i], 1000);
        if (readers[i].is_out)
            join_room(path, &readers[i]);
    }
    fake_time_run();
    path_publish(far, "room", 1, 1);
    unsigned long last = fake_store_group(&path->redis->store, "room")->tip.offset;
    for (int i = 0; i < CLIENTS; i++) {
        for (int round = 0; round < 1000 && readers[i].last < last; round++) {
            read_some(&readers[i], 100);
            fake_time_advance(REST_MS);
            cw_replays_tick(&path->nodes[0].node);
        }
        assert_int_equal(readers[i].client->close_code, 0);
        assert_int_equal(readers[i].last, last);
        path_expect_nothing(readers[i].client);
    }
}

static void whatever_happens_each_message_comes_once_and_in_order(void **state)
{
    uint64_t before = CW_STAT(client_catch_ups_total);
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct path path;
        struct reader readers[CLIENTS] = {0};
        path_start(&path, 2, seed);
        path.history.size = 100000;
        path.history.bytes = 1 << 30;
        path.nodes[0].node.limits.send_queue_max = QUEUE_MAX;
        struct path_client *far = path_json(&path, 1);
        for (int i = 0; i < CLIENTS; i++)
            join_room(&path, &readers[i]);
        fake_time_run();
        for (int step = 0; step < STEPS; step++)
            do_something(&path, readers, far);
        finish(&path, readers, far);
        path_stop(&path);
    }
    assert_true(CW_STAT(client_catch_ups_total) - before > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        catch_up_test(a_member_whose_queue_it_would_fill_gets_it_as_it_reads),
        catch_up_test(what_fits_is_delivered_at_once),
        catch_up_test(a_flood_of_live_messages_closes_a_client_that_does_not_read),
        catch_up_test(live_messages_of_another_group_find_room_behind_a_catch_up),
        catch_up_test(each_of_many_members_gets_everything_in_order_and_once),
        catch_up_test(without_history_a_catch_up_can_not_be_paced),
        catch_up_test(a_member_that_is_behind_may_publish_and_is_told_of_presence),
        catch_up_test(a_join_of_a_member_that_is_behind_is_told_how_far_it_is),
        catch_up_test(after_the_ok_of_a_leave_nothing_comes),
        catch_up_test(a_channel_that_closes_leaves_the_others_behind_as_they_are),
        catch_up_test(a_link_that_is_lost_again_does_not_end_it),
        catch_up_test(what_is_trimmed_before_it_could_be_read_is_a_gap),
        catch_up_test(the_queue_stays_bounded_in_many_groups),
        catch_up_test(a_replay_ahead_of_its_node_ends_where_the_node_tells_a_gap),
        catch_up_test(a_replay_ahead_of_its_node_reads_on_when_the_node_tells_a_later_gap),
        cmocka_unit_test(whatever_happens_each_message_comes_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
