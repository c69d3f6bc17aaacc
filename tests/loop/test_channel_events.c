/* test_channel_events.c - one channel's receive, handlers and own data, by the public API. */
#include "loop/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char own[] = "own";
static char other[] = "other";

static struct cw_bytes text(const char *payload)
{
    return cw_bytes_text(payload);
}

/* A json client of the first node; its connect is not in the notes. */
static struct path_client *connect(struct path *path)
{
    struct path_client *client = path_json(path, 0);
    expect_notes("node:connect");
    return client;
}

static void say(struct path_client *client, const char *payload)
{
    path_say(client, "{'op':'message',%s}", payload);
}

/* Receiving. */

static void the_next_message_goes_to_who_asked_once(void **state)
{
    struct path_client *ann = connect(*state);
    assert_int_equal(cw_channel_receive(ann->channel, note_received, own), CW_OK);
    say(ann, "'text':'one'");
    say(ann, "'text':'two'");
    expect_notes("own:received(0)=one node:message=two");
    path_say(ann, "{'op':'message','id':1,'data':3}");
    path_expect(ann, "{'op':'ok','id':1}");
    expect_notes("node:message=3");
}

static void only_one_is_asked_for_at_a_time(void **state)
{
    struct path_client *ann = connect(*state);
    assert_int_equal(cw_channel_receive(ann->channel, NULL, own), CW_ERR_INVALID);
    assert_int_equal(cw_channel_receive_json(ann->channel, note_received, own), CW_OK);
    assert_int_equal(cw_channel_receive(ann->channel, note_received, other), CW_ERR_BUSY);
    assert_int_equal(cw_channel_receive_text(ann->channel, note_received, other), CW_ERR_BUSY);
    say(ann, "'data':1");
    expect_notes("own:received(0)=1");
    assert_int_equal(cw_channel_receive_text(ann->channel, note_received, other), CW_OK);
    say(ann, "'text':'x'");
    expect_notes("other:received(0)=x");
}

static void a_message_of_another_type_is_an_error_to_who_asked(void **state)
{
    struct path_client *ann = connect(*state);
    assert_int_equal(cw_channel_receive_json(ann->channel, note_received, own), CW_OK);
    path_say(ann, "{'op':'message','id':1,'text':'x'}");
    path_expect(ann, "{'op':'ok','id':1}"); /* it was taken all the same */
    expect_notes("own:received(-3)=x");
    assert_int_equal(cw_channel_receive_bytes(ann->channel, note_received, own), CW_OK);
    say(ann, "'data':{}");
    expect_notes("own:received(-3)={}");
    assert_int_equal(cw_channel_receive_bytes(ann->channel, note_received, own), CW_OK);
    say(ann, "'bytes':'YWI='");
    expect_notes("own:received(0)=ab");
}

static void receive_again(void *arg, struct cw_channel *channel, int rc,
                          const struct cw_message *message)
{
    note_received(arg, channel, rc, message);
    int again = cw_channel_receive(channel, receive_again, arg);
    if (again != CW_OK)
        note("again=%d", again);
}

static void receive_asked_anew_in_its_callback_is_the_loop_of_the_seed(void **state)
{
    struct path_client *ann = connect(*state);
    assert_int_equal(cw_channel_receive(ann->channel, receive_again, own), CW_OK);
    for (int i = 0; i < 3; i++)
        path_say(ann, "{'op':'message','data':%d}", i);
    expect_notes("own:received(0)=0 own:received(0)=1 own:received(0)=2");
    path_close(ann);
    expect_notes("own:received(-15) again=-15 node:disconnect=1006");
}

static void receive_echo(void *arg, struct cw_channel *channel, int rc,
                         const struct cw_message *message)
{
    (void)arg;
    if (rc != CW_OK)
        return;
    assert_int_equal(cw_channel_receive_text(channel, receive_echo, NULL), CW_OK);
    assert_int_equal(cw_channel_send_text(channel, message->payload), CW_OK);
}

static void raw_frames_are_received_too(void **state)
{
    struct path *path = *state;
    struct path_client *raw = path_open(path, 0, "type=text", "");
    fake_time_run();
    assert_int_equal(cw_channel_receive_text(raw->channel, receive_echo, NULL), CW_OK);
    path_say(raw, "one");
    path_say(raw, "two");
    path_expect(raw, "one");
    path_expect(raw, "two");
    path_expect_nothing(raw);
}

static void receive_and_close(void *arg, struct cw_channel *channel, int rc,
                              const struct cw_message *message)
{
    note_received(arg, channel, rc, message);
    cw_channel_close(channel, 4004, "enough", -1);
    note("closed=%d", cw_channel_receive(channel, note_received, arg));
}

static void receive_may_close_its_channel(void **state)
{
    struct path_client *ann = connect(*state);
    assert_int_equal(cw_channel_receive(ann->channel, receive_and_close, own), CW_OK);
    path_say(ann, "{'op':'message','id':1,'data':1}");
    say(ann, "'data':2"); /* behind it: not read any more */
    expect_notes("own:received(0)=1 closed=-15");
    assert_int_equal(ann->close_code, 4004);
    assert_int_equal(cw_channel_accept(ann->channel), CW_ERR_DISCONNECTED);
    path_expect_start(ann, "{'op':'bye','code':4004");
    path_expect_nothing(ann);
    path_close(ann);
    expect_notes("node:disconnect=1006");
}

static void a_receive_that_waits_is_told_of_the_end_before_on_disconnect(void **state)
{
    struct path_client *ann = connect(*state);
    struct path_client *bob = connect(*state);
    assert_int_equal(cw_channel_receive_json(ann->channel, note_received, own), CW_OK);
    path_close(ann);
    expect_notes("own:received(-15) node:disconnect=1006");

    assert_int_equal(cw_channel_receive_json(bob->channel, note_received, own), CW_OK);
    cw_channel_close(bob->channel, 1000, NULL, -1);
    assert_int_equal(cw_channel_receive(bob->channel, note_received, own), CW_ERR_DISCONNECTED);
    expect_notes(""); /* its socket is still there */
    path_close(bob);
    expect_notes("own:received(-15) node:disconnect=1006");
}

/* Facts of its state. */

static void note_is_open(void *arg, struct cw_channel *channel)
{
    (void)arg;
    note("open=%d accept=%d send=%d", cw_channel_is_open(channel), cw_channel_accept(channel),
         cw_channel_send_json(channel, text("1")));
}

static void note_is_gone(void *arg, struct cw_channel *channel, int code, const char *reason)
{
    (void)code;
    (void)reason;
    note_is_open(arg, channel);
    cw_channel_close(channel, 4000, "again", 0);
}

static void is_open_from_on_connect_until_either_side_closes(void **state)
{
    struct path *path = *state;
    on_connect(path, note_is_open, NULL);
    on_disconnect(path, note_is_gone, NULL);
    struct path_client *ann = path_open(path, 0, "", "chanway.v1.json");
    note_is_open(NULL, ann->channel); /* not greeted: nothing goes before `welcome` */
    expect_notes("open=0 accept=0 send=-16");
    fake_time_run();
    expect_notes("node:connect open=1 accept=0 send=0");
    path_expect_start(ann, "{'op':'welcome'");
    path_expect(ann, "{'op':'message','from':'server','data':1}");
    assert_null(cw_channel_user(ann->channel));
    struct path_client *bob = path_open(path, 0, "", "chanway.v1.json");
    fake_time_run();
    expect_notes("node:connect open=1 accept=0 send=0");
    cw_channel_close(bob->channel, 1000, NULL, -1);
    note_is_open(NULL, bob->channel);
    expect_notes("open=0 accept=-15 send=-15");
    path_close(bob);
    expect_notes("node:disconnect=1006 open=0 accept=-15 send=-15");
    path_close(ann); /* lost: no close of ours */
    expect_notes("node:disconnect=1006 open=0 accept=-15 send=-15");
}

/* Handlers. */

static void watch(struct cw_channel *channel)
{
    assert_int_equal(cw_channel_on_connect(channel, note_connect, own), CW_OK);
    assert_int_equal(cw_channel_on_disconnect(channel, note_disconnect, own), CW_OK);
    assert_int_equal(cw_channel_on_message(channel, note_message, own), CW_OK);
    assert_int_equal(cw_channel_on_message(channel, note_message, other), CW_OK);
    assert_int_equal(cw_channel_on_error(channel, note_error, own), CW_OK);
}

static void own_handlers_are_called_in_order_and_before_those_of_the_node(void **state)
{
    struct path *path = *state;
    path->on_created = watch;
    struct path_client *ann = path_json(path, 0);
    path->on_created = NULL;
    expect_notes("own:connect node:connect");
    struct path_client *bob = connect(path);
    say(ann, "'data':1");
    expect_notes("own:message=1 other:message=1 node:message=1");
    say(bob, "'data':2");
    expect_notes("node:message=2");
    path_say(ann, "{'op':'dance'}");
    expect_notes("own:error=bad_request node:error=bad_request");
    path_close(ann);
    expect_notes("own:disconnect=1006 node:disconnect=1006");
}

static void handlers_are_not_nothing_and_connect_is_not_too_late(void **state)
{
    struct path_client *ann = connect(*state);
    struct cw_channel *channel = ann->channel;
    assert_int_equal(cw_channel_on_connect(channel, note_connect, own), CW_ERR_INVALID);
    assert_int_equal(cw_channel_on_disconnect(channel, NULL, own), CW_ERR_INVALID);
    assert_int_equal(cw_channel_on_message(channel, NULL, own), CW_ERR_INVALID);
    assert_int_equal(cw_channel_on_error(channel, NULL, own), CW_ERR_INVALID);
}

static void add_another(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    note_message(arg, channel, message);
    assert_int_equal(cw_channel_on_message(channel, note_message, other), CW_OK);
}

static void a_handler_added_by_a_handler_is_first_called_by_the_next_event(void **state)
{
    struct path_client *ann = connect(*state);
    assert_int_equal(cw_channel_on_message(ann->channel, add_another, own), CW_OK);
    say(ann, "'data':1");
    expect_notes("own:message=1 node:message=1");
    say(ann, "'data':2");
    expect_notes("own:message=2 other:message=2 node:message=2");
}

static void add_to_the_node(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    (void)channel;
    (void)message;
    on_message(arg, note_message, other);
}

static void a_handler_of_the_node_added_by_a_channels_handler_waits_too(void **state)
{
    struct path *path = *state;
    struct path_client *ann = connect(path);
    assert_int_equal(cw_channel_on_message(ann->channel, add_to_the_node, path), CW_OK);
    say(ann, "'data':1");
    expect_notes("node:message=1");
    say(ann, "'data':2");
    expect_notes("node:message=2 other:message=2");
}

static void close_on_message(void *arg, struct cw_channel *channel,
                             const struct cw_message *message)
{
    note_message(arg, channel, message);
    cw_channel_close(channel, 4004, NULL, -1);
}

static void a_handler_may_close_its_channel_and_the_others_are_called_still(void **state)
{
    struct path_client *ann = connect(*state);
    assert_int_equal(cw_channel_on_message(ann->channel, close_on_message, own), CW_OK);
    path_say(ann, "{'op':'message','id':1,'data':1}");
    say(ann, "'data':2");
    expect_notes("own:message=1 node:message=1");
    path_close(ann);
    expect_notes("node:disconnect=1006");
}

static void close_on_connect(void *arg, struct cw_channel *channel)
{
    note_connect(arg, channel);
    cw_channel_close(channel, 4001, "no", -1);
}

static void a_channel_closed_by_its_on_connect_is_disconnected_like_others(void **state)
{
    struct path *path = *state;
    on_connect(path, close_on_connect, own);
    struct path_client *ann = path_open(path, 0, "groups=room", "chanway.v1.json");
    fake_time_run();
    expect_notes("node:connect own:connect");
    assert_int_equal(ann->close_code, 4001);
    path_close(ann);
    fake_time_run();
    expect_notes("node:disconnect=1006");
}

/* Own data. */

static char first_key, second_key;

static void keep(struct cw_channel *channel, const void *key, char *data)
{
    assert_int_equal(cw_channel_set_data(channel, key, data, note_destroyed), CW_OK);
}

static void own_data_is_destroyed_when_replaced_and_after_on_disconnect(void **state)
{
    struct path_client *ann = connect(*state);
    struct cw_channel *channel = ann->channel;
    char one[] = "one", two[] = "two", three[] = "three", plain[] = "plain";
    assert_null(cw_channel_data(channel, &first_key));
    assert_int_equal(cw_channel_set_data(channel, NULL, one, NULL), CW_ERR_INVALID);
    keep(channel, &first_key, one);
    keep(channel, &second_key, two);
    assert_string_equal(cw_channel_data(channel, &first_key), "one");
    assert_string_equal(cw_channel_data(channel, &second_key), "two");
    expect_notes("");
    keep(channel, &first_key, three);
    expect_notes("destroyed=one");
    keep(channel, &first_key, three);
    expect_notes("");
    assert_int_equal(cw_channel_set_data(channel, &second_key, NULL, NULL), CW_OK);
    expect_notes("destroyed=two");
    assert_null(cw_channel_data(channel, &second_key));
    assert_int_equal(cw_channel_set_data(channel, &second_key, plain, NULL), CW_OK);
    assert_ptr_equal(cw_channel_data(channel, &second_key), plain);
    path_close(ann);
    expect_notes("node:disconnect=1006 destroyed=three");
}

static void own_data_of_a_channel_that_was_never_connected_is_destroyed(void **state)
{
    struct path *path = *state;
    static char data[] = "data";
    struct path_client *ann = path_open(path, 0, "", "chanway.v1.json");
    keep(ann->channel, &first_key, data);
    watch(ann->channel);
    assert_int_equal(cw_channel_receive(ann->channel, note_received, own), CW_OK);
    path_close(ann);
    expect_notes("own:received(-15) destroyed=data");
}

static struct cw_channel *bound;

static void set_in_destructor(void *data)
{
    static char late[] = "late";
    note_destroyed(data);
    int rc = cw_channel_set_data(bound, &second_key, late, note_destroyed);
    if (rc != CW_OK)
        note("set=%d", rc);
}

static void a_destructor_may_set_data_until_the_channel_ends(void **state)
{
    static char one[] = "one", two[] = "two";
    struct path_client *ann = connect(*state);
    bound = ann->channel;
    assert_int_equal(cw_channel_set_data(bound, &first_key, one, set_in_destructor), CW_OK);
    assert_int_equal(cw_channel_set_data(bound, &first_key, two, set_in_destructor), CW_OK);
    assert_string_equal(cw_channel_data(bound, &second_key), "late");
    path_close(ann);
    /* What its last destructor sets is refused, and the caller's. */
    expect_notes("destroyed=one node:disconnect=1006 destroyed=late destroyed=two set=-15");
}

static void drop_own_data(void *arg, struct cw_channel *channel, int code, const char *reason)
{
    note_disconnect(arg, channel, code, reason);
    assert_int_equal(cw_channel_set_data(channel, &first_key, NULL, NULL), CW_OK);
}

static void on_disconnect_may_free_own_data(void **state)
{
    static char one[] = "one";
    struct path_client *ann = connect(*state);
    keep(ann->channel, &first_key, one);
    assert_int_equal(cw_channel_on_disconnect(ann->channel, drop_own_data, own), CW_OK);
    path_close(ann);
    expect_notes("own:disconnect=1006 destroyed=one node:disconnect=1006");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        notes_test(the_next_message_goes_to_who_asked_once),
        notes_test(only_one_is_asked_for_at_a_time),
        notes_test(a_message_of_another_type_is_an_error_to_who_asked),
        notes_test(receive_asked_anew_in_its_callback_is_the_loop_of_the_seed),
        notes_test(raw_frames_are_received_too),
        notes_test(receive_may_close_its_channel),
        notes_test(a_receive_that_waits_is_told_of_the_end_before_on_disconnect),
        notes_test(is_open_from_on_connect_until_either_side_closes),
        notes_test(own_handlers_are_called_in_order_and_before_those_of_the_node),
        notes_test(handlers_are_not_nothing_and_connect_is_not_too_late),
        notes_test(a_handler_added_by_a_handler_is_first_called_by_the_next_event),
        notes_test(a_handler_of_the_node_added_by_a_channels_handler_waits_too),
        notes_test(a_handler_may_close_its_channel_and_the_others_are_called_still),
        notes_test(a_channel_closed_by_its_on_connect_is_disconnected_like_others),
        notes_test(own_data_is_destroyed_when_replaced_and_after_on_disconnect),
        notes_test(own_data_of_a_channel_that_was_never_connected_is_destroyed),
        notes_test(a_destructor_may_set_data_until_the_channel_ends),
        notes_test(on_disconnect_may_free_own_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
