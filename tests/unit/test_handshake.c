/*
 * test_handshake.c - handshake.c: each parameter right and wrong, percent-encoding, subprotocols,
 * bounds.
 */
#include "protocol/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define JSON       "chanway.v1.json"
#define MSGPACK    "chanway.v1.msgpack"
#define GROUPS_MAX 8

static struct cw_handshake_error last_error;

/* Parses in memory of exactly the query's size. */
static int parse(const char *query, const char *protocols, size_t max_groups,
                 struct cw_handshake *ret_handshake)
{
    size_t size = strlen(query);
    char *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, query, size);
    memset(&last_error, 0, sizeof(last_error));
    int rc = cw_handshake_parse(cw_bytes_make(copy, size), cw_bytes_text(protocols), max_groups,
                                ret_handshake, &last_error);
    free(copy);
    return rc;
}

static struct cw_handshake accept_query(const char *query, const char *protocols)
{
    struct cw_handshake handshake;
    if (parse(query, protocols, GROUPS_MAX, &handshake) != CW_OK)
        fail_msg("refused: %s: %s", query, last_error.message);
    return handshake;
}

static void refuse_query(const char *query, const char *protocols)
{
    struct cw_handshake handshake;
    if (parse(query, protocols, GROUPS_MAX, &handshake) != CW_ERR_INVALID)
        fail_msg("accepted: %s", query);
    assert_int_equal(last_error.status, 400);
    assert_string_equal(last_error.code, "bad_request");
    assert_true(last_error.message[0] != '\0');
}

static void assert_text(struct cw_bytes bytes, const char *expected)
{
    if (!cw_bytes_is(bytes, expected))
        fail_msg("'%.*s' instead of '%s'", (int)bytes.size, bytes.data, expected);
}

static void empty_query_has_the_defaults(void **state)
{
    (void)state;
    static const char *const queries[] = {
        "",      "&",         "&&&", "=", "=x&=", "other=1&other=2&x", "Type=text", "type%00=text",
        "%zz=1", "types=text"};
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct cw_handshake handshake = accept_query(queries[i], "");
        assert_int_equal(handshake.kind, CW_KIND_RAW);
        assert_int_equal(handshake.type, CW_PAYLOAD_JSON);
        assert_false(handshake.has_expires);
        assert_null(handshake.token);
        assert_null(handshake.session);
        assert_null(handshake.publish);
        assert_int_equal(handshake.group_count, 0);
        assert_false(handshake.has_since);
        assert_false(handshake.is_since_later);
        assert_false(handshake.has_direct_since);
        assert_int_equal(handshake.group_since_count, 0);
        cw_handshake_finish(&handshake);
    }
}

static void all_parameters_arrive_together(void **state)
{
    (void)state;
    struct cw_handshake handshake = accept_query(
        "type=bytes&expires=60&token=a.b-c_d&session=s1&since=7-8,b@1-2&groups=a,b,c", JSON);
    assert_int_equal(handshake.kind, CW_KIND_JSON);
    assert_int_equal(handshake.type, CW_PAYLOAD_BYTES);
    assert_true(handshake.has_expires && handshake.expires_s == 60);
    assert_string_equal(handshake.token, "a.b-c_d");
    assert_string_equal(handshake.session, "s1");
    assert_int_equal(handshake.group_count, 3);
    assert_text(handshake.groups[0], "a");
    assert_text(handshake.groups[2], "c");
    assert_true(handshake.has_since && handshake.has_direct_since);
    assert_true(handshake.direct_since.epoch == 7 && handshake.direct_since.offset == 8);
    assert_int_equal(handshake.group_since_count, 1);
    assert_text(handshake.group_since[0].group, "b");
    assert_true(handshake.group_since[0].position.epoch == 1);
    assert_true(handshake.group_since[0].position.offset == 2);
    cw_handshake_finish(&handshake);
    assert_null(handshake.memory);
}

static void types_are_three_words(void **state)
{
    (void)state;
    static const char *const bad[] = {"type=",        "type",         "type=JSON",
                                      "type=json%20", "type=xml",     "type=jso",
                                      "type=jsonx",   "type=%zz",     "type=%6",
                                      "type=%",       "type=json%00", "type=json&type=json"};
    struct cw_handshake handshake = accept_query("type=%74ext", "");
    assert_int_equal(handshake.type, CW_PAYLOAD_TEXT);
    cw_handshake_finish(&handshake);
    handshake = accept_query("%74ype=json", "");
    assert_int_equal(handshake.type, CW_PAYLOAD_JSON);
    cw_handshake_finish(&handshake);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refuse_query(bad[i], "");
}

static void lifetimes_are_digits_and_saturate(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int64_t expires_s;
    } rows[] = {
        {"expires=0", 0},
        {"expires=1", 1},
        {"expires=%31%32", 12},
        {"expires=007", 7},
        {"expires=2147483647", INT32_MAX},
        {"expires=2147483648", INT32_MAX},
        {"expires=99999999999999999999999999999999999999999999", INT32_MAX},
    };
    static const char *const bad[] = {
        "expires=",   "expires",      "expires=-1", "expires=1.5", "expires=1e3",
        "expires=+1", "expires=%201", "expires=1s", "expires=x",   "expires=1&expires=1"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cw_handshake handshake = accept_query(rows[i].query, "");
        assert_true(handshake.has_expires);
        assert_int_equal(handshake.expires_s, rows[i].expires_s);
        cw_handshake_finish(&handshake);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refuse_query(bad[i], "");
}

static void tokens_are_decoded_and_empty_ones_are_none(void **state)
{
    (void)state;
    struct cw_handshake handshake = accept_query("token=a%2Bb+c%3d&session=%e2%82%ac", "");
    assert_string_equal(handshake.token, "a+b+c=");
    assert_string_equal(handshake.session, "\xE2\x82\xAC");
    cw_handshake_finish(&handshake);
    handshake = accept_query("token=a=b=&session=?", "");
    assert_string_equal(handshake.token, "a=b=");
    assert_string_equal(handshake.session, "?");
    cw_handshake_finish(&handshake);
    handshake = accept_query("token=&session", "");
    assert_null(handshake.token);
    assert_null(handshake.session);
    cw_handshake_finish(&handshake);
    refuse_query("token=a%00b", "");
    refuse_query("token=%4", "");
    refuse_query("session=%g0", "");
    refuse_query("token=a&token=b", "");
    refuse_query("token=&token=b", "");
}

static void groups_are_names_in_order_without_doubles(void **state)
{
    (void)state;
    static const char *const bad[] = {"groups=,",          "groups=a,",     "groups=,a",
                                      "groups=a,,b",       "groups=a%20b",  "groups=a+b",
                                      "groups=a*",         "groups=%c3%a9", "groups=a%2c%2cb",
                                      "groups=a&groups=b", "groups=a%"};
    struct cw_handshake handshake = accept_query("groups=b,a:%40%3D/-_.,b,A%2Cz", "");
    assert_int_equal(handshake.group_count, 4);
    assert_text(handshake.groups[0], "b");
    assert_text(handshake.groups[1], "a:@=/-_.");
    assert_text(handshake.groups[2], "A");
    assert_text(handshake.groups[3], "z");
    cw_handshake_finish(&handshake);
    handshake = accept_query("groups=", "");
    assert_int_equal(handshake.group_count, 0);
    cw_handshake_finish(&handshake);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refuse_query(bad[i], "");
}

static void names_of_groups_have_128_bytes_at_most(void **state)
{
    (void)state;
    char query[200] = "groups=";
    memset(query + 7, 'g', 128);
    query[7 + 128] = '\0';
    struct cw_handshake handshake = accept_query(query, "");
    assert_int_equal(handshake.groups[0].size, 128);
    cw_handshake_finish(&handshake);
    query[7 + 128] = 'g';
    query[7 + 129] = '\0';
    refuse_query(query, "");
}

static void groups_are_as_many_as_the_setting_allows(void **state)
{
    (void)state;
    struct cw_handshake handshake;
    assert_int_equal(parse("groups=a,b,c,a,b,c", "", 3, &handshake), CW_OK);
    assert_int_equal(handshake.group_count, 3);
    cw_handshake_finish(&handshake);
    assert_int_equal(parse("groups=a,b,c,d", "", 3, &handshake), CW_ERR_INVALID);
    assert_int_equal(last_error.status, 400);
    assert_int_equal(parse("groups=a", "", 0, &handshake), CW_ERR_INVALID);
}

/* A list of `count` parts of `format`, owned by the caller. */
static char *long_list(const char *name, const char *suffix, size_t count)
{
    char *query = malloc(20 * (count + 1));
    assert_non_null(query);
    int size = sprintf(query, "%s=", name);
    for (size_t i = 0; i < count; i++)
        size += sprintf(query + size, "%sg%zu%s", i > 0 ? "," : "", i, suffix);
    return query;
}

static void lists_are_bounded_whatever_the_setting(void **state)
{
    (void)state;
    for (size_t count = CW_HANDSHAKE_GROUPS_MAX; count <= CW_HANDSHAKE_GROUPS_MAX + 1; count++) {
        struct cw_handshake handshake;
        int expected = count == CW_HANDSHAKE_GROUPS_MAX ? CW_OK : CW_ERR_INVALID;
        char *groups = long_list("groups", "", count);
        char *since = long_list("since", "@1-2", count);
        assert_int_equal(parse(groups, "", SIZE_MAX, &handshake), expected);
        if (expected == CW_OK) {
            assert_int_equal(handshake.group_count, count);
            cw_handshake_finish(&handshake);
        }
        assert_int_equal(parse(since, "", SIZE_MAX, &handshake), expected);
        if (expected == CW_OK) {
            assert_int_equal(handshake.group_since_count, count);
            cw_handshake_finish(&handshake);
        }
        free(groups);
        free(since);
    }
}

static void positions_are_direct_or_of_a_group(void **state)
{
    (void)state;
    static const char *const bad[] = {"since=",
                                      "since",
                                      "since=1",
                                      "since=1-",
                                      "since=-1",
                                      "since=1-2-3",
                                      "since=01-2",
                                      "since=1-02",
                                      "since=+1-2",
                                      "since=1-2,",
                                      "since=,1-2",
                                      "since=1-2,3-4",
                                      "since=a@1",
                                      "since=a@",
                                      "since=@1-2",
                                      "since=a@1-2,a@1-2",
                                      "since=a%20b@1-2",
                                      "since=later,1-2",
                                      "since=1-2,later",
                                      "since=Later",
                                      "since=18446744073709551616-0",
                                      "since=a@1-18446744073709551616",
                                      "since=1-2&since=a@1-2",
                                      "since=later&since=later"};
    struct cw_handshake handshake =
        accept_query("since=x@y@3-4,0-0,z%4018446744073709551615-18446744073709551615", "");
    assert_true(handshake.has_since && handshake.has_direct_since && !handshake.is_since_later);
    assert_true(handshake.direct_since.epoch == 0 && handshake.direct_since.offset == 0);
    assert_int_equal(handshake.group_since_count, 2);
    assert_text(handshake.group_since[0].group, "x@y");
    assert_true(handshake.group_since[0].position.epoch == 3);
    assert_text(handshake.group_since[1].group, "z");
    assert_true(handshake.group_since[1].position.offset == UINT64_MAX);
    cw_handshake_finish(&handshake);

    handshake = accept_query("since=a@0-0", "");
    assert_true(handshake.has_since && !handshake.has_direct_since);
    cw_handshake_finish(&handshake);
    handshake = accept_query("since=later", "");
    assert_true(handshake.is_since_later && !handshake.has_since);
    cw_handshake_finish(&handshake);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refuse_query(bad[i], "");
}

static void publish_is_for_raw_channels(void **state)
{
    (void)state;
    struct cw_handshake handshake = accept_query("publish=chat%3Aone", "");
    assert_string_equal(handshake.publish, "chat:one");
    cw_handshake_finish(&handshake);
    refuse_query("publish=chat", JSON);
    refuse_query("publish=chat", MSGPACK);
    refuse_query("publish=", "");
    refuse_query("publish=a,b", "");
    refuse_query("publish=a%20b", "");
    refuse_query("publish=a&publish=a", "");
}

static void first_known_subprotocol_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *protocols;
        enum cw_kind kind;
    } rows[] = {
        {"", CW_KIND_RAW},
        {JSON, CW_KIND_JSON},
        {" \t" JSON " ", CW_KIND_JSON},
        {"soap, " JSON, CW_KIND_JSON},
        {JSON ",soap", CW_KIND_JSON},
        {",," JSON ",", CW_KIND_JSON},
        {MSGPACK, CW_KIND_MSGPACK},
        {MSGPACK ", " JSON, CW_KIND_MSGPACK},
        {JSON ", " MSGPACK, CW_KIND_JSON},
        {"soap," MSGPACK, CW_KIND_MSGPACK},
    };
    static const char *const unknown[] = {"soap",
                                          "chanway.v2.json",
                                          "chanway.v1.JSON",
                                          ",",
                                          " ",
                                          "chanway.v1.jsonx",
                                          "chanway.v1.jso",
                                          "chanway.v1.msgpac",
                                          "chanway.v1.MsgPack",
                                          (JSON ";" JSON),
                                          "chanway.v1. json"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cw_handshake handshake = accept_query("", rows[i].protocols);
        assert_int_equal(handshake.kind, rows[i].kind);
        cw_handshake_finish(&handshake);
    }
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        refuse_query("", unknown[i]);
    assert_null(cw_handshake_subprotocol(CW_KIND_RAW));
    assert_string_equal(cw_handshake_subprotocol(CW_KIND_JSON), JSON);
    assert_string_equal(cw_handshake_subprotocol(CW_KIND_MSGPACK), MSGPACK);
}

static void queries_cut_anywhere_are_answered(void **state)
{
    (void)state;
    static const char query[] = "type=%74ext&expires=%36%30&token=a%2Bb&session=s&publish=p"
                                "&groups=a%2Cb,c&since=1-2,a%40%33-4";
    for (size_t size = 0; size < sizeof(query); size++) {
        struct cw_handshake handshake;
        char cut[sizeof(query)];
        memcpy(cut, query, size);
        cut[size] = '\0';
        int rc = parse(cut, "", GROUPS_MAX, &handshake);
        assert_true(rc == CW_OK || rc == CW_ERR_INVALID);
        if (rc == CW_OK)
            cw_handshake_finish(&handshake);
    }
}

static void any_byte_in_a_query_is_answered(void **state)
{
    (void)state;
    char query[] = "token=ab&groups=a,b&since=1-2,a@3-4";
    for (size_t i = 0; i < sizeof(query) - 1; i++) {
        char before = query[i];
        for (int byte = 1; byte < 256; byte++) {
            struct cw_handshake handshake;
            query[i] = (char)(unsigned char)byte;
            if (parse(query, "", GROUPS_MAX, &handshake) == CW_OK)
                cw_handshake_finish(&handshake);
        }
        query[i] = before;
    }
}

static void bodies_of_errors_are_json(void **state)
{
    (void)state;
    struct cw_handshake_error error = {.status = 403, .code = "forbidden", .message = "no \"x\"\n"};
    static const char expected[] = "{\"code\":\"forbidden\",\"message\":\"no \\\"x\\\"\\n\"}";
    char body[512];
    assert_int_equal(cw_handshake_error_body(&error, body, sizeof(body)), sizeof(expected) - 1);
    assert_string_equal(body, expected);
    assert_int_equal(cw_handshake_error_body(&error, body, sizeof(expected)), sizeof(expected) - 1);
    assert_int_equal(cw_handshake_error_body(&error, body, sizeof(expected) - 1), 0);
    assert_string_equal(body, "");
    assert_int_equal(cw_handshake_error_body(&error, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_query_has_the_defaults),
        cmocka_unit_test(all_parameters_arrive_together),
        cmocka_unit_test(types_are_three_words),
        cmocka_unit_test(lifetimes_are_digits_and_saturate),
        cmocka_unit_test(tokens_are_decoded_and_empty_ones_are_none),
        cmocka_unit_test(groups_are_names_in_order_without_doubles),
        cmocka_unit_test(names_of_groups_have_128_bytes_at_most),
        cmocka_unit_test(groups_are_as_many_as_the_setting_allows),
        cmocka_unit_test(lists_are_bounded_whatever_the_setting),
        cmocka_unit_test(positions_are_direct_or_of_a_group),
        cmocka_unit_test(publish_is_for_raw_channels),
        cmocka_unit_test(first_known_subprotocol_is_taken),
        cmocka_unit_test(queries_cut_anywhere_are_answered),
        cmocka_unit_test(any_byte_in_a_query_is_answered),
        cmocka_unit_test(bodies_of_errors_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
