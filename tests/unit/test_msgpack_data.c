/*
 * test_msgpack_data.c - `data` at the edge, between JSON text and MessagePack, both ways.
 */
#include "protocol/command.h"
#include "protocol/json_to_msgpack.h"
#include "protocol/msgpack_to_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const char *show(struct cw_bytes bytes)
{
    static char text[401];
    text[0] = '\0';
    for (size_t i = 0; i < bytes.size && i < 200; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned)(unsigned char)bytes.data[i]);
    return text;
}

/* In memory of exactly its sizes; the text, owned by the caller, with a NUL. NULL: `*ret_rc`. */
static char *to_json(struct cw_bytes object, int *ret_rc)
{
    const char *why = NULL;
    struct cw_bytes json;
    char *copy = malloc(object.size > 0 ? object.size : 1);
    char *space = malloc(cw_msgpack_to_json_space(object.size));
    assert_non_null(copy);
    assert_non_null(space);
    memcpy(copy, object.data, object.size);
    *ret_rc = cw_msgpack_to_json(cw_bytes_make(copy, object.size), space, &json, &why);
    free(copy);
    if (*ret_rc == CW_ERR_PAYLOAD)
        assert_true(why != NULL && why[0] != '\0');
    char *text = NULL;
    if (*ret_rc == CW_OK) {
        assert_true(json.size < cw_msgpack_to_json_space(object.size));
        text = calloc(1, json.size + 1);
        assert_non_null(text);
        memcpy(text, json.data, json.size);
    }
    free(space);
    return text;
}

static void assert_to_json(struct cw_bytes object, const char *expected)
{
    int rc;
    char *text = to_json(object, &rc);
    if (text == NULL)
        fail_msg("%d: %s", rc, show(object));
    else if (strcmp(text, expected) != 0)
        fail_msg("%s instead of %s", text, expected);
    free(text);
}

static void assert_to_msgpack(const char *text, struct cw_bytes expected)
{
    struct cw_bytes object;
    char *copy = malloc(strlen(text) + 1); /* and no NUL behind it */
    assert_non_null(copy);
    memcpy(copy, text, strlen(text));
    int rc = cw_json_to_msgpack(cw_bytes_make(copy, strlen(text)), &object);
    free(copy);
    if (rc != CW_OK)
        fail_msg("%d: %s", rc, text);
    if (!cw_bytes_equal(object, expected))
        fail_msg("%s: %s", text, show(object));
}

struct pair {
    struct cw_bytes object;
    const char *json;
};

static void values_have_one_form_each_way(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {BYTES("\xc0"), "null"},
        {BYTES("\xc2"), "false"},
        {BYTES("\xc3"), "true"},
        {BYTES("\x00"), "0"},
        {BYTES("\x7f"), "127"},
        {BYTES("\xcc\x80"), "128"},
        {BYTES("\xcd\xff\xff"), "65535"},
        {BYTES("\xce\xff\xff\xff\xff"), "4294967295"},
        {BYTES("\xcf\x00\x00\x00\x01\x00\x00\x00\x00"), "4294967296"},
        {BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615"},
        {BYTES("\xff"), "-1"},
        {BYTES("\xe0"), "-32"},
        {BYTES("\xd0\xdf"), "-33"},
        {BYTES("\xd0\x80"), "-128"},
        {BYTES("\xd1\x80\x00"), "-32768"},
        {BYTES("\xd2\x80\x00\x00\x00"), "-2147483648"},
        {BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), "-9223372036854775808"},
        {BYTES("\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"), "1.0"},
        {BYTES("\xcb\x80\x00\x00\x00\x00\x00\x00\x00"), "-0.0"},
        {BYTES("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "0.1"},
        {BYTES("\xcb\x00\x00\x00\x00\x00\x00\x00\x01"), "5e-324"},
        {BYTES("\xcb\x7f\xef\xff\xff\xff\xff\xff\xff"), "1.7976931348623157e308"},
        {BYTES("\xcb\x44\x4b\x1a\xe4\xd6\xe2\xef\x50"), "1e21"},
        {BYTES("\xa0"), "\"\""},
        {BYTES("\xa3"
               "a\xc3\xa9"),
         "\"a\xC3\xA9\""},
        {BYTES("\xa4\"\\/\x7f"), "\"\\\"\\\\/\x7F\""},
        {BYTES("\xa7\x00\x01\b\t\n\f\r"), "\"\\u0000\\u0001\\b\\t\\n\\f\\r\""},
        {BYTES("\x90"), "[]"},
        {BYTES("\x80"), "{}"},
        {BYTES("\x92\x90\x80"), "[[],{}]"},
        {BYTES("\x93\x01\x92\x02\x91\x03\x04"), "[1,[2,[3]],4]"},
        {BYTES("\x82\xa1z\x01\xa1"
               "a\x81\xa1z\x93\xc0\xc2\xa1x"),
         "{\"z\":1,\"a\":{\"z\":[null,false,\"x\"]}}"},
        {BYTES("\x83\xa1"
               "b\x01\xa1"
               "a\x02\xa1"
               "b\x03"),
         "{\"b\":1,\"a\":2,\"b\":3}"},
        {BYTES("\x82\xa0\x80\xa0\x90"), "{\"\":{},\"\":[]}"},
        {BYTES("\x91\x81\xa1k\x91\x81\xa1k\x90"), "[{\"k\":[{\"k\":[]}]}]"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_to_json(pairs[i].object, pairs[i].json);
        assert_to_msgpack(pairs[i].json, pairs[i].object);
    }
}

static void other_forms_of_msgpack_are_the_same_values(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {BYTES("\xcc\x07"), "7"},
        {BYTES("\xcf\x00\x00\x00\x00\x00\x00\x00\x07"), "7"},
        {BYTES("\xd0\x07"), "7"},
        {BYTES("\xd3\x7f\xff\xff\xff\xff\xff\xff\xff"), "9223372036854775807"},
        {BYTES("\xd3\xff\xff\xff\xff\xff\xff\xff\xff"), "-1"},
        {BYTES("\xca\x3f\x80\x00\x00"), "1.0"},
        {BYTES("\xca\x3d\xcc\xcc\xcd"), "0.10000000149011612"}, /* as exact as it was */
        {BYTES("\xca\x00\x00\x00\x01"), "1.401298464324817e-45"},
        {BYTES("\xd9\x01x"), "\"x\""},
        {BYTES("\xda\x00\x01x"), "\"x\""},
        {BYTES("\xdb\x00\x00\x00\x01x"), "\"x\""},
        {BYTES("\xdc\x00\x01\x07"), "[7]"},
        {BYTES("\xdd\x00\x00\x00\x00"), "[]"},
        {BYTES("\xde\x00\x01\xd9\x01x\x07"), "{\"x\":7}"},
        {BYTES("\xdf\x00\x00\x00\x00"), "{}"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_to_json(pairs[i].object, pairs[i].json);
}

static void other_forms_of_json_are_the_same_values(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {BYTES("\x92\x01\x80"), " [\t1 ,\r\n{ } ] "},
        {BYTES("\xa2\xc3\xa9"), "\"\\u00e9\""},
        {BYTES("\xa4\xf0\x9f\x98\x80"), "\"\\ud83d\\ude00\""},
        {BYTES("\x81\xa1"
               "a\x01"),
         "{\"\\u0061\":1}"},
        {BYTES("\x00"), "-0"},
        {BYTES("\xcb\x40\x59\x00\x00\x00\x00\x00\x00"), "1e2"},
        {BYTES("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"), "1.50"},
        {BYTES("\xcb\x00\x00\x00\x00\x00\x00\x00\x00"), "1e-400"},
        {BYTES("\xcb\x80\x00\x00\x00\x00\x00\x00\x00"), "-1E-400"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_to_msgpack(pairs[i].json, pairs[i].object);
}

static void numbers_beyond_64_bits_become_the_nearest_double(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {BYTES("\xcb\x43\xf0\x00\x00\x00\x00\x00\x00"), "18446744073709551616"},
        {BYTES("\xcb\xc3\xe0\x00\x00\x00\x00\x00\x00"), "-9223372036854775809"},
        {BYTES("\xcb\x45\xf8\xee\x90\xff\x6c\x37\x3e"), "123456789012345678901234567890"},
        {BYTES("\xcb\x7f\xef\xff\xff\xff\xff\xff\xff"), "1e400"},
        {BYTES("\xcb\xff\xef\xff\xff\xff\xff\xff\xff"), "-1E+400"},
        {BYTES("\x91\xcb\x7f\xef\xff\xff\xff\xff\xff\xff"), "[1e99999999999999999999]"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_to_msgpack(pairs[i].json, pairs[i].object);

    char *digits = malloc(100001);
    assert_non_null(digits);
    memset(digits, '9', 100000);
    digits[100000] = '\0';
    assert_to_msgpack(digits, (struct cw_bytes)BYTES("\xcb\x7f\xef\xff\xff\xff\xff\xff\xff"));
    digits[25] = '\0';
    assert_to_msgpack(digits, (struct cw_bytes)BYTES("\xcb\x45\x20\x8b\x2a\x2c\x28\x02\x91"));
    free(digits);
}

static void what_json_has_not_is_a_bad_payload(void **state)
{
    (void)state;
    static const struct cw_bytes objects[] = {
        BYTES("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"), /* NaN */
        BYTES("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"), /* infinity */
        BYTES("\xcb\xff\xf0\x00\x00\x00\x00\x00\x00"),
        BYTES("\xca\x7f\xc0\x00\x00"),
        BYTES("\xca\xff\x80\x00\x00"),
        BYTES("\xc4\x00"), /* bin */
        BYTES("\xc4\x01x"),
        BYTES("\xd4\x01x"), /* ext */
        BYTES("\xc7\x00\x01"),
        BYTES("\xd6\xff\x00\x00\x00\x00"), /* a timestamp */
        BYTES("\x81\x01\x01"),             /* keys */
        BYTES("\x81\xc0\x01"),
        BYTES("\x81\xc3\x01"),
        BYTES("\x81\xc4\x01k\x01"),
        BYTES("\x81\x90\x01"),
        BYTES("\x81\x80\x01"),
        BYTES("\x82\xa1k\x01\xd4\x01k\x01"),
        BYTES("\x92\x01\xc4\x00"),
        BYTES("\x81\xa1k\x91\x81\xa1k\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"),
    };
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        int rc;
        char *text = to_json(objects[i], &rc);
        if (rc != CW_ERR_PAYLOAD)
            fail_msg("%d %s: %s", rc, text, show(objects[i]));
        free(text);
    }
}

static void what_is_no_json_is_a_bad_payload(void **state)
{
    (void)state;
    static const char *const texts[] = {"",     " ",   "[",           "[1,]",     "NaN", "Infinity",
                                        "-NaN", "1 2", "\"\\ud800\"", "\"\xff\"", "nul", "{\"a\"}",
                                        "01",   "+1",  "[NaN]",       "inf"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cw_bytes object;
        int rc = cw_json_to_msgpack(cw_bytes_text(texts[i]), &object);
        if (rc != CW_ERR_PAYLOAD)
            fail_msg("%d: %s", rc, texts[i]);
    }
    struct cw_bytes object;
    assert_int_equal(cw_json_to_msgpack(cw_bytes_make(NULL, 0), &object), CW_ERR_PAYLOAD);
}

static void containers_are_64_deep_at_most(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= 64; depth++) {
        char object[129];
        char expected[400] = "";
        for (unsigned i = 0; i < depth; i++) {
            object[2 * i] = (char)0x81;
            object[2 * i + 1] = (char)0xa0;
            memcpy(expected + 4 * i, "{\"\":", 4);
            expected[4 * depth + 1 + i] = '}';
        }
        object[2 * depth] = 7;
        expected[4 * depth] = '7';
        assert_to_json(cw_bytes_make(object, 2 * (size_t)depth + 1), expected);
        assert_to_msgpack(expected, cw_bytes_make(object, 2 * (size_t)depth + 1));
    }
}

/* A str of `size` bytes that are each `c`; owned by the caller. */
static struct cw_bytes long_str(size_t size, char c)
{
    char *object = malloc(size + 5);
    assert_non_null(object);
    object[0] = (char)0xdb;
    for (size_t i = 0; i < 4; i++)
        object[1 + i] = (char)(unsigned char)(size >> (8 * (3 - i)));
    memset(object + 5, c, size);
    return cw_bytes_make(object, size + 5);
}

static void texts_over_one_mebibyte_are_too_large(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        char c;
        int rc;
    } rows[] = {
        {CW_PAYLOAD_SIZE_MAX - 2, 'x', CW_OK},
        {CW_PAYLOAD_SIZE_MAX - 1, 'x', CW_ERR_TOO_LARGE},
        {(CW_PAYLOAD_SIZE_MAX - 2) / 6, '\x01', CW_OK},
        {(CW_PAYLOAD_SIZE_MAX - 2) / 6 + 1, '\x01', CW_ERR_TOO_LARGE},
        {CW_PAYLOAD_SIZE_MAX, '\x01', CW_ERR_TOO_LARGE},
        {CW_PAYLOAD_SIZE_MAX + 1, '\x01', CW_ERR_TOO_LARGE},
        {8 * (size_t)CW_PAYLOAD_SIZE_MAX, '\x01', CW_ERR_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int rc;
        struct cw_bytes object = long_str(rows[i].size, rows[i].c);
        free(to_json(object, &rc));
        if (rc != rows[i].rc)
            fail_msg("row %zu: %d", i, rc);
        free((char *)(uintptr_t)object.data);
    }
    /* Many small ones: [false, false, ...] is six bytes each. */
    size_t count = CW_PAYLOAD_SIZE_MAX / 6;
    for (size_t more = 0; more <= 1; more++) {
        struct cw_bytes object = long_str(count + more, (char)0xc2);
        *(char *)(uintptr_t)object.data = (char)0xdd;
        int rc;
        free(to_json(object, &rc));
        assert_int_equal(rc, more == 0 ? CW_OK : CW_ERR_TOO_LARGE);
        free((char *)(uintptr_t)object.data);
    }
}

static void the_most_text_of_the_fewest_bytes_fits_its_space(void **state)
{
    (void)state;
    static const struct cw_bytes objects[] = {
        BYTES("\xc2"),
        BYTES("\x91\xc2"),
        BYTES("\x9f\xc2\xc2\xc2\xc2\xc2\xc2\xc2\xc2\xc2\xc2\xc2\xc2\xc2\xc2\xc2"),
        BYTES("\xa1\x01"),
        BYTES("\xca\x80\x00\x00\x01"),
        BYTES("\xcb\xff\xef\xff\xff\xff\xff\xff\xff"),
        BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"),
    };
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        int rc;
        free(to_json(objects[i], &rc)); /* asserts that it fits */
        assert_int_equal(rc, CW_OK);
    }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void doubles_come_back_to_the_bit(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252;
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = next_random(&seed);
        if ((bits >> 52 & 0x7ff) == 0x7ff)
            continue; /* NaN and infinity */
        char object[9] = {(char)0xcb};
        for (unsigned j = 0; j < 8; j++)
            object[1 + j] = (char)(unsigned char)(bits >> (8 * (7 - j)));
        char space[64];
        struct cw_bytes json;
        struct cw_bytes again;
        const char *why;
        assert_int_equal(cw_msgpack_to_json(cw_bytes_make(object, 9), space, &json, &why), CW_OK);
        assert_int_equal(cw_json_to_msgpack(json, &again), CW_OK);
        if (!cw_bytes_equal(again, cw_bytes_make(object, 9)))
            fail_msg("%.*s", (int)json.size, json.data);
    }
}

/* One that is larger than the kept memory, and small ones before and after it. */
static void large_texts_are_taken_like_small_ones(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 65530, 65531, 65536, 65537, 1000000, CW_PAYLOAD_SIZE_MAX - 2};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *text = malloc(sizes[i] + 3);
        assert_non_null(text);
        memset(text, 'x', sizes[i] + 2);
        text[0] = '"';
        text[sizes[i] + 1] = '"';
        text[sizes[i] + 2] = '\0';
        struct cw_bytes object;
        assert_int_equal(cw_json_to_msgpack(cw_bytes_text(text), &object), CW_OK);
        assert_true(object.size > sizes[i]);
        int rc;
        char *again = to_json(object, &rc);
        assert_non_null(again);
        assert_string_equal(again, text);
        free(again);
        free(text);
        assert_to_msgpack("[1]", (struct cw_bytes)BYTES("\x91\x01"));
    }
}

/* The most values, and the most bytes of MessagePack, in a text of the largest size. */
static void the_worst_text_of_the_largest_size_fits(void **state)
{
    (void)state;
    static const char *const elements[] = {"1,", "1e9,", "[],", "\"\",", "{\"\":1},", "-1,"};
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        for (size_t size = 65536; size <= CW_PAYLOAD_SIZE_MAX; size *= 16) {
            size_t step = strlen(elements[i]);
            char *text = malloc(size + step);
            assert_non_null(text);
            size_t used = 0;
            text[used++] = '[';
            while (used + step <= size) {
                memcpy(text + used, elements[i], step);
                used += step;
            }
            text[used - 1] = ']';
            struct cw_bytes object;
            assert_int_equal(cw_json_to_msgpack(cw_bytes_make(text, used), &object), CW_OK);
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_one_form_each_way),
        cmocka_unit_test(other_forms_of_msgpack_are_the_same_values),
        cmocka_unit_test(other_forms_of_json_are_the_same_values),
        cmocka_unit_test(numbers_beyond_64_bits_become_the_nearest_double),
        cmocka_unit_test(what_json_has_not_is_a_bad_payload),
        cmocka_unit_test(what_is_no_json_is_a_bad_payload),
        cmocka_unit_test(containers_are_64_deep_at_most),
        cmocka_unit_test(texts_over_one_mebibyte_are_too_large),
        cmocka_unit_test(the_most_text_of_the_fewest_bytes_fits_its_space),
        cmocka_unit_test(doubles_come_back_to_the_bit),
        cmocka_unit_test(large_texts_are_taken_like_small_ones),
        cmocka_unit_test(the_worst_text_of_the_largest_size_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
