/* test_map.c - base/map.c: finding, growing, removing, walking. */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ITEMS 5000

struct item {
    struct cw_map_node node; /* in the map of the test */
    char key[16];
    size_t key_size;
    unsigned seen;
};

static struct item items[ITEMS];

static struct cw_bytes key_of(const struct cw_map_node *node)
{
    const struct item *item = (const struct item *)(const void *)node;
    return cw_bytes_make(item->key, item->key_size);
}

static struct item *item_of(struct cw_map_node *node)
{
    return (struct item *)(void *)node;
}

static void make_items(void)
{
    memset(items, 0, sizeof(items));
    for (unsigned i = 0; i < ITEMS; i++) {
        int size = snprintf(items[i].key, sizeof(items[i].key), "group-%u", i);
        items[i].key_size = (size_t)size;
    }
}

static void add(struct cw_map *map, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++)
        assert_int_equal(cw_map_add(map, &items[i].node), CW_OK);
}

static void empty_map_finds_and_walks_nothing(void **state)
{
    (void)state;
    struct cw_map map;
    cw_map_init(&map, key_of);
    assert_null(cw_map_find(&map, cw_bytes_text("a")));
    assert_null(cw_map_next(&map, NULL));
    cw_map_finish(&map);
}

static void every_item_is_found_while_the_map_grows(void **state)
{
    (void)state;
    make_items();
    struct cw_map map;
    cw_map_init(&map, key_of);
    for (unsigned i = 0; i < ITEMS; i++) {
        assert_null(cw_map_find(&map, key_of(&items[i].node)));
        add(&map, i, i + 1);
        assert_int_equal(map.count, i + 1);
        assert_ptr_equal(cw_map_find(&map, key_of(&items[i].node)), &items[i].node);
        assert_ptr_equal(cw_map_find(&map, key_of(&items[i / 2].node)), &items[i / 2].node);
    }
    for (unsigned i = 0; i < ITEMS; i++)
        assert_ptr_equal(cw_map_find(&map, key_of(&items[i].node)), &items[i].node);
    assert_null(cw_map_find(&map, cw_bytes_text("group-5000")));
    cw_map_finish(&map);
    assert_null(cw_map_find(&map, cw_bytes_text("group-1")));
}

static void buckets_double_when_there_are_more_items(void **state)
{
    (void)state;
    make_items();
    struct cw_map map;
    cw_map_init(&map, key_of);
    add(&map, 0, 1);
    size_t first = map.bucket_count;
    add(&map, 1, (unsigned)first);
    assert_int_equal(map.bucket_count, first);
    add(&map, (unsigned)first, (unsigned)first + 1);
    assert_int_equal(map.bucket_count, 2 * first);
    cw_map_finish(&map);
}

static void removed_items_are_gone_and_the_others_stay(void **state)
{
    (void)state;
    make_items();
    struct cw_map map;
    cw_map_init(&map, key_of);
    add(&map, 0, ITEMS);
    for (unsigned i = 0; i < ITEMS; i += 2)
        cw_map_remove(&map, &items[i].node);
    assert_int_equal(map.count, ITEMS / 2);
    for (unsigned i = 0; i < ITEMS; i++) {
        struct cw_map_node *found = cw_map_find(&map, key_of(&items[i].node));
        if (i % 2 == 0)
            assert_null(found);
        else
            assert_ptr_equal(found, &items[i].node);
    }
    for (unsigned i = 0; i < ITEMS; i += 2)
        add(&map, i, i + 1);
    assert_ptr_equal(cw_map_find(&map, cw_bytes_text("group-0")), &items[0].node);
    cw_map_finish(&map);
}

static void keys_are_bytes_and_compared_whole(void **state)
{
    (void)state;
    static const struct cw_bytes keys[] = {{"", 0},     {"a", 1},  {"a\0", 2},    {"a\0b", 3},
                                           {"a\0c", 3}, {"ab", 2}, {"\xff\0", 2}, {"\0", 1}};
    const unsigned count = sizeof(keys) / sizeof(keys[0]);
    make_items();
    struct cw_map map;
    cw_map_init(&map, key_of);
    for (unsigned i = 0; i < count; i++) {
        memcpy(items[i].key, keys[i].data, keys[i].size);
        items[i].key_size = keys[i].size;
        assert_null(cw_map_find(&map, keys[i]));
        add(&map, i, i + 1);
    }
    for (unsigned i = 0; i < count; i++)
        assert_ptr_equal(cw_map_find(&map, keys[i]), &items[i].node);
    assert_ptr_equal(cw_map_find(&map, cw_bytes_make(NULL, 0)), &items[0].node);
    cw_map_finish(&map);
}

static void walk_sees_each_item_once(void **state)
{
    (void)state;
    make_items();
    struct cw_map map;
    cw_map_init(&map, key_of);
    add(&map, 0, ITEMS);
    size_t count = 0;
    struct cw_map_node *node = NULL;
    while ((node = cw_map_next(&map, node)) != NULL) {
        item_of(node)->seen++;
        count++;
    }
    assert_int_equal(count, ITEMS);
    for (unsigned i = 0; i < ITEMS; i++)
        assert_int_equal(items[i].seen, 1);
    cw_map_finish(&map);
}

static void walk_goes_on_after_the_item_just_got_was_removed(void **state)
{
    (void)state;
    make_items();
    struct cw_map map;
    cw_map_init(&map, key_of);
    add(&map, 0, ITEMS);
    struct cw_map_node *node = NULL;
    while ((node = cw_map_next(&map, node)) != NULL) {
        item_of(node)->seen++;
        if ((item_of(node) - items) % 3 != 0)
            cw_map_remove(&map, node);
    }
    assert_int_equal(map.count, (ITEMS + 2) / 3);
    for (unsigned i = 0; i < ITEMS; i++)
        assert_int_equal(items[i].seen, 1);
    cw_map_finish(&map);
}

static void items_may_be_freed_once_the_next_was_got(void **state)
{
    (void)state;
    struct cw_map map;
    cw_map_init(&map, key_of);
    for (unsigned i = 0; i < 100; i++) {
        struct item *item = calloc(1, sizeof(*item));
        assert_non_null(item);
        item->key[0] = (char)i;
        item->key_size = 1;
        assert_int_equal(cw_map_add(&map, &item->node), CW_OK);
    }
    struct cw_map_node *next;
    for (struct cw_map_node *node = cw_map_next(&map, NULL); node != NULL; node = next) {
        next = cw_map_next(&map, node);
        cw_map_remove(&map, node);
        free(item_of(node));
    }
    assert_int_equal(map.count, 0);
    assert_null(cw_map_next(&map, NULL));
    cw_map_finish(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_map_finds_and_walks_nothing),
        cmocka_unit_test(every_item_is_found_while_the_map_grows),
        cmocka_unit_test(buckets_double_when_there_are_more_items),
        cmocka_unit_test(removed_items_are_gone_and_the_others_stay),
        cmocka_unit_test(keys_are_bytes_and_compared_whole),
        cmocka_unit_test(walk_sees_each_item_once),
        cmocka_unit_test(walk_goes_on_after_the_item_just_got_was_removed),
        cmocka_unit_test(items_may_be_freed_once_the_next_was_got),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
