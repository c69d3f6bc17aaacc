/* test_envelope.c - envelope.c: round trips, every wrong shape, bounds, claims that are not kept.
 */
#include "base/writer.h"
#include "envelope.h"
#include "unit/envelope_encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char uuid[] = "0197a2c4-8f3a-7c61-9d55-3f0a4be1c2d7";

/* A copy without a byte to spare, so that a sanitizer sees each read past the end. */
static struct cw_bytes copy_exactly(const char *data, size_t size)
{
    char *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    return cw_bytes_make(copy, size);
}

static void free_copy(struct cw_bytes copy)
{
    char *data;
    memcpy(&data, &copy.data, sizeof(data));
    free(data);
}

static int decode(const char *data, size_t size, struct cw_envelope *ret_envelope)
{
    struct cw_bytes copy = copy_exactly(data, size);
    int rc = cw_envelope_decode(copy, ret_envelope);
    free_copy(copy);
    return rc;
}

static int decode_written(const struct cw_writer *writer)
{
    struct cw_envelope ignored;
    assert_false(writer->has_failed);
    return decode(writer->data, writer->size, &ignored);
}

static struct cw_envelope logged(struct cw_bytes payload)
{
    struct cw_envelope envelope = {0};
    envelope.message.type = CW_PAYLOAD_JSON;
    envelope.message.is_logged = true;
    envelope.message.position = (struct cw_position){1764064800123456U, 42};
    envelope.message.from = cw_bytes_text(uuid);
    envelope.message.payload = payload;
    return envelope;
}

static void assert_same_message(const struct cw_message *a, const struct cw_message *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->is_logged, b->is_logged);
    assert_int_equal(a->skips_sender, b->skips_sender);
    assert_true(cw_bytes_equal(a->payload, b->payload));
    assert_true(cw_bytes_equal(a->from, b->from));
    assert_int_equal(a->group.size, 0);
    assert_int_equal(a->key.size, 0);
    assert_int_equal(cw_position_compare(a->position, b->position), 0);
}

static void assert_comes_back(const struct cw_envelope *envelope)
{
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_envelope_encode(&writer, envelope);
    assert_false(writer.has_failed);

    struct cw_envelope decoded;
    memset(&decoded, 0xee, sizeof(decoded));
    assert_int_equal(cw_envelope_decode(cw_writer_view(&writer), &decoded), CW_OK);
    assert_same_message(&decoded.message, &envelope->message);
    assert_int_equal(decoded.has_predecessor, envelope->has_predecessor);
    assert_int_equal(cw_position_compare(decoded.predecessor, envelope->predecessor), 0);
    cw_writer_finish(&writer);
}

static void every_kind_of_message_comes_back_as_it_was(void **state)
{
    (void)state;
    static const enum cw_payload_type types[] = {CW_PAYLOAD_JSON, CW_PAYLOAD_TEXT,
                                                 CW_PAYLOAD_BYTES};
    static const struct cw_position predecessors[] = {{0, 0}, {7, 9}, {UINT64_MAX, UINT64_MAX}};
    static const char *const senders[] = {"", "server", uuid};

    for (size_t i = 0; i < 144; i++) {
        struct cw_envelope envelope = {0};
        envelope.message.type = types[i % 3];
        envelope.message.skips_sender = i / 3 % 2 == 1;
        envelope.message.is_logged = i / 6 % 2 == 1;
        envelope.message.from = cw_bytes_text(senders[i / 12 % 3]);
        envelope.message.payload = cw_bytes_text("{\"n\":1.0}");
        if (envelope.message.is_logged) {
            envelope.message.position = (struct cw_position){UINT64_MAX, UINT64_MAX};
            envelope.has_predecessor = i / 36 > 0;
            if (envelope.has_predecessor)
                envelope.predecessor = predecessors[i / 36 - 1];
        }
        assert_comes_back(&envelope);
    }
}

static void payloads_of_every_length_form_come_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,   1,   31,    32,    127,   128,
                                   255, 256, 65535, 65536, 70000, CW_PAYLOAD_MAX};
    char *payload = malloc(CW_PAYLOAD_MAX);
    assert_non_null(payload);
    for (size_t i = 0; i < CW_PAYLOAD_MAX; i++)
        payload[i] = (char)(unsigned char)(i * 7 + i / 256);

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct cw_envelope envelope = logged(cw_bytes_make(payload, sizes[i]));
        envelope.message.type = CW_PAYLOAD_BYTES;
        assert_comes_back(&envelope);
    }
    free(payload);
}

static void payload_over_the_bound_is_refused(void **state)
{
    (void)state;
    char *payload = calloc(1, CW_PAYLOAD_MAX + 1);
    assert_non_null(payload);
    struct cw_writer writer;
    cw_writer_init(&writer);
    struct cw_envelope envelope = logged(cw_bytes_make(payload, CW_PAYLOAD_MAX));
    cw_envelope_encode(&writer, &envelope);
    assert_int_equal(decode_written(&writer), CW_OK);

    cw_writer_reset(&writer);
    envelope.message.payload.size++;
    cw_envelope_encode(&writer, &envelope);
    assert_int_equal(decode_written(&writer), CW_ERR_INVALID);
    cw_writer_finish(&writer);
    free(payload);
}

static void sender_follows_the_grammar_of_groups(void **state)
{
    (void)state;
    char name[130];
    memset(name, 'x', sizeof(name));
    struct cw_writer writer;
    cw_writer_init(&writer);
    struct cw_envelope envelope = logged(cw_bytes_text("1"));

    envelope.message.from = cw_bytes_make(name, 128);
    cw_envelope_encode(&writer, &envelope);
    assert_int_equal(decode_written(&writer), CW_OK);

    static const struct cw_bytes bad[] = {
        {"two words", 9}, {"a\0b", 3}, {"\xc3\xa4", 2}, {"a\"b", 3}, {"\n", 1}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]) + 1; i++) {
        cw_writer_reset(&writer);
        envelope.message.from = i == 0 ? cw_bytes_make(name, 129) : bad[i - 1];
        cw_envelope_encode(&writer, &envelope);
        assert_int_equal(decode_written(&writer), CW_ERR_INVALID);
    }
    cw_writer_finish(&writer);
}

static void every_truncation_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    char payload[300];
    memset(payload, 'p', sizeof(payload));
    struct cw_envelope envelope = logged(cw_bytes_make(payload, sizeof(payload)));
    envelope.has_predecessor = true;
    envelope.predecessor = (struct cw_position){5, 6};
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_envelope_encode(&writer, &envelope);

    struct cw_envelope before;
    memset(&before, 0xee, sizeof(before));
    for (size_t size = 0; size < writer.size; size++) {
        struct cw_envelope decoded;
        memcpy(&decoded, &before, sizeof(decoded));
        assert_int_equal(decode(writer.data, size, &decoded), CW_ERR_INVALID);
        assert_memory_equal(&decoded, &before, sizeof(decoded));
    }

    struct cw_envelope decoded;
    assert_int_equal(decode(writer.data, writer.size, &decoded), CW_OK);
    cw_msgpack_nil(&writer);
    assert_int_equal(decode(writer.data, writer.size, &decoded), CW_ERR_INVALID);
    cw_writer_finish(&writer);
}

static void every_truncation_of_a_body_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct cw_message message = logged(cw_bytes_text("[1,2,3]")).message;
    message.skips_sender = true;
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_envelope_encode_body(&writer, &message);

    struct cw_message before;
    memset(&before, 0xee, sizeof(before));
    for (size_t size = 0; size < writer.size; size++) {
        struct cw_message decoded;
        memcpy(&decoded, &before, sizeof(decoded));
        struct cw_bytes copy = copy_exactly(writer.data, size);
        assert_int_equal(cw_envelope_decode_body(copy, &decoded), CW_ERR_INVALID);
        free_copy(copy);
        assert_memory_equal(&decoded, &before, sizeof(decoded));
    }
    cw_msgpack_nil(&writer);
    struct cw_message ignored;
    assert_int_equal(cw_envelope_decode_body(cw_writer_view(&writer), &ignored), CW_ERR_INVALID);
    cw_writer_finish(&writer);
}

static void body_leaves_the_position_and_group_to_its_reader(void **state)
{
    (void)state;
    struct cw_message message = logged(cw_bytes_text("\"x\"")).message;
    message.skips_sender = true;
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_envelope_encode_body(&writer, &message);

    struct cw_message decoded = {.type = CW_PAYLOAD_BYTES,
                                 .is_logged = true,
                                 .group = cw_bytes_text("chat"),
                                 .key = cw_bytes_text("k"),
                                 .position = {3, 4}};
    assert_int_equal(cw_envelope_decode_body(cw_writer_view(&writer), &decoded), CW_OK);
    assert_int_equal(decoded.type, CW_PAYLOAD_JSON);
    assert_true(decoded.skips_sender);
    assert_true(cw_bytes_is(decoded.from, uuid));
    assert_true(cw_bytes_is(decoded.payload, "\"x\""));
    assert_true(decoded.is_logged);
    assert_true(cw_bytes_is(decoded.group, "chat"));
    assert_true(cw_bytes_is(decoded.key, "k"));
    assert_int_equal(decoded.position.offset, 4);
    cw_writer_finish(&writer);
}

#define CASE(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define BODY "\x94\x00\x00\xa0\xa1\x31"

static void bytes_in_any_allowed_form_are_understood(void **state)
{
    (void)state;
    static const struct cw_bytes good[] = {
        CASE("\xa0\xc0" BODY), /* the shortest */
        CASE("\xd9\x03"
             "1-1\xc0" BODY), /* str 8 */
        CASE("\xda\x00\x03"
             "1-1\xc0" BODY), /* str 16 */
        CASE("\xdb\x00\x00\x00\x03"
             "1-1\xc0" BODY), /* str 32 */
        CASE("\xa3"
             "1-2\xa3"
             "0-0" BODY), /* no predecessor, spelt out */
        CASE("\xa3"
             "1-2\xa0" BODY),                                           /* no predecessor */
        CASE("\xa0\xc0\xdc\x00\x04\x00\x00\xa0\xa1\x31"),               /* array 16 */
        CASE("\xa0\xc0\xdd\x00\x00\x00\x04\x00\x00\xa0\xa1\x31"),       /* array 32 */
        CASE("\xa0\xc0\x94\xcc\x02\xcd\x00\x01\xa0\xa1\x31"),           /* uint 8, uint 16 */
        CASE("\xa0\xc0\x94\xd0\x02\xd3\0\0\0\0\0\0\0\x01\xa0\xa1\x31"), /* int 8, int 64 */
        CASE("\xa0\xc0\x94\x02\x00\xc4\x01"
             "b\xc4\x02\xff\x00"),                                /* bin 8 */
        CASE("\xa0\xc0\x94\x02\x00\xa0\xc5\x00\x01\xff"),         /* bin 16 */
        CASE("\xa0\xc0\x94\x02\x00\xa0\xc6\x00\x00\x00\x01\xff"), /* bin 32 */
        CASE("\xa0\xc0\x94\x01\xcd\xff\xff\xa0\xa1\x31"),         /* unknown flags */
        CASE("\xa0\xc0\x95\x01\x00\xa0\xa1\x31\xc3"),             /* one element more */
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct cw_envelope decoded;
        int rc = decode(good[i].data, good[i].size, &decoded);
        if (rc != CW_OK)
            fail_msg("case %zu: %d", i, rc);
    }
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const struct cw_bytes bad[] = {
        CASE(""),
        CASE("\xc1\xc0" BODY), /* a byte that MessagePack never uses */
        CASE("\xa0\xc1" BODY),
        CASE("\xa0\xc0\xc1"),
        CASE("\xc0\xc0" BODY), /* id: nil */
        CASE("\x01\xc0" BODY), /* id: a number */
        CASE("\xc4\x03"
             "1-1\xc0" BODY), /* id: bin */
        CASE("\xa1"
             "1\xc0" BODY), /* id: no offset */
        CASE("\xa3"
             "1-0\xc0" BODY), /* id: offsets count from 1 */
        CASE("\xa4"
             "01-1\xc0" BODY),
        CASE("\xa4"
             "1-1 \xc0" BODY),
        CASE("\xa4"
             "-1-1\xc0" BODY),
        CASE("\xa3"
             "1-1\xa3"
             "1-x" BODY), /* prev: no position */
        CASE("\xa3"
             "1-1\x00" BODY), /* prev: a number */
        CASE("\xa3"
             "1-1\xc2" BODY),             /* prev: false */
        CASE("\xa0\xa0" BODY),            /* prev without an id */
        CASE("\xa0\xc0\x93\x00\x00\xa0"), /* too few elements */
        CASE("\xa0\xc0\x90"),
        CASE("\xa0\xc0\x82\x00\x00\xa0\xa0"), /* a map */
        CASE("\xa0\xc0\xa1x"),
        CASE("\xa0\xc0\x94\x04\x00\xa0\xa0"), /* type: unknown */
        CASE("\xa3"
             "1-1\xc0\x94\x03\x00\xa0\xa0"),  /* presence has no id */
        CASE("\xa0\xc0\x94\x08\x00\xa0\xa0"), /* a request is no message */
        CASE("\xa0\xc0\x94\xcf\x00\x00\x00\x01\x00\x00\x00\x00\x00\xa0\xa0"),
        CASE("\xa0\xc0\x94\xff\x00\xa0\xa0"),                 /* type: -1 */
        CASE("\xa0\xc0\x94\xa1\x30\x00\xa0\xa0"),             /* type: "0" */
        CASE("\xa0\xc0\x94\xca\x00\x00\x00\x00\x00\xa0\xa0"), /* type: 0.0 */
        CASE("\xa0\xc0\x94\x00\xff\xa0\xa0"),                 /* flags: -1 */
        CASE("\xa0\xc0\x94\x00\xc3\xa0\xa0"),                 /* flags: true */
        CASE("\xa0\xc0\x94\x00\x00\xc0\xa0"),                 /* from: nil */
        CASE("\xa0\xc0\x94\x00\x00\xa0\xc0"),                 /* payload: nil */
        CASE("\xa0\xc0\x94\x00\x00\xa0\x07"),                 /* payload: a number */
        CASE("\xa0\xc0\x94\x00\x00\xa0\x90"),                 /* payload: an array */
        CASE("\xa0\xc0\x94\x00\x00\xa0\xd4\x01\x31"),         /* payload: an ext */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cw_envelope decoded;
        int rc = decode(bad[i].data, bad[i].size, &decoded);
        if (rc != CW_ERR_INVALID)
            fail_msg("case %zu: %d", i, rc);
    }
}

static void later_elements_of_every_type_are_ignored(void **state)
{
    (void)state;
    static const struct cw_bytes extra[] = {
        CASE("\x7f"),
        CASE("\xe0"),
        CASE("\xc0"),
        CASE("\xc2"),
        CASE("\xc3"),
        CASE("\x80"),
        CASE("\x81\x01\x02"),
        CASE("\x90"),
        CASE("\x92\x01\x91\x02"),
        CASE("\xa0"),
        CASE("\xa2xy"),
        CASE("\xc4\x01x"),
        CASE("\xc5\x00\x01x"),
        CASE("\xc6\x00\x00\x00\x01x"),
        CASE("\xc7\x01\x05x"),
        CASE("\xc8\x00\x01\x05x"),
        CASE("\xc9\x00\x00\x00\x01\x05x"),
        CASE("\xca\x01\x02\x03\x04"),
        CASE("\xcb\x01\x02\x03\x04\x05\x06\x07\x08"),
        CASE("\xcc\x01"),
        CASE("\xcd\x01\x02"),
        CASE("\xce\x01\x02\x03\x04"),
        CASE("\xcf\x01\x02\x03\x04\x05\x06\x07\x08"),
        CASE("\xd0\x01"),
        CASE("\xd1\x01\x02"),
        CASE("\xd2\x01\x02\x03\x04"),
        CASE("\xd3\x01\x02\x03\x04\x05\x06\x07\x08"),
        CASE("\xd4\x05x"),
        CASE("\xd5\x05xx"),
        CASE("\xd6\x05xxxx"),
        CASE("\xd7\x05xxxxxxxx"),
        CASE("\xd8\x05xxxxxxxxxxxxxxxx"),
        CASE("\xd9\x01x"),
        CASE("\xda\x00\x01x"),
        CASE("\xdb\x00\x00\x00\x01x"),
        CASE("\xdc\x00\x01\x01"),
        CASE("\xdd\x00\x00\x00\x01\x01"),
        CASE("\xde\x00\x01\x01\x02"),
        CASE("\xdf\x00\x00\x00\x01\x01\x02"),
    };
    static const char head[] = "\xa3"
                               "1-2\xc0\x95\x00\x01\xa1"
                               "f\xa1"
                               "1";
    for (size_t i = 0; i < sizeof(extra) / sizeof(extra[0]); i++) {
        char bytes[64];
        size_t size = sizeof(head) - 1;
        memcpy(bytes, head, size);
        memcpy(bytes + size, extra[i].data, extra[i].size);
        size += extra[i].size;
        struct cw_envelope decoded;
        int rc = decode(bytes, size, &decoded);
        if (rc != CW_OK)
            fail_msg("case %zu: %d", i, rc);
        assert_true(decoded.message.skips_sender);
        for (size_t cut = sizeof(head) - 1; cut < size; cut++)
            assert_int_equal(decode(bytes, cut, &decoded), CW_ERR_INVALID);
    }
}

/* A valid envelope with `count` objects: its array has the elements that are still wanted. */
static void write_objects(struct cw_writer *writer, uint32_t count)
{
    cw_msgpack_str(writer, cw_bytes_text(""));
    cw_msgpack_nil(writer);
    cw_msgpack_array(writer, count - 3);
    cw_msgpack_uint(writer, 0);
    cw_msgpack_uint(writer, 0);
    cw_msgpack_str(writer, cw_bytes_text(""));
    cw_msgpack_str(writer, cw_bytes_text("1"));
    for (uint32_t i = 7; i < count; i++)
        cw_msgpack_nil(writer);
}

static void more_objects_than_the_bound_are_refused(void **state)
{
    (void)state;
    struct cw_writer writer;
    cw_writer_init(&writer);
    write_objects(&writer, CW_ENVELOPE_OBJECTS_MAX);
    assert_int_equal(decode_written(&writer), CW_OK);
    cw_writer_reset(&writer);
    write_objects(&writer, CW_ENVELOPE_OBJECTS_MAX + 1);
    assert_int_equal(decode_written(&writer), CW_ERR_INVALID);
    cw_writer_finish(&writer);
}

static void claims_of_size_are_not_believed(void **state)
{
    (void)state;
    static const struct cw_bytes claims[] = {
        CASE("\xdd\xff\xff\xff\xff"), CASE("\xdf\xff\xff\xff\xff"), CASE("\xdb\xff\xff\xff\xff"),
        CASE("\xc6\xff\xff\xff\xff"), CASE("\xc9\xff\xff\xff\xff"), CASE("\xdd\x7f\xff\xff\xff"),
        CASE("\xdd\x00\x10\x00\x00"), CASE("\xdc\xff\xff"),         CASE("\xde\xff\xff"),
    };
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        /* As each of the three objects, alone and before much else. */
        static const struct cw_bytes heads[] = {CASE(""), CASE("\xa0"), CASE("\xa0\xc0"),
                                                CASE("\xa0\xc0\x95\x00\x00\xa0\xa0")};
        for (size_t j = 0; j < sizeof(heads) / sizeof(heads[0]); j++) {
            char bytes[512] = {0};
            memcpy(bytes, heads[j].data, heads[j].size);
            memcpy(bytes + heads[j].size, claims[i].data, claims[i].size);
            struct cw_envelope decoded;
            size_t size = heads[j].size + claims[i].size;
            assert_int_equal(decode(bytes, size, &decoded), CW_ERR_INVALID);
            assert_int_equal(decode(bytes, sizeof(bytes), &decoded), CW_ERR_INVALID);
        }
    }
}

static void deep_nesting_is_refused_without_harm(void **state)
{
    (void)state;
    /* 64 objects, each array in the one before. */
    char bytes[64];
    memset(bytes, '\x91', sizeof(bytes));
    bytes[0] = '\xa0';
    bytes[1] = '\xc0';
    bytes[63] = '\xc0';
    struct cw_envelope decoded;
    assert_int_equal(decode(bytes, sizeof(bytes), &decoded), CW_ERR_INVALID);
}

static bool is_inside(struct cw_bytes view, struct cw_bytes whole)
{
    uintptr_t start = (uintptr_t)whole.data;
    uintptr_t at = (uintptr_t)view.data;
    return view.size == 0 ||
           (at >= start && at - start <= whole.size && view.size <= whole.size - (at - start));
}

static void changed_bytes_never_lead_outside(void **state)
{
    (void)state;
    struct cw_envelope envelope = logged(cw_bytes_text("{\"a\":[1,2,3],\"b\":\"text\"}"));
    envelope.has_predecessor = true;
    envelope.predecessor = (struct cw_position){5, 6};
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_envelope_encode(&writer, &envelope);

    /* Every byte with every value, and so every head at every place. */
    for (size_t at = 0; at < writer.size; at++) {
        for (unsigned value = 0; value < 256; value++) {
            struct cw_bytes copy = copy_exactly(writer.data, writer.size);
            char *bytes;
            memcpy(&bytes, &copy.data, sizeof(bytes));
            bytes[at] = (char)(unsigned char)value;
            struct cw_envelope decoded;
            if (cw_envelope_decode(copy, &decoded) == CW_OK) {
                assert_true(is_inside(decoded.message.payload, copy));
                assert_true(is_inside(decoded.message.from, copy));
            }
            free(bytes);
        }
    }
    cw_writer_finish(&writer);
}

static void presence_lists_who_came_or_went(void **state)
{
    (void)state;
    static const char bytes[] = "\xa0\xc0\x94\x03\x01\xa0\xd9\x51"
                                "\xd9\x24"
                                "018f0000-0000-7000-8000-000000000001\xa3"
                                "bob"
                                "\xd9\x24"
                                "018f0000-0000-7000-8000-000000000002\xa0";
    struct cw_envelope envelope;
    struct cw_bytes who;
    struct cw_bytes user;
    assert_int_equal(cw_envelope_decode(cw_bytes_make(bytes, sizeof(bytes) - 1), &envelope), CW_OK);
    assert_true(envelope.is_presence && envelope.is_join);
    struct cw_bytes rest = envelope.message.payload;
    assert_true(cw_envelope_next_presence(&rest, &who, &user));
    assert_true(cw_bytes_is(who, "018f0000-0000-7000-8000-000000000001"));
    assert_true(cw_bytes_is(user, "bob"));
    assert_true(cw_envelope_next_presence(&rest, &who, &user));
    assert_true(cw_bytes_is(user, ""));
    assert_false(cw_envelope_next_presence(&rest, &who, &user));
    for (size_t cut = 1; cut < envelope.message.payload.size; cut++) {
        int count = 0;
        rest = cw_bytes_make(envelope.message.payload.data, cut);
        while (cw_envelope_next_presence(&rest, &who, &user))
            count++;
        assert_in_range(count, 0, 1);
    }
}

static void requests_are_decoded_and_nothing_else_as_one(void **state)
{
    (void)state;
    static const struct cw_bytes close = CASE("\x94\x08\x00\xa0\xa8"
                                              "4004 bye");
    static const struct cw_bytes bad[] = {CASE("\x94\x00\x00\xa0\xa0"),
                                          CASE("\x94\x0b\x00\xa0\xa0"), CASE("\x93\x08\x00\xa0"),
                                          CASE("")};
    enum cw_channel_request request;
    struct cw_bytes text;
    assert_int_equal(cw_envelope_decode_request(close, &request, &text), CW_OK);
    assert_int_equal(request, CW_REQUEST_CLOSE);
    assert_true(cw_bytes_is(text, "4004 bye"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(cw_envelope_decode_request(bad[i], &request, &text), CW_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_message_comes_back_as_it_was),
        cmocka_unit_test(payloads_of_every_length_form_come_back),
        cmocka_unit_test(payload_over_the_bound_is_refused),
        cmocka_unit_test(sender_follows_the_grammar_of_groups),
        cmocka_unit_test(every_truncation_is_refused_and_changes_nothing),
        cmocka_unit_test(every_truncation_of_a_body_is_refused_and_changes_nothing),
        cmocka_unit_test(body_leaves_the_position_and_group_to_its_reader),
        cmocka_unit_test(bytes_in_any_allowed_form_are_understood),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(presence_lists_who_came_or_went),
        cmocka_unit_test(requests_are_decoded_and_nothing_else_as_one),
        cmocka_unit_test(later_elements_of_every_type_are_ignored),
        cmocka_unit_test(more_objects_than_the_bound_are_refused),
        cmocka_unit_test(claims_of_size_are_not_believed),
        cmocka_unit_test(deep_nesting_is_refused_without_harm),
        cmocka_unit_test(changed_bytes_never_lead_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
