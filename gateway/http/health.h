/*
 * health.h - /healthz and /readyz. Both return the status of the answer.
 */
#ifndef CW_HTTP_HEALTH_H
#define CW_HTTP_HEALTH_H

#include "base/writer.h"

struct cw_node;

/** Whoever reads this knows that the event loop turns: always 200. */
int cw_health_write(const struct cw_node *node, struct cw_writer *body);

/** 200 while messages really flow through Redis and the node does not drain; else 503, and why. */
int cw_readiness_write(const struct cw_node *node, struct cw_writer *body);

#endif
