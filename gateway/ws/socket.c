/* socket.c - OpenSSL's calls for what recv(), ioctl() and shutdown() do without TLS. */
#include "ws/socket.h"

#include <libwebsockets.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* NULL: no TLS. */
static SSL *tls_of(struct lws *wsi)
{
    return (SSL *)lws_get_ssl(wsi);
}

static int bytes_of_kernel(struct lws *wsi)
{
    int unread = 0;
    return ioctl(lws_get_socket_fd(wsi), FIONREAD, &unread) == 0 ? unread : 0;
}

bool cw_socket_is_open(struct lws *wsi)
{
    SSL *ssl = tls_of(wsi);
    return ssl == NULL || SSL_is_init_finished(ssl) != 0;
}

ssize_t cw_socket_peek(struct lws *wsi, void *bytes, size_t size)
{
    SSL *ssl = tls_of(wsi);
    if (ssl == NULL)
        return recv(lws_get_socket_fd(wsi), bytes, size, MSG_PEEK | MSG_DONTWAIT);
    if (!cw_socket_is_open(wsi))
        return 0;
    int seen = SSL_peek(ssl, bytes, size < INT_MAX ? (int)size : INT_MAX);
    ERR_clear_error(); /* if it is broken, whoever reads next is told again */
    return seen > 0 ? seen : 0;
}

int cw_socket_unread(struct lws *wsi)
{
    SSL *ssl = tls_of(wsi);
    return ssl == NULL ? bytes_of_kernel(wsi) : SSL_pending(ssl);
}

bool cw_socket_has_input(struct lws *wsi)
{
    SSL *ssl = tls_of(wsi);
    return (ssl != NULL && SSL_has_pending(ssl) != 0) || bytes_of_kernel(wsi) > 0;
}

bool cw_socket_is_peer_there(struct lws *wsi)
{
    char byte;
    SSL *ssl = tls_of(wsi);
    if (ssl != NULL && (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0)
        return false;
    ssize_t size = recv(lws_get_socket_fd(wsi), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size > 0 || (size < 0 && errno == EAGAIN);
}

void cw_socket_hold_back(struct lws *wsi, bool is_held)
{
#ifdef TCP_CORK
    int is_on = is_held;
    /* A Unix socket knows no such thing, and needs none. */
    (void)setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_CORK, &is_on, sizeof(is_on));
#else
    (void)wsi;
    (void)is_held;
#endif
}

void cw_socket_end_output(struct lws *wsi)
{
    SSL *ssl = tls_of(wsi);
    if (ssl != NULL && cw_socket_is_open(wsi)) {
        unsigned char byte = 0;
        (void)SSL_shutdown(ssl);
        ERR_clear_error();
        /* The library would wait for the peer to say the same, for seconds, but not once it has
         * seen a write fail. */
        if (!lws_partial_buffered(wsi))
            (void)lws_write(wsi, &byte, 1, LWS_WRITE_HTTP);
    }
    (void)shutdown(lws_get_socket_fd(wsi), SHUT_WR);
}
