/*
 * fuzz_envelope.c - what comes back from Redis: a pub/sub message, the body of a stream entry, a
 * request, a list of who joined. What was read is written by another encoder and read again.
 */
#include "base/writer.h"
#include "envelope.h"
#include "fuzz.h"
#include "names.h"
#include "unit/envelope_encode.h"

static bool is_same_message(const struct cw_message *a, const struct cw_message *b)
{
    return a->type == b->type && a->skips_sender == b->skips_sender &&
           a->is_logged == b->is_logged && cw_position_compare(a->position, b->position) == 0 &&
           cw_bytes_equal(a->payload, b->payload) && cw_bytes_equal(a->from, b->from);
}

static void check_message(const struct cw_message *message, struct cw_bytes whole)
{
    fuzz_require(message->type <= CW_PAYLOAD_BYTES);
    fuzz_require(fuzz_is_within(message->payload, whole) && fuzz_is_within(message->from, whole));
    fuzz_require(message->payload.size <= CW_PAYLOAD_MAX);
    fuzz_require(message->from.size == 0 || cw_group_name_is_valid(message->from));
}

static void check_presence(struct cw_bytes list)
{
    struct cw_bytes rest = list;
    struct cw_bytes uuid;
    struct cw_bytes user;
    while (cw_envelope_next_presence(&rest, &uuid, &user)) {
        fuzz_require(cw_uuid_is_valid(uuid) && fuzz_is_within(uuid, list));
        fuzz_require(fuzz_is_within(user, list) && fuzz_is_within(rest, list));
        fuzz_touch(user);
    }
}

static void check_envelope(struct cw_bytes bytes)
{
    struct cw_envelope envelope;
    if (cw_envelope_decode(bytes, &envelope) != CW_OK)
        return;
    if (envelope.is_presence) {
        fuzz_require(!envelope.message.is_logged && !envelope.has_predecessor);
        check_presence(envelope.message.payload);
        return;
    }
    check_message(&envelope.message, bytes);
    fuzz_require(!envelope.message.is_logged || envelope.message.position.offset > 0);
    fuzz_require(envelope.message.is_logged || !envelope.has_predecessor);

    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_envelope_encode(&writer, &envelope);
    fuzz_require(!writer.has_failed);
    struct cw_envelope again;
    fuzz_require(cw_envelope_decode(cw_writer_view(&writer), &again) == CW_OK);
    fuzz_require(is_same_message(&again.message, &envelope.message));
    fuzz_require(again.has_predecessor == envelope.has_predecessor);
    fuzz_require(cw_position_compare(again.predecessor, envelope.predecessor) == 0);
    cw_writer_finish(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes bytes = cw_bytes_make(data, size);
    check_envelope(bytes);

    struct cw_message message = {0};
    if (cw_envelope_decode_body(bytes, &message) == CW_OK) {
        struct cw_message again = {0};
        struct cw_writer writer;
        check_message(&message, bytes);
        cw_writer_init(&writer);
        cw_envelope_encode_body(&writer, &message);
        fuzz_require(cw_envelope_decode_body(cw_writer_view(&writer), &again) == CW_OK);
        fuzz_require(is_same_message(&again, &message));
        cw_writer_finish(&writer);
    }
    enum cw_channel_request request;
    struct cw_bytes text;
    if (cw_envelope_decode_request(bytes, &request, &text) == CW_OK) {
        fuzz_require(request >= CW_REQUEST_CLOSE && request <= CW_REQUEST_LEAVE);
        fuzz_require(fuzz_is_within(text, bytes));
    }
    check_presence(bytes);
    return 0;
}
