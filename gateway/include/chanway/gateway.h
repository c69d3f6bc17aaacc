/*
 * gateway.h - a whole gateway node: clients' sockets, groups, the way to Redis.
 *
 *   cw_gateway_create -> cw_gateway_on_... -> cw_gateway_run (until cw_gateway_stop) -> destroy
 */
#ifndef CHANWAY_GATEWAY_H
#define CHANWAY_GATEWAY_H

#include <chanway/bytes.h>
#include <chanway/channel.h>
#include <chanway/cluster.h>
#include <chanway/error.h>
#include <chanway/message.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cw_gateway;

/** What becomes of a group's messages when a client does not read them: slow-policy. */
enum cw_slow_policy {
    CW_SLOW_CLOSE,       /**< they wait; beyond send_queue_max the client is closed with 4005 */
    CW_SLOW_DROP_OLDEST, /**< at send_queue_max the oldest go, told by a gap */
    CW_SLOW_LATEST,      /**< while its socket is full only the newest one waits, after a gap */
};

/** One line `schema.GLOB = FILE`. */
struct cw_gateway_schema {
    const char *glob; /**< the groups, where a star is any bytes */
    const char *file; /**< a JSON Schema; empty: anything may be published to them */
    const char *name; /**< what errors call it; NULL: "schema." and the glob */
};

/** Whether a client must have a token (setting `require-token`). */
enum cw_require_token {
    CW_REQUIRE_TOKEN_AUTO, /**< where there is a secret or a key to check it by */
    CW_REQUIRE_TOKEN_ON,   /**< always: without secret or key the gateway is not created */
    CW_REQUIRE_TOKEN_OFF,  /**< who comes without one may do everything */
};

/**
 * The settings of a node: each field is the setting of its name (gateway/README.md). Begin with
 * cw_gateway_options_init(), which fills in the defaults. Strings need to live as long as the call
 * that is given them.
 */
struct cw_gateway_options {
    const char *listen;          /**< where clients connect: "HOST:PORT" or "unix:PATH" */
    const char *admin_listen;    /**< metrics and health, as `listen`; empty: off */
    const char *admin_token;     /**< for calls that change something; NULL: this machine alone */
    const char *path;            /**< of the WebSocket upgrade */
    const char *node;            /**< empty: the host's name */
    const char *redis;           /**< URL, or "embedded": a redis-server of its own */
    const char *redis_prefix;    /**< first part of every key and topic */
    const char *redis_ca;        /**< PEM file: who signs the certificate of a rediss:// */
    const char *redis_cert;      /**< PEM file, with redis_key: shown to Redis; empty: none */
    const char *redis_key;       /**< PEM file, without a password */
    const char *redis_sni;       /**< Redis' name in its certificate; empty: the host's */
    const char *data_dir;        /**< folder of the embedded Redis */
    const char *tls_cert;        /**< PEM file, with tls_key: `listen` is TLS; NULL, empty: not */
    const char *tls_key;         /**< PEM file, without a password */
    const char *tls_client_ca;   /**< PEM file: clients need a certificate signed by one of these */
    const char *allow_origin;    /**< globs of allowed Origins, separated by commas */
    const char *trusted_proxies; /**< networks and "unix", separated by commas */
    const char *token_secret;    /**< tokens of clients are signed with it (HS256); NULL: none */
    const char *token_secret_2;  /**< another one that holds as well; NULL: none */
    const char *token_key_file;  /**< public keys in PEM (RS256, ES256, ...); NULL: none */
    const char *token_alg;       /**< the algorithm of all tokens: "HS256" */
    const char *token_issuer;    /**< their `iss`; NULL: not looked at */
    const char *token_audience;  /**< in their `aud`; NULL: not looked at */
    enum cw_require_token require_token; /**< default CW_REQUIRE_TOKEN_AUTO */
    int64_t auth_timeout_ms;       /**< how long a client may be without a token it must have */
    int64_t channel_ttl_s;         /**< lifetime of a channel since its creation; 0: no limit */
    int64_t channel_ttl_max_s;     /**< what a client may ask for at most; 0: no limit */
    int64_t session_ttl_s;         /**< how long a lost channel may be resumed; 0: not at all */
    int64_t queue_max;             /**< direct messages kept of a channel */
    int64_t queue_bytes;           /**< their bytes */
    int64_t heartbeat_interval_ms; /**< a channel silent for so long is pinged; 0: never */
    int64_t heartbeat_timeout_ms;  /**< and closed with 4000 after this; 0: never */
    int64_t op_timeout_ms;         /**< every op with an id is answered within this */
    int64_t drain_time_ms;         /**< cw_gateway_drain() takes so long; 0: no longer than stop */
    int64_t payload_max;           /**< bytes of a back end's payload */
    size_t max_connections;        /**< beyond it clients are closed with 1013 */
    size_t max_message;            /**< bytes; a client's larger message closes it with 1009 */
    size_t max_groups;             /**< that one channel may be in */
    size_t send_queue_max;      /**< bytes; a client with more unsent ones is slow: slow_policy */
    size_t memory_max;          /**< bytes that the process may hold; 0: no limit */
    int64_t max_per_address;    /**< connections, in the whole cluster; 0: no limit */
    int64_t max_per_user;       /**< likewise */
    int64_t connect_rate;       /**< of one address in connect_rate_ms; 0: no limit */
    int64_t connect_rate_ms;    /**< see connect_rate */
    bool closes_without_limits; /**< limits-fail = closed */
    int64_t message_rate;       /**< ops of one channel in message_rate_ms; 0: no limit */
    int64_t message_rate_ms;    /**< see message_rate */
    unsigned events_mask; /**< enum cw_stream_kind (cluster.h), or-ed: the event stream; 0: off */
    int64_t events_max;   /**< entries that the stream keeps, about */
    int wait_replicas;    /**< replicas that must have a message before its ok; 0: none */
    bool has_proxy_protocol; /**< trusted proxies begin each connection with a PROXY header */
    bool closes_raw_on_gap;  /**< raw-gap = close */
    bool compresses;         /**< permessage-deflate, with clients that offer it; default true */
    size_t compression_min;  /**< bytes; smaller messages are sent as they are */
    bool shares_port;        /**< other processes listen on the same port: SO_REUSEPORT */
    bool keeps_query;        /**< cw_websocket_query() after on_connect; default true */
    /** Names, separated by commas: cw_websocket_header() after on_connect; "*": all; default NULL:
     * none. */
    const char *keeps_headers;
    /** What clients may publish. Of several globs that match a group the one with the most bytes
     * beside its `*` holds, of equals the last; default NULL: anything. */
    const struct cw_gateway_schema *schemas;
    size_t schema_count; /**< at most 256 */
    /** Limits of a group's history by its name; NULL: the defaults. Called often. */
    struct cw_history_limits (*history)(void *arg, struct cw_bytes group);
    void *history_arg; /**< `arg` of history */
    /** The addresses are listened on, and nothing else is open or begun: the place to give up
     * rights. < 0: the gateway is not created, and `error` says why; optional. */
    int (*on_listening)(void *arg, char *error, size_t error_size);
    void *on_listening_arg; /**< `arg` of on_listening */
    /** What becomes of a group's messages when a client is slow; NULL: CW_SLOW_CLOSE. Asked once
     * per group, and again by cw_gateway_set_limits(). */
    enum cw_slow_policy (*slow_policy)(void *arg, struct cw_bytes group);
    void *slow_policy_arg; /**< `arg` of slow_policy */
    /** Messages flow for the first time: the node may be told to clients; optional. */
    void (*on_ready)(void *arg);
    void *on_ready_arg; /**< `arg` of on_ready */
};
/** Fills in the default of every field. */
CW_API void cw_gateway_options_init(struct cw_gateway_options *options);

/**
 * Builds a node that listens and begins to connect to Redis. The process ignores SIGPIPE from here
 * on.
 *
 * CW_ERR_INVALID, CW_ERR_IO (an address can't be listened on), CW_ERR_NOMEM: `error` says it in
 * words.
 */
CW_API CW_MUST_CHECK int cw_gateway_create(const struct cw_gateway_options *options, char *error,
                                           size_t error_size, struct cw_gateway **ret_gateway);
/** Runs the loop until the gateway has stopped: CW_OK; CW_ERR_IO: it can't go on, said in the log.
 */
CW_API CW_MUST_CHECK int cw_gateway_run(struct cw_gateway *gateway);
/** Takes over the limits (heartbeat, op_timeout, drain_time, auth_timeout, channel_ttl, max_...,
 * connect_rate, message_rate, send_queue_max, memory_max, wait_replicas, closes_raw_on_gap), and
 * asks for each group's slow_policy again.
 */
CW_API void cw_gateway_set_limits(struct cw_gateway *gateway,
                                  const struct cw_gateway_options *options);
/**
 * Takes over who is let in: allow_origin, trusted_proxies, has_proxy_protocol, the certificates in
 * the files of tls_cert, tls_key and tls_client_ca. Those who are connected stay.
 *
 * CW_ERR_INVALID, CW_ERR_NOMEM: nothing is taken over; `error` says it in words.
 */
CW_API CW_MUST_CHECK int cw_gateway_set_access(struct cw_gateway *gateway,
                                               const struct cw_gateway_options *options,
                                               char *error, size_t error_size);
/**
 * Reads the files of `options->schemas`, from now on they hold.
 *
 * CW_ERR_INVALID: `error` says which file and what in it is wrong; CW_ERR_NOMEM. Those that held go
 * on.
 */
CW_API CW_MUST_CHECK int cw_gateway_set_schemas(struct cw_gateway *gateway,
                                                const struct cw_gateway_options *options,
                                                char *error, size_t error_size);
/** Whether `options->schemas` would do, without a gateway. */
CW_API CW_MUST_CHECK int cw_gateway_check_schemas(const struct cw_gateway_options *options,
                                                  char *error, size_t error_size);
/** Takes over the token_... options and require_token, and reads the key file again; channels that
 * are there keep what their tokens allow. CW_ERR_INVALID: `error` says why not, those before hold;
 * CW_ERR_NOMEM. */
CW_API CW_MUST_CHECK int cw_gateway_set_tokens(struct cw_gateway *gateway,
                                               const struct cw_gateway_options *options,
                                               char *error, size_t error_size);
/** Whether a client must have a token. */
CW_API bool cw_gateway_requires_token(const struct cw_gateway *gateway);
/** Begins to stop: no new clients, all are closed with 1001; cw_gateway_run then returns. Again: at
 * once. */
CW_API void cw_gateway_stop(struct cw_gateway *gateway);
/**
 * Begins to stop gently: not ready and no new clients from now on, those that are there are closed
 * with 1001 one after the other, spread over drain_time_ms, so that they do not come back to other
 * nodes all at once; cw_gateway_run returns when the last is gone. Again, or cw_gateway_stop():
 * those that are left are closed now, and it takes no longer than 3 s.
 */
CW_API void cw_gateway_drain(struct cw_gateway *gateway);
/** Writes some lines about the state of the node to the log, at the level `info`. */
CW_API void cw_gateway_log_state(struct cw_gateway *gateway);
/** After cw_gateway_run has returned, or instead of it. NULL is fine. */
CW_API void cw_gateway_destroy(struct cw_gateway *gateway);

/** The libevent `struct event_base *` it runs on, for timers and sockets of the application. */
CW_API void *cw_gateway_event_base(struct cw_gateway *gateway);
/** Its cluster, for what is not about this node's own channels (cluster.h); it belongs to the
 * gateway. */
CW_API struct cw_cluster *cw_gateway_cluster(struct cw_gateway *gateway);
/** Where its Redis is, without credentials. */
CW_API const char *cw_gateway_redis(const struct cw_gateway *gateway);
/** Its name in the cluster, `NAME.RANDOM`: new at every start. */
CW_API const char *cw_gateway_node_id(const struct cw_gateway *gateway);

/* Events of all channels (seed: Channel Events). Handlers are called in the order they were added,
 * after those of the channel itself (channel.h); one that is added while handlers of its kind run
 * is first called by the next event. CW_ERR_INVALID: no `fn`; CW_ERR_NOMEM. */

/** A channel was accepted; it may be sent to. */
CW_API CW_MUST_CHECK int cw_gateway_on_connect(struct cw_gateway *gateway, cw_channel_fn fn,
                                               void *arg);
/** A channel's connection is gone: `code` as seen on the wire (1006: none). */
CW_API CW_MUST_CHECK int cw_gateway_on_disconnect(struct cw_gateway *gateway,
                                                  cw_channel_disconnect_fn fn, void *arg);
/** A payload for the application: the op `message`, or a raw frame without a group to go to. */
CW_API CW_MUST_CHECK int cw_gateway_on_message(struct cw_gateway *gateway, cw_channel_message_fn fn,
                                               void *arg);
/** A frame that could not be taken: CW_ERR_INVALID, CW_ERR_PAYLOAD or CW_ERR_TOO_LARGE, or what its
 * receive filter says; and what is wrong with it. */
CW_API CW_MUST_CHECK int cw_gateway_on_error(struct cw_gateway *gateway, cw_channel_error_fn fn,
                                             void *arg);

#ifdef __cplusplus
}
#endif

#endif
