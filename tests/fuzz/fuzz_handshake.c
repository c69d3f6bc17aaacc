/*
 * fuzz_handshake.c - an upgrade request: the query, a line end, Sec-WebSocket-Protocol.
 */
#include "fuzz.h"
#include "protocol/handshake.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t query_size = end != NULL ? (size_t)(end - data) : size;
    struct cw_bytes query = cw_bytes_make(data, query_size);
    struct cw_bytes protocols = {0};
    if (end != NULL)
        protocols = cw_bytes_make(end + 1, size - query_size - 1);

    struct cw_handshake handshake;
    struct cw_handshake_error error;
    if (cw_handshake_parse(query, protocols, 16, &handshake, &error) == CW_OK) {
        if (handshake.group_count > 16)
            abort();
        cw_handshake_finish(&handshake);
    } else {
        char body[512];
        if (cw_handshake_error_body(&error, body, sizeof(body)) == 0)
            abort();
    }
    return 0;
}
