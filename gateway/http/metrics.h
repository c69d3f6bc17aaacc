/*
 * metrics.h - /metrics. Returns the status of the answer.
 */
#ifndef CW_HTTP_METRICS_H
#define CW_HTTP_METRICS_H

#include "base/writer.h"

struct cw_node;

/** Every row of stats.def in the Prometheus text format. */
int cw_metrics_write(const struct cw_node *node, struct cw_writer *body);

#endif
