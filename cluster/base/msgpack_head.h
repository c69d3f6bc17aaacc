/*
 * msgpack_head.h - what the first bytes of a MessagePack object claim, and whether it is there.
 * Pure.
 *
 * msgpack-c believes a header: five bytes that claim an array of 2^32 elements make it ask for
 * 100 GB, and it goes no deeper than 32. So bytes from outside are walked over with this first:
 *
 *   for (uint64_t owed = 1; owed > 0; owed += head.children - 1)
 *       read the head at `rest`; move on by head.size
 *
 * The walk allocates nothing, ends at the first claim that the bytes do not hold, and needs no
 * recursion: an object's children follow it.
 */
#ifndef CW_BASE_MSGPACK_HEAD_H
#define CW_BASE_MSGPACK_HEAD_H

#include <chanway/bytes.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cw_msgpack_type {
    CW_MSGPACK_SCALAR, /* nil, a boolean, a number */
    CW_MSGPACK_STR,
    CW_MSGPACK_BIN,
    CW_MSGPACK_EXT,
    CW_MSGPACK_ARRAY,
    CW_MSGPACK_MAP,
};

struct cw_msgpack_head {
    enum cw_msgpack_type type;
    size_t size;          /* bytes of the object without its children */
    uint64_t children;    /* objects in it; of a map, keys and values */
    struct cw_bytes body; /* STR, BIN */
};

/** Reads the object that `bytes` begin with. False: there is none, or it is cut. */
bool cw_msgpack_head_read(struct cw_bytes bytes, struct cw_msgpack_head *ret_head);

#endif
