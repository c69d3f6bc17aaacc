/*
 * fuzz_json.c - JSON text on its way to a MessagePack client: what is JSON converts, and converts
 * back to something that converts to the same.
 */
#include "command_checks.h"
#include "fuzz.h"
#include "protocol/json_to_msgpack.h"
#include "protocol/msgpack_to_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes text = cw_bytes_make(data, size);
    struct cw_bytes object;
    struct cw_bytes json;
    struct cw_bytes again;
    const char *why;
    if (size > FUZZ_MAX_MESSAGE)
        return 0;

    /* Whatever the depth; only what clients may send has a way back. */
    int rc = cw_json_to_msgpack(text, &object);
    fuzz_require(rc == CW_OK || rc == CW_ERR_PAYLOAD);
    if (!cw_json_is_valid(fuzz_parser(), text))
        return 0;
    fuzz_require(rc == CW_OK);
    /* A number of one digit is a double of nine bytes at worst ("[1.,..." is not JSON). */
    fuzz_require(object.size <= 9 * size);
    char *copy = fuzz_copy(object);
    struct cw_bytes first = cw_bytes_make(copy, object.size);
    char *space = malloc(cw_msgpack_to_json_space(first.size));
    fuzz_require(space != NULL);
    fuzz_require(cw_msgpack_to_json(first, space, &json, &why) == CW_OK);
    fuzz_require(cw_json_is_valid(fuzz_parser(), json));
    fuzz_require(cw_json_to_msgpack(json, &again) == CW_OK);
    fuzz_require(cw_bytes_equal(again, first));
    free(space);
    free(copy);
    return 0;
}
