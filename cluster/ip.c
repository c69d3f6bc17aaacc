/* ip.c - read and written by the C library. */
#include "ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define PARTY_BYTES 8 /* of an IPv6 address */

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool cw_ip_parse(struct cw_bytes text, struct cw_ip *ret_ip)
{
    char copy[CW_IP_TEXT_SIZE];
    if (text.size == 0 || text.size >= sizeof(copy) || memchr(text.data, '\0', text.size) != NULL)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    copy[strcspn(copy, "%")] = '\0';
    if (inet_pton(AF_INET, copy, ret_ip->bytes + sizeof(mapped)) == 1) {
        memcpy(ret_ip->bytes, mapped, sizeof(mapped));
        return true;
    }
    return inet_pton(AF_INET6, copy, ret_ip->bytes) == 1;
}

size_t cw_ip_write_party(const struct cw_ip *ip, char ret_text[CW_IP_TEXT_SIZE])
{
    if (memcmp(ip->bytes, mapped, sizeof(mapped)) == 0) {
        (void)inet_ntop(AF_INET, ip->bytes + sizeof(mapped), ret_text, CW_IP_TEXT_SIZE);
        return strlen(ret_text);
    }
    struct cw_ip network = *ip;
    memset(network.bytes + PARTY_BYTES, 0, CW_IP_SIZE - PARTY_BYTES);
    (void)inet_ntop(AF_INET6, network.bytes, ret_text, CW_IP_TEXT_SIZE);
    size_t size = strlen(ret_text);
    return size + (size_t)snprintf(ret_text + size, CW_IP_TEXT_SIZE - size, "/64");
}
