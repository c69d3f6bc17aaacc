/*
 * protocol.h - what is said over a WebSocket: chanway.v1.json, chanway.v1.msgpack, Chanway without
 * a subprotocol (raw), and the baseline's few words. Pure: text in, text out.
 */
#ifndef CW_BENCH_PROTOCOL_H
#define CW_BENCH_PROTOCOL_H

#include <chanway/bytes.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_CHANNEL_ID_SIZE 36
#define BENCH_SESSION_MAX     127

/** How a connection speaks. A raw one joins by its URL and says nothing but payloads. */
enum bench_speech {
    BENCH_JSON,
    BENCH_MSGPACK,
    BENCH_RAW,
    BENCH_FLOOR,
    BENCH_SOCKETIO, /* from here on: other servers, see peers.h */
    BENCH_NATS,
    BENCH_NCHAN,
    BENCH_NCHAN_PUBLISHER,
};

/** What a frame without a marker says. */
enum bench_reply {
    BENCH_GREETING,
    BENCH_PING,
    BENCH_WELCOME,
    BENCH_OK,
    BENCH_ERROR,
    BENCH_BYE,
    BENCH_OTHER
};

/** Growing text that is written and then sent. */
struct bench_text {
    char *data;
    size_t size;
    size_t capacity;
};

/** Aborts the program when there is no memory. */
void bench_text_append(struct bench_text *text, const void *data, size_t size);
void bench_text_finish(struct bench_text *text);

/** Are its frames binary ones? */
bool bench_speech_is_binary(enum bench_speech speech);
/** The Sec-WebSocket-Protocol to ask for; NULL: none. */
const char *bench_speech_subprotocol(enum bench_speech speech);
/** Appends the query by which a raw channel joins `group`, and publishes to it if `publishes`. */
void bench_speech_query(enum bench_speech speech, uint32_t group, bool publishes, char *path,
                        size_t size);
/** Appends the query that resumes `session`; nothing if it is empty. */
void bench_speech_resume(const char *session, char *path, size_t size);
/** Does the server greet before anything else, and does a join have an answer? */
bool bench_speech_has_welcome(enum bench_speech speech);
bool bench_speech_has_join(enum bench_speech speech);
/** Are its frames pieces of a stream, which may have several messages, or parts of them? */
bool bench_speech_is_stream(enum bench_speech speech);

/* These write one frame's payload. */
void bench_speech_join(enum bench_speech speech, uint32_t group, struct bench_text *text);
/** `id` 0: no answer is wanted. `as_data`: the payload is a JSON string instead of a text. */
void bench_speech_publish(enum bench_speech speech, uint32_t group, struct cw_bytes payload,
                          bool as_data, uint32_t id, struct bench_text *text);
/** To one channel; to the baseline, which has none, to the group that only it is in. */
void bench_speech_send(enum bench_speech speech, const char *channel, uint32_t group,
                       struct cw_bytes payload, struct bench_text *text);

enum bench_reply bench_speech_read(enum bench_speech speech, struct cw_bytes frame);
/** The channel's id in a welcome; false if there is none. */
bool bench_speech_channel(struct cw_bytes welcome, char ret_channel[BENCH_CHANNEL_ID_SIZE + 1]);
/** The session's token in a welcome; false: there is none. */
bool bench_speech_session(struct cw_bytes welcome, char ret_session[BENCH_SESSION_MAX + 1]);
/** Does the welcome say that the session goes on? */
bool bench_speech_is_resumed(struct cw_bytes welcome);

#endif
