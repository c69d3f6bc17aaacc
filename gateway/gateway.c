/*
 * gateway.c - builds every part in order, tears down in reverse.
 */
#include <chanway/gateway.h>
#include <chanway/version.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "channel/channel.h"
#include "channel/members.h"
#include "channel/node.h"
#include "channel/replay.h"
#include "drain.h"
#include "handlers/dispatch.h"
#include "handlers/handlers.h"
#include "http/about.h"
#include "http/health.h"
#include "middleware/auth.h"
#include "middleware/bans.h"
#include "middleware/chain.h"
#include "middleware/limits.h"
#include "middleware/schema.h"
#include "middleware/token.h"
#include "names.h"
#include "outgoing.h"
#include "protocol/deflate.h"
#include "protocol/event.h"
#include "ws/server.h"

#include <event2/event.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS         100
#define MAX_PENDING_OPS 1024
#define STOP_RETRY_MS   1000 /* over it clients come back that are told all at once */
#define DRAIN_RETRY_MS  250  /* these are spread already: by little more than a tick */
#define STOP_MAX_MS     5000 /* clients and Redis are waited for no longer than this */
#define STOP_SOON_MS    3000 /* or this, where it was draining: time for those that don't answer */

/* RUNNING --drain--> DRAINING --all are told, or stop--> CLOSING --all are gone--> LEAVING --Redis
 * knows--> STOPPED; a second stop ends it from anywhere. */
enum gateway_state {
    GATEWAY_RUNNING,
    GATEWAY_DRAINING,
    GATEWAY_CLOSING,
    GATEWAY_LEAVING,
    GATEWAY_STOPPED
};

struct cw_gateway {
    struct event_base *base;
    struct event *tick;
    struct cw_node node;
    struct cw_cluster *cluster;
    struct cw_ws_server *server;
    struct cw_chain chain;
    struct cw_schemas *schemas; /* NULL: none */
    size_t schema_index;        /* of their middleware in the chain */
    struct cw_ban_guard *ban_guard;
    void (*on_ready)(void *arg);
    void *on_ready_arg;
    struct cw_history_limits (*history)(void *arg, struct cw_bytes group);
    void *history_arg;
    struct cw_drain drain;
    int64_t stop_until_ms;
    int64_t ticked_us; /* 0: not yet */
    enum gateway_state state;
    bool was_ready;
    bool has_failed;
};

/* From the cluster. */

static void on_message(void *arg, void *local, const struct cw_message *message)
{
    struct cw_gateway *gateway = arg;
    if (cw_node_accepts(&gateway->node, message))
        cw_group_deliver(local, message);
    else
        cw_group_pass_over(local, message);
}

static void on_gap(void *arg, void *local, const struct cw_gap *gap)
{
    (void)arg;
    cw_group_tell_gap(local, gap);
}

static void on_direct(void *arg, void *user, const struct cw_message *message, bool is_live)
{
    const struct cw_gateway *gateway = arg;
    if (cw_node_accepts(&gateway->node, message))
        cw_channel_send_direct(user, message, is_live);
}

static void on_direct_gap(void *arg, void *user, const struct cw_gap *gap)
{
    struct cw_channel *channel = user;
    (void)arg;
    CW_STAT(direct_gaps_total)++;
    cw_channel_tell_gap(channel, NULL, gap);
}

static void on_request(void *arg, void *user, enum cw_channel_request request, struct cw_bytes text)
{
    (void)arg;
    cw_handle_request(user, request, text);
}

static void on_taken(void *arg, void *user)
{
    (void)arg;
    cw_channel_close(user, 4006, "its session goes on elsewhere", -1);
}

static void on_presence(void *arg, void *local, bool is_join, struct cw_bytes channel,
                        struct cw_bytes user)
{
    (void)arg;
    cw_group_tell_presence(local, is_join, channel, user);
}

static void on_fatal(void *arg, const char *why)
{
    struct cw_gateway *gateway = arg;
    cw_log_error(cw_log_node(), "%s", why);
    gateway->has_failed = true;
    (void)event_base_loopbreak(gateway->base);
}

static void describe(void *user, struct cw_channel_info *ret_info)
{
    const struct cw_channel *channel = user;
    ret_info->uuid = channel->uuid;
    ret_info->type = (enum cw_payload_type)channel->type;
    ret_info->created_ms = channel->created_ms;
    ret_info->expires_s = channel->expires_s;
    ret_info->address = channel->address;
    ret_info->user = cw_channel_user(channel);
    ret_info->session = channel->has_session ? channel->digest : NULL;
}

static size_t describe_node(void *arg, char *ret_text, size_t size)
{
    const struct cw_gateway *gateway = arg;
    return cw_about_write(&gateway->node, ret_text, size);
}

static struct cw_history_limits history(void *arg, struct cw_bytes group)
{
    struct cw_gateway *gateway = arg;
    return gateway->history(gateway->history_arg, group);
}

static struct cw_history_limits default_history(void *arg, struct cw_bytes group)
{
    struct cw_history_limits limits = {
        .size = 100, .ttl_ms = 300 * 1000, .bytes = 8 << 20, .keys_max = 100000};
    (void)arg;
    (void)group;
    return limits;
}

/* Stopping: clients go, then the registry is told, then the loop ends. */

static void end_loop(struct cw_gateway *gateway)
{
    gateway->state = GATEWAY_STOPPED;
    (void)event_base_loopbreak(gateway->base);
}

static void on_left_cluster(void *arg, int rc)
{
    (void)rc;
    end_loop(arg);
}

static void close_all(struct cw_gateway *gateway, int64_t max_ms)
{
    gateway->state = GATEWAY_CLOSING;
    gateway->stop_until_ms = cw_clock_ms() + max_ms;
    gateway->node.is_draining = true;
    cw_ws_server_stop(gateway->server, STOP_RETRY_MS);
}

static void continue_stop(struct cw_gateway *gateway)
{
    int64_t now_ms = cw_clock_ms();
    if (gateway->state == GATEWAY_DRAINING) {
        cw_drain_turn(&gateway->drain, &gateway->node, now_ms, DRAIN_RETRY_MS);
        cw_ws_server_request_flush(gateway->server);
        if (gateway->node.count == 0 || cw_drain_is_over(&gateway->drain, now_ms))
            close_all(gateway, STOP_MAX_MS);
    }
    bool is_late = now_ms > gateway->stop_until_ms;
    if (gateway->state == GATEWAY_CLOSING && (gateway->node.count == 0 || is_late)) {
        gateway->state = GATEWAY_LEAVING;
        if (cw_cluster_stop(gateway->cluster, on_left_cluster, gateway) != CW_OK)
            end_loop(gateway);
    } else if (gateway->state == GATEWAY_LEAVING && is_late) {
        end_loop(gateway);
    }
}

void cw_gateway_stop(struct cw_gateway *gateway)
{
    if (gateway->state == GATEWAY_RUNNING)
        close_all(gateway, STOP_MAX_MS);
    else if (gateway->state == GATEWAY_DRAINING)
        close_all(gateway, STOP_SOON_MS);
    else
        end_loop(gateway);
}

void cw_gateway_drain(struct cw_gateway *gateway)
{
    int64_t time_ms = gateway->node.limits.drain_time_ms;
    if (gateway->state != GATEWAY_RUNNING || time_ms == 0) {
        cw_gateway_stop(gateway);
        return;
    }
    gateway->state = GATEWAY_DRAINING;
    gateway->node.is_draining = true;
    cw_drain_init(&gateway->drain, cw_clock_ms(), time_ms);
    cw_log_info(cw_log_node(), "draining: %zu channels are closed over %lld ms",
                gateway->node.count, (long long)time_ms);
}

static bool is_ready(const struct cw_gateway *gateway)
{
    struct cw_writer why;
    cw_writer_init(&why);
    int status = cw_readiness_write(&gateway->node, &why);
    cw_writer_finish(&why);
    return status == 200;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct cw_gateway *gateway = arg;
    int64_t now_us = cw_clock_us();
    (void)fd;
    (void)what;
    if (gateway->ticked_us != 0)
        cw_histogram_add(&CW_STAT(loop_lag_seconds),
                         now_us - gateway->ticked_us - TICK_MS * INT64_C(1000));
    gateway->ticked_us = now_us;
    cw_dispatch_expire_ops(&gateway->node);
    cw_replays_tick(&gateway->node);
    if (!gateway->was_ready && gateway->on_ready != NULL) {
        gateway->was_ready = is_ready(gateway);
        if (gateway->was_ready)
            gateway->on_ready(gateway->on_ready_arg);
    }
    if (gateway->state != GATEWAY_RUNNING)
        continue_stop(gateway);
}

/* Building. */

/* What is built in is asked before whatever the application adds. */
static int build_chain(struct cw_gateway *gateway)
{
    struct cw_chain *chain = &gateway->chain;
    int rc = cw_ban_guard_add(chain);
    if (rc == CW_OK)
        rc = cw_chain_add(chain, &cw_auth_middleware);
    if (rc == CW_OK)
        rc = cw_ban_guard_add(chain);
    if (rc == CW_OK)
        rc = cw_limits_add(chain, &gateway->node);
    return rc;
}

void cw_gateway_options_init(struct cw_gateway_options *options)
{
    *options = (struct cw_gateway_options){
        .listen = "0.0.0.0:8000",
        .admin_listen = "127.0.0.1:8001",
        .path = "/ws",
        .node = "",
        .redis = "embedded",
        .redis_prefix = "cw",
        .redis_ca = "",
        .redis_cert = "",
        .redis_key = "",
        .redis_sni = "",
        .data_dir = "./run",
        .tls_cert = "",
        .tls_key = "",
        .tls_client_ca = "",
        .allow_origin = "*",
        .trusted_proxies = "",
        .token_alg = "HS256",
        .auth_timeout_ms = 10000,
        .heartbeat_interval_ms = 15000,
        .heartbeat_timeout_ms = 30000,
        .op_timeout_ms = 5000,
        .drain_time_ms = 30000,
        .session_ttl_s = 60,
        .queue_max = 100,
        .queue_bytes = 1 << 20,
        .payload_max = 64 << 10,
        .max_connections = 10000,
        .max_message = 64 << 10,
        .max_groups = 128,
        .send_queue_max = 1 << 20,
        .events_max = 100000,
        .compresses = true,
        .compression_min = 512,
        .keeps_query = true,
    };
}

void cw_gateway_set_limits(struct cw_gateway *gateway, const struct cw_gateway_options *options)
{
    size_t max_message = gateway->node.limits.max_message;
    gateway->node.limits = (struct cw_limits){
        .max_connections = options->max_connections,
        .max_message = max_message == 0 ? options->max_message : max_message,
        .max_groups = options->max_groups,
        .send_queue_max = options->send_queue_max,
        .memory_max = options->memory_max,
        .max_pending_ops = MAX_PENDING_OPS,
        .op_timeout_ms = options->op_timeout_ms,
        .drain_time_ms = options->drain_time_ms,
        .auth_timeout_ms = options->auth_timeout_ms,
        .heartbeat_interval_ms = options->heartbeat_interval_ms,
        .heartbeat_timeout_ms = options->heartbeat_timeout_ms,
        .channel_ttl_s = options->channel_ttl_s,
        .channel_ttl_max_s = options->channel_ttl_max_s,
        .session_ttl_s = options->session_ttl_s,
        .max_per_address = options->max_per_address,
        .max_per_user = options->max_per_user,
        .connect_rate = options->connect_rate,
        .connect_rate_ms = options->connect_rate_ms,
        .closes_without_limits = options->closes_without_limits,
        .message_rate = options->message_rate,
        .message_rate_ms = options->message_rate_ms,
        .closes_raw_on_gap = options->closes_raw_on_gap,
    };
    cw_groups_on_reload(&gateway->node);
    cw_cluster_set_wait_replicas(gateway->cluster, options->wait_replicas);
}

static int read_schemas(const struct cw_gateway_options *options, char *error, size_t error_size,
                        struct cw_schemas **ret_schemas)
{
    return cw_schemas_create(options->schemas, options->schema_count, error, error_size,
                             ret_schemas);
}

static enum cw_verdict check_schema(void *arg, struct cw_channel *channel,
                                    const struct cw_operation *operation, struct cw_step *step)
{
    struct cw_gateway *gateway = arg;
    (void)channel;
    (void)operation;
    return cw_schemas_check(gateway->schemas, step);
}

int cw_gateway_set_schemas(struct cw_gateway *gateway, const struct cw_gateway_options *options,
                           char *error, size_t error_size)
{
    struct cw_schemas *schemas = NULL;
    int rc = read_schemas(options, error, error_size, &schemas);
    if (rc != CW_OK)
        return rc;
    cw_schemas_destroy(gateway->schemas);
    gateway->schemas = schemas;
    cw_chain_set_operation(&gateway->chain, gateway->schema_index,
                           schemas == NULL ? NULL : check_schema);
    return CW_OK;
}

int cw_gateway_check_schemas(const struct cw_gateway_options *options, char *error,
                             size_t error_size)
{
    struct cw_schemas *schemas = NULL;
    int rc = read_schemas(options, error, error_size, &schemas);
    cw_schemas_destroy(schemas);
    return rc;
}

/* Asked last of what is built in. */
static int add_schemas(struct cw_gateway *gateway)
{
    const struct cw_middleware schema = {
        .name = "schema",
        .on_operation = gateway->schemas == NULL ? NULL : check_schema,
        .arg = gateway,
    };
    gateway->schema_index = gateway->chain.count;
    return cw_chain_add(&gateway->chain, &schema);
}

int cw_gateway_set_tokens(struct cw_gateway *gateway, const struct cw_gateway_options *options,
                          char *error, size_t error_size)
{
    struct cw_tokens *tokens = NULL;
    (void)snprintf(error, error_size, "%s", cw_error_text(CW_ERR_NOMEM));
    int rc = cw_tokens_create(options, error, error_size, &tokens);
    if (rc != CW_OK)
        return rc;
    cw_tokens_destroy(gateway->node.tokens);
    gateway->node.tokens = tokens;
    return CW_OK;
}

bool cw_gateway_requires_token(const struct cw_gateway *gateway)
{
    return cw_tokens_are_required(gateway->node.tokens);
}

static int build_cluster(struct cw_gateway *gateway, const struct cw_gateway_options *options,
                         char *error, size_t error_size)
{
    struct cw_cluster_options cluster_options = {
        .event_base = gateway->base,
        .redis = options->redis,
        .redis_ca = options->redis_ca,
        .redis_cert = options->redis_cert,
        .redis_key = options->redis_key,
        .redis_sni = options->redis_sni,
        .prefix = options->redis_prefix,
        .node = options->node,
        .data_dir = options->data_dir,
        .payload_max = options->payload_max,
        .events_mask = options->events_mask,
        .events_max = options->events_max,
        .session_ttl_s = options->session_ttl_s,
        .queue_max = options->queue_max,
        .queue_bytes = options->queue_bytes,
        .wait_replicas = options->wait_replicas,
        .events = {.on_message = on_message,
                   .on_gap = on_gap,
                   .on_direct = on_direct,
                   .on_direct_gap = on_direct_gap,
                   .on_request = on_request,
                   .on_taken = on_taken,
                   .on_presence = on_presence,
                   .on_fatal = on_fatal,
                   .describe = describe,
                   .describe_node = describe_node,
                   .history = history},
        .events_arg = gateway,
    };
    return cw_cluster_create(&cluster_options, error, error_size, &gateway->cluster);
}

static int build_node(struct cw_gateway *gateway, const struct cw_gateway_options *options)
{
    struct cw_node *node = &gateway->node;
    node->cluster = gateway->cluster;
    node->id = cw_cluster_node_id(gateway->cluster);
    node->version = CW_VERSION;
    node->started_ms = cw_clock_wall_ms();
    node->run_waiting_op = cw_dispatch_waiting_op;
    node->open = cw_open_channel;
    node->chain = &gateway->chain;
    node->admit = cw_chain_admit;
    node->keeps_query = options->keeps_query;
    node->slow_policy = options->slow_policy;
    node->slow_policy_arg = options->slow_policy_arg;
    if (options->keeps_headers != NULL &&
        (node->keeps_headers = strdup(options->keeps_headers)) == NULL)
        return CW_ERR_NOMEM;
    cw_gateway_set_limits(gateway, options);
    if (options->compresses && cw_deflate_create(options->compression_min, &node->deflate) != CW_OK)
        return CW_ERR_NOMEM;
    /* It checks stored payloads too, whatever this node's own clients may send. */
    size_t max = options->max_message > CW_PAYLOAD_MAX ? options->max_message : CW_PAYLOAD_MAX;
    node->parser = cw_command_parser_create(max);
    return node->parser == NULL ? CW_ERR_NOMEM : CW_OK;
}

static struct cw_ws_server_options server_options(struct cw_gateway *gateway,
                                                  const struct cw_gateway_options *options)
{
    return (struct cw_ws_server_options){
        .event_base = gateway->base,
        .node = &gateway->node,
        .listen = options->listen,
        .shares_port = options->shares_port,
        .admin_listen = options->admin_listen,
        .admin_token = options->admin_token,
        .path = options->path,
        .tls_cert = options->tls_cert,
        .tls_key = options->tls_key,
        .tls_client_ca = options->tls_client_ca,
        .allow_origin = options->allow_origin,
        .trusted_proxies = options->trusted_proxies,
        .has_proxy_protocol = options->has_proxy_protocol,
    };
}

static int build_server(struct cw_gateway *gateway, const struct cw_gateway_options *options,
                        char *error, size_t error_size)
{
    struct cw_ws_server_options of_server = server_options(gateway, options);
    return cw_ws_server_create(&of_server, error, error_size, &gateway->server);
}

static int start_server(struct cw_gateway *gateway, const struct cw_gateway_options *options,
                        char *error, size_t error_size)
{
    struct cw_ws_server_options of_server = server_options(gateway, options);
    return cw_ws_server_start(gateway->server, &of_server, error, error_size);
}

int cw_gateway_set_access(struct cw_gateway *gateway, const struct cw_gateway_options *options,
                          char *error, size_t error_size)
{
    struct cw_ws_server_options of_server = server_options(gateway, options);
    return cw_ws_server_reload(gateway->server, &of_server, error, error_size);
}

static int build(struct cw_gateway *gateway, const struct cw_gateway_options *options, char *error,
                 size_t error_size)
{
    static const struct timeval tick = {0, TICK_MS * 1000};
    gateway->base = event_base_new();
    if (gateway->base == NULL)
        return CW_ERR_NOMEM;
    gateway->tick = event_new(gateway->base, -1, EV_PERSIST, on_tick, gateway);
    if (gateway->tick == NULL || event_add(gateway->tick, &tick) != 0)
        return CW_ERR_NOMEM;
    /* Listening comes before the rest: it may need rights that nothing after it should have, and no
     * file is read with. */
    int rc = build_server(gateway, options, error, error_size);
    if (rc == CW_OK && options->on_listening != NULL)
        rc = options->on_listening(options->on_listening_arg, error, error_size);
    if (rc == CW_OK)
        rc = cw_gateway_set_tokens(gateway, options, error, error_size);
    if (rc == CW_OK)
        rc = build_chain(gateway);
    if (rc == CW_OK)
        rc = read_schemas(options, error, error_size, &gateway->schemas);
    if (rc == CW_OK)
        rc = build_cluster(gateway, options, error, error_size);
    if (rc == CW_OK)
        rc = build_node(gateway, options);
    if (rc == CW_OK)
        rc = add_schemas(gateway);
    if (rc == CW_OK)
        rc = cw_ban_guard_create(gateway->base, &gateway->node, &gateway->ban_guard);
    if (rc == CW_OK)
        rc = start_server(gateway, options, error, error_size);
    if (rc == CW_OK)
        rc = cw_cluster_start(gateway->cluster, error, error_size);
    return rc;
}

int cw_gateway_create(const struct cw_gateway_options *options, char *error, size_t error_size,
                      struct cw_gateway **ret_gateway)
{
    (void)snprintf(error, error_size, "out of memory");
    (void)signal(SIGPIPE, SIG_IGN); /* a client that is gone is told of by write() */
    struct cw_gateway *gateway = calloc(1, sizeof(*gateway));
    if (gateway == NULL)
        return CW_ERR_NOMEM;
    cw_node_init(&gateway->node);
    gateway->history = options->history == NULL ? default_history : options->history;
    gateway->history_arg = options->history_arg;
    gateway->on_ready = options->on_ready;
    gateway->on_ready_arg = options->on_ready_arg;
    int rc = build(gateway, options, error, error_size);
    if (rc < 0) {
        cw_gateway_destroy(gateway);
        return rc;
    }
    *ret_gateway = gateway;
    return CW_OK;
}

int cw_gateway_run(struct cw_gateway *gateway)
{
    (void)event_base_dispatch(gateway->base);
    return gateway->has_failed ? CW_ERR_IO : CW_OK;
}

void cw_gateway_destroy(struct cw_gateway *gateway)
{
    if (gateway == NULL)
        return;
    cw_ws_server_destroy(gateway->server);
    cw_ban_guard_destroy(gateway->ban_guard);
    cw_cluster_destroy(gateway->cluster);
    cw_node_finish(&gateway->node);
    cw_chain_finish(&gateway->chain);
    cw_schemas_destroy(gateway->schemas);
    cw_tokens_destroy(gateway->node.tokens);
    if (gateway->tick != NULL)
        event_free(gateway->tick);
    if (gateway->base != NULL)
        event_base_free(gateway->base);
    free(gateway);
}

struct cw_node *cw_gateway_node(struct cw_gateway *gateway)
{
    return &gateway->node;
}

void *cw_gateway_event_base(struct cw_gateway *gateway)
{
    return gateway->base;
}

struct cw_cluster *cw_gateway_cluster(struct cw_gateway *gateway)
{
    return gateway->cluster;
}

const char *cw_gateway_redis(const struct cw_gateway *gateway)
{
    return cw_cluster_redis(gateway->cluster);
}

const char *cw_gateway_node_id(const struct cw_gateway *gateway)
{
    return gateway->node.id;
}

int cw_gateway_use(struct cw_gateway *gateway, const struct cw_middleware *middleware)
{
    gateway->node.wants_facts = true;
    return cw_chain_add(&gateway->chain, middleware);
}

/* Events. */

static int add_handler(struct cw_gateway *gateway, enum cw_event_kind kind, union cw_event_fn fn,
                       void *arg)
{
    gateway->node.wants_facts = true;
    return cw_events_add(&gateway->node.events, kind, fn, arg);
}

int cw_gateway_on_connect(struct cw_gateway *gateway, cw_channel_fn fn, void *arg)
{
    union cw_event_fn any = {.connect = fn};
    return fn == NULL ? CW_ERR_INVALID : add_handler(gateway, CW_EVENT_CONNECT, any, arg);
}

int cw_gateway_on_disconnect(struct cw_gateway *gateway, cw_channel_disconnect_fn fn, void *arg)
{
    union cw_event_fn any = {.disconnect = fn};
    return fn == NULL ? CW_ERR_INVALID : add_handler(gateway, CW_EVENT_DISCONNECT, any, arg);
}

int cw_gateway_on_message(struct cw_gateway *gateway, cw_channel_message_fn fn, void *arg)
{
    union cw_event_fn any = {.message = fn};
    return fn == NULL ? CW_ERR_INVALID : add_handler(gateway, CW_EVENT_MESSAGE, any, arg);
}

int cw_gateway_on_error(struct cw_gateway *gateway, cw_channel_error_fn fn, void *arg)
{
    union cw_event_fn any = {.error = fn};
    return fn == NULL ? CW_ERR_INVALID : add_handler(gateway, CW_EVENT_ERROR, any, arg);
}
