/*
 * wait.h - a connection or an op about which a middleware has not made up its mind.
 */
#ifndef CW_CHANNEL_WAIT_H
#define CW_CHANNEL_WAIT_H

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_channel;

/** What is to become of it. */
struct cw_outcome {
    bool is_pass;
    bool is_close; /* with `code`; else `error` */
    int code;
    int error;
    int64_t retry_ms;
    char text[160]; /* "": none */
};

struct cw_wait {
    struct cw_list_node in_waits; /* of connections: in cw_node.waits */
    struct cw_channel *channel;   /* whose `wait` it is; NULL: nobody waits any more */
    size_t next;                  /* who is asked after it */
    int64_t until_ms;             /* of connections: monotonic */
    bool is_connect;
    bool
        is_patient; /* of connections: not for op-timeout; it ends with the channel at the latest */
    bool is_decided; /* before the middleware returned */
    bool is_returned;
    struct cw_outcome outcome;
};

/** The channel does not wait any more; the struct is the middleware's. NULL is fine. */
void cw_wait_detach(struct cw_wait *wait);
/** The same, because the channel goes: the middleware of a patient one will say nothing. */
void cw_wait_drop(struct cw_wait *wait);

#endif
