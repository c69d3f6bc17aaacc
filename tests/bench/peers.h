/*
 * peers.h - how other servers are spoken to, so that the same load can be put on them.
 *
 *               Socket.IO 4                 NATS over WebSocket            nchan
 *   greeting    0{...} -> 40 -> 40{...}     INFO -> CONNECT, PING -> PONG  the URL says all:
 *   join        42["j","b7"] -> 42["j"]     SUB b7 1, PING -> PONG         /sub/b7
 *   publish     42["p","b7","..."]          PUB b7 128 ...                 /pub/b0, /both/b7
 *   delivery    42["m","..."]               MSG b7 1 128 ..., a stream     the payload
 *
 * Pure: text in, text out.
 */
#ifndef CW_BENCH_PEERS_H
#define CW_BENCH_PEERS_H

#include "protocol.h"

static inline bool bench_peer_is(enum bench_speech speech)
{
    return speech >= BENCH_SOCKETIO;
}

/** The speech of `--server NAME`; false: there is no such one. */
bool bench_peer_find(const char *name, enum bench_speech *ret_speech);
/** How its publishers speak. */
enum bench_speech bench_peer_publisher(enum bench_speech speech);
/** Appends to a path what says to join, or to publish. */
void bench_peer_path(enum bench_speech speech, uint32_t group, bool publishes, char *path,
                     size_t size);
void bench_peer_join(enum bench_speech speech, uint32_t group, struct bench_text *text);
void bench_peer_publish(enum bench_speech speech, uint32_t group, struct cw_bytes payload,
                        struct bench_text *text);
enum bench_reply bench_peer_read(enum bench_speech speech, struct cw_bytes frame);
/** What is to be said to a BENCH_GREETING or a BENCH_PING. */
const char *bench_peer_answer(enum bench_speech speech, enum bench_reply reply);

#endif
