/*
 * chain.h - (3) the middlewares in their order; a connection or op that one of them holds back goes
 * on behind it.
 */
#ifndef CW_MIDDLEWARE_CHAIN_H
#define CW_MIDDLEWARE_CHAIN_H

#include <chanway/bytes.h>
#include <chanway/error.h>
#include <chanway/middleware.h>

#include <stdbool.h>
#include <stddef.h>

struct cw_channel;
struct cw_command;
struct cw_event_details;
struct cw_node;
struct cw_op;

typedef enum cw_verdict (*cw_operation_fn)(void *arg, struct cw_channel *channel,
                                           const struct cw_operation *operation,
                                           struct cw_step *step);

struct cw_chain {
    struct cw_middleware *items; /* owned */
    size_t count;
    size_t asked_about_ops; /* how many of them have an on_operation */
};

CW_MUST_CHECK int cw_chain_add(struct cw_chain *chain, const struct cw_middleware *middleware);
/** The middleware at `index` is asked about operations by `on_operation` from now on; NULL: not. */
void cw_chain_set_operation(struct cw_chain *chain, size_t index, cw_operation_fn on_operation);
/** Destroys them, the last first. */
void cw_chain_finish(struct cw_chain *chain);

/** struct cw_node.admit: a connection begins. True: it may go on now; else it was closed, or goes
 * on later by cw_channel_admit(). */
bool cw_chain_admit(struct cw_channel *channel);

/**
 * A client's op. True: it may be done now, in which case nothing has happened to `op`; else it was
 * answered or held back with a copy of `frame`, to be run again.
 */
bool cw_chain_allow(struct cw_channel *channel, const struct cw_command *command, struct cw_op *op,
                    bool is_binary, struct cw_bytes frame);

/* For middlewares that are built in. */

/** The command that an operation is. */
const struct cw_command *cw_step_command(const struct cw_step *step);
/** As cw_step_fail() with CW_ERR_PAYLOAD, and `details` in the answer, which live until the
 * operation is answered; the application is told as of any frame that could not be taken. */
enum cw_verdict cw_step_refuse_payload(struct cw_step *step, const char *message,
                                       const struct cw_event_details *details);

/** Connections that were thought about for too long are closed with 1013. */
void cw_chain_expire(struct cw_node *node);

#endif
