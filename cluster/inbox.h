/*
 * inbox.h - what is sent to one channel: direct messages and requests (close, join, leave).
 *
 * The channel's lists in Redis are the log, the node's topic is the fast way. Messages have ids as
 * a group's have, requests numbers; both are taken once and in order, and read again after a lost
 * link or when a number is missing. Requests are handled one at a time, and removed from the list
 * when they are done. What comes by the topic while the lists are read is not kept: they are read
 * once more.
 */
#ifndef CW_INBOX_H
#define CW_INBOX_H

#include <chanway/bytes.h>
#include <chanway/message.h>

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct cw_endpoint;
struct cw_cluster_channel;
struct cw_registry;

struct cw_inbox {
    struct cw_list_node in_queue; /* in cw_inboxes.readers or .retrying */
    struct cw_position last;      /* of direct messages */
    uint64_t last_request;
    void (*on_read)(void *user); /* called once when all that was kept has been read; NULL: not */
    bool is_reading;
    bool wants_more;  /* something came while it was read, or while a request was handled */
    bool is_handling; /* a request is out with the application */
    bool is_paused;   /* what comes waits in Redis */
};

struct cw_inboxes {
    struct cw_registry *registry;
    struct cw_list readers;  /* channels that wait to be read */
    struct cw_list retrying; /* channels whose request could not be done now */
    uint32_t reads_under_way;
};

void cw_inboxes_init(struct cw_inboxes *inboxes, struct cw_registry *registry);
/** `bytes` of this node's topic, after "direct " or "request ": `<uuid> ...`. */
void cw_inboxes_on_direct(struct cw_inboxes *inboxes, struct cw_bytes bytes);
void cw_inboxes_on_request(struct cw_inboxes *inboxes, struct cw_bytes bytes);
/** The channel's lists are to be read: the link was lost, or it was attached again. */
void cw_inbox_catch_up(struct cw_inboxes *inboxes, struct cw_cluster_channel *channel);
/** The same for all attached channels that `endpoint` has; NULL: for all. */
void cw_inboxes_catch_up_all(struct cw_inboxes *inboxes, const struct cw_endpoint *endpoint);
/** Nothing more is read (after the page under way), or what came meanwhile. */
void cw_inbox_pause(struct cw_inboxes *inboxes, struct cw_cluster_channel *channel, bool is_paused);
/** As cw_cluster_request_done. */
void cw_inbox_request_done(struct cw_inboxes *inboxes, struct cw_cluster_channel *channel, int rc);
/** Reads again the channels whose requests could not be done. */
void cw_inboxes_retry(struct cw_inboxes *inboxes);
/** The channel goes; on_read is not called. */
void cw_inbox_forget(struct cw_inbox *inbox);
/** The channel is hidden: nothing is kept for it, nobody waits for what it was asked. */
void cw_inbox_reset(struct cw_cluster_channel *channel);

#endif
