/*
 * handshake.c - the query of an upgrade request, one row of a table per parameter.
 *
 * All values are decoded into one block, each with a NUL behind it; names and positions are views
 * of it.
 */
#include "protocol/handshake.h"

#include "base/hex.h"
#include "names.h"
#include "protocol/encoder.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPIRES_S_MAX INT32_MAX /* 68 years: more is no more */

/* clang-format off */
#define PARAMETERS(ROW) \
    ROW(TYPE, "type", read_type) ROW(EXPIRES, "expires", read_expires) \
    ROW(TOKEN, "token", read_token) ROW(SESSION, "session", read_session) \
    ROW(SINCE, "since", read_since) ROW(GROUPS, "groups", read_groups) \
    ROW(PUBLISH, "publish", read_publish)
/* clang-format on */

enum parameter {
#define PARAMETER_ENUM(name, text, read) PARAMETER_##name,
    PARAMETERS(PARAMETER_ENUM)
#undef PARAMETER_ENUM
        PARAMETER_COUNT,
};

static const char *const parameter_names[PARAMETER_COUNT] = {
#define PARAMETER_NAME(name, text, read) [PARAMETER_##name] = (text),
    PARAMETERS(PARAMETER_NAME)
#undef PARAMETER_NAME
};

/* In the order of CW_KIND_*. */
static const char *const subprotocols[CW_KIND_COUNT] = {
    [CW_KIND_JSON] = "chanway.v1.json",
    [CW_KIND_MSGPACK] = "chanway.v1.msgpack",
};

struct reading {
    struct cw_handshake *handshake;
    struct cw_handshake_error *error;
    size_t max_groups;
    char *values[PARAMETER_COUNT]; /* NULL: not given */
    size_t sizes[PARAMETER_COUNT];
};

CW_PRINTF(2, 3)
static int fail(struct cw_handshake_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->status = 400;
    error->code = "bad_request";
    (void)vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    return CW_ERR_INVALID;
}

/* Writes at most text.size bytes to `space`. False: a percent sign without two digits, or a NUL. */
static bool percent_decode(struct cw_bytes text, char *space, size_t *ret_size)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.size ? cw_hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? cw_hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(unsigned char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return false;
        space[size++] = c;
    }
    *ret_size = size;
    return true;
}

/* Takes the part of `rest` before the next `separator`; false: `rest` was used up (data is NULL).
 */
static bool next_part(struct cw_bytes *rest, char separator, struct cw_bytes *ret_part)
{
    if (rest->data == NULL)
        return false;
    const char *end = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
    if (end == NULL) {
        *ret_part = *rest;
        *rest = cw_bytes_make(NULL, 0);
        return true;
    }
    *ret_part = cw_bytes_make(rest->data, (size_t)(end - rest->data));
    *rest = cw_bytes_make(end + 1, rest->size - ret_part->size - 1);
    return true;
}

static int read_type(struct reading *reading, struct cw_bytes value)
{
    static const char *const names[] = {
        [CW_PAYLOAD_JSON] = "json",
        [CW_PAYLOAD_TEXT] = "text",
        [CW_PAYLOAD_BYTES] = "bytes",
    };
    for (size_t type = 0; type < sizeof(names) / sizeof(names[0]); type++) {
        if (cw_bytes_is(value, names[type])) {
            reading->handshake->type = (enum cw_payload_type)type;
            reading->handshake->has_type = true;
            return CW_OK;
        }
    }
    return fail(reading->error, "type must be json, text or bytes");
}

static int read_expires(struct reading *reading, struct cw_bytes value)
{
    int64_t expires_s = 0;

    if (value.size == 0)
        return fail(reading->error, "expires must be a number of seconds");
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return fail(reading->error, "expires must be a number of seconds");
        expires_s = expires_s * 10 + (value.data[i] - '0');
        if (expires_s > EXPIRES_S_MAX)
            expires_s = EXPIRES_S_MAX;
    }
    reading->handshake->has_expires = true;
    reading->handshake->expires_s = expires_s;
    return CW_OK;
}

/* An empty token is none: `?token=` is what a client without one writes. */
static int read_token(struct reading *reading, struct cw_bytes value)
{
    if (value.size > 0)
        reading->handshake->token = reading->values[PARAMETER_TOKEN];
    return CW_OK;
}

static int read_session(struct reading *reading, struct cw_bytes value)
{
    if (value.size > 0)
        reading->handshake->session = reading->values[PARAMETER_SESSION];
    return CW_OK;
}

static int read_publish(struct reading *reading, struct cw_bytes value)
{
    if (reading->handshake->kind != CW_KIND_RAW)
        return fail(reading->error, "publish is for raw channels: without a subprotocol");
    if (!cw_group_name_is_valid(value))
        return fail(reading->error, "publish must be the name of a group");
    reading->handshake->publish = reading->values[PARAMETER_PUBLISH];
    return CW_OK;
}

static bool has_group(const struct cw_handshake *handshake, struct cw_bytes name)
{
    for (size_t i = 0; i < handshake->group_count; i++) {
        if (cw_bytes_equal(handshake->groups[i], name))
            return true;
    }
    return false;
}

static int read_groups(struct reading *reading, struct cw_bytes value)
{
    struct cw_handshake *handshake = reading->handshake;
    struct cw_bytes name;

    if (value.size == 0)
        return CW_OK;
    while (next_part(&value, ',', &name)) {
        if (!cw_group_name_is_valid(name)) {
            return fail(reading->error,
                        "groups must be names of groups: 1 to %d bytes of "
                        "A-Z a-z 0-9 _ . : @ = / -, separated by commas",
                        CW_GROUP_NAME_MAX);
        }
        if (has_group(handshake, name))
            continue;
        if (handshake->group_count >= reading->max_groups ||
            handshake->group_count >= CW_HANDSHAKE_GROUPS_MAX)
            return fail(reading->error, "groups: more than %zu", handshake->group_count);
        handshake->groups[handshake->group_count++] = name;
    }
    return CW_OK;
}

static bool has_group_since(const struct cw_handshake *handshake, struct cw_bytes group)
{
    for (size_t i = 0; i < handshake->group_since_count; i++) {
        if (cw_bytes_equal(handshake->group_since[i].group, group))
            return true;
    }
    return false;
}

/* GROUP@EPOCH-OFFSET, split at the last @, or EPOCH-OFFSET. */
static int read_one_since(struct reading *reading, struct cw_bytes part)
{
    struct cw_handshake *handshake = reading->handshake;
    struct cw_position position;
    const char *at = part.size > 0 ? memrchr(part.data, '@', part.size) : NULL;

    if (at == NULL) {
        if (!cw_position_parse(part, &position))
            return fail(reading->error, "since must be later, or EPOCH-OFFSET and "
                                        "GROUP@EPOCH-OFFSET separated by commas");
        if (handshake->has_direct_since)
            return fail(reading->error, "since: the position of direct messages is given twice");
        handshake->has_direct_since = true;
        handshake->direct_since = position;
        return CW_OK;
    }

    struct cw_bytes group = cw_bytes_make(part.data, (size_t)(at - part.data));
    struct cw_bytes digits = cw_bytes_make(at + 1, part.size - group.size - 1);
    if (!cw_group_name_is_valid(group) || !cw_position_parse(digits, &position))
        return fail(reading->error, "since: a part is no GROUP@EPOCH-OFFSET");
    if (has_group_since(handshake, group))
        return fail(reading->error, "since: a group is given twice");
    if (handshake->group_since_count >= CW_HANDSHAKE_GROUPS_MAX)
        return fail(reading->error, "since: more than %d groups", CW_HANDSHAKE_GROUPS_MAX);
    handshake->group_since[handshake->group_since_count].group = group;
    handshake->group_since[handshake->group_since_count].position = position;
    handshake->group_since_count++;
    return CW_OK;
}

static int read_since(struct reading *reading, struct cw_bytes value)
{
    struct cw_bytes part;

    if (cw_bytes_is(value, "later")) {
        reading->handshake->is_since_later = true;
        return CW_OK;
    }
    while (next_part(&value, ',', &part)) {
        int rc = read_one_since(reading, part);
        if (rc != CW_OK)
            return rc;
    }
    reading->handshake->has_since = true;
    return CW_OK;
}

typedef int (*read_fn)(struct reading *reading, struct cw_bytes value);

static const read_fn readers[PARAMETER_COUNT] = {
#define PARAMETER_READER(name, text, read) [PARAMETER_##name] = (read),
    PARAMETERS(PARAMETER_READER)
#undef PARAMETER_READER
};

static int find_parameter(struct cw_bytes name)
{
    for (int parameter = 0; parameter < PARAMETER_COUNT; parameter++) {
        if (cw_bytes_is(name, parameter_names[parameter]))
            return parameter;
    }
    return -1;
}

/* Decodes `name=value` into `*space` and moves it on; unknown names are passed over. */
static int read_pair(struct reading *reading, struct cw_bytes pair, char **space)
{
    struct cw_bytes value = pair;
    struct cw_bytes name;
    size_t size;

    (void)next_part(&value, '=', &name);
    if (!percent_decode(name, *space, &size))
        return CW_OK;
    int parameter = find_parameter(cw_bytes_make(*space, size));
    if (parameter < 0)
        return CW_OK;
    if (reading->values[parameter] != NULL)
        return fail(reading->error, "%s is given twice", parameter_names[parameter]);
    if (!percent_decode(value, *space, &size))
        return fail(reading->error, "%s is not percent-encoded rightly",
                    parameter_names[parameter]);
    reading->values[parameter] = *space;
    reading->sizes[parameter] = size;
    (*space)[size] = '\0';
    *space += size + 1;
    return CW_OK;
}

static int read_query(struct reading *reading, struct cw_bytes query, char *space)
{
    struct cw_bytes pair;

    while (next_part(&query, '&', &pair)) {
        int rc = read_pair(reading, pair, &space);
        if (rc != CW_OK)
            return rc;
    }
    for (int parameter = 0; parameter < PARAMETER_COUNT; parameter++) {
        if (reading->values[parameter] == NULL)
            continue;
        int rc = readers[parameter](
            reading, cw_bytes_make(reading->values[parameter], reading->sizes[parameter]));
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static struct cw_bytes trim(struct cw_bytes text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = cw_bytes_make(text.data + 1, text.size - 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* The first of the client's subprotocols that this node speaks. */
static int choose_kind(struct cw_bytes protocols, enum cw_kind *ret_kind,
                       struct cw_handshake_error *error)
{
    struct cw_bytes rest = protocols;
    struct cw_bytes name;

    if (protocols.size == 0) {
        *ret_kind = CW_KIND_RAW;
        return CW_OK;
    }
    while (next_part(&rest, ',', &name)) {
        for (int kind = 0; kind < CW_KIND_COUNT; kind++) {
            if (subprotocols[kind] != NULL && cw_bytes_is(trim(name), subprotocols[kind])) {
                *ret_kind = (enum cw_kind)kind;
                return CW_OK;
            }
        }
    }
    return fail(error, "none of the subprotocols in Sec-WebSocket-Protocol is known");
}

/* At most how many parts a list in `query` has, were it the only parameter. */
static size_t count_parts(struct cw_bytes query)
{
    size_t parts = 1;
    for (size_t i = 0; i < query.size; i++)
        parts += query.data[i] == ',' || query.data[i] == '%';
    return parts < CW_HANDSHAKE_GROUPS_MAX ? parts : CW_HANDSHAKE_GROUPS_MAX;
}

/* One block: positions, names, decoded text. */
static char *take_memory(struct cw_handshake *handshake, struct cw_bytes query)
{
    size_t parts = count_parts(query);
    size_t since_size = parts * sizeof(*handshake->group_since);
    size_t groups_size = parts * sizeof(*handshake->groups);

    handshake->memory = malloc(since_size + groups_size + query.size + 1);
    if (handshake->memory == NULL)
        return NULL;
    handshake->group_since = (struct cw_group_since *)(void *)handshake->memory;
    handshake->groups = (struct cw_bytes *)(void *)(handshake->memory + since_size);
    return handshake->memory + since_size + groups_size;
}

int cw_handshake_parse(struct cw_bytes query, struct cw_bytes protocols, size_t max_groups,
                       struct cw_handshake *ret_handshake, struct cw_handshake_error *ret_error)
{
    struct cw_handshake handshake = {0};
    struct reading reading = {
        .handshake = &handshake, .error = ret_error, .max_groups = max_groups};

    int rc = choose_kind(protocols, &handshake.kind, ret_error);
    if (rc != CW_OK)
        return rc;
    char *space = take_memory(&handshake, query);
    if (space == NULL) {
        ret_error->status = 500;
        ret_error->code = cw_error_code(CW_ERR_NOMEM);
        (void)snprintf(ret_error->message, sizeof(ret_error->message), "%s",
                       cw_error_text(CW_ERR_NOMEM));
        return CW_ERR_NOMEM;
    }
    rc = read_query(&reading, query, space);
    if (rc != CW_OK) {
        cw_handshake_finish(&handshake);
        return rc;
    }
    *ret_handshake = handshake;
    return CW_OK;
}

void cw_handshake_finish(struct cw_handshake *handshake)
{
    free(handshake->memory);
    *handshake = (struct cw_handshake){0};
}

static void describe_body(struct cw_encoder *encoder, const struct cw_handshake_error *error)
{
    encoder->ops->map_begin(encoder);
    encoder->ops->key(encoder, "code");
    encoder->ops->text(encoder, cw_bytes_text(error->code));
    encoder->ops->key(encoder, "message");
    encoder->ops->text(encoder, cw_bytes_text(error->message));
    encoder->ops->map_end(encoder);
}

size_t cw_handshake_error_body(const struct cw_handshake_error *error, char *body, size_t size)
{
    struct cw_encoder counting = {.ops = &cw_json_encoder};

    describe_body(&counting, error);
    if (size == 0)
        return 0;
    if (counting.size >= size) {
        body[0] = '\0';
        return 0;
    }
    struct cw_encoder writing = {.ops = &cw_json_encoder, .out = body};
    describe_body(&writing, error);
    body[writing.size] = '\0';
    return writing.size;
}

const char *cw_handshake_subprotocol(enum cw_kind kind)
{
    return kind >= 0 && kind < CW_KIND_COUNT ? subprotocols[kind] : NULL;
}
