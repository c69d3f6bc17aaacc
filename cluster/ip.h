/*
 * ip.h - IP addresses as limits and bans see them: 16 bytes, IPv4 as ::ffff:a.b.c.d. Pure.
 */
#ifndef CW_IP_H
#define CW_IP_H

#include <chanway/bytes.h>

#include <stdbool.h>
#include <stddef.h>

#define CW_IP_SIZE 16

struct cw_ip {
    unsigned char bytes[CW_IP_SIZE];
};

/** Reads an address of either kind, without brackets or port; a zone ("%eth0") is ignored. False:
 * it is none. */
bool cw_ip_parse(struct cw_bytes text, struct cw_ip *ret_ip);

#define CW_IP_TEXT_SIZE 64
/**
 * The text of the address that a limit counts by: IPv4 as it is; of IPv6 the network of 64 bits
 * ("2001:db8:1:2::/64"), because who has one address there has all of them. Returns its length.
 */
size_t cw_ip_write_party(const struct cw_ip *ip, char ret_text[CW_IP_TEXT_SIZE]);

#define CW_IP_BITS 128
/**
 * Reads an address or a network, "10.0.0.0/8" or "2001:db8::/32": its first `*ret_bits` bits of
 * CW_IP_BITS; the others are 0. An address alone has all of them. False: it is none.
 */
bool cw_ip_parse_network(struct cw_bytes text, struct cw_ip *ret_ip, unsigned *ret_bits);
/** All but the first `bits` bits become 0. */
void cw_ip_mask(struct cw_ip *ip, unsigned bits);

#endif
