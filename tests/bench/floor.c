/*
 * floor.c - chanway-floor: the baseline that gateways are measured against.
 *
 *   chanway-floor PORT       on 127.0.0.1; says "ready" on stderr
 *
 * One process, groups in memory, one send() per delivery: what a fan-out over WebSockets costs on
 * this machine whoever does it. Nothing is checked, nothing is kept, nothing is shared with another
 * node. Its protocol:
 *
 *   j GROUP            joins; answered with the same text. A client joins one group.
 *   p GROUP PAYLOAD    publishes: members get a text frame with the payload
 *
 * GROUP is a number below 2^18. A subscriber whose socket takes no more is dropped: there are no
 * queues.
 */
#include <openssl/evp.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX  (1U << 18)
#define NO_GROUP    GROUPS_MAX
#define EVENTS_MAX  256
#define SPACE_SIZE  (4U << 20)
#define HEADER_MAX  10
#define MESSAGE_MAX (SPACE_SIZE - HEADER_MAX)
#define KEY_SIZE    24

struct client {
    int fd;
    uint32_t group;
    uint32_t place; /* in its group's members */
    bool is_upgraded;
    size_t kept_size;
    char *kept; /* the beginning of a frame that is not all there */
};

struct group {
    struct client **members;
    uint32_t count;
    uint32_t capacity;
};

static struct group groups[GROUPS_MAX];
static char input[SPACE_SIZE];
static char output[SPACE_SIZE];
static int poller;
static EVP_MD *sha1;

static void *or_abort(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

/* --- groups
 * --------------------------------------------------------------------------------------- */

static void join(struct client *client, uint32_t number)
{
    struct group *group = &groups[number];
    if (group->count == group->capacity) {
        group->capacity = group->capacity == 0 ? 8 : group->capacity * 2;
        size_t size = group->capacity * sizeof(struct client *);
        group->members = or_abort(realloc(group->members, size));
    }
    client->group = number;
    client->place = group->count;
    group->members[group->count++] = client;
}

static void leave(struct client *client)
{
    if (client->group == NO_GROUP)
        return;
    struct group *group = &groups[client->group];
    struct client *last = group->members[--group->count];
    group->members[client->place] = last;
    last->place = client->place;
}

static void drop(struct client *client)
{
    leave(client);
    (void)close(client->fd);
    free(client->kept);
    free(client);
}

/* --- frames
 * --------------------------------------------------------------------------------------- */

/* Writes a frame into `output`; returns its size. */
static size_t make_frame(unsigned opcode, const char *payload, size_t size)
{
    unsigned length_size = size < 126 ? 0 : size < 65536 ? 2 : 8;
    size_t head = 2;
    output[0] = (char)(0x80U | opcode);
    output[1] = (char)(length_size == 0 ? size : length_size == 2 ? 126 : 127);
    for (unsigned i = length_size; i-- > 0;)
        output[head++] = (char)((uint64_t)size >> (8 * i));
    memcpy(output + head, payload, size);
    return head + size;
}

static bool send_all(int fd, size_t size)
{
    return send(fd, output, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

static bool answer(const struct client *client, unsigned opcode, const char *payload, size_t size)
{
    return send_all(client->fd, make_frame(opcode, payload, size));
}

static void publish(const struct group *group, const char *payload, size_t size)
{
    size_t frame_size = make_frame(0x1, payload, size);
    for (uint32_t i = 0; i < group->count; i++)
        if (!send_all(group->members[i]->fd, frame_size))
            (void)shutdown(group->members[i]->fd, SHUT_RDWR); /* its end shows as an event */
}

/* False: the client is to be dropped. */
static bool on_text(struct client *client, const char *text, size_t size)
{
    uint32_t number = 0;
    size_t at = 2;
    while (at < size && text[at] >= '0' && text[at] <= '9' && number < GROUPS_MAX)
        number = number * 10 + (uint32_t)(text[at++] - '0');
    if (size < 3 || number >= GROUPS_MAX)
        return false;
    if (text[0] == 'j' && client->group == NO_GROUP) {
        join(client, number);
        return answer(client, 0x1, text, size);
    }
    if (text[0] != 'p' || at >= size)
        return false;
    publish(&groups[number], text + at + 1, size - at - 1);
    return true;
}

static bool on_frame(struct client *client, unsigned opcode, const char *payload, size_t size)
{
    if (opcode == 0x8) {
        (void)answer(client, 0x8, payload, size);
        return false;
    }
    if (opcode == 0x9)
        return answer(client, 0xA, payload, size);
    return opcode > 0x2 || on_text(client, payload, size);
}

/* One masked frame; its size, 0 if it is not all there, -1 if the client is to be dropped. */
static ssize_t take_frame(struct client *client, char *bytes, size_t size)
{
    if (size < 6)
        return 0;
    unsigned char *at = (unsigned char *)bytes;
    uint64_t length = at[1] & 0x7FU;
    unsigned length_size = length < 126 ? 0 : length == 126 ? 2 : 8;
    size_t head = 2 + length_size + 4;
    if (size < head)
        return 0;
    for (unsigned i = 0; i < length_size; i++)
        length = (i == 0 ? 0 : length << 8) | at[2 + i];
    if (length > MESSAGE_MAX)
        return -1;
    if (size - head < length)
        return 0;
    for (size_t i = 0; i < length; i++)
        at[head + i] ^= at[head - 4 + i % 4];
    if (!on_frame(client, at[0] & 0x0FU, bytes + head, (size_t)length))
        return -1;
    return (ssize_t)(head + (size_t)length);
}

/* --- clients
 * -------------------------------------------------------------------------------------- */

/* The HTTP request; its size, 0 if it is not all there, -1 if the client is to be dropped. */
static ssize_t upgrade(struct client *client, const char *bytes, size_t size)
{
    static const char name[] = "Sec-WebSocket-Key: ";
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const char *blank = memmem(bytes, size, "\r\n\r\n", 4);
    if (blank == NULL)
        return 0;
    const char *key = memmem(bytes, size, name, strlen(name));
    if (key == NULL || blank - key < (ptrdiff_t)(strlen(name) + KEY_SIZE))
        return -1;
    char text[KEY_SIZE + sizeof(guid)];
    memcpy(text, key + strlen(name), KEY_SIZE);
    memcpy(text + KEY_SIZE, guid, sizeof(guid));

    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;
    unsigned char accepted[2 * EVP_MAX_MD_SIZE];
    if (EVP_Digest(text, strlen(text), digest, &digest_size, sha1, NULL) != 1)
        return -1;
    (void)EVP_EncodeBlock(accepted, digest, (int)digest_size);
    int head =
        snprintf(output, sizeof(output),
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n",
                 (const char *)accepted);
    client->is_upgraded = true;
    return send_all(client->fd, (size_t)head) ? blank + 4 - bytes : -1;
}

/* How many bytes were understood; -1 if the client is to be dropped. */
static ssize_t take_bytes(struct client *client, char *bytes, size_t size)
{
    size_t used = 0;
    while (used < size) {
        ssize_t step = client->is_upgraded ? take_frame(client, bytes + used, size - used)
                                           : upgrade(client, bytes + used, size - used);
        if (step < 0)
            return -1;
        if (step == 0)
            break;
        used += (size_t)step;
    }
    return (ssize_t)used;
}

static void keep(struct client *client, const char *bytes, size_t size)
{
    free(client->kept);
    client->kept = NULL;
    client->kept_size = size;
    if (size > 0)
        client->kept = memcpy(or_abort(malloc(size)), bytes, size);
}

static void on_readable(struct client *client)
{
    size_t kept = client->kept_size;
    if (kept > 0)
        memcpy(input, client->kept, kept);
    ssize_t got = recv(client->fd, input + kept, sizeof(input) - kept, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    ssize_t used = got <= 0 ? -1 : take_bytes(client, input, kept + (size_t)got);
    if (used < 0) {
        drop(client);
        return;
    }
    size_t left = kept + (size_t)got - (size_t)used;
    if (left > 0 || kept > 0)
        keep(client, input + used, left);
}

static void accept_all(int listener)
{
    static const int one = 1;
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *client = or_abort(calloc(1, sizeof(*client)));
        client->fd = fd;
        client->group = NO_GROUP;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        (void)epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static int start_listener(uint16_t port)
{
    static const int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, SOMAXCONN) != 0) {
        perror("chanway-floor");
        exit(1);
    }
    return listener;
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    long port = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    if (port < 1 || port > 65535) {
        (void)fputs("usage: chanway-floor PORT\n", stderr);
        return 2;
    }
    raise_file_limit();
    sha1 = or_abort(EVP_MD_fetch(NULL, "SHA1", NULL));
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = start_listener((uint16_t)port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}; /* NULL: the listener */
    (void)epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    (void)fputs("ready\n", stderr);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(poller, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener);
            else
                on_readable(events[i].data.ptr);
        }
    }
}
