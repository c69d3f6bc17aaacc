/* test_list.c - base/list.h: order, removal, moving whole lists. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct item {
    char name;
    struct cw_list_node node; /* in the list of the test */
};

static struct item items[] = {{'a', {NULL, NULL}}, {'b', {NULL, NULL}}, {'c', {NULL, NULL}}};

static void push_all(struct cw_list *list)
{
    cw_list_init(list);
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
        cw_list_push_back(list, &items[i].node);
}

/* Takes all items out and compares their names, in order. */
static void assert_pops(struct cw_list *list, const char *names)
{
    for (; *names != '\0'; names++) {
        struct cw_list_node *node = cw_list_pop_front(list);
        assert_non_null(node);
        if (node == NULL)
            return;
        assert_false(cw_list_is_linked(node));
        assert_int_equal(CW_CONTAINER(node, struct item, node)->name, *names);
    }
    assert_null(cw_list_pop_front(list));
    assert_true(cw_list_is_empty(list));
}

static void items_come_out_in_the_order_they_went_in(void **state)
{
    (void)state;
    struct cw_list list;
    push_all(&list);
    assert_false(cw_list_is_empty(&list));
    assert_pops(&list, "abc");
}

static void walk_sees_each_item_once(void **state)
{
    (void)state;
    struct cw_list list;
    push_all(&list);
    char seen[4] = "";
    size_t count = 0;
    for (struct cw_list_node *n = cw_list_first(&list); n != NULL; n = cw_list_next(&list, n)) {
        assert_true(count < 3);
        assert_true(cw_list_is_linked(n));
        seen[count++] = CW_CONTAINER(n, struct item, node)->name;
    }
    assert_string_equal(seen, "abc");
    assert_pops(&list, "abc");
}

static void any_item_can_be_removed_and_twice_is_harmless(void **state)
{
    (void)state;
    static const char *const left[] = {"bc", "ac", "ab"};
    for (size_t i = 0; i < 3; i++) {
        struct cw_list list;
        push_all(&list);
        cw_list_remove(&items[i].node);
        assert_false(cw_list_is_linked(&items[i].node));
        cw_list_remove(&items[i].node);
        assert_pops(&list, left[i]);
    }
}

static void removed_item_can_join_again_at_the_end(void **state)
{
    (void)state;
    struct cw_list list;
    push_all(&list);
    cw_list_remove(&items[0].node);
    cw_list_push_back(&list, &items[0].node);
    assert_pops(&list, "bca");
}

static void empty_list_has_no_first(void **state)
{
    (void)state;
    struct cw_list list;
    cw_list_init(&list);
    assert_null(cw_list_first(&list));
    assert_pops(&list, "");
}

static void moving_puts_all_at_the_end_and_empties_the_source(void **state)
{
    (void)state;
    struct cw_list from;
    push_all(&from);
    struct cw_list to;
    cw_list_init(&to);
    struct item first = {'x', {NULL, NULL}};
    cw_list_push_back(&to, &first.node);

    cw_list_move_all(&to, &from);
    assert_true(cw_list_is_empty(&from));
    cw_list_move_all(&to, &from);
    assert_pops(&to, "xabc");

    push_all(&from);
    cw_list_move_all(&to, &from);
    cw_list_push_back(&from, &first.node);
    assert_pops(&from, "x");
    assert_pops(&to, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_in_the_order_they_went_in),
        cmocka_unit_test(walk_sees_each_item_once),
        cmocka_unit_test(any_item_can_be_removed_and_twice_is_harmless),
        cmocka_unit_test(removed_item_can_join_again_at_the_end),
        cmocka_unit_test(empty_list_has_no_first),
        cmocka_unit_test(moving_puts_all_at_the_end_and_empties_the_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
