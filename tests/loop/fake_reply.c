/*
 * fake_reply.c - builds redisReply trees.
 */
#include "loop/fake_reply.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static redisReply *create_reply(int type)
{
    redisReply *reply = calloc(1, sizeof(*reply));
    assert(reply != NULL);
    reply->type = type;
    return reply;
}

static redisReply *create_text(int type, struct cw_bytes text)
{
    redisReply *reply = create_reply(type);
    reply->str = malloc(text.size + 1); /* hiredis ends strings with NUL */
    assert(reply->str != NULL);
    if (text.size > 0)
        memcpy(reply->str, text.data, text.size);
    reply->str[text.size] = '\0';
    reply->len = text.size;
    return reply;
}

redisReply *fake_reply_nil(void)
{
    return create_reply(REDIS_REPLY_NIL);
}

redisReply *fake_reply_integer(long long value)
{
    redisReply *reply = create_reply(REDIS_REPLY_INTEGER);
    reply->integer = value;
    return reply;
}

redisReply *fake_reply_text(struct cw_bytes text)
{
    return create_text(REDIS_REPLY_STRING, text);
}

redisReply *fake_reply_status(const char *text)
{
    return create_text(REDIS_REPLY_STATUS, cw_bytes_text(text));
}

redisReply *fake_reply_error(const char *text)
{
    return create_text(REDIS_REPLY_ERROR, cw_bytes_text(text));
}

redisReply *fake_reply_array(void)
{
    return create_reply(REDIS_REPLY_ARRAY);
}

void fake_reply_add(redisReply *array, redisReply *element)
{
    size_t count = array->elements;
    if ((count & (count + 1)) == 0) { /* 0, 1, 3, 7, ...: the room doubles */
        array->element = realloc(array->element, 2 * (count + 1) * sizeof(redisReply *));
        assert(array->element != NULL);
    }
    array->element[array->elements++] = element;
}

redisReply *fake_reply_push(const char *kind, const char *topic, const struct cw_bytes *bytes)
{
    redisReply *push = create_reply(REDIS_REPLY_PUSH);
    fake_reply_add(push, fake_reply_text(cw_bytes_text(kind)));
    fake_reply_add(push, fake_reply_text(cw_bytes_text(topic)));
    fake_reply_add(push, bytes == NULL ? fake_reply_integer(1) : fake_reply_text(*bytes));
    return push;
}

void fake_reply_free(redisReply *reply)
{
    if (reply == NULL)
        return;
    for (size_t i = 0; i < reply->elements; i++)
        fake_reply_free(reply->element[i]);
    free(reply->element);
    free(reply->str);
    free(reply);
}
