/* test_redis_command.c - redis_command.c: each command is as hiredis writes it. */

#include "redis_command.h"

#include <hiredis/hiredis.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_same(const struct cw_bytes *args, size_t count)
{
    const char *words[32];
    size_t sizes[32];
    char *theirs = NULL;
    for (size_t i = 0; i < count; i++) {
        words[i] = args[i].size == 0 ? "" : args[i].data;
        sizes[i] = args[i].size;
    }
    long long size = redisFormatCommandArgv(&theirs, (int)count, words, sizes);
    assert_true(size > 0);
    assert_int_equal(cw_redis_command_size(args, count), size);
    char *own = malloc((size_t)size);
    assert_non_null(own);
    cw_redis_command_write(own, args, count);
    assert_memory_equal(own, theirs, (size_t)size);
    free(own);
    redisFreeCommand(theirs);
}

static void words_of_every_length_of_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 9, 10, 99, 100, 999, 1000, 65535, 1000000};
    char *text = malloc(1000000);
    assert_non_null(text);
    memset(text, 'x', 1000000);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct cw_bytes args[] = {cw_bytes_text("ECHO"), cw_bytes_make(text, sizes[i])};
        expect_same(args, 2);
    }
    free(text);
}

static void any_number_of_words_and_any_byte(void **state)
{
    (void)state;
    struct cw_bytes args[32];
    for (size_t i = 0; i < 32; i++) {
        args[i] = i % 3 == 0 ? cw_bytes_make(NULL, 0) : cw_bytes_make("\0\r\n*$", i % 5);
        expect_same(args, i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_every_length_of_size),
        cmocka_unit_test(any_number_of_words_and_any_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
