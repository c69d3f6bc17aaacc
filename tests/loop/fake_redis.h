/*
 * fake_redis.h - a Redis in memory behind cluster/redis_link.h, for any number of nodes.
 *
 * Every cluster made after fake_redis_create() connects to it, whatever its URL says; the first one
 * made is node 0. A call goes through three stages, and each can be held back:
 *
 *   calls:                       sent --run--> run --answer--> answered
 *   messages and subscribe acks: pushed --> delivered
 *
 * What is not held goes on in the loop (fake_time_run).
 */
#ifndef CW_TESTS_FAKE_REDIS_H
#define CW_TESTS_FAKE_REDIS_H

#include "base/list.h"
#include "loop/fake_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;

enum fake_stage {
    FAKE_CALLS = 1,      /* sent, not run */
    FAKE_ANSWERS = 2,    /* run, not answered */
    FAKE_PUSHES = 4,     /* messages of groups, and acks; signs of life come through */
    FAKE_SUBSCRIBES = 8, /* sent, not in effect */
    FAKE_ALIVE = 16,     /* canaries, the lease, asking the pub/sub link: sent, not run */
};

/** What became of the calls on a link that was lost before their answers came. */
enum fake_loss {
    FAKE_NOT_SENT, /* the socket took none of their bytes */
    FAKE_NOT_RUN,  /* sent, but Redis never saw them */
    FAKE_NOT_ANSWERED,
};
#define FAKE_LOSSES 3

enum fake_link { FAKE_COMMANDS, FAKE_PUBSUB };

struct fake_redis {
    struct fake_store store;
    struct cw_list links;  /* struct cw_redis_link.in_links */
    unsigned links_made;   /* two for each node */
    unsigned held;         /* enum fake_stage, or-ed */
    uint64_t calls_made;   /* numbers them */
    size_t in_flight_max;  /* calls of one link beyond it are refused */
    enum fake_loss loss;   /* of links that the node closes */
    unsigned run_id;       /* another one after each restart */
    bool is_down;          /* connecting fails */
    bool loses_messages;   /* to groups, on their way to nodes */
    const char *fail_word; /* calls with this word in them are answered by fail_text; NULL: none */
    const char *fail_text;
    char **log; /* what was run, one line each: its words with a space between */
    size_t log_count, log_capacity;
    bool keeps_log;
};

struct fake_redis *fake_redis_create(void);
/** After all its clusters. */
void fake_redis_destroy(struct fake_redis *redis);

/** Holds what arrives at these stages from now on. */
void fake_redis_hold(struct fake_redis *redis, unsigned stages);
/** The opposite; what was held goes on, in the loop. */
void fake_redis_release(struct fake_redis *redis, unsigned stages);
/** Runs the `count` oldest calls of all nodes though they are held, then the loop. How many there
 * were. */
size_t fake_redis_step(struct fake_redis *redis, size_t count);
/** The same with those of one server alone, of the several that one node has. */
size_t fake_redis_step_at(struct fake_redis *redis, unsigned server, size_t count);
/** Calls that wait to be run. */
size_t fake_redis_pending(const struct fake_redis *redis);
/** Takes away the messages that wait for `node` (hold them first); subscribe acks stay. */
void fake_redis_lose_pushes(struct fake_redis *redis, unsigned node);

/** One connection of a node breaks. */
void fake_redis_drop(struct fake_redis *redis, unsigned node, enum fake_link which,
                     enum fake_loss loss);
/** Another server process: every connection breaks, what is appended next opens an epoch. */
void fake_redis_restart(struct fake_redis *redis, enum fake_loss loss);

/** First line of the log from `from` on that has all of `words` ("SADD|:c"); SIZE_MAX: none. */
size_t fake_redis_find(const struct fake_redis *redis, size_t from, const char *words);
/** How many lines have them. */
size_t fake_redis_said(const struct fake_redis *redis, const char *words);
void fake_redis_clear_log(struct fake_redis *redis);

#endif
