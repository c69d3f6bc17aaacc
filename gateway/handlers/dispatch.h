/*
 * dispatch.h - from a client's whole frame to one handler: parse, chain, table of ops.
 */
#ifndef CW_HANDLERS_DISPATCH_H
#define CW_HANDLERS_DISPATCH_H

#include <stdbool.h>

#include <chanway/bytes.h>

struct cw_channel;
struct cw_node;

/** One whole message of an OPEN channel. */
void cw_dispatch_frame(struct cw_channel *channel, bool is_binary, struct cw_bytes frame);

/** Answers ops whose time is over with `timeout`; called a few times a second. */
void cw_dispatch_expire_ops(struct cw_node *node);

#endif
