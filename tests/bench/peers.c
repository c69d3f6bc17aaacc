/*
 * peers.c - a few words of three protocols.
 */
#include "peers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool bench_peer_find(const char *name, enum bench_speech *ret_speech)
{
    static const struct {
        const char *name;
        enum bench_speech speech;
    } rows[] = {{"floor", BENCH_FLOOR},
                {"socketio", BENCH_SOCKETIO},
                {"nats", BENCH_NATS},
                {"nchan", BENCH_NCHAN}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(name, rows[i].name) == 0) {
            *ret_speech = rows[i].speech;
            return true;
        }
    }
    return false;
}

enum bench_speech bench_peer_publisher(enum bench_speech speech)
{
    return speech == BENCH_NCHAN ? BENCH_NCHAN_PUBLISHER : speech;
}

void bench_peer_path(enum bench_speech speech, uint32_t group, bool publishes, char *path,
                     size_t size)
{
    size_t used = strlen(path);
    const char *what = publishes ? "both" : speech == BENCH_NCHAN ? "sub" : "pub";
    if (speech == BENCH_NCHAN || speech == BENCH_NCHAN_PUBLISHER)
        (void)snprintf(path + used, size - used, "/%s/b%u", what, group);
}

__attribute__((format(printf, 2, 3))) static void append_words(struct bench_text *text,
                                                               const char *format, ...)
{
    char space[64];
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(space, sizeof(space), format, arguments);
    va_end(arguments);
    bench_text_append(text, space, (size_t)used);
}

void bench_peer_join(enum bench_speech speech, uint32_t group, struct bench_text *text)
{
    if (speech == BENCH_SOCKETIO)
        append_words(text, "42[\"j\",\"b%u\"]", group);
    else
        append_words(text, "SUB b%u 1\r\nPING\r\n", group);
}

void bench_peer_publish(enum bench_speech speech, uint32_t group, struct cw_bytes payload,
                        struct bench_text *text)
{
    if (speech == BENCH_SOCKETIO)
        append_words(text, "42[\"p\",\"b%u\",\"", group);
    if (speech == BENCH_NATS)
        append_words(text, "PUB b%u %zu\r\n", group, payload.size);
    bench_text_append(text, payload.data, payload.size);
    if (speech == BENCH_SOCKETIO)
        bench_text_append(text, "\"]", 2);
    if (speech == BENCH_NATS)
        bench_text_append(text, "\r\n", 2);
}

enum bench_reply bench_peer_read(enum bench_speech speech, struct cw_bytes frame)
{
    static const struct {
        const char *begin;
        enum bench_speech speech;
        enum bench_reply reply;
    } rows[] = {{"0{", BENCH_SOCKETIO, BENCH_GREETING}, {"40{", BENCH_SOCKETIO, BENCH_OK},
                {"42[\"j\"", BENCH_SOCKETIO, BENCH_OK}, {"44", BENCH_SOCKETIO, BENCH_ERROR},
                {"2", BENCH_SOCKETIO, BENCH_PING},      {"INFO ", BENCH_NATS, BENCH_GREETING},
                {"PONG", BENCH_NATS, BENCH_OK},         {"-ERR", BENCH_NATS, BENCH_ERROR},
                {"PING", BENCH_NATS, BENCH_PING}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t size = strlen(rows[i].begin);
        if (rows[i].speech == speech && frame.size >= size &&
            memcmp(frame.data, rows[i].begin, size) == 0)
            return rows[i].reply;
    }
    return BENCH_OTHER;
}

const char *bench_peer_answer(enum bench_speech speech, enum bench_reply reply)
{
    if (speech == BENCH_SOCKETIO)
        return reply == BENCH_GREETING ? "40" : "3";
    return reply == BENCH_GREETING ? "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n"
                                   : "PONG\r\n";
}
