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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(more_than_one_chunk),
        cmocka_unit_test(a_string_larger_than_a_chunk),
        cmocka_unit_test(what_breaks_off_and_what_is_no_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
