/*
 * main.c - chanwayd: settings, signals, one gateway, or a parent of several (workers.c).
 *
 * Ends with 0, with 1 on a failure at run time, with 2 on bad usage or settings.
 */
#include <chanway/gateway.h>
#include <chanway/log.h>
#include <chanway/token.h>
#include <chanway/version.h>

#include "config.h"
#include "config_schemas.h"
#include "module.h"
#include "privileges.h"
#include "sandbox.h"
#include "token_command.h"
#include "workers.h"

#include <event2/event.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

#define NODE_NAME_MAX 50 /* as the setting `node` allows */

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* What is a worker's own, where the settings are of all of them. */
struct worker_settings {
    char node[64];
    char admin_listen[sizeof(struct sockaddr_un) + 32];
    char redis[sizeof(struct sockaddr_un) + 32];
};

struct program {
    int argc;
    char **argv;
    struct cw_config config;
    struct cw_config_schemas schemas; /* of the config */
    struct cw_gateway *gateway;
    struct cw_modules *modules;
    const struct cw_worker *worker; /* NULL: one process, without a parent */
    struct worker_settings own;     /* of the worker */
    int64_t stopping_since_ms[2];   /* by SIGTERM, by SIGINT; 0: not */
};

static struct cw_history_limits history_of(void *arg, struct cw_bytes group)
{
    const struct program *program = arg;
    return cw_config_history(&program->config, group);
}

static enum cw_slow_policy slow_policy_of(void *arg, struct cw_bytes group)
{
    const struct program *program = arg;
    return (enum cw_slow_policy)cw_config_slow_policy(&program->config, group);
}

static void on_ready(void *arg)
{
    const struct program *program = arg;
    const struct cw_config *config = &program->config;
    if (program->worker != NULL) {
        cw_worker_tell_ready(program->worker, cw_gateway_node_id(program->gateway),
                             cw_gateway_redis(program->gateway));
        return;
    }
    (void)fprintf(stderr, "ready node=%s listen=%s admin=%s redis=%s pid=%ld\n",
                  cw_gateway_node_id(program->gateway), config->listen,
                  config->admin_listen[0] == '\0' ? "off" : config->admin_listen,
                  cw_gateway_redis(program->gateway), (long)getpid());
}

/* Nothing but the listeners is open: root has done what only root can do. */
static int on_listening(void *arg, char *error, size_t error_size)
{
    const struct program *program = arg;
    const char *user = program->config.user;
    int rc = user[0] == '\0' ? CW_OK : cw_privileges_drop(user, error, error_size);
    if (rc == CW_OK && program->worker != NULL)
        cw_worker_follow_parent(program->worker);
    return rc;
}

static void fill_options(struct program *program, struct cw_gateway_options *options)
{
    const struct cw_config *config = &program->config;
    cw_gateway_options_init(options);
    options->listen = config->listen;
    options->admin_listen = config->admin_listen;
    options->admin_token = config->admin_token;
    options->path = config->path;
    options->node = config->node;
    options->redis = config->redis;
    options->redis_prefix = config->redis_prefix;
    options->redis_ca = config->redis_ca;
    options->redis_cert = config->redis_cert;
    options->redis_key = config->redis_key;
    options->redis_sni = config->redis_sni;
    options->data_dir = config->data_dir;
    options->tls_cert = config->tls_cert;
    options->tls_key = config->tls_key;
    options->tls_client_ca = config->tls_client_ca;
    options->allow_origin = config->allow_origin;
    options->trusted_proxies = config->trusted_proxies;
    options->has_proxy_protocol = config->proxy_protocol == CW_CONFIG_ON;
    cw_token_fill_options(config, options);
    options->auth_timeout_ms = config->auth_timeout_ms;
    options->channel_ttl_s = config->channel_ttl_s;
    options->channel_ttl_max_s = config->channel_ttl_max_s;
    options->session_ttl_s = config->session_ttl_s;
    options->queue_max = config->queue_max;
    options->queue_bytes = config->queue_bytes;
    options->heartbeat_interval_ms = config->heartbeat_interval_ms;
    options->heartbeat_timeout_ms = config->heartbeat_timeout_ms;
    options->op_timeout_ms = config->op_timeout_ms;
    options->drain_time_ms = config->drain_time_ms;
    options->payload_max = config->payload_max;
    options->max_connections = (size_t)config->max_connections;
    options->max_message = (size_t)config->max_message;
    options->max_groups = (size_t)config->max_groups;
    options->send_queue_max = (size_t)config->send_queue_max;
    options->max_per_address = config->max_per_address;
    options->max_per_user = config->max_per_user;
    options->connect_rate = cw_rate_count(config->connect_rate);
    options->connect_rate_ms = cw_rate_ms(config->connect_rate);
    options->closes_without_limits = config->limits_fail == CW_CONFIG_LIMITS_FAIL_CLOSED;
    options->memory_max = (size_t)config->memory_max;
    options->message_rate = cw_rate_count(config->message_rate);
    options->message_rate_ms = cw_rate_ms(config->message_rate);
    options->compresses = config->compression == CW_CONFIG_COMPRESSION_ON;
    options->compression_min = (size_t)config->compression_min;
    options->events_mask = (unsigned)config->events;
    options->events_max = config->events_max;
    options->wait_replicas = (int)config->wait_replicas;
    options->closes_raw_on_gap = config->raw_gap == CW_CONFIG_RAW_GAP_CLOSE;
    options->history = history_of;
    options->history_arg = program;
    options->on_listening = on_listening;
    options->on_listening_arg = program;
    options->slow_policy = slow_policy_of;
    options->slow_policy_arg = program;
    options->schemas = program->schemas.items;
    options->schema_count = program->schemas.count;
    options->on_ready = on_ready;
    options->on_ready_arg = program;
    if (program->worker != NULL) {
        options->shares_port = true;
        options->node = program->own.node;
        options->admin_listen = program->own.admin_listen;
        options->redis = program->own.redis;
    }
}

static void on_stop_signal(evutil_socket_t number, short what, void *arg)
{
    struct program *program = arg;
    (void)what;
    if (program->worker != NULL &&
        cw_worker_is_same_stop(&program->stopping_since_ms[number == SIGINT]))
        return;
    cw_log_info(cw_log_node(), "signal %d: stopping", (int)number);
    if (number == SIGTERM)
        cw_gateway_drain(program->gateway);
    else
        cw_gateway_stop(program->gateway);
}

static void set_schemas(struct program *program, const struct cw_gateway_options *options)
{
    char error[CW_CONFIG_ERROR_SIZE];
    if (cw_gateway_set_schemas(program->gateway, options, error, sizeof(error)) != CW_OK)
        cw_log_error(cw_log_node(), "schemas stay as they were: %s", error);
}

/* Short secrets are found by trying (RFC 7518 section 3.2). */
#define SECRET_SIZE_MIN 32

static void warn_of_short_secret(const char *name, const char *secret)
{
    if (secret[0] != '\0' && strlen(secret) < SECRET_SIZE_MIN)
        cw_log_warn(cw_log_node(), "%s has fewer than %d bytes: it can be found by trying", name,
                    SECRET_SIZE_MIN);
}

static void tell_of_tokens(const struct program *program)
{
    const struct cw_config *config = &program->config;
    if (!cw_gateway_requires_token(program->gateway))
        cw_log_warn(cw_log_node(), "no token is asked for: everybody may join and publish");
    warn_of_short_secret("token-secret", config->token_secret);
    warn_of_short_secret("token-secret-2", config->token_secret_2);
}

static void set_tokens(struct program *program, const struct cw_gateway_options *options)
{
    char error[CW_CONFIG_ERROR_SIZE];
    if (cw_gateway_set_tokens(program->gateway, options, error, sizeof(error)) != CW_OK)
        cw_log_error(cw_log_node(), "secrets and keys of tokens not reloaded: %s", error);
    tell_of_tokens(program);
}

static void on_reload_signal(evutil_socket_t number, short what, void *arg)
{
    struct program *program = arg;
    struct cw_gateway_options options;
    struct cw_writer unchanged;
    char error[CW_CONFIG_ERROR_SIZE];
    (void)number;
    (void)what;
    cw_writer_init(&unchanged);
    if (cw_config_reload(program->argc, program->argv, environ, &program->config, &unchanged, error,
                         sizeof(error)) != CW_OK) {
        cw_log_error(cw_log_node(), "settings not reloaded: %s", error);
    } else if (cw_config_schemas_set(&program->schemas, &program->config) != CW_OK) {
        cw_log_error(cw_log_node(), "settings not reloaded: out of memory");
    } else {
        fill_options(program, &options);
        cw_gateway_set_limits(program->gateway, &options);
        if (cw_gateway_set_access(program->gateway, &options, error, sizeof(error)) != CW_OK)
            cw_log_error(cw_log_node(), "who is let in stays as it was: %s", error);
        set_schemas(program, &options);
        set_tokens(program, &options);
        cw_log_init((enum cw_log_level)program->config.log_level,
                    (enum cw_log_format)program->config.log_format);
        cw_log_info(cw_log_node(), "settings reloaded");
        if (unchanged.size > 0)
            cw_log_warn(cw_log_node(), "changed, but read only at start: %.*s", (int)unchanged.size,
                        unchanged.data);
    }
    cw_writer_finish(&unchanged);
}

/* Whoever asks wants to be told, whatever else is logged. */
static void on_state_signal(evutil_socket_t number, short what, void *arg)
{
    const struct program *program = arg;
    enum cw_log_format format = (enum cw_log_format)program->config.log_format;
    (void)number;
    (void)what;
    if (!cw_log_is_on(CW_LOG_INFO))
        cw_log_init(CW_LOG_INFO, format);
    cw_gateway_log_state(program->gateway);
    cw_log_init((enum cw_log_level)program->config.log_level, format);
}

#define SIGNALS 4

/* SIGTERM: drain, twice: stop; SIGINT: stop, twice: at once; SIGHUP: read the settings again;
 * SIGUSR1: log the state. */
static int watch_signals(struct program *program, struct event *events[SIGNALS])
{
    static const struct {
        int number;
        event_callback_fn fn;
    } rows[SIGNALS] = {{SIGTERM, on_stop_signal},
                       {SIGINT, on_stop_signal},
                       {SIGHUP, on_reload_signal},
                       {SIGUSR1, on_state_signal}};
    struct event_base *base = cw_gateway_event_base(program->gateway);
    for (int i = 0; i < SIGNALS; i++) {
        events[i] = evsignal_new(base, rows[i].number, rows[i].fn, program);
        if (events[i] == NULL || event_add(events[i], NULL) != 0)
            return CW_ERR_NOMEM;
    }
    return CW_OK;
}

/* It ends already: one more signal would only take its exit code. */
static void hold_signals(void)
{
    sigset_t set;
    (void)sigfillset(&set);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

/* What is built from here on is the loop's: modules are loaded, files are open. */
static void enter_sandbox(const struct cw_config *config)
{
    char error[CW_CONFIG_ERROR_SIZE];
    bool runs_programs = strcmp(config->redis, "embedded") == 0;
    if (config->sandbox == CW_CONFIG_SANDBOX_OFF)
        return;
    if (cw_sandbox_enter(runs_programs, error, sizeof(error)) != CW_OK)
        cw_log_warn(cw_log_node(), "no sandbox: %s", error);
}

static int create(struct program *program, const struct cw_gateway_options *options)
{
    char error[CW_CONFIG_ERROR_SIZE];
    int rc = cw_privileges_forbid_new(error, sizeof(error));
    if (rc == CW_OK)
        rc = cw_gateway_create(options, error, sizeof(error), &program->gateway);
    if (rc == CW_OK)
        rc = cw_modules_load(program->gateway, program->config.module, error, sizeof(error),
                             &program->modules);
    if (rc != CW_OK)
        (void)fprintf(stderr, "chanwayd: %s\n", error);
    return rc;
}

static int run(struct program *program)
{
    struct cw_gateway_options options;
    struct event *signals[SIGNALS] = {NULL};
    fill_options(program, &options);
    int rc = create(program, &options);
    if (rc < 0) {
        cw_gateway_destroy(program->gateway);
        return rc == CW_ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
    }
    rc = watch_signals(program, signals);
    if (rc == CW_OK && program->worker != NULL)
        cw_worker_unblock();
    if (rc == CW_OK) {
        cw_log_info(cw_log_node(), "chanwayd %s node=%s listen=%s", CW_VERSION,
                    cw_gateway_node_id(program->gateway), options.listen);
        enter_sandbox(&program->config);
        tell_of_tokens(program);
        rc = cw_gateway_run(program->gateway);
    }
    hold_signals();
    for (int i = 0; i < SIGNALS; i++)
        if (signals[i] != NULL)
            event_free(signals[i]);
    cw_gateway_destroy(program->gateway);
    cw_modules_destroy(program->modules);
    return rc == CW_OK ? EXIT_OK : EXIT_FAILED;
}

/* --- several processes --- */

static void set_own(struct worker_settings *own, const struct cw_config *config, int index)
{
    bool shares_redis = index > 0 && strcmp(config->redis, "embedded") == 0;
    cw_worker_name(config->node, index, NODE_NAME_MAX, own->node, sizeof(own->node));
    cw_worker_address(config->admin_listen, index, own->admin_listen, sizeof(own->admin_listen));
    /* The first worker has the embedded Redis, the others use it. */
    (void)snprintf(own->redis, sizeof(own->redis), shares_redis ? "unix:%s/redis.sock" : "%s",
                   shares_redis ? config->data_dir : config->redis);
}

static int run_worker(void *arg, const struct cw_worker *worker)
{
    struct program *program = arg;
    program->worker = worker;
    set_own(&program->own, &program->config, worker->index);
    return run(program);
}

static void on_workers_ready(void *arg, const char *nodes, const char *redis)
{
    const struct program *program = arg;
    const struct cw_config *config = &program->config;
    (void)fprintf(stderr, "ready node=%s listen=%s admin=%s redis=%s pid=%ld\n", nodes,
                  config->listen, config->admin_listen[0] == '\0' ? "off" : config->admin_listen,
                  redis, (long)getpid());
}

/* Workers say themselves what is wrong with it. */
static void on_workers_reload(void *arg)
{
    struct program *program = arg;
    struct cw_writer unchanged;
    char error[CW_CONFIG_ERROR_SIZE];
    cw_writer_init(&unchanged);
    if (cw_config_reload(program->argc, program->argv, environ, &program->config, &unchanged, error,
                         sizeof(error)) == CW_OK &&
        cw_config_schemas_set(&program->schemas, &program->config) == CW_OK)
        cw_log_init((enum cw_log_level)program->config.log_level,
                    (enum cw_log_format)program->config.log_format);
    cw_writer_finish(&unchanged);
}

/* Whether several processes can have the addresses that the settings name. */
static int check_workers(const struct program *program, int count)
{
    const struct cw_config *config = &program->config;
    struct cw_listen_address listen;
    struct cw_listen_address admin = {.is_unix = true};
    if (count == 1)
        return EXIT_OK;
    if (cw_listen_address_parse(config->listen, &listen) != CW_OK || listen.is_unix ||
        listen.port == 0) {
        (void)fprintf(stderr,
                      "chanwayd: workers = %d: they share one port, which `listen` has to name; it "
                      "is %s\n",
                      count, config->listen);
        return EXIT_USAGE;
    }
    if (config->admin_listen[0] != '\0' &&
        (cw_listen_address_parse(config->admin_listen, &admin) != CW_OK ||
         admin.port + count - 1 > UINT16_MAX)) {
        (void)fprintf(stderr, "chanwayd: workers = %d: admin-listen = %s leaves too few ports\n",
                      count, config->admin_listen);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

static int run_workers(struct program *program, int count)
{
    const struct cw_workers_options options = {
        .count = count,
        .first_ends_last = strcmp(program->config.redis, "embedded") == 0,
        .run = run_worker,
        .on_ready = on_workers_ready,
        .on_reload = on_workers_reload,
        .arg = program,
    };
    int code = check_workers(program, count);
    if (code != EXIT_OK || count == 1)
        return code == EXIT_OK ? run(program) : code;
    cw_log_info(cw_log_node(), "chanwayd %s: %d workers listen=%s", CW_VERSION, count,
                program->config.listen);
    return cw_workers_run(&options);
}

static int print(const struct program *program, enum cw_config_action action)
{
    struct cw_writer writer;
    cw_writer_init(&writer);
    if (action == CW_CONFIG_HELP)
        cw_config_write_help(&writer);
    else if (action == CW_CONFIG_PRINT)
        cw_config_write_settings(&program->config, &writer);
    else if (action == CW_CONFIG_VERSION)
        cw_writer_text(&writer, "chanwayd " CW_VERSION "\n");
    else
        cw_writer_text(&writer, "the settings are good\n");
    bool is_written = !writer.has_failed &&
                      fwrite(writer.data, 1, writer.size, stdout) == writer.size &&
                      fflush(stdout) == 0;
    cw_writer_finish(&writer);
    return is_written ? EXIT_OK : EXIT_FAILED;
}

/* What no single line says: whether they go together, whether their files are good. */
static int check(struct program *program)
{
    struct cw_gateway_options options;
    char error[CW_CONFIG_ERROR_SIZE];
    int code = check_workers(program, cw_workers_count(program->config.workers));
    if (code != EXIT_OK)
        return code;
    fill_options(program, &options);
    int rc = cw_gateway_check_schemas(&options, error, sizeof(error));
    if (rc == CW_OK)
        rc = cw_token_check_options(&options, error, sizeof(error));
    if (rc == CW_OK)
        return EXIT_OK;
    (void)fprintf(stderr, "chanwayd: %s\n", error);
    return rc == CW_ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
}

static void warn_of_doubts(void)
{
    struct cw_writer doubts;
    cw_writer_init(&doubts);
    cw_config_write_doubts(environ, &doubts);
    if (doubts.size > 0)
        (void)fprintf(stderr, "chanwayd: %.*s", (int)doubts.size, doubts.data);
    cw_writer_finish(&doubts);
}

int main(int argc, char **argv)
{
    struct program program = {.argc = argc, .argv = argv};
    enum cw_config_action action = CW_CONFIG_RUN;
    char error[CW_CONFIG_ERROR_SIZE] = "out of memory";
    if (argc > 1 && strcmp(argv[1], "token") == 0)
        return cw_token_command(argc, argv, environ);
    int rc = cw_config_load(argc, argv, environ, &program.config, &action, error, sizeof(error));
    bool is_read = action != CW_CONFIG_HELP && action != CW_CONFIG_VERSION;
    if (rc == CW_OK && is_read)
        rc = cw_config_schemas_set(&program.schemas, &program.config);
    if (rc < 0) {
        (void)fprintf(stderr, "chanwayd: %s\n", error);
        return rc == CW_ERR_NOMEM ? EXIT_FAILED : EXIT_USAGE;
    }
    if (action == CW_CONFIG_RUN) {
        cw_log_init((enum cw_log_level)program.config.log_level,
                    (enum cw_log_format)program.config.log_format);
        warn_of_doubts();
        rc = run_workers(&program, cw_workers_count(program.config.workers));
    } else {
        rc = action == CW_CONFIG_CHECK ? check(&program) : EXIT_OK;
        if (rc == EXIT_OK)
            rc = print(&program, action);
    }
    cw_config_schemas_finish(&program.schemas);
    cw_config_finish(&program.config);
    return rc;
}
