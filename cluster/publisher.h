/*
 * publisher.h - (5) what is published within one turn of the loop: messages to one group, one after
 * the other, are one call.
 *
 * A call costs Redis about as much as a second message in it; many messages in one turn come from
 * publishers that do not wait for each answer.
 */
#ifndef CW_PUBLISHER_H
#define CW_PUBLISHER_H

#include <chanway/cluster.h>
#include <chanway/message.h>

#include "base/writer.h"
#include "functions.h"
#include "names.h"

#include <stddef.h>

struct cw_endpoints;

/* One message that waits for the end of the turn. */
struct cw_publisher_message {
    size_t at; /* where the bytes of its sender and, behind them, its payload are */
    size_t from_size, payload_size;
    enum cw_payload_type type;
    bool skips_sender;
    cw_published_fn fn;
    void *arg;
};

struct cw_publisher {
    struct cw_endpoints *endpoints;
    /** Asks for cw_publisher_flush() at the end of the turn. */
    void (*request_flush)(void *arg);
    void *arg;
    /* What waits, all for one group. */
    char key[CW_KEY_MAX];
    struct cw_history_limits limits;
    struct cw_acked *acked; /* of the group; held */
    struct cw_writer bytes;
    size_t count;
    struct cw_publisher_message waiting[CW_FUNCTIONS_PUBLISH_MAX];
};

void cw_publisher_init(struct cw_publisher *publisher, struct cw_endpoints *endpoints,
                       void (*request_flush)(void *arg), void *arg);
/** What waits is answered with CW_ERR_UNAVAILABLE. Half-built is fine. */
void cw_publisher_finish(struct cw_publisher *publisher);

/**
 * As cw_functions_publish; the message is copied. In order with what else is published, to whatever
 * group. CW_OK: `fn` is told, CW_ERR_UNAVAILABLE or CW_ERR_NOMEM included.
 */
CW_MUST_CHECK int cw_publisher_publish(struct cw_publisher *publisher, const char *key,
                                       const struct cw_message *message,
                                       const struct cw_history_limits *limits,
                                       struct cw_acked *acked, cw_published_fn fn, void *arg);
/** The end of a turn: hands over what waits. */
void cw_publisher_flush(struct cw_publisher *publisher);

#endif
