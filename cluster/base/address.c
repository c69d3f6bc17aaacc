/* address.c - text, sockets, networks. */
#include "base/address.h"

#include "base/digits.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MAPPED_BITS 96 /* of the prefix of an IPv4 address */

static const unsigned char mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool is_ipv4(const unsigned char ip[16])
{
    return memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

struct cw_address cw_address_make(const unsigned char *ip, size_t size, uint16_t port)
{
    struct cw_address address = {.port = port, .kind = CW_ADDRESS_IP};
    if (size == 4) {
        memcpy(address.ip, mapped_prefix, sizeof(mapped_prefix));
        memcpy(address.ip + sizeof(mapped_prefix), ip, 4);
    } else {
        memcpy(address.ip, ip, sizeof(address.ip));
    }
    return address;
}

struct cw_bytes cw_address_host(const char *text)
{
    if (text[0] == '[')
        return cw_bytes_make(text + 1, strcspn(text + 1, "]"));
    const char *colon = strchr(text, ':');
    if (colon == NULL || strchr(colon + 1, ':') != NULL) /* no port: IPv6 has several */
        return cw_bytes_text(text);
    return cw_bytes_make(text, (size_t)(colon - text));
}

struct cw_address cw_address_of_sockaddr(const struct sockaddr_storage *sockaddr)
{
    if (sockaddr->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sockaddr;
        return cw_address_make((const unsigned char *)&in->sin_addr, 4, ntohs(in->sin_port));
    }
    if (sockaddr->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)sockaddr;
        return cw_address_make(in->sin6_addr.s6_addr, 16, ntohs(in->sin6_port));
    }
    return (struct cw_address){.kind = sockaddr->ss_family == AF_UNIX ? CW_ADDRESS_UNIX
                                                                      : CW_ADDRESS_UNKNOWN};
}

/* An address alone. False: it is none. */
static bool parse_ip(struct cw_bytes text, struct cw_address *ret_address)
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char ip[16];
    if (text.size == 0 || text.size >= sizeof(copy) || memchr(text.data, '\0', text.size) != NULL)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    bool has_colon = memchr(text.data, ':', text.size) != NULL;
    if (inet_pton(has_colon ? AF_INET6 : AF_INET, copy, ip) != 1)
        return false;
    *ret_address = cw_address_make(ip, has_colon ? 16 : 4, 0);
    return true;
}

static bool parse_number(struct cw_bytes text, unsigned max, unsigned *ret_number)
{
    unsigned number = 0;
    if (text.size == 0 || text.size > 5)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (unsigned)(text.data[i] - '0');
    }
    *ret_number = number;
    return number <= max;
}

bool cw_address_parse(struct cw_bytes text, struct cw_address *ret_address)
{
    struct cw_bytes host = text;
    struct cw_bytes rest = {NULL, 0}; /* ":PORT" */
    if (text.size == 0)
        return false;
    if (text.data[0] == '[') {
        const char *end = memchr(text.data, ']', text.size);
        if (end == NULL)
            return false;
        host = cw_bytes_make(text.data + 1, (size_t)(end - text.data) - 1);
        if (host.size == 0 || memchr(host.data, ':', host.size) == NULL)
            return false;
        rest = cw_bytes_make(end + 1, text.size - host.size - 2);
    } else {
        const char *colon = memchr(text.data, ':', text.size);
        size_t before = colon == NULL ? text.size : (size_t)(colon - text.data);
        /* With several it is an IPv6 address, which has no port without brackets. */
        if (colon != NULL && memchr(colon + 1, ':', text.size - before - 1) == NULL) {
            host.size = before;
            rest = cw_bytes_make(colon, text.size - before);
        }
    }
    struct cw_address address;
    unsigned port = 0;
    if (!parse_ip(host, &address))
        return false;
    if (rest.size > 0 && (rest.data[0] != ':' ||
                          !parse_number(cw_bytes_make(rest.data + 1, rest.size - 1), 65535, &port)))
        return false;
    address.port = (uint16_t)port;
    *ret_address = address;
    return true;
}

static char *put_number(char *to, unsigned value)
{
    char space[CW_DIGITS_SIZE];
    struct cw_bytes digits = cw_digits(space, value);
    memcpy(to, digits.data, digits.size);
    return to + digits.size;
}

/* By hand: each connection's is written, and inet_ntop() prints. */
static size_t write_ipv4(const struct cw_address *address, char ret_text[CW_ADDRESS_TEXT_SIZE])
{
    const unsigned char *ip = address->ip + sizeof(mapped_prefix);
    char *to = ret_text;
    for (size_t i = 0; i < 4; i++) {
        if (i > 0)
            *to++ = '.';
        to = put_number(to, ip[i]);
    }
    if (address->port != 0) {
        *to++ = ':';
        to = put_number(to, address->port);
    }
    *to = '\0';
    return (size_t)(to - ret_text);
}

size_t cw_address_write(const struct cw_address *address, char ret_text[CW_ADDRESS_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "";
    int size;
    if (address->kind != CW_ADDRESS_IP) {
        size = snprintf(ret_text, CW_ADDRESS_TEXT_SIZE, "%s",
                        address->kind == CW_ADDRESS_UNIX ? "unix" : "unknown");
        return (size_t)size;
    }
    if (is_ipv4(address->ip))
        return write_ipv4(address, ret_text);
    (void)inet_ntop(AF_INET6, address->ip, host, sizeof(host));
    if (address->port == 0)
        size = snprintf(ret_text, CW_ADDRESS_TEXT_SIZE, "%s", host);
    else
        size = snprintf(ret_text, CW_ADDRESS_TEXT_SIZE, "[%s]:%u", host, address->port);
    return (size_t)size;
}

/* --- networks -------------------------------------------------------------------------------- */

static struct cw_bytes trim(struct cw_bytes text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = cw_bytes_make(text.data + 1, text.size - 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

static bool parse_network(struct cw_bytes text, struct cw_network *ret_network)
{
    const char *slash = memchr(text.data, '/', text.size);
    struct cw_bytes host = text;
    if (slash != NULL)
        host.size = (size_t)(slash - text.data);
    struct cw_address address;
    if (!parse_ip(host, &address))
        return false;
    bool is_short = memchr(host.data, ':', host.size) == NULL;
    unsigned bits = is_short ? 32 : 128;
    if (slash != NULL &&
        !parse_number(cw_bytes_make(slash + 1, text.size - host.size - 1), bits, &bits))
        return false;
    memcpy(ret_network->ip, address.ip, sizeof(ret_network->ip));
    ret_network->bits = (uint8_t)(bits + (is_short ? MAPPED_BITS : 0));
    return true;
}

int cw_networks_parse(struct cw_bytes text, struct cw_networks *ret_networks)
{
    struct cw_networks networks = {NULL, 0, false};
    struct cw_network parsed[CW_NETWORKS_MAX];
    struct cw_bytes rest = text;
    bool is_last = trim(text).size == 0;
    while (!is_last) {
        const char *comma = rest.size > 0 ? memchr(rest.data, ',', rest.size) : NULL;
        is_last = comma == NULL;
        size_t size = is_last ? rest.size : (size_t)(comma - rest.data);
        struct cw_bytes part = trim(cw_bytes_make(rest.data, size));
        if (!is_last)
            rest = cw_bytes_make(comma + 1, rest.size - size - 1);
        if (cw_bytes_is(part, "unix"))
            networks.has_unix = true;
        else if (part.size == 0 || networks.count == CW_NETWORKS_MAX ||
                 !parse_network(part, &parsed[networks.count++]))
            return CW_ERR_INVALID;
    }
    if (networks.count > 0) {
        networks.networks = malloc(networks.count * sizeof(parsed[0]));
        if (networks.networks == NULL)
            return CW_ERR_NOMEM;
        memcpy(networks.networks, parsed, networks.count * sizeof(parsed[0]));
    }
    *ret_networks = networks;
    return CW_OK;
}

void cw_networks_finish(struct cw_networks *networks)
{
    free(networks->networks);
    *networks = (struct cw_networks){NULL, 0, false};
}

static bool has_address(const struct cw_network *network, const unsigned char ip[16])
{
    size_t bytes = network->bits / 8;
    unsigned left = network->bits % 8;
    if (network->bits < MAPPED_BITS && is_ipv4(ip))
        return false;
    if (memcmp(network->ip, ip, bytes) != 0)
        return false;
    return left == 0 || (network->ip[bytes] ^ ip[bytes]) >> (8 - left) == 0;
}

bool cw_networks_have(const struct cw_networks *networks, const struct cw_address *address)
{
    if (address->kind == CW_ADDRESS_UNIX)
        return networks->has_unix;
    if (address->kind != CW_ADDRESS_IP)
        return false;
    for (size_t i = 0; i < networks->count; i++)
        if (has_address(&networks->networks[i], address->ip))
            return true;
    return false;
}
