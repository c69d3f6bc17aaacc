/*
 * siphash.c - SipHash by Aumasson and Bernstein with one compression and three finalization rounds:
 * the variant made for hash tables, where an attacker never sees the hash itself.
 */
#include "base/siphash.h"

#include <stddef.h>

struct state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t read_le64(const unsigned char *from)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)from[i] << (8 * i);
    return word;
}

static uint64_t rotate_left(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void mix(struct state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

static void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s);
    s->v0 ^= word;
}

uint64_t cw_siphash13(const unsigned char key[CW_SIPHASH_KEY_SIZE], struct cw_bytes bytes)
{
    uint64_t k0 = read_le64(key);
    uint64_t k1 = read_le64(key + 8);
    struct state s = {
        .v0 = k0 ^ 0x736f6d6570736575U,
        .v1 = k1 ^ 0x646f72616e646f6dU,
        .v2 = k0 ^ 0x6c7967656e657261U,
        .v3 = k1 ^ 0x7465646279746573U,
    };

    const unsigned char *from = (const unsigned char *)bytes.data;
    size_t left = bytes.size;
    for (; left >= 8; from += 8, left -= 8)
        absorb(&s, read_le64(from));

    /* The last word holds what is left and, on top, the size modulo 256. */
    uint64_t last = (uint64_t)bytes.size << 56;
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)from[i] << (8 * i);
    absorb(&s, last);

    s.v2 ^= 0xff;
    mix(&s);
    mix(&s);
    mix(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
