/*
 * load.c - the phases of a run, and what connections and messages do to its counts.
 *
 *   PUBLISHERS_CONNECT -> CHANNELS_CONNECT -> SETTLES -> WARMS_UP -> RUNS -> DRAINS -> DONE
 *
 * storm goes from the first to WARMS_UP at once: connecting is its load; the load of resume are
 * channels that lose their connections. Only RUNS is measured;
 * loss, duplicates and order count from the first message to the last.
 */
#include "load.h"

#include "marker.h"
#include "now.h"
#include "peers.h"
#include "progress.h"
#include "publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define TURN_NS      5000000U   /* the longest turn */
#define TRAILING_NS  300000000U /* after the last message: duplicates may follow */
#define PUBLISHERS_S 10.0
#define FAILURES_MAX 1000 /* a storm that never connects ends */

static void remember_error(struct bench_load *load, const char *text, size_t size)
{
    (void)snprintf(load->last_error, sizeof(load->last_error), "%.*s", (int)size, text);
}

static double seconds_in(const struct bench_load *load)
{
    return (double)(bench_now_ns() - load->phase_ns) / 1e9;
}

static bool has_load(const struct bench_load *load)
{
    return load->phase == BENCH_WARMS_UP || load->phase == BENCH_RUNS;
}

/* --- connections
 * ---------------------------------------------------------------------------------- */

static void start(struct bench_load *load, struct bench_connection *connection)
{
    load->handshakes++;
    connection->awaits_welcome = false;
    connection->tail_size = 0;
    bench_connection_start(&load->net, connection);
}

static void set_ready(struct bench_load *load, struct bench_connection *connection)
{
    connection->state = BENCH_READY;
    load->handshakes--;
    if (connection->is_publisher) {
        load->ready_publishers++;
        return;
    }
    load->counts.connected++;
    if (load->phase == BENCH_RUNS || !bench_scenario_has_cycles(load->options->scenario))
        bench_histogram_add(&load->connect, load->net.now_ns - connection->started_ns);
    if (load->options->scenario == BENCH_STORM) {
        bench_connection_close(&load->net, connection);
        return;
    }
    load->ready_channels++;
    load->members[connection->group]++;
}

static void join(struct bench_load *load, struct bench_connection *connection)
{
    if (connection->is_publisher || !bench_speech_has_join(connection->speech)) {
        set_ready(load, connection);
        return;
    }
    load->text.size = 0;
    bench_speech_join(connection->speech, connection->group, &load->text);
    bench_connection_send(&load->net, connection, cw_bytes_make(load->text.data, load->text.size));
}

static void on_open(void *arg, struct bench_connection *connection)
{
    struct bench_load *load = arg;
    if (!bench_speech_has_welcome(connection->speech))
        join(load, connection);
}

/* What a channel that is gone has not got will never come. */
static void give_up(struct bench_load *load, const struct bench_connection *channel)
{
    const struct bench_options *options = load->options;
    for (unsigned i = 0; i < options->publishers; i++) {
        uint32_t sent = load->sequences[(size_t)i * options->groups + channel->group];
        const struct bench_track *track =
            &load->tracks[(size_t)channel->index * options->publishers + i];
        load->lost += sent - track->count;
        load->given_up += sent - track->count;
    }
}

static void on_publisher_end(struct bench_load *load, enum bench_state was)
{
    if (was < BENCH_READY)
        load->counts.failed++;
    else
        load->disconnected++;
    load->phase = BENCH_DONE; /* what follows would measure nothing */
}

static void on_storm_end(struct bench_load *load, struct bench_connection *channel,
                         enum bench_state was)
{
    if (was != BENCH_CLOSING)
        load->counts.failed++;
    if (has_load(load) && (load->counts.connected > 0 || load->counts.failed < FAILURES_MAX))
        start(load, channel);
}

/* While there is load every channel is being resumed, over and over. */
static void on_lost(struct bench_load *load, struct bench_connection *channel, enum bench_state was)
{
    if (was != BENCH_CLOSING)
        load->counts.failed++;
    if (has_load(load) && load->counts.failed < FAILURES_MAX)
        start(load, channel);
}

static void on_resumed(struct bench_load *load, struct bench_connection *channel,
                       struct cw_bytes welcome)
{
    channel->state = BENCH_READY;
    load->handshakes--;
    if (bench_speech_is_resumed(welcome)) {
        load->counts.connected++;
        if (load->phase == BENCH_RUNS)
            bench_histogram_add(&load->connect, load->net.now_ns - channel->started_ns);
    } else {
        static const char text[] = "a session was not resumed";
        load->counts.failed++;
        remember_error(load, text, strlen(text));
    }
    if (has_load(load) && load->counts.failed < FAILURES_MAX)
        bench_connection_lose(&load->net, channel);
}

static void on_end(void *arg, struct bench_connection *connection, enum bench_state was,
                   const char *why)
{
    struct bench_load *load = arg;
    if (was != BENCH_CLOSING)
        remember_error(load, why, strlen(why));
    if (was < BENCH_READY)
        load->handshakes--;
    if (connection->is_publisher) {
        on_publisher_end(load, was);
    } else if (load->options->scenario == BENCH_STORM) {
        on_storm_end(load, connection, was);
    } else if (load->options->scenario == BENCH_RESUME && load->phase > BENCH_SETTLES) {
        on_lost(load, connection, was);
    } else if (was < BENCH_READY) {
        load->counts.failed++;
    } else {
        load->disconnected++;
        load->ready_channels--;
        load->members[connection->group]--;
        give_up(load, connection);
    }
}

/* --- messages
 * ------------------------------------------------------------------------------------- */

static void on_delivery(struct bench_load *load, struct bench_connection *channel,
                        const struct bench_marker *marker)
{
    const struct bench_options *options = load->options;
    if (channel->is_publisher || marker->run != load->run)
        return;
    if (marker->group != channel->group || marker->publisher >= options->publishers) {
        load->misrouted++;
        return;
    }
    size_t place = (size_t)channel->index * options->publishers + marker->publisher;
    enum bench_verdict verdict = bench_track_note(&load->tracks[place], marker->sequence);
    if (verdict == BENCH_DUPLICATE) {
        load->duplicates++;
        return;
    }
    if (verdict == BENCH_LATE)
        load->reordered++;
    load->counts.delivered++;
    if (load->phase == BENCH_RUNS)
        bench_histogram_add(&load->latency, bench_marker_age_ns(marker, load->net.now_ns));
    if (bench_scenario_is_ring(options->scenario) && has_load(load)) {
        struct bench_connection *sender = bench_publish_sender(load, channel);
        if (sender->state == BENCH_READY)
            bench_publish_ring(load, sender);
    }
}

static void on_welcome(struct bench_load *load, struct bench_connection *connection,
                       struct cw_bytes frame)
{
    (void)bench_speech_channel(frame, connection->channel);
    bool is_back = connection->session[0] != '\0';
    if (load->options->scenario == BENCH_RESUME)
        (void)bench_speech_session(frame, connection->session);
    if (connection->state == BENCH_OPEN && is_back)
        on_resumed(load, connection, frame);
    else if (connection->state == BENCH_OPEN)
        join(load, connection);
}

static void on_error(struct bench_load *load, struct cw_bytes frame)
{
    load->errors++;
    remember_error(load, frame.data, frame.size);
    static const char unknown[] = "\"code\":\"bad_request\"";
    if (load->options->scenario == BENCH_DIRECT && load->counts.delivered == 0 &&
        memmem(frame.data, frame.size, unknown, strlen(unknown)) != NULL) {
        load->is_not_offered = true;
        load->phase = BENCH_DONE;
    }
}

static void answer(struct bench_load *load, struct bench_connection *connection,
                   enum bench_reply reply)
{
    const char *text = bench_peer_answer(connection->speech, reply);
    connection->awaits_welcome |= reply == BENCH_GREETING;
    bench_connection_send(&load->net, connection, cw_bytes_make(text, strlen(text)));
}

/* A message may have begun in the frame before: its marker is all that we look for. False: there is
 * none that ends in this frame. */
static bool on_stream(struct bench_load *load, struct bench_connection *connection,
                      struct cw_bytes frame)
{
    struct bench_marker marker;
    bool has_found = false;
    load->stream.size = 0;
    bench_text_append(&load->stream, connection->tail, connection->tail_size);
    bench_text_append(&load->stream, frame.data, frame.size);
    struct cw_bytes rest = cw_bytes_make(load->stream.data, load->stream.size);
    while (bench_marker_next(&rest, &marker)) {
        has_found = true;
        on_delivery(load, connection, &marker);
    }
    connection->tail_size =
        (uint8_t)(rest.size < sizeof(connection->tail) ? rest.size : sizeof(connection->tail));
    memcpy(connection->tail, load->stream.data + load->stream.size - connection->tail_size,
           connection->tail_size);
    return has_found;
}

static void on_ok(struct bench_load *load, struct bench_connection *connection,
                  struct cw_bytes frame)
{
    if (connection->awaits_welcome) {
        connection->awaits_welcome = false;
        on_welcome(load, connection, frame);
    } else if (connection->state == BENCH_OPEN) {
        set_ready(load, connection);
    } else {
        load->counts.answered++;
    }
}

static void on_message(void *arg, struct bench_connection *connection, struct cw_bytes frame)
{
    struct bench_load *load = arg;
    struct bench_marker marker;
    load->counts.received_bytes += frame.size;
    if (bench_speech_is_stream(connection->speech)) {
        if (on_stream(load, connection, frame))
            return;
    } else if (bench_marker_find(frame, &marker)) {
        on_delivery(load, connection, &marker);
        return;
    }
    enum bench_reply reply = bench_speech_read(connection->speech, frame);
    switch (reply) {
    case BENCH_GREETING:
    case BENCH_PING:
        answer(load, connection, reply);
        break;
    case BENCH_WELCOME:
        on_welcome(load, connection, frame);
        break;
    case BENCH_OK:
        on_ok(load, connection, frame);
        break;
    case BENCH_ERROR:
        on_error(load, frame);
        break;
    case BENCH_BYE:
    case BENCH_OTHER:
        break;
    }
}

/* --- phases
 * --------------------------------------------------------------------------------------- */

static double own_cpu(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void read_memory(struct bench_load *load, enum bench_moment moment)
{
    for (unsigned i = 0; i < load->options->process_count; i++)
        bench_process_read_memory(&load->options->processes[i], moment);
}

static void enter(struct bench_load *load, enum bench_phase phase)
{
    load->phase = phase;
    load->phase_ns = bench_now_ns();
}

static void begin_load(struct bench_load *load)
{
    const struct bench_options *options = load->options;
    enter(load, BENCH_WARMS_UP);
    load->next_publish_ns = load->phase_ns;
    for (unsigned i = 0; i < options->channels; i++) {
        struct bench_connection *channel = &load->channels[i];
        if (options->scenario == BENCH_STORM)
            start(load, channel);
        if (options->scenario == BENCH_RESUME && channel->state == BENCH_READY)
            bench_connection_lose(&load->net, channel);
        for (unsigned k = 0; k < options->window && bench_scenario_is_ring(options->scenario); k++)
            if (channel->state == BENCH_READY)
                bench_publish_ring(load, channel);
    }
}

static void begin_measuring(struct bench_load *load)
{
    enter(load, BENCH_RUNS);
    load->measured = load->counts;
    load->client_cpu_s = own_cpu();
    load->other_cpu_s = bench_machine_cpu();
    for (unsigned i = 0; i < load->options->process_count; i++)
        bench_process_start(&load->options->processes[i]);
}

static void end_measuring(struct bench_load *load)
{
    struct bench_counts *measured = &load->measured;
    load->measured_s = seconds_in(load);
    load->other_cpu_s = bench_machine_cpu() - load->other_cpu_s;
    load->client_cpu_s = own_cpu() - load->client_cpu_s;
    load->other_cpu_s -= load->client_cpu_s;
    for (unsigned i = 0; i < load->options->process_count; i++) {
        bench_process_stop(&load->options->processes[i]);
        load->other_cpu_s -= load->options->processes[i].cpu_s;
    }
    if (load->other_cpu_s < 0)
        load->other_cpu_s = 0; /* it is counted in ticks */
    measured->connected = load->counts.connected - measured->connected;
    measured->failed = load->counts.failed - measured->failed;
    measured->published = load->counts.published - measured->published;
    measured->delivered = load->counts.delivered - measured->delivered;
    measured->answered = load->counts.answered - measured->answered;
    measured->received_bytes = load->counts.received_bytes - measured->received_bytes;
    read_memory(load, BENCH_AFTER);
    enter(load, bench_scenario_has_messages(load->options->scenario) ? BENCH_DRAINS : BENCH_DONE);
}

static void connect_channels(struct bench_load *load)
{
    const struct bench_options *options = load->options;
    while (load->started < options->channels && load->handshakes < options->parallel)
        start(load, &load->channels[load->started++]);
    if (load->counts.connected + load->counts.failed < options->channels &&
        seconds_in(load) < options->connect_s)
        return;
    load->connect_s = seconds_in(load);
    load->counts.failed = options->channels - load->counts.connected;
    enter(load, load->counts.connected == 0 ? BENCH_DONE : BENCH_SETTLES);
}

/* Done when all is there and nothing more came for a while, or when time is up. */
static void drain(struct bench_load *load)
{
    bool is_complete = load->counts.delivered + load->given_up >= load->expected;
    uint64_t now_ns = bench_now_ns();
    if (!is_complete)
        load->complete_ns = 0;
    else if (load->complete_ns == 0)
        load->complete_ns = now_ns;
    bool has_lingered = load->complete_ns != 0 && now_ns - load->complete_ns > TRAILING_NS;
    if (has_lingered || seconds_in(load) > load->options->drain_s)
        enter(load, BENCH_DONE);
}

static void connect_publishers(struct bench_load *load)
{
    if (load->ready_publishers == load->publisher_count) {
        read_memory(load, BENCH_BEFORE);
        if (load->options->scenario == BENCH_STORM)
            begin_load(load);
        else
            enter(load, BENCH_CHANNELS_CONNECT);
    } else if (seconds_in(load) > PUBLISHERS_S) {
        static const char text[] = "the publishers were not welcome within 10 s";
        remember_error(load, text, strlen(text));
        load->counts.failed = load->publisher_count;
        enter(load, BENCH_DONE);
    }
}

static void step(struct bench_load *load)
{
    const struct bench_options *options = load->options;
    bool publishes = load->publisher_count > 0;
    switch (load->phase) {
    case BENCH_PUBLISHERS_CONNECT:
        connect_publishers(load);
        break;
    case BENCH_CHANNELS_CONNECT:
        connect_channels(load);
        break;
    case BENCH_SETTLES:
        if (seconds_in(load) < options->settle_s)
            break;
        read_memory(load, BENCH_CONNECTED);
        begin_load(load);
        break;
    case BENCH_WARMS_UP:
        if (seconds_in(load) >= options->warm_up_s || options->scenario == BENCH_IDLE)
            begin_measuring(load);
        else if (publishes)
            bench_publish_due(load);
        break;
    case BENCH_RUNS:
        if (seconds_in(load) >= options->duration_s)
            end_measuring(load);
        else if (publishes)
            bench_publish_due(load);
        break;
    case BENCH_DRAINS:
        drain(load);
        break;
    case BENCH_DONE:
        break;
    }
}

/* Until the next message is due, if one is. */
static uint64_t timeout_of(const struct bench_load *load)
{
    if (!has_load(load) || load->publisher_count == 0 || load->options->rate <= 0)
        return TURN_NS;
    uint64_t now_ns = bench_now_ns();
    if (load->next_publish_ns <= now_ns)
        return 0;
    uint64_t left_ns = load->next_publish_ns - now_ns;
    return left_ns < TURN_NS ? left_ns : TURN_NS;
}

/* --- all of it
 * ------------------------------------------------------------------------------------ */

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        abort();
    return memory;
}

static void prepare_connections(struct bench_load *load)
{
    const struct bench_options *options = load->options;
    for (unsigned i = 0; i < options->channels; i++) {
        struct bench_connection *channel = &load->channels[i];
        channel->address = &options->addresses[i % options->address_count];
        channel->speech = options->subscribers;
        channel->index = i;
        channel->group = i % options->groups;
        channel->publishes = options->scenario == BENCH_ECHO;
    }
    for (unsigned i = 0; i < load->publisher_count; i++) {
        struct bench_connection *publisher = &load->publishers[i];
        publisher->address = &options->addresses[i % options->address_count];
        publisher->speech = options->publisher_speech;
        publisher->index = i;
        publisher->is_publisher = true;
    }
}

static void init(struct bench_load *load, struct bench_options *options)
{
    static const struct bench_net_ops ops = {on_open, on_message, on_end};
    *load = (struct bench_load){.options = options, .run = (uint32_t)(bench_now_ns() / 1000 % 64)};
    bench_net_init(&load->net, &ops, load, options->size);
    load->net.sources = options->sources;
    bool needs_publishers = options->scenario == BENCH_FANOUT || options->scenario == BENCH_MANY;
    load->publisher_count = needs_publishers ? options->publishers : 0;
    load->channels = allocate(options->channels, sizeof(*load->channels));
    load->publishers = allocate(options->publishers, sizeof(*load->publishers));
    load->tracks = allocate((size_t)options->channels * options->publishers, sizeof(*load->tracks));
    load->sequences =
        allocate((size_t)options->publishers * options->groups, sizeof(*load->sequences));
    load->members = allocate(options->groups, sizeof(*load->members));
    load->payload = allocate(options->size, 1);
    memset(load->payload, 'x', options->size);
    prepare_connections(load);
}

/* What channels that are still there have not got. */
static void count_lost(struct bench_load *load)
{
    for (unsigned i = 0; i < load->options->channels; i++)
        if (load->channels[i].state == BENCH_READY)
            give_up(load, &load->channels[i]);
}

void bench_load_run(struct bench_options *options, struct bench_load *ret_load)
{
    struct bench_load *load = ret_load;
    init(load, options);
    for (unsigned i = 0; i < load->publisher_count; i++)
        start(load, &load->publishers[i]);
    enter(load, BENCH_PUBLISHERS_CONNECT);
    while (load->phase != BENCH_DONE) {
        bench_net_turn(&load->net, timeout_of(load));
        step(load);
        bench_progress_show(load);
    }
    bench_progress_clear(load);
    count_lost(load);
}

void bench_load_finish(struct bench_load *load)
{
    for (unsigned i = 0; i < load->options->channels; i++)
        bench_connection_drop(&load->channels[i]);
    for (unsigned i = 0; i < load->publisher_count; i++)
        bench_connection_drop(&load->publishers[i]);
    bench_net_finish(&load->net);
    bench_text_finish(&load->text);
    bench_text_finish(&load->stream);
    free(load->channels);
    free(load->publishers);
    free(load->tracks);
    free(load->sequences);
    free(load->members);
    free(load->payload);
}

bool bench_load_has_failed(const struct bench_load *load)
{
    bool has_work = bench_scenario_has_messages(load->options->scenario)
                        ? load->counts.delivered > 0
                        : load->counts.connected > 0;
    return !has_work || load->lost + load->duplicates + load->reordered + load->misrouted +
                                load->disconnected + load->errors + load->counts.failed >
                            0;
}
