/*
 * address.c - where a ws:// URL points to.
 */
#include "connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family != AF_INET)
        return false;
    const struct sockaddr_in *ipv4 = (const void *)address;
    return ntohl(ipv4->sin_addr.s_addr) >> 24 == 127;
}

/* Takes "HOST", "HOST:PORT" or "[IPV6]:PORT" apart, in place. */
static void split_host(char *text, const char **ret_host, const char **ret_port)
{
    char *colon = strrchr(text, ':');
    *ret_host = text;
    *ret_port = "80";
    char *bracket = strchr(text, ']');
    if (bracket != NULL) {
        *ret_host = text + 1;
        *bracket = '\0';
        colon = bracket[1] == ':' ? bracket + 1 : NULL;
    }
    if (colon != NULL) {
        *colon = '\0';
        *ret_port = colon + 1;
    }
}

bool bench_address_parse(const char *url, struct bench_address *ret_address, const char **ret_why)
{
    static const char scheme[] = "ws://";
    *ret_why = "a URL is ws://HOST[:PORT][/PATH]";
    if (strncmp(url, scheme, strlen(scheme)) != 0)
        return false;
    url += strlen(scheme);
    size_t host_size = strcspn(url, "/?");
    const char *path = url[host_size] == '\0' ? "/ws" : url + host_size;
    if (host_size == 0 || host_size >= sizeof(ret_address->host) ||
        strlen(path) >= sizeof(ret_address->path) || path[0] != '/')
        return false;

    char copy[sizeof(ret_address->host)];
    const char *host;
    const char *port;
    memcpy(copy, url, host_size);
    copy[host_size] = '\0';
    (void)snprintf(ret_address->host, sizeof(ret_address->host), "%s", copy);
    (void)snprintf(ret_address->path, sizeof(ret_address->path), "%s", path);
    split_host(copy, &host, &port);

    struct addrinfo *found = NULL;
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0) {
        *ret_why = gai_strerror(rc);
        return false;
    }
    memcpy(&ret_address->socket, found->ai_addr, found->ai_addrlen);
    ret_address->size = found->ai_addrlen;
    ret_address->is_loopback = is_loopback(found->ai_addr);
    freeaddrinfo(found);
    return true;
}
