/*
 * test_schema.c - schemas: what is refused of their text, what a payload is told, bounds. What the
 * keywords mean is for test_schema_suite.c.
 */
#include "protocol/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PAYLOAD_MAX (1 << 20)

static int create(void **state)
{
    *state = cw_schema_checker_create(PAYLOAD_MAX);
    return *state == NULL;
}

static int destroy(void **state)
{
    cw_schema_checker_destroy(*state);
    return 0;
}

static struct cw_schema *schema_of(const char *text)
{
    struct cw_schema *schema = NULL;
    struct cw_schema_fault fault;
    if (cw_schema_compile(cw_bytes_text(text), &schema, &fault) != CW_OK)
        fail_msg("%s: %s: %s %s", text, fault.pointer, fault.keyword, fault.message);
    return schema;
}

/* --- schemas that are refused ------------------------------------------------------------------
 */

static void a_bad_schema_is_refused_with_place_and_keyword(void **state)
{
    static const struct {
        const char *text, *pointer, *keyword, *message;
    } rows[] = {
        {"", "", "", "not valid JSON"},
        {"{", "", "", "not valid JSON: "},
        {"{} {}", "", "", "not valid JSON: "},
        {"null", "", "", "must be a schema: an object, true or false"},
        {"[]", "", "", "must be a schema"},
        {"{\"typ\":\"string\"}", "/typ", "typ", "is not supported; allowed are type, "},
        {"{\"properties\":{\"a\":{\"items\":{\"oneOf\":[]}}}}", "/properties/a/items/oneOf",
         "oneOf", "is not supported"},
        {"{\"$ref\":\"#\"}", "/$ref", "$ref", "is not supported"},
        {"{\"exclusiveMinimum\":0}", "/exclusiveMinimum", "exclusiveMinimum", "is not supported"},
        {"{\"x/y~z\":1}", "/x~1y~0z", "x/y~z", "is not supported"},
        {"{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}",
         "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "is not supported"},
        {"{\"type\":\"text\"}", "/type", "type", "must be one of null, boolean, integer, "},
        {"{\"type\":[]}", "/type", "type", "must have a type in its array"},
        {"{\"type\":[\"null\",7]}", "/type", "type", "must be one of"},
        {"{\"type\":[\"null\",\"null\"]}", "/type", "type", "names \"null\" twice"},
        {"{\"properties\":[]}", "/properties", "properties", "must be an object of schemas"},
        {"{\"properties\":{\"a\":7}}", "/properties/a", "properties", "must be a schema"},
        {"{\"additionalProperties\":null}", "/additionalProperties", "additionalProperties",
         "must be a schema"},
        {"{\"items\":[{}]}", "/items", "items", "must be a schema"},
        {"{\"required\":\"a\"}", "/required", "required", "must be an array of names"},
        {"{\"required\":[1]}", "/required", "required", "must be an array of names"},
        {"{\"required\":[\"a\",\"b\",\"a\"]}", "/required", "required", "has a name twice"},
        {"{\"minimum\":\"0\"}", "/minimum", "minimum", "must be a number"},
        {"{\"maximum\":null}", "/maximum", "maximum", "must be a number"},
        {"{\"minLength\":-1}", "/minLength", "minLength", "must be an integer from 0"},
        {"{\"maxLength\":1.5}", "/maxLength", "maxLength", "must be an integer from 0"},
        {"{\"minItems\":\"1\"}", "/minItems", "minItems", "must be an integer from 0"},
        {"{\"maxItems\":true}", "/maxItems", "maxItems", "must be an integer from 0"},
        {"{\"pattern\":1}", "/pattern", "pattern", "must be a string"},
        {"{\"items\":{\"pattern\":\"a(\"}}", "/items/pattern", "pattern",
         "missing closing parenthesis at byte 2"},
        {"{\"enum\":[]}", "/enum", "enum", "must be an array with a value in it"},
        {"{\"enum\":{}}", "/enum", "enum", "must be an array"},
        {"{\"title\":1}", "/title", "title", "must be a string"},
        {"{\"items\":{\"$id\":\"x\"}}", "/items/$id", "$id", "is allowed at the root alone"},
        {"{\"type\":\"null\",\"type\":\"string\"}", "/type", "", "a key is there twice"},
        {"{\"const\":[{\"a\":1,\"a\":1}]}", "/const/0/a", "", "a key is there twice"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cw_schema *schema = NULL;
        struct cw_schema_fault fault;
        if (cw_schema_compile(cw_bytes_text(rows[i].text), &schema, &fault) != CW_ERR_INVALID)
            fail_msg("%s is not refused", rows[i].text);
        assert_null(schema);
        assert_string_equal(fault.pointer, rows[i].pointer);
        assert_string_equal(fault.keyword, rows[i].keyword);
        if (strncmp(fault.message, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("%s: %s", rows[i].text, fault.message);
    }
}

static void annotations_say_nothing(void **state)
{
    struct cw_schema *schema = schema_of(
        "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"urn:x\","
        "\"title\":\"t\",\"description\":\"d\",\"default\":{\"$ref\":1},\"examples\":[{\"not\":1}],"
        "\"$comment\":\"c\"}");
    struct cw_schema_fault fault;
    assert_int_equal(cw_schema_check(*state, schema, cw_bytes_text("[1]"), &fault), CW_OK);
    cw_schema_destroy(schema);
}

static char *repeat(const char *head, const char *part, size_t count, const char *middle,
                    const char *end_part, const char *tail)
{
    size_t size = strlen(head) + count * (strlen(part) + strlen(end_part)) + strlen(middle) +
                  strlen(tail) + 1;
    char *text = malloc(size);
    char *at = stpcpy(text, head);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, part);
    at = stpcpy(at, middle);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, end_part);
    (void)stpcpy(at, tail);
    return text;
}

/* Takes `text` over. */
static void assert_compiles(char *text, const char *says)
{
    struct cw_schema *schema = NULL;
    struct cw_schema_fault fault = {.message = ""};
    int rc = cw_schema_compile(cw_bytes_text(text), &schema, &fault);
    if (rc != (says == NULL ? CW_OK : CW_ERR_INVALID) ||
        (says != NULL && strstr(fault.message, says) == NULL))
        fail_msg("%.100s: %d: %s", text, rc, fault.message);
    cw_schema_destroy(schema);
    free(text);
}

static void bounds_of_a_schema_are_told(void **state)
{
    (void)state;
    assert_compiles(repeat("", "{\"items\":", CW_SCHEMA_DEPTH_MAX - 1, "{}", "}", ""), NULL);
    assert_compiles(repeat("", "{\"items\":", CW_SCHEMA_DEPTH_MAX, "true", "}", ""),
                    "has schemas more than 65 deep");
    assert_compiles(repeat("", "{\"properties\":{\"a\":", CW_SCHEMA_DEPTH_MAX - 1, "{}", "}}", ""),
                    NULL);
    assert_compiles(repeat("", "[", 30000, "", "]", ""), "nested deeper than 194");
    assert_compiles(repeat("{\"const\":", "[", 190, "", "]", "}"), NULL);
    assert_compiles(repeat("{\"default\":", "{\"a\":", 200, "1", "}", "}"), "nested deeper");
    assert_compiles(repeat("{\"const\":[1", ",1", CW_SCHEMA_VALUES_MAX - 1, "]}", "", ""), NULL);
    assert_compiles(repeat("{\"const\":[1", ",1", CW_SCHEMA_VALUES_MAX, "]}", "", ""),
                    "has more than 1000 values");
    assert_compiles(repeat("{\"enum\":[[]", ",[]", CW_SCHEMA_VALUES_MAX, "]}", "", ""),
                    "has more than 1000 values");
    assert_compiles(repeat("{\"enum\":[1", ",1", CW_SCHEMA_VALUES_MAX * 20, "]}", "", ""), NULL);
    assert_compiles(repeat("{}", " ", CW_SCHEMA_SIZE_MAX - 2, "", "", ""), NULL);
    assert_compiles(repeat("{}", " ", CW_SCHEMA_SIZE_MAX - 1, "", "", ""),
                    "larger than 65536 bytes");

    for (int over = 0; over < 2; over++) {
        char *text = malloc(65536);
        char *at = stpcpy(text, "{\"required\":[\"0\"");
        for (int i = 1; i < CW_SCHEMA_REQUIRED_MAX + over; i++)
            at += sprintf(at, ",\"%d\"", i);
        (void)stpcpy(at, "]}");
        assert_compiles(text, over ? "has more than 256 names" : NULL);
    }
}

/* --- what a payload is told --------------------------------------------------------------------
 */

#define USER                                                                                       \
    "{\"type\":\"object\",\"required\":[\"user\"],\"properties\":{\"user\":{\"type\":\"object\","  \
    "\"required\":[\"age\"],\"additionalProperties\":false,\"properties\":{"                       \
    "\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":150},"                                \
    "\"name\":{\"type\":[\"string\",\"null\"],\"minLength\":1,\"maxLength\":5,\"pattern\":\"^[a-"  \
    "z]*$\"},"                                                                                     \
    "\"tags\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,\"items\":{\"enum\":[\"a\",\"b\"," \
    "1,[1]]}},"                                                                                    \
    "\"kind\":{\"const\":{\"a\":1,\"b\":[2]}},\"no\":false,"                                       \
    "\"a/b~c\":{\"type\":\"null\"}}}}}"

static void a_fault_has_its_pointer_keyword_and_words(void **state)
{
    static const struct {
        const char *json, *pointer, *keyword, *message;
    } rows[] = {
        {"7", "", "type", "must be object"},
        {"{}", "", "required", "must have \"user\""},
        {"{\"user\":{}}", "/user", "required", "must have \"age\""},
        {"{\"user\":{\"age\":-1}}", "/user/age", "minimum", "must be at least 0"},
        {"{\"user\":{\"age\":150.5}}", "/user/age", "type", "must be integer"},
        {"{\"user\":{\"age\":1e3}}", "/user/age", "maximum", "must be at most 150"},
        {"{\"user\":{\"age\":1,\"name\":7}}", "/user/name", "type", "must be one of: null, string"},
        {"{\"user\":{\"age\":1,\"name\":\"\"}}", "/user/name", "minLength",
         "must have at least 1 characters"},
        {"{\"user\":{\"age\":1,\"name\":\"abcdef\"}}", "/user/name", "maxLength",
         "must have at most 5 characters"},
        {"{\"user\":{\"age\":1,\"name\":\"Bob\"}}", "/user/name", "pattern", "must match ^[a-z]*$"},
        {"{\"user\":{\"age\":1,\"tags\":[]}}", "/user/tags", "minItems",
         "must have at least 1 items"},
        {"{\"user\":{\"age\":1,\"tags\":[1,1,1,1]}}", "/user/tags", "maxItems",
         "must have at most 3 items"},
        {"{\"user\":{\"age\":1,\"tags\":[\"a\",1.0,\"c\"]}}", "/user/tags/2", "enum",
         "must be one of the allowed values"},
        {"{\"user\":{\"age\":1,\"tags\":[[1.0],[2]]}}", "/user/tags/1", "enum",
         "must be one of the allowed values"},
        {"{\"user\":{\"age\":1,\"kind\":{\"b\":[2.0],\"a\":10}}}", "/user/kind", "const",
         "must be the one allowed value"},
        {"{\"user\":{\"age\":1,\"no\":null}}", "/user/no", "properties", "is not allowed"},
        {"{\"user\":{\"age\":1,\"more\":1}}", "/user/more", "additionalProperties",
         "is not allowed"},
        {"{\"user\":{\"age\":1,\"a/b~c\":1}}", "/user/a~1b~0c", "type", "must be null"},
        {"{\"user\":{\"age\":1,\"\":1}}", "/user/", "additionalProperties", "is not allowed"},
        {"{\"user\":{\"age\":1,\"age\":-1}}", "/user/age", "minimum", "must be at least 0"},
        {"{\"user\":{\"age\":-1,\"age\":1}}", "/user/age", "minimum", "must be at least 0"},
        {"{\"user\":{\"age\":1,\"\\u0061ge\":-1}}", "/user/age", "minimum", "must be at least 0"},
    };
    static const char *const good[] = {
        "{\"user\":{\"age\":0}}",
        "{\"user\":{\"age\":1.50e2,\"name\":null},\"more\":[{}]}",
        "{\"user\":{\"age\":-0,\"name\":\"abcde\",\"tags\":[1.0,[10e-1],\"b\"]}}",
        "{\"user\":{\"age\":1,\"kind\":{\"b\":[2e0],\"a\":1.0},\"a/b~c\":null}}",
    };
    struct cw_schema *schema = schema_of(USER);
    struct cw_schema_fault fault;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (cw_schema_check(*state, schema, cw_bytes_text(rows[i].json), &fault) != CW_ERR_PAYLOAD)
            fail_msg("%s fits", rows[i].json);
        assert_string_equal(fault.pointer, rows[i].pointer);
        assert_string_equal(fault.keyword, rows[i].keyword);
        assert_string_equal(fault.message, rows[i].message);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (cw_schema_check(*state, schema, cw_bytes_text(good[i]), &fault) != CW_OK)
            fail_msg("%s: %s %s", good[i], fault.pointer, fault.message);
    }
    assert_int_equal(cw_schema_check(*state, schema, cw_bytes_text("{"), &fault), CW_ERR_PAYLOAD);
    assert_string_equal(fault.message, "not valid JSON");
    cw_schema_destroy(schema);
}

/* One row: what a schema says of a payload. */
struct verdict {
    const char *schema, *json;
    bool fits;
};

static void assert_verdicts(void **state, const struct verdict *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct cw_schema *schema = schema_of(rows[i].schema);
        struct cw_schema_fault fault;
        int rc = cw_schema_check(*state, schema, cw_bytes_text(rows[i].json), &fault);
        if (rc != (rows[i].fits ? CW_OK : CW_ERR_PAYLOAD))
            fail_msg("%s: %s: %d", rows[i].schema, rows[i].json, rc);
        cw_schema_destroy(schema);
    }
}

static void numbers_keep_their_digits(void **state)
{
    static const struct verdict rows[] = {
        {"{\"maximum\":9007199254740992}", "9007199254740993", false},
        {"{\"maximum\":18446744073709551615}", "18446744073709551616", false},
        {"{\"maximum\":18446744073709551616}", "18446744073709551616.0", true},
        {"{\"minimum\":0.1}", "0.09999999999999999999999999999", false},
        {"{\"maximum\":1e308}", "1e400", false},
        {"{\"maximum\":1e400}", "1e400", true},
        {"{\"minimum\":1e-400}", "0", false},
        {"{\"minimum\":0}", "-1e-400", false},
        {"{\"const\":0.1}", "0.1000000000000000055511151231257827", false},
        {"{\"const\":9007199254740993}", "9007199254740992", false},
        {"{\"const\":9007199254740993}", "9.007199254740993e15", true},
        {"{\"enum\":[1,-0,1e400]}", "10e399", true},
        {"{\"enum\":[1,-0,1e400]}", "0.0", true},
        {"{\"enum\":[1,-0,1e400]}", "2", false},
        {"{\"type\":\"integer\"}", "1e400", true},
        {"{\"type\":\"integer\"}", "1.0000000000000000000001", false},
        {"{\"type\":[\"integer\",\"string\"]}", "1.5", false},
        {"{\"type\":[\"number\",\"integer\"]}", "1.5", true},
    };
    assert_verdicts(state, rows, sizeof(rows) / sizeof(rows[0]));
}

static void values_are_equal_whatever_their_order_and_writing(void **state)
{
    static const struct verdict rows[] = {
        {"{\"const\":{\"a\":[1,{\"b\":null}],\"c\":\"\"}}", "{\"c\":\"\",\"a\":[1.0,{\"b\":null}]}",
         true},
        {"{\"const\":{\"a\":1,\"b\":2}}", "{\"a\":1,\"a\":1}", false},
        {"{\"const\":{\"a\":1,\"b\":2}}", "{\"a\":1,\"b\":2,\"b\":2}", false},
        {"{\"const\":{\"a\":1}}", "{\"a\":1,\"a\":1}", false},
        {"{\"const\":\"\\u00e9\"}", "\"\xC3\xA9\"", true},
        {"{\"const\":\"a\\u0000b\"}", "\"a\\u0000b\"", true},
        {"{\"const\":\"a\\u0000b\"}", "\"a\\u0000c\"", false},
        {"{\"const\":false}", "0", false},
        {"{\"const\":0}", "false", false},
        {"{\"const\":null}", "null", true},
        {"{\"const\":null}", "false", false},
        {"{\"const\":[]}", "{}", false},
        {"{\"const\":[1,2]}", "[2,1]", false},
        {"{\"enum\":[\"b\",\"a\",\"cc\",true,null]}", "\"cc\"", true},
        {"{\"enum\":[\"b\",\"a\",\"cc\",true,null]}", "true", true},
        {"{\"enum\":[\"b\",\"a\",\"cc\",true,null]}", "false", false},
        {"{\"enum\":[\"b\",\"a\",\"cc\",true,null]}", "[]", false},
        {"{\"enum\":[{},[1]]}", "[1]", true},
        {"{\"enum\":[{},[1]]}", "[]", false},
    };
    assert_verdicts(state, rows, sizeof(rows) / sizeof(rows[0]));
}

static void lengths_are_of_code_points(void **state)
{
    static const struct verdict rows[] = {
        {"{\"maxLength\":2}", "\"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\"", true},
        {"{\"maxLength\":2}", "\"\\ud83d\\ude00\\ud83d\\ude00\"", true},
        {"{\"maxLength\":1}", "\"e\\u0301\"", false}, /* two code points, if one letter */
        {"{\"minLength\":3}", "\"\xC3\xA9\xE2\x82\xAC\"", false},
        {"{\"minLength\":2}", "\"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\"", true},
        {"{\"minLength\":3}", "\"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\"", false},
        {"{\"maxLength\":2}", "\"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\"", true},
        {"{\"maxLength\":1}", "\"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\"", false},
        {"{\"minLength\":18446744073709551615}", "\"four\"", false},
        {"{\"minLength\":2,\"maxLength\":2}", "\"\xC3\xA9\xE2\x82\xAC\"", true},
        {"{\"maxLength\":0}", "\"\"", true},
        {"{\"maxLength\":3.0}", "\"\\u0000\\n\\\"\"", true},
        {"{\"maxLength\":18446744073709551616}", "\"a\"", true},
    };
    assert_verdicts(state, rows, sizeof(rows) / sizeof(rows[0]));
}

static void pointers_end_where_they_still_fit(void **state)
{
    struct cw_schema *schema =
        schema_of("{\"additionalProperties\":{\"items\":{\"additionalProperties\":false}}}");
    struct cw_schema_fault fault;
    char json[1200];
    for (size_t size = 1; size < 600; size++) {
        char key[600];
        memset(key, '~', size);
        key[size] = '\0';
        (void)snprintf(json, sizeof(json), "{\"outer\":[{},{\"%s\":1}]}", key);
        assert_int_equal(cw_schema_check(*state, schema, cw_bytes_text(json), &fault),
                         CW_ERR_PAYLOAD);
        assert_string_equal(fault.keyword, "additionalProperties");
        assert_memory_equal(fault.pointer, "/outer/1", 8);
        size_t length = strlen(fault.pointer);
        if (length != 8 && length != 9 + 2 * size)
            fail_msg("%zu: %s", size, fault.pointer);
        assert_int_equal(length == 8, 9 + 2 * size >= CW_JSON_POINTER_SIZE);
    }
    (void)snprintf(json, sizeof(json), "{\"outer\":[{\"a\\u0000b\":1}]}");
    assert_int_equal(cw_schema_check(*state, schema, cw_bytes_text(json), &fault), CW_ERR_PAYLOAD);
    assert_string_equal(fault.pointer, "/outer/0"); /* its text would end at the NUL */
    cw_schema_destroy(schema);
}

static double cpu_ms(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Takes `json` over. */
static int check_text(void **state, const char *schema_text, char *json, double limit_ms)
{
    struct cw_schema *schema = schema_of(schema_text);
    struct cw_schema_fault fault = {.message = ""};
    double before = cpu_ms();
    int rc = cw_schema_check(*state, schema, cw_bytes_text(json), &fault);
    double took = cpu_ms() - before;
    print_message("%.60s: %zu bytes: %d %s %s in %.2f ms\n", schema_text, strlen(json), rc,
                  fault.pointer, fault.message, took);
    if (took > limit_ms)
        fail_msg("%s took %.1f ms", schema_text, took);
    cw_schema_destroy(schema);
    free(json);
    return rc;
}

static void deep_and_huge_payloads_are_checked(void **state)
{
    char *schema = repeat("", "{\"type\":\"array\",\"items\":", 64, "{\"type\":\"null\"}", "}", "");
    assert_int_equal(check_text(state, schema, repeat("", "[", 64, "null", "]", ""), 50), CW_OK);
    assert_int_equal(check_text(state, schema, repeat("", "[", 64, "1", "]", ""), 50),
                     CW_ERR_PAYLOAD);
    free(schema);
    /* Deeper than any schema looks, which is for the parser to refuse. */
    assert_int_equal(
        check_text(state, "{\"type\":\"array\"}", repeat("", "[", 100000, "", "]", ""), 500),
        CW_OK);
    assert_int_equal(check_text(state, "{\"items\":{\"type\":\"integer\",\"maximum\":9}}",
                                repeat("[1", ",9", 500000, "]", "", ""), 500),
                     CW_OK);
    assert_int_equal(check_text(state, "{\"items\":{\"type\":\"integer\",\"maximum\":9}}",
                                repeat("[1", ",9", 500000, ",10]", "", ""), 500),
                     CW_ERR_PAYLOAD);
    assert_int_equal(
        check_text(state, "{\"maxItems\":500000}", repeat("[1", ",9", 500000, "]", "", ""), 500),
        CW_ERR_PAYLOAD);
    assert_int_equal(check_text(state, "{}", repeat("\"", "a", PAYLOAD_MAX - 2, "\"", "", ""), 500),
                     CW_OK);
    assert_int_equal(check_text(state, "{}", repeat("\"", "a", PAYLOAD_MAX - 1, "\"", "", ""), 500),
                     CW_ERR_TOO_LARGE);
}

static void evil_payloads_end_soon(void **state)
{
    /* 64 KiB each: what max-message lets through. */
    assert_int_equal(
        check_text(state, "{\"pattern\":\"^(a+)+$\"}", repeat("\"", "a", 60000, "b\"", "", ""), 50),
        CW_ERR_PAYLOAD);
    assert_int_equal(
        check_text(state, "{\"pattern\":\"\\\\s+$\"}", repeat("\"", " ", 60000, "b\"", "", ""), 60),
        CW_ERR_PAYLOAD);
    assert_int_equal(check_text(state, "{\"items\":{\"pattern\":\"(a+)+[bc]?$\"}}",
                                repeat("[1", ",\"aaaaaaaaaaaa-a\"", 3500, "]", "", ""), 60),
                     CW_ERR_PAYLOAD);
    assert_int_equal(check_text(state, "{\"items\":{\"enum\":[\"a\",[1,2],{\"b\":1},3,4,5,6]}}",
                                repeat("[[1,2]", ",{\"b\":1}", 8000, "]", "", ""), 50),
                     CW_OK);
    assert_int_equal(check_text(state, "{\"required\":[\"a\",\"b\",\"c\"]}",
                                repeat("{\"z\":1", ",\"y\":1", 9000, ",\"a\":1,\"c\":1}", "", ""),
                                50),
                     CW_ERR_PAYLOAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_schema_is_refused_with_place_and_keyword),
        cmocka_unit_test(annotations_say_nothing),
        cmocka_unit_test(bounds_of_a_schema_are_told),
        cmocka_unit_test(a_fault_has_its_pointer_keyword_and_words),
        cmocka_unit_test(numbers_keep_their_digits),
        cmocka_unit_test(values_are_equal_whatever_their_order_and_writing),
        cmocka_unit_test(lengths_are_of_code_points),
        cmocka_unit_test(pointers_end_where_they_still_fit),
        cmocka_unit_test(deep_and_huge_payloads_are_checked),
        cmocka_unit_test(evil_payloads_end_soon),
    };
    return cmocka_run_group_tests(tests, create, destroy);
}
