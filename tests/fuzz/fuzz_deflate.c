/*
 * fuzz_deflate.c - a client's offers of compression, a line end, and what it has compressed: never
 * more than the bound comes out. As a message of ours it comes back as it was.
 */
#include "fuzz.h"
#include "protocol/deflate.h"
#include "protocol/extensions.h"
#include "protocol/frame.h"

#define MAX 5000

static void check_form(struct cw_deflate *codec, struct cw_bytes payload)
{
    struct cw_bytes plain;
    struct cw_buf *frame = cw_frame_create(CW_FRAME_BINARY, payload);
    fuzz_require(frame != NULL);
    struct cw_buf *form = cw_deflate_form(codec, frame);
    fuzz_require(cw_deflate_form(codec, frame) == form);
    if (form != frame) {
        struct cw_bytes packed = cw_frame_payload(form);
        fuzz_require(form->size < frame->size);
        fuzz_require(cw_deflate_unpack(codec, packed, payload.size, &plain) == CW_OK);
        fuzz_require(plain.size == payload.size);
        fuzz_require(memcmp(plain.data, payload.data, plain.size) == 0);
        fuzz_require(cw_deflate_unpack(codec, packed, payload.size - 1, &plain) ==
                     CW_ERR_TOO_LARGE);
    }
    cw_buf_unref(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cw_deflate *codec;
    if (codec == NULL)
        fuzz_require(cw_deflate_create(1, &codec) == CW_OK);
    struct cw_bytes rest = cw_bytes_make(data, size);
    struct cw_bytes offers = fuzz_take(&rest, '\n');
    char *copy = fuzz_copy(offers);
    const char *answer = cw_extensions_answer(cw_bytes_make(copy, offers.size));
    fuzz_require(answer == NULL || offers.size >= strlen(CW_EXTENSION_DEFLATE));
    free(copy);

    struct cw_bytes plain;
    copy = fuzz_copy(rest);
    int rc = cw_deflate_unpack(codec, cw_bytes_make(copy, rest.size), MAX, &plain);
    free(copy);
    fuzz_require(rc == CW_OK || rc == CW_ERR_INVALID || rc == CW_ERR_TOO_LARGE);
    if (rc == CW_OK) {
        fuzz_require(plain.size <= MAX);
        copy = fuzz_copy(plain);
        check_form(codec, cw_bytes_make(copy, plain.size));
        free(copy);
    }
    check_form(codec, rest);
    return 0;
}
