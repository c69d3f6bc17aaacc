/*
 * connection.c - the client's half of RFC 6455, as far as a load generator needs it.
 *
 *   CLOSED --start--> CONNECTING --writable--> UPGRADING --101--> OPEN --owner--> READY
 *      ^                                                            |               |
 *      +------------------------ on_end <-- CLOSING <--- close -----+---------------+
 *
 * Every handler returns NULL, or why the connection has to end; on_end is the last thing that
 * happens in a turn to a connection, so its owner may start it again from there. Sockets are reset
 * instead of closed: ten thousand of them in TIME_WAIT would use up the ports of the next run.
 */
#include "connection.h"

#include "frame.h"
#include "now.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define SPACE_SIZE (256 * 1024)
#define HEAD_MAX   8192

/* The key of RFC 6455 section 1.3, and what a server has to answer to it. */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/* --- life
 * ----------------------------------------------------------------------------------------- */

static void watch(struct bench_net *net, struct bench_connection *connection, int how,
                  uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    (void)epoll_ctl(net->epoll, how, connection->fd, &event);
}

void bench_connection_drop(struct bench_connection *connection)
{
    if (connection->state != BENCH_CLOSED) {
        static const struct linger reset = {1, 0};
        (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        (void)close(connection->fd);
    }
    connection->fd = -1;
    connection->state = BENCH_CLOSED;
    connection->out_sent = 0;
    bench_text_finish(&connection->in);
    bench_text_finish(&connection->out);
}

static void end(struct bench_net *net, struct bench_connection *connection, const char *why)
{
    enum bench_state was = connection->state;
    bench_connection_drop(connection);
    net->ops->on_end(net->arg, connection, was, why);
}

/* Clients of a server on this machine come from 127.16.x.y, by the process: ports enough for all of
 * them. */
static void bind_source(struct bench_net *net, const struct bench_connection *connection)
{
    static const int one = 1;
    if (!connection->address->is_loopback)
        return;
    uint32_t source = 0x7F100000U + (((uint32_t)getpid() & 0xFFF) << 8) + 1 + net->next_source;
    net->next_source = (net->next_source + 1) % net->sources;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
    (void)setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    (void)bind(connection->fd, (const struct sockaddr *)&address, sizeof(address));
}

void bench_connection_start(struct bench_net *net, struct bench_connection *connection)
{
    static const int one = 1;
    const struct bench_address *address = connection->address;
    connection->fd =
        socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) {
        perror("chanway-bench: socket");
        exit(2);
    }
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    bind_source(net, connection);
    connection->started_ns = bench_now_ns();
    connection->state = BENCH_CONNECTING;
    connection->waits_for_write = false;
    connection->is_lost = false;
    watch(net, connection, EPOLL_CTL_ADD, EPOLLOUT);
    /* An error other than EINPROGRESS shows as an event as well. */
    (void)connect(connection->fd, (const struct sockaddr *)&address->socket, address->size);
}

/* --- output
 * --------------------------------------------------------------------------------------- */

static void mark_dirty(struct bench_net *net, struct bench_connection *connection)
{
    if (connection->is_dirty)
        return;
    if (net->dirty_count == net->dirty_capacity) {
        net->dirty_capacity = net->dirty_capacity * 2 + 64;
        void *grown = realloc(net->dirty, net->dirty_capacity * sizeof(struct bench_connection *));
        if (grown == NULL)
            abort();
        net->dirty = grown;
    }
    connection->is_dirty = true;
    net->dirty[net->dirty_count++] = connection;
}

static void send_frame(struct bench_net *net, struct bench_connection *connection,
                       enum bench_opcode opcode, struct cw_bytes payload)
{
    bench_frame_append(&connection->out, opcode, payload);
    mark_dirty(net, connection);
}

void bench_connection_send(struct bench_net *net, struct bench_connection *connection,
                           struct cw_bytes text)
{
    send_frame(net, connection,
               bench_speech_is_binary(connection->speech) ? BENCH_FRAME_BINARY : BENCH_FRAME_TEXT,
               text);
}

void bench_connection_close(struct bench_net *net, struct bench_connection *connection)
{
    static const char code_1000[] = {0x03, (char)0xE8};
    send_frame(net, connection, BENCH_FRAME_CLOSE, cw_bytes_make(code_1000, sizeof(code_1000)));
    connection->state = BENCH_CLOSING;
}

void bench_connection_lose(struct bench_net *net, struct bench_connection *connection)
{
    connection->is_lost = true;
    connection->state = BENCH_CLOSING;
    mark_dirty(net, connection);
}

static const char *flush(struct bench_net *net, struct bench_connection *connection)
{
    while (bench_connection_unsent(connection) > 0) {
        ssize_t sent = send(connection->fd, connection->out.data + connection->out_sent,
                            bench_connection_unsent(connection), MSG_NOSIGNAL);
        if (sent >= 0) {
            connection->out_sent += (size_t)sent;
        } else if (errno == EAGAIN) {
            if (!connection->waits_for_write)
                watch(net, connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            connection->waits_for_write = true;
            return NULL;
        } else if (errno != EINTR) {
            return strerror(errno);
        }
    }
    connection->out.size = connection->out_sent = 0;
    if (connection->waits_for_write)
        watch(net, connection, EPOLL_CTL_MOD, EPOLLIN);
    connection->waits_for_write = false;
    return NULL;
}

static void flush_all(struct bench_net *net)
{
    /* Ending one may dirty others, behind the end of this list. */
    for (size_t i = 0; i < net->dirty_count; i++) {
        struct bench_connection *connection = net->dirty[i];
        connection->is_dirty = false;
        if (connection->state < BENCH_UPGRADING)
            continue;
        const char *why = connection->is_lost ? "lost on purpose" : flush(net, connection);
        if (why != NULL)
            end(net, connection, why);
    }
    net->dirty_count = 0;
}

/* --- input
 * ---------------------------------------------------------------------------------------- */

static const char *on_connected(struct bench_net *net, struct bench_connection *connection)
{
    int error = 0;
    socklen_t size = sizeof(error);
    (void)getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0)
        return strerror(error);

    char path[512];
    (void)snprintf(path, sizeof(path), "%s", connection->address->path);
    bench_speech_query(connection->speech, connection->group, connection->publishes, path,
                       sizeof(path));
    bench_speech_resume(connection->session, path, sizeof(path));
    const char *subprotocol = bench_speech_subprotocol(connection->speech);
    char head[1024];
    int head_size = snprintf(
        head, sizeof(head),
        "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n%s%s%s\r\n",
        path, connection->address->host, subprotocol == NULL ? "" : "Sec-WebSocket-Protocol: ",
        subprotocol == NULL ? "" : subprotocol, subprotocol == NULL ? "" : "\r\n");
    bench_text_append(&connection->out, head, (size_t)head_size);
    connection->state = BENCH_UPGRADING;
    watch(net, connection, EPOLL_CTL_MOD, EPOLLIN);
    return flush(net, connection);
}

/* The answer to the upgrade, if all of it is there. */
static const char *on_head(struct bench_net *net, struct bench_connection *connection,
                           struct cw_bytes bytes, size_t *used)
{
    static char refused[128];
    const char *blank = memmem(bytes.data, bytes.size, "\r\n\r\n", 4);
    if (blank == NULL)
        return bytes.size < HEAD_MAX ? NULL : "the answer to the upgrade is too long";
    size_t size = (size_t)(blank + 4 - bytes.data);
    static const char status[] = "HTTP/1.1 101 ";
    if (size < strlen(status) || memcmp(bytes.data, status, strlen(status)) != 0) {
        size_t line = strcspn(bytes.data, "\r");
        (void)snprintf(refused, sizeof(refused), "the upgrade was refused: %.*s",
                       (int)(line < 90 ? line : 90), bytes.data);
        return refused;
    }
    if (memmem(bytes.data, size, ACCEPT, strlen(ACCEPT)) == NULL)
        return "no valid Sec-WebSocket-Accept";
    *used = size;
    connection->state = BENCH_OPEN;
    net->ops->on_open(net->arg, connection);
    return NULL;
}

static const char *on_close_frame(const struct bench_frame *frame)
{
    static char closed[128];
    const char *data = frame->payload.data;
    if (frame->payload.size < 2)
        return "closed by the server";
    int reason = (int)frame->payload.size - 2;
    (void)snprintf(closed, sizeof(closed), "closed by the server: %u %.*s",
                   ((unsigned)(unsigned char)data[0] << 8) + (unsigned char)data[1],
                   reason < 90 ? reason : 90, data + 2);
    return closed;
}

static const char *on_frame(struct bench_net *net, struct bench_connection *connection,
                            const struct bench_frame *frame)
{
    switch (frame->opcode) {
    case BENCH_FRAME_TEXT:
    case BENCH_FRAME_BINARY:
        if (!frame->is_final)
            return "a fragmented message: not understood here";
        net->ops->on_message(net->arg, connection, frame->payload);
        return NULL;
    case BENCH_FRAME_CLOSE:
        return on_close_frame(frame);
    case BENCH_FRAME_PING:
        send_frame(net, connection, BENCH_FRAME_PONG, frame->payload);
        return NULL;
    case BENCH_FRAME_PONG:
        return NULL;
    default:
        return "a frame of an unknown kind";
    }
}

/* All that is complete of what was read; `used` is how much that was. */
static const char *on_bytes(struct bench_net *net, struct bench_connection *connection,
                            struct cw_bytes bytes, size_t *used)
{
    const char *why = NULL;
    *used = 0;
    if (connection->state == BENCH_UPGRADING)
        why = on_head(net, connection, bytes, used);
    while (why == NULL && connection->state >= BENCH_OPEN) {
        struct bench_frame frame;
        size_t size =
            bench_frame_read(cw_bytes_make(bytes.data + *used, bytes.size - *used), &frame);
        if (size == 0)
            break;
        *used += size;
        why = on_frame(net, connection, &frame);
    }
    return why;
}

static const char *on_readable(struct bench_net *net, struct bench_connection *connection)
{
    size_t kept = connection->in.size;
    struct bench_text *space = &net->space;
    if (kept >= space->capacity)
        return "a frame is larger than any that was sent";
    if (kept > 0)
        memcpy(space->data, connection->in.data, kept);
    ssize_t got = recv(connection->fd, space->data + kept, space->capacity - kept, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? NULL : strerror(errno);
    if (got == 0)
        return "the server has closed the connection";

    net->now_ns = bench_now_ns();
    size_t used;
    size_t size = kept + (size_t)got;
    const char *why = on_bytes(net, connection, cw_bytes_make(space->data, size), &used);
    if (why != NULL)
        return why;
    connection->in.size = 0;
    if (used < size)
        bench_text_append(&connection->in, space->data + used, size - used);
    return NULL;
}

static const char *on_event(struct bench_net *net, struct bench_connection *connection,
                            uint32_t events)
{
    if (connection->state == BENCH_CONNECTING)
        return on_connected(net, connection);
    const char *why = NULL;
    if ((events & EPOLLOUT) != 0)
        why = flush(net, connection);
    if (why == NULL && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        why = on_readable(net, connection);
    return why;
}

/* --- the loop
 * ------------------------------------------------------------------------------------- */

void bench_net_init(struct bench_net *net, const struct bench_net_ops *ops, void *arg,
                    size_t message_max)
{
    *net = (struct bench_net){.ops = ops, .arg = arg, .sources = 1};
    net->epoll = epoll_create1(EPOLL_CLOEXEC);
    net->space.capacity = SPACE_SIZE + 2 * message_max;
    net->space.data = malloc(net->space.capacity);
    if (net->epoll < 0 || net->space.data == NULL)
        abort();
}

void bench_net_finish(struct bench_net *net)
{
    (void)close(net->epoll);
    bench_text_finish(&net->space);
    free(net->dirty);
}

void bench_net_turn(struct bench_net *net, uint64_t timeout_ns)
{
    struct epoll_event events[EVENTS_MAX];
    flush_all(net);
    struct timespec timeout = {(time_t)(timeout_ns / 1000000000), (long)(timeout_ns % 1000000000)};
    int count = epoll_pwait2(net->epoll, events, EVENTS_MAX, &timeout, NULL);
    net->now_ns = bench_now_ns();
    for (int i = 0; i < count; i++) {
        struct bench_connection *connection = events[i].data.ptr;
        const char *why = on_event(net, connection, events[i].events);
        if (why != NULL)
            end(net, connection, why);
    }
}
