/*
 * log_reader.h - histories read for clients that come back.
 *
 * For a moment after Redis came back as another than before they might pass over what it has lost:
 * the nodes that know of it have not all said so yet. Until then reading waits.
 */
#ifndef CW_LOG_READER_H
#define CW_LOG_READER_H

#include <chanway/cluster.h>
#include <chanway/error.h>
#include <chanway/message.h>

#include "base/list.h"

#include <stdbool.h>

struct cw_endpoint;
struct cw_endpoints;
struct event;
struct event_base;

/** Nodes look for a lost Redis every two seconds at least. */
#define CW_LOG_READER_DOUBT_MS 3000

struct cw_log_reader {
    struct cw_endpoints *endpoints;
    struct cw_list waiting; /* struct reading, in the order in which they were asked for */
    struct event *timer;    /* pending while there is doubt */
};

CW_MUST_CHECK int cw_log_reader_init(struct cw_log_reader *reader, struct event_base *base,
                                     struct cw_endpoints *endpoints);
/** What waits is answered CW_ERR_UNAVAILABLE. Also of one that is all zeros. */
void cw_log_reader_finish(struct cw_log_reader *reader);

/** From the endpoint. `has_lost`: Redis may have lost what it had acknowledged last. */
void cw_log_reader_on_up(struct cw_log_reader *reader, bool has_lost);
/** What waits for `endpoint` is answered CW_ERR_UNAVAILABLE. */
void cw_log_reader_on_down(struct cw_log_reader *reader, const struct cw_endpoint *endpoint);

/** As cw_cluster_read, of the group with this base key. */
CW_MUST_CHECK int cw_log_reader_read(struct cw_log_reader *reader, const char *key,
                                     struct cw_position since, cw_log_fn fn, void *arg);

#endif
