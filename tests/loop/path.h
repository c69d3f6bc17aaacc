/*
 * path.h - the whole path in one process: clients' frames, handlers, cluster, a fake Redis, and
 * back to the clients' outboxes.
 *
 * In frames ' stands for ". Nothing moves but in fake_time_run() and what calls it.
 */
#ifndef CW_TESTS_PATH_H
#define CW_TESTS_PATH_H

#include <chanway/cluster.h>

#include "base/list.h"
#include "channel/channel.h"
#include "channel/node.h"
#include "loop/fake_redis.h"
#include "loop/fake_time.h"
#include "names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_NODES_MAX 4
#define PATH_START_MS  1000000

struct event_base;

struct path_node {
    struct path *path;
    struct cw_cluster *cluster;
    struct cw_node node;
    unsigned messages; /* that came up from the cluster */
    unsigned gaps;
};

struct path {
    struct event_base *base;
    struct fake_redis *redis;
    struct path_node nodes[PATH_NODES_MAX];
    unsigned node_count;
    struct cw_history_limits history;               /* of all groups */
    struct cw_list clients;                         /* struct path_client.node */
    void (*on_up)(struct path *path);               /* a node's link is up; NULL: nothing to do */
    void (*on_created)(struct cw_channel *channel); /* before it is opened; NULL: nothing to do */
};

/** A client; its socket takes frames only when the test reads them. */
struct path_client {
    struct cw_list_node node;   /* in path.clients */
    struct cw_channel *channel; /* NULL: its socket is gone */
    int close_code;             /* the node's close frame; 0: none */
    bool is_paused;
    char uuid[CW_UUID_TEXT_SIZE];
};

/* cmocka: each test gets a path of two nodes as its state. */
int path_setup(void **state);
int path_teardown(void **state);
#define path_test(test) cmocka_unit_test_setup_teardown(test, path_setup, path_teardown)

/** Where nodes find Redis; may be set before path_start(). Of several servers, which are all the
 * same fake, one node has the links of as many nodes. */
extern const char *path_redis;

/** Nodes with their links up. */
void path_start(struct path *path, unsigned nodes, uint64_t seed);
/** Everything goes, whatever is pending. */
void path_stop(struct path *path);

/** A WebSocket is opened; `protocols` as in Sec-WebSocket-Protocol. What it is sent is still to be
 * read. */
struct path_client *path_open(struct path *path, unsigned node, const char *query,
                              const char *protocols);
/** An enveloped one that is open and has read its welcome. */
struct path_client *path_json(struct path *path, unsigned node);
/** The same, and it has joined `group`. */
struct path_client *path_member(struct path *path, unsigned node, const char *group);
/** Its socket is gone; it remains for its facts. */
void path_close(struct path_client *client);

/** The client sends a text frame; nothing runs yet. */
void path_say(struct path_client *client, const char *format, ...) CW_PRINTF(2, 3);
/** A direct message comes by its node's topic: the first of `epoch` if `offset` is 1. */
void path_push_direct(struct path *path, const struct path_client *client, unsigned epoch,
                      unsigned offset, const char *data);
/** The next frame in the outbox is this; it is read. */
void path_expect(struct path_client *client, const char *format, ...) CW_PRINTF(2, 3);
/** The next frame is message `epoch`-`offset` of `group` from `from`. */
void path_expect_message(struct path_client *client, const char *group,
                         const struct path_client *from, unsigned epoch, unsigned offset,
                         const char *data);
/** `from` publishes the numbers first..last to `group`, each a message of its own; all is run. */
void path_publish(struct path_client *from, const char *group, unsigned first, unsigned last);
/** The next frames are these numbers, with them as offsets. */
void path_expect_numbers(struct path_client *client, const char *group,
                         const struct path_client *from, unsigned epoch, unsigned first,
                         unsigned last);
void path_expect_gap(struct path_client *client, const char *group, unsigned epoch,
                     unsigned offset);
/** The next frame begins with this. */
void path_expect_start(struct path_client *client, const char *format, ...) CW_PRINTF(2, 3);
void path_expect_nothing(const struct path_client *client);
/** The next frame's payload, as it is, until the next call; NULL: there is none. */
const char *path_next(struct path_client *client);
/** Reads everything; how many frames it was. */
size_t path_skip(struct path_client *client);

/** How many members of `group` Redis knows. */
size_t path_members(const struct path *path, const char *group);
/** Whether Redis knows `client` as a member of `group`. */
bool path_is_member(const struct path *path, const struct path_client *client, const char *group);
/** Whether its hash has the mark of `group`. */
bool path_is_marked(const struct path *path, const struct path_client *client, const char *group);
/** Whether Redis' registry knows of `client` (hash or node set). */
bool path_is_registered(const struct path *path, const struct path_client *client);

#endif
