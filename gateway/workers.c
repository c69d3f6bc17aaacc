/*
 * workers.c - fork, wait, fork again.
 *
 * One loop over a signalfd and the pipes by which workers say that they are ready. A worker is
 * forked and not executed anew: it has the settings that the parent has read, of the same program.
 *
 *   STARTS --all ready--> RUNS --SIGTERM, SIGINT--> STOPS --all ended--> exit
 *      `------- SIGTERM, SIGINT, or a worker ends ------^                                       */
#include "workers.h"

#include <chanway/log.h>

#include "base/clock.h"
#include "base/writer.h"
#include "setting.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CODE_OK = 0, CODE_FAILED = 1 };

#define DELAY_MIN_MS  500
#define DELAY_MAX_MS  10000
#define LONG_LIFE_MS  10000 /* after so long a restart does not count as one more of a series */
#define RETRY_FORK_MS 1000
#define SAME_STOP_MS  1000

enum state { STARTS, RUNS, STOPS };

struct child {
    pid_t pid;    /* 0: does not run */
    int ready_fd; /* -1: has said it, or has ended */
    bool is_ready;
    int64_t started_ms;
    int64_t restart_ms; /* when it is started again; 0: it runs, or is not to */
    int64_t delay_ms;   /* that the last restart waited */
    char node[96];
    char redis[256];
};

struct parent {
    const struct cw_workers_options *options;
    struct child *children; /* options->count of them */
    struct pollfd *polled;  /* the signals, then the children */
    int signal_fd;
    enum state state;
    int stop_signal; /* that STOPS began with, or was hurried by */
    int code;
};

static const int passed_on[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

static void fill_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGCHLD);
    for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
        (void)sigaddset(set, passed_on[i]);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* --- starting --- */

/* In the worker: never returns. What the parent keeps is of no use here. */
static void run_worker(struct parent *parent, int index, pid_t parent_pid, int ready_fd)
{
    const struct cw_workers_options *options = parent->options;
    struct cw_worker worker = {.index = index, .parent = parent_pid, .ready_fd = ready_fd};
    close_fd(&parent->signal_fd);
    for (int i = 0; i < options->count; i++)
        close_fd(&parent->children[i].ready_fd);
    free(parent->children);
    free(parent->polled);
    cw_worker_follow_parent(&worker);
    exit(options->run(options->arg, &worker));
}

static void start(struct parent *parent, int index)
{
    struct child *child = &parent->children[index];
    pid_t own_pid = getpid();
    int pipes[2];
    child->restart_ms = 0;
    child->is_ready = false;
    if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) == 0) {
        child->pid = fork();
        if (child->pid == 0) {
            (void)close(pipes[0]);
            run_worker(parent, index, own_pid, pipes[1]);
        }
        (void)close(pipes[1]);
        if (child->pid > 0) {
            child->ready_fd = pipes[0];
            child->started_ms = cw_clock_ms();
            return;
        }
        (void)close(pipes[0]);
    }
    child->pid = 0;
    child->restart_ms = cw_clock_ms() + RETRY_FORK_MS;
    cw_log_error(cw_log_node(), "worker %d can't be started: %s; trying again in %d ms", index + 1,
                 strerror(errno), RETRY_FORK_MS);
}

/* --- stopping --- */

static void signal_child(const struct child *child, int number)
{
    if (child->pid > 0)
        (void)kill(child->pid, number);
}

static bool has_children(const struct parent *parent, int from)
{
    for (int i = from; i < parent->options->count; i++)
        if (parent->children[i].pid > 0)
            return true;
    return false;
}

static void stop(struct parent *parent, int number)
{
    parent->stop_signal = number;
    parent->state = STOPS;
    for (int i = 0; i < parent->options->count; i++)
        parent->children[i].restart_ms = 0;
    int first = parent->options->first_ends_last && has_children(parent, 1) ? 1 : 0;
    for (int i = first; i < parent->options->count; i++)
        signal_child(&parent->children[i], number);
}

/* --- what happens to workers --- */

static void schedule_restart(struct child *child)
{
    int64_t now = cw_clock_ms();
    bool was_long = child->is_ready && now - child->started_ms >= LONG_LIFE_MS;
    int64_t delay = was_long || child->delay_ms == 0 ? DELAY_MIN_MS : 2 * child->delay_ms;
    child->delay_ms = delay > DELAY_MAX_MS ? DELAY_MAX_MS : delay;
    child->restart_ms = now + child->delay_ms;
}

static void on_end(struct parent *parent, int index, int status)
{
    struct child *child = &parent->children[index];
    char how[64];
    if (WIFSIGNALED(status))
        (void)snprintf(how, sizeof(how), "signal %d", WTERMSIG(status));
    else
        (void)snprintf(how, sizeof(how), "exit code %d", WEXITSTATUS(status));
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : CODE_FAILED;
    child->pid = 0;
    close_fd(&child->ready_fd);
    if (parent->state == STOPS) {
        if (code != CODE_OK && parent->code == CODE_OK)
            parent->code = CODE_FAILED;
        if (code != CODE_OK)
            cw_log_error(cw_log_node(), "worker %d ended with %s", index + 1, how);
        if (index > 0 && parent->options->first_ends_last && !has_children(parent, 1))
            stop(parent, parent->stop_signal);
    } else if (parent->state == STARTS) {
        /* Settings that are no good for one are no good for the others. */
        cw_log_error(cw_log_node(), "worker %d ended with %s before all were ready; stopping",
                     index + 1, how);
        parent->code = code != CODE_OK ? code : CODE_FAILED;
        stop(parent, SIGINT);
    } else {
        schedule_restart(child);
        cw_log_error(cw_log_node(), "worker %d (node=%s) ended with %s; starting it in %lld ms",
                     index + 1, child->node, how, (long long)child->delay_ms);
    }
}

/* All there are: as a container's first process it has the orphans of others as well. */
static void reap(struct parent *parent)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (int i = 0; i < parent->options->count; i++)
            if (parent->children[i].pid == pid)
                on_end(parent, i, status);
    }
}

static void tell_all_are_ready(struct parent *parent)
{
    const struct cw_workers_options *options = parent->options;
    struct cw_writer nodes;
    cw_writer_init(&nodes);
    for (int i = 0; i < options->count; i++) {
        if (!parent->children[i].is_ready) {
            cw_writer_finish(&nodes);
            return;
        }
        cw_writer_text(&nodes, i == 0 ? "" : ",");
        cw_writer_text(&nodes, parent->children[i].node);
    }
    cw_writer_byte(&nodes, '\0');
    parent->state = RUNS;
    options->on_ready(options->arg, nodes.has_failed ? "?" : nodes.data, parent->children[0].redis);
    cw_writer_finish(&nodes);
}

/* One line: the node's id, a blank, its Redis. The pipe takes it whole. */
static void read_ready(struct parent *parent, int index)
{
    struct child *child = &parent->children[index];
    char line[sizeof(child->node) + sizeof(child->redis)];
    ssize_t size = read(child->ready_fd, line, sizeof(line) - 1);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    close_fd(&child->ready_fd);
    if (size <= 0)
        return;
    line[size] = '\0';
    size_t name = strcspn(line, " ");
    (void)snprintf(child->node, sizeof(child->node), "%.*s", (int)name, line);
    (void)snprintf(child->redis, sizeof(child->redis), "%s",
                   line[name] == ' ' ? line + name + 1 : "");
    child->is_ready = true;
    cw_log_info(cw_log_node(), "worker %d is ready: node=%s pid=%ld", index + 1, child->node,
                (long)child->pid);
    if (parent->state == STARTS)
        tell_all_are_ready(parent);
}

/* --- the loop --- */

static void on_signal(struct parent *parent, int number)
{
    if (number == SIGTERM || number == SIGINT) {
        cw_log_info(cw_log_node(), "signal %d: stopping %d workers", number,
                    parent->options->count);
        stop(parent, number);
    } else if (number != SIGCHLD) {
        if (number == SIGHUP)
            parent->options->on_reload(parent->options->arg);
        for (int i = 0; i < parent->options->count; i++)
            signal_child(&parent->children[i], number);
    }
}

static void read_signals(struct parent *parent)
{
    struct signalfd_siginfo info;
    while (read(parent->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        on_signal(parent, (int)info.ssi_signo);
}

/* Starts who is due; how long until the next one is, in ms, or -1. */
static int restart_due(struct parent *parent)
{
    int64_t now = cw_clock_ms();
    int64_t wait = -1;
    for (int i = 0; i < parent->options->count; i++) {
        const struct child *child = &parent->children[i];
        if (child->restart_ms != 0 && child->restart_ms <= now)
            start(parent, i);
        if (child->restart_ms != 0 && (wait < 0 || child->restart_ms - now < wait))
            wait = child->restart_ms - now;
    }
    return (int)wait;
}

static void turn(struct parent *parent)
{
    int count = parent->options->count;
    int wait_ms = restart_due(parent);
    parent->polled[0] = (struct pollfd){.fd = parent->signal_fd, .events = POLLIN};
    for (int i = 0; i < count; i++)
        parent->polled[1 + i] =
            (struct pollfd){.fd = parent->children[i].ready_fd, .events = POLLIN};
    if (poll(parent->polled, (nfds_t)count + 1, wait_ms) <= 0)
        return;
    for (int i = 0; i < count; i++)
        if (parent->polled[1 + i].revents != 0)
            read_ready(parent, i);
    if (parent->polled[0].revents != 0) {
        read_signals(parent);
        reap(parent);
    }
}

int cw_workers_run(const struct cw_workers_options *options)
{
    struct parent parent = {.options = options, .signal_fd = -1, .code = CODE_FAILED};
    sigset_t signals;
    fill_signals(&signals);
    parent.children = calloc((size_t)options->count, sizeof(*parent.children));
    parent.polled = calloc((size_t)options->count + 1, sizeof(*parent.polled));
    if (parent.children == NULL || parent.polled == NULL ||
        sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        goto done;
    parent.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (parent.signal_fd < 0)
        goto done;
    parent.code = CODE_OK;
    for (int i = 0; i < options->count; i++)
        parent.children[i].ready_fd = -1;
    for (int i = 0; i < options->count; i++)
        start(&parent, i);
    while (parent.state != STOPS || has_children(&parent, 0))
        turn(&parent);

done:
    if (parent.signal_fd < 0)
        cw_log_error(cw_log_node(), "workers can't be watched: %s", strerror(errno));
    close_fd(&parent.signal_fd);
    free(parent.children);
    free(parent.polled);
    return parent.code;
}

int cw_workers_count(long long setting)
{
    cpu_set_t cpus;
    if (setting > 0)
        return (int)setting;
    CPU_ZERO(&cpus);
    return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}

/* --- in a worker --- */

void cw_worker_follow_parent(const struct cw_worker *worker)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != worker->parent)
        (void)raise(SIGTERM); /* it was quicker */
}

void cw_worker_unblock(void)
{
    sigset_t signals;
    fill_signals(&signals);
    (void)sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

bool cw_worker_is_same_stop(int64_t *since_ms)
{
    int64_t now = cw_clock_ms();
    bool is_same = *since_ms != 0 && now - *since_ms < SAME_STOP_MS;
    if (!is_same)
        *since_ms = now;
    return is_same;
}

void cw_worker_tell_ready(const struct cw_worker *worker, const char *node, const char *redis)
{
    (void)dprintf(worker->ready_fd, "%s %s", node, redis);
    (void)close(worker->ready_fd);
}

void cw_worker_address(const char *address, int index, char *ret_address, size_t size)
{
    struct cw_listen_address where;
    const char *colon = strrchr(address, ':');
    bool is_read = cw_listen_address_parse(address, &where) == CW_OK && colon != NULL;
    if (index == 0 || !is_read || (!where.is_unix && where.port == 0))
        (void)snprintf(ret_address, size, "%s", address);
    else if (where.is_unix)
        (void)snprintf(ret_address, size, "%s-%d", address, index + 1);
    else
        (void)snprintf(ret_address, size, "%.*s:%d", (int)(colon - address), address,
                       where.port + index);
}

void cw_worker_name(const char *name, int index, size_t max, char *ret_name, size_t size)
{
    char number[16];
    int digits = snprintf(number, sizeof(number), "-%d", index + 1);
    (void)snprintf(ret_name, size, "%.*s%s", (int)max - digits, name, number);
}
