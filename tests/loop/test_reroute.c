/*
 * test_reroute.c - reroute.c with servers that give slots to each other: what is asked about one
 * key is done in the order in which it was asked, once or not at all, and answered.
 *
 * A server here is a queue of calls that were sent and are not served yet. It serves the calls of
 * slots that it has when their turn comes, and refuses the others as Redis does; where its answers
 * say who has a slot now the map learns of it, some time later.
 */
#include "base/clock.h"
#include "base/stats.h"
#include "endpoint.h"
#include "loop/fake_time.h"
#include "reroute.h"
#include "slots.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SERVERS   3
#define QUEUE_MAX 4096
#define CALLS_MAX 4096
#define NOW_MS    1000000
#define SLOT      7

/* What a server says to the call at its front. */
enum turn { TURN_FITTING, TURN_MOVED, TURN_ASK, TURN_TRYAGAIN, TURN_CLUSTERDOWN, TURN_ERROR };

struct call {
    struct cw_redis_request request;
    uint16_t slot;
    unsigned number; /* of all, in the order in which they were made */
    int answers;
    int rc;
    int done; /* by a server */
    int64_t made_ms, answered_ms;
};

/* Stands for an endpoint: reroute.c hands it on and compares it. */
struct server {
    struct cw_redis_request *queue[QUEUE_MAX];
    size_t count;
    bool is_closed; /* takes no calls */
};

struct scene {
    struct event_base *base;
    struct cw_reroute *reroute;
    struct server servers[SERVERS];
    int owner[CW_SLOTS]; /* in truth */
    int known[CW_SLOTS]; /* as the node knows it; -1: nobody */
    struct call calls[CALLS_MAX];
    unsigned call_count;
    unsigned done_last[CW_SLOTS]; /* the number of the last that was done, of each slot; 0: none */
    int refusals;
};

static struct scene scene;

/* The names that --wrap gives them. */
int __wrap_cw_endpoint_call(struct cw_endpoint *endpoint, struct cw_redis_request *request,
                            const struct cw_bytes *args, size_t count);

int __wrap_cw_endpoint_call(struct cw_endpoint *endpoint, struct cw_redis_request *request,
                            const struct cw_bytes *args, size_t count)
{
    struct server *server = (struct server *)(void *)endpoint;
    assert_true(count >= 2);
    assert_true(cw_bytes_is(args[0], "SET"));
    if (server->is_closed || server->count == QUEUE_MAX)
        return CW_ERR_UNAVAILABLE;
    request->start = strtoul(args[1].data, NULL, 10); /* whose call it is */
    server->queue[server->count++] = request;
    return CW_OK;
}

static struct cw_endpoint *owner_of(void *arg, uint16_t slot)
{
    (void)arg;
    int index = scene.known[slot];
    return index < 0 ? NULL : (struct cw_endpoint *)(void *)&scene.servers[index];
}

static void on_refused(void *arg, struct cw_endpoint *by, const char *error)
{
    (void)arg;
    assert_non_null(by);
    assert_non_null(error);
    scene.refusals++;
}

static void on_reply(struct cw_redis_request *request, int rc, const struct redisReply *reply)
{
    struct call *call = (struct call *)request;
    (void)reply;
    call->answers++;
    call->rc = rc;
    call->answered_ms = cw_clock_ms();
    assert_int_equal(call->answers, 1);
}

/* NULL: refused at once. `size` bytes beside its number. */
static struct call *make_call(uint16_t slot, size_t size)
{
    static char room[CW_REROUTE_BYTES_MAX];
    assert_true(scene.call_count < CALLS_MAX);
    struct call *call = &scene.calls[scene.call_count];
    char number[16];
    *call = (struct call){.request = {.on_reply = on_reply},
                          .slot = slot,
                          .number = ++scene.call_count,
                          .made_ms = cw_clock_ms()};
    (void)snprintf(number, sizeof(number), "%08u ", call->number);
    struct cw_bytes args[] = {cw_bytes_text("SET"), cw_bytes_text(number),
                              cw_bytes_make(room, size)};
    call->rc = cw_reroute_call(scene.reroute, slot, &call->request, args, 3);
    if (call->rc == CW_OK)
        return call;
    call->answers = 1;
    return NULL;
}

static struct call *call_at(const struct server *server)
{
    return &scene.calls[server->queue[0]->start - 1];
}

static void answer_front(struct server *server, int rc, const char *error)
{
    struct cw_redis_request *request = server->queue[0];
    char text[64];
    redisReply reply = {.type = error == NULL ? REDIS_REPLY_STATUS : REDIS_REPLY_ERROR};
    memmove(server->queue, server->queue + 1, --server->count * sizeof(server->queue[0]));
    (void)snprintf(text, sizeof(text), "%s", error == NULL ? "OK" : error);
    reply.str = text;
    reply.len = strlen(text);
    request->on_reply(request, rc, rc == CW_ERR_TIMEOUT ? NULL : &reply);
}

/* It takes effect: nothing of its slot that was asked later has, and it has not before. */
static void do_front(struct server *server)
{
    struct call *call = call_at(server);
    assert_int_equal(call->done, 0);
    assert_true(call->number > scene.done_last[call->slot]);
    call->done = 1;
    scene.done_last[call->slot] = call->number;
}

static void serve(struct server *server, enum turn turn)
{
    static const char *const errors[] = {NULL,
                                         "MOVED 7 127.0.0.1:7001",
                                         "ASK 7 127.0.0.1:7001",
                                         "TRYAGAIN the slot is being moved to another server",
                                         "CLUSTERDOWN The cluster is down",
                                         "ERR no"};
    bool is_own = scene.owner[call_at(server)->slot] == server - scene.servers;
    if (turn == TURN_FITTING && !is_own)
        turn = TURN_MOVED;
    if (turn == TURN_FITTING)
        do_front(server);
    answer_front(server,
                 turn == TURN_FITTING ? CW_OK
                 : turn == TURN_ERROR ? CW_ERR_INTERNAL
                                      : CW_ERR_UNAVAILABLE,
                 errors[turn]);
}

/* The link breaks: what was sent may have been done, or not. */
static void break_link(struct server *server)
{
    bool reaches = fake_random(2) == 0;
    while (server->count > 0) {
        if (reaches && scene.owner[call_at(server)->slot] == server - scene.servers)
            do_front(server);
        else
            reaches = false; /* nor does what comes behind */
        answer_front(server, CW_ERR_TIMEOUT, NULL);
    }
}

static void learn(void)
{
    memcpy(scene.known, scene.owner, sizeof(scene.known));
    cw_reroute_release(scene.reroute);
}

static int start(void **state)
{
    static const struct cw_reroute_events events = {owner_of, on_refused};
    (void)state;
    memset(&scene, 0, sizeof(scene));
    scene.base = event_base_new();
    fake_time_start(scene.base, NOW_MS, 1);
    assert_int_equal(cw_reroute_create(scene.base, &events, &scene, &scene.reroute), CW_OK);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    for (int i = 0; i < SERVERS; i++)
        break_link(&scene.servers[i]);
    cw_reroute_close(scene.reroute);
    assert_int_equal(CW_STAT(redis_calls_parked), 0);
    for (unsigned i = 0; i < scene.call_count; i++)
        assert_int_equal(scene.calls[i].answers, 1);
    cw_reroute_destroy(scene.reroute);
    fake_time_stop();
    event_base_free(scene.base);
    return 0;
}

static void expect(const struct call *call, int rc)
{
    assert_int_equal(call->answers, 1);
    assert_int_equal(call->rc, rc);
    assert_int_equal(call->done, rc == CW_OK);
}

static void expect_open(const struct call *call)
{
    assert_int_equal(call->answers, 0);
}

static void a_refused_call_is_sent_to_the_next_owner(void **state)
{
    (void)state;
    struct call *one = make_call(SLOT, 1);
    scene.owner[SLOT] = 1;
    serve(&scene.servers[0], TURN_FITTING);
    assert_int_equal(scene.refusals, 1);
    assert_int_equal(CW_STAT(redis_calls_parked), 1);
    expect_open(one);
    learn();
    assert_int_equal(CW_STAT(redis_calls_parked), 0);
    serve(&scene.servers[1], TURN_FITTING);
    expect(one, CW_OK);
}

static void what_is_no_refusal_is_the_answer(void **state)
{
    (void)state;
    struct call *one = make_call(SLOT, 1);
    serve(&scene.servers[0], TURN_ERROR);
    expect(one, CW_ERR_INTERNAL);
    struct call *two = make_call(SLOT, 1);
    answer_front(&scene.servers[0], CW_ERR_UNAVAILABLE, "OOM command not allowed");
    expect(two, CW_ERR_UNAVAILABLE);
    assert_int_equal(scene.refusals, 0);
}

static void newer_calls_of_a_slot_wait_behind_older_ones_and_others_do_not(void **state)
{
    (void)state;
    struct call *one = make_call(SLOT, 1);
    serve(&scene.servers[0], TURN_TRYAGAIN);
    struct call *two = make_call(SLOT, 1);
    struct call *other = make_call(SLOT + 1, 1);
    assert_int_equal(scene.servers[0].count, 1);
    serve(&scene.servers[0], TURN_FITTING);
    expect(other, CW_OK);
    fake_time_advance(20);
    assert_int_equal(scene.servers[0].count, 2);
    serve(&scene.servers[0], TURN_FITTING);
    expect(one, CW_OK);
    serve(&scene.servers[0], TURN_FITTING);
    expect(two, CW_OK);
}

/* Its server has not answered, another one has its slot by now. */
static void a_call_waits_for_the_answer_of_the_server_before(void **state)
{
    (void)state;
    struct call *one = make_call(SLOT, 1);
    scene.owner[SLOT] = 1;
    learn();
    struct call *two = make_call(SLOT, 1);
    assert_int_equal(scene.servers[1].count, 0);
    serve(&scene.servers[0], TURN_FITTING);
    fake_time_advance(20);
    assert_int_equal(scene.servers[1].count, 2);
    serve(&scene.servers[1], TURN_FITTING);
    expect(one, CW_OK);
    serve(&scene.servers[1], TURN_FITTING);
    expect(two, CW_OK);
}

/* The later one alone. */
static void what_was_overtaken_is_not_done_any_more(void **state)
{
    (void)state;
    struct call *one = make_call(SLOT, 1);
    struct call *two = make_call(SLOT, 1);
    struct call *other = make_call(SLOT + 1, 1);
    struct call *three = make_call(SLOT, 1);
    serve(&scene.servers[0], TURN_CLUSTERDOWN);
    serve(&scene.servers[0], TURN_FITTING);
    expect(one, CW_ERR_UNAVAILABLE);
    expect(two, CW_OK);
    serve(&scene.servers[0], TURN_CLUSTERDOWN);
    serve(&scene.servers[0], TURN_CLUSTERDOWN);
    fake_time_advance(20);
    serve(&scene.servers[0], TURN_FITTING);
    serve(&scene.servers[0], TURN_FITTING);
    expect(other, CW_OK);
    expect(three, CW_OK);
}

static void what_may_have_been_done_overtakes_as_well(void **state)
{
    (void)state;
    struct call *one = make_call(SLOT, 1);
    struct call *two = make_call(SLOT, 1);
    serve(&scene.servers[0], TURN_CLUSTERDOWN);
    answer_front(&scene.servers[0], CW_ERR_TIMEOUT, NULL);
    expect(one, CW_ERR_UNAVAILABLE);
    expect(two, CW_ERR_TIMEOUT);
}

static void a_slot_without_owner_has_its_time(void **state)
{
    (void)state;
    struct call *one = make_call(SLOT, 1);
    serve(&scene.servers[0], TURN_CLUSTERDOWN);
    scene.known[SLOT] = -1;
    fake_time_advance(500);
    struct call *two = make_call(SLOT, 1);
    fake_time_advance(CW_REROUTE_LIMIT_MS - 501);
    expect_open(one);
    fake_time_advance(21);
    expect(one, CW_ERR_UNAVAILABLE);
    expect_open(two);
    fake_time_advance(500);
    expect(two, CW_ERR_UNAVAILABLE);
    assert_int_equal(CW_STAT(redis_calls_parked), 0);
    /* Nobody is known, nothing waits: refused at once. */
    assert_null(make_call(SLOT, 1));
}

static void refused_after_its_time_it_is_answered(void **state)
{
    (void)state;
    struct call *one = make_call(SLOT, 1);
    fake_time_advance(CW_REROUTE_LIMIT_MS);
    serve(&scene.servers[0], TURN_MOVED);
    expect(one, CW_ERR_UNAVAILABLE);
}

static void a_server_that_takes_no_calls_keeps_the_order(void **state)
{
    (void)state;
    struct call *one = make_call(SLOT, 1);
    serve(&scene.servers[0], TURN_TRYAGAIN);
    struct call *two = make_call(SLOT, 1);
    scene.servers[0].is_closed = true;
    fake_time_advance(100);
    scene.servers[0].is_closed = false;
    fake_time_advance(20);
    serve(&scene.servers[0], TURN_FITTING);
    expect(one, CW_OK);
    serve(&scene.servers[0], TURN_FITTING);
    expect(two, CW_OK);
}

static void the_end_answers_what_is_parked(void **state)
{
    (void)state;
    struct call *one = make_call(SLOT, 1);
    struct call *two = make_call(SLOT + 1, 1);
    serve(&scene.servers[0], TURN_TRYAGAIN);
    cw_reroute_close(scene.reroute);
    expect(one, CW_ERR_UNAVAILABLE);
    serve(&scene.servers[0], TURN_TRYAGAIN);
    expect(two, CW_ERR_UNAVAILABLE);
}

/* Bounds. */

static void bytes_that_wait_are_bounded(void **state)
{
    (void)state;
    size_t own = strlen("SET") + strlen("00000000 "); /* of each call, beside what it brings */
    struct call *one = make_call(SLOT, 0);
    serve(&scene.servers[0], TURN_TRYAGAIN);
    size_t rest = CW_REROUTE_BYTES_MAX - own;
    assert_null(make_call(SLOT, rest - own + 1));
    struct call *two = make_call(SLOT, rest - own);
    assert_non_null(two);
    assert_null(make_call(SLOT, 0));
    struct call *other = make_call(SLOT + 1, 0);
    assert_non_null(other); /* it need not wait */
    serve(&scene.servers[0], TURN_FITTING);
    fake_time_advance(20);
    assert_int_equal(CW_STAT(redis_calls_parked), 0);
    serve(&scene.servers[0], TURN_FITTING);
    serve(&scene.servers[0], TURN_FITTING);
    expect(one, CW_OK);
    expect(two, CW_OK);
}

/* More calls than the scene keeps: they share one request each, which only counts. */
static size_t answered;

static void count_answer(struct cw_redis_request *request, int rc, const struct redisReply *reply)
{
    (void)request;
    (void)reply;
    assert_int_equal(rc, CW_ERR_UNAVAILABLE);
    answered++;
}

static void calls_that_wait_are_bounded(void **state)
{
    (void)state;
    static struct cw_redis_request requests[CW_REROUTE_PARKED_MAX];
    const struct cw_bytes args[] = {cw_bytes_text("SET"), cw_bytes_text("00000001 ")};
    struct call *one = make_call(SLOT, 1);
    answered = 0;
    serve(&scene.servers[0], TURN_TRYAGAIN);
    scene.known[SLOT] = -1;
    for (size_t i = 0; i < CW_REROUTE_PARKED_MAX; i++) {
        requests[i].on_reply = count_answer;
        int rc = cw_reroute_call(scene.reroute, SLOT, &requests[i], args, 2);
        assert_int_equal(rc, i < CW_REROUTE_PARKED_MAX - 1 ? CW_OK : CW_ERR_UNAVAILABLE);
    }
    assert_int_equal(CW_STAT(redis_calls_parked), CW_REROUTE_PARKED_MAX);
    fake_time_advance(CW_REROUTE_LIMIT_MS + 20);
    expect(one, CW_ERR_UNAVAILABLE);
    assert_int_equal(answered, CW_REROUTE_PARKED_MAX - 1);
    assert_int_equal(CW_STAT(redis_calls_parked), 0);
}

/* Everything at random: do_front() checks the order, on_reply() that answers come once. */

static void random_step(void)
{
    struct server *server = &scene.servers[fake_random(SERVERS)];
    uint16_t slot = (uint16_t)(SLOT + fake_random(3));
    switch (fake_random(16)) {
    case 0: /* a slot goes to another server */
        scene.owner[slot] = (int)fake_random(SERVERS);
        break;
    case 1: /* the node learns of it, or is told what is old or wrong */
        scene.known[slot] =
            fake_random(3) > 0 ? scene.owner[slot] : (int)fake_random(SERVERS + 1) - 1;
        cw_reroute_release(scene.reroute);
        break;
    case 2:
        if (fake_random(8) == 0)
            break_link(server);
        break;
    case 3:
        server->is_closed = fake_random(4) == 0;
        break;
    case 4:
    case 5:
        fake_time_advance(fake_random(40));
        break;
    case 6:
        if (server->count > 0)
            serve(server, (enum turn)(TURN_MOVED + fake_random(TURN_ERROR)));
        break;
    case 7:
    case 8:
    case 9:
    case 10:
        if (scene.call_count < CALLS_MAX)
            (void)make_call(slot, fake_random(100));
        break;
    default:
        if (server->count > 0)
            serve(server, TURN_FITTING);
    }
}

/* Once all is well what waits is done; nobody waits longer than the limit for a server that
 * answers.
 */
static void come_to_rest(void)
{
    memcpy(scene.known, scene.owner, sizeof(scene.known));
    for (int i = 0; i < SERVERS; i++)
        scene.servers[i].is_closed = false;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < SERVERS; i++)
            while (scene.servers[i].count > 0)
                serve(&scene.servers[i], TURN_FITTING);
        fake_time_advance(20);
    }
    assert_int_equal(CW_STAT(redis_calls_parked), 0);
}

static void check_calls(unsigned *ret_done)
{
    for (unsigned i = 0; i < scene.call_count; i++) {
        const struct call *call = &scene.calls[i];
        assert_int_equal(call->answers, 1);
        if (call->rc == CW_OK)
            assert_int_equal(call->done, 1);
        else if (call->rc != CW_ERR_TIMEOUT)
            assert_int_equal(call->done, 0);
        *ret_done += (unsigned)call->done;
    }
}

static void whatever_moves_and_breaks_calls_are_done_in_order_or_not_at_all(void **state)
{
    unsigned done = 0;
    unsigned made = 0;
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        assert_int_equal(start(NULL), 0);
        fake_time_start(scene.base, NOW_MS, seed);
        for (int i = 0; i < 1000; i++)
            random_step();
        come_to_rest();
        check_calls(&done);
        made += scene.call_count;
        assert_int_equal(finish(NULL), 0);
    }
    assert_true(done > made / 4); /* much of it is */
}

/* Servers that move slots, as they do, one by one, and a map that follows: nothing is lost. */
static void where_slots_only_move_every_call_is_done(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        assert_int_equal(start(NULL), 0);
        fake_time_start(scene.base, NOW_MS, seed);
        for (int round = 0; round < 60; round++) {
            for (unsigned i = fake_random(12); i > 0; i--)
                assert_non_null(make_call((uint16_t)(SLOT + fake_random(3)), fake_random(100)));
            if (fake_random(6) == 0 && round % 6 == 0) /* not back before all have answered */
                scene.owner[SLOT + fake_random(3)] = (int)fake_random(SERVERS);
            if (fake_random(3) == 0)
                learn();
            for (int i = 0; i < SERVERS; i++)
                for (size_t n = fake_random(8); n > 0 && scene.servers[i].count > 0; n--)
                    serve(&scene.servers[i], TURN_FITTING);
            if (round % 6 == 5) {
                learn();
                come_to_rest();
            }
            fake_time_advance(fake_random(20));
        }
        come_to_rest();
        for (unsigned i = 0; i < scene.call_count; i++) {
            expect(&scene.calls[i], CW_OK);
            assert_true(scene.calls[i].answered_ms - scene.calls[i].made_ms <= CW_REROUTE_LIMIT_MS);
        }
        assert_int_equal(finish(NULL), 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)
    const struct CMUnitTest tests[] = {
        TEST(a_refused_call_is_sent_to_the_next_owner),
        TEST(what_is_no_refusal_is_the_answer),
        TEST(newer_calls_of_a_slot_wait_behind_older_ones_and_others_do_not),
        TEST(a_call_waits_for_the_answer_of_the_server_before),
        TEST(what_was_overtaken_is_not_done_any_more),
        TEST(what_may_have_been_done_overtakes_as_well),
        TEST(a_slot_without_owner_has_its_time),
        TEST(refused_after_its_time_it_is_answered),
        TEST(a_server_that_takes_no_calls_keeps_the_order),
        TEST(the_end_answers_what_is_parked),
        TEST(bytes_that_wait_are_bounded),
        TEST(calls_that_wait_are_bounded),
        cmocka_unit_test(whatever_moves_and_breaks_calls_are_done_in_order_or_not_at_all),
        cmocka_unit_test(where_slots_only_move_every_call_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
