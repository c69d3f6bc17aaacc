/*
 * workers.h - setting `workers`: a parent that starts, watches and ends processes of the same kind.
 *
 * The parent holds no socket and no connection: a worker is a whole node, and those that are left
 * serve on when one of them dies.
 */
#ifndef CW_WORKERS_H
#define CW_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** What a worker knows of itself. */
struct cw_worker {
    int index; /* from 0 */
    pid_t parent;
    int ready_fd; /* where cw_worker_tell_ready() writes */
};

struct cw_workers_options {
    int count;            /* 1 or more */
    bool first_ends_last; /* the others need what it has until they have ended */
    /** In a process of its own, with the signals that the parent passes on blocked until
     * cw_worker_unblock(): the worker's exit code. */
    int (*run)(void *arg, const struct cw_worker *worker);
    /** In the parent, once, when all of them are ready: their node ids, separated by commas, and
     * where the first one's Redis is. */
    void (*on_ready)(void *arg, const char *nodes, const char *redis);
    /** In the parent, on SIGHUP: workers that are started later are to have the new settings. */
    void (*on_reload)(void *arg);
    void *arg;
};

/**
 * Runs until all workers have ended after a SIGTERM or SIGINT; the exit code: 0, 1 if one of them
 * had another. These, SIGHUP and SIGUSR1 are passed on to all. A worker that ends by itself is
 * started again, after 0.5 s, twice as much each time it was short-lived, at most 10 s. One that
 * ends before all were ready for the first time ends the others, and its exit code is returned.
 */
int cw_workers_run(const struct cw_workers_options *options);

/** How many there are to be: `setting`, or one per core that this process may use for 0. */
int cw_workers_count(long long setting);

/** The parent's end is a SIGTERM from now on. To be said again after a change of user, which the
 * kernel takes as a change of mind. */
void cw_worker_follow_parent(const struct cw_worker *worker);
/** The worker's handlers are in place. */
void cw_worker_unblock(void);
/**
 * Whether a signal to stop belongs to the last one of its kind, being less than a second behind the
 * first: a service manager, or a terminal, may tell the worker as well as its parent, which then
 * tells it, too. That is one request, and no impatient second one. `since_ms` is the caller's
 * memory, 0 before the first.
 */
bool cw_worker_is_same_stop(int64_t *since_ms);
/** The worker serves; `node` and `redis` are what the parent says of it. */
void cw_worker_tell_ready(const struct cw_worker *worker, const char *node, const char *redis);

/** `address` for worker `index`: its port, unless it is 0, that many higher; of unix:PATH the path
 * with a dash and the worker's number (from 1) from the second on. */
void cw_worker_address(const char *address, int index, char *ret_address, size_t size);
/** `name` with a dash and the worker's number, cut so that it has at most `max` bytes. */
void cw_worker_name(const char *name, int index, size_t max, char *ret_name, size_t size);

#endif
