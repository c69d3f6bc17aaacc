/* test_middleware.c - middlewares: their order, what they say, and what they say later. */
#include <chanway/middleware.h>

#include "channel/op.h"
#include "handlers/dispatch.h"
#include "loop/path.h"
#include "middleware/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* One that does as the test says, and writes down what it was asked. */
struct guard {
    enum { PASS, CLOSE, FAIL, WAIT, WAIT_FOR_NOTHING, DECIDE_AT_ONCE, CLOSE_BY_HAND } how;
    const char *only; /* the op it is about; NULL: all */
    struct cw_wait *wait;
    unsigned asked;
    unsigned destroyed;
    char last[100];
};

struct scene {
    struct path path;
    struct cw_chain chain;
    struct guard first, second;
};

static enum cw_verdict answer(struct guard *guard, struct cw_channel *channel, struct cw_step *step)
{
    guard->asked++;
    switch (guard->how) {
    case PASS:
        return CW_PASS;
    case CLOSE:
        return cw_step_close(step, 4001, "who are you", 700);
    case FAIL:
        return cw_step_fail(step, CW_ERR_RATE_LIMITED, "slowly", 300);
    case WAIT:
        guard->wait = cw_step_wait(step);
        assert_non_null(guard->wait);
        return CW_WAIT;
    case WAIT_FOR_NOTHING:
        return CW_WAIT;
    case DECIDE_AT_ONCE:
        cw_wait_next(cw_step_wait(step));
        return CW_WAIT;
    case CLOSE_BY_HAND:
        cw_channel_close(channel, 4001, "by hand", -1);
        return CW_PASS;
    }
    return CW_PASS;
}

static enum cw_verdict on_connect(void *arg, struct cw_channel *channel, struct cw_step *step)
{
    return answer(arg, channel, step);
}

static enum cw_verdict on_operation(void *arg, struct cw_channel *channel,
                                    const struct cw_operation *operation, struct cw_step *step)
{
    struct guard *guard = arg;
    if (guard->only != NULL && strcmp(guard->only, operation->name) != 0)
        return CW_PASS;
    struct cw_bytes payload =
        operation->message == NULL ? cw_bytes_text("-") : operation->message->payload;
    (void)snprintf(guard->last, sizeof(guard->last), "%s %.*s %.*s", operation->name,
                   (int)operation->group.size, operation->group.data, (int)payload.size,
                   payload.data);
    return answer(guard, channel, step);
}

static void on_destroy(void *arg)
{
    struct guard *guard = arg;
    guard->destroyed++;
}

static void begin(struct scene *scene, bool at_connect, bool at_operations)
{
    memset(scene, 0, sizeof(*scene));
    path_start(&scene->path, 1, 1);
    struct guard *guards[] = {&scene->first, &scene->second};
    for (size_t i = 0; i < 2; i++) {
        struct cw_middleware middleware = {.name = "guard",
                                           .on_connect = at_connect ? on_connect : NULL,
                                           .on_operation = at_operations ? on_operation : NULL,
                                           .destroy = on_destroy,
                                           .arg = guards[i]};
        assert_int_equal(cw_chain_add(&scene->chain, &middleware), CW_OK);
    }
    scene->path.nodes[0].node.chain = &scene->chain;
    scene->path.nodes[0].node.admit = cw_chain_admit;
}

static void end(struct scene *scene)
{
    path_stop(&scene->path);
    cw_chain_finish(&scene->chain);
    assert_int_equal(scene->first.destroyed, 1);
    assert_int_equal(scene->second.destroyed, 1);
}

static struct path_client *open_client(struct scene *scene)
{
    struct path_client *client = path_open(&scene->path, 0, "", "chanway.v1.json");
    fake_time_run();
    return client;
}

/* Time passes, and the gateway's tick with it. */
static void pass_time(struct scene *scene, int64_t ms)
{
    fake_time_advance(ms);
    cw_dispatch_expire_ops(&scene->path.nodes[0].node);
    fake_time_run();
}

static void both_are_asked_in_their_order(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, true, true);
    scene.first.how = DECIDE_AT_ONCE;
    struct path_client *ann = open_client(&scene);
    path_expect_start(ann, "{'op':'welcome'");
    assert_int_equal(scene.first.asked, 1);
    assert_int_equal(scene.second.asked, 1);
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':[1,2]}");
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':1");
    assert_string_equal(scene.first.last, "publish room [1,2]");
    assert_string_equal(scene.second.last, "publish room [1,2]");
    path_say(ann, "{'op':'ping'}");
    path_expect(ann, "{'op':'pong'}");
    assert_string_equal(scene.second.last, "ping  -");
    end(&scene);
}

static void who_is_not_let_in_gets_bye_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        int how, code;
        const char *bye;
    } rows[] = {
        {CLOSE, 4001, "{'op':'bye','code':4001,'reason':'who are you','retry_ms':700}"},
        {FAIL, 4002, "{'op':'bye','code':4002,'reason':'slowly','retry_ms':300}"},
        {CLOSE_BY_HAND, 4001, "{'op':'bye','code':4001,'reason':'by hand','retry_ms':null}"},
        {WAIT_FOR_NOTHING, 1011, "{'op':'bye','code':1011"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene scene;
        begin(&scene, true, false);
        scene.first.how = rows[i].how;
        struct path_client *ann = open_client(&scene);
        path_expect_start(ann, "%s", rows[i].bye);
        path_expect_nothing(ann);
        assert_int_equal(ann->close_code, rows[i].code);
        assert_int_equal(scene.second.asked, 0);
        assert_false(path_is_registered(&scene.path, ann));
        end(&scene);
    }
}

static void a_connection_waits(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, true, false);
    scene.first.how = scene.second.how = WAIT;
    struct path_client *ann = open_client(&scene);
    assert_true(ann->is_paused);
    path_expect_nothing(ann);
    assert_ptr_equal(cw_wait_channel(scene.first.wait), ann->channel);
    cw_wait_next(scene.first.wait);
    assert_int_equal(scene.second.asked, 1);
    path_expect_nothing(ann);
    cw_wait_next(scene.second.wait);
    fake_time_run();
    path_expect_start(ann, "{'op':'welcome'");
    assert_false(ann->is_paused);

    struct path_client *bob = open_client(&scene);
    cw_wait_close(scene.first.wait, 4001, "no", -1);
    path_expect_start(bob, "{'op':'bye','code':4001");
    assert_int_equal(bob->close_code, 4001);
    end(&scene);
}

static void a_connection_waits_no_longer_than_an_op(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, true, false);
    scene.first.how = WAIT;
    struct path_client *ann = open_client(&scene);
    pass_time(&scene, 4900);
    path_expect_nothing(ann);
    pass_time(&scene, 200);
    path_expect_start(ann, "{'op':'bye','code':1013");
    assert_null(cw_wait_channel(scene.first.wait));
    cw_wait_next(scene.first.wait);
    path_expect_nothing(ann);
    end(&scene);
}

static void who_goes_is_not_waited_for(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, true, true);
    scene.first.how = WAIT;
    struct path_client *ann = open_client(&scene);
    path_close(ann);
    assert_null(cw_wait_channel(scene.first.wait));
    cw_wait_fail(scene.first.wait, CW_ERR_FORBIDDEN, NULL, -1);

    scene.first.how = PASS;
    struct path_client *bob = open_client(&scene);
    path_expect_start(bob, "{'op':'welcome'");
    scene.first.how = WAIT;
    path_say(bob, "{'op':'ping'}");
    path_close(bob);
    assert_null(cw_wait_channel(scene.first.wait));
    cw_wait_next(scene.first.wait);
    end(&scene);
}

static void an_op_is_refused(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, false, true);
    scene.first.how = FAIL;
    scene.first.only = "publish";
    struct path_client *ann = open_client(&scene);
    path_expect_start(ann, "{'op':'welcome'");
    path_say(ann, "{'op':'join','id':1,'group':'room'}");
    path_say(ann, "{'op':'ping','id':3}");
    fake_time_run();
    path_say(ann, "{'op':'publish','id':2,'group':'room','data':1}");
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':1");
    path_expect(ann, "{'op':'pong','id':3}");
    path_expect(ann, "{'op':'error','id':2,'code':'rate_limited','message':'slowly',"
                     "'temporary':true,'retry_ms':300}");
    path_expect_nothing(ann);
    scene.first.how = CLOSE;
    path_say(ann, "{'op':'publish','id':4,'group':'room','data':1}");
    path_expect_start(ann, "{'op':'bye','code':4001");
    path_expect_nothing(ann);
    end(&scene);
}

static void later_ops_wait_behind_one_that_is_thought_about(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, false, true);
    struct path_client *ann = path_member(&scene.path, 0, "room");
    scene.first.how = WAIT;
    scene.first.only = "publish";
    for (int number = 1; number <= 3; number++)
        path_say(ann, "{'op':'publish','id':%d,'group':'room','data':%d}", number, number);
    path_say(ann, "{'op':'ping','id':4}");
    fake_time_run();
    path_expect_nothing(ann);
    cw_wait_next(scene.first.wait);
    assert_string_equal(scene.first.last, "publish room 2");
    cw_wait_fail(scene.first.wait, CW_ERR_FORBIDDEN, "not this", -1);
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':1");
    path_expect_start(ann, "{'op':'error','id':2,'code':'forbidden','message':'not this'");
    path_expect_message(ann, "room", ann, 1, 1, "1");
    path_expect_nothing(ann);
    cw_wait_next(scene.first.wait);
    fake_time_run();
    path_expect_start(ann, "{'op':'ok','id':3");
    path_expect(ann, "{'op':'pong','id':4}");
    path_expect_message(ann, "room", ann, 1, 2, "3");
    path_expect_nothing(ann);
    end(&scene);
}

static void an_op_that_is_thought_about_for_too_long_is_unavailable(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, false, true);
    struct path_client *ann = open_client(&scene);
    path_expect_start(ann, "{'op':'welcome'");
    scene.second.how = WAIT;
    scene.second.only = "publish";
    path_say(ann, "{'op':'publish','id':1,'group':'room','data':1}");
    pass_time(&scene, 3000);
    path_say(ann, "{'op':'ping','id':2}");
    path_expect_nothing(ann);
    pass_time(&scene, 2100);
    path_expect_start(ann, "{'op':'error','id':1,'code':'unavailable'");
    path_expect(ann, "{'op':'pong','id':2}");
    assert_null(cw_wait_channel(scene.second.wait));
    cw_wait_next(scene.second.wait);
    fake_time_run();
    path_expect_nothing(ann);
    end(&scene);
}

static void raw_frames_are_asked_about_too(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, false, true);
    struct path_client *raw = path_open(&scene.path, 0, "type=text&publish=room&groups=room", "");
    fake_time_run();
    path_say(raw, "hello");
    fake_time_run();
    path_expect(raw, "hello");
    assert_string_equal(scene.second.last, "publish room hello");
    scene.first.how = FAIL;
    path_say(raw, "again");
    fake_time_run();
    path_expect_nothing(raw);
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_asked_in_their_order),
        cmocka_unit_test(who_is_not_let_in_gets_bye_and_nothing_else),
        cmocka_unit_test(a_connection_waits),
        cmocka_unit_test(a_connection_waits_no_longer_than_an_op),
        cmocka_unit_test(who_goes_is_not_waited_for),
        cmocka_unit_test(an_op_is_refused),
        cmocka_unit_test(later_ops_wait_behind_one_that_is_thought_about),
        cmocka_unit_test(an_op_that_is_thought_about_for_too_long_is_unavailable),
        cmocka_unit_test(raw_frames_are_asked_about_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
