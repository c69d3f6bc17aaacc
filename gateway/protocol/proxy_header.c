/* proxy_header.c - version 1 is a line of text, version 2 a few packed fields. */
#include "protocol/proxy_header.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define V1_BEGIN "PROXY "
#define V2_BEGIN "\r\n\r\n\0\r\nQUIT\n"

#define TLV_CRC32C 0x03

/* --- version 1 ------------------------------------------------------------------------------- */

/* Takes the next word; empty: there is none, or two blanks. */
static struct cw_bytes take_word(struct cw_bytes *line)
{
    const char *blank = line->size > 0 ? memchr(line->data, ' ', line->size) : NULL;
    size_t size = blank != NULL ? (size_t)(blank - line->data) : line->size;
    struct cw_bytes word = cw_bytes_make(line->data, size);
    size_t used = blank != NULL ? size + 1 : size;
    *line = cw_bytes_make(line->data + used, line->size - used);
    return word;
}

static bool parse_ip(struct cw_bytes word, bool is_ipv6, struct cw_address *ret_address)
{
    bool has_colon = word.size > 0 && memchr(word.data, ':', word.size) != NULL;
    /* Neither ports nor brackets: the port is a word of its own. */
    if (has_colon != is_ipv6 || (is_ipv6 && word.data[0] == '['))
        return false;
    return cw_address_parse(word, ret_address) && ret_address->port == 0;
}

static bool parse_port(struct cw_bytes word, uint16_t *ret_port)
{
    unsigned port = 0;
    if (word.size == 0 || word.size > 5 || (word.size > 1 && word.data[0] == '0'))
        return false;
    for (size_t i = 0; i < word.size; i++) {
        if (word.data[i] < '0' || word.data[i] > '9')
            return false;
        port = port * 10 + (unsigned)(word.data[i] - '0');
    }
    *ret_port = (uint16_t)port;
    return port <= UINT16_MAX;
}

/* `line`: what comes after "PROXY ", without its end. */
static bool parse_line(struct cw_bytes line, struct cw_address *ret_client)
{
    struct cw_address source, target;
    uint16_t target_port;
    struct cw_bytes family = take_word(&line);
    if (cw_bytes_is(family, "UNKNOWN")) {
        *ret_client = (struct cw_address){.kind = CW_ADDRESS_UNKNOWN};
        return true;
    }
    bool is_ipv6 = cw_bytes_is(family, "TCP6");
    if (!is_ipv6 && !cw_bytes_is(family, "TCP4"))
        return false;
    if (!parse_ip(take_word(&line), is_ipv6, &source) ||
        !parse_ip(take_word(&line), is_ipv6, &target) ||
        !parse_port(take_word(&line), &source.port) || !parse_port(line, &target_port))
        return false;
    *ret_client = source;
    return true;
}

static int parse_v1(struct cw_bytes bytes, struct cw_address *ret_client)
{
    size_t seen = bytes.size < CW_PROXY_V1_MAX ? bytes.size : CW_PROXY_V1_MAX;
    const char *end = memchr(bytes.data, '\n', seen);
    if (end == NULL)
        return seen < CW_PROXY_V1_MAX ? 0 : CW_ERR_INVALID;
    size_t size = (size_t)(end - bytes.data) + 1;
    size_t begin = strlen(V1_BEGIN);
    if (size < begin + 2 || end[-1] != '\r' ||
        !parse_line(cw_bytes_make(bytes.data + begin, size - begin - 2), ret_client))
        return CW_ERR_INVALID;
    return (int)size;
}

/* --- version 2 ------------------------------------------------------------------------------- */

static unsigned read_u16(const unsigned char *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* Castagnoli's polynomial, reflected; `hole` of 4 bytes counts as zeros. */
static uint32_t crc32c(const unsigned char *bytes, size_t size, size_t hole)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= i >= hole && i < hole + 4 ? 0 : bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

/* `bytes` are the whole header, whose TLVs begin at `at`. */
static bool check_tlvs(const unsigned char *bytes, size_t size, size_t at)
{
    while (at < size) {
        if (size - at < 3)
            return false;
        size_t length = read_u16(bytes + at + 1);
        size_t value = at + 3;
        if (length > size - value)
            return false;
        if (bytes[at] == TLV_CRC32C) {
            if (length != 4)
                return false;
            uint32_t said = (uint32_t)read_u16(bytes + value) << 16 | read_u16(bytes + value + 2);
            if (said != crc32c(bytes, size, value))
                return false;
        }
        at = value + length;
    }
    return true;
}

/* What the byte of family and transport says: the size of its addresses; < 0: unknown. */
static int addresses_size(unsigned char family)
{
    switch (family) {
    case 0x00: /* UNSPEC */
        return 0;
    case 0x11: /* TCP over IPv4 */
        return 12;
    case 0x21: /* over IPv6 */
        return 36;
    case 0x31: /* a stream of a Unix socket */
        return 216;
    default:
        return -1;
    }
}

static struct cw_address read_client(unsigned char family, const unsigned char *addresses)
{
    if (family == 0x11)
        return cw_address_make(addresses, 4, (uint16_t)read_u16(addresses + 8));
    if (family == 0x21)
        return cw_address_make(addresses, 16, (uint16_t)read_u16(addresses + 32));
    return (struct cw_address){.kind = family == 0x31 ? CW_ADDRESS_UNIX : CW_ADDRESS_UNKNOWN};
}

static int parse_v2(struct cw_bytes bytes, struct cw_address *ret_client)
{
    const unsigned char *head = (const unsigned char *)bytes.data;
    if (bytes.size > 12 && head[12] != 0x20 && head[12] != 0x21) /* LOCAL, PROXY */
        return CW_ERR_INVALID;
    if (bytes.size < CW_PROXY_V2_HEAD_SIZE)
        return 0;
    bool is_local = head[12] == 0x20;
    size_t body = read_u16(head + 14);
    size_t size = CW_PROXY_V2_HEAD_SIZE + body;
    /* What LOCAL says of addresses is to be ignored. */
    int least = is_local ? 0 : addresses_size(head[13]);
    if (body > CW_PROXY_V2_BODY_MAX || least < 0 || body < (size_t)least)
        return CW_ERR_INVALID;
    if (bytes.size < size)
        return 0;
    struct cw_address client = {.kind = CW_ADDRESS_UNKNOWN};
    if (!is_local) {
        if (!check_tlvs(head, size, CW_PROXY_V2_HEAD_SIZE + (size_t)least))
            return CW_ERR_INVALID;
        client = read_client(head[13], head + CW_PROXY_V2_HEAD_SIZE);
    }
    *ret_client = client;
    return (int)size;
}

/* --- both ------------------------------------------------------------------------------------ */

/* Whether `bytes` begin like `begin`, as far as they go. */
static bool begin_like(struct cw_bytes bytes, const char *begin, size_t size)
{
    return memcmp(bytes.data, begin, bytes.size < size ? bytes.size : size) == 0;
}

int cw_proxy_header_parse(struct cw_bytes bytes, struct cw_address *ret_client)
{
    const size_t v1_size = sizeof(V1_BEGIN) - 1;
    const size_t v2_size = sizeof(V2_BEGIN) - 1;
    if (bytes.size == 0)
        return 0;
    if (begin_like(bytes, V1_BEGIN, v1_size))
        return bytes.size <= v1_size ? 0 : parse_v1(bytes, ret_client);
    if (begin_like(bytes, V2_BEGIN, v2_size))
        return bytes.size <= v2_size ? 0 : parse_v2(bytes, ret_client);
    return CW_ERR_INVALID;
}
