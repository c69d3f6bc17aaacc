/*
 * fake_reply.h - answers as hiredis would hand them on.
 */
#ifndef CW_TESTS_FAKE_REPLY_H
#define CW_TESTS_FAKE_REPLY_H

#include <chanway/bytes.h>

#include <hiredis/hiredis.h>

#include <stdint.h>

redisReply *fake_reply_nil(void);
redisReply *fake_reply_integer(long long value);
redisReply *fake_reply_text(struct cw_bytes text);
redisReply *fake_reply_status(const char *text);
redisReply *fake_reply_error(const char *text);
/** An empty array; fake_reply_add fills it and owns what was added. */
redisReply *fake_reply_array(void);
void fake_reply_add(redisReply *array, redisReply *element);
/** The push [kind, topic, bytes]; with `bytes` NULL the ack [kind, topic, 1]. */
redisReply *fake_reply_push(const char *kind, const char *topic, const struct cw_bytes *bytes);
void fake_reply_free(redisReply *reply);

#endif
