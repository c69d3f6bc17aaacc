/*
 * loop_adapter.c - libwebsockets' event loop operations, over libevent.
 *
 * The library asks for events by socket and keeps no room for ours, so there is a table by file
 * descriptor. Write events are rare (a full socket, a pong), so they are made when first asked for.
 * Reading is off for a moment far more often than anything comes meanwhile: its event stays with
 * the kernel until something does.
 *
 * The end of a turn is an event that is made active by hand: libevent appends it to the queue it is
 * working on, so it runs after all input of the same epoll_wait(). To be called again "soon" it is
 * added with a timeout of zero instead: made active from inside itself it would run before any new
 * input.
 */
#include "ws/loop_adapter.h"

#include "base/clock.h"
#include "base/stats.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <libwebsockets.h>

#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>

/* How often one socket is read per turn, at most: other clients wait meanwhile. */
#define READS_PER_TURN 64
/* And no more of it once this much has been inflated: little input can mean much work. */
#define INFLATED_PER_TURN ((size_t)64 * 1024)
/* No timer of the library is further away than this. */
#define TIMER_MAX_MS 60000

/* What is watched of one socket. */
struct watch {
    struct lws *wsi;
    struct event *write; /* NULL until first wanted */
    struct event read;
    uint32_t id;         /* tells a socket from its successor with the same number, in one turn */
    bool is_reading : 1; /* as the library wants it */
    bool is_writing : 1;
    bool is_held : 1;    /* it is not read all the same */
    bool is_watched : 1; /* `read` is with the kernel: always if it is read, perhaps if not */
    bool has_come : 1;   /* something has, while it was not read */
};

struct cw_loop {
    struct cw_loop_options options;
    struct lws_context *context; /* NULL until attached */
    struct watch **watches;      /* by file descriptor */
    size_t capacity;
    uint32_t next_id;
    size_t read_bytes;     /* since the last read began */
    size_t inflated_bytes; /* of the socket that is being read, in this turn */
    struct event post_turn;
    struct event timer; /* of the library */
    int64_t timer_at_ms;
    int64_t turn_began_us;
    bool is_turn_begun;
    bool is_post_turn_armed;
    bool is_in_post_turn;
    bool wants_another_turn;
};

static struct cw_loop *loop_of(struct lws *wsi)
{
    struct cw_loop **slot = lws_evlib_wsi_to_evlib_pt(wsi);
    return *slot;
}

static struct watch *watch_of(const struct cw_loop *loop, int fd)
{
    return fd >= 0 && (size_t)fd < loop->capacity ? loop->watches[fd] : NULL;
}

static void begin_turn(struct cw_loop *loop)
{
    if (loop->is_turn_begun)
        return;
    loop->is_turn_begun = true;
    loop->turn_began_us = cw_clock_us(); /* libevent's own idea of now is up to 4 ms old */
    loop->options.begin_turn(loop->options.arg);
}

/* --- input and output ------------------------------------------------------------------------ */

/* One call of the library; the socket may be gone afterwards. */
static void service(struct cw_loop *loop, int fd, short events)
{
    struct lws_pollfd pollfd = {.fd = fd, .events = events, .revents = events};
    lws_service_fd_tsi(loop->context, &pollfd, 0);
}

static void read_socket(struct cw_loop *loop, int fd)
{
    struct watch *watch = watch_of(loop, fd);
    if (watch == NULL || loop->context == NULL)
        return;

    uint32_t id = watch->id;
    loop->inflated_bytes = 0;
    for (int i = 0; i < READS_PER_TURN; i++) {
        loop->read_bytes = 0;
        if (!loop->options.before_read(loop->options.arg, watch->wsi, fd))
            return;
        service(loop, fd, LWS_POLLIN);
        watch = watch_of(loop, fd);
        if (watch == NULL || watch->id != id)
            return;
        loop->options.after_read(loop->options.arg, watch->wsi, fd);
        watch = watch_of(loop, fd);
        if (watch == NULL || watch->id != id || !watch->is_reading)
            return;
        if (loop->read_bytes * 10 < loop->options.read_size * 7 ||
            loop->inflated_bytes > INFLATED_PER_TURN)
            return;
    }
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
    (void)events;
    struct watch *watch = arg;
    struct cw_loop *loop = loop_of(watch->wsi);
    if (!watch->is_reading || watch->is_held) {
        event_del(&watch->read); /* it would be told again and again */
        watch->is_watched = false;
        watch->has_come = true;
        return;
    }
    cw_loop_request_post_turn(loop);
    read_socket(loop, fd);
}

static void on_writable(evutil_socket_t fd, short events, void *arg)
{
    (void)events;
    const struct watch *watch = arg;
    struct cw_loop *loop = loop_of(watch->wsi);
    cw_loop_request_post_turn(loop);
    if (loop->context != NULL)
        service(loop, fd, LWS_POLLOUT);
}

/* --- the end of a turn ----------------------------------------------------------------------- */

static void arm_timer(struct cw_loop *loop, int64_t delay_ms)
{
    int64_t now_ms = cw_clock_ms();
    int64_t at_ms = now_ms + delay_ms;
    /* One that goes off earlier will look again. */
    if (loop->timer_at_ms > now_ms && loop->timer_at_ms <= at_ms)
        return;
    struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};
    evtimer_add(&loop->timer, &delay);
    loop->timer_at_ms = at_ms;
}

/* Nobody is told when a timer of the library changes, so this asks once per turn. */
static void run_timers(struct cw_loop *loop)
{
    int delay_ms = lws_service_adjust_timeout(loop->context, TIMER_MAX_MS, 0);
    if (delay_ms == 0) {
        /* Input that was put aside (or a timer within a millisecond): it looks at every socket, so
         * once. */
        _lws_plat_service_forced_tsi(loop->context, 0);
        delay_ms = 1;
    }
    arm_timer(loop, delay_ms);
}

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    struct cw_loop *loop = arg;
    loop->timer_at_ms = 0;
    cw_loop_request_post_turn(loop);
}

static void on_post_turn(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    struct cw_loop *loop = arg;
    begin_turn(loop);
    loop->is_in_post_turn = true;
    bool has_more = loop->options.end_turn(loop->options.arg);
    if (loop->context != NULL)
        run_timers(loop);
    loop->is_in_post_turn = false;
    cw_histogram_add(&CW_STAT(loop_turn_seconds), cw_clock_us() - loop->turn_began_us);

    loop->is_turn_begun = false;
    loop->is_post_turn_armed = false;
    if (has_more || loop->wants_another_turn) {
        const struct timeval soon = {.tv_sec = 0, .tv_usec = 0};
        event_add(&loop->post_turn, &soon);
        loop->is_post_turn_armed = true;
    }
    loop->wants_another_turn = false;
}

/* --- what the library asks for --------------------------------------------------------------- */

static int on_init_pt(struct lws_context *context, void *foreign_loop, int tsi)
{
    struct cw_loop **slot = lws_evlib_tsi_to_evlib_pt(context, tsi);
    *slot = foreign_loop;
    return 0;
}

static int make_room(struct cw_loop *loop, size_t count)
{
    size_t capacity = loop->capacity == 0 ? 64 : loop->capacity;
    while (capacity < count)
        capacity *= 2;
    if (capacity == loop->capacity)
        return CW_OK;
    struct watch **watches = realloc(loop->watches, capacity * sizeof(struct watch *));
    if (watches == NULL)
        return CW_ERR_NOMEM;
    for (size_t i = loop->capacity; i < capacity; i++)
        watches[i] = NULL;
    loop->watches = watches;
    loop->capacity = capacity;
    return CW_OK;
}

static void destroy_watch(struct watch *watch)
{
    if (watch == NULL)
        return;
    event_del(&watch->read);
    if (watch->write != NULL)
        event_free(watch->write);
    free(watch);
}

/* A socket begins: of a client, or the pipe by which the library wakes itself. Events are asked for
 * later. Nonzero: refused. */
static int on_begin(struct lws *wsi)
{
    struct cw_loop *loop = loop_of(wsi);
    int fd = lws_get_socket_fd(wsi);
    if (fd < 0 || make_room(loop, (size_t)fd + 1) < 0)
        return 1;
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return 1;
    watch->wsi = wsi;
    watch->id = loop->next_id++;
    event_assign(&watch->read, loop->options.event_base, fd, EV_READ | EV_PERSIST, on_readable,
                 watch);
    destroy_watch(loop->watches[fd]);
    loop->watches[fd] = watch;
    return 0;
}

static void watch_again(struct watch *watch)
{
    if (!watch->is_reading || watch->is_held || watch->is_watched)
        return;
    event_add(&watch->read, NULL);
    watch->is_watched = true;
}

static void set_reading(struct watch *watch, bool is_on)
{
    if (watch->is_reading == is_on)
        return;
    watch->is_reading = is_on;
    watch_again(watch);
}

static void set_writing(struct watch *watch, bool is_on)
{
    if (watch->is_writing == is_on)
        return;
    if (is_on && watch->write == NULL) {
        watch->write =
            event_new(loop_of(watch->wsi)->options.event_base, event_get_fd(&watch->read),
                      EV_WRITE | EV_PERSIST, on_writable, watch);
    }
    if (watch->write == NULL)
        return;
    if (is_on)
        event_add(watch->write, NULL);
    else
        event_del(watch->write);
    watch->is_writing = is_on;
}

static void on_want_events(struct lws *wsi, unsigned int flags)
{
    struct watch *watch = watch_of(loop_of(wsi), lws_get_socket_fd(wsi));
    if (watch == NULL || watch->wsi != wsi)
        return;
    bool is_on = (flags & LWS_EV_START) != 0;
    if ((flags & LWS_EV_READ) != 0)
        set_reading(watch, is_on);
    if ((flags & LWS_EV_WRITE) != 0) {
        struct cw_loop *loop = loop_of(wsi);
        set_writing(watch, is_on);
        loop->options.on_writing(loop->options.arg, wsi, is_on);
    }
}

/* The socket ends; it is closed after this. */
static int on_end(struct lws *wsi)
{
    struct cw_loop *loop = loop_of(wsi);
    int fd = lws_get_socket_fd(wsi);
    struct watch *watch = watch_of(loop, fd);
    if (watch != NULL && watch->wsi == wsi) {
        loop->watches[fd] = NULL;
        destroy_watch(watch);
    }
    return 0;
}

static const struct lws_event_loop_ops loop_ops = {
    .name = "chanway",
    .init_vhost_listen_wsi = on_begin,
    .init_pt = on_init_pt,
    .wsi_logical_close = on_end,
    .sock_accept = on_begin,
    .io = on_want_events,
    .flags = LELOF_ISPOLL,
    .evlib_size_pt = sizeof(struct cw_loop *),
};

static const lws_plugin_evlib_t loop_plugin = {
    .hdr = {.name = "chanway",
            ._class = "lws_evlib_plugin",
            .lws_build_hash = LWS_BUILD_HASH,
            .api_magic = LWS_PLUGIN_API_MAGIC},
    .ops = &loop_ops,
};

/* --- public ---------------------------------------------------------------------------------- */

int cw_loop_create(const struct cw_loop_options *options, struct cw_loop **ret_loop)
{
    struct cw_loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL)
        return CW_ERR_NOMEM;
    loop->options = *options;
    event_assign(&loop->post_turn, options->event_base, -1, 0, on_post_turn, loop);
    evtimer_assign(&loop->timer, options->event_base, on_timer, loop);
    *ret_loop = loop;
    return CW_OK;
}

const struct lws_plugin_evlib *cw_loop_plugin(void)
{
    return &loop_plugin;
}

void cw_loop_attach(struct cw_loop *loop, struct lws_context *context)
{
    loop->context = context;
    cw_loop_request_post_turn(loop);
}

void cw_loop_destroy(struct cw_loop *loop)
{
    if (loop == NULL)
        return;
    event_del(&loop->post_turn);
    event_del(&loop->timer);
    for (size_t i = 0; i < loop->capacity; i++)
        destroy_watch(loop->watches[i]);
    free(loop->watches);
    free(loop);
}

void cw_loop_request_post_turn(struct cw_loop *loop)
{
    if (loop->is_in_post_turn) {
        loop->wants_another_turn = true;
        return;
    }
    begin_turn(loop);
    if (loop->is_post_turn_armed)
        return;
    loop->is_post_turn_armed = true;
    event_active(&loop->post_turn, EV_TIMEOUT, 0);
}

int64_t cw_loop_turn_us(const struct cw_loop *loop)
{
    return loop->is_turn_begun ? cw_clock_us() - loop->turn_began_us : 0;
}

void cw_loop_note_read(struct cw_loop *loop, size_t size)
{
    loop->read_bytes += size;
}

void cw_loop_note_inflated(struct cw_loop *loop, size_t size)
{
    loop->inflated_bytes += size;
}

void cw_loop_hold(struct cw_loop *loop, int fd, bool is_held)
{
    struct watch *watch = watch_of(loop, fd);
    if (watch == NULL || watch->is_held == is_held)
        return;
    watch->is_held = is_held;
    watch_again(watch);
}

bool cw_loop_may_have_input(struct cw_loop *loop, int fd)
{
    struct watch *watch = watch_of(loop, fd);
    if (watch == NULL)
        return false;
    bool has_come = watch->has_come;
    watch->has_come = false;
    return has_come || !watch->is_reading || watch->is_writing;
}

void cw_loop_read_now(struct cw_loop *loop, int fd)
{
    read_socket(loop, fd);
}

void cw_loop_read_soon(struct cw_loop *loop, int fd)
{
    struct watch *watch = watch_of(loop, fd);
    if (watch != NULL && watch->is_reading && !watch->is_held)
        event_active(&watch->read, EV_READ, 0);
}
