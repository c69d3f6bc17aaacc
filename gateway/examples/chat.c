/*
 * chat.c - a whole chat server with the gateway inside: its own middleware, a group, events.
 *
 *   chat LISTEN REDIS           chat 127.0.0.1:9000 redis://127.0.0.1:6379
 *   npx wscat -c 'ws://127.0.0.1:9000/ws?type=text&name=ann'
 *
 * Start it as often as you like with the same Redis: it is one chat. Whoever has no name is closed
 * with 4001.
 */
#include <chanway/channel.h>
#include <chanway/gateway.h>
#include <chanway/group.h>
#include <chanway/middleware.h>

#include <event2/event.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char name_key;
static struct cw_group *room;

static void on_done(void *arg, int rc)
{
    (void)arg;
    if (rc != CW_OK)
        (void)fprintf(stderr, "chat: %s\n", cw_error_text(rc));
}

static void on_said(void *arg, int rc, const struct cw_published *published)
{
    (void)published;
    on_done(arg, rc);
}

static void say(const char *name, const char *verb, struct cw_bytes text)
{
    char line[2000];
    int size = snprintf(line, sizeof(line), "%s%s%.*s", name, verb, (int)text.size, text.data);
    if (size >= (int)sizeof(line))
        size = sizeof(line) - 1;
    int rc = cw_group_send_text(room, cw_bytes_make(line, (size_t)size), on_said, NULL);
    if (rc != CW_OK)
        on_done(NULL, rc);
}

/* `name=` of the query; letters and digits alone. */
static enum cw_verdict check_name(void *arg, struct cw_channel *channel, struct cw_step *step)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const char *query = cw_websocket_query(cw_channel_websocket(channel));
    const char *at = strstr(query, "name=");
    size_t size = at == NULL ? 0 : strspn(at + 5, letters);
    (void)arg;
    if (size == 0 || size > 30)
        return cw_step_close(step, 4001, "say your name: ?name=...", -1);
    char *name = strndup(at + 5, size);
    if (name == NULL)
        return cw_step_fail(step, CW_ERR_NOMEM, NULL, -1);
    if (cw_channel_set_data(channel, &name_key, name, free) == CW_OK)
        return CW_PASS;
    free(name);
    return cw_step_fail(step, CW_ERR_NOMEM, NULL, -1);
}

static void on_connect(void *arg, struct cw_channel *channel)
{
    (void)arg;
    int rc = cw_group_add(room, cw_channel_uuid(channel), on_done, NULL);
    if (rc == CW_OK)
        say(cw_channel_data(channel, &name_key), " has come", cw_bytes_text(""));
    else
        cw_channel_close(channel, 1013, cw_error_text(rc), 1000);
}

static void on_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    (void)arg;
    say(cw_channel_data(channel, &name_key), ": ", message->payload);
}

static void on_disconnect(void *arg, struct cw_channel *channel, int code, const char *reason)
{
    (void)arg;
    (void)code;
    (void)reason;
    say(cw_channel_data(channel, &name_key), " has gone", cw_bytes_text(""));
}

static void on_ready(void *arg)
{
    (void)fprintf(stderr, "chat: ready at %s\n", (const char *)arg);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    cw_gateway_stop(arg);
}

static int set_up(struct cw_gateway *gateway)
{
    static const struct cw_middleware names = {.name = "names", .on_connect = check_name};
    int rc = cw_group_get(gateway, "chat", &room);
    if (rc == CW_OK)
        rc = cw_gateway_use(gateway, &names);
    if (rc == CW_OK)
        rc = cw_gateway_on_connect(gateway, on_connect, NULL);
    if (rc == CW_OK)
        rc = cw_gateway_on_message(gateway, on_message, NULL);
    return rc == CW_OK ? cw_gateway_on_disconnect(gateway, on_disconnect, NULL) : rc;
}

int main(int argc, char **argv)
{
    char error[300];
    struct cw_gateway *gateway = NULL;
    struct cw_gateway_options options;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: %s LISTEN REDIS\n", argv[0]);
        return 2;
    }
    cw_gateway_options_init(&options);
    options.listen = argv[1];
    options.redis = argv[2];
    options.admin_listen = "";
    options.on_ready = on_ready;
    options.on_ready_arg = argv[1];
    int rc = cw_gateway_create(&options, error, sizeof(error), &gateway);
    if (rc != CW_OK) {
        (void)fprintf(stderr, "chat: %s\n", error);
        return 1;
    }
    rc = set_up(gateway);
    struct event *stop = evsignal_new(cw_gateway_event_base(gateway), SIGTERM, on_signal, gateway);
    if (rc == CW_OK && stop != NULL && event_add(stop, NULL) == 0)
        rc = cw_gateway_run(gateway);
    if (stop != NULL)
        event_free(stop);
    cw_group_release(room);
    cw_gateway_destroy(gateway);
    return rc == CW_OK ? 0 : 1;
}
