/*
 * names.c - alphabets and bounds of names; keys, ids and positions as text.
 */
#include "names.h"

#include "base/clock.h"
#include "base/hex.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Where a byte may stand: bits. */
enum {
    IN_GROUP = 1,
    IN_NODE = 2,
    IN_PREFIX = 4,
    IN_ALL = 7,
    IS_HEX = 8, /* as in a uuid: lower case */
};

/* clang-format off */
static const unsigned char places[256] = {
    ['0'] = IN_ALL | IS_HEX, ['1'] = IN_ALL | IS_HEX, ['2'] = IN_ALL | IS_HEX,
    ['3'] = IN_ALL | IS_HEX, ['4'] = IN_ALL | IS_HEX, ['5'] = IN_ALL | IS_HEX,
    ['6'] = IN_ALL | IS_HEX, ['7'] = IN_ALL | IS_HEX, ['8'] = IN_ALL | IS_HEX,
    ['9'] = IN_ALL | IS_HEX, ['a'] = IN_ALL | IS_HEX, ['b'] = IN_ALL | IS_HEX,
    ['c'] = IN_ALL | IS_HEX, ['d'] = IN_ALL | IS_HEX, ['e'] = IN_ALL | IS_HEX,
    ['f'] = IN_ALL | IS_HEX,
    ['g'] = IN_ALL, ['h'] = IN_ALL, ['i'] = IN_ALL, ['j'] = IN_ALL, ['k'] = IN_ALL,
    ['l'] = IN_ALL, ['m'] = IN_ALL, ['n'] = IN_ALL, ['o'] = IN_ALL, ['p'] = IN_ALL,
    ['q'] = IN_ALL, ['r'] = IN_ALL, ['s'] = IN_ALL, ['t'] = IN_ALL, ['u'] = IN_ALL,
    ['v'] = IN_ALL, ['w'] = IN_ALL, ['x'] = IN_ALL, ['y'] = IN_ALL, ['z'] = IN_ALL,
    ['A'] = IN_ALL, ['B'] = IN_ALL, ['C'] = IN_ALL, ['D'] = IN_ALL, ['E'] = IN_ALL,
    ['F'] = IN_ALL, ['G'] = IN_ALL, ['H'] = IN_ALL, ['I'] = IN_ALL, ['J'] = IN_ALL,
    ['K'] = IN_ALL, ['L'] = IN_ALL, ['M'] = IN_ALL, ['N'] = IN_ALL, ['O'] = IN_ALL,
    ['P'] = IN_ALL, ['Q'] = IN_ALL, ['R'] = IN_ALL, ['S'] = IN_ALL, ['T'] = IN_ALL,
    ['U'] = IN_ALL, ['V'] = IN_ALL, ['W'] = IN_ALL, ['X'] = IN_ALL, ['Y'] = IN_ALL,
    ['Z'] = IN_ALL,
    ['_'] = IN_ALL, ['.'] = IN_ALL, ['-'] = IN_ALL, [':'] = IN_GROUP | IN_PREFIX,
    ['@'] = IN_GROUP, ['='] = IN_GROUP, ['/'] = IN_GROUP,
};
/* clang-format on */

/* 1..max bytes, each of which may stand in that `place`. */
static bool is_name(struct cw_bytes name, size_t max, unsigned place)
{
    if (name.size == 0 || name.size > max)
        return false;
    unsigned common = place;
    for (size_t i = 0; i < name.size; i++)
        common &= places[(unsigned char)name.data[i]];
    return common != 0;
}

#define SAFE_DIGITS 19 /* so many are below 2^64 whatever they are */

/* Takes a decimal number off the front of `text`; false if there is none, or one beyond 64 bits. */
static bool take_u64(struct cw_bytes *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; i < text->size; i++) {
        unsigned digit = (unsigned char)text->data[i] - (unsigned)'0';
        if (digit > 9)
            break;
        if (i >= SAFE_DIGITS && number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    if (i == 0 || (i > 1 && text->data[0] == '0'))
        return false;
    *text = cw_bytes_make(text->data + i, text->size - i);
    *ret_number = number;
    return true;
}

bool cw_group_name_is_valid(struct cw_bytes name)
{
    return is_name(name, CW_GROUP_NAME_MAX, IN_GROUP);
}

bool cw_group_name_is_reserved(struct cw_bytes name)
{
    static const char reserved[] = "user:";
    size_t size = sizeof(reserved) - 1;
    return name.size >= size && memcmp(name.data, reserved, size) == 0;
}

bool cw_node_name_is_valid(struct cw_bytes name)
{
    return is_name(name, CW_NODE_NAME_MAX, IN_NODE);
}

bool cw_prefix_is_valid(struct cw_bytes prefix)
{
    return is_name(prefix, CW_PREFIX_MAX, IN_PREFIX);
}

bool cw_uuid_is_valid(struct cw_bytes text)
{
    if (text.size != CW_UUID_TEXT_SIZE - 1)
        return false;
    const char *data = text.data;
    if (data[8] != '-' || data[13] != '-' || data[18] != '-' || data[23] != '-')
        return false;
    unsigned digits = 0;
    for (size_t i = 0; i < text.size; i++)
        digits += places[(unsigned char)data[i]] >> 3;
    return digits == 32; /* all but the dashes */
}

void cw_uuid_generate(char ret_text[CW_UUID_TEXT_SIZE])
{
    /* 48 bits of time in ms, then random bits around the version and the variant. */
    unsigned char uuid[16];
    uint64_t now_ms = (uint64_t)cw_clock_wall_ms();
    for (unsigned i = 0; i < 6; i++)
        uuid[i] = (unsigned char)(now_ms >> (40 - 8 * i));
    cw_random_bytes(uuid + 6, 10);
    uuid[6] = (unsigned char)((uuid[6] & 0x0f) | 0x70);
    uuid[8] = (unsigned char)((uuid[8] & 0x3f) | 0x80);

    static const unsigned char group_sizes[] = {4, 2, 2, 2, 6};
    char *to = ret_text;
    const unsigned char *from = uuid;
    for (size_t i = 0; i < sizeof(group_sizes); i++) {
        if (i > 0)
            *to++ = '-';
        cw_hex_write(to, from, group_sizes[i]);
        to += (size_t)2 * group_sizes[i];
        from += group_sizes[i];
    }
    *to = '\0';
}

void cw_node_id_generate(const char *name, char ret_id[CW_NODE_ID_MAX])
{
    size_t size = strlen(name);
    assert(size <= CW_NODE_NAME_MAX);
    unsigned char random[4];
    cw_random_bytes(random, sizeof(random));

    memcpy(ret_id, name, size);
    ret_id[size] = '.';
    cw_hex_write(ret_id + size + 1, random, sizeof(random));
    ret_id[size + 1 + 2 * sizeof(random)] = '\0';
}

size_t cw_key_write(char ret_key[CW_KEY_MAX], const char *prefix, char kind, struct cw_bytes name)
{
    size_t prefix_size = strlen(prefix);
    assert(prefix_size <= CW_PREFIX_MAX && name.size <= CW_GROUP_NAME_MAX);

    char *to = ret_key;
    memcpy(to, prefix, prefix_size);
    to += prefix_size;
    *to++ = ':';
    *to++ = '{';
    *to++ = kind;
    *to++ = ':';
    if (name.size > 0)
        memcpy(to, name.data, name.size);
    to += name.size;
    *to++ = '}';
    *to = '\0';
    return (size_t)(to - ret_key);
}

struct cw_bytes cw_key_group(struct cw_bytes key, const char *prefix)
{
    static const char opening[] = ":{g:";
    const size_t opening_size = sizeof(opening) - 1;
    const struct cw_bytes none = {NULL, 0};

    size_t prefix_size = strlen(prefix);
    size_t start = prefix_size + opening_size;
    if (key.size <= start || key.data[key.size - 1] != '}')
        return none;
    if (memcmp(key.data, prefix, prefix_size) != 0 ||
        memcmp(key.data + prefix_size, opening, opening_size) != 0)
        return none;

    struct cw_bytes group = cw_bytes_make(key.data + start, key.size - start - 1);
    return cw_group_name_is_valid(group) ? group : none;
}

bool cw_position_parse(struct cw_bytes text, struct cw_position *ret_position)
{
    struct cw_position position;
    if (!take_u64(&text, &position.epoch))
        return false;
    if (text.size == 0 || text.data[0] != '-')
        return false;
    text = cw_bytes_make(text.data + 1, text.size - 1);
    if (!take_u64(&text, &position.offset) || text.size != 0)
        return false;
    *ret_position = position;
    return true;
}

size_t cw_position_write(char ret_text[CW_POSITION_TEXT_SIZE], struct cw_position position)
{
    int length = snprintf(ret_text, CW_POSITION_TEXT_SIZE, "%" PRIu64 "-%" PRIu64, position.epoch,
                          position.offset);
    return (size_t)length;
}

size_t cw_glob_literals(const char *pattern)
{
    size_t size = 0;
    for (; *pattern != '\0'; pattern++)
        size += *pattern != '*';
    return size;
}

bool cw_glob_matches(struct cw_bytes pattern, struct cw_bytes text)
{
    /* On a mismatch only the last star needs to take one byte more: earlier ones gain nothing. */
    size_t p = 0;
    size_t t = 0;
    size_t after_star = 0; /* 0: no star yet */
    size_t star_end = 0;   /* where the text after the last star's run begins */
    while (t < text.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            after_star = ++p;
            star_end = t;
        } else if (p < pattern.size && pattern.data[p] == text.data[t]) {
            p++;
            t++;
        } else if (after_star > 0) {
            p = after_star;
            t = ++star_end;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*')
        p++;
    return p == pattern.size;
}
