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

/* 0 to `max`, in decimal without a leading zero; false: something else. */
static bool read_bits(struct cw_bytes text, unsigned max, unsigned *ret_bits)
{
    unsigned bits = 0;
    if (text.size == 0 || text.size > 3 || (text.size > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        bits = bits * 10 + (unsigned)(text.data[i] - '0');
    }
    *ret_bits = bits;
    return bits <= max;
}

bool cw_ip_parse_network(struct cw_bytes text, struct cw_ip *ret_ip, unsigned *ret_bits)
{
    const char *slash = text.size == 0 ? NULL : memchr(text.data, '/', text.size);
    size_t size = slash == NULL ? text.size : (size_t)(slash - text.data);
    bool is_ipv4 = size > 0 && memchr(text.data, ':', size) == NULL;
    unsigned skipped = is_ipv4 ? CW_IP_BITS - 32 : 0;
    unsigned bits = CW_IP_BITS - skipped;
    struct cw_ip ip;
    if (slash != NULL &&
        !read_bits(cw_bytes_make(slash + 1, text.size - size - 1), CW_IP_BITS - skipped, &bits))
        return false;
    if (!cw_ip_parse(cw_bytes_make(text.data, size), &ip))
        return false;
    cw_ip_mask(&ip, bits + skipped);
    *ret_ip = ip;
    *ret_bits = bits + skipped;
    return true;
}

void cw_ip_mask(struct cw_ip *ip, unsigned bits)
{
    for (unsigned i = 0; i < CW_IP_SIZE; i++) {
        unsigned kept = bits <= 8 * i ? 0 : bits - 8 * i;
        if (kept < 8)
            ip->bytes[i] &= (unsigned char)(0xFF00U >> kept);
    }
}
