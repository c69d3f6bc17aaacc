/*
 * load.h - the scenarios: connects, publishes, counts what comes.
 */
#ifndef CW_BENCH_LOAD_H
#define CW_BENCH_LOAD_H

#include "connection.h"
#include "histogram.h"
#include "options.h"
#include "track.h"

#include <stdbool.h>
#include <stdint.h>

/** What one measured stretch, or all of a run, has seen. */
struct bench_counts {
    uint64_t connected; /* joined; storm: cycles */
    uint64_t failed;    /* ended before that */
    uint64_t published;
    uint64_t delivered;
    uint64_t answered; /* oks of publishes */
    uint64_t received_bytes;
};

enum bench_phase {
    BENCH_PUBLISHERS_CONNECT,
    BENCH_CHANNELS_CONNECT,
    BENCH_SETTLES,
    BENCH_WARMS_UP,
    BENCH_RUNS,
    BENCH_DRAINS,
    BENCH_DONE,
};

struct bench_load {
    struct bench_options *options;
    struct bench_net net;
    enum bench_phase phase;
    uint64_t phase_ns; /* when it began */
    uint32_t run;

    struct bench_connection *channels;
    struct bench_connection *publishers; /* none where channels send themselves */
    unsigned publisher_count;
    unsigned started; /* channels so far */
    unsigned handshakes;
    unsigned ready_channels;
    unsigned ready_publishers;

    struct bench_track *tracks; /* [channel * publishers + publisher] */
    uint32_t *sequences;        /* the last sent, [publisher * groups + group] */
    uint32_t *members;          /* connected now, by group */
    char *payload;
    struct bench_text stream; /* of a stream, what is being looked at */
    struct bench_text text;   /* the frame that is being made */
    unsigned next_publisher;
    unsigned next_group;
    uint64_t next_publish_ns; /* with a rate */
    uint32_t publish_id;

    uint64_t expected; /* deliveries of all that was published, to those that were there */
    uint64_t given_up; /* of these: on their way to a channel that was lost */
    uint64_t complete_ns;

    /* Results. */
    struct bench_counts counts;
    struct bench_counts measured; /* while it ran */
    double measured_s;
    double connect_s;
    uint64_t lost;
    uint64_t duplicates;
    uint64_t reordered;
    uint64_t misrouted; /* of a group the channel is not in */
    uint64_t disconnected;
    uint64_t errors;     /* that the node has answered */
    uint64_t held_back;  /* times a publisher's socket took no more */
    double client_cpu_s; /* while it ran */
    double other_cpu_s;  /* that neither we nor the processes under test have used */
    bool is_not_offered;
    char last_error[160];
    struct bench_histogram latency;
    struct bench_histogram connect;
};

/** Runs all of it. `ret_load` is large: not for the stack. */
void bench_load_run(struct bench_options *options, struct bench_load *ret_load);
void bench_load_finish(struct bench_load *load);

/** Was anything lost, doubled, out of order, refused? */
bool bench_load_has_failed(const struct bench_load *load);

#endif
