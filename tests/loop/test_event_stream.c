/* test_event_stream.c - events on their way into the stream: order, bounds, what is lost when. */
#include <chanway/cluster.h>

#include "base/log.h"
#include "base/stats.h"
#include "event_stream.h"
#include "loop/fake_redis.h"
#include "loop/fake_time.h"

#include <event2/event.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHANNELS_MAX  700
#define RECONNECT_MS  100 /* the first try comes after 25 to 50 ms */
#define EVERYTHING    0x3F
#define OOM           "OOM command not allowed when used memory > 'maxmemory'."
#define IN_FLIGHT_MAX 32768

struct client {
    struct cw_cluster_channel *channel;
    char uuid[CW_UUID_TEXT_SIZE];
};

struct scene {
    struct event_base *base;
    struct fake_redis *redis;
    struct cw_cluster *cluster;
    struct client clients[CHANNELS_MAX];
    size_t client_count;
    int answers;   /* of payloads */
    int last_rc;   /* of them */
    int times[32]; /* how often an answer was: by -rc */
    bool has_left;
};

static void describe(void *user, struct cw_channel_info *ret_info)
{
    const struct client *client = user;
    ret_info->uuid = client->uuid;
    ret_info->type = CW_PAYLOAD_TEXT;
    ret_info->user = "ann";
    ret_info->address = "10.0.0.7:51514";
}

static void on_message(void *arg, void *local, const struct cw_message *message)
{
    (void)arg;
    (void)local;
    (void)message;
}

static void ignore_line(void *arg, const char *line, size_t size)
{
    (void)arg;
    (void)line;
    (void)size;
}

static void start(struct scene *scene, unsigned mask)
{
    char error[200];
    memset(scene, 0, sizeof(*scene));
    memset(&cw_stats, 0, sizeof(cw_stats));
    cw_log_set_sink(ignore_line, NULL);
    scene->base = event_base_new();
    fake_time_start(scene->base, 1000000, 1);
    scene->redis = fake_redis_create();
    scene->redis->keeps_log = true;
    struct cw_cluster_options options = {
        .event_base = scene->base,
        .redis = "redis://fake",
        .node = "a",
        .events_mask = mask,
        .events_max = 5000,
        .events = {.on_message = on_message, .describe = describe},
    };
    assert_int_equal(cw_cluster_create(&options, error, sizeof(error), &scene->cluster), CW_OK);
    assert_int_equal(cw_cluster_start(scene->cluster, error, sizeof(error)), CW_OK);
    fake_time_advance(100);
    assert_true(cw_cluster_is_up(scene->cluster));
}

static void finish(struct scene *scene)
{
    cw_cluster_destroy(scene->cluster);
    fake_redis_destroy(scene->redis);
    fake_time_stop();
    event_base_free(scene->base);
    cw_log_set_sink(NULL, NULL);
}

static int setup(void **state)
{
    struct scene *scene = malloc(sizeof(*scene));
    assert_non_null(scene);
    start(scene, EVERYTHING);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    finish(*state);
    free(*state);
    return 0;
}

/* Channels. */

static void emit(struct client *client, enum cw_stream_kind kind, const char *reason)
{
    struct cw_stream_event event = {.kind = kind, .reason = cw_bytes_text(reason)};
    if (kind == CW_STREAM_JOIN || kind == CW_STREAM_LEAVE)
        event.group = cw_bytes_text("room");
    if (kind == CW_STREAM_DISCONNECT)
        event.code = cw_bytes_text("1001");
    if (kind == CW_STREAM_ERROR)
        event.code = cw_bytes_text("bad_payload");
    cw_cluster_emit(client->channel, &event);
}

static struct client *open_client(struct scene *scene)
{
    struct client *client = &scene->clients[scene->client_count++];
    cw_uuid_generate(client->uuid);
    assert_int_equal(
        cw_cluster_attach(scene->cluster, client->uuid, client, NULL, &client->channel), CW_OK);
    emit(client, CW_STREAM_CONNECT, NULL);
    return client;
}

static void close_client(struct client *client)
{
    emit(client, CW_STREAM_DISCONNECT, "bye");
    cw_cluster_detach(client->channel, NULL);
}

static void on_answer(void *arg, int rc)
{
    struct scene *scene = arg;
    scene->answers++;
    scene->last_rc = rc;
    scene->times[-rc]++;
}

static int say(struct scene *scene, struct client *client, const char *text)
{
    return cw_cluster_emit_message(client->channel, CW_PAYLOAD_JSON, cw_bytes_text(text), on_answer,
                                   scene);
}

/* What Redis was told. */

static size_t said(const struct scene *scene, const char *words)
{
    return fake_redis_said(scene->redis, words);
}

static size_t line_of(const struct scene *scene, const char *before, const char *uuid)
{
    char words[200];
    (void)snprintf(words, sizeof(words), "%s%s", before, uuid);
    size_t line = fake_redis_find(scene->redis, 0, words);
    if (line == SIZE_MAX)
        fail_msg("Redis was never told %s", words);
    return line;
}

static void lose_link(struct scene *scene, enum fake_loss loss)
{
    scene->redis->is_down = true;
    fake_redis_drop(scene->redis, 0, FAKE_COMMANDS, loss);
}

static void restore_link(struct scene *scene)
{
    scene->redis->is_down = false;
    fake_time_advance(2000); /* the longest back-off */
    assert_true(cw_cluster_is_up(scene->cluster));
}

static void entries_say_what_their_kind_has(void **state)
{
    struct scene *scene = *state;
    struct client *ann = open_client(scene);
    emit(ann, CW_STREAM_JOIN, NULL);
    assert_int_equal(say(scene, ann, "{}"), CW_OK);
    emit(ann, CW_STREAM_LEAVE, NULL);
    emit(ann, CW_STREAM_ERROR, "no json");
    close_client(ann);
    fake_time_run();
    static const char *const rows[] = {
        "connect %s type text",
        "join %s group room",
        "message %s type json payload {}",
        "leave %s group room",
        "error %s code bad_payload reason no json",
        "disconnect %s code 1001 reason bye",
    };
    size_t last = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char kind[16];
        char rest[60];
        char line[400];
        (void)sscanf(rows[i], "%15s %%s %59[^\n]", kind, rest);
        (void)snprintf(
            line, sizeof(line),
            "XADD cw:{events} MAXLEN ~ 5000 * event %s channel %s node %s gen 1 user ann "
            "%s",
            kind, ann->uuid, cw_cluster_node_id(scene->cluster), rest);
        size_t at = fake_redis_find(scene->redis, last, line);
        if (at == SIZE_MAX)
            fail_msg("not said behind line %zu: %s", last, line);
        assert_string_equal(scene->redis->log[at], line);
        last = at;
    }
    assert_int_equal(scene->last_rc, CW_OK);
    assert_int_equal(CW_STAT(events_written_total), 6);
    assert_int_equal(CW_STAT(events_waiting), 0);
}

static void kinds_that_were_not_chosen_are_not_told(void **state)
{
    struct scene scene;
    (void)state;
    start(&scene, CW_STREAM_JOIN);
    assert_true(cw_cluster_wants_event(scene.cluster, CW_STREAM_JOIN));
    assert_false(cw_cluster_wants_event(scene.cluster, CW_STREAM_MESSAGE));
    struct client *ann = open_client(&scene);
    emit(ann, CW_STREAM_JOIN, NULL);
    emit(ann, CW_STREAM_LEAVE, NULL);
    assert_int_equal(say(&scene, ann, "{}"), CW_ERR_UNSUPPORTED);
    close_client(ann);
    fake_time_run();
    assert_int_equal(said(&scene, "XADD"), 1);
    assert_int_equal(said(&scene, "XADD|event join"), 1);
    finish(&scene);
}

/* More channels than one turn registers. */
static void a_back_end_finds_the_channels_that_it_is_told_of(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < CHANNELS_MAX; i++)
        (void)open_client(scene);
    fake_time_run();
    for (size_t i = 0; i < CHANNELS_MAX; i++)
        close_client(&scene->clients[i]);
    fake_time_run();
    for (size_t i = 0; i < CHANNELS_MAX; i++) {
        const char *uuid = scene->clients[i].uuid;
        size_t written = line_of(scene, "HSET cw:{c:", uuid);
        size_t connected = line_of(scene, "XADD|event connect channel ", uuid);
        size_t gone = line_of(scene, "XADD|event disconnect channel ", uuid);
        size_t removed = line_of(scene, "cw_node_detach|cw:{c:", uuid);
        assert_true(written < connected && connected < gone && gone < removed);
    }
}

static void events_without_an_answer_are_sent_again_in_their_order(void **state)
{
    (void)state;
    for (int loss = 0; loss < FAKE_LOSSES; loss++) {
        struct scene scene;
        start(&scene, EVERYTHING);
        struct client *ann = open_client(&scene);
        fake_time_run();
        fake_redis_clear_log(scene.redis);
        fake_redis_hold(scene.redis, loss == FAKE_NOT_ANSWERED ? FAKE_ANSWERS : FAKE_CALLS);
        emit(ann, CW_STREAM_JOIN, NULL);
        emit(ann, CW_STREAM_LEAVE, NULL);
        fake_time_run();
        emit(ann, CW_STREAM_ERROR, "third");
        lose_link(&scene, (enum fake_loss)loss);
        fake_redis_release(scene.redis, FAKE_ANSWERS | FAKE_CALLS);
        emit(ann, CW_STREAM_ERROR, "fourth");
        assert_int_equal(CW_STAT(events_waiting), 4);
        restore_link(&scene);
        size_t join = fake_redis_find(scene.redis, 0, "XADD|event join");
        if (loss == FAKE_NOT_ANSWERED) /* doubles */
            join = fake_redis_find(scene.redis, join + 1, "XADD|event join");
        size_t leave = fake_redis_find(scene.redis, join, "XADD|event leave");
        size_t third = fake_redis_find(scene.redis, leave, "XADD|reason third");
        size_t fourth = fake_redis_find(scene.redis, third, "XADD|reason fourth");
        assert_true(fourth != SIZE_MAX);
        assert_int_equal(said(&scene, "XADD"), loss == FAKE_NOT_ANSWERED ? 6 : 4);
        assert_int_equal(CW_STAT(events_resent_total), 2);
        assert_int_equal(CW_STAT(events_waiting), 0);
        finish(&scene);
    }
}

/* Redis takes the second, but not the first: both come again. */
static void what_comes_behind_a_refused_event_is_sent_again_behind_it(void **state)
{
    struct scene *scene = *state;
    struct client *ann = open_client(scene);
    fake_time_run();
    fake_redis_clear_log(scene->redis);
    fake_redis_hold(scene->redis, FAKE_CALLS);
    emit(ann, CW_STREAM_JOIN, NULL);
    emit(ann, CW_STREAM_LEAVE, NULL);
    fake_time_run();
    scene->redis->fail_word = "XADD";
    scene->redis->fail_text = OOM;
    fake_redis_step(scene->redis, 1);
    scene->redis->fail_word = NULL;
    fake_redis_release(scene->redis, FAKE_CALLS);
    fake_time_run();
    assert_int_equal(CW_STAT(events_waiting), 2);
    fake_time_advance(3000);
    assert_int_equal(CW_STAT(events_waiting), 0);
    size_t first = fake_redis_find(scene->redis, 0, "XADD|event leave");
    size_t join = fake_redis_find(scene->redis, first + 1, "XADD|event join");
    assert_true(join != SIZE_MAX);
    assert_true(fake_redis_find(scene->redis, join + 1, "XADD|event leave") != SIZE_MAX);
}

static void a_redis_that_refuses_is_asked_once_a_second_and_holds_up_nothing_else(void **state)
{
    struct scene *scene = *state;
    struct client *ann = open_client(scene);
    struct client *bob = open_client(scene);
    fake_time_run();
    scene->redis->fail_word = "XADD";
    scene->redis->fail_text = OOM;
    emit(ann, CW_STREAM_JOIN, NULL);
    fake_time_run();
    fake_redis_clear_log(scene->redis);
    for (int i = 0; i < 100; i++)
        emit(ann, CW_STREAM_ERROR, "x");
    assert_int_equal(say(scene, ann, "{}"), CW_ERR_UNAVAILABLE);
    close_client(bob);
    fake_time_advance(10000);
    size_t tries = said(scene, "XADD");
    assert_in_range(tries, 5, 10);
    assert_int_equal(said(scene, "XADD|event join"), tries);
    assert_int_equal(said(scene, "cw_node_detach"), 1);
    scene->redis->fail_word = NULL;
    fake_time_advance(2000);
    assert_int_equal(CW_STAT(events_waiting), 0);
    assert_int_equal(CW_STAT(events_dropped_total), 0);
    assert_int_equal(say(scene, ann, "{}"), CW_OK);
    fake_time_run();
    assert_int_equal(scene->last_rc, CW_OK);
}

/* Channels that the registry had lost. */

static void a_channel_that_redis_had_lost_is_told_again_with_a_higher_gen(void **state)
{
    struct scene *scene = *state;
    struct client *ann = open_client(scene);
    struct client *bob = open_client(scene);
    char line[200];
    fake_time_run();
    close_client(bob);
    fake_time_run();
    fake_redis_clear_log(scene->redis);
    fake_store_forget(&scene->redis->store); /* with the lease: the node goes on under another id */
    fake_time_advance(10000);
    assert_int_equal(said(scene, "XADD|event connect"), 1);
    (void)snprintf(line, sizeof(line), "event connect channel %s node %s gen 2", ann->uuid,
                   cw_cluster_node_id(scene->cluster));
    assert_int_equal(said(scene, line), 1);
    close_client(ann);
    fake_time_run();
    assert_int_equal(said(scene, "XADD|event disconnect|gen 2"), 1);
}

static void a_lost_link_alone_tells_no_channel_again(void **state)
{
    struct scene *scene = *state;
    struct client *ann = open_client(scene);
    fake_time_run();
    fake_redis_clear_log(scene->redis);
    fake_redis_hold(scene->redis, FAKE_ANSWERS);
    struct client *bob = open_client(scene); /* its registration gets no answer: written again */
    fake_time_run();
    lose_link(scene, FAKE_NOT_ANSWERED);
    fake_redis_release(scene->redis, FAKE_ANSWERS);
    restore_link(scene);
    fake_time_advance(5000);
    assert_true(said(scene, "cw_node_attach") >= 2);
    close_client(ann);
    close_client(bob);
    fake_time_run();
    assert_int_equal(said(scene, "XADD|event connect"), 2); /* bob's, and once more */
    assert_int_equal(said(scene, "XADD|event connect|gen 1"), 2);
    assert_int_equal(said(scene, "XADD|event disconnect"), 2);
}

static void a_disconnect_that_found_no_room_is_written_by_the_next_sweep(void **state)
{
    (void)state;
    for (int is_full = 0; is_full < 2; is_full++) {
        struct scene scene;
        start(&scene, EVERYTHING);
        struct client *ann = open_client(&scene);
        struct client *bob = open_client(&scene);
        fake_time_run();
        lose_link(&scene, FAKE_NOT_SENT);
        for (int i = 0; is_full && i < CW_EVENT_STREAM_ENTRIES_MAX; i++)
            emit(ann, CW_STREAM_JOIN, NULL);
        close_client(bob);
        fake_redis_clear_log(scene.redis);
        restore_link(&scene);
        fake_time_advance(5000);
        size_t gone = line_of(&scene, "XADD|event disconnect channel ", bob->uuid);
        assert_int_equal(said(&scene, "XADD|event disconnect"), 1);
        assert_int_equal(said(&scene, "gen 1 user ann code 1006"), is_full);
        assert_true(gone < line_of(&scene, "cw_node_detach|cw:{c:", bob->uuid));
        assert_int_equal(said(&scene, "cw_node_detach"),
                         2); /* before its groups are left, and after */
        finish(&scene);
    }
}

/* Bounds. */

static void events_beyond_the_bound_are_dropped_and_counted(void **state)
{
    struct scene *scene = *state;
    struct client *ann = open_client(scene);
    fake_time_run();
    lose_link(scene, FAKE_NOT_SENT);
    for (int i = 0; i < CW_EVENT_STREAM_ENTRIES_MAX; i++)
        emit(ann, CW_STREAM_JOIN, NULL);
    assert_int_equal(CW_STAT(events_dropped_total), 0);
    assert_int_equal(CW_STAT(events_waiting), CW_EVENT_STREAM_ENTRIES_MAX);
    emit(ann, CW_STREAM_ERROR, "one too many");
    assert_int_equal(CW_STAT(events_dropped_total), 1);
    fake_redis_clear_log(scene->redis);
    restore_link(scene);
    assert_int_equal(CW_STAT(events_waiting), 0);
    assert_int_equal(said(scene, "XADD|event join"), CW_EVENT_STREAM_ENTRIES_MAX);
    assert_int_equal(said(scene, "XADD|event error"), 0);
    emit(ann, CW_STREAM_ERROR, "room again");
    fake_time_run();
    assert_int_equal(said(scene, "XADD|event error"), 1);
}

static void events_are_bounded_by_their_bytes_too(void **state)
{
    struct scene *scene = *state;
    struct client *ann = open_client(scene);
    static char reason[(CW_EVENT_STREAM_BYTES_MAX / 16) + 1];
    memset(reason, 'r', sizeof(reason) - 1);
    fake_time_run();
    lose_link(scene, FAKE_NOT_SENT);
    for (int i = 0; i < 15; i++)
        emit(ann, CW_STREAM_ERROR, reason);
    assert_int_equal(CW_STAT(events_dropped_total), 0);
    emit(ann, CW_STREAM_ERROR, reason); /* with what an entry takes beside it: more than there is */
    assert_int_equal(CW_STAT(events_dropped_total), 1);
    emit(ann, CW_STREAM_ERROR, "short");
    assert_int_equal(CW_STAT(events_dropped_total), 1);
    assert_int_equal(CW_STAT(events_waiting), 16);
}

/* The rest of the link is for clients' ops. */
static void no_more_events_than_half_the_link_takes_are_in_flight(void **state)
{
    struct scene *scene = *state;
    struct client *ann = open_client(scene);
    fake_time_run();
    fake_redis_clear_log(scene->redis);
    fake_redis_hold(scene->redis, FAKE_ANSWERS);
    for (int i = 0; i < IN_FLIGHT_MAX + 1; i++)
        emit(ann, CW_STREAM_JOIN, NULL);
    fake_time_run();
    assert_int_equal(said(scene, "XADD"), IN_FLIGHT_MAX);
    assert_int_equal(say(scene, ann, "{}"), CW_OK);
    fake_time_run();
    assert_int_equal(scene->last_rc, CW_ERR_UNAVAILABLE);
    close_client(ann);
    fake_time_run();
    assert_int_equal(said(scene, "cw_node_detach"), 0);
    fake_redis_release(scene->redis, FAKE_ANSWERS);
    fake_time_run();
    assert_int_equal(said(scene, "XADD"), IN_FLIGHT_MAX + 2);
    assert_int_equal(said(scene, "cw_node_detach"), 1);
}

static void what_the_link_had_no_room_for_goes_with_the_next_tick(void **state)
{
    struct scene *scene = *state;
    struct client *ann = open_client(scene);
    fake_time_run();
    size_t room = scene->redis->in_flight_max;
    scene->redis->in_flight_max = 0;
    assert_int_equal(say(scene, ann, "{}"), CW_OK);
    close_client(ann);
    fake_time_run();
    assert_int_equal(scene->last_rc, CW_ERR_UNAVAILABLE);
    assert_int_equal(said(scene, "XADD|event disconnect"), 0);
    scene->redis->in_flight_max = room;
    fake_time_advance(2000);
    assert_int_equal(said(scene, "XADD|event disconnect"), 1);
    assert_int_equal(said(scene, "cw_node_detach"), 1);
}

/* Payloads. */

static void a_payload_is_answered_when_the_stream_has_it(void **state)
{
    struct scene *scene = *state;
    struct client *ann = open_client(scene);
    fake_redis_hold(scene->redis, FAKE_ANSWERS);
    assert_int_equal(say(scene, ann, "{}"), CW_OK);
    fake_time_run();
    size_t connect = line_of(scene, "XADD|event connect channel ", ann->uuid);
    assert_true(connect < line_of(scene, "XADD|event message channel ", ann->uuid));
    assert_int_equal(scene->answers, 0);
    fake_redis_release(scene->redis, FAKE_ANSWERS);
    fake_time_run();
    assert_int_equal(scene->answers, 1);
    assert_int_equal(scene->last_rc, CW_OK);
}

static void a_payload_is_never_sent_twice_and_its_answer_says_what_is_known(void **state)
{
    static const int answers[FAKE_LOSSES] = {
        [FAKE_NOT_SENT] = CW_ERR_UNAVAILABLE,
        [FAKE_NOT_RUN] = CW_ERR_TIMEOUT,
        [FAKE_NOT_ANSWERED] = CW_ERR_TIMEOUT,
    };
    (void)state;
    for (int loss = 0; loss < FAKE_LOSSES; loss++) {
        struct scene scene;
        start(&scene, EVERYTHING);
        struct client *ann = open_client(&scene);
        fake_time_run();
        fake_redis_hold(scene.redis, loss == FAKE_NOT_ANSWERED ? FAKE_ANSWERS : FAKE_CALLS);
        assert_int_equal(say(&scene, ann, "1"), CW_OK);
        fake_time_run();
        assert_int_equal(say(&scene, ann, "2"), CW_OK); /* waits for the end of its turn */
        lose_link(&scene, (enum fake_loss)loss);
        fake_redis_release(scene.redis, FAKE_ANSWERS | FAKE_CALLS);
        fake_time_run();
        assert_int_equal(scene.answers, 2);
        assert_int_equal(scene.times[-answers[loss]], loss == FAKE_NOT_SENT ? 2 : 1);
        assert_int_equal(scene.last_rc, CW_ERR_UNAVAILABLE);
        assert_int_equal(say(&scene, ann, "3"), CW_ERR_UNAVAILABLE);
        restore_link(&scene);
        assert_int_equal(said(&scene, "XADD|event message"), loss == FAKE_NOT_ANSWERED);
        assert_int_equal(say(&scene, ann, "4"), CW_OK);
        fake_time_run();
        assert_int_equal(scene.last_rc, CW_OK);
        finish(&scene);
    }
}

static void payloads_of_one_turn_are_bounded_and_keep_no_event_out(void **state)
{
    struct scene *scene = *state;
    struct client *ann = open_client(scene);
    fake_time_run();
    for (int i = 0; i < CW_EVENT_STREAM_ENTRIES_MAX; i++)
        assert_int_equal(say(scene, ann, "{}"), CW_OK);
    assert_int_equal(say(scene, ann, "{}"), CW_ERR_UNAVAILABLE);
    emit(ann, CW_STREAM_JOIN, NULL);
    assert_int_equal(CW_STAT(events_dropped_total), 0);
    fake_time_run();
    assert_int_equal(scene->times[CW_OK], CW_EVENT_STREAM_ENTRIES_MAX);
    assert_int_equal(said(scene, "XADD|event join"), 1);
    static char payload[(1 << 20) + 2];
    memset(payload, '1', sizeof(payload) - 1);
    assert_int_equal(say(scene, ann, payload), CW_ERR_TOO_LARGE);
    payload[1 << 20] = '\0';
    assert_int_equal(say(scene, ann, payload), CW_OK);
}

/* Ends. */

static void on_left(void *arg, int rc)
{
    struct scene *scene = arg;
    assert_int_equal(rc, CW_OK);
    scene->has_left = true;
}

static void the_lease_is_given_up_after_the_last_event(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < CHANNELS_MAX; i++)
        (void)open_client(scene);
    fake_time_run();
    for (int i = 0; i < 5; i++)
        for (size_t n = 0; n < CHANNELS_MAX; n++)
            emit(&scene->clients[n], CW_STREAM_LEAVE, NULL);
    for (size_t i = 0; i < CHANNELS_MAX; i++)
        close_client(&scene->clients[i]);
    assert_int_equal(cw_cluster_stop(scene->cluster, on_left, scene), CW_OK);
    fake_time_run();
    assert_true(scene->has_left);
    assert_int_equal(said(scene, "XADD|event disconnect"), CHANNELS_MAX);
    assert_int_equal(said(scene, "cw_node_detach"), CHANNELS_MAX);
    size_t released = fake_redis_find(scene->redis, 0, "DEL cw:{n:");
    assert_true(released != SIZE_MAX);
    assert_int_equal(fake_redis_find(scene->redis, released, "XADD"), SIZE_MAX);
    assert_int_equal(fake_redis_find(scene->redis, released, "cw_node_detach"), SIZE_MAX);
}

static void whoever_waits_is_told_when_all_ends(void **state)
{
    struct scene scene;
    (void)state;
    start(&scene, EVERYTHING);
    struct client *ann = open_client(&scene);
    fake_time_run();
    fake_redis_hold(scene.redis, FAKE_CALLS);
    assert_int_equal(say(&scene, ann, "1"), CW_OK);
    fake_time_run();
    assert_int_equal(say(&scene, ann, "2"), CW_OK);
    emit(ann, CW_STREAM_JOIN, NULL);
    finish(&scene);
    assert_int_equal(scene.answers, 2);
}

#define RUN_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_TEST(entries_say_what_their_kind_has),
        cmocka_unit_test(kinds_that_were_not_chosen_are_not_told),
        RUN_TEST(a_back_end_finds_the_channels_that_it_is_told_of),
        cmocka_unit_test(events_without_an_answer_are_sent_again_in_their_order),
        RUN_TEST(what_comes_behind_a_refused_event_is_sent_again_behind_it),
        RUN_TEST(a_redis_that_refuses_is_asked_once_a_second_and_holds_up_nothing_else),
        RUN_TEST(a_channel_that_redis_had_lost_is_told_again_with_a_higher_gen),
        RUN_TEST(a_lost_link_alone_tells_no_channel_again),
        cmocka_unit_test(a_disconnect_that_found_no_room_is_written_by_the_next_sweep),
        RUN_TEST(events_beyond_the_bound_are_dropped_and_counted),
        RUN_TEST(events_are_bounded_by_their_bytes_too),
        RUN_TEST(no_more_events_than_half_the_link_takes_are_in_flight),
        RUN_TEST(what_the_link_had_no_room_for_goes_with_the_next_tick),
        RUN_TEST(a_payload_is_answered_when_the_stream_has_it),
        cmocka_unit_test(a_payload_is_never_sent_twice_and_its_answer_says_what_is_known),
        RUN_TEST(payloads_of_one_turn_are_bounded_and_keep_no_event_out),
        RUN_TEST(the_lease_is_given_up_after_the_last_event),
        cmocka_unit_test(whoever_waits_is_told_when_all_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
