/* test_redis_reply.c - redis_reply.c: each reply is as hiredis makes it. */

#include "redis_reply.h"

#include <hiredis/hiredis.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_equal(const redisReply *own, const redisReply *theirs)
{
    assert_int_equal(own->type, theirs->type);
    assert_int_equal(own->integer, theirs->integer);
    assert_int_equal(own->len, theirs->len);
    assert_int_equal(own->elements, theirs->elements);
    if (theirs->type == REDIS_REPLY_DOUBLE)
        assert_true(own->dval == theirs->dval || (isnan(own->dval) && isnan(theirs->dval)));
    if (theirs->str == NULL)
        assert_null(own->str);
    else
        assert_memory_equal(own->str, theirs->str, theirs->len + 1);
    assert_memory_equal(own->vtype, theirs->vtype, sizeof(theirs->vtype));
    for (size_t i = 0; i < theirs->elements; i++)
        expect_equal(own->element[i], theirs->element[i]);
}

/* Both readers are fed `step` bytes at a time, and give the same replies at the same bytes. */
static void compare(const char *text, size_t size, size_t step)
{
    redisReader *own = redisReaderCreate();
    redisReader *theirs = redisReaderCreate();
    cw_redis_reply_attach(own);
    for (size_t at = 0; at < size; at += step) {
        size_t part = size - at < step ? size - at : step;
        assert_int_equal(redisReaderFeed(own, text + at, part), REDIS_OK);
        assert_int_equal(redisReaderFeed(theirs, text + at, part), REDIS_OK);
        for (;;) {
            void *own_reply = NULL;
            void *their_reply = NULL;
            int rc = redisReaderGetReply(theirs, &their_reply);
            assert_int_equal(redisReaderGetReply(own, &own_reply), rc);
            assert_int_equal(own->err, theirs->err);
            assert_int_equal(own_reply == NULL, their_reply == NULL);
            if (rc != REDIS_OK || their_reply == NULL)
                break;
            expect_equal(own_reply, their_reply);
            own->fn->freeObject(own_reply);
            theirs->fn->freeObject(their_reply);
        }
        if (theirs->err != 0)
            break;
    }
    redisReaderFree(own);
    redisReaderFree(theirs);
}

static void every_type(void **state)
{
    (void)state;
    static const char text[] =
        "+OK\r\n-ERR no\r\n:42\r\n:-7\r\n$2\r\nhi\r\n$0\r\n\r\n$-1\r\n*-1\r\n_\r\n#t\r\n#f\r\n"
        ",3.25\r\n,inf\r\n(123456789012345678901234567890\r\n=6\r\ntxt:hi\r\n*0\r\n~2\r\n:1\r\n:"
        "2\r\n"
        "%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n_\r\n#t\r\n"
        ">3\r\n$8\r\nsmessage\r\n$8\r\ncw:{g:a}\r\n$11\r\n1-1 payload\r\n"
        "*3\r\n*2\r\n*1\r\n*1\r\n$4\r\ndeep\r\n:1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n+end\r\n";
    for (size_t step = 1; step < sizeof(text); step++)
        compare(text, sizeof(text) - 1, step);
}

static void more_than_one_chunk(void **state)
{
    (void)state;
    enum { ENTRIES = 3000, SPACE = 1 << 20 };
    char *text = malloc(SPACE);
    assert_non_null(text);
    size_t size = (size_t)snprintf(text, SPACE, "*%d\r\n", ENTRIES);
    for (int i = 0; i < ENTRIES; i++) {
        int length = i * 7 % 300;
        size += (size_t)snprintf(text + size, SPACE - size, "*2\r\n:%d\r\n$%d\r\n%0*d\r\n", i,
                                 length + 1, length + 1, 0);
    }
    compare(text, size, size);
    compare(text, size, 1000);
    free(text);
}

static void a_string_larger_than_a_chunk(void **state)
{
    (void)state;
    enum { LENGTH = 300000 };
    char *text = malloc(2 * LENGTH + 100);
    assert_non_null(text);
    size_t size = (size_t)sprintf(text, "$%d\r\n%0*d\r\n", LENGTH, LENGTH, 0);
    size += (size_t)sprintf(text + size, "*1\r\n$%d\r\n%0*d\r\n", LENGTH, LENGTH, 0);
    compare(text, size, size);
    compare(text, size, 16384);
    free(text);
}

/* What has come of it is freed: the sanitizers see it. */
static void what_breaks_off_and_what_is_no_reply(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "*3\r\n$2\r\nhi\r\n*2\r\n:1\r\n",
        "*2\r\n$2\r\nhi\r\n?",
        "$5\r\nhel",
        "*2\r\n:1\r\n:x\r\n",
        "!",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        for (size_t step = 1; step <= strlen(texts[i]); step++)
            compare(texts[i], strlen(texts[i]), step);
}

/* The first reply to `text`, fed `step` bytes at a time; the caller frees it as `reader` does. */
static redisReply *first_reply(redisReader *reader, const char *text, size_t step)
{
    void *reply = NULL;
    size_t size = strlen(text);
    for (size_t at = 0; at < size && reply == NULL; at += step) {
        size_t part = size - at < step ? size - at : step;
        assert_int_equal(redisReaderFeed(reader, text + at, part), REDIS_OK);
        assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    }
    assert_non_null(reply);
    return reply;
}

static void expect_text(const redisReply *reply, const char *text)
{
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    assert_int_equal(reply->len, strlen(text));
    assert_string_equal(reply->str, text);
}

static void an_error_that_answers_no_call_is_a_push(void **state)
{
    (void)state;
    static const char refusal[] = "MOVED 866 127.0.0.1:7001";
    static const char text[] = "-MOVED 866 127.0.0.1:7001\r\n";
    for (size_t step = 1; step < sizeof(text); step++) {
        uint32_t calls = 0;
        redisReader *reader = redisReaderCreate();
        cw_redis_reply_attach(reader);
        reader->privdata = &calls;
        redisReply *reply = first_reply(reader, text, step);
        assert_int_equal(reply->type, REDIS_REPLY_PUSH);
        assert_int_equal(reply->elements, 2);
        expect_text(reply->element[0], CW_REDIS_ERROR_PUSH);
        expect_text(reply->element[1], refusal);
        reader->fn->freeObject(reply);
        redisReaderFree(reader);
    }
}

/* Longer than what a reply's first piece of memory holds. */
static void a_long_error_is_whole(void **state)
{
    (void)state;
    enum { LENGTH = 5000 };
    uint32_t calls = 0;
    char text[LENGTH + 10];
    text[0] = '-';
    memset(text + 1, 'x', LENGTH);
    memcpy(text + 1 + LENGTH, "\r\n", 3);
    redisReader *reader = redisReaderCreate();
    cw_redis_reply_attach(reader);
    reader->privdata = &calls;
    redisReply *reply = first_reply(reader, text, sizeof(text));
    assert_int_equal(reply->element[1]->len, LENGTH);
    assert_memory_equal(reply->element[1]->str, text + 1, LENGTH);
    reader->fn->freeObject(reply);
    redisReaderFree(reader);
}

static void an_error_that_answers_a_call_is_one(void **state)
{
    (void)state;
    for (uint32_t calls = 0; calls < 3; calls++) {
        redisReader *reader = redisReaderCreate();
        cw_redis_reply_attach(reader);
        reader->privdata = calls == 0 ? NULL : &calls; /* 0: nobody counts */
        redisReply *reply = first_reply(reader, "-ERR no\r\n", 100);
        assert_int_equal(reply->type, REDIS_REPLY_ERROR);
        assert_string_equal(reply->str, "ERR no");
        reader->fn->freeObject(reply);
        redisReaderFree(reader);
    }
}

/* What is within another reply is that reply's, whatever is under way. */
static void an_error_within_a_reply_stays_there(void **state)
{
    (void)state;
    uint32_t calls = 0;
    redisReader *reader = redisReaderCreate();
    cw_redis_reply_attach(reader);
    reader->privdata = &calls;
    redisReply *reply = first_reply(reader, "*2\r\n-ERR no\r\n+OK\r\n", 100);
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_int_equal(reply->element[0]->type, REDIS_REPLY_ERROR);
    assert_string_equal(reply->element[0]->str, "ERR no");
    assert_int_equal(reply->element[1]->type, REDIS_REPLY_STATUS);
    reader->fn->freeObject(reply);
    redisReaderFree(reader);
}

/* Also no other reply becomes one. */
static void without_calls_all_else_is_as_ever(void **state)
{
    (void)state;
    uint32_t calls = 0;
    redisReader *reader = redisReaderCreate();
    cw_redis_reply_attach(reader);
    reader->privdata = &calls;
    redisReply *reply = first_reply(reader, "+OK\r\n", 100);
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
    reader->fn->freeObject(reply);
    redisReaderFree(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(more_than_one_chunk),
        cmocka_unit_test(a_string_larger_than_a_chunk),
        cmocka_unit_test(what_breaks_off_and_what_is_no_reply),
        cmocka_unit_test(an_error_that_answers_no_call_is_a_push),
        cmocka_unit_test(a_long_error_is_whole),
        cmocka_unit_test(an_error_that_answers_a_call_is_one),
        cmocka_unit_test(an_error_within_a_reply_stays_there),
        cmocka_unit_test(without_calls_all_else_is_as_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
