/*
 * roles.c - an application whose channels do what their query says: `?role=NAME`, or several,
 * separated by commas. Made of the public API alone; most roles are an example of the seed.
 *
 *   roles LISTEN REDIS NODE HEADERS
 *
 * Says on standard output what happens to channels, a line each: `connect UUID`, ... When standard
 * input ends the gateway is stopped, after the line "end" it is destroyed with all its channels;
 * the last line is `ended <own data that were not destroyed>`.
 */
#include <chanway/gateway.h>
#include <chanway/middleware.h>

#include <event2/event.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the application keeps at each channel. */
struct player {
    struct cw_channel *channel;
    char uuid[40];
    unsigned count;
    bool is_logged_in;
};

static char player_key;
static unsigned players;
static struct cw_gateway *gateway;

static void say(const char *format, ...) CW_PRINTF(1, 2);

static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
    (void)fflush(stdout);
}

static void check(int rc)
{
    if (rc != CW_OK)
        abort();
}

static struct player *player_of(const struct cw_channel *channel)
{
    struct player *player = cw_channel_data(channel, &player_key);
    if (player == NULL || player->channel != channel)
        abort();
    return player;
}

static void destroy_player(void *data)
{
    struct player *player = data;
    say("destroyed %s", player->uuid);
    players--;
    free(player);
}

/* --- roles ------------------------------------------------------------------------------------ */

/* `while True: message = await channel.receive(); await process(message)` */
static void receive_on(void *arg, struct cw_channel *channel, int rc,
                       const struct cw_message *message)
{
    struct player *player = arg;
    char text[256];
    if (rc == CW_ERR_DISCONNECTED) { /* except WebSocketDisconnect */
        say("receive-ended %s %d", player->uuid, cw_channel_receive(channel, receive_on, arg));
        return;
    }
    int size = snprintf(text, sizeof(text), "%u:%.*s", ++player->count, (int)message->payload.size,
                        message->payload.data);
    check(cw_channel_receive(channel, receive_on, arg));
    check(cw_channel_send_text(channel, cw_bytes_make(text, (size_t)size)));
}

static void play_loop(struct cw_channel *channel)
{
    check(cw_channel_accept(channel));
    check(cw_channel_receive(channel, receive_on, player_of(channel)));
}

/* The seed's `Message validation`: anything but JSON is answered with an error. */
static void receive_json(void *arg, struct cw_channel *channel, int rc,
                         const struct cw_message *message)
{
    if (rc == CW_ERR_DISCONNECTED)
        return;
    check(cw_channel_receive_json(channel, receive_json, arg));
    if (rc == CW_ERR_PAYLOAD)
        check(cw_channel_send_json(
            channel, cw_bytes_text("{\"error\":\"Invalid message format\",\"details\":null}")));
    else
        check(cw_channel_send_json(channel, message->payload));
}

static void play_validate(struct cw_channel *channel)
{
    check(cw_channel_receive_json(channel, receive_json, NULL));
}

static void tell_facts(struct cw_channel *channel)
{
    const struct cw_websocket *websocket = cw_channel_websocket(channel);
    const char *const names[] = {"Host", "User-Agent", "X-Trace", "cookie", "Authorization"};
    char text[16384];
    const char *token = cw_websocket_token(websocket);
    int size = snprintf(text, sizeof(text), "%s|%s|%s|%s|%s", cw_websocket_address(websocket),
                        cw_websocket_path(websocket), cw_websocket_query(websocket),
                        cw_websocket_subprotocol(websocket), token != NULL ? token : "-");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = cw_websocket_header(websocket, names[i]);
        size +=
            snprintf(text + size, sizeof(text) - (size_t)size, "|%s", value != NULL ? value : "-");
    }
    check(cw_channel_send_text(channel, cw_bytes_make(text, (size_t)size)));
}

static void tell_facts_again(void *arg, struct cw_channel *channel,
                             const struct cw_message *message)
{
    (void)arg;
    (void)message;
    tell_facts(channel);
}

static void play_facts(struct cw_channel *channel)
{
    tell_facts(channel);
    check(cw_channel_on_message(channel, tell_facts_again, NULL));
}

/* The seed's RateLimitedChannel: three messages. */
static int limit(void *arg, struct cw_channel *channel, struct cw_message *message)
{
    struct player *player = arg;
    (void)channel;
    (void)message;
    return ++player->count > 3 ? CW_ERR_RATE_LIMITED : CW_OK;
}

static void play_limit(struct cw_channel *channel)
{
    check(cw_channel_set_receive_filter(channel, limit, player_of(channel)));
}

/* The seed's SecureChannel: nothing is sent before the client has said a word. */
static int let_in(void *arg, struct cw_channel *channel, struct cw_message *message)
{
    struct player *player = arg;
    (void)channel;
    player->is_logged_in |= cw_bytes_is(message->payload, "\"sesame\"");
    return CW_OK;
}

static int guard(void *arg, struct cw_channel *channel, struct cw_message *message)
{
    const struct player *player = arg;
    (void)channel;
    (void)message;
    return player->is_logged_in ? CW_OK : CW_ERR_UNAUTHENTICATED;
}

static void play_secure(struct cw_channel *channel)
{
    check(cw_channel_set_receive_filter(channel, let_in, player_of(channel)));
    check(cw_channel_set_send_filter(channel, guard, player_of(channel)));
}

/* Every payload in an envelope of the application's, by `super().send` from inside. */
static int wrap(void *arg, struct cw_channel *channel, struct cw_message *message)
{
    char text[1024];
    (void)arg;
    int size =
        snprintf(text, sizeof(text), "<%.*s>", (int)message->payload.size, message->payload.data);
    check(cw_channel_send_text(channel, cw_bytes_make(text, (size_t)size)));
    return CW_TAKEN;
}

static void play_wrap(struct cw_channel *channel)
{
    check(cw_channel_set_send_filter(channel, wrap, NULL));
}

/* Echoes by a handler of its own. */
static void echo(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    (void)arg;
    int rc = message->type == CW_PAYLOAD_JSON ? cw_channel_send_json(channel, message->payload)
                                              : cw_channel_send_text(channel, message->payload);
    if (rc != CW_OK)
        say("echo %s %d", cw_channel_uuid(channel), rc);
}

static void play_echo(struct cw_channel *channel)
{
    check(cw_channel_on_message(channel, echo, NULL));
}

/* Closes its channel from inside of everything, one after the other. */
static int close_in_filter(void *arg, struct cw_channel *channel, struct cw_message *message)
{
    (void)message;
    cw_channel_close(channel, 4100, arg, -1);
    check(cw_channel_set_send_filter(channel, NULL, NULL));
    check(cw_channel_set_receive_filter(channel, NULL, NULL));
    return CW_OK;
}

static void play_close_in_send_filter(struct cw_channel *channel)
{
    static char reason[] = "in the send filter";
    check(cw_channel_set_send_filter(channel, close_in_filter, reason));
    play_echo(channel);
}

static void play_close_in_receive_filter(struct cw_channel *channel)
{
    static char reason[] = "in the receive filter";
    check(cw_channel_set_receive_filter(channel, close_in_filter, reason));
}

static void close_in_receive(void *arg, struct cw_channel *channel, int rc,
                             const struct cw_message *message)
{
    (void)arg;
    (void)message;
    if (rc != CW_ERR_DISCONNECTED)
        cw_channel_close(channel, 4100, "in a receive", -1);
}

static void play_close_in_receive(struct cw_channel *channel)
{
    check(cw_channel_receive(channel, close_in_receive, NULL));
}

static void play_close_in_connect(struct cw_channel *channel)
{
    cw_channel_close(channel, 4100, "in on_connect", -1);
}

static const struct {
    const char *name;
    void (*play)(struct cw_channel *channel);
} roles[] = {
    {"loop", play_loop},
    {"validate", play_validate},
    {"facts", play_facts},
    {"limit", play_limit},
    {"secure", play_secure},
    {"wrap", play_wrap},
    {"echo", play_echo},
    {"close-in-send-filter", play_close_in_send_filter},
    {"close-in-receive-filter", play_close_in_receive_filter},
    {"close-in-receive", play_close_in_receive},
    {"close-in-connect", play_close_in_connect},
};

static void play_all(struct cw_channel *channel)
{
    const char *query = cw_websocket_query(cw_channel_websocket(channel));
    const char *list = strstr(query, "role=");
    while (list != NULL && *list != '\0' && *list != '&') {
        list += strncmp(list, "role=", 5) == 0 ? 5 : 1;
        size_t size = strcspn(list, ",&");
        for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
            if (cw_bytes_is(cw_bytes_make(list, size), roles[i].name))
                roles[i].play(channel);
        list += size;
    }
}

/* --- the gateway's handlers ------------------------------------------------------------------- */

static void on_own_connect(void *arg, struct cw_channel *channel)
{
    (void)arg;
    say("own-connect %s", cw_channel_uuid(channel));
}

static void on_own_disconnect(void *arg, struct cw_channel *channel, int code, const char *reason)
{
    (void)arg;
    say("own-disconnect %s %d %s", cw_channel_uuid(channel), code, reason);
}

/* The seed's channel middleware: makes what goes with a channel, before it is connected. */
static enum cw_verdict admit(void *arg, struct cw_channel *channel, struct cw_step *step)
{
    struct player *player = calloc(1, sizeof(*player));
    (void)arg;
    if (player == NULL)
        return cw_step_fail(step, CW_ERR_NOMEM, NULL, -1);
    players++;
    player->channel = channel;
    (void)snprintf(player->uuid, sizeof(player->uuid), "%s", cw_channel_uuid(channel));
    check(cw_channel_set_data(channel, &player_key, player, destroy_player));
    check(cw_channel_on_connect(channel, on_own_connect, NULL));
    check(cw_channel_on_disconnect(channel, on_own_disconnect, NULL));
    const char *token = cw_websocket_token(cw_channel_websocket(channel));
    if (token != NULL && strcmp(token, "wrong") == 0)
        return cw_step_close(step, 4001, "wrong token", -1);
    return CW_PASS;
}

static void on_connect(void *arg, struct cw_channel *channel)
{
    (void)arg;
    say("connect %s", cw_channel_uuid(channel));
    play_all(channel);
}

static void on_disconnect(void *arg, struct cw_channel *channel, int code, const char *reason)
{
    (void)arg;
    (void)reason;
    say("disconnect %s %d %d", cw_channel_uuid(channel), code,
        cw_channel_send_text(channel, cw_bytes_text("too late")));
    cw_channel_close(channel, 1000, NULL, -1);
}

static void on_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    (void)arg;
    say("message %s %.*s", cw_channel_uuid(channel), (int)message->payload.size,
        message->payload.data);
}

static void on_error(void *arg, struct cw_channel *channel, int error, const char *message)
{
    (void)arg;
    say("error %s %d %s", cw_channel_uuid(channel), error, message);
}

static void on_ready(void *arg)
{
    (void)arg;
    say("ready %s", cw_gateway_node_id(gateway));
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    char bytes[64];
    struct event *const *input = arg;
    (void)what;
    ssize_t size = read(fd, bytes, sizeof(bytes));
    (void)event_del(*input);
    if (size > 0)
        (void)event_base_loopbreak(cw_gateway_event_base(gateway));
    else
        cw_gateway_stop(gateway);
}

static int start(char **argv)
{
    static const struct cw_middleware middleware = {.name = "roles", .on_connect = admit};
    struct cw_gateway_options options;
    char error[200];
    cw_gateway_options_init(&options);
    options.listen = argv[1];
    options.admin_listen = "";
    options.redis = argv[2];
    options.node = argv[3];
    options.keeps_headers = argv[4];
    options.on_ready = on_ready;
    int rc = cw_gateway_create(&options, error, sizeof(error), &gateway);
    if (rc != CW_OK) {
        (void)fprintf(stderr, "%s\n", error);
        return rc;
    }
    if (cw_gateway_use(gateway, &middleware) != CW_OK ||
        cw_gateway_on_connect(gateway, on_connect, NULL) != CW_OK ||
        cw_gateway_on_disconnect(gateway, on_disconnect, NULL) != CW_OK ||
        cw_gateway_on_message(gateway, on_message, NULL) != CW_OK ||
        cw_gateway_on_error(gateway, on_error, NULL) != CW_OK)
        return CW_ERR_NOMEM;
    return CW_OK;
}

int main(int argc, char **argv)
{
    struct event *input = NULL;
    if (argc != 5 || start(argv) != CW_OK)
        return 1;
    input = event_new(cw_gateway_event_base(gateway), STDIN_FILENO, EV_READ, on_input, &input);
    if (input == NULL || event_add(input, NULL) != 0)
        return 1;
    int rc = cw_gateway_run(gateway);
    event_free(input);
    cw_gateway_destroy(gateway);
    say("ended %u", players);
    return rc == CW_OK ? 0 : 1;
}
