/*
 * fuzz_forwarded.c - who a client behind proxies is: the networks that are trusted, a line end,
 * X-Forwarded-For, a line end, an Origin. What was read is written and reads the same.
 */
#include "fuzz.h"
#include "protocol/forwarded.h"
#include "protocol/origin.h"

static bool is_same(const struct cw_address *a, const struct cw_address *b)
{
    return a->kind == b->kind && a->port == b->port &&
           (a->kind != CW_ADDRESS_IP || memcmp(a->ip, b->ip, sizeof(a->ip)) == 0);
}

static void check_text(struct cw_bytes text)
{
    struct cw_address address;
    struct cw_address again;
    char written[CW_ADDRESS_TEXT_SIZE];
    if (!cw_address_parse(text, &address))
        return;
    fuzz_require(address.kind == CW_ADDRESS_IP);
    size_t size = cw_address_write(&address, written);
    fuzz_require(size > 0 && size < sizeof(written) && strlen(written) == size);
    fuzz_require(cw_address_parse(cw_bytes_make(written, size), &again));
    fuzz_require(is_same(&address, &again));
}

static void check_client(const struct cw_networks *trusted, struct cw_bytes values)
{
    static const unsigned char ip[4] = {10, 0, 0, 1};
    struct cw_address peers[] = {cw_address_make(ip, sizeof(ip), 5), {.kind = CW_ADDRESS_UNIX}};
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
        bool is_whole;
        bool is_whole_again;
        struct cw_address client = cw_forwarded_client(trusted, &peers[i], values, &is_whole);
        if (!cw_networks_have(trusted, &peers[i])) /* nobody else is believed */
            fuzz_require(is_same(&client, &peers[i]) && is_whole);
        /* Whatever a client itself sends comes before what its proxy adds, and changes nothing. */
        if (is_whole && !cw_networks_have(trusted, &client)) {
            char *longer = malloc(values.size + 9);
            fuzz_require(longer != NULL);
            memcpy(longer, "1.2.3.4,", 8);
            if (values.size > 0)
                memcpy(longer + 8, values.data, values.size);
            struct cw_address same = cw_forwarded_client(
                trusted, &peers[i], cw_bytes_make(longer, values.size + 8), &is_whole_again);
            fuzz_require(is_same(&same, &client));
            free(longer);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes rest = cw_bytes_make(data, size);
    struct cw_bytes list = fuzz_take(&rest, '\n');
    struct cw_bytes values = fuzz_take(&rest, '\n');
    struct cw_networks networks = {0};
    check_text(list);
    check_text(values);
    if (cw_networks_parse(list, &networks) == CW_OK) {
        fuzz_require(networks.count <= CW_NETWORKS_MAX);
        check_client(&networks, values);
        cw_networks_finish(&networks);
    }
    char *globs = fuzz_copy_text(list);
    bool is_allowed = cw_origin_is_allowed(globs, rest);
    fuzz_require(is_allowed || rest.size > 0);
    fuzz_require(!is_allowed || rest.size <= CW_ORIGIN_MAX || strcmp(globs, "*") == 0);
    free(globs);
    return 0;
}
