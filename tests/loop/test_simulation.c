/* test_simulation.c - thousands of random steps: publishes, joins, leaves, links lost, messages
 * lost, restarts, trims; what clients were promised is checked at every frame.
 *
 * SIM_SEED and SIM_STEPS in the environment choose another run. */
#include "handlers/dispatch.h"
#include "loop/checker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODES   3
#define CLIENTS 15 /* NODES of them are raw */

struct simulation {
    struct path path;
    struct checker checker;
    struct checker_client clients[CLIENTS];
    size_t restarts, drops;
};

static struct checker_client *any_client(struct simulation *sim)
{
    return &sim->clients[NODES + fake_random(CLIENTS - NODES)];
}

static unsigned node_of(const struct simulation *sim, const struct checker_client *client)
{
    return (unsigned)(client - sim->clients) % NODES;
}

static void read_all(struct simulation *sim)
{
    for (int i = 0; i < CLIENTS; i++)
        checker_read(&sim->checker, &sim->clients[i]);
}

static void expire_ops(struct simulation *sim)
{
    for (unsigned i = 0; i < NODES; i++)
        cw_dispatch_expire_ops(&sim->path.nodes[i].node);
}

static void connect_client(struct simulation *sim, struct checker_client *client)
{
    struct path_client *opened = path_open(&sim->path, node_of(sim, client), "", "chanway.v1.json");
    checker_begin(&sim->checker, client, false, opened);
}

/* What can happen. */

static void publish(struct simulation *sim)
{
    unsigned count = 1 + fake_random(fake_random(20) == 0 ? 100 : 3);
    struct checker_client *client = any_client(sim);
    unsigned group = fake_random(CHECKER_GROUPS);
    for (unsigned i = 0; i < count && client->count < 500; i++)
        checker_say(&sim->checker, client, CHECKER_PUBLISH, group);
}

static void join_or_leave(struct simulation *sim)
{
    struct checker_client *client = any_client(sim);
    unsigned group = fake_random(CHECKER_GROUPS);
    if (client->count < 500) /* twice the same is fine, too, but says nothing of where one is */
        checker_say(&sim->checker, client,
                    client->views[group].is_member ? CHECKER_LEAVE : CHECKER_JOIN, group);
}

static void reconnect_client(struct simulation *sim)
{
    struct checker_client *client = any_client(sim);
    path_close(client->client);
    connect_client(sim, client);
}

static void hold(struct simulation *sim)
{
    static const unsigned stages[] = {FAKE_CALLS, FAKE_ANSWERS, FAKE_PUSHES, FAKE_SUBSCRIBES};
    fake_redis_hold(sim->path.redis, stages[fake_random(4)]);
}

static void release(struct simulation *sim)
{
    static const unsigned stages[] = {FAKE_CALLS, FAKE_ANSWERS, FAKE_PUSHES, FAKE_SUBSCRIBES};
    fake_redis_release(sim->path.redis, stages[fake_random(4)]);
}

static void step_calls(struct simulation *sim)
{
    (void)fake_redis_step(sim->path.redis, 1 + fake_random(5));
}

static void run_loop(struct simulation *sim)
{
    (void)sim;
    fake_time_run();
}

static void wait_some(struct simulation *sim)
{
    fake_time_advance(1 + fake_random(fake_random(10) == 0 ? 2000 : 100));
    expire_ops(sim);
}

static void lose_pushes(struct simulation *sim)
{
    fake_redis_lose_pushes(sim->path.redis, fake_random(NODES));
}

static void lose_messages(struct simulation *sim)
{
    sim->path.redis->loses_messages = !sim->path.redis->loses_messages && fake_random(3) == 0;
}

static void drop_link(struct simulation *sim)
{
    fake_redis_drop(sim->path.redis, fake_random(NODES), (enum fake_link)fake_random(2),
                    (enum fake_loss)fake_random(FAKE_LOSSES));
    sim->drops++;
}

static void trim(struct simulation *sim)
{
    fake_store_trim(&sim->path.redis->store, sim->checker.groups[fake_random(CHECKER_GROUPS)].name,
                    fake_random(10));
}

static void restart(struct simulation *sim)
{
    struct fake_store *store = &sim->path.redis->store;
    unsigned kind = fake_random(4);
    fake_redis_restart(sim->path.redis, (enum fake_loss)fake_random(FAKE_LOSSES));
    if (kind == 0)
        fake_store_forget(store);
    else if (kind == 1)
        fake_store_lose_tail(store, sim->checker.groups[fake_random(CHECKER_GROUPS)].name,
                             1 + fake_random(20));
    checker_note_loss(&sim->checker, &sim->path);
    sim->restarts++;
}

static void flush_data(struct simulation *sim)
{
    fake_store_forget(&sim->path.redis->store);
    sim->path.redis->store.has_library = true;
    checker_note_loss(&sim->checker, &sim->path);
}

/* Redis refuses some calls for a while. */
static void refuse(struct simulation *sim)
{
    static const char *const words[] = {
        "cw_version",
        "cw_node_publish",
        "cw_node_append",
        "cw_node_read",
        "cw_node_join",
        "cw_node_leave",
        "cw_node_mark",
        "cw_node_detach",
        "cw_node_renew",
        "cw_node_members",
        "SADD",
        "SREM",
        "HSET",
        NULL,
        NULL,
        NULL,
    };
    sim->path.redis->fail_word = words[fake_random(sizeof(words) / sizeof(words[0]))];
    sim->path.redis->fail_text = "LOADING Redis is loading the dataset in memory";
}

/* Less may be in flight than a node has to say. */
static void squeeze(struct simulation *sim)
{
    sim->path.redis->in_flight_max = fake_random(2) == 0 ? SIZE_MAX : 1 + fake_random(40);
}

static const struct {
    unsigned weight;
    void (*happen)(struct simulation *sim);
} happenings[] = {
    {400, publish},    {60, join_or_leave}, {15, reconnect_client}, {40, hold},
    {80, release},     {100, step_calls},   {150, run_loop},        {100, wait_some},
    {20, lose_pushes}, {15, lose_messages}, {12, drop_link},        {6, trim},
    {3, restart},      {8, refuse},         {6, squeeze},           {1, flush_data},
};

static void take_step(struct simulation *sim)
{
    static const unsigned count = sizeof(happenings) / sizeof(happenings[0]);
    unsigned total = 0;
    for (unsigned i = 0; i < count; i++)
        total += happenings[i].weight;
    unsigned chosen = fake_random(total);
    unsigned i = 0;
    while (chosen >= happenings[i].weight)
        chosen -= happenings[i++].weight;
    happenings[i].happen(sim);
    read_all(sim);
}

/* All is well again, long enough for everything to be made up for. */
static void heal(struct simulation *sim)
{
    sim->path.redis->loses_messages = false;
    sim->path.redis->fail_word = NULL;
    sim->path.redis->in_flight_max = SIZE_MAX;
    fake_redis_release(sim->path.redis, FAKE_CALLS | FAKE_ANSWERS | FAKE_PUSHES | FAKE_SUBSCRIBES);
    for (int i = 0; i < 100; i++) {
        fake_time_advance(100);
        expire_ops(sim);
        read_all(sim);
    }
    /* A hole shows at the next message, from somebody who waits for nothing. */
    path_close(sim->clients[NODES].client);
    connect_client(sim, &sim->clients[NODES]);
    for (unsigned group = 0; group < CHECKER_GROUPS; group++)
        checker_say(&sim->checker, &sim->clients[NODES], CHECKER_PUBLISH, group);
    fake_time_run();
    read_all(sim);
}

/* A call that was held back beyond the end of its node's lease is found by the next sweep alone:
 * each node makes one at the latest every six minutes. */
static void wait_for_sweep(struct simulation *sim)
{
    for (int i = 0; i < 6 * 60 + 10; i++) {
        fake_time_advance(1000);
        read_all(sim);
    }
}

static void start(struct simulation *sim, uint64_t seed, size_t steps)
{
    memset(sim, 0, sizeof(*sim));
    path_start(&sim->path, NODES, seed);
    sim->path.redis->keeps_log = false;
    sim->path.history.size = seed % 2 == 0 ? 40 : 1000; /* or longer than a page */
    checker_init(&sim->checker, &sim->path, 100 * steps + 100);
    for (unsigned i = 0; i < NODES; i++) {
        struct path_client *raw = path_open(&sim->path, i, "groups=g0,g1,g2,g3", "");
        checker_begin(&sim->checker, &sim->clients[i], true, raw);
    }
    for (int i = NODES; i < CLIENTS; i++)
        connect_client(sim, &sim->clients[i]);
    fake_time_run();
    read_all(sim);
}

static void simulate(uint64_t seed, size_t steps)
{
    static struct simulation sim;
    start(&sim, seed, steps);
    for (size_t i = 0; i < steps; i++)
        take_step(&sim);
    heal(&sim);
    for (int i = 0; i < CLIENTS; i++)
        checker_end(&sim.checker, &sim.path, &sim.clients[i]);
    wait_for_sweep(&sim);
    assert_true(fake_store_is_covered(&sim.path.redis->store));
    print_message("seed %llu: %zu published, %zu acknowledged, %zu timeouts, %zu unavailable, "
                  "%zu delivered, %zu gaps, %zu drops, %zu restarts\n",
                  (unsigned long long)seed, sim.checker.serials, sim.checker.acked,
                  sim.checker.timeouts, sim.checker.unavailable, sim.checker.delivered,
                  sim.checker.gaps, sim.drops, sim.restarts);
    path_stop(&sim.path);
    checker_finish(&sim.checker);
}

static void what_was_acknowledged_is_delivered_once_in_order_or_told_as_a_gap(void **state)
{
    (void)state;
    const char *seed = getenv("SIM_SEED");
    const char *steps = getenv("SIM_STEPS");
    size_t count = steps == NULL ? 10000 : strtoul(steps, NULL, 10);
    if (seed != NULL) {
        simulate(strtoull(seed, NULL, 10), count);
        return;
    }
    for (uint64_t i = 1; i <= 4; i++)
        simulate(i, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_is_delivered_once_in_order_or_told_as_a_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
