/*
 * echo.c - an application in C: echo LISTEN REDIS, until SIGTERM.
 *
 * Tells each client its uuid, then what it said; prints who has gone. Uses something of every part
 * of the public API that does not need a second node.
 */
#include <chanway/bytes.h>
#include <chanway/channel.h>
#include <chanway/cluster.h>
#include <chanway/error.h>
#include <chanway/gateway.h>
#include <chanway/log.h>
#include <chanway/message.h>
#include <chanway/version.h>

#include <event2/event.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void on_ready(void *arg)
{
    (void)arg;
    (void)printf("ready %s\n", cw_version());
    (void)fflush(stdout);
}

static void on_connect(void *arg, struct cw_channel *channel)
{
    (void)arg;
    if (cw_channel_send(channel, cw_bytes_text(cw_channel_uuid(channel))) != CW_OK)
        cw_channel_close(channel, 1011, "it can't be greeted", -1);
}

static void on_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    char answer[128];
    (void)arg;
    int size = snprintf(answer, sizeof(answer), "you said %.*s", (int)message->payload.size,
                        message->payload.data);
    int rc = cw_channel_send_text(channel, cw_bytes_make(answer, (size_t)size));
    if (rc != CW_OK)
        cw_log_warn(cw_log_node(), "not answered: %s", cw_error_text(rc));
}

static void on_disconnect(void *arg, struct cw_channel *channel, int code, const char *reason)
{
    (void)arg;
    (void)reason;
    (void)printf("gone %s %d\n", cw_channel_uuid(channel), code);
    (void)fflush(stdout);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    cw_gateway_stop(arg);
}

static int run(struct cw_gateway *gateway)
{
    struct event *stop = evsignal_new(cw_gateway_event_base(gateway), SIGTERM, on_signal, gateway);
    if (stop == NULL)
        return CW_ERR_NOMEM;
    int rc = event_add(stop, NULL) == 0 ? CW_OK : CW_ERR_NOMEM;
    if (rc == CW_OK)
        rc = cw_gateway_on_connect(gateway, on_connect, NULL);
    if (rc == CW_OK)
        rc = cw_gateway_on_message(gateway, on_message, NULL);
    if (rc == CW_OK)
        rc = cw_gateway_on_disconnect(gateway, on_disconnect, NULL);
    if (rc == CW_OK)
        rc = cw_gateway_run(gateway);
    event_free(stop);
    return rc;
}

int main(int argc, char **argv)
{
    struct cw_gateway_options options;
    struct cw_gateway *gateway = NULL;
    char error[256] = "";
    if (argc != 3)
        return 2;
    cw_gateway_options_init(&options);
    options.listen = argv[1];
    options.admin_listen = "";
    options.redis = argv[2];
    options.on_ready = on_ready;
    int rc = cw_gateway_create(&options, error, sizeof(error), &gateway);
    if (rc != CW_OK) {
        (void)fprintf(stderr, "%s: %s\n", cw_error_text(rc), error);
        return 1;
    }
    rc = strcmp(cw_cluster_node_id(cw_gateway_cluster(gateway)), cw_gateway_node_id(gateway)) == 0
             ? run(gateway)
             : CW_ERR_INTERNAL;
    cw_gateway_destroy(gateway);
    return rc == CW_OK ? 0 : 1;
}
