/* test_extensions.c - protocol/extensions.c: offers of permessage-deflate. */
#include "protocol/extensions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN "; server_no_context_takeover; client_no_context_takeover"
#define BITS  PLAIN "; server_max_window_bits=15"

static void offers_are_answered(void **state)
{
    static const struct {
        const char *offers;
        const char *answer; /* NULL: none is taken */
    } rows[] = {
        {"permessage-deflate", PLAIN},
        {"  permessage-deflate\t", PLAIN},
        {",, permessage-deflate ,", PLAIN},
        {"permessage-deflate; client_max_window_bits", PLAIN},
        {"permessage-deflate ; client_max_window_bits = 8", PLAIN},
        {"permessage-deflate;client_max_window_bits=\"15\"", PLAIN},
        {"permessage-deflate;server_no_context_takeover;client_no_context_takeover", PLAIN},
        {"permessage-deflate; server_max_window_bits=15", BITS},
        {"permessage-deflate; server_max_window_bits=15, permessage-deflate", BITS},
        {"permessage-deflate; server_max_window_bits=9, permessage-deflate", PLAIN},
        {"permessage-deflate; foo, permessage-deflate", PLAIN},
        {"a, b; c; d=e; f=\"g\", permessage-deflate", PLAIN},
        {"", NULL},
        {" ", NULL},
        {",", NULL},
        {"permessage-deflat", NULL},
        {"Permessage-Deflate", NULL},
        {"permessage-deflate2", NULL},
        {"permessage-deflate, permessage-deflate", NULL},
        {"permessage-deflate, permessage-deflate; client_max_window_bits", NULL},
        {"permessage-deflate; foo", NULL},
        {"permessage-deflate; foo=bar", NULL},
        {"permessage-deflate;", NULL},
        {"permessage-deflate; server_max_window_bits", NULL},
        {"permessage-deflate; server_max_window_bits=", NULL},
        {"permessage-deflate; server_max_window_bits=14", NULL},
        {"permessage-deflate; server_max_window_bits=16", NULL},
        {"permessage-deflate; server_max_window_bits=015", NULL},
        {"permessage-deflate; server_max_window_bits=150", NULL},
        {"permessage-deflate; server_max_window_bits=1500000000000000", NULL},
        {"permessage-deflate; client_max_window_bits=7", NULL},
        {"permessage-deflate; client_max_window_bits=16", NULL},
        {"permessage-deflate; client_max_window_bits=", NULL},
        {"permessage-deflate; client_max_window_bits=\"9", NULL},
        {"permessage-deflate; client_max_window_bits; client_max_window_bits", NULL},
        {"permessage-deflate; server_no_context_takeover=1", NULL},
        {"permessage-deflate; client_no_context_takeover=\"\"", NULL},
        {"\"x\", permessage-deflate", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *answer = cw_extensions_answer(cw_bytes_text(rows[i].offers));
        if (rows[i].answer == NULL && answer != NULL)
            print_error("taken: %s\n", rows[i].offers);
        if (rows[i].answer != NULL && answer == NULL)
            print_error("not taken: %s\n", rows[i].offers);
        if (rows[i].answer == NULL)
            assert_null(answer);
        else
            assert_string_equal(answer, rows[i].answer);
    }
}

static void a_list_may_end_anywhere(void **state)
{
    static const char offers[] =
        "a;b=\"c\", permessage-deflate; server_max_window_bits=\"15\"; client_max_window_bits=10";
    (void)state;
    for (size_t size = 0; size < sizeof(offers); size++) {
        char *copy = malloc(size + 1); /* of its size: whoever reads behind it is seen */
        assert_non_null(copy);
        memcpy(copy, offers, size);
        (void)cw_extensions_answer(cw_bytes_make(copy, size));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_are_answered),
        cmocka_unit_test(a_list_may_end_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
