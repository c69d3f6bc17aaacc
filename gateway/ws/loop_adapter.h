/*
 * loop_adapter.h - libwebsockets on a libevent loop that others use as well.
 *
 * One turn of the loop: everything that epoll_wait() brought, then once the end of the turn: what
 * the owner wants done there (the flush), and the library's timers. It is asked for by any input,
 * and by cw_loop_request_post_turn().
 */
#ifndef CW_WS_LOOP_ADAPTER_H
#define CW_WS_LOOP_ADAPTER_H

#include <chanway/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_loop;
struct event_base;
struct lws;
struct lws_context;
struct lws_plugin_evlib;

struct cw_loop_options {
    struct event_base *event_base; /* required */
    size_t read_size;              /* what the library reads of a WebSocket at once, bytes */
    /** Before anything else of a turn. */
    void (*begin_turn)(void *arg);
    /** At the end of a turn. True: there is more to do, soon, but after other input. */
    bool (*end_turn)(void *arg);
    /** The socket of `wsi` has something to read. False: it is not read now. */
    bool (*before_read)(void *arg, struct lws *wsi, int fd);
    /** It has been read, and `wsi` lives on. */
    void (*after_read)(void *arg, struct lws *wsi, int fd);
    /** The library waits for the socket of `wsi` to take more, as it always does while it keeps
     * bytes that were to be written; or it has ended to. */
    void (*on_writing)(void *arg, struct lws *wsi, bool is_on);
    void *arg;
};

CW_MUST_CHECK int cw_loop_create(const struct cw_loop_options *options, struct cw_loop **ret_loop);

/** For lws_context_creation_info: `event_lib_custom`; the loop itself is its foreign loop. */
const struct lws_plugin_evlib *cw_loop_plugin(void);

/** The context is there: from now on its timers run. */
void cw_loop_attach(struct cw_loop *loop, struct lws_context *context);

/** After lws_context_destroy(). NULL is fine. */
void cw_loop_destroy(struct cw_loop *loop);

/** Let this turn have an end. Cheap; any number of times. */
void cw_loop_request_post_turn(struct cw_loop *loop);

/**
 * `size` bytes of input have been handled, frame headers included: where a read was nearly full,
 * the same socket is read again at once, so that the answers to many small messages go out
 * together.
 */
void cw_loop_note_read(struct cw_loop *loop, size_t size);
/** A message of the socket that is being read has become `size` bytes. */
void cw_loop_note_inflated(struct cw_loop *loop, size_t size);

/** How long this turn has taken so far, microseconds; 0: none has begun. */
int64_t cw_loop_turn_us(const struct cw_loop *loop);

/** Whatever the library wants: `fd` is not read while it is held. */
void cw_loop_hold(struct cw_loop *loop, int fd, bool is_held);

/**
 * Reading of `fd` was just turned on again: false if all that comes from here on will be told as
 * ever. True once: something came meanwhile, or the library may have put input aside (it asks for
 * writability then).
 */
bool cw_loop_may_have_input(struct cw_loop *loop, int fd);

/** Serves `fd` as if it had become readable: input that the library has put aside. Not from its
 * callbacks. */
void cw_loop_read_now(struct cw_loop *loop, int fd);
/** The same as soon as the loop turns again. */
void cw_loop_read_soon(struct cw_loop *loop, int fd);

#endif
