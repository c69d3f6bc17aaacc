/*
 * redis_reply.h - the replies that hiredis makes, each in one piece of memory.
 */
#ifndef CW_REDIS_REPLY_H
#define CW_REDIS_REPLY_H

struct redisReader;

/**
 * Lets `reader` make its replies here. They are redisReply as hiredis makes them, but of one
 * allocation (long ones: a few) instead of two for each string and array, and only hiredis frees
 * them, by the reader's own function: freeReplyObject() must not see one.
 */
void cw_redis_reply_attach(struct redisReader *reader);

#endif
