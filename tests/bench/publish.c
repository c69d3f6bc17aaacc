/*
 * publish.c - payloads, rates and windows.
 *
 * With a rate, messages are due at fixed times whatever the server does, and one that is late is
 * sent at once: latency counts from the sending. In a closed loop a message is sent whenever fewer
 * than `window` are on their way, counted in deliveries, so that a group's slowest member does not
 * hold up the others.
 */
#include "publish.h"

#include "load.h"
#include "marker.h"
#include "now.h"

/* A publisher with more unsent bytes is skipped. */
#define UNSENT_MAX (4U << 20)

static struct cw_bytes make_payload(struct bench_load *load, uint32_t publisher, uint32_t group)
{
    uint32_t *sequence = &load->sequences[(size_t)publisher * load->options->groups + group];
    *sequence += 1;
    struct bench_marker marker = {.run = load->run,
                                  .publisher = publisher,
                                  .group = group,
                                  .sequence = *sequence,
                                  .time_us = bench_marker_time(bench_now_ns())};
    bench_marker_write(&marker, load->payload);
    load->counts.published++;
    load->expected += load->members[group];
    return cw_bytes_make(load->payload, load->options->size);
}

static uint32_t next_id(struct bench_load *load)
{
    if (!load->options->acks)
        return 0;
    load->publish_id = load->publish_id % 1000000000 + 2; /* 1 was the join's */
    return load->publish_id;
}

static void publish(struct bench_load *load, struct bench_connection *sender, uint32_t group,
                    struct cw_bytes payload)
{
    load->text.size = 0;
    bench_speech_publish(sender->speech, group, payload, load->options->as_data, next_id(load),
                         &load->text);
    bench_connection_send(&load->net, sender, cw_bytes_make(load->text.data, load->text.size));
}

/* A publisher that can take a message, in turn; NULL: none. */
static struct bench_connection *choose_publisher(struct bench_load *load)
{
    for (unsigned i = 0; i < load->publisher_count; i++) {
        struct bench_connection *publisher = &load->publishers[load->next_publisher];
        load->next_publisher = (load->next_publisher + 1) % load->publisher_count;
        if (publisher->state == BENCH_READY && bench_connection_unsent(publisher) < UNSENT_MAX)
            return publisher;
    }
    load->held_back++;
    return NULL;
}

static bool publish_next(struct bench_load *load)
{
    struct bench_connection *publisher = choose_publisher(load);
    if (publisher == NULL)
        return false;
    uint32_t group = load->next_group;
    load->next_group = (load->next_group + 1) % load->options->groups;
    publish(load, publisher, group, make_payload(load, publisher->index, group));
    return true;
}

static void publish_by_rate(struct bench_load *load)
{
    uint64_t period_ns = (uint64_t)(1e9 / load->options->rate);
    uint64_t now_ns = bench_now_ns();
    while (load->next_publish_ns <= now_ns) {
        load->next_publish_ns += period_ns;
        if (!publish_next(load))
            return;
    }
}

static void publish_by_window(struct bench_load *load)
{
    const struct bench_options *options = load->options;
    double members = (double)load->ready_channels / options->groups;
    double limit = options->window * members;
    for (unsigned i = 0; i < 4 * options->window; i++) {
        double on_their_way = (double)(load->expected - load->given_up - load->counts.delivered);
        if (on_their_way + members > limit + 0.5 || !publish_next(load))
            return;
    }
}

void bench_publish_due(struct bench_load *load)
{
    if (load->ready_channels == 0)
        return;
    if (load->options->rate > 0)
        publish_by_rate(load);
    else
        publish_by_window(load);
}

void bench_publish_ring(struct bench_load *load, struct bench_connection *channel)
{
    const struct bench_options *options = load->options;
    if (options->scenario == BENCH_ECHO) {
        publish(load, channel, channel->group, make_payload(load, 0, channel->group));
        return;
    }
    const struct bench_connection *receiver =
        &load->channels[(channel->index + 1) % options->channels];
    struct cw_bytes payload = make_payload(load, 0, receiver->group);
    load->text.size = 0;
    bench_speech_send(channel->speech, receiver->channel, receiver->group, payload, &load->text);
    bench_connection_send(&load->net, channel, cw_bytes_make(load->text.data, load->text.size));
}

struct bench_connection *bench_publish_sender(struct bench_load *load,
                                              struct bench_connection *receiver)
{
    unsigned channels = load->options->channels;
    if (load->options->scenario == BENCH_ECHO)
        return receiver;
    return &load->channels[(receiver->index + channels - 1) % channels];
}
