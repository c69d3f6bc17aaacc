/*
 * event.c - each event is described once, for every format; raw channels get bare payloads.
 */
#include "protocol/event.h"

#include "names.h"
#include "protocol/encoder.h"
#include "protocol/frame.h"

#include <assert.h>

#define SHORT_MAX          2048
#define MESSAGE_FIELDS_MAX 768 /* of a message, without its payload: names of 128 bytes at most */
#define ESCAPE_MAX         6   /* bytes that one of a text can become */

typedef void (*describe_fn)(struct cw_encoder *encoder, const void *arg);

const struct cw_encoder_ops *cw_encoder_of(enum cw_kind kind)
{
    static const struct cw_encoder_ops *const encoders[CW_KIND_COUNT] = {
        [CW_KIND_JSON] = &cw_json_encoder,
        [CW_KIND_MSGPACK] = &cw_msgpack_encoder,
    };
    return encoders[kind];
}

/* What is surely short is written once, and copied. */
static struct cw_buf *make_short_frame(const struct cw_encoder_ops *ops, describe_fn describe,
                                       const void *arg)
{
    char space[CW_FRAME_HEADER_MAX + SHORT_MAX];
    char header[CW_FRAME_HEADER_MAX];
    char *body = space + CW_FRAME_HEADER_MAX;
    struct cw_encoder encoder = {.ops = ops, .out = body};
    describe(&encoder, arg);
    assert(encoder.size <= SHORT_MAX);
    size_t header_size = cw_frame_header(header, ops->opcode, encoder.size);
    memcpy(body - header_size, header, header_size);
    return cw_buf_copy(cw_bytes_make(body - header_size, header_size + encoder.size));
}

static struct cw_buf *make_frame(const struct cw_encoder_ops *ops, describe_fn describe,
                                 const void *arg)
{
    if (ops == NULL)
        return NULL;
    struct cw_encoder counting = {.ops = ops};
    describe(&counting, arg);

    char header[CW_FRAME_HEADER_MAX];
    size_t header_size = cw_frame_header(header, ops->opcode, counting.size);
    struct cw_buf *frame = cw_buf_create(header_size + counting.size);
    if (frame == NULL)
        return NULL;
    memcpy(frame->data, header, header_size);

    struct cw_encoder writing = {.ops = ops, .out = frame->data + header_size};
    describe(&writing, arg);
    assert(writing.size == counting.size);
    return frame;
}

static void put_op(struct cw_encoder *encoder, const char *op)
{
    encoder->ops->map_begin(encoder);
    encoder->ops->key(encoder, "op");
    encoder->ops->text(encoder, cw_bytes_text(op));
}

static void put_text(struct cw_encoder *encoder, const char *key, struct cw_bytes text)
{
    encoder->ops->key(encoder, key);
    encoder->ops->text(encoder, text);
}

static void put_text_or_null(struct cw_encoder *encoder, const char *key, struct cw_bytes text)
{
    encoder->ops->key(encoder, key);
    if (text.size > 0)
        encoder->ops->text(encoder, text);
    else
        encoder->ops->null(encoder);
}

static void put_integer(struct cw_encoder *encoder, const char *key, int64_t value)
{
    assert(value >= 0);
    encoder->ops->key(encoder, key);
    encoder->ops->integer(encoder, (uint64_t)value);
}

static void put_boolean(struct cw_encoder *encoder, const char *key, bool value)
{
    encoder->ops->key(encoder, key);
    encoder->ops->boolean(encoder, value);
}

/* The epoch is text: a JavaScript number does not hold 64 bits. */
static void put_position(struct cw_encoder *encoder, struct cw_position position)
{
    char space[CW_DIGITS_SIZE];
    put_text(encoder, "epoch", cw_digits(space, position.epoch));
    encoder->ops->key(encoder, "offset");
    encoder->ops->integer(encoder, position.offset);
}

static void put_id(struct cw_encoder *encoder, const struct cw_command_id *id)
{
    if (id == NULL || id->type == CW_ID_NONE)
        return;
    encoder->ops->key(encoder, "id");
    if (id->type == CW_ID_INTEGER)
        encoder->ops->integer(encoder, id->integer);
    else
        encoder->ops->text(encoder, cw_bytes_make(id->text, id->size));
}

static const char *type_name(enum cw_payload_type type)
{
    static const char *const names[] = {
        [CW_PAYLOAD_JSON] = "json",
        [CW_PAYLOAD_TEXT] = "text",
        [CW_PAYLOAD_BYTES] = "bytes",
    };
    return names[type];
}

static void describe_welcome(struct cw_encoder *encoder, const void *arg)
{
    const struct cw_event_welcome *welcome = arg;

    put_op(encoder, "welcome");
    put_text(encoder, "channel", cw_bytes_text(welcome->channel));
    put_text(encoder, "node", cw_bytes_text(welcome->node));
    put_text(encoder, "type", cw_bytes_text(type_name(welcome->type)));
    put_integer(encoder, "created", welcome->created_ms);
    encoder->ops->key(encoder, "expires");
    if (welcome->expires_s > 0)
        encoder->ops->integer(encoder, (uint64_t)welcome->expires_s);
    else
        encoder->ops->null(encoder);
    put_integer(encoder, "heartbeat", welcome->heartbeat_s);
    put_text_or_null(encoder, "session", cw_bytes_text(welcome->session));
    put_boolean(encoder, "resumed", welcome->is_resumed);
    encoder->ops->key(encoder, "groups");
    encoder->ops->array_begin(encoder, welcome->group_count);
    for (size_t i = 0; i < welcome->group_count; i++)
        encoder->ops->text(encoder, welcome->groups[i]);
    encoder->ops->array_end(encoder);
    put_text_or_null(encoder, "user", cw_bytes_text(welcome->user));
    put_text(encoder, "version", cw_bytes_text(welcome->version));
    encoder->ops->map_end(encoder);
}

struct cw_buf *cw_event_welcome(enum cw_kind kind, const struct cw_event_welcome *welcome)
{
    return make_frame(cw_encoder_of(kind), describe_welcome, welcome);
}

static void describe_message(struct cw_encoder *encoder, const void *arg)
{
    const struct cw_message *message = arg;

    put_op(encoder, "message");
    if (message->group.size > 0)
        put_text(encoder, "group", message->group);
    put_text(encoder, "from", message->from.size > 0 ? message->from : cw_bytes_text("server"));
    if (message->is_logged)
        put_position(encoder, message->position);
    encoder->ops->payload(encoder, message->type, message->payload);
    encoder->ops->map_end(encoder);
}

struct cw_buf *cw_event_message(enum cw_kind kind, const struct cw_message *message)
{
    if (kind == CW_KIND_RAW) {
        bool is_binary = message->type == CW_PAYLOAD_BYTES;
        return cw_frame_create(is_binary ? CW_FRAME_BINARY : CW_FRAME_TEXT, message->payload);
    }
    const struct cw_encoder_ops *ops = cw_encoder_of(kind);
    struct cw_message shown = *message;
    if (message->type == CW_PAYLOAD_JSON && ops->data != NULL) {
        int rc = ops->data(message->payload, &shown.payload);
        if (rc == CW_ERR_PAYLOAD) /* put into Redis in a node's name: nothing is left out for it */
            shown.type = CW_PAYLOAD_BYTES;
        else if (rc != CW_OK)
            return NULL;
    }
    bool is_short = shown.payload.size <= (SHORT_MAX - MESSAGE_FIELDS_MAX) / ESCAPE_MAX &&
                    shown.group.size <= CW_GROUP_NAME_MAX && shown.from.size <= CW_GROUP_NAME_MAX;
    return ops != NULL && is_short ? make_short_frame(ops, describe_message, &shown)
                                   : make_frame(ops, describe_message, &shown);
}

struct ok_reply {
    const struct cw_command_id *id;
    const struct cw_event_ok *ok;
};

static void put_members(struct cw_encoder *encoder, const struct cw_event_ok *ok)
{
    encoder->ops->key(encoder, "members");
    encoder->ops->array_begin(encoder, ok->member_count);
    for (size_t i = 0; i < ok->member_count; i++) {
        encoder->ops->map_begin(encoder);
        put_text(encoder, "channel", ok->members[i].channel);
        put_text_or_null(encoder, "user", ok->members[i].user);
        put_text(encoder, "node", ok->members[i].node);
        encoder->ops->map_end(encoder);
    }
    encoder->ops->array_end(encoder);
    if (ok->next.size > 0)
        put_text(encoder, "next", ok->next);
}

static void put_user(struct cw_encoder *encoder, const struct cw_event_ok *ok)
{
    put_text(encoder, "user", cw_bytes_text(ok->user));
    if (ok->expires_at_ms > 0) {
        put_integer(encoder, "expires_at", ok->expires_at_ms);
    } else {
        encoder->ops->key(encoder, "expires_at");
        encoder->ops->null(encoder);
    }
}

static void describe_ok(struct cw_encoder *encoder, const void *arg)
{
    const struct ok_reply *reply = arg;
    const struct cw_event_ok *ok = reply->ok;

    put_op(encoder, "ok");
    put_id(encoder, reply->id);
    if (ok->has_position)
        put_position(encoder, ok->position);
    if (ok->is_duplicate)
        put_boolean(encoder, "duplicate", true);
    if (ok->has_recovered)
        put_boolean(encoder, "recovered", ok->is_recovered);
    if (ok->status != NULL)
        put_text(encoder, "status", cw_bytes_text(ok->status));
    if (ok->has_members)
        put_members(encoder, ok);
    if (ok->user != NULL)
        put_user(encoder, ok);
    encoder->ops->map_end(encoder);
}

struct cw_buf *cw_event_ok(enum cw_kind kind, const struct cw_command_id *id,
                           const struct cw_event_ok *ok)
{
    struct ok_reply reply = {id, ok};
    return make_frame(cw_encoder_of(kind), describe_ok, &reply);
}

struct error_reply {
    const struct cw_command_id *id;
    const struct cw_event_error *error;
};

static void put_details(struct cw_encoder *encoder, const struct cw_event_details *details)
{
    encoder->ops->key(encoder, "details");
    encoder->ops->map_begin(encoder);
    put_text(encoder, "pointer", cw_bytes_text(details->pointer));
    put_text(encoder, "keyword", cw_bytes_text(details->keyword));
    put_text(encoder, "message", cw_bytes_text(details->message));
    encoder->ops->map_end(encoder);
}

static void describe_error(struct cw_encoder *encoder, const void *arg)
{
    const struct error_reply *reply = arg;
    const struct cw_event_error *error = reply->error;
    const char *message = error->message != NULL ? error->message : cw_error_text(error->error);

    put_op(encoder, "error");
    put_id(encoder, reply->id);
    put_text(encoder, "code", cw_bytes_text(cw_error_code(error->error)));
    put_text(encoder, "message", cw_bytes_text(message));
    put_boolean(encoder, "temporary", cw_error_is_temporary(error->error));
    if (error->retry_ms >= 0)
        put_integer(encoder, "retry_ms", error->retry_ms);
    if (error->group.size > 0)
        put_text(encoder, "group", error->group);
    if (error->details != NULL)
        put_details(encoder, error->details);
    encoder->ops->map_end(encoder);
}

struct cw_buf *cw_event_error(enum cw_kind kind, const struct cw_command_id *id,
                              const struct cw_event_error *error)
{
    struct error_reply reply = {id, error};
    const struct cw_encoder_ops *ops = cw_encoder_of(kind);

    if (kind == CW_KIND_RAW && error->error == CW_ERR_PAYLOAD)
        ops = &cw_json_encoder;
    return make_frame(ops, describe_error, &reply);
}

static void describe_pong(struct cw_encoder *encoder, const void *arg)
{
    put_op(encoder, "pong");
    put_id(encoder, arg);
    encoder->ops->map_end(encoder);
}

struct cw_buf *cw_event_pong(enum cw_kind kind, const struct cw_command_id *id)
{
    return make_frame(cw_encoder_of(kind), describe_pong, id);
}

struct joined_event {
    bool is_joined;
    bool has_position;
    struct cw_bytes group;
    struct cw_position position;
};

static void describe_joined(struct cw_encoder *encoder, const void *arg)
{
    const struct joined_event *joined = arg;

    put_op(encoder, joined->is_joined ? "joined" : "left");
    put_text(encoder, "group", joined->group);
    if (joined->has_position)
        put_position(encoder, joined->position);
    encoder->ops->map_end(encoder);
}

struct cw_buf *cw_event_joined(enum cw_kind kind, bool is_joined, struct cw_bytes group,
                               bool has_position, struct cw_position position)
{
    struct joined_event joined = {is_joined, has_position, group, position};
    return make_frame(cw_encoder_of(kind), describe_joined, &joined);
}

struct presence_event {
    bool is_join;
    struct cw_bytes group, channel, user;
};

static void describe_presence(struct cw_encoder *encoder, const void *arg)
{
    const struct presence_event *presence = arg;

    put_op(encoder, "presence");
    put_text(encoder, "group", presence->group);
    put_text(encoder, "event", cw_bytes_text(presence->is_join ? "join" : "leave"));
    put_text(encoder, "channel", presence->channel);
    put_text_or_null(encoder, "user", presence->user);
    encoder->ops->map_end(encoder);
}

struct cw_buf *cw_event_presence(enum cw_kind kind, bool is_join, struct cw_bytes group,
                                 struct cw_bytes channel, struct cw_bytes user)
{
    struct presence_event presence = {is_join, group, channel, user};
    return make_frame(cw_encoder_of(kind), describe_presence, &presence);
}

struct gap_event {
    struct cw_bytes group;
    struct cw_position last_lost;
};

static void describe_gap(struct cw_encoder *encoder, const void *arg)
{
    const struct gap_event *gap = arg;

    put_op(encoder, "gap");
    if (gap->group.size > 0)
        put_text(encoder, "group", gap->group);
    if (gap->last_lost.epoch != 0 || gap->last_lost.offset != 0)
        put_position(encoder, gap->last_lost);
    encoder->ops->map_end(encoder);
}

struct cw_buf *cw_event_gap(enum cw_kind kind, struct cw_bytes group, struct cw_position last_lost)
{
    struct gap_event gap = {group, last_lost};
    return make_frame(cw_encoder_of(kind), describe_gap, &gap);
}

struct bye_event {
    int code;
    const char *reason;
    int64_t retry_ms;
};

static void describe_bye(struct cw_encoder *encoder, const void *arg)
{
    const struct bye_event *bye = arg;

    put_op(encoder, "bye");
    put_integer(encoder, "code", bye->code);
    put_text(encoder, "reason", cw_bytes_text(bye->reason));
    if (bye->retry_ms >= 0) {
        put_integer(encoder, "retry_ms", bye->retry_ms);
    } else {
        encoder->ops->key(encoder, "retry_ms");
        encoder->ops->null(encoder);
    }
    encoder->ops->map_end(encoder);
}

struct cw_buf *cw_event_bye(enum cw_kind kind, int code, const char *reason, int64_t retry_ms)
{
    struct bye_event bye = {code, reason, retry_ms};
    return make_frame(cw_encoder_of(kind), describe_bye, &bye);
}
