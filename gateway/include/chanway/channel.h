/*
 * channel.h - one client's connection to this node: the seed's Channel (seed: Channel Class).
 *
 * A channel is valid from its first connect middleware, or else its on_connect, to the end of its
 * on_disconnect. A client that comes back by its session is a new `struct cw_channel` with the same
 * uuid: what belongs to the one before is over before the new one is connected. Everything happens
 * on the thread of the gateway's event loop; callbacks are never called from inside a function of
 * this header, unless it says so, and may call all of them, for their own channel too.
 */
#ifndef CHANWAY_CHANNEL_H
#define CHANWAY_CHANNEL_H

#include <chanway/bytes.h>
#include <chanway/error.h>
#include <chanway/message.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cw_channel;

/* --- facts (seed: Properties) ---------------------------------------------------------------- */

/** The seed's `uuid`: 36 characters, a UUID version 7 in lower case. */
CW_API const char *cw_channel_uuid(const struct cw_channel *channel);
/** The seed's `created`, ms since 1970. */
CW_API int64_t cw_channel_created_ms(const struct cw_channel *channel);
/** The seed's `expires`, seconds since created; 0: no limit. */
CW_API int64_t cw_channel_expires_s(const struct cw_channel *channel);
/** The seed's `payload_type`. */
CW_API enum cw_payload_type cw_channel_payload_type(const struct cw_channel *channel);
/** The client's address and port, "10.0.0.7:51514"; "unix" by a Unix socket. */
CW_API const char *cw_channel_address(const struct cw_channel *channel);
/** Who it is: the `sub` of its token; NULL: not authenticated. The channel's, until it changes. */
CW_API const char *cw_channel_user(const struct cw_channel *channel);
/** The seed's `connected`: its on_connect has begun, and neither side has closed it since. */
CW_API bool cw_channel_is_open(const struct cw_channel *channel);

/* --- the connection (seed: `websocket`) ------------------------------------------------------ */

/**
 * What the client's upgrade request said. Text is the channel's, and lasts as long.
 *
 * Query and headers cost memory, so they are there for the connect middlewares and the on_connect
 * handlers; afterwards the query is, unless `keeps_query` of the gateway's options is false, and of
 * headers those that its `keeps_headers` names. They are not looked at at all where the gateway has
 * no handler and no middleware at the time of the connection. A request's head has at most 8 KiB.
 */
struct cw_websocket;

/** The channel's connection; as long as the channel. */
CW_API const struct cw_websocket *cw_channel_websocket(const struct cw_channel *channel);
/** As cw_channel_address(). */
CW_API const char *cw_websocket_address(const struct cw_websocket *websocket);
/** "/ws", or what the setting `path` says. */
CW_API const char *cw_websocket_path(const struct cw_websocket *websocket);
/** Without '?', percent-encoded as the client wrote it or as good, "a=1&b=2"; the values of `token`
 * and `session` are left out ("token="). "": none, or not kept. */
CW_API const char *cw_websocket_query(const struct cw_websocket *websocket);
/** "chanway.v1.json", "chanway.v1.msgpack"; "": raw. */
CW_API const char *cw_websocket_subprotocol(const struct cw_websocket *websocket);
/**
 * The value of a header of the upgrade request, without blanks around it; `name` in any case. Of a
 * header that was sent several times: all values with ", " between them ("; ": Cookie) where the
 * HTTP parser knows its name, else the first.
 *
 * NULL: the client did not send it, or it is not kept.
 */
CW_API const char *cw_websocket_header(const struct cw_websocket *websocket, const char *name);
/** The token that the client came with: of `Authorization: Bearer`, else `token` of the query. A
 * secret: only until the on_connect handlers have returned. NULL: none, or no longer known. */
CW_API const char *cw_websocket_token(const struct cw_websocket *websocket);

/* --- sending (seed: Sending Messages) -------------------------------------------------------- */

/**
 * Sends one payload to this client, from "server": the seed's send, by the channel's own payload
 * type; send_json wants JSON text. Queued before the call returns, written at the end of the loop's
 * turn. A send filter sees it first, inside the call.
 *
 * CW_ERR_PAYLOAD: not JSON, or text that is no UTF-8; CW_ERR_TOO_LARGE: over CW_PAYLOAD_MAX;
 * CW_ERR_DISCONNECTED: it is closing or gone, also in its on_disconnect; CW_ERR_BUSY: a connect
 * middleware still has it, so it is not accepted; CW_ERR_NOMEM; what a send filter says. Nothing is
 * sent then.
 */
CW_API CW_MUST_CHECK int cw_channel_send(struct cw_channel *channel, struct cw_bytes payload);
/** As cw_channel_send(): JSON text, whatever the channel's type. */
CW_API CW_MUST_CHECK int cw_channel_send_json(struct cw_channel *channel, struct cw_bytes json);
/** As cw_channel_send(): text in UTF-8. */
CW_API CW_MUST_CHECK int cw_channel_send_text(struct cw_channel *channel, struct cw_bytes text);
/** As cw_channel_send(): any bytes. */
CW_API CW_MUST_CHECK int cw_channel_send_bytes(struct cw_channel *channel, struct cw_bytes bytes);

/* --- receiving (seed: Receiving Messages) ---------------------------------------------------- */

/**
 * The message that was asked for, once. `rc`:
 *   CW_OK;
 *   CW_ERR_PAYLOAD: it is of another type than the one asked for; `message` is that one, and
 *     nobody else gets it;
 *   CW_ERR_DISCONNECTED: the connection is gone (the seed's WebSocketDisconnect); `message` is
 *     NULL. Called before the on_disconnect handlers, also where there was no on_connect.
 * The channel may be asked for the next one in here: that is the seed's
 * `while True: message = await channel.receive()`.
 */
typedef void (*cw_receive_fn)(void *arg, struct cw_channel *channel, int rc,
                              const struct cw_message *message);

/**
 * Hands the next message that this client has for the application (the op `message`, or a raw frame
 * without a group to go to) to `fn`, and to no on_message handler; of any type, or of that one. The
 * client is told that its message was taken, whatever its type. What comes while nothing is asked
 * for goes to the on_message handlers: who needs time between two messages asks anew in `fn` and
 * keeps them.
 *
 * CW_ERR_BUSY: one is asked for already; CW_ERR_DISCONNECTED: it is closing or gone;
 * CW_ERR_INVALID: no `fn`; CW_ERR_NOMEM. `fn` is not called then.
 */
CW_API CW_MUST_CHECK int cw_channel_receive(struct cw_channel *channel, cw_receive_fn fn,
                                            void *arg);
/** As cw_channel_receive(), of this type alone: JSON text, any value. */
CW_API CW_MUST_CHECK int cw_channel_receive_json(struct cw_channel *channel, cw_receive_fn fn,
                                                 void *arg);
/** As cw_channel_receive(), of this type alone: text. */
CW_API CW_MUST_CHECK int cw_channel_receive_text(struct cw_channel *channel, cw_receive_fn fn,
                                                 void *arg);
/** As cw_channel_receive(), of this type alone: bytes. */
CW_API CW_MUST_CHECK int cw_channel_receive_bytes(struct cw_channel *channel, cw_receive_fn fn,
                                                  void *arg);

/* --- accepting and closing (seed: Connection Management) ------------------------------------- */

/**
 * The seed's accept. There is nothing to do: a channel is accepted when its connect middlewares
 * have let it pass, and its on_connect handlers are told.
 *
 * CW_OK, also while a middleware has it; CW_ERR_DISCONNECTED: it is closing or gone.
 */
CW_API int cw_channel_accept(struct cw_channel *channel);

/**
 * Closes the connection with `code` (PROTOCOL: close codes) and `reason`, at most 123 bytes, NULL:
 * none; a `bye` goes before it where the protocol says so, with `retry_ms` (< 0: null). The first
 * close wins. Safe anywhere: the channel goes after the caller has returned to the loop.
 */
CW_API void cw_channel_close(struct cw_channel *channel, int code, const char *reason,
                             int64_t retry_ms);

/* --- events (seed: Channel Events) ----------------------------------------------------------- */

/** Something happened to the channel. */
typedef void (*cw_channel_fn)(void *arg, struct cw_channel *channel);
/** `code` as seen on the wire (1006: none); `reason` may be NULL. */
typedef void (*cw_channel_disconnect_fn)(void *arg, struct cw_channel *channel, int code,
                                         const char *reason);
/** `message` and its views are valid during the call. */
typedef void (*cw_channel_message_fn)(void *arg, struct cw_channel *channel,
                                      const struct cw_message *message);
/** `error`: a CW_ERR_*; `message`: what is wrong, valid during the call. */
typedef void (*cw_channel_error_fn)(void *arg, struct cw_channel *channel, int error,
                                    const char *message);

/**
 * Handlers of this one channel: the seed's `channel.on_message` and its like. Any number; called in
 * the order in which they were added, before those of the gateway (gateway.h: what each is called
 * for). One that is added while handlers of its kind run is first called by the next event. They
 * last as long as the channel.
 *
 * on_connect is of use to who has the channel before it is connected, a connect middleware;
 * afterwards: CW_ERR_INVALID. on_disconnect is called only if on_connect was: what must be freed in
 * any case is own data. CW_ERR_INVALID: no `fn`; CW_ERR_NOMEM.
 */
CW_API CW_MUST_CHECK int cw_channel_on_connect(struct cw_channel *channel, cw_channel_fn fn,
                                               void *arg);
/** As cw_channel_on_connect(), at any time. */
CW_API CW_MUST_CHECK int cw_channel_on_disconnect(struct cw_channel *channel,
                                                  cw_channel_disconnect_fn fn, void *arg);
/** As cw_channel_on_connect(), at any time. */
CW_API CW_MUST_CHECK int cw_channel_on_message(struct cw_channel *channel, cw_channel_message_fn fn,
                                               void *arg);
/** As cw_channel_on_connect(), at any time. */
CW_API CW_MUST_CHECK int cw_channel_on_error(struct cw_channel *channel, cw_channel_error_fn fn,
                                             void *arg);

/* --- own data (seed: attributes of a subclass) ----------------------------------------------- */

/**
 * Keeps `data` at the channel under `key`, the address of something of the caller's (a static
 * variable: so that modules do not meet). `destroy` (NULL: none) is called once with it: when other
 * data, or NULL, is set in its place, inside the call; else with the end of the channel, after its
 * on_disconnect, also if it was never connected. The channel is not to be used in there then. To
 * set the same `data` again only changes its `destroy`.
 *
 * CW_ERR_INVALID: no key; CW_ERR_DISCONNECTED: the channel is ending; CW_ERR_NOMEM: nothing has
 * changed, `data` is the caller's.
 */
CW_API CW_MUST_CHECK int cw_channel_set_data(struct cw_channel *channel, const void *key,
                                             void *data, void (*destroy)(void *data));
/** What is kept under `key`; NULL: nothing. */
CW_API void *cw_channel_data(const struct cw_channel *channel, const void *key);

/* --- filters (seed: overriding send and receive) --------------------------------------------- */

/** What a filter returns that has taken the message: nobody else gets it, who sent it sees CW_OK.
 */
#define CW_TAKEN 1

/**
 * Looks at a message on its way. May change its `type` and `payload`, to memory of its own that is
 * valid until it is called again or the channel ends; other changes are ignored. Returns
 *   CW_OK: it goes on, as it is now;
 *   CW_TAKEN: it has taken it;
 *   a CW_ERR_*: see below. What is not a good payload of its type afterwards is CW_ERR_PAYLOAD
 * (over CW_PAYLOAD_MAX: CW_ERR_TOO_LARGE).
 */
typedef int (*cw_filter_fn)(void *arg, struct cw_channel *channel, struct cw_message *message);

/**
 * The send filter sees what the client would be sent: payloads of cw_channel_send...(), messages of
 * groups and direct ones, also those that it missed and gets later; not the node's own frames. On
 * an error cw_channel_send...() returns it; a group's or direct message is dropped for this client
 * alone, and counted (`client_messages_filtered_total`).
 *
 * Called inside cw_channel_send...(). What is sent to the same channel from inside its filter does
 * not pass it again, and goes out first: that is the seed's `super().send`. NULL: none; one
 * replaces another at once, also from inside of it. CW_ERR_NOMEM: unchanged.
 */
CW_API CW_MUST_CHECK int cw_channel_set_send_filter(struct cw_channel *channel, cw_filter_fn fn,
                                                    void *arg);
/**
 * The receive filter sees what the client has for the application, before the event stream, a
 * pending receive and the on_message handlers. On an error the client is answered with it, and the
 * on_error handlers are told. NULL: none; as above.
 */
CW_API CW_MUST_CHECK int cw_channel_set_receive_filter(struct cw_channel *channel, cw_filter_fn fn,
                                                       void *arg);

#ifdef __cplusplus
}
#endif

#endif
