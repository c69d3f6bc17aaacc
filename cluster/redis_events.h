/*
 * redis_events.h - a hiredis connection on libevent: what a turn of the loop has to say to Redis
 * leaves in one write at its end.
 */
#ifndef CW_REDIS_EVENTS_H
#define CW_REDIS_EVENTS_H

#include <chanway/error.h>

struct event_base;
struct redisAsyncContext;
struct ssl_st;

/**
 * Lets `base` read and write for `context`, until hiredis frees it. In place of hiredis' own
 * adapter, which asks the kernel to tell when the socket can be written before each write, and not
 * to after it: four system calls and another turn of the loop. CW_ERR_NOMEM: nothing has changed.
 */
CW_MUST_CHECK int cw_redis_events_attach(struct redisAsyncContext *context,
                                         struct event_base *base);
/** From now on it speaks TLS, by `ssl`, which lives as long as the connection. */
void cw_redis_events_secure(struct redisAsyncContext *context, const struct ssl_st *ssl);

#endif
