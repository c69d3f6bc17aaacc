/*
 * msgpack_head.c - the first bytes of a MessagePack object, by a table.
 */
#include "base/msgpack_head.h"

#define NEVER_USED 0xc1

/* What follows the first byte of an object. */
struct shape {
    unsigned char length_size; /* bytes of a big-endian length, first */
    unsigned char fixed_size;  /* bytes that are always there */
    unsigned char type;        /* enum cw_msgpack_type */
};

#define SCALAR CW_MSGPACK_SCALAR
#define STR    CW_MSGPACK_STR
#define BIN    CW_MSGPACK_BIN
#define EXT    CW_MSGPACK_EXT
#define ARRAY  CW_MSGPACK_ARRAY
#define MAP    CW_MSGPACK_MAP

/* For the first bytes 0xc0..0xdf. */
static const struct shape shapes[32] = {
    [0x00] = {0, 0, SCALAR}, [0x02] = {0, 0, SCALAR}, [0x03] = {0, 0, SCALAR}, /* nil, booleans */
    [0x04] = {1, 0, BIN},    [0x05] = {2, 0, BIN},    [0x06] = {4, 0, BIN},
    [0x07] = {1, 1, EXT},    [0x08] = {2, 1, EXT},    [0x09] = {4, 1, EXT},
    [0x0a] = {0, 4, SCALAR}, [0x0b] = {0, 8, SCALAR},                          /* float */
    [0x0c] = {0, 1, SCALAR}, [0x0d] = {0, 2, SCALAR}, [0x0e] = {0, 4, SCALAR}, /* uint */
    [0x0f] = {0, 8, SCALAR}, [0x10] = {0, 1, SCALAR}, [0x11] = {0, 2, SCALAR}, /* uint64, int */
    [0x12] = {0, 4, SCALAR}, [0x13] = {0, 8, SCALAR},                          /* int */
    [0x14] = {0, 2, EXT},    [0x15] = {0, 3, EXT},    [0x16] = {0, 5, EXT},    /* fixext */
    [0x17] = {0, 9, EXT},    [0x18] = {0, 17, EXT},                            /* fixext */
    [0x19] = {1, 0, STR},    [0x1a] = {2, 0, STR},    [0x1b] = {4, 0, STR},
    [0x1c] = {2, 0, ARRAY},  [0x1d] = {4, 0, ARRAY},  [0x1e] = {2, 0, MAP},
    [0x1f] = {4, 0, MAP},
};

/* `length` counts what its type says: bytes, elements, or pairs. False: not all of them are there.
 */
static bool set(struct cw_bytes bytes, size_t before, enum cw_msgpack_type type, uint64_t length,
                struct cw_msgpack_head *ret_head)
{
    struct cw_msgpack_head head = {.type = type, .size = before};
    if (type == CW_MSGPACK_ARRAY || type == CW_MSGPACK_MAP) {
        head.children = type == CW_MSGPACK_MAP ? 2 * length : length;
        length = 0;
    }
    if (before > bytes.size || length > bytes.size - before)
        return false;
    if (type == CW_MSGPACK_STR || type == CW_MSGPACK_BIN)
        head.body = cw_bytes_make(bytes.data + before, (size_t)length);
    head.size += (size_t)length;
    *ret_head = head;
    return true;
}

bool cw_msgpack_head_read(struct cw_bytes bytes, struct cw_msgpack_head *ret_head)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    if (bytes.size == 0)
        return false;
    unsigned first = at[0];
    if (first < 0x80 || first >= 0xe0)
        return set(bytes, 1, CW_MSGPACK_SCALAR, 0, ret_head);
    if (first < 0x90)
        return set(bytes, 1, CW_MSGPACK_MAP, first & 0x0f, ret_head);
    if (first < 0xa0)
        return set(bytes, 1, CW_MSGPACK_ARRAY, first & 0x0f, ret_head);
    if (first < 0xc0)
        return set(bytes, 1, CW_MSGPACK_STR, first & 0x1f, ret_head);

    const struct shape *shape = &shapes[first & 0x1f];
    if (first == NEVER_USED || bytes.size - 1 < shape->length_size)
        return false;
    uint64_t length = 0;
    for (unsigned i = 1; i <= shape->length_size; i++)
        length = length << 8 | at[i];
    return set(bytes, (size_t)1 + shape->length_size + shape->fixed_size,
               (enum cw_msgpack_type)shape->type, length, ret_head);
}
