/*
 * msgpack_to_json.h - a MessagePack client's `data` -> the JSON text that travels between nodes.
 * Pure.
 */
#ifndef CW_PROTOCOL_MSGPACK_TO_JSON_H
#define CW_PROTOCOL_MSGPACK_TO_JSON_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include <stddef.h>

/** What cw_msgpack_to_json writes at most for an object of `size` bytes. */
size_t cw_msgpack_to_json_space(size_t size);

/**
 * Writes the text into `space`, of cw_msgpack_to_json_space(object.size) bytes; `ret_json` is a
 * view of it. `object` is one whole object, at most CW_DEPTH_MAX deep, its strings in UTF-8.
 *
 * Integers are digits, doubles the shortest digits that lead back to them (yyjson's), never without
 * `.0` or an exponent; keys keep their order, and a key given twice stays twice.
 *
 * CW_ERR_PAYLOAD, `ret_why` saying why: it holds what JSON has not: NaN, infinity, bin, ext, a key
 * that is no string. CW_ERR_TOO_LARGE: the text is larger than CW_PAYLOAD_SIZE_MAX.
 */
CW_MUST_CHECK int cw_msgpack_to_json(struct cw_bytes object, char *space, struct cw_bytes *ret_json,
                                     const char **ret_why);

#endif
