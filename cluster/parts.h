/*
 * parts.h - what a cluster is made of; for the files that implement cluster.h.
 */
#ifndef CW_PARTS_H
#define CW_PARTS_H

#include <chanway/cluster.h>

#include "ban_mirror.h"
#include "event_stream.h"
#include "inbox.h"
#include "interest.h"
#include "lease.h"
#include "log_reader.h"
#include "membership.h"
#include "names.h"
#include "publisher.h"
#include "redis_url.h"
#include "registry.h"
#include "replicas.h"
#include "seats.h"

#include <stdint.h>

struct cw_endpoints;
struct cw_reaper;
struct cw_redis_embedded;
struct cw_redis_tls;
struct cw_sweeper;
struct event;
struct event_base;

struct cw_cluster {
    struct event_base *base;
    struct event *turn_end; /* active: the flush runs after this turn's other events */
    struct cw_redis_address address;
    struct cw_redis_tls *tls;           /* NULL: not by TLS */
    struct cw_redis_embedded *embedded; /* NULL: Redis is somebody else's */
    struct cw_endpoints *endpoints;
    struct cw_interests interests;
    struct cw_log_reader reader;
    struct cw_registry registry;
    struct cw_memberships memberships;
    struct cw_inboxes inboxes;
    struct cw_event_stream stream;
    struct cw_publisher publisher;
    struct cw_replicas replicas;
    struct cw_seats seats;
    struct cw_ban_mirror bans;
    struct cw_lease lease;
    struct cw_reaper *reaper;
    struct cw_sweeper *sweeper;
    struct cw_cluster_events events;
    void *events_arg;
    cw_done_fn on_left; /* set while the cluster stops and has still to write */
    void *on_left_arg;
    int64_t payload_max;
    uint32_t ticks;
    char *data_dir;
    char redis[200]; /* the address in words */
    char prefix[CW_PREFIX_MAX + 1];
    char name[CW_NODE_NAME_MAX + 1]; /* of the node */
    char node_id[CW_NODE_ID_MAX];    /* name and a random part: a new one with each lease */
    char earlier_id[CW_NODE_ID_MAX];
};

#endif
