/*
 * base64.c - OpenSSL converts; what it lets pass is refused here first.
 */
#include "protocol/base64.h"

#include <openssl/evp.h>

#include <assert.h>
#include <limits.h>
#include <stdbool.h>

/* The value of a character, -1: not of the alphabet. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* EVP_DecodeBlock trims white space and ignores the bits before the padding. */
static bool is_strict(struct cw_bytes text, size_t padding)
{
    size_t digits = text.size - padding;
    for (size_t i = 0; i < digits; i++) {
        if (value_of(text.data[i]) < 0)
            return false;
    }
    if (padding == 0)
        return true;
    int unused_bits = padding == 1 ? 0x3 : 0xF;
    return (value_of(text.data[digits - 1]) & unused_bits) == 0;
}

void cw_base64_encode(struct cw_bytes bytes, char *ret_text)
{
    assert(bytes.size <= INT_MAX / 2);
    ret_text[0] = '\0';
    if (bytes.size == 0)
        return;
    (void)EVP_EncodeBlock((unsigned char *)ret_text, (const unsigned char *)bytes.data,
                          (int)bytes.size);
}

int cw_base64_decode(struct cw_bytes text, char *space, struct cw_bytes *ret_bytes)
{
    if (text.size == 0) {
        *ret_bytes = cw_bytes_make(space, 0);
        return CW_OK;
    }
    if (text.size % 4 != 0 || text.size > INT_MAX)
        return CW_ERR_PAYLOAD;

    size_t padding = 0;
    while (padding < 2 && text.data[text.size - 1 - padding] == '=')
        padding++;
    if (!is_strict(text, padding))
        return CW_ERR_PAYLOAD;

    int size =
        EVP_DecodeBlock((unsigned char *)space, (const unsigned char *)text.data, (int)text.size);
    if (size < 0 || (size_t)size < padding)
        return CW_ERR_PAYLOAD;
    *ret_bytes = cw_bytes_make(space, (size_t)size - padding);
    return CW_OK;
}
