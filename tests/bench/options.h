/*
 * options.h - what is to be measured: the command line.
 */
#ifndef CW_BENCH_OPTIONS_H
#define CW_BENCH_OPTIONS_H

#include "connection.h"
#include "process.h"
#include "protocol.h"

#include <stdbool.h>
#include <stdint.h>

#define BENCH_URLS_MAX      64
#define BENCH_PROCESSES_MAX 64

/* Exit codes. */
enum { BENCH_EXIT_OK = 0, BENCH_EXIT_FAILED = 1, BENCH_EXIT_USAGE = 2, BENCH_EXIT_NOT_OFFERED = 3 };

#define BENCH_SCENARIOS(ROW)                                                                       \
    ROW(FANOUT, "fanout", "all channels are in one group (or G), one publisher beside them")       \
    ROW(MANY, "many", "G groups of M members; the publisher takes the groups in turn")             \
    ROW(ECHO, "echo", "every channel publishes to a group of its own and waits for its message")   \
    ROW(DIRECT, "direct",                                                                          \
        "every channel sends to the next one, which then does the same (op send)")                 \
    ROW(STORM, "storm", "connect, welcome, join, close, again")                                    \
    ROW(IDLE, "idle", "connect, join, and nothing: memory per connection")                         \
    ROW(RESUME, "resume", "lose the connection, resume the session, again")

#define BENCH_SCENARIO_CONSTANT(name, text, help) BENCH_##name,
enum bench_scenario { BENCH_SCENARIOS(BENCH_SCENARIO_CONSTANT) };
#undef BENCH_SCENARIO_CONSTANT

struct bench_options {
    enum bench_scenario scenario;
    struct bench_address addresses[BENCH_URLS_MAX];
    unsigned address_count;
    enum bench_speech subscribers;
    enum bench_speech publisher_speech; /* json, or the baseline's */
    unsigned channels;                  /* how many beside the publishers */
    unsigned groups;
    unsigned members;
    unsigned publishers;
    unsigned size; /* of a payload, bytes */
    bool as_data;  /* payloads are JSON strings instead of texts */
    bool acks;     /* every publish asks for an answer */
    double rate;   /* messages a second; 0: closed loop */
    unsigned window;
    unsigned parallel; /* handshakes at a time */
    unsigned sources;
    double duration_s;
    double warm_up_s;
    double settle_s;
    double drain_s;
    double connect_s;
    bool json;
    bool quiet;
    struct bench_process processes[BENCH_PROCESSES_MAX];
    unsigned process_count;
};

const char *bench_scenario_name(enum bench_scenario scenario);

/** Does it measure messages (rather than connections)? */
static inline bool bench_scenario_has_messages(enum bench_scenario scenario)
{
    return scenario != BENCH_STORM && scenario != BENCH_IDLE && scenario != BENCH_RESUME;
}

/** Is an op a connection that comes and goes? */
static inline bool bench_scenario_has_cycles(enum bench_scenario scenario)
{
    return scenario == BENCH_STORM || scenario == BENCH_RESUME;
}

/** Do channels send themselves, each after it got one? */
static inline bool bench_scenario_is_ring(enum bench_scenario scenario)
{
    return scenario == BENCH_ECHO || scenario == BENCH_DIRECT;
}

/** Ends the program on --help, --version and bad usage. */
void bench_options_parse(int argc, char **argv, struct bench_options *ret_options);

#endif
