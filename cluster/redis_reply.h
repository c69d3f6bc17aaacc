/*
 * redis_reply.h - the replies that hiredis makes, each in one piece of memory.
 */
#ifndef CW_REDIS_REPLY_H
#define CW_REDIS_REPLY_H

struct redisReader;

#define CW_REDIS_ERROR_PUSH "error"

/**
 * Lets `reader` make its replies here. They are redisReply as hiredis makes them, but of one
 * allocation (long ones: a few) instead of two for each string and array, and only hiredis frees
 * them, by the reader's own function: freeReplyObject() must not see one.
 *
 * The reader's `privdata`, where it is set, counts the calls under way (uint32_t): an error that
 * comes while there are none becomes the push CW_REDIS_ERROR_PUSH, <text>.
 */
void cw_redis_reply_attach(struct redisReader *reader);

#endif
