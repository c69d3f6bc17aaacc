/*
 * command.c - the fields of a frame, read by two tables: what each op takes, and how each field is
 * read.
 *
 * A frame's fields are first collected by name; unknown ones are ignored, a known one may come
 * once. Then `id`, so that every later error can be answered; then `op`; then only the fields that
 * the op takes, in the order of CW_FIELDS: a known field that the op does not take is ignored like
 * an unknown one.
 */
#include "protocol/command.h"

#include "names.h"
#include "protocol/decoder.h"
#include "protocol/json_decoder.h"
#include "protocol/msgpack_decoder.h"
#include "protocol/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ID_INTEGER_MAX        (UINT64_C(1) << 53) /* what every JavaScript number holds */
#define KEY_SIZE_MAX          64
#define CURSOR_SIZE_MAX       64
#define MEMBERS_COUNT_MAX     1000
#define MEMBERS_COUNT_DEFAULT 100

/* One row per field: enum, name on the wire, function that reads it. */
/* clang-format off */
#define CW_FIELDS(ROW) \
    ROW(ID, "id", read_id) ROW(OP, "op", read_op) ROW(GROUP, "group", read_group) \
    ROW(TO, "to", read_to) ROW(KEY, "key", read_key) ROW(ECHO, "echo", read_echo) \
    ROW(PRESENCE, "presence", read_presence) ROW(SINCE, "since", read_since) \
    ROW(TOKEN, "token", read_token) ROW(CURSOR, "cursor", read_cursor) \
    ROW(COUNT, "count", read_count) ROW(DIRECT, "direct", read_since) \
    ROW(GROUPS, "groups", read_groups) ROW(EPOCH, "epoch", read_epoch) \
    ROW(OFFSET, "offset", read_offset) ROW(DATA, "data", read_data) \
    ROW(TEXT, "text", read_text) ROW(BYTES, "bytes", read_bytes)
/* clang-format on */

enum field {
#define FIELD_ENUM(name, text, read) FIELD_##name,
    CW_FIELDS(FIELD_ENUM)
#undef FIELD_ENUM
        FIELDS_END,
};

static const char *const field_names[FIELDS_END] = {
#define FIELD_NAME(name, text, read) [FIELD_##name] = (text),
    CW_FIELDS(FIELD_NAME)
#undef FIELD_NAME
};

static const uint8_t field_sizes[FIELDS_END] = {
#define FIELD_SIZE(name, text, read) [FIELD_##name] = sizeof(text) - 1,
    CW_FIELDS(FIELD_SIZE)
#undef FIELD_SIZE
};

#define BIT(field)   (UINT32_C(1) << FIELD_##field)
#define PAYLOAD_BITS (BIT(DATA) | BIT(TEXT) | BIT(BYTES))

struct op_row {
    uint32_t required;
    uint32_t optional;
    bool has_payload;
};

static const struct op_row op_rows[CW_OP_COUNT] = {
    [CW_OP_JOIN] = {BIT(GROUP), BIT(SINCE) | BIT(PRESENCE), false},
    [CW_OP_LEAVE] = {BIT(GROUP), 0, false},
    [CW_OP_PUBLISH] = {BIT(GROUP), BIT(KEY) | BIT(ECHO), true},
    [CW_OP_SEND] = {BIT(TO), BIT(KEY), true},
    [CW_OP_MESSAGE] = {0, 0, true},
    [CW_OP_AUTH] = {BIT(TOKEN), 0, false},
    [CW_OP_MEMBERS] = {BIT(GROUP), BIT(CURSOR) | BIT(COUNT), false},
    [CW_OP_SINCE] = {0, BIT(DIRECT) | BIT(GROUPS), false},
    [CW_OP_ACK] = {BIT(EPOCH) | BIT(OFFSET), 0, false},
    [CW_OP_PING] = {0, 0, false},
};

static const char *const op_names[CW_OP_COUNT] = {
#define OP_NAME(name, text) [CW_OP_##name] = (text),
    CW_OPS(OP_NAME)
#undef OP_NAME
};

struct cw_command_parser {
    struct cw_decoder *decoders[CW_KIND_COUNT]; /* NULL: that kind has no commands */
    struct cw_decoder
        *checker;            /* JSON; of its own, so that a check leaves a command's views alone */
    struct cw_bytes checked; /* what it checked last; empty: something bad */
    struct yyjson_val *checked_value; /* of it */
    struct cw_group_since group_since[CW_COMMAND_GROUPS_MAX];
};

/* One frame being read. */
struct reading {
    struct cw_command_parser *parser;
    struct cw_decoder *decoder;
    struct cw_command *command;
    struct cw_command_error *error;
    uint32_t present; /* bits of `fields` that are set */
    uint32_t twice;   /* bits of those given more than once */
    bool is_too_deep; /* an unknown field is */
    struct cw_value fields[FIELDS_END];
};

CW_PRINTF(3, 4)
static int fail(struct cw_command_error *error, int rc, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->error = rc;
    (void)vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    return rc;
}

#define FAIL_INVALID(reading, ...) fail((reading)->error, CW_ERR_INVALID, __VA_ARGS__)
#define FAIL_PAYLOAD(reading, ...) fail((reading)->error, CW_ERR_PAYLOAD, __VA_ARGS__)

static int read_id(struct reading *reading, const struct cw_value *value)
{
    struct cw_command_id *id = &reading->command->id;

    if (value->type == CW_VALUE_INTEGER && value->integer <= ID_INTEGER_MAX) {
        id->type = CW_ID_INTEGER;
        id->integer = value->integer;
    } else if (value->type == CW_VALUE_TEXT && value->text.size >= 1 &&
               value->text.size <= CW_ID_TEXT_MAX) {
        id->type = CW_ID_STRING;
        id->size = (uint8_t)value->text.size;
        memcpy(id->text, value->text.data, value->text.size);
    } else {
        return FAIL_INVALID(reading,
                            "\"id\" must be an integer 0 to 2^53 or a string of 1 to %d "
                            "bytes",
                            CW_ID_TEXT_MAX);
    }
    reading->error->id = *id;
    return CW_OK;
}

static int read_op(struct reading *reading, const struct cw_value *value)
{
    for (int op = 0; op < CW_OP_COUNT; op++) {
        if (value->type == CW_VALUE_TEXT && cw_bytes_is(value->text, op_names[op])) {
            reading->command->op = (enum cw_op_code)op;
            return CW_OK;
        }
    }
    return FAIL_INVALID(reading, "\"op\" is not one of this protocol's");
}

static int read_group(struct reading *reading, const struct cw_value *value)
{
    if (value->type != CW_VALUE_TEXT || !cw_group_name_is_valid(value->text))
        return FAIL_INVALID(reading, "\"group\" must be 1 to %d bytes of A-Z a-z 0-9 _ . : @ = / -",
                            CW_GROUP_NAME_MAX);
    reading->command->group = value->text;
    return CW_OK;
}

static int read_to(struct reading *reading, const struct cw_value *value)
{
    if (value->type != CW_VALUE_TEXT || !cw_uuid_is_valid(value->text))
        return FAIL_INVALID(reading, "\"to\" must be a channel's UUID in lower case");
    reading->command->to = value->text;
    return CW_OK;
}

/* A string of 1..size_max bytes. */
static int read_short_text(struct reading *reading, const struct cw_value *value, const char *name,
                           size_t size_max, struct cw_bytes *ret_text)
{
    if (value->type != CW_VALUE_TEXT || value->text.size < 1 || value->text.size > size_max)
        return FAIL_INVALID(reading, "\"%s\" must be a string of 1 to %zu bytes", name, size_max);
    *ret_text = value->text;
    return CW_OK;
}

static int read_key(struct reading *reading, const struct cw_value *value)
{
    return read_short_text(reading, value, "key", KEY_SIZE_MAX, &reading->command->key);
}

static int read_cursor(struct reading *reading, const struct cw_value *value)
{
    return read_short_text(reading, value, "cursor", CURSOR_SIZE_MAX, &reading->command->cursor);
}

static int read_token(struct reading *reading, const struct cw_value *value)
{
    if (value->type != CW_VALUE_TEXT || value->text.size == 0)
        return FAIL_INVALID(reading, "\"token\" must be a string that is not empty");
    reading->command->token = value->text;
    return CW_OK;
}

static int read_echo(struct reading *reading, const struct cw_value *value)
{
    if (value->type != CW_VALUE_BOOLEAN)
        return FAIL_INVALID(reading, "\"echo\" must be true or false");
    reading->command->skips_sender = !value->boolean;
    return CW_OK;
}

static int read_presence(struct reading *reading, const struct cw_value *value)
{
    if (value->type != CW_VALUE_BOOLEAN)
        return FAIL_INVALID(reading, "\"presence\" must be true or false");
    reading->command->wants_presence = value->boolean;
    return CW_OK;
}

static int read_count(struct reading *reading, const struct cw_value *value)
{
    if (value->type != CW_VALUE_INTEGER || value->integer < 1 || value->integer > MEMBERS_COUNT_MAX)
        return FAIL_INVALID(reading, "\"count\" must be an integer 1 to %d", MEMBERS_COUNT_MAX);
    reading->command->count = (int)value->integer;
    return CW_OK;
}

/* Digits without a leading zero, as cw_position_parse reads them. */
static bool epoch_of(const struct cw_value *value, uint64_t *ret_epoch)
{
    char text[CW_POSITION_TEXT_SIZE];
    struct cw_position position;

    if (value->type != CW_VALUE_TEXT || value->text.size > sizeof(text) - 2)
        return false;
    if (value->text.size > 0)
        memcpy(text, value->text.data, value->text.size);
    memcpy(text + value->text.size, "-0", 2);
    if (!cw_position_parse(cw_bytes_make(text, value->text.size + 2), &position))
        return false;
    *ret_epoch = position.epoch;
    return true;
}

static int read_epoch(struct reading *reading, const struct cw_value *value)
{
    if (!epoch_of(value, &reading->command->since.epoch))
        return FAIL_INVALID(reading, "\"epoch\" must be a string of digits");
    return CW_OK;
}

static int read_offset(struct reading *reading, const struct cw_value *value)
{
    if (value->type != CW_VALUE_INTEGER)
        return FAIL_INVALID(reading, "\"offset\" must be an integer from 0");
    reading->command->since.offset = value->integer;
    return CW_OK;
}

struct position_reading {
    bool has_epoch, has_offset;
    struct cw_position position;
};

static int collect_position(void *arg, struct cw_bytes key, const struct cw_value *value)
{
    struct position_reading *reading = arg;

    if (cw_bytes_is(key, "epoch")) {
        if (reading->has_epoch || !epoch_of(value, &reading->position.epoch))
            return CW_ERR_INVALID;
        reading->has_epoch = true;
    } else if (cw_bytes_is(key, "offset")) {
        if (reading->has_offset || value->type != CW_VALUE_INTEGER)
            return CW_ERR_INVALID;
        reading->position.offset = value->integer;
        reading->has_offset = true;
    }
    return CW_OK;
}

/* {"epoch":"<digits>","offset":<integer>}, both required. */
static bool position_of(struct cw_decoder *decoder, const struct cw_value *value,
                        struct cw_position *ret_position)
{
    struct position_reading reading = {0};

    if (value->type != CW_VALUE_MAP ||
        decoder->ops->each(decoder, value, collect_position, &reading) != CW_OK ||
        !reading.has_epoch || !reading.has_offset)
        return false;
    *ret_position = reading.position;
    return true;
}

static int read_since(struct reading *reading, const struct cw_value *value)
{
    struct cw_command *command = reading->command;

    if (!position_of(reading->decoder, value, &command->since))
        return FAIL_INVALID(reading, "\"%s\" must be {\"epoch\":\"<digits>\",\"offset\":<integer>}",
                            command->op == CW_OP_JOIN ? "since" : "direct");
    command->has_since = true;
    return CW_OK;
}

static int collect_group(void *arg, struct cw_bytes key, const struct cw_value *value)
{
    struct reading *reading = arg;
    struct cw_command *command = reading->command;
    struct cw_group_since *since = &reading->parser->group_since[command->group_since_count];

    if (command->group_since_count == CW_COMMAND_GROUPS_MAX)
        return FAIL_INVALID(reading, "\"groups\" has more than %d names", CW_COMMAND_GROUPS_MAX);
    if (!cw_group_name_is_valid(key))
        return FAIL_INVALID(reading, "\"groups\" has a name that is no group's");
    if (!position_of(reading->decoder, value, &since->position))
        return FAIL_INVALID(reading, "\"groups\" must give each name "
                                     "{\"epoch\":\"<digits>\",\"offset\":<integer>}");
    since->group = key;
    command->group_since_count++;
    return CW_OK;
}

static int compare_groups(const void *a, const void *b)
{
    struct cw_bytes left = ((const struct cw_group_since *)a)->group;
    struct cw_bytes right = ((const struct cw_group_since *)b)->group;
    int order = memcmp(left.data, right.data, left.size < right.size ? left.size : right.size);

    if (order != 0 || left.size == right.size)
        return order;
    return left.size < right.size ? -1 : 1;
}

static int read_groups(struct reading *reading, const struct cw_value *value)
{
    struct cw_command *command = reading->command;
    struct cw_group_since *since = reading->parser->group_since;

    if (value->type != CW_VALUE_MAP)
        return FAIL_INVALID(reading, "\"groups\" must be an object");
    int rc = reading->decoder->ops->each(reading->decoder, value, collect_group, reading);
    if (rc != CW_OK)
        return rc;
    qsort(since, command->group_since_count, sizeof(*since), compare_groups);
    for (size_t i = 1; i < command->group_since_count; i++) {
        if (cw_bytes_equal(since[i - 1].group, since[i].group))
            return FAIL_INVALID(reading, "\"groups\" has a name twice");
    }
    command->group_since = command->group_since_count > 0 ? since : NULL;
    return CW_OK;
}

static int fail_too_large(struct cw_command_error *error)
{
    return fail(error, CW_ERR_TOO_LARGE, "the payload is larger than %d bytes",
                CW_PAYLOAD_SIZE_MAX);
}

static int check_size(struct cw_bytes payload, struct cw_command_error *error)
{
    return payload.size <= CW_PAYLOAD_SIZE_MAX ? CW_OK : fail_too_large(error);
}

static int read_data(struct reading *reading, const struct cw_value *value)
{
    struct cw_command *command = reading->command;

    if (value->depth > CW_DEPTH_MAX)
        return FAIL_PAYLOAD(reading, "\"data\" is nested deeper than %d", CW_DEPTH_MAX);
    int rc = reading->decoder->ops->data(reading->decoder, value, &command->payload);
    if (rc == CW_ERR_TOO_LARGE)
        return fail_too_large(reading->error);
    if (rc != CW_OK)
        return FAIL_PAYLOAD(reading, "\"data\": %s", reading->decoder->message);
    command->payload_type = CW_PAYLOAD_JSON;
    if (reading->decoder == reading->parser->decoders[CW_KIND_JSON])
        command->data = (struct yyjson_val *)(uintptr_t)value->node;
    return CW_OK;
}

static int read_text(struct reading *reading, const struct cw_value *value)
{
    if (value->type != CW_VALUE_TEXT)
        return FAIL_PAYLOAD(reading, "\"text\" must be a string");
    reading->command->payload = value->text;
    reading->command->payload_type = CW_PAYLOAD_TEXT;
    return CW_OK;
}

static int read_bytes(struct reading *reading, const struct cw_value *value)
{
    struct cw_command *command = reading->command;

    if (reading->decoder->ops->bytes(reading->decoder, value, &command->payload) != CW_OK)
        return FAIL_PAYLOAD(reading, "\"bytes\" %s", reading->decoder->message);
    command->payload_type = CW_PAYLOAD_BYTES;
    return CW_OK;
}

typedef int (*read_fn)(struct reading *reading, const struct cw_value *value);

static const read_fn readers[FIELDS_END] = {
#define FIELD_READER(name, text, read) [FIELD_##name] = (read),
    CW_FIELDS(FIELD_READER)
#undef FIELD_READER
};

/* What is wrong is only noted: `id` may come later, and the answer wants it. */
static int collect_field(void *arg, struct cw_bytes key, const struct cw_value *value)
{
    struct reading *reading = arg;

    for (int field = 0; field < FIELDS_END; field++) {
        if (key.size != field_sizes[field] || memcmp(key.data, field_names[field], key.size) != 0)
            continue;
        reading->twice |= reading->present & (UINT32_C(1) << field);
        reading->present |= UINT32_C(1) << field;
        reading->fields[field] = *value;
        return CW_OK;
    }
    reading->is_too_deep = reading->is_too_deep || value->depth > CW_DEPTH_MAX;
    return CW_OK;
}

static int check_twice(struct reading *reading, uint32_t which)
{
    for (int field = 0; field < FIELDS_END; field++) {
        if ((reading->twice & which & (UINT32_C(1) << field)) != 0)
            return FAIL_INVALID(reading, "\"%s\" is given twice", field_names[field]);
    }
    return CW_OK;
}

static int read_field(struct reading *reading, int field)
{
    const struct cw_value *value = &reading->fields[field];

    if (field != FIELD_DATA && value->depth > CW_DEPTH_MAX)
        return FAIL_INVALID(reading, "\"%s\" is nested deeper than %d", field_names[field],
                            CW_DEPTH_MAX);
    return readers[field](reading, value);
}

static int read_payload(struct reading *reading)
{
    uint32_t payloads = reading->present & PAYLOAD_BITS;
    int rc;

    if (payloads == BIT(DATA))
        rc = read_field(reading, FIELD_DATA);
    else if (payloads == BIT(TEXT))
        rc = read_field(reading, FIELD_TEXT);
    else if (payloads == BIT(BYTES))
        rc = read_field(reading, FIELD_BYTES);
    else
        return FAIL_INVALID(reading, "exactly one of \"data\", \"text\", \"bytes\" is wanted");
    return rc != CW_OK ? rc : check_size(reading->command->payload, reading->error);
}

/* Everything of an op but its id and name. */
static int read_op_fields(struct reading *reading)
{
    const struct op_row *row = &op_rows[reading->command->op];
    uint32_t taken = row->required | row->optional;

    for (int field = 0; field < FIELDS_END; field++) {
        uint32_t bit = UINT32_C(1) << field;
        if ((taken & bit) == 0)
            continue;
        if ((reading->present & bit) != 0) {
            int rc = read_field(reading, field);
            if (rc != CW_OK)
                return rc;
        } else if ((row->required & bit) != 0) {
            return FAIL_INVALID(reading, "\"%s\" is missing", field_names[field]);
        }
    }
    return row->has_payload ? read_payload(reading) : CW_OK;
}

static int read_id_and_op(struct reading *reading)
{
    if ((reading->twice & BIT(ID)) != 0)
        return check_twice(reading, BIT(ID));
    if ((reading->present & BIT(ID)) != 0) {
        if (reading->fields[FIELD_ID].is_mended) /* it could not go back as it came */
            return FAIL_INVALID(reading, "%s", reading->decoder->message);
        int rc = read_field(reading, FIELD_ID);
        if (rc != CW_OK)
            return rc;
    }
    if (reading->twice != 0)
        return check_twice(reading, reading->twice);
    if (reading->is_too_deep)
        return FAIL_INVALID(reading, "nested deeper than %d", CW_DEPTH_MAX);
    if ((reading->present & BIT(OP)) == 0)
        return FAIL_INVALID(reading, "\"op\" is missing");
    return read_field(reading, FIELD_OP);
}

/* Of a frame with a bad text: bad_payload if it is in the payload of an op that has one. */
static int refuse_bad_text(struct reading *reading)
{
    struct cw_decoder *decoder = reading->decoder;

    if (op_rows[reading->command->op].has_payload) {
        for (int field = FIELD_DATA; field <= FIELD_BYTES; field++) {
            if ((reading->present & (UINT32_C(1) << field)) != 0 &&
                decoder->ops->is_bad(decoder, &reading->fields[field]))
                return FAIL_PAYLOAD(reading, "\"%s\": %s", field_names[field], decoder->message);
        }
    }
    return FAIL_INVALID(reading, "%s", decoder->message);
}

static int read_frame(struct reading *reading, struct cw_bytes frame)
{
    struct cw_decoder *decoder = reading->decoder;
    struct cw_value root;

    int rc = decoder->ops->open(decoder, frame, &root);
    if (rc != CW_OK)
        return fail(reading->error, rc, "%s", decoder->message);
    if (root.type != CW_VALUE_MAP)
        return FAIL_INVALID(reading, "not an object");
    rc = decoder->ops->each(decoder, &root, collect_field, reading);
    if (rc == CW_OK)
        rc = read_id_and_op(reading);
    if (rc == CW_OK)
        rc = decoder->has_bad_text ? refuse_bad_text(reading) : read_op_fields(reading);
    return rc;
}

const char *cw_op_name(enum cw_op_code op)
{
    return op >= 0 && op < CW_OP_COUNT ? op_names[op] : "unknown";
}

struct cw_command_parser *cw_command_parser_create(size_t max_message)
{
    struct cw_command_parser *parser = calloc(1, sizeof(*parser));
    if (parser == NULL)
        return NULL;
    parser->decoders[CW_KIND_JSON] = cw_json_decoder_create(max_message);
    parser->decoders[CW_KIND_MSGPACK] = cw_msgpack_decoder_create(max_message);
    parser->checker = cw_json_decoder_create(max_message);
    if (parser->decoders[CW_KIND_JSON] == NULL || parser->decoders[CW_KIND_MSGPACK] == NULL ||
        parser->checker == NULL) {
        cw_command_parser_destroy(parser);
        return NULL;
    }
    return parser;
}

void cw_command_parser_destroy(struct cw_command_parser *parser)
{
    if (parser == NULL)
        return;
    for (int kind = 0; kind < CW_KIND_COUNT; kind++) {
        if (parser->decoders[kind] != NULL)
            parser->decoders[kind]->ops->destroy(parser->decoders[kind]);
    }
    if (parser->checker != NULL)
        parser->checker->ops->destroy(parser->checker);
    free(parser);
}

int cw_command_parse(struct cw_command_parser *parser, enum cw_kind kind, struct cw_bytes frame,
                     struct cw_command *ret_command, struct cw_command_error *ret_error)
{
    struct reading reading;

    memset(ret_error, 0, sizeof(*ret_error));
    memset(ret_command, 0, sizeof(*ret_command));
    ret_command->cursor = cw_bytes_text("0");
    ret_command->count = MEMBERS_COUNT_DEFAULT;

    reading.parser = parser;
    reading.decoder = parser->decoders[kind];
    reading.command = ret_command;
    reading.error = ret_error;
    reading.present = 0;
    reading.twice = 0;
    reading.is_too_deep = false;
    if (reading.decoder == NULL)
        return fail(ret_error, CW_ERR_INVALID, "this subprotocol is not supported");
    return read_frame(&reading, frame);
}

static int check_json(struct cw_command_parser *parser, struct cw_bytes text)
{
    parser->checked = cw_bytes_make(NULL, 0);
    parser->checked_value = NULL;
    int rc = cw_json_check(parser->checker, text, &parser->checked_value);
    if (rc == CW_OK)
        parser->checked = text;
    return rc;
}

int cw_command_check_raw(struct cw_command_parser *parser, enum cw_payload_type type,
                         bool is_binary, struct cw_bytes frame, struct cw_command_error *ret_error)
{
    memset(ret_error, 0, sizeof(*ret_error));
    if (is_binary && type != CW_PAYLOAD_BYTES)
        return fail(ret_error, CW_ERR_PAYLOAD, "a %s channel takes text frames",
                    type == CW_PAYLOAD_JSON ? "json" : "text");
    if (type == CW_PAYLOAD_JSON && check_json(parser, frame) != CW_OK)
        return fail(ret_error, CW_ERR_PAYLOAD, "%s", parser->checker->message);
    if (type == CW_PAYLOAD_TEXT && !cw_utf8_is_valid(frame))
        return fail(ret_error, CW_ERR_PAYLOAD, "not valid UTF-8");
    return check_size(frame, ret_error);
}

struct yyjson_val *cw_command_raw_value(const struct cw_command_parser *parser,
                                        struct cw_bytes frame)
{
    bool is_it = parser->checked.data == frame.data && parser->checked.size == frame.size;
    return is_it ? parser->checked_value : NULL;
}

bool cw_json_is_valid(struct cw_command_parser *parser, struct cw_bytes text)
{
    return check_json(parser, text) == CW_OK;
}
