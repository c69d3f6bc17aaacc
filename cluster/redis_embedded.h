/*
 * redis_embedded.h - the private redis-server child of a node with `redis = embedded`.
 */
#ifndef CW_REDIS_EMBEDDED_H
#define CW_REDIS_EMBEDDED_H

#include <chanway/error.h>

#include <stddef.h>

struct cw_redis_embedded;
struct event_base;

/**
 * Starts `redis-server` (from PATH) on `<data_dir>/redis.sock`, data and log beside it; made if
 * absent. It is started again if it ends by itself, and ends with this process however that ends.
 * CW_ERR_IO with a text in `error`: no such program, folder in use by another node, not writable.
 */
CW_MUST_CHECK int cw_redis_embedded_start(struct event_base *base, const char *data_dir,
                                          char *error, size_t error_size,
                                          struct cw_redis_embedded **ret_embedded);
/** SIGTERM (Redis saves), waits for its end at most 5 s, then SIGKILL. NULL is fine. */
void cw_redis_embedded_stop(struct cw_redis_embedded *embedded);
/** Absolute path of the socket. */
const char *cw_redis_embedded_socket(const struct cw_redis_embedded *embedded);

#endif
