/*
 * publish.h - who sends which message next.
 */
#ifndef CW_BENCH_PUBLISH_H
#define CW_BENCH_PUBLISH_H

struct bench_connection;
struct bench_load;

/** Publishes what the rate or the window allows now. */
void bench_publish_due(struct bench_load *load);
/** echo, direct: the next message of one channel. */
void bench_publish_ring(struct bench_load *load, struct bench_connection *channel);
/** echo, direct: the channel whose message `receiver` gets. */
struct bench_connection *bench_publish_sender(struct bench_load *load,
                                              struct bench_connection *receiver);

#endif
