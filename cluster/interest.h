/*
 * interest.h - which groups this node listens to, and their messages in order, once.
 */
#ifndef CW_INTEREST_H
#define CW_INTEREST_H

#include <chanway/cluster.h>
#include <chanway/error.h>
#include <chanway/message.h>

#include "base/list.h"
#include "base/map.h"
#include "endpoints.h"
#include "functions.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;

/** Messages that may wait while history is read; beyond, history is read again. */
#define CW_INTEREST_BUFFER_MESSAGES 1000
#define CW_INTEREST_BUFFER_BYTES    (4U << 20)
#define CW_INTEREST_LINGER_MS       2000

enum cw_interest_state {
    CW_INTEREST_SUBSCRIBING, /* no ack yet (or no link) */
    CW_INTEREST_SYNCING,     /* acked: waits for a position, or reads history; live messages wait */
    CW_INTEREST_LIVE,
};

struct cw_interest {
    struct cw_map_node in_groups;     /* in cw_interests.groups */
    struct cw_list_node in_lingering; /* in cw_interests.lingering, oldest first, while refs is 0 */
    struct cw_list_node in_queue;     /* in cw_interests.readers, while it waits to read history */
    struct cw_interests *owner;
    struct cw_endpoint *endpoint; /* where it is subscribed; NULL: nowhere */
    struct cw_list
        waiting; /* memberships that wait for the ack or for a position; membership.c's */
    struct cw_list joining; /* memberships to be joined at the end of the turn; membership.c's */
    struct cw_list leaving; /* memberships to be left at the end of the turn; membership.c's */
    struct cw_list_node
        in_dirty;          /* in cw_memberships.dirty while joining or leaving holds something */
    struct cw_list buffer; /* struct buffered, while not LIVE */
    size_t buffered_bytes;
    uint32_t buffered_count;
    uint32_t covered_count;   /* of them, the first: they came before the last read was sent */
    void *local;              /* what on_message gets */
    uint32_t refs;            /* memberships in any state */
    uint32_t joined;          /* memberships that get messages */
    uint32_t watchers;        /* of them, those that want presence */
    struct cw_roster *roster; /* who is in the group, while it is watched; NULL: not */
    struct cw_position last;  /* only if has_position */
    struct cw_acked acked;    /* of what was published from here */
    int64_t linger_until_ms;
    uint8_t state; /* enum cw_interest_state */
    bool has_position;
    bool is_reading;     /* a history page is under way */
    bool is_read_stale;  /* it was asked for before the topic was subscribed anew */
    bool must_vouch;     /* Redis may have lost what is known here: it is told before it is read */
    bool is_vouching;    /* it is being told */
    bool has_overflowed; /* the buffer was dropped: read once more */
    char *key;           /* base key and topic */
    char name[];
};

struct cw_interests {
    struct event_base *base;
    struct cw_endpoints *endpoints;
    const char *prefix;
    int64_t payload_max; /* handed along with a group's limits */
    struct cw_cluster_events events;
    void *events_arg;
    /** The interest was acked, or its position moved: memberships in `waiting` may go on. */
    void (*on_progress)(void *arg, struct cw_interest *interest);
    void *on_progress_arg;
    struct cw_map groups;
    struct cw_list lingering;
    struct cw_list readers;
    uint32_t reads_under_way;
    bool has_unsubscribed; /* some have lost their topic, and are to be subscribed again */
    struct event *timer;   /* ends lingering, tries what was refused */
};

CW_MUST_CHECK int cw_interests_init(struct cw_interests *interests, struct event_base *base,
                                    struct cw_endpoints *endpoints, const char *prefix);
void cw_interests_finish(struct cw_interests *interests);

/** Finds or makes the interest in `group` (a valid name), subscribes if it is new, adds a
 * reference. CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_interest_acquire(struct cw_interests *interests, struct cw_bytes group,
                                      struct cw_interest **ret_interest);
/** Drops a reference; after the last one the node listens on for CW_INTEREST_LINGER_MS. */
void cw_interest_release(struct cw_interest *interest);
struct cw_interest *cw_interest_find(const struct cw_interests *interests, struct cw_bytes group);
struct cw_history_limits cw_interest_limits(const struct cw_interests *interests,
                                            struct cw_bytes group);

/** One more, one less of its memberships wants presence. */
void cw_interest_watch(struct cw_interest *interest);
void cw_interest_unwatch(struct cw_interest *interest);

/**
 * A join was answered, its memberships are in `waiting`: `tip` is the group's last id. The first
 * one becomes the interest's position. on_progress is called.
 */
void cw_interest_learn_tip(struct cw_interest *interest, struct cw_position tip);
/** True if every message up to `target` has been delivered, and later ones will be. */
bool cw_interest_has_reached(const struct cw_interest *interest, struct cw_position target);

/** Whether its topic is at an endpoint that is up. */
bool cw_interest_is_served(const struct cw_interest *interest);

/** From the endpoints. */
void cw_interests_on_up(struct cw_interests *interests, struct cw_endpoint *endpoint,
                        bool is_same_course);
void cw_interests_on_down(struct cw_interests *interests, const struct cw_endpoint *endpoint);
/** Groups have another endpoint now: they are subscribed there, and read on. */
void cw_interests_on_moved(struct cw_interests *interests);
void cw_interests_on_subscribed(struct cw_interests *interests, const struct cw_endpoint *endpoint,
                                struct cw_bytes topic);
/** Some of the subscriptions that `endpoint` has not acked were refused. */
void cw_interests_on_refused(struct cw_interests *interests, const struct cw_endpoint *endpoint);
void cw_interests_on_unsubscribed(struct cw_interests *interests,
                                  const struct cw_endpoint *endpoint, struct cw_bytes topic);
void cw_interests_on_message(struct cw_interests *interests, struct cw_bytes topic,
                             struct cw_bytes bytes);

#endif
