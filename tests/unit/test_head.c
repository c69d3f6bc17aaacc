/* test_head.c - ws/head.c: what of a request's head is answered before the library sees it. */
#include "ws/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The status of the answer to `bytes`; 0: none. In memory of exactly that size. */
static int status_of(const char *bytes, size_t size)
{
    struct cw_head_error error = {.headers = NULL};
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    int rc = cw_head_check(cw_bytes_make(copy, size), &error);
    free(copy);
    if (rc == CW_OK)
        return 0;
    assert_int_equal(rc, CW_ERR_INVALID);
    assert_true(error.error.message[0] != '\0');
    return error.error.status;
}

static int status_of_text(const char *text)
{
    return status_of(text, strlen(text));
}

static void good_heads_pass(void **state)
{
    (void)state;
    assert_int_equal(status_of_text("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"),
                     0);
    assert_int_equal(status_of_text("GET /ws?a=%2C&b=c HTTP/1.1\nHost: x\n\n"), 0);
    assert_int_equal(status_of_text("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"), 0);
    assert_int_equal(status_of_text("GET / HTTP/1.1\r\nUPGRADE:WebSocket\r\n\r\n"), 0);
    assert_int_equal(status_of_text("POST / HTTP/1.1\r\n\r\n{\"a\":\"%\"}"), 0);
    assert_int_equal(status_of_text("OPTIONS * HTTP/1.1\r\n\r\n"), 0);
    assert_int_equal(status_of("POST / HTTP/1.1\r\n\r\n\0", 20), 0);
}

static void an_incomplete_head_passes(void **state)
{
    (void)state;
    static const char head[] = "FOO % HTTP/1.1\r\nUpgrade: foo\r\n\r\n";
    for (size_t size = 0; size < sizeof(head) - 1; size++)
        assert_int_equal(status_of(head, size), 0);
    assert_int_equal(status_of(head, sizeof(head) - 1), 405);
}

static void bad_heads_are_answered(void **state)
{
    (void)state;
    assert_int_equal(status_of_text("FOO /ws HTTP/1.1\r\n\r\n"), 405);
    assert_int_equal(status_of_text("get /ws HTTP/1.1\r\n\r\n"), 405);
    assert_int_equal(status_of_text("\r\n\r\n"), 400);
    assert_int_equal(status_of_text("\x16\x03\x01 / HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(status_of_text("GET ws HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(status_of_text("GET\r\n\r\n"), 400);
    assert_int_equal(status_of_text("GET /?a=% HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(status_of_text("GET /?a=%4 HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(status_of_text("GET /?a=%4g HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(status_of_text("GET /?a=b%0Ac HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(status_of_text("GET /?a=%0D HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(status_of_text("GET /%0a HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(status_of_text("GET /?a=%0B%1A%A0%09 HTTP/1.1\r\n\r\n"), 0);
    assert_int_equal(status_of_text("GET / HTTP/1.1\r\nUpgrade: foo\r\n\r\n"), 426);
    assert_int_equal(status_of("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 24), 400);
}

static void a_head_of_8_kib_passes_and_one_byte_more_does_not(void **state)
{
    (void)state;
    char head[CW_HEAD_MAX + 2];
    memset(head, 'a', sizeof(head));
    static const char begin[] = "GET / HTTP/1.1\r\nA: ";
    memcpy(head, begin, sizeof(begin) - 1);
    memcpy(head + CW_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(status_of(head, CW_HEAD_MAX), 0);
    memset(head + CW_HEAD_MAX - 4, 'a', 4);
    assert_int_equal(status_of(head, CW_HEAD_MAX), 0); /* not complete yet */
    assert_int_equal(status_of(head, CW_HEAD_MAX + 1), 431);
    memcpy(head + CW_HEAD_MAX - 3, "\r\n\r\n", 4);
    assert_int_equal(status_of(head, CW_HEAD_MAX + 1), 431);
}

/* `lines` header lines and `parameters` separators in the query. */
static int status_of_many(int lines, int parameters)
{
    static char head[CW_HEAD_MAX];
    int size = snprintf(head, sizeof(head), "GET /?a");
    for (int i = 0; i < parameters; i++)
        size += snprintf(head + size, sizeof(head) - (size_t)size, i % 2 == 0 ? "&a" : ";a");
    size += snprintf(head + size, sizeof(head) - (size_t)size, " HTTP/1.1\r\n");
    for (int i = 0; i < lines; i++)
        size += snprintf(head + size, sizeof(head) - (size_t)size, "A: %d\r\n", i);
    size += snprintf(head + size, sizeof(head) - (size_t)size, "\r\n");
    return status_of(head, (size_t)size);
}

static void lines_and_parameters_are_bounded_together(void **state)
{
    (void)state;
    /* The empty line at the end counts as one. */
    assert_int_equal(status_of_many(79, 0), 0);
    assert_int_equal(status_of_many(80, 0), 431);
    assert_int_equal(status_of_many(39, 40), 0);
    assert_int_equal(status_of_many(40, 40), 431);
    assert_int_equal(status_of_many(1, 78), 0);
    assert_int_equal(status_of_many(1, 79), 431);
    assert_int_equal(status_of_many(1, 81), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_heads_pass),
        cmocka_unit_test(an_incomplete_head_passes),
        cmocka_unit_test(bad_heads_are_answered),
        cmocka_unit_test(a_head_of_8_kib_passes_and_one_byte_more_does_not),
        cmocka_unit_test(lines_and_parameters_are_bounded_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
