/* test_channel_filters.c - filters of one channel, and the facts of its request. */
#include "base/stats.h"
#include "channel/members.h"
#include "channel/websocket.h"
#include "loop/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char first[] = "filter", second[] = "new", third[] = "third";

/* A filter that does what its payload says, and notes what it sees. */
static int obey(void *arg, struct cw_channel *channel, struct cw_message *message)
{
    static char made[64];
    struct cw_bytes payload = message->payload;
    note("%s:%.*s", (const char *)arg, (int)payload.size, payload.data);
    if (cw_bytes_is(payload, "\"take\""))
        return CW_TAKEN;
    if (cw_bytes_is(payload, "\"refuse\""))
        return CW_ERR_RATE_LIMITED;
    if (cw_bytes_is(payload, "\"break\""))
        message->payload = cw_bytes_text("no json");
    if (cw_bytes_is(payload, "\"untype\""))
        message->type = (enum cw_payload_type)7;
    if (cw_bytes_is(payload, "\"text\"")) {
        message->type = CW_PAYLOAD_TEXT;
        message->payload = cw_bytes_text("changed");
    }
    if (cw_bytes_is(payload, "\"change\"")) {
        memcpy(made, "{\"changed\":true}", 17);
        message->payload = cw_bytes_text(made);
        message->from = cw_bytes_text("nobody"); /* is ignored */
        message->group = cw_bytes_text("nowhere");
    }
    if (cw_bytes_is(payload, "\"close\""))
        cw_channel_close(channel, 4004, "as asked", -1);
    if (cw_bytes_is(payload, "\"send\""))
        note("inner=%d", cw_channel_send_json(channel, cw_bytes_text("\"send\"")));
    if (cw_bytes_is(payload, "\"remove\""))
        note("set=%d", cw_channel_set_send_filter(channel, NULL, NULL) |
                           cw_channel_set_receive_filter(channel, NULL, NULL));
    if (cw_bytes_is(payload, "\"replace\""))
        note("set=%d", cw_channel_set_send_filter(channel, obey, second) |
                           cw_channel_set_receive_filter(channel, obey, second));
    return CW_OK;
}

static struct path_client *connect(struct path *path, bool is_send, const char *group)
{
    struct path_client *client = group != NULL ? path_member(path, 0, group) : path_json(path, 0);
    expect_notes("node:connect");
    int rc = is_send ? cw_channel_set_send_filter(client->channel, obey, first)
                     : cw_channel_set_receive_filter(client->channel, obey, first);
    assert_int_equal(rc, CW_OK);
    return client;
}

static void expect_sent(struct path_client *client, const char *json, int rc)
{
    assert_int_equal(cw_channel_send_json(client->channel, cw_bytes_text(json)), rc);
}

/* Sending. */

static void the_send_filter_sees_what_the_application_sends(void **state)
{
    struct path_client *ann = connect(*state, true, NULL);
    expect_sent(ann, "1", CW_OK);
    expect_sent(ann, "\"change\"", CW_OK);
    expect_sent(ann, "\"text\"", CW_OK);
    expect_sent(ann, "\"take\"", CW_OK);
    expect_sent(ann, "\"refuse\"", CW_ERR_RATE_LIMITED);
    expect_sent(ann, "\"break\"", CW_ERR_PAYLOAD);
    expect_sent(ann, "\"untype\"", CW_ERR_PAYLOAD);
    expect_notes("filter:1 filter:\"change\" filter:\"text\" filter:\"take\" filter:\"refuse\" "
                 "filter:\"break\" filter:\"untype\"");
    expect_sent(ann, "not json", CW_ERR_PAYLOAD); /* before it */
    expect_notes("");
    path_expect(ann, "{'op':'message','from':'server','data':1}");
    path_expect(ann, "{'op':'message','from':'server','data':{'changed':true}}");
    path_expect(ann, "{'op':'message','from':'server','text':'changed'}");
    path_expect_nothing(ann);
    assert_int_equal(cw_channel_set_send_filter(ann->channel, NULL, NULL), CW_OK);
    expect_sent(ann, "\"refuse\"", CW_OK);
    expect_notes("");
    path_expect(ann, "{'op':'message','from':'server','data':'refuse'}");
}

static void frames_of_the_nodes_own_do_not_pass_it(void **state)
{
    struct path_client *ann = connect(*state, true, NULL);
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    fake_time_run();
    path_say(ann, "{'op':'ping'}");
    path_expect(ann, "{'op':'ok','id':1,'epoch':'0','offset':0}");
    path_expect(ann, "{'op':'pong'}");
    expect_notes("");
}

/* Of a group: only who has a filter leaves the shared frame. */
static void messages_of_a_group_pass_the_filter_of_each_member(void **state)
{
    struct path *path = *state;
    struct path_client *ann = connect(path, true, "room");
    struct path_client *bob = path_member(path, 0, "room");
    struct path_client *eve = path_member(path, 0, "room");
    struct path_client *far = path_json(path, 1);
    expect_notes("node:connect node:connect");
    uint64_t filtered = CW_STAT(client_messages_filtered_total);
    static const char *const all[] = {"1",         "\"change\"", "\"take\"", "\"refuse\"",
                                      "\"break\"", "\"text\"",   "2"};
    for (size_t i = 0; i < 7; i++)
        path_say(far, "{'op':'publish','group':'room','data':%s}", all[i]);
    fake_time_run();
    expect_notes("filter:1 filter:\"change\" filter:\"take\" filter:\"refuse\" filter:\"break\" "
                 "filter:\"text\" filter:2");
    path_expect_message(ann, "room", far, 1, 1, "1");
    path_expect_message(ann, "room", far, 1, 2, "{'changed':true}");
    path_expect(
        ann, "{'op':'message','group':'room','from':'%s','epoch':'1','offset':6,'text':'changed'}",
        far->uuid);
    path_expect_message(ann, "room", far, 1, 7, "2");
    path_expect_nothing(ann);
    assert_int_equal(CW_STAT(client_messages_filtered_total) - filtered, 2);
    assert_ptr_equal(cw_outbox_front(&bob->channel->outbox),
                     cw_outbox_front(&eve->channel->outbox));
    for (unsigned i = 0; i < 7; i++) {
        path_expect_message(bob, "room", far, 1, i + 1, all[i]);
        path_expect_message(eve, "room", far, 1, i + 1, all[i]);
    }
}

static void a_sender_spared_by_echo_false_is_not_asked(void **state)
{
    struct path *path = *state;
    struct path_client *ann = connect(path, true, "room");
    path_say(ann, "{'op':'publish','group':'room','data':1,'echo':false}");
    fake_time_run();
    expect_notes("");
    path_expect_nothing(ann);
}

static void direct_messages_pass_the_filter(void **state)
{
    struct path_client *ann = connect(*state, true, NULL);
    struct cw_message message = {.type = CW_PAYLOAD_JSON, .payload = cw_bytes_text("\"change\"")};
    cw_channel_send_direct(ann->channel, &message, true);
    path_expect(ann, "{'op':'message','from':'server','data':{'changed':true}}");
    message.payload = cw_bytes_text("\"refuse\"");
    cw_channel_send_direct(ann->channel, &message, true);
    cw_channel_send_direct(ann->channel, &message, false);
    message.payload = cw_bytes_text("3");
    cw_channel_send_direct(ann->channel, &message, false);
    path_expect(ann, "{'op':'message','from':'server','data':3}");
    path_expect_nothing(ann);
}

static void what_a_client_missed_passes_the_filter(void **state)
{
    struct path *path = *state;
    struct path_client *ann = connect(path, true, NULL);
    struct path_client *far = path_json(path, 1);
    static const char *const all[] = {"1", "\"refuse\"", "\"change\"", "\"take\"", "5"};
    for (size_t i = 0; i < 5; i++)
        path_say(far, "{'op':'publish','group':'room','data':%s}", all[i]);
    fake_time_run();
    path_say(ann, "{'op':'join','id':1,'group':'room','since':{'epoch':'0','offset':0}}");
    fake_time_run();
    path_expect_message(ann, "room", far, 1, 1, "1");
    path_expect_message(ann, "room", far, 1, 3, "{'changed':true}");
    path_expect_message(ann, "room", far, 1, 5, "5");
    path_expect(ann, "{'op':'ok','id':1,'epoch':'1','offset':5,'recovered':true}");
    path_expect_nothing(ann);
}

/* More than its queue takes comes at once: the rest follows as it reads, nothing twice. */
static void what_its_node_caught_up_with_passes_the_filter_once(void **state)
{
    struct path *path = *state;
    struct path_client *ann = connect(path, true, "room");
    struct path_client *far = path_json(path, 1);
    char wanted[2048] = "", word[16];
    path->nodes[0].node.limits.send_queue_max = 1000; /* some of 60 */
    fake_redis_drop(path->redis, 0, FAKE_PUBSUB, FAKE_NOT_ANSWERED);
    path_publish(far, "room", 1, 60);
    fake_time_advance(100);
    path_publish(far, "room", 61, 62);
    for (unsigned i = 1; i <= 62; i++) {
        path_expect_numbers(ann, "room", far, 1, i, i);
        (void)snprintf(word, sizeof(word), i == 1 ? "filter:%u" : " filter:%u", i);
        (void)strcat(wanted, word);
        if (cw_outbox_is_empty(&ann->channel->outbox))
            fake_time_run();
    }
    path_expect_nothing(ann);
    assert_int_equal(ann->close_code, 0);
    expect_notes(wanted);
}

static void what_is_sent_from_inside_the_filter_does_not_pass_it_again(void **state)
{
    struct path_client *ann = connect(*state, true, NULL);
    expect_sent(ann, "\"send\"", CW_OK);
    expect_notes("filter:\"send\" inner=0");
    path_expect(ann, "{'op':'message','from':'server','data':'send'}");
    path_expect(ann, "{'op':'message','from':'server','data':'send'}");
    path_expect_nothing(ann);
    expect_sent(ann, "1", CW_OK);
    expect_notes("filter:1");
}

static void a_filter_may_close_its_channel(void **state)
{
    struct path *path = *state;
    struct path_client *ann = connect(path, true, "room");
    struct path_client *bob = connect(path, true, "room");
    struct path_client *far = path_json(path, 1);
    expect_sent(ann, "\"close\"", CW_ERR_DISCONNECTED);
    expect_sent(ann, "1", CW_ERR_DISCONNECTED);
    expect_notes("filter:\"close\"");
    path_expect_start(ann, "{'op':'bye','code':4004");
    path_expect_nothing(ann);
    path_say(far, "{'op':'publish','group':'room','data':'close'}");
    path_say(far, "{'op':'publish','group':'room','data':2}");
    fake_time_run();
    expect_notes("filter:\"close\"");
    path_expect_start(bob, "{'op':'bye','code':4004");
    path_expect_nothing(bob);
    path_close(ann);
    path_close(bob);
    expect_notes("node:disconnect=1006 node:disconnect=1006");
}

static void a_filter_may_remove_or_replace_itself(void **state)
{
    struct path *path = *state;
    struct path_client *ann = connect(path, true, "room");
    struct path_client *far = path_json(path, 1);
    expect_sent(ann, "\"replace\"", CW_OK);
    expect_sent(ann, "\"remove\"", CW_OK);
    expect_sent(ann, "3", CW_OK);
    expect_notes("filter:\"replace\" set=0 new:\"remove\" set=0");
    assert_int_equal(path_skip(ann), 3);
    assert_int_equal(cw_channel_set_send_filter(ann->channel, obey, third), CW_OK);
    path_say(far, "{'op':'publish','group':'room','data':'remove'}");
    path_say(far, "{'op':'publish','group':'room','data':2}");
    fake_time_run();
    expect_notes("third:\"remove\" set=0");
    path_expect_message(ann, "room", far, 1, 1, "'remove'");
    path_expect_message(ann, "room", far, 1, 2, "2");
}

/* Filters by which members go: of others, of their own, the last of the group. */

static struct path_client *leaver;

static int let_go(void *arg, struct cw_channel *channel, struct cw_message *message)
{
    (void)message;
    note("%s", (const char *)arg);
    if (leaver != NULL)
        cw_member_destroy(cw_member_find(leaver->channel, cw_bytes_text("room")));
    leaver = NULL;
    cw_member_destroy(cw_member_find(channel, cw_bytes_text("room")));
    return CW_OK;
}

static void members_may_go_while_a_message_is_filtered(void **state)
{
    struct path *path = *state;
    static char names[][4] = {"ann", "bob", "eve"};
    struct path_client *ann = path_member(path, 0, "room");
    struct path_client *bob = path_member(path, 0, "room");
    struct path_client *eve = path_member(path, 0, "room");
    expect_notes("node:connect node:connect node:connect");
    assert_int_equal(cw_channel_set_send_filter(ann->channel, let_go, names[0]), CW_OK);
    assert_int_equal(cw_channel_set_send_filter(bob->channel, let_go, names[1]), CW_OK);
    assert_int_equal(cw_channel_set_send_filter(eve->channel, let_go, names[2]), CW_OK);
    leaver = bob;
    struct cw_member *member = cw_member_find(ann->channel, cw_bytes_text("room"));
    struct cw_message message = {.payload = cw_bytes_text("1"), .group = cw_bytes_text("room")};
    cw_group_deliver(member->group, &message);
    expect_notes("ann eve");
    path_expect_start(ann, "{'op':'message'");
    path_expect_start(eve, "{'op':'message'");
    path_expect_nothing(bob);
    assert_null(cw_map_find(&path->nodes[0].node.groups, cw_bytes_text("room")));
}

/* Receiving. */

static void the_receive_filter_sees_what_is_for_the_application(void **state)
{
    struct path *path = *state;
    struct path_client *ann = connect(path, false, NULL);
    path_say(ann, "{'op':'message','id':1,'data':1}");
    path_say(ann, "{'op':'message','id':2,'data':'change'}");
    path_say(ann, "{'op':'message','id':3,'data':'take'}");
    expect_notes("filter:1 node:message=1 filter:\"change\" node:message={\"changed\":true} "
                 "filter:\"take\"");
    path_say(ann, "{'op':'message','id':4,'data':'refuse'}");
    expect_notes("filter:\"refuse\" node:error=rate_limited");
    path_say(ann, "{'op':'message','id':5,'data':'break'}");
    expect_notes("filter:\"break\" node:error=bad_payload");
    path_say(ann, "{'op':'publish','id':6,'group':'room','data':'refuse'}");
    fake_time_run();
    expect_notes("");
    path_expect(ann, "{'op':'ok','id':1}");
    path_expect(ann, "{'op':'ok','id':2}");
    path_expect(ann, "{'op':'ok','id':3}");
    path_expect_start(ann, "{'op':'error','id':4,'code':'rate_limited'");
    path_expect_start(ann, "{'op':'error','id':5,'code':'bad_payload'");
    path_expect(ann, "{'op':'ok','id':6,'epoch':'1','offset':1}");
}

static void the_receive_filter_goes_before_a_pending_receive(void **state)
{
    static char own[] = "own";
    struct path_client *ann = connect(*state, false, NULL);
    assert_int_equal(cw_channel_receive_json(ann->channel, note_received, own), CW_OK);
    path_say(ann, "{'op':'message','data':'take'}");
    path_say(ann, "{'op':'message','data':'refuse'}");
    expect_notes("filter:\"take\" filter:\"refuse\" node:error=rate_limited");
    path_say(ann, "{'op':'message','data':'text'}"); /* no JSON any more */
    expect_notes("filter:\"text\" own:received(-3)=changed");
}

static void the_receive_filter_may_close_and_replace(void **state)
{
    struct path_client *ann = connect(*state, false, NULL);
    path_say(ann, "{'op':'message','data':'replace'}");
    path_say(ann, "{'op':'message','id':2,'data':'close'}");
    path_say(ann, "{'op':'message','id':3,'data':3}");
    expect_notes("filter:\"replace\" set=0 node:message=\"replace\" new:\"close\" "
                 "node:message=\"close\"");
    path_expect_start(ann, "{'op':'bye','code':4004");
    path_expect_nothing(ann);
}

static void a_raw_client_is_told_of_bad_payloads_alone(void **state)
{
    struct path *path = *state;
    struct path_client *raw = path_open(path, 0, "type=json", "");
    fake_time_run();
    expect_notes("node:connect");
    assert_int_equal(cw_channel_set_receive_filter(raw->channel, obey, first), CW_OK);
    path_say(raw, "'refuse'");
    path_expect_nothing(raw);
    path_say(raw, "'break'");
    path_expect_start(raw, "{'op':'error','code':'bad_payload'");
    path_expect_nothing(raw);
}

/* Facts. */

static void give_facts(struct cw_channel *channel)
{
    struct cw_writer facts;
    cw_writer_init(&facts);
    cw_facts_add_query(&facts, cw_bytes_text("a=1&token=secret&b&session=x.y&c==2&token"));
    cw_facts_add(&facts, CW_FACT_TOKEN, cw_bytes_text("secret"));
    cw_facts_add(&facts, "user-agent", cw_bytes_text("test/1"));
    cw_facts_add(&facts, "X-Empty", cw_bytes_text(""));
    cw_facts_add(&facts, "cookie", cw_bytes_make("a=b\0cookie2\0evil", 16));
    cw_facts_add(&facts, "USER-AGENT", cw_bytes_text("second"));
    assert_int_equal(cw_channel_take_facts(channel, &facts), CW_OK);
}

static void note_facts(void *arg, struct cw_channel *channel)
{
    const struct cw_websocket *websocket = cw_channel_websocket(channel);
    const char *agent = cw_websocket_header(websocket, "User-Agent");
    const char *empty = cw_websocket_header(websocket, "x-empty");
    const char *cookie = cw_websocket_header(websocket, "COOKIE");
    const char *token = cw_websocket_token(websocket);
    (void)arg;
    note("query=%s agent=%s empty=%s cookie=%s token=%s", cw_websocket_query(websocket),
         agent != NULL ? agent : "-", empty != NULL ? empty : "-", cookie != NULL ? cookie : "-",
         token != NULL ? token : "-");
    assert_null(cw_websocket_header(websocket, "cookie2"));
    assert_null(cw_websocket_header(websocket, "Accept"));
    assert_null(cw_websocket_header(websocket, ""));
    assert_null(cw_websocket_header(websocket, CW_FACT_TOKEN));
}

#define ALL_FACTS                                                                                  \
    "query=a=1&token=&b&session=&c==2&token agent=test/1 empty= cookie=a=b token=secret"

static void facts_are_there_for_on_connect_and_then_what_is_to_be_kept(void **state)
{
    struct path *path = *state;
    struct cw_node *node = &path->nodes[0].node;
    path->on_created = give_facts;
    on_connect(path, note_facts, NULL);
    struct path_client *ann = path_json(path, 0);
    expect_notes("node:connect " ALL_FACTS);
    note_facts(NULL, ann->channel);
    expect_notes("query= agent=- empty=- cookie=- token=-");
    assert_null(ann->channel->extras); /* and no memory for it */

    node->keeps_query = true;
    ann = path_json(path, 0);
    note_facts(NULL, ann->channel);
    expect_notes("node:connect " ALL_FACTS
                 " query=a=1&token=&b&session=&c==2&token agent=- empty=- cookie=- token=-");

    char some[] = "accept, Cookie,x-empty", all[] = "*";
    node->keeps_query = false;
    node->keeps_headers = some;
    ann = path_json(path, 0);
    note_facts(NULL, ann->channel);
    expect_notes("node:connect " ALL_FACTS " query= agent=- empty= cookie=a=b token=-");
    node->keeps_headers = all;
    ann = path_json(path, 0);
    note_facts(NULL, ann->channel);
    expect_notes("node:connect " ALL_FACTS " query= agent=test/1 empty= cookie=a=b token=-");
    node->keeps_headers = NULL;
}

static void facts_of_the_connection_need_no_memory(void **state)
{
    struct path *path = *state;
    path->nodes[0].node.path = "/chat";
    struct path_client *ann = path_json(path, 0);
    struct path_client *raw = path_open(path, 0, "", "");
    const struct cw_websocket *websocket = cw_channel_websocket(ann->channel);
    assert_string_equal(cw_websocket_address(websocket), "10.0.0.7:51514");
    assert_string_equal(cw_websocket_path(websocket), "/chat");
    assert_string_equal(cw_websocket_subprotocol(websocket), "chanway.v1.json");
    assert_string_equal(cw_websocket_query(websocket), "");
    assert_null(cw_websocket_header(websocket, "Host"));
    assert_null(cw_websocket_token(websocket));
    assert_string_equal(cw_websocket_subprotocol(cw_channel_websocket(raw->channel)), "");
    assert_null(ann->channel->extras);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        notes_test(the_send_filter_sees_what_the_application_sends),
        notes_test(frames_of_the_nodes_own_do_not_pass_it),
        notes_test(messages_of_a_group_pass_the_filter_of_each_member),
        notes_test(a_sender_spared_by_echo_false_is_not_asked),
        notes_test(direct_messages_pass_the_filter),
        notes_test(what_a_client_missed_passes_the_filter),
        notes_test(what_its_node_caught_up_with_passes_the_filter_once),
        notes_test(what_is_sent_from_inside_the_filter_does_not_pass_it_again),
        notes_test(a_filter_may_close_its_channel),
        notes_test(a_filter_may_remove_or_replace_itself),
        notes_test(members_may_go_while_a_message_is_filtered),
        notes_test(the_receive_filter_sees_what_is_for_the_application),
        notes_test(the_receive_filter_goes_before_a_pending_receive),
        notes_test(the_receive_filter_may_close_and_replace),
        notes_test(a_raw_client_is_told_of_bad_payloads_alone),
        notes_test(facts_are_there_for_on_connect_and_then_what_is_to_be_kept),
        notes_test(facts_of_the_connection_need_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
