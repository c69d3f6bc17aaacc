/*
 * protocol.c - three ways to speak.
 *
 *               chanway.v1.json                              raw                      baseline
 *   join        {"op":"join","id":1,"group":"b7"} -> ok      ?type=text&groups=b7     j 7 -> j 7
 *   publish     {"op":"publish","group":"b7","text":"..."}   the payload (?publish=)  p 7 ...
 *   delivery    {"op":"message",...,"text":"..."}            the payload              the payload
 */
#include "protocol.h"

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

const char *bench_speech_subprotocol(enum bench_speech speech)
{
    return speech == BENCH_JSON ? "chanway.v1.json" : NULL;
}

void bench_speech_query(enum bench_speech speech, uint32_t group, bool publishes, char *path,
                        size_t size)
{
    size_t used = strlen(path);
    if (speech != BENCH_RAW)
        return;
    int more = snprintf(path + used, size - used, "%ctype=text&groups=b%u",
                        strchr(path, '?') == NULL ? '?' : '&', group);
    used += (size_t)more;
    if (publishes && used < size)
        (void)snprintf(path + used, size - used, "&publish=b%u", group);
}

bool bench_speech_has_welcome(enum bench_speech speech)
{
    return speech == BENCH_JSON;
}

bool bench_speech_has_join(enum bench_speech speech)
{
    return speech != BENCH_RAW;
}

void bench_speech_join(enum bench_speech speech, uint32_t group, struct bench_text *text)
{
    if (speech == BENCH_JSON)
        append_format(text, "{\"op\":\"join\",\"id\":1,\"group\":\"b%u\"}", group);
    else
        append_format(text, "j %u", group);
}

void bench_speech_publish(enum bench_speech speech, uint32_t group, struct cw_bytes payload,
                          bool as_data, uint32_t id, struct bench_text *text)
{
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
    if (speech == BENCH_FLOOR) {
        bench_speech_publish(speech, group, payload, false, 0, text);
        return;
    }
    append_format(text, "{\"op\":\"send\",\"to\":\"%s\",\"text\":\"", channel);
    bench_text_append(text, payload.data, payload.size);
    bench_text_append(text, "\"}", 2);
}

enum bench_reply bench_speech_read(enum bench_speech speech, struct cw_bytes frame)
{
    static const struct {
        const char *text;
        enum bench_reply reply;
    } words[] = {{"\"op\":\"ok\"", BENCH_OK},
                 {"\"op\":\"welcome\"", BENCH_WELCOME},
                 {"\"op\":\"error\"", BENCH_ERROR},
                 {"\"op\":\"bye\"", BENCH_BYE}};
    if (speech == BENCH_FLOOR)
        return frame.size > 0 && frame.data[0] == 'j' ? BENCH_OK : BENCH_OTHER;
    size_t size = frame.size < HEAD_SIZE ? frame.size : HEAD_SIZE;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && size > 0; i++)
        if (memmem(frame.data, size, words[i].text, strlen(words[i].text)) != NULL)
            return words[i].reply;
    return BENCH_OTHER;
}

bool bench_speech_channel(struct cw_bytes welcome, char ret_channel[BENCH_CHANNEL_ID_SIZE + 1])
{
    static const char name[] = "\"channel\":\"";
    const char *at = memmem(welcome.data, welcome.size, name, strlen(name));
    if (at == NULL)
        return false;
    at += strlen(name);
    if ((size_t)(welcome.data + welcome.size - at) < BENCH_CHANNEL_ID_SIZE)
        return false;
    memcpy(ret_channel, at, BENCH_CHANNEL_ID_SIZE);
    ret_channel[BENCH_CHANNEL_ID_SIZE] = '\0';
    return true;
}
