/*
 * fuzz_envelope.c - what comes back from Redis: a pub/sub message, and the body of a stream entry.
 */
#include "envelope.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes bytes = cw_bytes_make(data, size);
    struct cw_envelope envelope;
    volatile unsigned sum = 0;
    if (cw_envelope_decode(bytes, &envelope) == CW_OK) {
        for (size_t i = 0; i < envelope.message.payload.size; i++)
            sum += (unsigned char)envelope.message.payload.data[i];
    }
    struct cw_message message = {0};
    if (cw_envelope_decode_body(bytes, &message) == CW_OK) {
        for (size_t i = 0; i < message.from.size; i++)
            sum += (unsigned char)message.from.data[i];
    }
    (void)sum;
    return 0;
}
