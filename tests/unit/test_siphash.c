/* test_siphash.c - base/siphash.c against the reference implementation's results. */
#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void results_are_those_of_the_reference(void **state)
{
    (void)state;
    /* Key 00 01 .. 0f, message 00 01 .. of 0 to 16 bytes: every size of the last word, twice. */
    static const uint64_t expected[] = {
        0xabac0158050fc4dcU, 0xc9f49bf37d57ca93U, 0x82cb9b024dc7d44dU, 0x8bf80ab8e7ddf7fbU,
        0xcf75576088d38328U, 0xdef9d52f49533b67U, 0xc50d2b50c59f22a7U, 0xd3927d989bb11140U,
        0x369095118d299a8eU, 0x25a48eb36c063de4U, 0x79de85ee92ff097fU, 0x70c118c1f94dc352U,
        0x78a384b157b4d9a2U, 0x306f760c1229ffa7U, 0x605aa111c0f95d34U, 0xd320d86d2a519956U,
        0xcc4fdd1a7d908b66U,
    };
    unsigned char bytes[CW_SIPHASH_KEY_SIZE];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    for (size_t size = 0; size < sizeof(expected) / sizeof(expected[0]); size++)
        assert_true(cw_siphash13(bytes, cw_bytes_make(bytes, size)) == expected[size]);
    assert_true(cw_siphash13(bytes, cw_bytes_make(NULL, 0)) == expected[0]);
}

static void another_key_gives_another_result(void **state)
{
    (void)state;
    unsigned char key[CW_SIPHASH_KEY_SIZE] = {0};
    struct cw_bytes message = cw_bytes_text("chat");
    uint64_t first = cw_siphash13(key, message);
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = 1;
        assert_true(cw_siphash13(key, message) != first);
        key[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_those_of_the_reference),
        cmocka_unit_test(another_key_gives_another_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
