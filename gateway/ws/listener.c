/* listener.c - socket, bind, listen, accept. */
#include "ws/listener.h"

#include "base/log.h"

#include <event2/event.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096
/* How many clients are accepted before others get a turn. */
#define ACCEPTS_PER_TURN 64
/* How long nobody is accepted when the process is out of descriptors or memory. */
#define EXHAUSTED_PAUSE_MS 100

struct cw_listener {
    struct event *readable;
    struct event *pause_over;
    cw_accept_fn on_accept;
    void *arg;
    int fd;
    bool is_exhausted; /* and that was logged */
    char *unix_path;   /* owned; NULL: TCP */
    char address[sizeof(struct sockaddr_un) + 8];
};

/* --- listening ------------------------------------------------------------------------------- */

/* Splits "HOST:PORT" or "[HOST]:PORT" into `host`, without brackets, and the port. False: neither.
 */
static bool split_address(const char *address, char *host, size_t host_size, const char **ret_port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon[1] == '\0')
        return false;
    size_t size = (size_t)(colon - address);
    if (address[0] == '[') {
        if (size < 3 || colon[-1] != ']')
            return false;
        address++;
        size -= 2;
    } else if (memchr(address, ':', size) != NULL) {
        return false;
    }
    if (size >= host_size || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return false;
    memcpy(host, address, size);
    host[size] = '\0';
    *ret_port = colon + 1;
    return strlen(colon + 1) <= 5 && strtol(colon + 1, NULL, 10) <= 65535;
}

static int fail_io(char *error, size_t error_size, const char *address, const char *what)
{
    (void)snprintf(error, error_size, "%s: %s: %s", address, what, strerror(errno));
    return CW_ERR_IO;
}

/* A socket that listens; < 0: `errno` says why not. */
static int open_tcp(const struct addrinfo *address, bool shares_port)
{
    const int on = 1, off = 0;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (shares_port)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (address->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    /* Linux hands it on to the sockets of clients. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static int listen_tcp(const char *address, bool shares_port, char *error, size_t error_size)
{
    char host[256];
    const char *port;
    if (!split_address(address, host, sizeof(host), &port)) {
        (void)snprintf(error, error_size, "%s: not HOST:PORT, [IPV6]:PORT, :PORT or unix:PATH",
                       address);
        return CW_ERR_INVALID;
    }
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found);
    if (rc != 0) {
        (void)snprintf(error, error_size, "%s: %s", address, gai_strerror(rc));
        return CW_ERR_INVALID;
    }
    /* IPv6 first where no host is named: it takes IPv4 as well. */
    int fd = -1;
    for (const struct addrinfo *at = found; at != NULL && host[0] == '\0' && fd < 0;
         at = at->ai_next)
        if (at->ai_family == AF_INET6)
            fd = open_tcp(at, shares_port);
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next)
        fd = open_tcp(at, shares_port);
    if (fd < 0)
        fd = fail_io(error, error_size, address, "can't listen");
    freeaddrinfo(found);
    return fd;
}

/* Whether the socket file of `address` has nobody behind it any more. */
static bool is_dead_socket(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool is_dead = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    return is_dead;
}

static int listen_unix(const char *path, char *error, size_t error_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path)) {
        (void)snprintf(error, error_size, "unix:%s: a path of 1 to %zu bytes is needed", path,
                       sizeof(address.sun_path) - 1);
        return CW_ERR_INVALID;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail_io(error, error_size, path, "socket");
    const struct sockaddr *bound = (const struct sockaddr *)&address;
    int rc = bind(fd, bound, sizeof(address));
    if (rc < 0 && errno == EADDRINUSE) {
        if (is_dead_socket(&address) && unlink(path) == 0)
            rc = bind(fd, bound, sizeof(address));
        else
            errno = EADDRINUSE;
    }
    if (rc < 0 || listen(fd, BACKLOG) < 0) {
        rc = fail_io(error, error_size, path, "can't listen");
        close(fd);
        return rc;
    }
    return fd;
}

/* --- accepting ------------------------------------------------------------------------------- */

/* A level-triggered listener would spin: it stands back for a moment. */
static void pause_accepting(struct cw_listener *listener)
{
    if (!listener->is_exhausted)
        cw_log_warn(cw_log_node(), "%s: accept: %s; trying again every %d ms", listener->address,
                    strerror(errno), EXHAUSTED_PAUSE_MS);
    listener->is_exhausted = true;
    const struct timeval pause = {.tv_usec = EXHAUSTED_PAUSE_MS * 1000};
    event_del(listener->readable);
    event_add(listener->pause_over, &pause);
}

static void on_pause_over(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    struct cw_listener *listener = arg;
    event_add(listener->readable, NULL);
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
    (void)events;
    struct cw_listener *listener = arg;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
        socklen_t size = sizeof(peer);
        int client = accept4(fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(listener);
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            return;
        }
        listener->is_exhausted = false;
#ifndef __linux__
        if (listener->unix_path == NULL) {
            const int on = 1;
            (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        }
#endif
        struct cw_address address = cw_address_of_sockaddr(&peer);
        listener->on_accept(listener->arg, listener, client, &address);
    }
}

/* --- public ---------------------------------------------------------------------------------- */

int cw_listener_create(struct event_base *event_base, const char *address, bool shares_port,
                       cw_accept_fn on_accept, void *arg, char *error, size_t error_size,
                       struct cw_listener **ret_listener)
{
    struct cw_listener *listener = calloc(1, sizeof(*listener));
    if (listener == NULL)
        return CW_ERR_NOMEM;
    listener->on_accept = on_accept;
    listener->arg = arg;

    bool is_unix = strncmp(address, "unix:", 5) == 0;
    listener->fd = is_unix ? listen_unix(address + 5, error, error_size)
                           : listen_tcp(address, shares_port, error, error_size);
    int rc = listener->fd;
    if (rc < 0)
        goto fail;
    rc = CW_ERR_NOMEM;
    if (is_unix) {
        listener->unix_path = strdup(address + 5);
        if (listener->unix_path == NULL)
            goto fail;
        (void)snprintf(listener->address, sizeof(listener->address), "%s", address);
    } else {
        struct sockaddr_storage bound = {0};
        socklen_t size = sizeof(bound);
        (void)getsockname(listener->fd, (struct sockaddr *)&bound, &size);
        struct cw_address where = cw_address_of_sockaddr(&bound);
        (void)cw_address_write(&where, listener->address);
    }
    listener->readable =
        event_new(event_base, listener->fd, EV_READ | EV_PERSIST, on_readable, listener);
    listener->pause_over = evtimer_new(event_base, on_pause_over, listener);
    if (listener->readable == NULL || listener->pause_over == NULL ||
        event_add(listener->readable, NULL) < 0)
        goto fail;
    *ret_listener = listener;
    return CW_OK;

fail:
    if (rc == CW_ERR_NOMEM)
        (void)snprintf(error, error_size, "%s", cw_error_text(rc));
    cw_listener_destroy(listener);
    return rc;
}

void cw_listener_destroy(struct cw_listener *listener)
{
    if (listener == NULL)
        return;
    if (listener->readable != NULL)
        event_free(listener->readable);
    if (listener->pause_over != NULL)
        event_free(listener->pause_over);
    if (listener->fd >= 0)
        close(listener->fd);
    if (listener->unix_path != NULL)
        (void)unlink(listener->unix_path);
    free(listener->unix_path);
    free(listener);
}

const char *cw_listener_address(const struct cw_listener *listener)
{
    return listener->address;
}
