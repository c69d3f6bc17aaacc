/*
 * dispatch.h - from a client's whole frame to one handler: parse, chain, table of ops.
 */
#ifndef CW_HANDLERS_DISPATCH_H
#define CW_HANDLERS_DISPATCH_H

#include <chanway/bytes.h>

#include <stdbool.h>

struct cw_channel;
struct cw_node;
struct cw_op;

/** One whole message of an OPEN channel. */
void cw_dispatch_frame(struct cw_channel *channel, bool is_binary, struct cw_bytes frame);

/** struct cw_node.run_waiting_op: an op that waited behind a join or leave is run. */
void cw_dispatch_waiting_op(struct cw_op *op);

/** Answers ops whose time is over with `timeout`; called a few times a second. */
void cw_dispatch_expire_ops(struct cw_node *node);

#endif
