/*
 * redis_reply.c - the replies that hiredis makes, each in one piece of memory.
 *
 *   struct tree { ..., redisReply root }  struct redisReply[]s, texts ...  --full--> struct chunk
 * ...
 *
 * hiredis hands over the task that asks for an object: its parents lead to the root, and so to the
 * tree's memory.
 */
#include "redis_reply.h"

#include <hiredis/hiredis.h>

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TREE_SIZE      1024 /* a message of some 200 bytes with its topic fits */
#define CHUNK_SIZE_MAX 65536
#define VERBATIM_KIND  4 /* "txt:" */

struct chunk {
    struct chunk *next; /* older */
};

/* The memory of one reply. */
struct tree {
    struct chunk *chunks; /* beside this one, the newest first */
    char *free, *end;     /* of the newest */
    size_t chunk_size;    /* of the newest */
    redisReply root;
};

static size_t aligned(size_t size)
{
    return (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static struct tree *tree_of_root(void *root)
{
    return (struct tree *)((char *)root - offsetof(struct tree, root));
}

static struct tree *tree_of(const redisReadTask *task)
{
    while (task->parent != NULL)
        task = task->parent;
    return tree_of_root(task->obj);
}

static struct tree *create_tree(size_t more)
{
    size_t size = aligned(sizeof(struct tree)) + aligned(more);
    if (size < TREE_SIZE)
        size = TREE_SIZE;
    struct tree *tree = malloc(size);
    if (tree == NULL)
        return NULL;
    tree->chunks = NULL;
    tree->free = (char *)tree + aligned(sizeof(struct tree));
    tree->end = (char *)tree + size;
    tree->chunk_size = size;
    return tree;
}

static bool add_chunk(struct tree *tree, size_t needed)
{
    size_t size = tree->chunk_size < CHUNK_SIZE_MAX ? 2 * tree->chunk_size : CHUNK_SIZE_MAX;
    if (size < needed)
        size = needed;
    struct chunk *chunk = malloc(aligned(sizeof(*chunk)) + size);
    if (chunk == NULL)
        return false;
    chunk->next = tree->chunks;
    tree->chunks = chunk;
    tree->free = (char *)chunk + aligned(sizeof(*chunk));
    tree->end = tree->free + size;
    tree->chunk_size = size;
    return true;
}

static void *take(struct tree *tree, size_t size)
{
    size = aligned(size);
    if (size > (size_t)(tree->end - tree->free) && !add_chunk(tree, size))
        return NULL;
    void *space = tree->free;
    tree->free += size;
    return space;
}

/* An empty reply of the task's type, in its place in its parent; where `ret_space` is not NULL,
 * with `size` bytes of its own. NULL: out of memory. */
static redisReply *create(const redisReadTask *task, size_t size, void **ret_space)
{
    struct tree *tree = task->parent == NULL ? create_tree(size) : tree_of(task);
    if (tree == NULL)
        return NULL;
    redisReply *reply = task->parent == NULL ? &tree->root : take(tree, sizeof(*reply));
    void *space = reply == NULL || ret_space == NULL ? NULL : take(tree, size);
    if (reply == NULL || (ret_space != NULL && space == NULL)) {
        if (task->parent == NULL)
            free(tree);
        return NULL; /* hiredis frees the root */
    }
    memset(reply, 0, sizeof(*reply));
    reply->type = task->type;
    if (task->parent != NULL)
        ((redisReply *)task->parent->obj)->element[task->idx] = reply;
    if (ret_space != NULL)
        *ret_space = space;
    return reply;
}

static void *create_text(const redisReadTask *task, const char *text, size_t size)
{
    void *space;
    redisReply *reply = create(task, size + 1, &space);
    if (reply == NULL)
        return NULL;
    reply->str = space;
    reply->len = size;
    memcpy(reply->str, text, size);
    reply->str[size] = '\0';
    return reply;
}

/* Only ever of a root. */
static void free_tree(void *root)
{
    if (root == NULL)
        return;
    struct tree *tree = tree_of_root(root);
    while (tree->chunks != NULL) {
        struct chunk *chunk = tree->chunks;
        tree->chunks = chunk->next;
        free(chunk);
    }
    free(tree);
}

static redisReply *add_text(redisReply *parent, size_t index, struct tree *tree, const char *text,
                            size_t size)
{
    redisReply *reply = take(tree, sizeof(*reply));
    char *space = take(tree, size + 1);
    if (reply == NULL || space == NULL)
        return NULL;
    memcpy(space, text, size);
    space[size] = '\0';
    *reply = (redisReply){.type = REDIS_REPLY_STRING, .str = space, .len = size};
    parent->element[index] = reply;
    return reply;
}

/* An error that answers no call: the push `error <text>`. */
static void *create_error_push(const redisReadTask *task, const char *text, size_t size)
{
    void *space;
    redisReply *push = create(task, 2 * sizeof(redisReply *), &space);
    if (push == NULL)
        return NULL;
    struct tree *tree = tree_of_root(push);
    push->type = REDIS_REPLY_PUSH;
    push->element = space;
    push->elements = 2;
    if (add_text(push, 0, tree, CW_REDIS_ERROR_PUSH, strlen(CW_REDIS_ERROR_PUSH)) != NULL &&
        add_text(push, 1, tree, text, size) != NULL)
        return push;
    free_tree(push);
    return NULL;
}

static void *create_string(const redisReadTask *task, char *text, size_t size)
{
    const uint32_t *calls = task->privdata;
    if (task->type == REDIS_REPLY_ERROR && task->parent == NULL && calls != NULL && *calls == 0)
        return create_error_push(task, text, size);
    if (task->type != REDIS_REPLY_VERB || size < VERBATIM_KIND)
        return create_text(task, text, size);
    redisReply *reply = create_text(task, text + VERBATIM_KIND, size - VERBATIM_KIND);
    if (reply != NULL)
        memcpy(reply->vtype, text, VERBATIM_KIND - 1);
    return reply;
}

static void *create_array(const redisReadTask *task, size_t count)
{
    void *space;
    if (count > SIZE_MAX / sizeof(redisReply *))
        return NULL;
    redisReply *reply = create(task, count * sizeof(redisReply *), &space);
    if (reply == NULL)
        return NULL;
    if (count > 0)
        memset(space, 0, count * sizeof(redisReply *));
    reply->element = space;
    reply->elements = count;
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = create(task, 0, NULL);
    if (reply != NULL)
        reply->integer = value;
    return reply;
}

static void *create_double(const redisReadTask *task, double value, char *text, size_t size)
{
    redisReply *reply = create_text(task, text, size);
    if (reply != NULL)
        reply->dval = value;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    redisReply *reply = create(task, 0, NULL);
    if (reply != NULL)
        reply->type = REDIS_REPLY_NIL; /* the task is of a string or an array */
    return reply;
}

static void *create_bool(const redisReadTask *task, int value)
{
    redisReply *reply = create(task, 0, NULL);
    if (reply != NULL)
        reply->integer = value != 0;
    return reply;
}

void cw_redis_reply_attach(struct redisReader *reader)
{
    /* hiredis only reads it, and has no const there. */
    static redisReplyObjectFunctions functions = {create_string, create_array, create_integer,
                                                  create_double, create_nil,   create_bool,
                                                  free_tree};
    reader->fn = &functions;
}
