/*
 * fuzz_proxy_header.c - the first bytes of a connection from a proxy. A header is known when its
 * last byte is there and not before, whatever follows; what is refused stays refused.
 */
#include "fuzz.h"
#include "protocol/proxy_header.h"

static bool is_same(const struct cw_address *a, const struct cw_address *b)
{
    return a->kind == b->kind && a->port == b->port &&
           (a->kind != CW_ADDRESS_IP || memcmp(a->ip, b->ip, sizeof(a->ip)) == 0);
}

/* In memory of exactly that size. */
static int parse(struct cw_bytes bytes, struct cw_address *ret_client)
{
    struct cw_address client = {.kind = CW_ADDRESS_UNKNOWN};
    char *copy = malloc(bytes.size > 0 ? bytes.size : 1);
    fuzz_require(copy != NULL);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    int rc = cw_proxy_header_parse(cw_bytes_make(copy, bytes.size), &client);
    free(copy);
    *ret_client = client;
    return rc;
}

static void check_client(const struct cw_address *client)
{
    char written[CW_ADDRESS_TEXT_SIZE];
    struct cw_address again;
    size_t size = cw_address_write(client, written);
    fuzz_require(size > 0 && size < sizeof(written) && strlen(written) == size);
    if (client->kind != CW_ADDRESS_IP)
        return;
    fuzz_require(cw_address_parse(cw_bytes_make(written, size), &again));
    fuzz_require(is_same(client, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes bytes = cw_bytes_make(data, size);
    struct cw_address client, same;
    int rc = parse(bytes, &client);
    fuzz_require(rc == CW_ERR_INVALID || (rc >= 0 && (size_t)rc <= size));
    /* The parser of pieces must not wait for ever. */
    fuzz_require(rc != 0 || size < CW_PROXY_HEADER_MAX);
    size_t step = 1 + size / 64;
    for (size_t some = 0; some < size; some += step) {
        int early = parse(cw_bytes_make(bytes.data, some), &same);
        if (rc > 0)
            fuzz_require(early == ((size_t)rc <= some ? rc : 0));
        else
            fuzz_require(early == 0 || early == rc);
    }
    if (rc <= 0)
        return 0;
    fuzz_require(rc <= CW_PROXY_HEADER_MAX);
    fuzz_require(parse(cw_bytes_make(bytes.data, (size_t)rc), &same) == rc);
    fuzz_require(is_same(&client, &same));
    check_client(&client);
    return 0;
}
