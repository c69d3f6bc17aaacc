/*
 * fuzz_head.c - the head of a request, as it comes from the socket.
 */
#include "fuzz.h"
#include "ws/head.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_head_error error;
    int rc = cw_head_check(cw_bytes_make(data, size), &error);
    if (rc != CW_OK && (error.error.status < 400 || error.error.status > 431))
        abort();
    return 0;
}
