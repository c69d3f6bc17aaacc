/*
 * json_pointer.h - where in a document something is (RFC 6901), written only when it is asked for.
 */
#ifndef CW_PROTOCOL_JSON_POINTER_H
#define CW_PROTOCOL_JSON_POINTER_H

#include <chanway/bytes.h>

#include <stddef.h>

/** A value on the way from the root to another, on the stack of who walks there; NULL is the root.
 */
struct cw_json_place {
    const struct cw_json_place *parent;
    struct cw_bytes key; /* of an object's field; `data` NULL: an array's item */
    size_t index;
};

#define CW_JSON_POINTER_SIZE 256

/** Writes the pointer, "" for the root. If it is longer it ends where it still fits: at a value
 * that holds the one that is meant. */
void cw_json_pointer_write(const struct cw_json_place *place,
                           char ret_pointer[CW_JSON_POINTER_SIZE]);

#endif
