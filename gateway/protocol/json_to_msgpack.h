/*
 * json_to_msgpack.h - `data` as it travels between nodes, JSON text -> what a MessagePack client
 * gets.
 */
#ifndef CW_PROTOCOL_JSON_TO_MSGPACK_H
#define CW_PROTOCOL_JSON_TO_MSGPACK_H

#include <chanway/bytes.h>
#include <chanway/error.h>

/**
 * Converts one JSON value; `ret_msgpack` is a view that is valid until the next call.
 *
 * Integers (digits alone) within int64 and uint64 are ints, all other numbers the nearest double:
 * the largest finite one where the number is beyond it. Keys keep their order, and a key given
 * twice stays twice.
 *
 * The memory for texts up to 64 KiB is taken once, by the first call, and lives as long as the
 * process; for a larger text it is taken for that text alone. CW_ERR_NOMEM; CW_ERR_PAYLOAD: it is
 * no JSON.
 */
CW_MUST_CHECK int cw_json_to_msgpack(struct cw_bytes json, struct cw_bytes *ret_msgpack);

#endif
