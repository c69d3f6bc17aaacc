/*
 * fuzz_payload.c - a raw channel's frame: the first byte says the channel's type, and whether the
 * frame is binary.
 */
#include "command_checks.h"
#include "fuzz.h"
#include "protocol/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > FUZZ_MAX_MESSAGE)
        return 0;
    struct cw_bytes frame = cw_bytes_make(data + 1, size - 1);
    enum cw_payload_type type = (enum cw_payload_type)((data[0] & 3) % 3);
    bool is_binary = (data[0] & 4) != 0;
    struct cw_command_error error = {0};
    int rc = cw_command_check_raw(fuzz_parser(), type, is_binary, frame, &error);
    if (rc != CW_OK)
        fuzz_check_error(rc, &error);

    /* What is taken is what its type says, and nothing good is refused. */
    bool is_json = cw_json_is_valid(fuzz_parser(), frame);
    bool is_text = cw_utf8_is_valid(frame);
    fuzz_require(is_text || !is_json);
    if (type == CW_PAYLOAD_JSON)
        fuzz_require((rc == CW_OK) == (is_json && !is_binary));
    else if (type == CW_PAYLOAD_TEXT)
        fuzz_require(rc != CW_OK || !is_binary);
    else
        fuzz_require(rc == CW_OK);
    return 0;
}
