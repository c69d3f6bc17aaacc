/* test_proxy_header.c - protocol/proxy_header.c: whole headers, byte by byte, and what is none. */
#include "protocol/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* 203.0.113.9:4711 to 10.0.0.1:80 */
#define IPV4 "\xcb\x00\x71\x09\x0a\x00\x00\x01\x12\x67\x00\x50"

/* In memory of exactly that size. */
static int parse(const char *bytes, size_t size, char ret_text[CW_ADDRESS_TEXT_SIZE])
{
    struct cw_address client = {.kind = CW_ADDRESS_UNKNOWN};
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    int rc = cw_proxy_header_parse(cw_bytes_make(copy, size), &client);
    free(copy);
    (void)cw_address_write(&client, ret_text);
    return rc;
}

/* `size` bytes are a header that names `client`: also with more behind it, and not before its last
 * byte is there. */
static void expect(const char *bytes, size_t size, const char *client)
{
    char text[CW_ADDRESS_TEXT_SIZE];
    for (size_t some = 0; some < size; some++)
        assert_int_equal(parse(bytes, some, text), 0);
    assert_int_equal(parse(bytes, size, text), size);
    assert_string_equal(text, client);

    char more[CW_PROXY_HEADER_MAX + 8];
    memcpy(more, bytes, size);
    memcpy(more + size, "GET /\n\r\n", 8);
    assert_int_equal(parse(more, size + 8, text), size);
    assert_string_equal(text, client);
}

/* Refused, whatever follows, and at the latest when all is there. */
static void refuse(const char *bytes, size_t size)
{
    char text[CW_ADDRESS_TEXT_SIZE];
    bool is_refused = false;
    for (size_t some = 0; some <= size; some++) {
        int rc = parse(bytes, some, text);
        if (rc > 0 || (is_refused && rc == 0))
            fail_msg("%.*s: %d of the first %zu bytes", (int)size, bytes, rc, some);
        is_refused = rc == CW_ERR_INVALID;
    }
    if (!is_refused)
        fail_msg("%.*s", (int)size, bytes);
}

static void lines_of_version_1_are_read(void **state)
{
    static const char *const rows[][2] = {
        {"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n", "203.0.113.9:4711"},
        {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 0 0\r\n", "1.2.3.4"},
        {"PROXY TCP6 2001:db8::9 2001:db8::1 4711 443\r\n", "[2001:db8::9]:4711"},
        {"PROXY TCP6 ::ffff:1.2.3.4 ::1 5 6\r\n", "1.2.3.4:5"},
        {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "65535 65535\r\n",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
        {"PROXY UNKNOWN\r\n", "unknown"},
        {"PROXY UNKNOWN ffff::1 whatever 1 2 3\r\n", "unknown"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect(rows[i][0], strlen(rows[i][0]), rows[i][1]);
}

static void what_is_no_line_of_version_1_is_refused(void **state)
{
    static const char *const rows[] = {
        "GET / HTTP/1.1\r\n",
        "\x16\x03\x01",
        "PROXY\r\n",
        "PROXY \r\n",
        "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 localhost 1 2\r\n",
        "PROXY TCP4 1.2.3.4:5 1.2.3.4 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP6 [::1] ::1 1 2\r\n",
        "PROXY TCP6 [::1]:5 ::1 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2x\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        refuse(rows[i], strlen(rows[i]));
}

static void a_line_is_bounded(void **state)
{
    char line[CW_PROXY_V1_MAX + 8];
    char text[CW_ADDRESS_TEXT_SIZE];
    (void)state;
    (void)snprintf(line, sizeof(line), "PROXY UNKNOWN %*s\r\n", CW_PROXY_V1_MAX - 16, "x");
    assert_int_equal(strlen(line), CW_PROXY_V1_MAX);
    expect(line, strlen(line), "unknown");
    (void)snprintf(line, sizeof(line), "PROXY UNKNOWN %*s\r\n", CW_PROXY_V1_MAX - 15, "x");
    assert_int_equal(parse(line, strlen(line), text), CW_ERR_INVALID);
    assert_int_equal(parse(line, CW_PROXY_V1_MAX, text), CW_ERR_INVALID);
    assert_int_equal(parse(line, CW_PROXY_V1_MAX - 1, text), 0);
}

/* A header of version 2; its size. */
static size_t make_v2(char *to, char command, char family, const void *body, size_t size)
{
    memcpy(to, SIGNATURE, 12);
    to[12] = command;
    to[13] = family;
    to[14] = (char)(size >> 8);
    to[15] = (char)(size & 0xff);
    if (size > 0)
        memcpy(to + 16, body, size);
    return 16 + size;
}

static void headers_of_version_2_are_read(void **state)
{
    char header[CW_PROXY_HEADER_MAX];
    char body[216] = {0};
    (void)state;
    expect(header, make_v2(header, 0x21, 0x11, IPV4, 12), "203.0.113.9:4711");

    memcpy(body, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09", 16);
    memcpy(body + 32, "\x12\x67\x01\xbb", 4);
    expect(header, make_v2(header, 0x21, 0x21, body, 36), "[2001:db8::9]:4711");
    expect(header, make_v2(header, 0x21, 0x31, body, 216), "unix");
    expect(header, make_v2(header, 0x21, 0x00, NULL, 0), "unknown");
    /* A health check; what it says of addresses is of no meaning. */
    expect(header, make_v2(header, 0x20, 0x00, NULL, 0), "unknown");
    expect(header, make_v2(header, 0x20, 0x11, IPV4, 12), "unknown");
    expect(header, make_v2(header, 0x20, 0x11, NULL, 0), "unknown");
    expect(header, make_v2(header, 0x20, 0x7f, "xyz", 3), "unknown");
}

static void tlvs_are_passed_over(void **state)
{
    char header[CW_PROXY_HEADER_MAX];
    static const char one[] = IPV4 "\x04\x00\x03"
                                   "abc";
    static const char two[] = IPV4 "\x01\x00\x02"
                                   "h2"
                                   "\xe0\x00\x00";
    static char big[CW_PROXY_V2_BODY_MAX];
    (void)state;
    expect(header, make_v2(header, 0x21, 0x11, one, sizeof(one) - 1), "203.0.113.9:4711");
    expect(header, make_v2(header, 0x21, 0x11, two, sizeof(two) - 1), "203.0.113.9:4711");
    expect(header, make_v2(header, 0x21, 0x00, one + 12, sizeof(one) - 13), "unknown");
    memcpy(big, IPV4 "\x04", 13);
    big[13] = (char)((sizeof(big) - 15) >> 8);
    big[14] = (char)((sizeof(big) - 15) & 0xff);
    size_t size = make_v2(header, 0x21, 0x11, big, sizeof(big));
    char text[CW_ADDRESS_TEXT_SIZE];
    assert_int_equal(parse(header, size, text), size);
    assert_string_equal(text, "203.0.113.9:4711");
}

static void a_checksum_must_be_right(void **state)
{
    char header[CW_PROXY_HEADER_MAX];
    static const char body[] = IPV4 "\x03\x00\x04\x00\x00\x00\x00\x04\x00\x01x";
    (void)state;
    size_t size = make_v2(header, 0x21, 0x11, body, sizeof(body) - 1);
    refuse(header, size);
    /* CRC32c of the header with the checksum's own bytes zero. */
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= (unsigned char)header[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
    }
    crc = ~crc;
    for (int i = 0; i < 4; i++)
        header[16 + 12 + 3 + i] = (char)(crc >> (24 - 8 * i));
    expect(header, size, "203.0.113.9:4711");
    header[16]++;
    refuse(header, size);
}

static void what_is_no_header_of_version_2_is_refused(void **state)
{
    static const struct {
        char command, family;
        const char *body;
        size_t size;
    } rows[] = {
        {0x11, 0x11, IPV4, 12}, /* another version */
        {0x22, 0x11, IPV4, 12}, /* another command */
        {0x21, 0x12, IPV4, 12}, /* datagrams */
        {0x21, 0x41, IPV4, 12}, /* another family */
        {0x21, 0x11, IPV4, 11}, /* too short for its family */
        {0x21, 0x21, IPV4, 12},
        {0x21, 0x31, IPV4, 12},
        {0x21, 0x11, IPV4 "\x04", 13}, /* a TLV that is cut */
        {0x21, 0x11, IPV4 "\x04\x00", 14},
        {0x21, 0x11, IPV4 "\x04\x00\x01", 15},
        {0x21, 0x11,
         IPV4 "\x04\xff\xff"
              "a",
         16},
        {0x21, 0x11,
         IPV4 "\x03\x00\x02"
              "ab",
         17}, /* a checksum of two bytes */
    };
    char header[64];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        refuse(header,
               make_v2(header, rows[i].command, rows[i].family, rows[i].body, rows[i].size));
    refuse("\r\n\r\n\0\r\nQUIT\r", 12);
    refuse("\r\n\r\nGET / HTTP/1.1", 18);
}

static void a_header_of_version_2_is_bounded(void **state)
{
    char header[CW_PROXY_HEADER_MAX];
    char text[CW_ADDRESS_TEXT_SIZE];
    (void)state;
    (void)make_v2(header, 0x20, 0x00, NULL, 0);
    header[14] = (char)(CW_PROXY_V2_BODY_MAX >> 8);
    assert_int_equal(parse(header, 16, text), 0);
    header[15] = 1;
    assert_int_equal(parse(header, 16, text), CW_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_version_1_are_read),
        cmocka_unit_test(what_is_no_line_of_version_1_is_refused),
        cmocka_unit_test(a_line_is_bounded),
        cmocka_unit_test(headers_of_version_2_are_read),
        cmocka_unit_test(tlvs_are_passed_over),
        cmocka_unit_test(a_checksum_must_be_right),
        cmocka_unit_test(what_is_no_header_of_version_2_is_refused),
        cmocka_unit_test(a_header_of_version_2_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
