/* test_registry.c - the registry while channels are announced again, hidden and shown. */
#include "loop/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TICK_MS 1500 /* the longest */

/* An answer about its inbox comes between the announcement and its answer. */
static void a_channel_announced_while_its_inbox_is_read_gets_what_comes_after(void **state)
{
    struct path *path = *state;
    struct path_client *ann = path_json(path, 0);
    path->redis->fail_word = "SADD"; /* what is in doubt is announced with the next tick */
    path->redis->fail_text = "OOM command not allowed when used memory > 'maxmemory'";
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        path_test(a_channel_announced_while_its_inbox_is_read_gets_what_comes_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
