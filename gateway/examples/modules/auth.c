/*
 * auth.c - the seed's AuthChannelMiddleware: who can't say who it is is closed with 4001.
 *
 *   chanwayd --module auth.so:TOKEN[,TOKEN...][@MS]
 *
 * `authenticate` is something that takes time, a database or another service, so the middleware
 * waits: here a timer of MS milliseconds stands for it. The node goes on meanwhile.
 */
#include <chanway/gateway.h>
#include <chanway/middleware.h>
#include <chanway/module.h>

#include <event2/event.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

CW_MODULE_DEFINE;

static struct event_base *base;
static char *tokens;
static long delay_ms;

/* One look-up under way. */
struct lookup {
    struct cw_wait *wait;
    struct event *timer;
    bool is_known;
};

static bool is_token(const char *token)
{
    size_t size = strcspn(token, ",");
    if (token[size] != '\0')
        return false; /* several of them */
    for (const char *at = tokens; size > 0 && (at = strstr(at, token)) != NULL; at++) {
        bool begins = at == tokens || at[-1] == ',';
        if (begins && (at[size] == ',' || at[size] == '\0'))
            return true;
    }
    return false;
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    struct lookup *lookup = arg;
    (void)fd;
    (void)what;
    if (lookup->is_known) /* the seed's `return await next(websocket)` */
        cw_wait_next(lookup->wait);
    else
        cw_wait_close(lookup->wait, 4001, "who are you?", -1);
    event_free(lookup->timer);
    free(lookup);
}

static enum cw_verdict authenticate(void *arg, struct cw_channel *channel, struct cw_step *step)
{
    const char *token = cw_websocket_token(cw_channel_websocket(channel));
    const struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};
    (void)arg;
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL)
        return cw_step_fail(step, CW_ERR_NOMEM, NULL, -1);
    lookup->is_known = token != NULL && is_token(token);
    lookup->timer = evtimer_new(base, on_answer, lookup);
    lookup->wait = lookup->timer == NULL ? NULL : cw_step_wait(step);
    if (lookup->wait == NULL || evtimer_add(lookup->timer, &delay) != 0) {
        if (lookup->timer != NULL)
            event_free(lookup->timer);
        free(lookup);
        return cw_step_fail(step, CW_ERR_NOMEM, NULL, -1);
    }
    return CW_WAIT;
}

int cw_module_init(struct cw_gateway *gateway, const char *args, char *error, size_t error_size)
{
    static const struct cw_middleware middleware = {.name = "auth", .on_connect = authenticate};
    base = cw_gateway_event_base(gateway);
    tokens = strdup(args);
    char *at = tokens == NULL ? NULL : strchr(tokens, '@');
    if (at != NULL) {
        *at = '\0';
        delay_ms = strtol(at + 1, NULL, 10);
    }
    if (tokens == NULL || tokens[0] == '\0') {
        (void)snprintf(error, error_size, "say which tokens are good: auth.so:TOKEN[,TOKEN...]");
        free(tokens);
        return -1;
    }
    return cw_gateway_use(gateway, &middleware);
}

void cw_module_fini(void)
{
    free(tokens);
}
