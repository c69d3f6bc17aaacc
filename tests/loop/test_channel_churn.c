/*
 * test_channel_churn.c - thousands of channels that come, send, receive, are filtered and go in all
 * ways, by the public API. What is lost or used too late the sanitizers and valgrind see.
 *
 *   CHANWAY_TEST_CYCLES=N   how many; default 100,000, a few seconds
 */
#include "base/stats.h"
#include "channel/websocket.h"
#include "loop/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GROUPS 16

enum end { END_LOST, END_BY_RECEIVE, END_BY_FILTER, END_BY_CONNECT, END_UNGREETED, END_COUNT };

/* What the application counts; own data are pieces of memory, so that each has to be freed. */
static struct {
    unsigned connects, disconnects, own_disconnects, messages, own_messages, errors, made,
        destroyed, received, receives_ended, filtered;
} counted;
static unsigned cycle;
static char data_key, more_key;

static enum end wanted_end(void)
{
    return (enum end)(cycle % END_COUNT);
}

static void destroy(void *data)
{
    counted.destroyed++;
    free(data);
}

static void keep(struct cw_channel *channel, const void *key)
{
    void *data = malloc(24);
    assert_non_null(data);
    int rc = cw_channel_set_data(channel, key, data, destroy);
    if (rc == CW_OK)
        counted.made++;
    else
        free(data);
}

static void receive(void *arg, struct cw_channel *channel, int rc, const struct cw_message *message)
{
    if (rc == CW_ERR_DISCONNECTED) {
        counted.receives_ended++;
        assert_int_equal(cw_channel_receive(channel, receive, arg), CW_ERR_DISCONNECTED);
        assert_int_equal(cw_channel_send_json(channel, cw_bytes_text("1")), CW_ERR_DISCONNECTED);
        return;
    }
    counted.received++;
    keep(channel, &data_key);
    if (cw_channel_is_open(channel) && counted.received % 3 != 0)
        assert_int_equal(cw_channel_receive(channel, receive, arg), CW_OK);
    if (rc == CW_OK)
        (void)!cw_channel_send_text(channel, message->payload);
    if (wanted_end() == END_BY_RECEIVE)
        cw_channel_close(channel, 4004, "enough", -1);
}

static int filter(void *arg, struct cw_channel *channel, struct cw_message *message)
{
    static char made[32];
    counted.filtered++;
    if (counted.filtered % 3 == 0)
        assert_int_equal(cw_channel_set_send_filter(channel, filter, arg), CW_OK);
    if (counted.filtered % 7 == 0)
        assert_int_equal(cw_channel_set_receive_filter(channel, NULL, NULL), CW_OK);
    if (counted.filtered % 5 == 0)
        return counted.filtered % 2 == 0 ? CW_TAKEN : CW_ERR_FORBIDDEN;
    if (counted.filtered % 4 == 0) {
        (void)snprintf(made, sizeof(made), "[%u]", counted.filtered);
        message->payload = cw_bytes_text(made);
        message->type = CW_PAYLOAD_JSON;
    }
    if (wanted_end() == END_BY_FILTER)
        cw_channel_close(channel, 1000, NULL, -1);
    (void)!cw_channel_send_bytes(channel, cw_bytes_text("from the filter"));
    return CW_OK;
}

static void on_own_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    (void)arg;
    (void)message;
    counted.own_messages++;
    assert_int_equal(cw_channel_on_message(channel, on_own_message, NULL), CW_OK);
}

static void on_own_disconnect(void *arg, struct cw_channel *channel, int code, const char *reason)
{
    (void)arg;
    (void)code;
    (void)reason;
    counted.own_disconnects++;
    keep(channel, &more_key);
    assert_int_equal(cw_channel_on_disconnect(channel, on_own_disconnect, NULL), CW_OK);
}

static void on_created(struct cw_channel *channel)
{
    struct cw_writer facts;
    cw_writer_init(&facts);
    cw_facts_add_query(&facts, cw_bytes_text("type=json"));
    cw_facts_add(&facts, "user-agent", cw_bytes_text("churn"));
    assert_int_equal(cw_channel_take_facts(channel, &facts), CW_OK);
    if (cycle % 2 == 0)
        return; /* nothing else is attached */
    keep(channel, &data_key);
    assert_int_equal(cw_channel_receive(channel, receive, NULL), CW_OK);
    assert_int_equal(cw_channel_on_message(channel, on_own_message, NULL), CW_OK);
    assert_int_equal(cw_channel_on_disconnect(channel, on_own_disconnect, NULL), CW_OK);
    if (cycle % 3 == 0) {
        assert_int_equal(cw_channel_set_send_filter(channel, filter, NULL), CW_OK);
        assert_int_equal(cw_channel_set_receive_filter(channel, filter, NULL), CW_OK);
    }
}

static void on_connect(void *arg, struct cw_channel *channel)
{
    (void)arg;
    counted.connects++;
    assert_string_equal(cw_websocket_query(cw_channel_websocket(channel)), "type=json");
    (void)!cw_channel_send_json(channel, cw_bytes_text("{\"hello\":true}"));
    if (wanted_end() == END_BY_CONNECT)
        cw_channel_close(channel, 4001, "no", -1);
}

static void on_disconnect(void *arg, struct cw_channel *channel, int code, const char *reason)
{
    (void)arg;
    (void)code;
    (void)reason;
    counted.disconnects++;
    assert_int_equal(cw_channel_send(channel, cw_bytes_text("1")), CW_ERR_DISCONNECTED);
    assert_int_equal(cw_channel_set_data(channel, &more_key, NULL, NULL), CW_OK);
}

static void on_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    (void)arg;
    counted.messages++;
    (void)!cw_channel_send_bytes(channel, message->payload);
}

static void on_error(void *arg, struct cw_channel *channel, int error, const char *message)
{
    (void)arg;
    (void)error;
    (void)message;
    counted.errors++;
    keep(channel, &data_key);
}

static void add_handlers(struct cw_events *events)
{
    union cw_event_fn fns[] = {{.connect = on_connect},
                               {.disconnect = on_disconnect},
                               {.message = on_message},
                               {.error = on_error}};
    for (int kind = 0; kind < CW_EVENT_KINDS; kind++)
        assert_int_equal(cw_events_add(events, (enum cw_event_kind)kind, fns[kind], NULL), CW_OK);
}

static void talk(struct path *path, struct path_client *client)
{
    if (client->channel->kind == CW_KIND_RAW) {
        path_say(client, "'text'");
        path_say(client, "[1,2,3]");
        path_say(client, "no json");
    } else {
        path_say(client, "{'op':'message','id':1,'text':'one'}");
        path_say(client, "{'op':'message','data':[1,2,3]}");
        path_say(client, "{'op':'publish','id':3,'group':'room%u','bytes':'AAEC'}", cycle % GROUPS);
        path_say(client, "{'op':'dance'}");
    }
    fake_time_run();
    if (cycle % 50 == 0)
        fake_time_advance(100);
    (void)path;
}

static void one_cycle(struct path *path)
{
    char query[64];
    (void)snprintf(query, sizeof(query), "groups=room%u", cycle % GROUPS);
    struct path_client *client = path_open(path, 0, query, cycle % 3 == 1 ? "" : "chanway.v1.json");
    if (wanted_end() != END_UNGREETED) {
        fake_time_run();
        talk(path, client);
    }
    (void)path_skip(client);
    path_close(client);
    cw_list_remove(&client->node);
    free(client);
}

static unsigned count_cycles(void)
{
    const char *cycles = getenv("CHANWAY_TEST_CYCLES");
    return cycles != NULL ? (unsigned)strtoul(cycles, NULL, 10) : 100000;
}

static void channels_come_and_go_and_nothing_is_left(void **state)
{
    struct path *path = *state;
    struct path_client *member = path_member(path, 1, "room0"); /* hears some of it */
    unsigned cycles = count_cycles();
    path->redis->keeps_log = false;
    path->on_created = on_created;
    add_handlers(&path->nodes[0].node.events);
    for (cycle = 0; cycle < cycles; cycle++) {
        one_cycle(path);
        if (cycle % 64 == 0)
            (void)path_skip(member);
    }
    (void)path_skip(member);
    fake_time_advance(3000);

    assert_int_equal(counted.connects, cycles - cycles / END_COUNT);
    assert_int_equal(counted.disconnects, counted.connects);
    assert_true(counted.own_disconnects > 0 && counted.own_messages > 0 && counted.messages > 0);
    assert_true(counted.received > 0 && counted.receives_ended > 0 && counted.filtered > 0);
    assert_true(counted.errors > 0 && counted.made > 0);
    assert_int_equal(counted.destroyed, counted.made);
    assert_int_equal(path->nodes[0].node.count, 0);
    assert_int_equal(path->nodes[0].node.groups.count, 0);
    assert_int_equal(CW_STAT(node_queue_bytes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {path_test(channels_come_and_go_and_nothing_is_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
