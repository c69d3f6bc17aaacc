/*
 * connection.h - WebSocket clients on one epoll loop: connect, upgrade, frames both ways.
 *
 * Nothing is sent before the end of a turn, so that what one turn says to one connection is one
 * write.
 */
#ifndef CW_BENCH_CONNECTION_H
#define CW_BENCH_CONNECTION_H

#include <chanway/bytes.h>

#include "protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct bench_address {
    struct sockaddr_storage socket;
    socklen_t size;
    bool is_loopback; /* IPv4 127.0.0.0/8: then clients spread over source addresses */
    char host[128];   /* for the Host header */
    char path[256];
};

/** "ws://HOST[:PORT][/PATH]"; false, with a text about it, if that can't be used. */
bool bench_address_parse(const char *url, struct bench_address *ret_address, const char **ret_why);

enum bench_state {
    BENCH_CLOSED,
    BENCH_CONNECTING,
    BENCH_UPGRADING,
    BENCH_OPEN,    /* upgraded */
    BENCH_READY,   /* greeted and joined: set by the owner */
    BENCH_CLOSING, /* we have sent a close frame */
};

struct bench_connection {
    /* The owner's, set before the start. */
    const struct bench_address *address;
    enum bench_speech speech;
    uint32_t index;
    uint32_t group;
    bool is_publisher;
    bool publishes;
    char session[BENCH_SESSION_MAX + 1]; /* to be resumed; empty: a new one */

    /* Ours. */
    enum bench_state state;
    int fd;
    bool is_lost;         /* is to end at the end of the turn, without a word */
    bool is_dirty;        /* has something to send at the end of the turn */
    bool waits_for_write; /* the socket was full */
    uint64_t started_ns;
    struct bench_text in;  /* the beginning of a frame that is not all there */
    struct bench_text out; /* not sent yet, from out_sent on */
    size_t out_sent;

    char channel[BENCH_CHANNEL_ID_SIZE + 1]; /* the owner's: who we are */
    bool awaits_welcome;                     /* the owner's: its next ok is a welcome */
    uint8_t tail_size;                       /* the owner's: the end of a stream so far, which */
    char tail[15];                           /* may be the beginning of a marker */
};

struct bench_net;

/**
 * All are called within bench_net_turn. on_end comes once per start, and may start it again; `was`
 * is the state in which it ended, and `why` is worth telling unless that was BENCH_CLOSING.
 */
struct bench_net_ops {
    void (*on_open)(void *arg, struct bench_connection *connection);
    void (*on_message)(void *arg, struct bench_connection *connection, struct cw_bytes payload);
    void (*on_end)(void *arg, struct bench_connection *connection, enum bench_state was,
                   const char *why);
};

struct bench_net {
    const struct bench_net_ops *ops;
    void *arg;
    int epoll;
    unsigned sources; /* loopback addresses that clients come from */
    unsigned next_source;
    uint64_t now_ns;         /* when the bytes that are being handled were read */
    struct bench_text space; /* what recv writes into */
    struct bench_connection **dirty;
    size_t dirty_count;
    size_t dirty_capacity;
};

/** `message_max`: the largest payload that is expected. */
void bench_net_init(struct bench_net *net, const struct bench_net_ops *ops, void *arg,
                    size_t message_max);
void bench_net_finish(struct bench_net *net);
/** Sends what is due, then waits for at most `timeout_ns`, and handles what came. */
void bench_net_turn(struct bench_net *net, uint64_t timeout_ns);

void bench_connection_start(struct bench_net *net, struct bench_connection *connection);
void bench_connection_send(struct bench_net *net, struct bench_connection *connection,
                           struct cw_bytes text);
/** A close frame 1000; on_end follows when the server has closed. */
void bench_connection_close(struct bench_net *net, struct bench_connection *connection);
/** As if the network were gone: on_end, with BENCH_CLOSING, at the end of the turn. */
void bench_connection_lose(struct bench_net *net, struct bench_connection *connection);
/** At once, without on_end. Frees its buffers. */
void bench_connection_drop(struct bench_connection *connection);

static inline size_t bench_connection_unsent(const struct bench_connection *connection)
{
    return connection->out.size - connection->out_sent;
}

#endif
