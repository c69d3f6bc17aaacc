/*
 * options.c - getopt_long over one table, from which --help is made as well.
 */
#include "options.h"

#include <chanway/version.h>

#include "marker.h"
#include "peers.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_BYTES (1U << 20)
#define SECONDS_MAX    86400.0
#define DEFAULT_URL    "ws://127.0.0.1:8000/ws"

/* ROW(ID, long name, short name or 0, its value or NULL, help) */
#define ARGUMENTS(ROW)                                                                             \
    ROW(SCENARIO, "scenario", 's', "NAME", "what to do, see below; default fanout")                \
    ROW(CHANNELS, "channels", 'n', "N",                                                            \
        "subscribers, or connections at a time (storm, resume); default 100")                      \
    ROW(GROUPS, "groups", 'g', "G", "groups; default 1 (many: 1000)")                              \
    ROW(MEMBERS, "members", 'm', "M", "members of each group (many); default 10")                  \
    ROW(PUBLISHERS, "publishers", 'P', "N", "connections that publish (fanout, many); default 1")  \
    ROW(SUBSCRIBERS, "subscribers", 'k', "KIND", "json, msgpack or raw; default json")             \
    ROW(FLOOR, "floor", 'F', NULL, "speak chanway-floor's protocol instead of Chanway's")          \
    ROW(SERVER, "server", 0, "NAME",                                                               \
        "speak another server's protocol: floor, socketio, nats, nchan")                           \
    ROW(RATE, "rate", 'r', "R", "messages a second; default 0: closed loop")                       \
    ROW(WINDOW, "window", 'w', "W",                                                                \
        "closed loop: messages on their way at a time; default 4 (echo: 1)")                       \
    ROW(SIZE, "size", 'd', "BYTES", "payload, 16 or more; default 128")                            \
    ROW(DATA, "data", 'D', NULL, "publish `data` (a JSON string) instead of `text`")               \
    ROW(ACKS, "acks", 'a', NULL, "publish with an id, so that every message is answered")          \
    ROW(DURATION, "duration", 't', "S", "seconds that are measured; default 5")                    \
    ROW(WARM_UP, "warm-up", 0, "S", "seconds of load before that; default 1")                      \
    ROW(SETTLE, "settle", 0, "S", "seconds between the last join and the load; default 1")         \
    ROW(DRAIN, "drain", 0, "S", "seconds that the last messages may take; default 3")              \
    ROW(CONNECT, "connect-timeout", 0, "S", "seconds for all connections; default 60")             \
    ROW(PARALLEL, "parallel", 0, "N", "handshakes at a time; default 64")                          \
    ROW(SOURCES, "sources", 0, "N", "loopback addresses that clients come from; default 8")        \
    ROW(PID, "pid", 'p', "PID[:NAME]",                                                             \
        "a process of the server, whose CPU and memory count; repeat")                             \
    ROW(JSON, "json", 'j', NULL, "print one JSON object instead of text")                          \
    ROW(QUIET, "quiet", 'q', NULL, "no progress line")                                             \
    ROW(HELP, "help", 'h', NULL, "this text")                                                      \
    ROW(VERSION, "version", 'V', NULL, "the version")

#define ARGUMENT_CONSTANT(id, name, letter, value, help) ARG_##id,
enum { ARGUMENTS(ARGUMENT_CONSTANT) ARG_COUNT };
#undef ARGUMENT_CONSTANT

static const struct {
    const char *name;
    char letter;
    const char *value;
    const char *help;
} arguments[ARG_COUNT] = {
#define ARGUMENT_ROW(id, name, letter, value, help) {name, letter, value, help},
    ARGUMENTS(ARGUMENT_ROW)
#undef ARGUMENT_ROW
};

static const struct {
    const char *name;
    const char *help;
} scenarios[] = {
#define SCENARIO_ROW(id, name, help) {name, help},
    BENCH_SCENARIOS(SCENARIO_ROW)
#undef SCENARIO_ROW
};
#define SCENARIO_COUNT (sizeof(scenarios) / sizeof(scenarios[0]))

const char *bench_scenario_name(enum bench_scenario scenario)
{
    return scenarios[scenario].name;
}

__attribute__((format(printf, 1, 2), noreturn)) static void bad_usage(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)fputs("chanway-bench: ", stderr);
    (void)vfprintf(stderr, format, list);
    (void)fputs(" (chanway-bench --help)\n", stderr);
    va_end(list);
    exit(BENCH_EXIT_USAGE);
}

static void print_help(void)
{
    (void)puts("chanway-bench [OPTION...] [URL...]\n\n"
               "Loads Chanway nodes with WebSocket clients, checks that every message comes once "
               "and in order,\n"
               "and measures what it costs. URLs (default " DEFAULT_URL ") are taken in turn.\n");
    for (size_t i = 0; i < ARG_COUNT; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "--%s%s%s", arguments[i].name,
                       arguments[i].value == NULL ? "" : " ",
                       arguments[i].value == NULL ? "" : arguments[i].value);
        if (arguments[i].letter != 0)
            (void)printf("  -%c, %-24s %s\n", arguments[i].letter, name, arguments[i].help);
        else
            (void)printf("      %-24s %s\n", name, arguments[i].help);
    }
    (void)puts("\nScenarios:");
    for (size_t i = 0; i < SCENARIO_COUNT; i++)
        (void)printf("  %-8s %s\n", scenarios[i].name, scenarios[i].help);
    (void)puts("\nEnds with 0; 1 when a message was lost, came twice or out of order, or a "
               "connection failed;\n"
               "2 on bad usage; 3 when the node does not offer the scenario.");
}

static double read_number(int id, const char *text, double low, double high)
{
    char *rest;
    errno = 0;
    double number = strtod(text, &rest);
    if (rest == text || *rest != '\0' || errno != 0 || !isfinite(number) || number < low ||
        number > high)
        bad_usage("--%s takes a number from %g to %g, not '%s'", arguments[id].name, low, high,
                  text);
    return number;
}

static unsigned read_count(int id, const char *text, unsigned low, unsigned high)
{
    double number = read_number(id, text, low, high);
    if (number != floor(number))
        bad_usage("--%s takes a whole number, not '%s'", arguments[id].name, text);
    return (unsigned)number;
}

static enum bench_scenario read_scenario(const char *text)
{
    for (size_t i = 0; i < SCENARIO_COUNT; i++)
        if (strcmp(text, scenarios[i].name) == 0)
            return (enum bench_scenario)i;
    bad_usage("no scenario '%s'", text);
}

static enum bench_speech read_speech(const char *text)
{
    if (strcmp(text, "json") == 0)
        return BENCH_JSON;
    if (strcmp(text, "raw") == 0)
        return BENCH_RAW;
    if (strcmp(text, "msgpack") == 0)
        return BENCH_MSGPACK;
    bad_usage("--subscribers are json, msgpack or raw, not '%s'", text);
}

static void read_process(struct bench_options *options, const char *text)
{
    char *rest;
    long pid = strtol(text, &rest, 10);
    if (rest == text || pid <= 0 || (*rest != '\0' && *rest != ':'))
        bad_usage("--pid takes PID[:NAME], not '%s'", text);
    if (options->process_count == BENCH_PROCESSES_MAX)
        bad_usage("more than %d times --pid", BENCH_PROCESSES_MAX);
    struct bench_process *process = &options->processes[options->process_count++];
    process->pid = (pid_t)pid;
    (void)snprintf(process->name, sizeof(process->name), "%s", *rest == ':' ? rest + 1 : text);
    if (bench_process_cpu(process->pid) < 0)
        bad_usage("there is no process %ld", pid);
}

/* Numbers that count something. */
static bool take_count(struct bench_options *options, int id, const char *value)
{
    switch (id) {
    case ARG_CHANNELS:
        options->channels = read_count(id, value, 1, BENCH_GROUPS_MAX - 1);
        return true;
    case ARG_GROUPS:
        options->groups = read_count(id, value, 1, BENCH_GROUPS_MAX - 1);
        return true;
    case ARG_MEMBERS:
        options->members = read_count(id, value, 1, BENCH_GROUPS_MAX - 1);
        return true;
    case ARG_PUBLISHERS:
        options->publishers = read_count(id, value, 1, BENCH_PUBLISHERS_MAX);
        return true;
    case ARG_WINDOW:
        options->window = read_count(id, value, 1, 1000000);
        return true;
    case ARG_SIZE:
        options->size = read_count(id, value, BENCH_MARKER_SIZE, SIZE_MAX_BYTES);
        return true;
    case ARG_PARALLEL:
        options->parallel = read_count(id, value, 1, 100000);
        return true;
    case ARG_SOURCES:
        options->sources = read_count(id, value, 1, 254);
        return true;
    default:
        return false;
    }
}

static bool take_seconds(struct bench_options *options, int id, const char *value)
{
    switch (id) {
    case ARG_DURATION:
        options->duration_s = read_number(id, value, 0.1, SECONDS_MAX);
        return true;
    case ARG_WARM_UP:
        options->warm_up_s = read_number(id, value, 0, SECONDS_MAX);
        return true;
    case ARG_SETTLE:
        options->settle_s = read_number(id, value, 0, SECONDS_MAX);
        return true;
    case ARG_DRAIN:
        options->drain_s = read_number(id, value, 0, SECONDS_MAX);
        return true;
    case ARG_CONNECT:
        options->connect_s = read_number(id, value, 1, SECONDS_MAX);
        return true;
    case ARG_RATE:
        options->rate = read_number(id, value, 0, 1e7);
        return true;
    default:
        return false;
    }
}

static void take(struct bench_options *options, int id, const char *value)
{
    if (take_count(options, id, value) || take_seconds(options, id, value))
        return;
    switch (id) {
    case ARG_SCENARIO:
        options->scenario = read_scenario(value);
        break;
    case ARG_SUBSCRIBERS:
        options->subscribers = read_speech(value);
        break;
    case ARG_FLOOR:
        options->publisher_speech = BENCH_FLOOR;
        break;
    case ARG_SERVER:
        if (!bench_peer_find(value, &options->subscribers))
            bad_usage("no --server '%s'", value);
        options->publisher_speech = bench_peer_publisher(options->subscribers);
        break;
    case ARG_DATA:
        options->as_data = true;
        break;
    case ARG_ACKS:
        options->acks = true;
        break;
    case ARG_PID:
        read_process(options, value);
        break;
    case ARG_JSON:
        options->json = true;
        break;
    case ARG_QUIET:
        options->quiet = true;
        break;
    case ARG_VERSION:
        (void)puts("chanway-bench " CW_VERSION);
        exit(BENCH_EXIT_OK);
    default:
        print_help();
        exit(BENCH_EXIT_OK);
    }
}

static void add_url(struct bench_options *options, const char *url)
{
    const char *why;
    if (options->address_count == BENCH_URLS_MAX)
        bad_usage("more than %d URLs", BENCH_URLS_MAX);
    if (!bench_address_parse(url, &options->addresses[options->address_count], &why))
        bad_usage("'%s': %s", url, why);
    options->address_count++;
}

/* What follows from the scenario, and what does not go together. */
static void complete(struct bench_options *options)
{
    bool is_ring = bench_scenario_is_ring(options->scenario);
    if (options->publisher_speech == BENCH_FLOOR)
        options->subscribers = BENCH_FLOOR;
    if (options->window == 0)
        options->window = is_ring ? 1 : 4;
    if (options->groups == 0)
        options->groups = options->scenario == BENCH_MANY ? 1000 : 1;
    if (options->scenario == BENCH_MANY)
        options->channels = options->groups * options->members;
    if (is_ring) {
        options->groups = options->channels;
        options->publishers = 1;
        if (options->rate > 0)
            bad_usage("--rate is not for %s, which is a closed loop",
                      bench_scenario_name(options->scenario));
    }
    if (options->channels >= BENCH_GROUPS_MAX || options->groups > options->channels)
        bad_usage("at most %u channels, and no group without a channel", BENCH_GROUPS_MAX - 1);
    if (options->scenario == BENCH_DIRECT && options->subscribers == BENCH_RAW)
        bad_usage("direct is not for raw channels, which can't send to another one");
    if (options->subscribers == BENCH_NCHAN && options->groups > 1 && !is_ring)
        bad_usage("one connection of nchan publishes to one group: fanout, echo, storm and idle");
    if (options->scenario == BENCH_RESUME && options->subscribers == BENCH_RAW)
        bad_usage("resume is not for raw channels, which are told no session");
    if (options->scenario == BENCH_RESUME && options->subscribers >= BENCH_FLOOR) {
        (void)fputs("chanway-bench: resume: that server keeps no sessions\n", stderr);
        exit(BENCH_EXIT_NOT_OFFERED);
    }
}

void bench_options_parse(int argc, char **argv, struct bench_options *ret_options)
{
    struct option table[ARG_COUNT + 1] = {{NULL, 0, NULL, 0}};
    char letters[2 * ARG_COUNT + 1];
    size_t used = 0;
    for (int i = 0; i < ARG_COUNT; i++) {
        bool has_value = arguments[i].value != NULL;
        table[i] = (struct option){arguments[i].name, has_value ? required_argument : no_argument,
                                   NULL, 256 + i};
        if (arguments[i].letter == 0)
            continue;
        letters[used++] = arguments[i].letter;
        if (has_value)
            letters[used++] = ':';
    }
    letters[used] = '\0';

    *ret_options = (struct bench_options){.channels = 100,
                                          .members = 10,
                                          .publishers = 1,
                                          .size = 128,
                                          .parallel = 64,
                                          .sources = 8,
                                          .duration_s = 5,
                                          .warm_up_s = 1,
                                          .settle_s = 1,
                                          .drain_s = 3,
                                          .connect_s = 60};
    int option;
    while ((option = getopt_long(argc, argv, letters, table, NULL)) != -1) {
        if (option == '?')
            exit(BENCH_EXIT_USAGE); /* getopt has told what it did not like */
        int id = option - 256;
        for (int i = 0; i < ARG_COUNT && option < 256; i++)
            if (arguments[i].letter == option)
                id = i;
        take(ret_options, id, optarg);
    }
    for (int i = optind; i < argc; i++)
        add_url(ret_options, argv[i]);
    if (ret_options->address_count == 0)
        add_url(ret_options, DEFAULT_URL);
    complete(ret_options);
}
