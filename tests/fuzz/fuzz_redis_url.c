/*
 * fuzz_redis_url.c - the `redis` setting, in all its forms. What is logged of it has no password.
 */
#include "fuzz.h"
#include "redis_url.h"

static void check(const struct cw_redis_address *address)
{
    fuzz_require(address->is_embedded + (address->unix_path != NULL) + (address->host != NULL) +
                     (address->kind != CW_REDIS_SERVER) ==
                 1);
    fuzz_require((address->kind != CW_REDIS_SERVER) == (address->host_count > 0));
    fuzz_require((address->kind == CW_REDIS_SENTINEL) == (address->sentinel_name != NULL));
    for (size_t i = 0; i < address->host_count; i++)
        fuzz_require(address->hosts[i].host[0] != '\0' && address->hosts[i].port >= 1 &&
                     address->hosts[i].port <= 65535);
    if (address->host != NULL) {
        fuzz_require(address->host[0] != '\0');
        fuzz_require(address->port >= 1 && address->port <= 65535 && address->db >= 0);
    }
    fuzz_require(address->user == NULL || address->password != NULL);
    char text[128];
    char *without = NULL;
    struct cw_redis_address bare = *address;
    bare.user = NULL;
    bare.password = NULL;
    cw_redis_address_describe(address, text, sizeof(text));
    fuzz_require(memchr(text, '\0', sizeof(text)) != NULL);
    without = fuzz_copy_text(cw_bytes_text(text));
    cw_redis_address_describe(&bare, text, sizeof(text));
    fuzz_require(strcmp(text, without) == 0);
    free(without);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *url = fuzz_copy_text(cw_bytes_make(data, size));
    char error[128] = "";
    struct cw_redis_address address = {0};
    if (cw_redis_address_parse(url, error, sizeof(error), &address) == CW_OK) {
        check(&address);
        cw_redis_address_finish(&address);
    } else {
        fuzz_require(error[0] != '\0' && memchr(error, '\0', sizeof(error)) != NULL);
    }
    free(url);
    return 0;
}
