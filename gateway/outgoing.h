/*
 * outgoing.h - what the application sends is checked once, whatever it is sent to.
 */
#ifndef CW_OUTGOING_H
#define CW_OUTGOING_H

#include <chanway/error.h>
#include <chanway/message.h>

struct cw_gateway;
struct cw_node;

/** The gateway's own, for the files that implement its public headers (gateway.c). */
struct cw_node *cw_gateway_node(struct cw_gateway *gateway);

/** Type, payload, sender and key. CW_ERR_INVALID, CW_ERR_PAYLOAD, CW_ERR_TOO_LARGE. */
CW_MUST_CHECK int cw_outgoing_check(const struct cw_node *node, const struct cw_message *message);

#endif
