/*
 * fuzz_command_msgpack.c - a frame of a client of chanway.v1.msgpack. `data` becomes JSON, which
 * must become `data` and the same JSON again.
 */
#include "command_checks.h"
#include "fuzz.h"
#include "protocol/json_to_msgpack.h"
#include "protocol/msgpack_to_json.h"

static void check_round(struct cw_bytes json)
{
    struct cw_bytes object;
    struct cw_bytes again;
    const char *why;
    fuzz_require(cw_json_to_msgpack(json, &object) == CW_OK);
    char *copy = fuzz_copy(object);
    char *space = malloc(cw_msgpack_to_json_space(object.size));
    fuzz_require(space != NULL);
    fuzz_require(cw_msgpack_to_json(cw_bytes_make(copy, object.size), space, &again, &why) ==
                 CW_OK);
    fuzz_require(cw_bytes_equal(again, json));
    free(space);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_command command;
    if (size > FUZZ_MAX_MESSAGE ||
        !fuzz_parse_command(CW_KIND_MSGPACK, cw_bytes_make(data, size), &command))
        return 0;
    if (command.payload_type == CW_PAYLOAD_JSON && command.payload.size > 0)
        check_round(command.payload);
    return 0;
}
