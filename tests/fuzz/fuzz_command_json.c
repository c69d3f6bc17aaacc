/*
 * fuzz_command_json.c - a frame of a client of chanway.v1.json.
 */
#include "command_checks.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_command command;
    if (size > FUZZ_MAX_MESSAGE)
        return 0;
    (void)fuzz_parse_command(CW_KIND_JSON, cw_bytes_make(data, size), &command);
    return 0;
}
