/* test_topology.c - topology.c: what a Redis Cluster answers to CLUSTER SLOTS. */

#include "slots.h"
#include "topology.h"

#include <hiredis/hiredis.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RANGES 8

/* Kept until the next one is read: hosts are views of it. */
static redisReply *reply;

static int read_text(const char *text, size_t max, struct cw_slot_range *ranges)
{
    void *read = NULL;
    redisReader *reader = redisReaderCreate();
    assert_non_null(reader);
    assert_int_equal(redisReaderFeed(reader, text, strlen(text)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &read), REDIS_OK);
    assert_non_null(read);
    redisReaderFree(reader);
    freeReplyObject(reply);
    reply = read;
    return cw_topology_read(reply, ranges, max);
}

static void expect_range(const struct cw_slot_range *range, unsigned first, unsigned last,
                         const char *host, int port)
{
    assert_int_equal(range->first, first);
    assert_int_equal(range->last, last);
    assert_int_equal(range->port, port);
    if (host == NULL)
        assert_null(range->host);
    else
        assert_string_equal(range->host, host);
}

/* The master comes first, then its replicas; Redis 7 tells ids and more names behind the port. */
static void what_redis_answers(void **state)
{
    (void)state;
    struct cw_slot_range ranges[RANGES];
    int count = read_text("*3\r\n"
                          "*4\r\n:0\r\n:5460\r\n"
                          "*4\r\n$9\r\n127.0.0.1\r\n:7001\r\n$2\r\nid\r\n*0\r\n"
                          "*4\r\n$9\r\n127.0.0.1\r\n:7004\r\n$2\r\nid\r\n*0\r\n"
                          "*3\r\n:5461\r\n:16383\r\n"
                          "*4\r\n$6\r\nredis2\r\n:65535\r\n$2\r\nid\r\n"
                          "*2\r\n$2\r\nip\r\n$8\r\n10.0.0.2\r\n"
                          "*3\r\n:7\r\n:7\r\n*2\r\n$1\r\nh\r\n:1\r\n",
                          RANGES, ranges);
    assert_int_equal(count, 3);
    expect_range(&ranges[0], 0, 5460, "127.0.0.1", 7001);
    expect_range(&ranges[1], 5461, 16383, "redis2", 65535);
    expect_range(&ranges[2], 7, 7, "h", 1);
}

static void an_address_of_ipv6(void **state)
{
    (void)state;
    struct cw_slot_range ranges[RANGES];
    int count = read_text("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$11\r\n2001:db8::1\r\n:6379\r\n",
                          RANGES, ranges);
    assert_int_equal(count, 1);
    expect_range(&ranges[0], 0, CW_SLOTS - 1, "2001:db8::1", 6379);
}

/* cluster-preferred-endpoint-type unknown-endpoint: nil; a server that knows no address of its own
 * yet: ""; one without a host name: "?". */
static void no_host_is_that_of_whoever_was_asked(void **state)
{
    (void)state;
    static const char *const hosts[] = {"$-1\r\n", "_\r\n", "$0\r\n\r\n", "$1\r\n?\r\n"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct cw_slot_range ranges[RANGES];
        char text[200];
        (void)snprintf(text, sizeof(text), "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n%s:6379\r\n", hosts[i]);
        assert_int_equal(read_text(text, RANGES, ranges), 1);
        expect_range(&ranges[0], 0, 1, NULL, 6379);
    }
}

static void no_slots_are_no_error(void **state)
{
    (void)state;
    struct cw_slot_range ranges[RANGES];
    assert_int_equal(read_text("*0\r\n", RANGES, ranges), 0);
}

static void everything_else_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "-ERR This instance has cluster support disabled\r\n",
        "+OK\r\n",
        "$-1\r\n",
        "_\r\n",
        ":1\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*0\r\n",
        "*1\r\n*-1\r\n",
        /* a range without a server, or with half of one */
        "*1\r\n*2\r\n:0\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*0\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n$1\r\nh\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n$1\r\nh\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n_\r\n",
        /* no numbers */
        "*1\r\n*3\r\n$1\r\n0\r\n:1\r\n*2\r\n$1\r\nh\r\n:6379\r\n",
        "*1\r\n*3\r\n:0\r\n$1\r\n1\r\n*2\r\n$1\r\nh\r\n:6379\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n$4\r\n6379\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n_\r\n",
        /* a host that is no text */
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n:1\r\n:6379\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n*1\r\n$1\r\nh\r\n:6379\r\n",
        /* one that is wrong among those that are not */
        "*2\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n*3\r\n:2\r\n:16384\r\n*2\r\n$1\r\nh\r\n:"
        "1\r\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cw_slot_range ranges[RANGES];
        assert_int_equal(read_text(texts[i], RANGES, ranges), -1);
    }
}

static void a_name_is_a_name(void **state)
{
    (void)state;
    enum { LONGEST = 253 };
    for (size_t size = LONGEST; size <= LONGEST + 1; size++) {
        struct cw_slot_range ranges[RANGES];
        char text[400];
        (void)snprintf(text, sizeof(text), "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$%zu\r\n%0*d\r\n:1\r\n",
                       size, (int)size, 0);
        assert_int_equal(read_text(text, RANGES, ranges), size <= LONGEST ? 1 : -1);
    }
}

static void numbers_are_within_their_bounds(void **state)
{
    (void)state;
    static const struct {
        long long first, last, port;
        int count;
    } rows[] = {
        {0, 0, 1, 1},          {16383, 16383, 65535, 1}, {-1, 0, 6379, -1},
        {0, -1, 6379, -1},     {0, 16383, 6379, 1},      {0, 16384, 6379, -1},
        {2, 1, 6379, -1},      {65536, 65537, 6379, -1}, {0, INT64_MAX, 6379, -1},
        {0, 1, 0, -1},         {0, 1, -1, -1},           {0, 1, 65536, -1},
        {0, 1, INT64_MAX, -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cw_slot_range ranges[RANGES];
        char text[200];
        (void)snprintf(text, sizeof(text),
                       "*1\r\n*3\r\n:%lld\r\n:%lld\r\n*2\r\n$1\r\nh\r\n:%lld\r\n", rows[i].first,
                       rows[i].last, rows[i].port);
        assert_int_equal(read_text(text, RANGES, ranges), rows[i].count);
    }
}

static void as_many_as_there_is_room_for(void **state)
{
    (void)state;
    static const char row[] = "*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:6379\r\n";
    for (size_t count = RANGES - 1; count <= RANGES + 1; count++) {
        struct cw_slot_range ranges[RANGES];
        char text[1000];
        size_t size = (size_t)snprintf(text, sizeof(text), "*%zu\r\n", count);
        for (size_t i = 0; i < count; i++)
            size += (size_t)snprintf(text + size, sizeof(text) - size, "%s", row);
        int expected = count <= RANGES ? (int)count : -1;
        assert_int_equal(read_text(text, RANGES, ranges), expected);
    }
}

static int free_reply(void **state)
{
    (void)state;
    freeReplyObject(reply);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_redis_answers),
        cmocka_unit_test(an_address_of_ipv6),
        cmocka_unit_test(no_host_is_that_of_whoever_was_asked),
        cmocka_unit_test(no_slots_are_no_error),
        cmocka_unit_test(everything_else_is_none),
        cmocka_unit_test(a_name_is_a_name),
        cmocka_unit_test(numbers_are_within_their_bounds),
        cmocka_unit_test(as_many_as_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, free_reply);
}
