/*
 * secure.c - the seed's SecureChannel: a client gets nothing before it has authenticated.
 *
 *   chanwayd --module secure.so:TOKEN
 *
 * What the seed does by overriding send() is a send filter here: it sees what the client would be
 * sent, messages of groups as well, and refuses it until {"token": TOKEN} has come. The setting
 * `require-token` does this with JWTs, before anything is joined.
 */
#include <chanway/gateway.h>
#include <chanway/module.h>

#include <yyjson.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

CW_MODULE_DEFINE;

static const char own_key;
static char *good_token;

struct security {
    bool is_authenticated;
};

/* The time it takes tells nothing about how much was right. */
static bool verify_token(const char *token)
{
    size_t size = strlen(good_token);
    unsigned char difference = strlen(token) != size;
    for (size_t i = 0; i < size && token[i] != '\0'; i++)
        difference |= (unsigned char)(token[i] ^ good_token[i]);
    return difference == 0;
}

/* `async def send(self, message)` of the seed. */
static int send(void *arg, struct cw_channel *channel, struct cw_message *message)
{
    const struct security *security = cw_channel_data(channel, &own_key);
    (void)arg;
    (void)message;
    return security->is_authenticated ? CW_OK : CW_ERR_UNAUTHENTICATED;
}

/* `async def authenticate(self, token)` of the seed. */
static void on_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    struct security *security = cw_channel_data(channel, &own_key);
    (void)arg;
    yyjson_doc *document = yyjson_read(message->payload.data, message->payload.size, 0);
    yyjson_val *token = yyjson_obj_get(yyjson_doc_get_root(document), "token");
    bool is_good = yyjson_is_str(token) && verify_token(yyjson_get_str(token));
    yyjson_doc_free(document);
    if (!is_good) {
        cw_channel_close(channel, 4001, "that is no token", -1);
        return;
    }
    security->is_authenticated = true;
    if (cw_channel_send_json(channel, cw_bytes_text("{\"authenticated\":true}")) != CW_OK)
        cw_channel_close(channel, 1011, "it can't be told", -1);
}

static void on_connect(void *arg, struct cw_channel *channel)
{
    struct security *security = calloc(1, sizeof(*security));
    int rc = CW_ERR_NOMEM;
    if (security != NULL)
        rc = cw_channel_set_data(channel, &own_key, security, free);
    if (rc != CW_OK)
        free(security);
    if (rc == CW_OK)
        rc = cw_channel_set_send_filter(channel, send, arg);
    if (rc != CW_OK)
        cw_channel_close(channel, 1011, cw_error_text(rc), -1);
}

int cw_module_init(struct cw_gateway *gateway, const char *args, char *error, size_t error_size)
{
    if (args[0] == '\0') {
        (void)snprintf(error, error_size, "say which token is good: secure.so:TOKEN");
        return -1;
    }
    good_token = strdup(args);
    int rc = good_token == NULL ? CW_ERR_NOMEM : cw_gateway_on_connect(gateway, on_connect, NULL);
    return rc == CW_OK ? cw_gateway_on_message(gateway, on_message, NULL) : rc;
}

void cw_module_fini(void)
{
    free(good_token);
}
