/*
 * command_checks.c - bounds and grammars of a command's fields, and replies that carry its id.
 */
#include "command_checks.h"

#include "fuzz.h"
#include "names.h"
#include "protocol/event.h"
#include "protocol/frame.h"
#include "protocol/utf8.h"

struct cw_command_parser *fuzz_parser(void)
{
    static struct cw_command_parser *parser;
    if (parser == NULL)
        parser = cw_command_parser_create(FUZZ_MAX_MESSAGE);
    fuzz_require(parser != NULL);
    return parser;
}

static void check_id(const struct cw_command_id *id)
{
    switch (id->type) {
    case CW_ID_NONE:
        return;
    case CW_ID_INTEGER:
        fuzz_require(id->integer <= UINT64_C(1) << 53);
        return;
    case CW_ID_STRING:
        fuzz_require(id->size >= 1 && id->size <= CW_ID_TEXT_MAX);
        fuzz_require(cw_utf8_is_valid(cw_bytes_make(id->text, id->size)));
        return;
    }
    fuzz_fail("not a type of id");
}

void fuzz_check_error(int rc, const struct cw_command_error *error)
{
    fuzz_require(rc == error->error);
    fuzz_require(rc == CW_ERR_INVALID || rc == CW_ERR_PAYLOAD || rc == CW_ERR_TOO_LARGE);
    fuzz_require(memchr(error->message, '\0', sizeof(error->message)) != NULL);
    fuzz_require(error->message[0] != '\0');
    check_id(&error->id);
}

static bool takes_group(enum cw_op_code op)
{
    return op == CW_OP_JOIN || op == CW_OP_LEAVE || op == CW_OP_PUBLISH || op == CW_OP_MEMBERS;
}

static bool takes_payload(enum cw_op_code op)
{
    return op == CW_OP_PUBLISH || op == CW_OP_SEND || op == CW_OP_MESSAGE;
}

static void check_payload(enum cw_kind kind, struct cw_bytes frame,
                          const struct cw_command *command)
{
    fuzz_require(command->payload.size <= CW_PAYLOAD_SIZE_MAX);
    fuzz_touch(command->payload);
    switch (command->payload_type) {
    case CW_PAYLOAD_JSON:
        fuzz_require(cw_json_is_valid(fuzz_parser(), command->payload));
        /* The very text of the value as sent. */
        fuzz_require(kind != CW_KIND_JSON || fuzz_is_within(command->payload, frame));
        return;
    case CW_PAYLOAD_TEXT:
        fuzz_require(cw_utf8_is_valid(command->payload));
        return;
    case CW_PAYLOAD_BYTES:
        return;
    }
    fuzz_fail("not a type of payload");
}

static void check_groups(const struct cw_command *command)
{
    fuzz_require(command->group_since_count <= CW_COMMAND_GROUPS_MAX);
    for (size_t i = 0; i < command->group_since_count; i++) {
        struct cw_bytes name = command->group_since[i].group;
        fuzz_require(cw_group_name_is_valid(name));
        if (i == 0)
            continue;
        struct cw_bytes before = command->group_since[i - 1].group;
        size_t least = before.size < name.size ? before.size : name.size;
        int order = memcmp(before.data, name.data, least);
        fuzz_require(order < 0 || (order == 0 && before.size < name.size));
    }
}

static void check_command(enum cw_kind kind, struct cw_bytes frame,
                          const struct cw_command *command)
{
    fuzz_require(command->op < CW_OP_COUNT);
    check_id(&command->id);
    if (takes_group(command->op))
        fuzz_require(cw_group_name_is_valid(command->group));
    if (command->op == CW_OP_SEND)
        fuzz_require(cw_uuid_is_valid(command->to));
    if (command->op == CW_OP_AUTH)
        fuzz_require(command->token.size > 0);
    if (command->op == CW_OP_MEMBERS) {
        fuzz_require(command->cursor.size >= 1 && command->cursor.size <= 64);
        fuzz_require(command->count >= 1 && command->count <= 1000);
    }
    fuzz_require(command->key.size <= 64);
    fuzz_touch(command->key);
    fuzz_touch(command->token);
    fuzz_touch(command->cursor);
    check_groups(command);
    if (takes_payload(command->op))
        check_payload(kind, frame, command);
}

/* Whatever the client sent as its id, the reply is good and carries the same. */
static void check_reply(enum cw_kind kind, const struct cw_command_id *id)
{
    struct cw_event_ok ok = {0};
    struct cw_buf *reply = cw_event_ok(kind, id, &ok);
    fuzz_require(reply != NULL);
    if (kind == CW_KIND_JSON)
        fuzz_require(cw_json_is_valid(fuzz_parser(), cw_frame_payload(reply)));
    cw_buf_unref(reply);
}

bool fuzz_parse_command(enum cw_kind kind, struct cw_bytes frame, struct cw_command *ret_command)
{
    struct cw_command_error error = {0};
    int rc = cw_command_parse(fuzz_parser(), kind, frame, ret_command, &error);
    if (rc != CW_OK) {
        fuzz_check_error(rc, &error);
        check_reply(kind, &error.id);
        return false;
    }
    check_command(kind, frame, ret_command);
    check_reply(kind, &ret_command->id);
    return true;
}
