/*
 * redis_embedded.c - fork, watch and stop a private redis-server.
 */
#include "redis_embedded.h"

#include "base/clock.h"
#include "base/log.h"

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_WAIT_MS    5000
#define RESTART_DELAY_S 1
#define EXIT_NO_PROGRAM 127

struct cw_redis_embedded {
    struct event_base *base;
    struct event *child_signal;
    struct event *restart_timer;
    pid_t pid;   /* 0: not running */
    int lock_fd; /* flock of <data_dir>/redis.lock: one node per folder */
    char dir[PATH_MAX];
    char socket[PATH_MAX];
    char log[PATH_MAX];
};

static int fail(char *error, size_t size, const char *what, const char *path)
{
    (void)snprintf(error, size, "embedded Redis: %s %s: %s", what, path, strerror(errno));
    return CW_ERR_IO;
}

/* In the child: never returns. Small groups stay small (hash and stream node limits), nothing is
 * evicted. */
static void exec_server(const struct cw_redis_embedded *embedded, pid_t parent)
{
    sigset_t none;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(0);
    (void)setpgid(0, 0); /* a terminal's ^C is for the node, which then stops Redis in its turn */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", embedded->socket,
           "--unixsocketperm", "700", "--dir", embedded->dir, "--logfile", embedded->log,
           "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--daemonize", "no",
           "--maxmemory-policy", "noeviction", "--hash-max-listpack-entries", "512",
           "--stream-node-max-bytes", "1024", (char *)NULL);
    _exit(EXIT_NO_PROGRAM);
}

static bool spawn(struct cw_redis_embedded *embedded)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        exec_server(embedded, parent);
    if (pid < 0)
        return false;
    embedded->pid = pid;
    return true;
}

static void on_restart_timer(evutil_socket_t fd, short what, void *arg)
{
    struct cw_redis_embedded *embedded = arg;
    (void)fd;
    (void)what;
    if (!spawn(embedded))
        cw_log_error(cw_log_node(), "embedded Redis: can't fork: %s", strerror(errno));
}

static void on_child_signal(evutil_socket_t fd, short what, void *arg)
{
    struct cw_redis_embedded *embedded = arg;
    static const struct timeval delay = {RESTART_DELAY_S, 0};
    int status = 0;
    (void)fd;
    (void)what;
    if (embedded->pid == 0 || waitpid(embedded->pid, &status, WNOHANG) != embedded->pid)
        return;
    embedded->pid = 0;
    bool is_missing = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_PROGRAM;
    const char *advice = is_missing ? "redis-server can't be run: install Debian's package "
                                      "redis-server or set `redis`"
                                    : "starting it again";
    cw_log_error(cw_log_node(), "embedded Redis ended (status %d), %s; see %s", status, advice,
                 embedded->log);
    (void)evtimer_add(embedded->restart_timer, &delay);
}

static int prepare_folder(struct cw_redis_embedded *embedded, const char *data_dir, char *error,
                          size_t error_size)
{
    char lock[PATH_MAX + 16];
    if (mkdir(data_dir, 0700) != 0 && errno != EEXIST)
        return fail(error, error_size, "can't make the folder", data_dir);
    if (realpath(data_dir, embedded->dir) == NULL)
        return fail(error, error_size, "can't use the folder", data_dir);
    if (strlen(embedded->dir) + sizeof("/redis.sock") >
        sizeof(((struct sockaddr_un *)0)->sun_path)) {
        errno = ENAMETOOLONG;
        return fail(error, error_size, "path too long for a socket", embedded->dir);
    }
    (void)snprintf(embedded->socket, sizeof(embedded->socket), "%.4000s/redis.sock", embedded->dir);
    (void)snprintf(embedded->log, sizeof(embedded->log), "%.4000s/redis.log", embedded->dir);
    (void)snprintf(lock, sizeof(lock), "%.4000s/redis.lock", embedded->dir);
    embedded->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (embedded->lock_fd < 0)
        return fail(error, error_size, "can't write", lock);
    if (flock(embedded->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return fail(error, error_size,
                    "the folder belongs to another running node:", embedded->dir);
    return CW_OK;
}

static bool program_exists(const char *name)
{
    char path[PATH_MAX];
    const char *at = getenv("PATH");
    if (at == NULL)
        at = "/usr/bin:/bin";
    while (*at != '\0') {
        size_t length = strcspn(at, ":");
        (void)snprintf(path, sizeof(path), "%.*s/%s", (int)length, at, name);
        if (access(path, X_OK) == 0)
            return true;
        at += length + (at[length] == ':');
    }
    return false;
}

int cw_redis_embedded_start(struct event_base *base, const char *data_dir, char *error,
                            size_t error_size, struct cw_redis_embedded **ret_embedded)
{
    if (!program_exists("redis-server")) {
        (void)snprintf(error, error_size,
                       "embedded Redis: no redis-server in PATH; install Debian's "
                       "package redis-server or set `redis`");
        return CW_ERR_IO;
    }
    struct cw_redis_embedded *embedded = calloc(1, sizeof(*embedded));
    if (embedded == NULL)
        return CW_ERR_NOMEM;
    embedded->base = base;
    embedded->lock_fd = -1;
    int rc = prepare_folder(embedded, data_dir, error, error_size);
    if (rc < 0)
        goto failed;
    rc = CW_ERR_NOMEM;
    embedded->child_signal = evsignal_new(base, SIGCHLD, on_child_signal, embedded);
    embedded->restart_timer = evtimer_new(base, on_restart_timer, embedded);
    if (embedded->child_signal == NULL || embedded->restart_timer == NULL)
        goto failed;
    (void)event_add(embedded->child_signal, NULL);
    if (!spawn(embedded)) {
        rc = fail(error, error_size, "can't fork", "redis-server");
        goto failed;
    }
    *ret_embedded = embedded;
    return CW_OK;

failed:
    cw_redis_embedded_stop(embedded);
    return rc;
}

static void wait_for_end(pid_t pid)
{
    static const struct timespec pause = {0, 10 * 1000 * 1000};
    int64_t until = cw_clock_ms() + STOP_WAIT_MS;
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        if (cw_clock_ms() > until) {
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, NULL, 0);
            return;
        }
        (void)nanosleep(&pause, NULL);
    }
}

void cw_redis_embedded_stop(struct cw_redis_embedded *embedded)
{
    if (embedded == NULL)
        return;
    if (embedded->child_signal != NULL)
        event_free(embedded->child_signal);
    if (embedded->restart_timer != NULL)
        event_free(embedded->restart_timer);
    if (embedded->pid > 0) {
        (void)kill(embedded->pid, SIGTERM);
        wait_for_end(embedded->pid);
    }
    if (embedded->lock_fd >= 0)
        (void)close(embedded->lock_fd);
    free(embedded);
}

const char *cw_redis_embedded_socket(const struct cw_redis_embedded *embedded)
{
    return embedded->socket;
}
