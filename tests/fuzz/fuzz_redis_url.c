/*
 * fuzz_redis_url.c - the `redis` setting.
 */
#include "fuzz.h"
#include "redis_url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *url = malloc(size + 1);
    if (url == NULL)
        return 0;
    if (size > 0)
        memcpy(url, data, size);
    url[size] = '\0';

    char error[128];
    struct cw_redis_address address = {0};
    if (cw_redis_address_parse(url, error, sizeof(error), &address) == CW_OK) {
        char text[128];
        cw_redis_address_describe(&address, text, sizeof(text));
        cw_redis_address_finish(&address);
    }
    free(url);
    return 0;
}
