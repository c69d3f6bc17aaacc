/*
 * fuzz_names.c - names, keys, positions and globs: what is valid survives being written and read.
 */
#include "fuzz.h"
#include "names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes text = cw_bytes_make(data, size);
    if (cw_group_name_is_valid(text)) {
        char key[CW_KEY_MAX];
        size_t length = cw_key_write(key, "cw", 'g', text);
        struct cw_bytes group = cw_key_group(cw_bytes_make(key, length), "cw");
        fuzz_require(cw_bytes_equal(group, text));
    }
    (void)cw_key_group(text, "cw");
    (void)cw_node_name_is_valid(text);
    (void)cw_prefix_is_valid(text);
    (void)cw_uuid_is_valid(text);

    struct cw_position position;
    if (cw_position_parse(text, &position)) {
        char written[CW_POSITION_TEXT_SIZE];
        fuzz_require(
            cw_bytes_equal(cw_bytes_make(written, cw_position_write(written, position)), text));
    }
    char uuid[CW_UUID_TEXT_SIZE];
    cw_uuid_generate(uuid);
    fuzz_require(cw_uuid_is_valid(cw_bytes_text(uuid)));
    if (cw_node_name_is_valid(text)) {
        char *name = fuzz_copy_text(text);
        char id[CW_NODE_ID_MAX];
        cw_node_id_generate(name, id);
        fuzz_require(strlen(id) == size + 9 && memcmp(id, name, size) == 0);
        free(name);
    }
    size_t half = size / 2;
    struct cw_bytes pattern = cw_bytes_make(data, half);
    (void)cw_glob_matches(pattern, cw_bytes_make(data + half, size - half));
    return 0;
}
