/*
 * address.h - IP addresses with ports, and lists of networks. Pure, fuzzed.
 */
#ifndef CW_BASE_ADDRESS_H
#define CW_BASE_ADDRESS_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr_storage;

enum cw_address_kind {
    CW_ADDRESS_UNKNOWN, /* neither of the others */
    CW_ADDRESS_UNIX,
    CW_ADDRESS_IP,
};

/** An IPv4 address is kept as the IPv6 address that maps it, so that it has one form. */
struct cw_address {
    unsigned char ip[16]; /* IP only */
    uint16_t port;        /* 0: not known */
    uint8_t kind;         /* enum cw_address_kind */
};

/* Room for any address as text, with its NUL. */
#define CW_ADDRESS_TEXT_SIZE 64

/** "10.0.0.7", "10.0.0.7:51514", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443". False: it is
 * none of these. */
bool cw_address_parse(struct cw_bytes text, struct cw_address *ret_address);

/** As above, without brackets where there is no port; "unix"; "unknown". Returns its length. */
size_t cw_address_write(const struct cw_address *address, char ret_text[CW_ADDRESS_TEXT_SIZE]);

/** The part of such a text that is the host, without brackets; all of it where there is no port. */
struct cw_bytes cw_address_host(const char *text);

/** Of a socket. */
struct cw_address cw_address_of_sockaddr(const struct sockaddr_storage *sockaddr);

/** Of 4 or 16 bytes in network order. */
struct cw_address cw_address_make(const unsigned char *ip, size_t size, uint16_t port);

#define CW_NETWORKS_MAX 256

struct cw_network {
    unsigned char ip[16];
    uint8_t bits; /* of `ip` that count */
};

/** What is in one of them: networks, and perhaps all Unix sockets. */
struct cw_networks {
    struct cw_network *networks; /* owned */
    size_t count;
    bool has_unix;
};

/**
 * "10.0.0.0/8, 192.0.2.7, 2001:db8::/32, unix": separated by commas, white space around them means
 * nothing; the empty text is an empty list. Bits of an address beyond its network are ignored.
 *
 * CW_ERR_INVALID: not that, or more than CW_NETWORKS_MAX; CW_ERR_NOMEM. Errors leave nothing.
 */
CW_MUST_CHECK int cw_networks_parse(struct cw_bytes text, struct cw_networks *ret_networks);
void cw_networks_finish(struct cw_networks *networks);

/** Whether `address` is in one of them. IPv6 networks have IPv4 addresses in them only where they
 * are written as ::ffff:0:0/96 or longer. */
bool cw_networks_have(const struct cw_networks *networks, const struct cw_address *address);

#endif
