/*
 * fuzz_event.c - a message on its way to clients: what an encoder writes, a parser reads back. The
 * first byte says the payload's type, then come the sender, a line end, the payload.
 */
#include "command_checks.h"
#include "fuzz.h"
#include "names.h"
#include "protocol/event.h"
#include "protocol/frame.h"
#include "protocol/json_to_msgpack.h"
#include "protocol/utf8.h"

/* JSON without the white space around it, which a parser does not hand on. */
static struct cw_bytes trim(struct cw_bytes json)
{
    while (json.size > 0 && strchr(" \t\r\n", json.data[0]) != NULL)
        json = cw_bytes_make(json.data + 1, json.size - 1);
    while (json.size > 0 && strchr(" \t\r\n", json.data[json.size - 1]) != NULL)
        json.size--;
    return json;
}

/* An event `message` is an op `message` with fields that the op does not take. */
static void check_message(enum cw_kind kind, const struct cw_message *message)
{
    struct cw_buf *frame = cw_event_message(kind, message);
    struct cw_command command;
    fuzz_require(frame != NULL);
    struct cw_bytes payload = cw_frame_payload(frame);
    char *copy = fuzz_copy(payload);
    if (payload.size <= FUZZ_MAX_MESSAGE) {
        fuzz_require(fuzz_parse_command(kind, cw_bytes_make(copy, payload.size), &command));
        fuzz_require(command.op == CW_OP_MESSAGE && command.payload_type == message->type);
        if (message->type != CW_PAYLOAD_JSON)
            fuzz_require(cw_bytes_equal(command.payload, message->payload));
        else if (kind == CW_KIND_JSON)
            fuzz_require(cw_bytes_equal(command.payload, trim(message->payload)));
    }
    free(copy);
    cw_buf_unref(frame);
}

static void check_raw(const struct cw_message *message)
{
    struct cw_buf *frame = cw_event_message(CW_KIND_RAW, message);
    fuzz_require(frame != NULL);
    fuzz_require(cw_bytes_equal(cw_frame_payload(frame), message->payload));
    cw_buf_unref(frame);
}

/* Strings of others that are in events whatever bytes they have. */
static void check_strings(struct cw_bytes text)
{
    struct cw_event_error error = {.error = CW_ERR_FORBIDDEN, .retry_ms = 7};
    struct cw_command_id id = {0};
    char *reason = fuzz_copy_text(text);
    error.message = reason;
    struct cw_buf *frames[] = {cw_event_error(CW_KIND_JSON, &id, &error),
                               cw_event_error(CW_KIND_MSGPACK, &id, &error),
                               cw_event_bye(CW_KIND_JSON, 1001, reason, -1),
                               cw_event_bye(CW_KIND_MSGPACK, 1001, reason, 5)};
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        fuzz_require(frames[i] != NULL);
        if (i % 2 == 0)
            fuzz_require(cw_json_is_valid(fuzz_parser(), cw_frame_payload(frames[i])));
        cw_buf_unref(frames[i]);
    }
    free(reason);
}

static void check_others(struct cw_bytes name, struct cw_position position)
{
    static const struct cw_bytes uuid = {"018f3a5e-7c1b-7d2e-9a40-5f6e7d8c9b0a", 36};
    struct cw_command_id id = {.type = CW_ID_INTEGER, .integer = position.offset >> 11};
    struct cw_member_info member = {uuid, name, name};
    struct cw_event_ok ok = {.has_position = true,
                             .position = position,
                             .is_duplicate = true,
                             .has_recovered = true,
                             .status = "queued",
                             .has_members = true,
                             .members = &member,
                             .member_count = 1,
                             .next = name};
    struct cw_event_welcome welcome = {.channel = uuid.data,
                                       .node = "n.1",
                                       .type = CW_PAYLOAD_TEXT,
                                       .created_ms = 1,
                                       .groups = &name,
                                       .group_count = 1,
                                       .version = "1"};
    for (int kind = CW_KIND_JSON; kind < CW_KIND_COUNT; kind++) {
        enum cw_kind of = (enum cw_kind)kind;
        struct cw_buf *frames[] = {cw_event_ok(of, &id, &ok),
                                   cw_event_welcome(of, &welcome),
                                   cw_event_pong(of, &id),
                                   cw_event_joined(of, true, name, true, position),
                                   cw_event_presence(of, false, name, uuid, name),
                                   cw_event_gap(of, name, position)};
        for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
            fuzz_require(frames[i] != NULL);
            fuzz_require(of == CW_KIND_MSGPACK ||
                         cw_json_is_valid(fuzz_parser(), cw_frame_payload(frames[i])));
            cw_buf_unref(frames[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes rest = cw_bytes_make(data, size);
    if (size > FUZZ_MAX_MESSAGE)
        return 0;
    struct cw_message message = {.type = (enum cw_payload_type)(fuzz_take_byte(&rest) % 3)};
    struct cw_bytes from = fuzz_take(&rest, '\n');
    message.payload = rest;
    message.is_logged = size % 2 == 1;
    message.position = (struct cw_position){size * UINT64_C(0x9E3779B97F4A7C15), size + 1};

    if (cw_utf8_is_valid(from))
        check_strings(from);
    if (cw_group_name_is_valid(from)) {
        message.from = from;
        message.group = from;
        check_others(from, message.position);
    }
    if (message.type == CW_PAYLOAD_JSON && !cw_json_is_valid(fuzz_parser(), rest))
        return 0;
    if (message.type == CW_PAYLOAD_TEXT && !cw_utf8_is_valid(rest))
        return 0;
    check_message(CW_KIND_JSON, &message);
    check_message(CW_KIND_MSGPACK, &message);
    check_raw(&message);
    return 0;
}
