/*
 * list.h - intrusive doubly linked list with a sentinel; header only.
 *
 * A node embedded in a struct names its list in a comment. Removing an unlinked node is harmless.
 *
 *   for (struct cw_list_node *n = cw_list_first(&list); n != NULL; n = cw_list_next(&list, n))
 *       struct item *item = CW_CONTAINER(n, struct item, node);
 */
#ifndef CW_BASE_LIST_H
#define CW_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define CW_CONTAINER(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define CW_CONST_CONTAINER(pointer, type, member)                                                  \
    ((const type *)(const void *)((const char *)(pointer)-offsetof(type, member)))

struct cw_list_node {
    struct cw_list_node *prev, *next; /* both NULL: in no list */
};

struct cw_list {
    struct cw_list_node head; /* sentinel */
};

static inline void cw_list_init(struct cw_list *list)
{
    list->head.prev = list->head.next = &list->head;
}

static inline bool cw_list_is_empty(const struct cw_list *list)
{
    return list->head.next == &list->head;
}

static inline bool cw_list_is_linked(const struct cw_list_node *node)
{
    return node->next != NULL;
}

static inline void cw_list_push_back(struct cw_list *list, struct cw_list_node *node)
{
    node->prev = list->head.prev;
    node->next = &list->head;
    list->head.prev->next = node;
    list->head.prev = node;
}

static inline void cw_list_remove(struct cw_list_node *node)
{
    if (node->next == NULL)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

static inline struct cw_list_node *cw_list_first(const struct cw_list *list)
{
    return cw_list_is_empty(list) ? NULL : list->head.next;
}

static inline struct cw_list_node *cw_list_next(const struct cw_list *list,
                                                const struct cw_list_node *node)
{
    return node->next == &list->head ? NULL : node->next;
}

static inline struct cw_list_node *cw_list_last(const struct cw_list *list)
{
    return cw_list_is_empty(list) ? NULL : list->head.prev;
}

static inline struct cw_list_node *cw_list_previous(const struct cw_list *list,
                                                    const struct cw_list_node *node)
{
    return node->prev == &list->head ? NULL : node->prev;
}

/** Behind `before`, a node of the list; NULL: at its front. */
static inline void cw_list_insert(struct cw_list *list, struct cw_list_node *before,
                                  struct cw_list_node *node)
{
    node->prev = before == NULL ? &list->head : before;
    node->next = node->prev->next;
    node->prev->next = node;
    node->next->prev = node;
}

static inline struct cw_list_node *cw_list_pop_front(struct cw_list *list)
{
    struct cw_list_node *node = cw_list_first(list);
    if (node != NULL)
        cw_list_remove(node);
    return node;
}

/** Moves all of `from` to the end of `to`; `from` is empty afterwards. */
static inline void cw_list_move_all(struct cw_list *to, struct cw_list *from)
{
    if (cw_list_is_empty(from))
        return;
    from->head.next->prev = to->head.prev;
    to->head.prev->next = from->head.next;
    from->head.prev->next = &to->head;
    to->head.prev = from->head.prev;
    cw_list_init(from);
}

#endif
