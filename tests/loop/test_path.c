/* test_path.c - the way of a message: client, handler, Redis, every member (DESIGN: the way of one
 * published message). */
#include "base/stats.h"
#include "handlers/dispatch.h"
#include "loop/path.h"
#include "protocol/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct path_client *raw_member(struct path *path, unsigned node, const char *query)
{
    struct path_client *client = path_open(path, node, query, "");
    fake_time_run();
    path_expect_nothing(client);
    return client;
}

static void publish_reaches_members_of_all_kinds_and_nodes_once(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *bob = path_member(path, 0, "room");
    struct path_client *far = path_member(path, 1, "room");
    struct path_client *raw = raw_member(path, 0, "groups=room");
    struct path_client *far_raw = raw_member(path, 1, "groups=room&type=text");
    struct path_client *stranger = path_member(path, 0, "hall");

    path_say(ann, "{'op':'publish','id':1,'group':'room','data':{'n':1.0}}");
    path_expect_nothing(bob); /* no short cut: first to Redis and back */
    fake_time_run();

    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':1}");
    struct path_client *enveloped[] = {ann, bob, far};
    for (size_t i = 0; i < 3; i++) {
        path_expect_message(enveloped[i], "room", ann, 1, 1, "{'n':1.0}");
        path_expect_nothing(enveloped[i]);
    }
    path_expect(raw, "{'n':1.0}");
    path_expect(far_raw, "{'n':1.0}");
    path_expect_nothing(raw);
    path_expect_nothing(far_raw);
    path_expect_nothing(stranger);
    assert_int_equal(path->nodes[0].messages, 1); /* one way up for all of a node's members */
    assert_int_equal(path->nodes[1].messages, 1);
}

static void members_of_one_kind_share_one_frame(void **state)
{
    struct path *path = *state;
    static const char *const protocols[] = {"", "chanway.v1.json", "chanway.v1.msgpack"};
    struct path_client *clients[3][3];
    struct cw_buf *frames[3];
    for (int kind = 0; kind < 3; kind++)
        for (int i = 0; i < 3; i++)
            clients[kind][i] = path_open(path, 0, "groups=room", protocols[kind]);
    fake_time_run();
    for (int kind = 0; kind < 3; kind++)
        for (int i = 0; i < 3; i++)
            (void)path_skip(clients[kind][i]); /* welcome and joined */
    struct path_client *far = path_json(path, 1);
    path_say(far, "{'op':'publish','group':'room','data':{'n':1.0}}");
    fake_time_run();

    for (int kind = 0; kind < 3; kind++) {
        frames[kind] = cw_outbox_front(&clients[kind][0]->channel->outbox);
        assert_non_null(frames[kind]);
        for (int i = 0; i < 3; i++)
            assert_ptr_equal(cw_outbox_front(&clients[kind][i]->channel->outbox), frames[kind]);
        assert_int_equal(frames[kind]->refs, 3);
    }
    assert_true(cw_bytes_is(cw_frame_payload(frames[0]), "{\"n\":1.0}"));
    struct cw_bytes packed = cw_frame_payload(frames[2]);
    static const char data[] = "\xa4"
                               "data\x81\xa1n\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00";
    assert_true(packed.size > sizeof(data));
    assert_memory_equal(packed.data + packed.size - (sizeof(data) - 1), data, sizeof(data) - 1);
}

static void all_nodes_see_one_order(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *far = path_member(path, 1, "room");
    for (int i = 0; i < 10; i++) {
        path_say(ann, "{'op':'publish','group':'room','data':%d}", 2 * i);
        path_say(far, "{'op':'publish','group':'room','data':%d}", 2 * i + 1);
        if (i % 3 == 0)
            fake_time_run();
    }
    fake_time_run();
    for (unsigned i = 1; i <= 20; i++) {
        char seen[400];
        char start[200];
        (void)snprintf(seen, sizeof(seen), "%s", path_next(ann));
        assert_string_equal(path_next(far), seen);
        (void)snprintf(start, sizeof(start), "\"epoch\":\"1\",\"offset\":%u,", i);
        assert_non_null(strstr(seen, start));
    }
    path_expect_nothing(ann);
    path_expect_nothing(far);
}

static void echo_false_spares_the_sender_only(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *bob = path_member(path, 0, "room");
    struct path_client *far = path_member(path, 1, "room");
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':1,'echo':false}");
    path_say(ann, "{'op':'publish','id':2,'group':'room','data':2,'echo':true}");
    fake_time_run();
    path_expect_message(bob, "room", ann, 1, 1, "1");
    path_expect_message(bob, "room", ann, 1, 2, "2");
    path_expect_message(far, "room", ann, 1, 1, "1");
    path_expect_message(far, "room", ann, 1, 2, "2");
    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':1}");
    path_expect(ann, "{'op':'ok','id':2,'epoch':'1','offset':2}");
    path_expect_message(ann, "room", ann, 1, 2, "2");
    path_expect_nothing(ann);
}

static void payloads_of_all_types_pass_unchanged(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    struct path_client *far = path_member(path, 1, "room");
    struct path_client *raw = raw_member(path, 1, "groups=room");
    path_say(ann, "{'op':'publish','group':'room','data':[1e400,18446744073709551616]}");
    path_say(ann, "{'op':'publish','group':'room','text':'caf\xc3\xa9'}");
    path_say(ann, "{'op':'publish','group':'room','bytes':'AAEC'}");
    fake_time_run();
    path_expect_message(far, "room", ann, 1, 1, "[1e400,18446744073709551616]");
    path_expect_start(far,
                      "{'op':'message','group':'room','from':'%s','epoch':'1','offset':2,"
                      "'text':'caf\xc3\xa9'",
                      ann->uuid);
    path_expect_start(far,
                      "{'op':'message','group':'room','from':'%s','epoch':'1','offset':3,"
                      "'bytes':'AAEC'",
                      ann->uuid);
    path_expect(raw, "[1e400,18446744073709551616]");
    path_expect(raw, "caf\xc3\xa9");
    struct cw_buf *frame = cw_outbox_front(&raw->channel->outbox);
    assert_non_null(frame);
    assert_memory_equal(frame->data, "\x82\x03\x00\x01\x02", 5);
}

static void without_history_messages_have_no_ids(void **state)
{
    struct path *path = *state;
    path->history.size = 0;
    struct path_client *ann = path_json(path, 0);
    struct path_client *far = path_json(path, 1);
    path_say(far, "{'op':'join','id':1,'group':'room'}");
    fake_time_run();
    path_expect(far, "{'op':'ok','id':1}");
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':1}");
    path_say(ann, "{'op':'publish','id':2,'group':'room','data':2,'key':'k'}");
    path_say(ann, "{'op':'publish','id':3,'group':'room','data':2,'key':'k'}");
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':1}");
    path_expect(ann, "{'op':'ok','id':2}");
    path_expect(ann, "{'op':'ok','id':3,'duplicate':true}");
    path_expect(far, "{'op':'message','group':'room','from':'%s','data':1}", ann->uuid);
    path_expect(far, "{'op':'message','group':'room','from':'%s','data':2}", ann->uuid);
    path_expect_nothing(far);
}

static void a_retry_with_its_key_is_published_once(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    struct path_client *far = path_member(path, 1, "room");
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':1,'key':'k'}");
    path_say(ann, "{'op':'publish','id':2,'group':'room','data':1,'key':'k'}");
    path_say(ann, "{'op':'publish','id':3,'group':'hall','data':1,'key':'k'}");
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':1}");
    path_expect(ann, "{'op':'ok','id':2,'epoch':'1','offset':1,'duplicate':true}");
    path_expect(ann, "{'op':'ok','id':3,'epoch':'2','offset':1}"); /* a key is its group's */
    path_expect_message(far, "room", ann, 1, 1, "1");
    path_expect_nothing(far);
}

static void a_raw_client_that_publishes_to_its_group_gets_its_own(void **state)
{
    struct path *path = *state;
    struct path_client *far = path_member(path, 1, "room");
    struct path_client *raw = path_open(path, 0, "type=text&publish=room&groups=room", "");
    path_say(raw, "at once"); /* before its join is done: it waits for it */
    fake_time_run();
    path_say(raw, "then");
    fake_time_run();
    path_expect(raw, "at once");
    path_expect(raw, "then");
    path_expect_nothing(raw);
    path_expect_start(far,
                      "{'op':'message','group':'room','from':'%s','epoch':'1','offset':1,"
                      "'text':'at once'}",
                      raw->uuid);
}

static void groups_of_the_url_are_joined_before_what_the_client_says(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_open(path, 0, "groups=room,user:x,hall", "chanway.v1.json");
    assert_true(ann->is_paused);
    path_say(ann, "{'op':'publish','id':1,'group':'hall','data':1}");
    path_say(ann, "{'op':'ping','id':2}");
    path_expect_nothing(ann);
    fake_time_run();
    assert_false(ann->is_paused);
    path_expect_start(ann, "{'op':'welcome'");
    path_expect_start(ann, "{'op':'error','code':'forbidden'");
    path_expect(ann, "{'op':'joined','group':'room','epoch':'0','offset':0}");
    path_expect(ann, "{'op':'joined','group':'hall','epoch':'0','offset':0}");
    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':1}");
    path_expect(ann, "{'op':'pong','id':2}");
    path_expect_message(ann, "hall", ann, 1, 1, "1");
    path_expect_nothing(ann);
}

static void members_are_those_of_all_nodes(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    fake_time_advance(1); /* uuids are in the order of their times, and so is this fake's answer */
    struct path_client *far = path_member(path, 1, "room");
    (void)path_member(path, 1, "hall");
    path_say(ann, "{'op':'members','id':1,'group':'room','count':1}");
    fake_time_run();
    path_expect(ann,
                "{'op':'ok','id':1,'members':[{'channel':'%s','user':null,'node':'%s'}],"
                "'next':'1'}",
                ann->uuid, path->nodes[0].node.id);
    path_say(ann, "{'op':'members','id':2,'group':'room','count':1,'cursor':'1'}");
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':2,'members':[{'channel':'%s','user':null,'node':'%s'}]}",
                far->uuid, path->nodes[1].node.id);
}

static void leave_stops_messages_at_once(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *bob = path_member(path, 0, "room");
    fake_redis_hold(path->redis, FAKE_PUSHES);
    path_say(bob, "{'op':'publish','group':'room','data':1}");
    fake_time_run(); /* acknowledged before the leave: may be cut off by it */
    path_say(ann, "{'op':'leave','id':1,'group':'room'}");
    fake_redis_release(path->redis, FAKE_PUSHES);
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':1}");
    assert_false(path_is_member(path, ann, "room"));
    path_say(bob, "{'op':'publish','group':'room','data':2}");
    fake_time_run();
    path_expect_nothing(ann);
    path_expect_message(bob, "room", bob, 1, 1, "1");
    path_expect_message(bob, "room", bob, 1, 2, "2");

    path_say(ann, "{'op':'leave','id':2,'group':'room'}");
    path_expect(ann, "{'op':'ok','id':2}"); /* of what one is not in */
}

static void the_node_listens_on_for_a_while_after_the_last_leave(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    path_say(ann, "{'op':'leave','group':'room'}");
    fake_time_advance(1900);
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    fake_time_advance(3000);
    path_expect_start(ann, "{'op':'ok','id':1");
    assert_int_equal(fake_redis_said(path->redis, "SSUBSCRIBE|room"), 1);
    assert_int_equal(fake_redis_said(path->redis, "SUNSUBSCRIBE|room"), 0);
    path_say(ann, "{'op':'leave','group':'room'}");
    fake_time_advance(3000);
    assert_int_equal(fake_redis_said(path->redis, "SUNSUBSCRIBE|room"), 1);
    assert_int_equal(CW_STAT(node_groups), 0);
    path_say(ann, "{'op':'join','id':2,'group':'room'}");
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':2");
    assert_int_equal(fake_redis_said(path->redis, "SSUBSCRIBE|room"), 2);
}

/* A queue that would pass its bound by one frame closes its client, and only that one. */
static void a_full_queue_closes_with_4005_and_the_others_still_get_it(void **state)
{
    struct path *path = *state;
    struct path_client *slow = path_member(path, 0, "room");
    struct path_client *raw = raw_member(path, 0, "groups=room");
    struct path_client *fast = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    path_say(far, "{'op':'publish','group':'room','data':1}");
    fake_time_run();
    size_t frame_size = cw_outbox_front(&slow->channel->outbox)->size;
    path->nodes[0].node.limits.send_queue_max = 3 * frame_size;
    path_skip(fast);
    for (int i = 2; i <= 3; i++)
        path_say(far, "{'op':'publish','group':'room','data':%d}", i);
    fake_time_run();
    assert_int_equal(slow->close_code, 0); /* at the bound */
    path_skip(fast);
    path_say(far, "{'op':'publish','group':'room','data':4}");
    fake_time_run();
    assert_int_equal(slow->close_code, 4005);
    assert_int_equal(fast->close_code, 0);
    path_expect_message(fast, "room", far, 1, 4, "4");
    for (unsigned i = 1; i <= 3; i++) {
        char data[] = {(char)('0' + i), '\0'};
        path_expect_message(slow, "room", far, 1, i, data);
        path_expect(raw, "%u", i);
    }
    path_expect_start(slow, "{'op':'bye','code':4005");
    path_expect_nothing(slow);
    path_expect(raw, "4");

    path_say(far, "{'op':'publish','group':'room','data':5}");
    fake_time_run();
    path_expect_nothing(slow); /* nothing more, though its socket is still there */
    path_expect_message(fast, "room", far, 1, 5, "5");
    path_close(slow);
    fake_time_run();
    assert_false(path_is_registered(path, slow));
    assert_int_equal(path_members(path, "room"), 2);
}

static void one_frame_fits_an_empty_queue_whatever_its_size(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    path->nodes[0].node.limits.send_queue_max = 10;
    struct path_client *far = path_json(path, 1);
    path_say(far, "{'op':'publish','group':'room','text':'more than ten bytes'}");
    fake_time_run();
    assert_int_equal(ann->close_code, 0);
    assert_int_equal(path_skip(ann), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        path_test(publish_reaches_members_of_all_kinds_and_nodes_once),
        path_test(members_of_one_kind_share_one_frame),
        path_test(all_nodes_see_one_order),
        path_test(echo_false_spares_the_sender_only),
        path_test(payloads_of_all_types_pass_unchanged),
        path_test(without_history_messages_have_no_ids),
        path_test(a_retry_with_its_key_is_published_once),
        path_test(a_raw_client_that_publishes_to_its_group_gets_its_own),
        path_test(groups_of_the_url_are_joined_before_what_the_client_says),
        path_test(members_are_those_of_all_nodes),
        path_test(leave_stops_messages_at_once),
        path_test(the_node_listens_on_for_a_while_after_the_last_leave),
        path_test(a_full_queue_closes_with_4005_and_the_others_still_get_it),
        path_test(one_frame_fits_an_empty_queue_whatever_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
