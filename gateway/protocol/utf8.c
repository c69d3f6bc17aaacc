/*
 * utf8.c - whether bytes are UTF-8 (RFC 3629 section 4).
 */
#include "protocol/utf8.h"

#include <stdint.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Whether at[0..count) are continuation bytes, the first of them within [low, high]. */
static bool has_continuation(const unsigned char *at, unsigned count, unsigned char low,
                             unsigned char high)
{
    if (at[0] < low || at[0] > high)
        return false;
    for (unsigned i = 1; i < count; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return false;
    }
    return true;
}

/* Length of the multi-byte character at `at`; 0: it is none. `left` > 0. */
static size_t multibyte_size(const unsigned char *at, size_t left)
{
    unsigned char lead = at[0];
    if (lead >= 0xC2 && lead <= 0xDF)
        return left >= 2 && has_continuation(at + 1, 1, 0x80, 0xBF) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        unsigned char low = lead == 0xE0 ? 0xA0 : 0x80;
        unsigned char high = lead == 0xED ? 0x9F : 0xBF;
        return left >= 3 && has_continuation(at + 1, 2, low, high) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        unsigned char low = lead == 0xF0 ? 0x90 : 0x80;
        unsigned char high = lead == 0xF4 ? 0x8F : 0xBF;
        return left >= 4 && has_continuation(at + 1, 3, low, high) ? 4 : 0;
    }
    return 0;
}

bool cw_utf8_is_valid(struct cw_bytes text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = text.size;

    while (left > 0) {
        uint64_t word;
        if (left >= sizeof(word)) {
            memcpy(&word, at, sizeof(word));
            if ((word & HIGH_BITS) == 0) {
                at += sizeof(word);
                left -= sizeof(word);
                continue;
            }
        }
        size_t size = at[0] < 0x80 ? 1 : multibyte_size(at, left);
        if (size == 0)
            return false;
        at += size;
        left -= size;
    }
    return true;
}
