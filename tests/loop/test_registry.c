/* test_registry.c - the registry while channels are announced again, hidden and shown. */
#include <chanway/registry.h>

#include "loop/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TICK_MS 1500 /* the longest */

static const char oom[] = "OOM command not allowed when used memory > 'maxmemory'";

/* An answer about its inbox comes between the announcement and its answer. */
static void a_channel_announced_while_its_inbox_is_read_gets_what_comes_after(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    path->redis->fail_word = "SADD"; /* what is in doubt is announced with the next tick */
    path->redis->fail_text = oom;
    (void)path_json(path, 0);
    path->redis->fail_word = NULL;
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    path_push_direct(path, ann, 1, 2, "2"); /* 1 is missing: it is looked for */
    fake_time_run();
    assert_int_equal(fake_redis_said(path->redis, "cw_node_inbox"), 1);
    fake_time_advance(TICK_MS);
    char words[80];
    (void)snprintf(words, sizeof(words), "cw_node_attach|%s", ann->uuid);
    assert_int_equal(fake_redis_said(path->redis, words), 1);
    fake_redis_release(path->redis, FAKE_ANSWERS);
    fake_time_run();
    path_push_direct(path, ann, 1, 1, "1");
    fake_time_run();
    path_expect(ann, "{'op':'message','from':'server','epoch':'1','offset':1,'data':1}");
}

/* Hiding and showing.
 *
 * A change is counted when its completion comes. */

struct change {
    unsigned count;
    int rc;
};

static void on_changed(void *arg, int rc)
{
    struct change *change = arg;
    change->count++;
    change->rc = rc;
}

static void hide(struct path_client *client, struct change *change)
{
    assert_int_equal(cw_registry_remove(client->channel, on_changed, change), CW_OK);
    assert_int_equal(change->count, 0); /* never from inside */
}

static void show(struct path_client *client, struct change *change)
{
    assert_int_equal(cw_registry_add(client->channel, on_changed, change), CW_OK);
    assert_int_equal(change->count, 0);
}

static void expect_change(const struct change *change, int rc)
{
    assert_int_equal(change->count, 1);
    assert_int_equal(change->rc, rc);
}

static const char *generation_of(const struct path *path, const struct path_client *client)
{
    char key[CW_KEY_MAX];
    (void)snprintf(key, sizeof(key), "cw:{c:%s}", client->uuid);
    return fake_store_get(&path->redis->store, key, "gen");
}

static void a_hidden_channel_is_in_no_group_and_found_by_nobody(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *bob = path_member(path, 1, "room");
    struct change gone = {0};
    hide(ann, &gone);
    path_expect(ann, "{'op':'left','group':'room'}");
    fake_time_run();
    expect_change(&gone, CW_OK);
    assert_false(path_is_registered(path, ann));
    assert_false(path_is_member(path, ann, "room"));
    path_say(bob, "{'op':'publish','group':'room','data':1}");
    fake_time_run();
    assert_int_equal(path_skip(bob), 1);
    path_expect_nothing(ann);

    path_say(ann, "{'op':'join','id':1,'group':'room'}"); /* its ops are answered all the same */
    path_say(ann, "{'op':'leave','id':2,'group':'room'}");
    path_say(ann, "{'op':'publish','id':3,'group':'room','data':2}");
    path_say(ann, "{'op':'members','id':4,'group':'room'}");
    path_say(ann, "{'op':'message','id':5,'data':3}");
    path_say(ann, "{'op':'ack','id':6,'epoch':'1','offset':1}");
    path_say(ann, "{'op':'ping','id':7}");
    fake_time_run();
    path_expect_start(ann, "{'op':'error','id':1,'code':'unavailable'");
    path_expect(ann, "{'op':'ok','id':2}");
    path_expect(ann, "{'op':'ok','id':3,'epoch':'1','offset':2}");
    path_expect_start(ann, "{'op':'ok','id':4,'members':[{'channel':'%s'", bob->uuid);
    path_expect(ann, "{'op':'ok','id':5}");
    path_expect(ann, "{'op':'ok','id':6}");
    path_expect(ann, "{'op':'pong','id':7}");
    path_expect_nothing(ann);
}

static void a_channel_that_is_shown_again_is_of_a_later_generation(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct change gone = {0};
    struct change back = {0};
    hide(ann, &gone);
    fake_time_run();
    show(ann, &back);
    fake_time_run();
    expect_change(&back, CW_OK);
    assert_true(path_is_registered(path, ann));
    assert_string_equal(generation_of(path, ann), "2");
    assert_false(path_is_member(path, ann, "room"));
    path_skip(ann);
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    path_say(ann, "{'op':'publish','group':'room','data':1}");
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':1");
    path_expect_message(ann, "room", ann, 1, 1, "1");
    assert_true(path_is_member(path, ann, "room"));
    path_push_direct(path, ann, 7, 1, "2");
    fake_time_run();
    path_expect_start(ann, "{'op':'message','from':'server','epoch':'7','offset':1");
    path_expect_nothing(ann);
    assert_true(fake_store_is_covered(&path->redis->store));
}

static void a_channel_that_is_shown_is_written_once_more(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    char key[CW_KEY_MAX];
    (void)snprintf(key, sizeof(key), "cw:{c:%s}", ann->uuid);
    fake_store_lose_key(&path->redis->store, key);
    fake_store_lose_key(&path->redis->store, "cw:{g:room}:m");
    struct change back = {0};
    show(ann, &back);
    fake_time_run();
    expect_change(&back, CW_OK);
    assert_true(path_is_registered(path, ann));
    assert_true(path_is_member(path, ann, "room"));
    assert_true(path_is_marked(path, ann, "room"));
    path_expect_nothing(ann);
}

static void one_change_at_a_time_and_only_of_a_channel_that_is_there(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_open(path, 0, "", "chanway.v1.json");
    struct change gone = {0};
    assert_int_equal(cw_registry_remove(NULL, NULL, NULL), CW_ERR_INVALID);
    assert_int_equal(cw_registry_add(NULL, NULL, NULL), CW_ERR_INVALID);
    assert_int_equal(cw_registry_remove(ann->channel, NULL, NULL), CW_ERR_BUSY);
    assert_int_equal(cw_registry_add(ann->channel, NULL, NULL), CW_ERR_BUSY);
    fake_time_run();
    hide(ann, &gone);
    assert_int_equal(cw_registry_remove(ann->channel, NULL, NULL), CW_ERR_BUSY);
    assert_int_equal(cw_registry_add(ann->channel, NULL, NULL), CW_ERR_BUSY);
    fake_time_run();
    assert_int_equal(cw_registry_remove(ann->channel, NULL, NULL), CW_ERR_NOT_FOUND);
    cw_channel_close(ann->channel, 4000, NULL, -1);
    assert_int_equal(cw_registry_add(ann->channel, NULL, NULL), CW_ERR_DISCONNECTED);
    assert_int_equal(cw_registry_remove(ann->channel, NULL, NULL), CW_ERR_DISCONNECTED);
    expect_change(&gone, CW_OK);
}

static void without_a_link_nothing_is_done(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    path->redis->is_down = true;
    fake_redis_drop(path->redis, 0, FAKE_COMMANDS, FAKE_NOT_SENT);
    fake_time_run();
    assert_int_equal(cw_registry_remove(ann->channel, NULL, NULL), CW_ERR_UNAVAILABLE);
    assert_int_equal(cw_registry_add(ann->channel, NULL, NULL), CW_ERR_UNAVAILABLE);
    path->redis->is_down = false;
    fake_time_advance(2000);
    path_expect_nothing(ann);
    assert_true(path_is_member(path, ann, "room"));
}

static void a_channel_that_ends_ends_its_change(void **state)
{
    struct path *path = *state;
    struct change changes[4] = {{0}};
    struct path_client *clients[4];
    for (int i = 0; i < 4; i++)
        clients[i] = path_member(path, 0, "room");
    hide(clients[0], &changes[0]); /* 0: in the same turn; 1: on its way */
    hide(clients[1], &changes[1]);
    path_close(clients[0]);
    expect_change(&changes[0], CW_ERR_CANCELLED);
    fake_redis_hold(path->redis, FAKE_CALLS);
    fake_time_run();
    path_close(clients[1]);
    expect_change(&changes[1], CW_ERR_CANCELLED);
    show(clients[2], &changes[2]); /* the same for show */
    path_close(clients[2]);
    expect_change(&changes[2], CW_ERR_CANCELLED);
    show(clients[3], &changes[3]);
    fake_time_run();
    path_close(clients[3]);
    expect_change(&changes[3], CW_ERR_CANCELLED);
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    fake_time_advance(2 * TICK_MS);
    for (int i = 0; i < 4; i++) {
        assert_false(path_is_registered(path, clients[i]));
        assert_false(path_is_member(path, clients[i], "room"));
        assert_int_equal(changes[i].count, 1);
    }
}

/* Every op gets one answer, in order, whatever it waits for. */
static void ops_under_way_are_answered(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *bob = path_json(path, 1);
    struct change gone = {0};
    path_publish(bob, "attic", 1, 3);
    path_skip(bob);
    fake_redis_hold(path->redis, FAKE_CALLS);
    path_say(ann, "{'op':'publish','id':1,'group':'yard','data':1}"); /* holds back the others */
    path_say(ann, "{'op':'leave','id':2,'group':'room'}");
    path_say(ann, "{'op':'join','id':3,'group':'hall'}");
    path_say(ann, "{'op':'publish','id':4,'group':'hall','data':2}"); /* waits behind it */
    path_say(ann, "{'op':'join','id':5,'group':'room'}");
    hide(ann, &gone);
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_time_run();
    expect_change(&gone, CW_OK);
    path_expect_start(ann, "{'op':'ok','id':1");
    path_expect_start(ann, "{'op':'error','id':2,'code':'timeout'");
    path_expect_start(ann, "{'op':'error','id':3,'code':'unavailable'");
    path_expect_start(ann, "{'op':'ok','id':4");
    path_expect_start(ann, "{'op':'error','id':5,'code':'unavailable'");
    path_expect_nothing(ann);
    assert_false(path_is_member(path, ann, "room"));
    assert_int_equal(path_members(path, "hall"), 0);
}

static void a_join_that_is_done_but_not_answered_is_refused(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    struct change gone = {0};
    fake_redis_hold(path->redis, FAKE_CALLS);
    path_say(ann, "{'op':'members','id':1,'group':'yard'}");
    fake_time_run();
    path_say(ann, "{'op':'join','id':2,'group':'room'}");
    fake_redis_release(path->redis, FAKE_CALLS);
    fake_redis_hold(path->redis, FAKE_ANSWERS);
    fake_time_run();
    path_expect_nothing(ann);
    fake_redis_release(path->redis, FAKE_ANSWERS);
    hide(ann, &gone);
    fake_time_run();
    path_expect(ann, "{'op':'ok','id':1,'members':[]}");
    path_expect_start(ann, "{'op':'error','id':2,'code':'unavailable'");
    path_expect_nothing(ann);
    assert_int_equal(path_members(path, "room"), 0);
}

static void a_replay_under_way_is_given_up(void **state)
{
    struct path *path = *state;
    struct path_client *bob = path_json(path, 1);
    path_publish(bob, "room", 1, 3);
    for (int is_run = 0; is_run < 2; is_run++) { /* its page was read, or is to be */
        struct path_client *ann = path_json(path, 0);
        struct change gone = {0};
        fake_redis_clear_log(path->redis);
        fake_redis_hold(path->redis, FAKE_CALLS);
        path_say(ann, "{'op':'join','id':1,'group':'room','since':{'epoch':'0','offset':0}}");
        fake_time_run();
        while (fake_redis_said(path->redis, "cw_node_join") == 0)
            fake_redis_step(path->redis, 1);
        fake_redis_hold(path->redis, FAKE_ANSWERS);
        if (is_run == 1)
            fake_redis_step(path->redis, 10);
        assert_int_equal(fake_redis_said(path->redis, "cw_node_read"), is_run);
        hide(ann, &gone);
        path_expect_start(ann, "{'op':'error','id':1,'code':'unavailable'");
        fake_redis_release(path->redis, FAKE_CALLS | FAKE_ANSWERS);
        fake_time_run();
        path_expect_nothing(ann);
        expect_change(&gone, CW_OK);
        assert_int_equal(path_members(path, "room"), 0);
    }
}

static void a_member_that_is_behind_is_hidden_as_well(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *bob = path_json(path, 1);
    struct change gone = {0};
    path->nodes[0].node.limits.send_queue_max = 300;
    fake_redis_drop(path->redis, 0, FAKE_PUBSUB, FAKE_NOT_SENT);
    path_publish(bob, "room", 1, 20);
    fake_time_advance(RECONNECT_MS);
    assert_in_range(path_skip(ann), 1, 19);
    hide(ann, &gone);
    path_expect(ann, "{'op':'left','group':'room'}");
    fake_time_run();
    expect_change(&gone, CW_OK);
    assert_int_equal(path_members(path, "room"), 0);
    cw_channel_on_drained(ann->channel);
    fake_time_run();
    path_expect_nothing(ann);
}

static int hide_in_filter(void *arg, struct cw_channel *channel, struct cw_message *message)
{
    int rc = cw_registry_remove(channel, on_changed, arg);
    return rc == CW_OK && message->group.size > 0 ? CW_TAKEN : CW_OK;
}

static void a_channel_can_be_hidden_by_its_filter(void **state)
{
    struct path *path = *state;
    struct path_client *clients[4];
    struct path_client *bob = path_json(path, 1);
    struct change changes[4] = {{0}};
    for (int i = 0; i < 4; i++) {
        clients[i] = path_member(path, 0, "room");
        if (i != 2)
            assert_int_equal(
                cw_channel_set_send_filter(clients[i]->channel, hide_in_filter, &changes[i]),
                CW_OK);
    }
    path_publish(bob, "room", 1, 1);
    for (int i = 0; i < 4; i++) {
        if (i == 2) {
            path_expect_message(clients[i], "room", bob, 1, 1, "1");
        } else {
            path_expect(clients[i], "{'op':'left','group':'room'}");
            expect_change(&changes[i], CW_OK);
        }
        path_expect_nothing(clients[i]);
    }
    assert_int_equal(path_members(path, "room"), 1);

    struct path_client *ann = path_json(path, 0); /* while it is sent what it missed */
    memset(changes, 0, sizeof(changes));
    assert_int_equal(cw_channel_set_send_filter(ann->channel, hide_in_filter, &changes[0]), CW_OK);
    path_publish(bob, "room", 2, 5);
    path_say(ann, "{'op':'join','id':1,'group':'room','since':{'epoch':'1','offset':1}}");
    fake_time_run();
    path_expect_start(ann, "{'op':'error','id':1,'code':'unavailable'");
    path_expect_nothing(ann);
    expect_change(&changes[0], CW_OK);
}

static void a_channel_can_be_hidden_when_it_connects(void **state)
{
    struct path *path = *state;
    struct change gone = {0};
    struct path_client *ann = path_open(path, 0, "groups=room,hall", "chanway.v1.json");
    struct path_client *late =
        path_open(path, 0, "groups=room&since=later", "chanway.v1.json"); /* parks its groups */
    while (!ann->channel->is_known || !late->channel->is_known)
        assert_true(fake_redis_pending(path->redis) == 0 && (fake_time_run(), true));
    hide(ann, &gone);
    hide(late, &(struct change){0});
    fake_time_run();
    fake_time_advance(6000); /* the op `since` is waited for no longer */
    assert_int_equal(ann->channel->state, CW_CHANNEL_OPEN);
    assert_int_equal(late->channel->state, CW_CHANNEL_OPEN);
    assert_int_equal(path_members(path, "room"), 0);
    assert_false(path_is_registered(path, ann));
    assert_false(path_is_registered(path, late));
    path_skip(ann);
    path_say(ann, "{'op':'ping','id':1}");
    path_expect(ann, "{'op':'pong','id':1}");
}

/* What Redis was not told is found by the sweep; the channel may come back meanwhile. */
static void a_hide_that_redis_refuses_is_done_later(void **state)
{
    struct path *path = *state;
    for (int comes_back = 0; comes_back < 2; comes_back++) {
        struct path_client *ann = path_member(path, 0, "room");
        struct change gone = {0};
        struct change back = {0};
        path->redis->fail_word = "cw_node_detach";
        path->redis->fail_text = oom;
        hide(ann, &gone);
        fake_time_run();
        expect_change(&gone, CW_ERR_UNAVAILABLE);
        assert_true(path_is_registered(path, ann));
        path->redis->fail_word = NULL;
        if (comes_back == 1)
            show(ann, &back);
        fake_time_advance(2 * TICK_MS);
        assert_int_equal(path_is_registered(path, ann), comes_back == 1);
        assert_int_equal(back.count, comes_back);
        assert_true(fake_store_is_covered(&path->redis->store));
    }
}

static void a_channel_shown_while_it_is_swept_stays(void **state)
{
    for (size_t calls = 0; calls < 12; calls++) {
        struct path path;
        struct change gone = {0};
        struct change back = {0};
        path_start(&path, 2, 1);
        (void)state;
        struct path_client *ann = path_member(&path, 0, "room");
        path.redis->fail_word = "cw_node_detach";
        path.redis->fail_text = oom;
        hide(ann, &gone);
        fake_time_run();
        path.redis->fail_word = NULL;
        fake_redis_hold(path.redis, FAKE_CALLS);
        fake_time_advance(TICK_MS);
        for (size_t i = 0; i < calls; i++)
            fake_redis_step(path.redis, 1);
        show(ann, &back);
        path_say(ann, "{'op':'join','id':1,'group':'room'}");
        fake_redis_release(path.redis, FAKE_CALLS);
        fake_time_run();
        fake_time_advance(4 * TICK_MS);
        expect_change(&back, CW_OK);
        assert_true(path_is_registered(&path, ann));
        assert_true(path_is_member(&path, ann, "room"));
        assert_true(fake_store_is_covered(&path.redis->store));
        path_stop(&path);
    }
}

/* At every point of the way. */

static struct change gone[2], back[2];
static enum fake_loss loss;
static bool has_loss;

static bool is_known(const struct path_client *client)
{
    return client->channel->is_known;
}

static void drop(struct scene *scene)
{
    if (has_loss)
        fake_redis_drop(scene->path.redis, 0, FAKE_COMMANDS, loss);
}

static void hide_both(struct scene *scene)
{
    struct path_client *clients[] = {scene->ann, scene->bob};
    memset(gone, 0, sizeof(gone));
    memset(back, 0, sizeof(back));
    for (int i = 0; i < 2; i++)
        if (is_known(clients[i]))
            hide(clients[i], &gone[i]);
        else
            gone[i].count = 1;
    bool is_ann_hidden = is_known(scene->ann);
    fake_redis_step(scene->path.redis, 2);
    drop(scene);
    scene_settle(scene);
    fake_time_advance(2 * TICK_MS);
    assert_int_equal(gone[0].count, 1);
    assert_int_equal(gone[1].count, 1);
    scene_check_answers(scene->bob, 1, 7);
    assert_false(path_is_registered(&scene->path, scene->bob));
    assert_int_equal(path_is_registered(&scene->path, scene->ann), !is_ann_hidden);
    assert_true(fake_store_is_covered(&scene->path.redis->store));
    assert_int_equal(path_is_member(&scene->path, scene->bob, "room"), 0);
    assert_int_equal(path_is_member(&scene->path, scene->bob, "attic"), 0);
    show(scene->bob, &back[1]);
    if (is_ann_hidden)
        show(scene->ann, &back[0]);
    drop(scene);
    scene_settle(scene);
    assert_int_equal(back[1].count, 1);
    scene_check_agreement(scene);
}

static void channels_hidden_at_any_point_are_out_and_come_back(void **state)
{
    (void)state;
    has_loss = false;
    scene_at_every_point(hide_both);
}

static void whatever_becomes_of_the_link(void **state)
{
    (void)state;
    has_loss = true;
    for (int i = 0; i < FAKE_LOSSES; i++) {
        loss = (enum fake_loss)i;
        scene_at_every_point(hide_both);
    }
}

static void hide_and_end(struct scene *scene)
{
    memset(gone, 0, sizeof(gone));
    memset(back, 0, sizeof(back));
    hide(scene->bob, &gone[1]);
    if (is_known(scene->ann))
        show(scene->ann, &back[0]);
    else
        back[0].count = 1;
    fake_redis_step(scene->path.redis, 1);
}

static void a_node_destroyed_meanwhile_tells_of_it_once(void **state)
{
    (void)state;
    for (size_t calls = 0; calls < 24; calls++) {
        struct scene scene = {0};
        scene_start(&scene, calls);
        hide_and_end(&scene);
        scene_end(&scene);
        assert_int_equal(gone[1].count, 1);
        assert_int_equal(back[0].count, 1);
    }
}

/* Completions of the end. */

struct last_call {
    struct cw_cluster *cluster;
    unsigned count;
};

static void on_entry(void *arg, int rc, const struct cw_registry_entry *entry)
{
    struct last_call *call = arg;
    assert_int_equal(rc, CW_ERR_TIMEOUT);
    assert_null(entry);
    call->count++;
    const struct cw_message message = {.group = cw_bytes_text("room")};
    assert_int_equal(cw_cluster_publish(call->cluster, &message, NULL, NULL), CW_ERR_UNAVAILABLE);
    assert_int_equal(cw_cluster_find_channel(call->cluster,
                                             cw_bytes_text("018f3a5e-7c1b-7d2e-9a40-5f6e7d8c9b0a"),
                                             on_entry, arg),
                     CW_ERR_UNAVAILABLE);
}

static void on_items(void *arg, int rc, const struct cw_registry_item *items, size_t count,
                     struct cw_bytes next_cursor)
{
    struct last_call *call = arg;
    (void)items;
    assert_int_equal(rc, CW_ERR_TIMEOUT);
    assert_int_equal(count, 0);
    assert_int_equal(next_cursor.size, 0);
    call->count++;
    assert_int_equal(cw_cluster_channels(call->cluster, cw_bytes_text("0"), 10, on_items, arg),
                     CW_ERR_UNAVAILABLE);
}

static void whoever_is_told_at_the_end_may_call_again(void **state)
{
    struct path path;
    path_start(&path, 1, 1);
    (void)state;
    struct last_call call = {.cluster = path.nodes[0].cluster};
    path.redis->loss = FAKE_NOT_RUN;
    fake_redis_hold(path.redis, FAKE_CALLS);
    assert_int_equal(cw_cluster_find_channel(call.cluster,
                                             cw_bytes_text("018f3a5e-7c1b-7d2e-9a40-5f6e7d8c9b0a"),
                                             on_entry, &call),
                     CW_OK);
    assert_int_equal(cw_cluster_channels(call.cluster, cw_bytes_text("0"), 10, on_items, &call),
                     CW_OK);
    fake_time_run();
    assert_int_equal(call.count, 0);
    path_stop(&path);
    assert_int_equal(call.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        path_test(a_channel_announced_while_its_inbox_is_read_gets_what_comes_after),
        path_test(a_hidden_channel_is_in_no_group_and_found_by_nobody),
        path_test(a_channel_that_is_shown_again_is_of_a_later_generation),
        path_test(a_channel_that_is_shown_is_written_once_more),
        path_test(one_change_at_a_time_and_only_of_a_channel_that_is_there),
        path_test(without_a_link_nothing_is_done),
        path_test(a_channel_that_ends_ends_its_change),
        path_test(ops_under_way_are_answered),
        path_test(a_join_that_is_done_but_not_answered_is_refused),
        path_test(a_replay_under_way_is_given_up),
        path_test(a_member_that_is_behind_is_hidden_as_well),
        path_test(a_channel_can_be_hidden_by_its_filter),
        path_test(a_channel_can_be_hidden_when_it_connects),
        path_test(a_hide_that_redis_refuses_is_done_later),
        cmocka_unit_test(a_channel_shown_while_it_is_swept_stays),
        cmocka_unit_test(channels_hidden_at_any_point_are_out_and_come_back),
        cmocka_unit_test(whatever_becomes_of_the_link),
        cmocka_unit_test(a_node_destroyed_meanwhile_tells_of_it_once),
        cmocka_unit_test(whoever_is_told_at_the_end_may_call_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
