/*
 * fuzz_payload.c - a raw channel's frame: the first byte says the channel's type, and whether the
 * frame is binary.
 */
#include "command_checks.h"
#include "fuzz.h"
#include "http/json_text.h"
#include "protocol/utf8.h"

/* Whatever it is, as a string in an answer it is JSON. */
static void check_string(struct cw_bytes text)
{
    struct cw_writer writer;
    if (text.size > FUZZ_MAX_MESSAGE / 6 - 1) /* six bytes for each */
        return;
    cw_writer_init(&writer);
    cw_json_write_string(&writer, text);
    fuzz_require(cw_json_is_valid(fuzz_parser(), cw_writer_view(&writer)));
    cw_writer_finish(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > FUZZ_MAX_MESSAGE)
        return 0;
    struct cw_bytes frame = cw_bytes_make(data + 1, size - 1);
    enum cw_payload_type type = (enum cw_payload_type)((data[0] & 3) % 3);
    bool is_binary = (data[0] & 4) != 0;
    struct cw_command_error error = {0};
    check_string(frame);
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
