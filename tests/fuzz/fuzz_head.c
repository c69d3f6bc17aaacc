/*
 * fuzz_head.c - the head of a request, as it comes from the socket, whole and piece by piece.
 */
#include "fuzz.h"
#include "ws/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes bytes = cw_bytes_make(data, size);
    struct cw_head_error error = {0};
    int rc = cw_head_check(bytes, &error);
    if (rc != CW_OK) {
        fuzz_require(error.error.status >= 400 && error.error.status <= 431);
        fuzz_require(error.error.message[0] != '\0');
    } else {
        fuzz_require(size <= CW_HEAD_MAX || cw_head_is_whole(bytes));
    }
    /* What comes behind a head does not change what is said of it. */
    if (cw_head_is_whole(bytes)) {
        char *longer = malloc(size + 4);
        fuzz_require(longer != NULL);
        memcpy(longer, data, size);
        memcpy(longer + size, "\0GET", 4);
        struct cw_head_error again = {0};
        fuzz_require(cw_head_check(cw_bytes_make(longer, size + 4), &again) == rc);
        fuzz_require(again.error.status == error.error.status);
        free(longer);
    }
    return 0;
}
