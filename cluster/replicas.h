/*
 * replicas.h - `wait-replicas`: acknowledgements that mean "so many replicas have it".
 *
 * Redis answers a write before any replica has it. With `needed` > 0 what it has acknowledged is
 * held here until WAIT, on the connection that wrote, says that enough replicas have it:
 *
 *   WRITTEN --answer--> HELD --WAIT: enough--> CW_OK
 *      '--error: told at once   '--1 s passed, link lost--> CW_ERR_TIMEOUT
 *
 * The message of a CW_ERR_TIMEOUT is done and published: the same idempotency key gives its id
 * again, and waits again.
 *
 * A WAIT holds up what is pipelined behind it (canaries, joins). So there is one at a time, of a
 * short limit, for all that was written before it; what is held still is covered by the next one.
 */
#ifndef CW_REPLICAS_H
#define CW_REPLICAS_H

#include <chanway/cluster.h>
#include <chanway/error.h>
#include <chanway/message.h>

#include "base/list.h"
#include "endpoints.h"

#include <stdbool.h>
#include <stddef.h>

struct cw_acked;
struct event;
struct event_base;

#define CW_REPLICAS_WAIT_MS  50   /* limit of one WAIT: what is behind it waits no longer */
#define CW_REPLICAS_LIMIT_MS 1000 /* how long a message is given to reach enough replicas */
/** Beyond so many that are held, messages are refused. */
#define CW_REPLICAS_HELD_MAX 65536

struct cw_replicas {
    struct event_base *base;
    struct cw_endpoints *endpoints;
    struct cw_publisher *publisher; /* where nothing is held */
    /** Asks for cw_replicas_flush() at the end of the turn. */
    void (*request_flush)(void *arg);
    void *arg;
    int needed;           /* 0: off; may be changed at any time */
    struct cw_list lanes; /* one for each server that was written to */
    size_t count;         /* of messages held */
};

/** Half-built is fine for finish. */
void cw_replicas_init(struct cw_replicas *replicas);
void cw_replicas_start(struct cw_replicas *replicas, struct event_base *base,
                       struct cw_endpoints *endpoints, struct cw_publisher *publisher,
                       void (*request_flush)(void *arg), void *arg);
/** After the endpoints are closed: what is held still gets CW_ERR_TIMEOUT. */
void cw_replicas_finish(struct cw_replicas *replicas);

/** As cw_publisher_publish and cw_functions_send; CW_ERR_UNAVAILABLE also if too much is held. */
CW_MUST_CHECK int cw_replicas_publish(struct cw_replicas *replicas, const char *key,
                                      const struct cw_message *message,
                                      const struct cw_history_limits *limits,
                                      struct cw_acked *acked, cw_published_fn fn, void *arg);
CW_MUST_CHECK int cw_replicas_send(struct cw_replicas *replicas, const char *channel_key,
                                   const struct cw_message *message, cw_sent_fn fn, void *arg);

/** The end of a turn: to each server a WAIT for what was written there, unless one is under way. */
void cw_replicas_flush(struct cw_replicas *replicas);

/** From the endpoints. */
void cw_replicas_on_up(struct cw_replicas *replicas, struct cw_endpoint *endpoint);
void cw_replicas_on_down(struct cw_replicas *replicas, const struct cw_endpoint *endpoint);

#endif
