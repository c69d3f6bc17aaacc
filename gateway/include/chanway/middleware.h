/*
 * middleware.h - who is let in, and what each op of a client may do: the seed's Channel Middleware.
 *
 *   connect    the 101 is out, nothing else is: pass, close with a code (4001, 4002, ...), or wait
 *   operation  a client's op, or a raw client's frame, before anything is done: pass, answer an
 *              error, close, or wait
 *
 * Middlewares are asked in the order in which they were added; what one does not pass the next does
 * not see. PASS is the seed's `return await next(websocket)`. While one waits (for a database, an
 * HTTP request) everything else goes on, but for this client: its later ops wait behind the one
 * that is thought about, for as long as an op may take (`op-timeout`).
 */
#ifndef CHANWAY_MIDDLEWARE_H
#define CHANWAY_MIDDLEWARE_H

#include <chanway/bytes.h>
#include <chanway/channel.h>
#include <chanway/error.h>
#include <chanway/gateway.h>
#include <chanway/message.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a middleware says. */
enum cw_verdict {
    CW_PASS,   /**< the next one is asked, or it is done */
    CW_REJECT, /**< it is not done: what cw_step_close() and cw_step_fail() return */
    CW_WAIT,   /**< after cw_step_wait(): it is said later */
};

/** One connection or operation on its way; valid during the call that gets it. */
struct cw_step;
/** One that was put off: the middleware's own until it says what becomes of it. */
struct cw_wait;

/** What a client wants to do (PROTOCOL: client to node); views are valid during the call. */
struct cw_operation {
    const char *name;      /**< "join", "publish", ...; a raw frame is a "publish" or a "message" */
    struct cw_bytes group; /**< join, leave, publish, members; else empty */
    struct cw_bytes to;    /**< send: the uuid; else empty */
    struct cw_bytes key;   /**< publish, send: the idempotency key, or empty */
    const struct cw_message *message; /**< publish, send, message: the payload; else NULL */
};

/** Both callbacks may be NULL: not asked. */
struct cw_middleware {
    const char *name; /**< for the log; static */
    /** A client has connected. */
    enum cw_verdict (*on_connect)(void *arg, struct cw_channel *channel, struct cw_step *step);
    /** A client wants `operation`. */
    enum cw_verdict (*on_operation)(void *arg, struct cw_channel *channel,
                                    const struct cw_operation *operation, struct cw_step *step);
    void (*destroy)(void *arg); /**< when the gateway is destroyed; NULL: nothing to do */
    void *arg;                  /**< of the callbacks */
};

/**
 * Adds a middleware behind those that are there; it is copied. CW_ERR_NOMEM: `destroy` is not
 * called.
 */
CW_API CW_MUST_CHECK int cw_gateway_use(struct cw_gateway *gateway,
                                        const struct cw_middleware *middleware);

/**
 * Closes the connection with `code` (PROTOCOL: close codes), after `bye` with `retry_ms` (< 0:
 * null). `reason` is copied, at most 123 bytes of it; NULL: none. Returns CW_REJECT, for the
 * middleware to return.
 */
CW_API enum cw_verdict cw_step_close(struct cw_step *step, int code, const char *reason,
                                     int64_t retry_ms);
/**
 * Answers the operation with `error` (CW_ERR_FORBIDDEN, CW_ERR_RATE_LIMITED, ...), and nothing is
 * done. `message` is copied, at most 159 bytes; NULL: the error's own text. `retry_ms` < 0: not
 * said. A connection is closed instead, with 4001 for CW_ERR_UNAUTHENTICATED and CW_ERR_FORBIDDEN,
 * 4002 for CW_ERR_RATE_LIMITED, else 1011. Returns CW_REJECT.
 */
CW_API enum cw_verdict cw_step_fail(struct cw_step *step, int error, const char *message,
                                    int64_t retry_ms);
/**
 * Puts it off: return CW_WAIT, and say once, later (or before returning), what becomes of it by one
 * of the next three. NULL: out of memory, return cw_step_fail() with CW_ERR_NOMEM.
 */
CW_API struct cw_wait *cw_step_wait(struct cw_step *step);

/** Goes on with the next middleware. Like the other two it ends the wait, also if the client is
 * gone or has been answered because it took too long: then nothing else happens. */
CW_API void cw_wait_next(struct cw_wait *wait);
/** As cw_step_close(). */
CW_API void cw_wait_close(struct cw_wait *wait, int code, const char *reason, int64_t retry_ms);
/** As cw_step_fail(). */
CW_API void cw_wait_fail(struct cw_wait *wait, int error, const char *message, int64_t retry_ms);
/** Whose it is; NULL: its connection is gone, or it took too long. */
CW_API struct cw_channel *cw_wait_channel(const struct cw_wait *wait);

#ifdef __cplusplus
}
#endif

#endif
