/*
 * fuzz_names.c - names, keys, positions and globs: what is valid survives being written and read.
 */
#include "fuzz.h"
#include "names.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes text = cw_bytes_make(data, size);
    if (cw_group_name_is_valid(text)) {
        char key[CW_KEY_MAX];
        size_t length = cw_key_write(key, "cw", 'g', text);
        struct cw_bytes group = cw_key_group(cw_bytes_make(key, length), "cw");
        if (group.size != size || memcmp(group.data, data, size) != 0)
            abort();
    }
    (void)cw_key_group(text, "cw");
    (void)cw_node_name_is_valid(text);
    (void)cw_prefix_is_valid(text);
    (void)cw_uuid_is_valid(text);

    struct cw_position position;
    if (cw_position_parse(text, &position)) {
        char written[CW_POSITION_TEXT_SIZE];
        if (cw_position_write(written, position) != size || memcmp(written, data, size) != 0)
            abort();
    }
    size_t half = size / 2;
    struct cw_bytes pattern = cw_bytes_make(data, half);
    (void)cw_glob_matches(pattern, cw_bytes_make(data + half, size - half));
    return 0;
}
