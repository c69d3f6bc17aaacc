/*
 * protocol.c - four ways to speak. MessagePack says the same as JSON.
 *
 *               chanway.v1.json                              raw                      baseline
 *   join        {"op":"join","id":1,"group":"b7"} -> ok      ?type=text&groups=b7     j 7 -> j 7
 *   publish     {"op":"publish","group":"b7","text":"..."}   the payload (?publish=)  p 7 ...
 *   delivery    {"op":"message",...,"text":"..."}            the payload              the payload
 */
#include "protocol.h"

#include "peers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No server greets or confirms with more than this before the word that tells what it is. */
#define HEAD_SIZE 64

void bench_text_append(struct bench_text *text, const void *data, size_t size)
{
    if (size > text->capacity - text->size) {
        size_t capacity = (text->size + size) * 2;
        char *grown = realloc(text->data, capacity);
        if (grown == NULL)
            abort();
        text->data = grown;
        text->capacity = capacity;
    }
    memcpy(text->data + text->size, data, size);
    text->size += size;
}

void bench_text_finish(struct bench_text *text)
{
    free(text->data);
    *text = (struct bench_text){NULL, 0, 0};
}

__attribute__((format(printf, 2, 3))) static void append_format(struct bench_text *text,
                                                                const char *format, ...)
{
    char space[256];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(space, sizeof(space), format, arguments);
    va_end(arguments);
    bench_text_append(text, space, (size_t)size);
}

/* --- MessagePack: what is needed of it ----------------------------------------------------------
 */

static void pack_byte(struct bench_text *text, unsigned byte)
{
    char value = (char)byte;
    bench_text_append(text, &value, 1);
}

static void pack_map(struct bench_text *text, unsigned count)
{
    pack_byte(text, 0x80 | count);
}

/* str of the shortest form. */
static void pack_bytes(struct bench_text *text, const char *data, size_t size)
{
    unsigned width = size < 32 ? 0 : size < 1U << 8 ? 1 : size < 1U << 16 ? 2 : 4;
    pack_byte(text, width == 0 ? 0xA0 | (unsigned)size : 0xD8 + width - (width == 4));
    for (unsigned shift = 8 * width; shift > 0; shift -= 8)
        pack_byte(text, (unsigned)(size >> (shift - 8)) & 0xFF);
    bench_text_append(text, data, size);
}

static void pack_text(struct bench_text *text, const char *word)
{
    pack_bytes(text, word, strlen(word));
}

static void pack_group(struct bench_text *text, uint32_t group)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "b%u", group);
    pack_text(text, "group");
    pack_text(text, name);
}

static void pack_id(struct bench_text *text, uint32_t id)
{
    pack_text(text, "id");
    pack_byte(text, 0xCE);
    for (unsigned shift = 32; shift > 0; shift -= 8)
        pack_byte(text, id >> (shift - 8) & 0xFF);
}

static void pack_op(struct bench_text *text, unsigned members, const char *op)
{
    pack_map(text, members);
    pack_text(text, "op");
    pack_text(text, op);
}

/* --- all ways
 * ------------------------------------------------------------------------------------- */

bool bench_speech_is_binary(enum bench_speech speech)
{
    return speech == BENCH_MSGPACK;
}

const char *bench_speech_subprotocol(enum bench_speech speech)
{
    if (speech == BENCH_MSGPACK)
        return "chanway.v1.msgpack";
    return speech == BENCH_JSON ? "chanway.v1.json" : NULL;
}

void bench_speech_query(enum bench_speech speech, uint32_t group, bool publishes, char *path,
                        size_t size)
{
    size_t used = strlen(path);
    if (bench_peer_is(speech))
        bench_peer_path(speech, group, publishes, path, size);
    if (speech != BENCH_RAW)
        return;
    int more = snprintf(path + used, size - used, "%ctype=text&groups=b%u",
                        strchr(path, '?') == NULL ? '?' : '&', group);
    used += (size_t)more;
    if (publishes && used < size)
        (void)snprintf(path + used, size - used, "&publish=b%u", group);
}

void bench_speech_resume(const char *session, char *path, size_t size)
{
    size_t used = strlen(path);
    if (session[0] != '\0')
        (void)snprintf(path + used, size - used, "%csession=%s",
                       strchr(path, '?') == NULL ? '?' : '&', session);
}

bool bench_speech_has_welcome(enum bench_speech speech)
{
    return speech == BENCH_JSON || speech == BENCH_MSGPACK || speech == BENCH_SOCKETIO ||
           speech == BENCH_NATS;
}

bool bench_speech_has_join(enum bench_speech speech)
{
    return speech != BENCH_RAW && speech != BENCH_NCHAN;
}

bool bench_speech_is_stream(enum bench_speech speech)
{
    return speech == BENCH_NATS;
}

void bench_speech_join(enum bench_speech speech, uint32_t group, struct bench_text *text)
{
    if (speech == BENCH_MSGPACK) {
        pack_op(text, 3, "join");
        pack_id(text, 1);
        pack_group(text, group);
    } else if (bench_peer_is(speech)) {
        bench_peer_join(speech, group, text);
    } else if (speech == BENCH_JSON) {
        append_format(text, "{\"op\":\"join\",\"id\":1,\"group\":\"b%u\"}", group);
    } else {
        append_format(text, "j %u", group);
    }
}

void bench_speech_publish(enum bench_speech speech, uint32_t group, struct cw_bytes payload,
                          bool as_data, uint32_t id, struct bench_text *text)
{
    if (speech == BENCH_MSGPACK) {
        pack_op(text, id != 0 ? 4 : 3, "publish");
        if (id != 0)
            pack_id(text, id);
        pack_group(text, group);
        pack_text(text, as_data ? "data" : "text");
        pack_bytes(text, payload.data, payload.size);
        return;
    }
    if (bench_peer_is(speech)) {
        bench_peer_publish(speech, group, payload, text);
        return;
    }
    if (speech == BENCH_FLOOR)
        append_format(text, "p %u ", group);
    if (speech == BENCH_JSON) {
        append_format(text, "{\"op\":\"publish\",\"group\":\"b%u\",", group);
        if (id != 0)
            append_format(text, "\"id\":%u,", id);
        append_format(text, "\"%s\":\"", as_data ? "data" : "text");
    }
    bench_text_append(text, payload.data, payload.size);
    if (speech == BENCH_JSON)
        bench_text_append(text, "\"}", 2);
}

void bench_speech_send(enum bench_speech speech, const char *channel, uint32_t group,
                       struct cw_bytes payload, struct bench_text *text)
{
    if (speech == BENCH_FLOOR || bench_peer_is(speech)) {
        bench_speech_publish(speech, group, payload, false, 0, text);
        return;
    }
    if (speech == BENCH_MSGPACK) {
        pack_op(text, 3, "send");
        pack_text(text, "to");
        pack_text(text, channel);
        pack_text(text, "text");
        pack_bytes(text, payload.data, payload.size);
        return;
    }
    append_format(text, "{\"op\":\"send\",\"to\":\"%s\",\"text\":\"", channel);
    bench_text_append(text, payload.data, payload.size);
    bench_text_append(text, "\"}", 2);
}

enum bench_reply bench_speech_read(enum bench_speech speech, struct cw_bytes frame)
{
    static const struct {
        const char *json;
        const char *packed;
        enum bench_reply reply;
    } words[] = {{"\"op\":\"ok\"", "\xA2op\xA2ok", BENCH_OK},
                 {"\"op\":\"welcome\"", "\xA2op\xA7welcome", BENCH_WELCOME},
                 {"\"op\":\"error\"",
                  "\xA2op\xA5"
                  "error",
                  BENCH_ERROR},
                 {"\"op\":\"bye\"",
                  "\xA2op\xA3"
                  "bye",
                  BENCH_BYE}};
    if (bench_peer_is(speech))
        return bench_peer_read(speech, frame);
    if (speech == BENCH_FLOOR)
        return frame.size > 0 && frame.data[0] == 'j' ? BENCH_OK : BENCH_OTHER;
    size_t size = frame.size < HEAD_SIZE ? frame.size : HEAD_SIZE;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && size > 0; i++) {
        const char *word = speech == BENCH_MSGPACK ? words[i].packed : words[i].json;
        if (memmem(frame.data, size, word, strlen(word)) != NULL)
            return words[i].reply;
    }
    return BENCH_OTHER;
}

/* What follows the first `mark` in `frame`; empty: there is none. */
static struct cw_bytes behind(struct cw_bytes frame, const char *mark)
{
    const char *at = memmem(frame.data, frame.size, mark, strlen(mark));
    if (at == NULL)
        return cw_bytes_make(NULL, 0);
    at += strlen(mark);
    return cw_bytes_make(at, (size_t)(frame.data + frame.size - at));
}

/* The string that is the member `name`: `json` and `packed` are how its key is written, the latter
 * with the first byte of a str of 32 to 255 bytes. */
static bool read_member(struct cw_bytes frame, const char *json, const char *packed, size_t max,
                        char *ret_text)
{
    struct cw_bytes rest = behind(frame, json);
    size_t size = 0;
    if (rest.size > 0) {
        const char *quote = memchr(rest.data, '"', rest.size);
        size = quote == NULL ? 0 : (size_t)(quote - rest.data);
    } else {
        rest = behind(frame, packed);
        if (rest.size > 0) {
            size = (unsigned char)rest.data[0];
            rest = cw_bytes_make(rest.data + 1, rest.size - 1);
        }
    }
    if (size == 0 || size > max || size > rest.size)
        return false;
    memcpy(ret_text, rest.data, size);
    ret_text[size] = '\0';
    return true;
}

bool bench_speech_channel(struct cw_bytes welcome, char ret_channel[BENCH_CHANNEL_ID_SIZE + 1])
{
    return read_member(welcome, "\"channel\":\"",
                       "\xA7"
                       "channel\xD9",
                       BENCH_CHANNEL_ID_SIZE, ret_channel);
}

bool bench_speech_session(struct cw_bytes welcome, char ret_session[BENCH_SESSION_MAX + 1])
{
    return read_member(welcome, "\"session\":\"", "\xA7session\xD9", BENCH_SESSION_MAX,
                       ret_session);
}

bool bench_speech_is_resumed(struct cw_bytes welcome)
{
    return behind(welcome, "\"resumed\":true").data != NULL ||
           behind(welcome, "\xA7resumed\xC3").data != NULL;
}
