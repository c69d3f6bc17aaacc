/*
 * lifecycle.c - the seed's first two best practices: handle errors, manage the connection.
 *
 *     channel = Channel(websocket)            on_connect: the channel is there, and accepted
 *     try:
 *         await channel.accept()
 *         while True:                         cw_channel_receive, and anew in its callback
 *             message = await channel.receive()
 *             await process_message(channel, message)
 *     except WebSocketDisconnect: ...         the callback with CW_ERR_DISCONNECTED
 *     except Exception as e: ...              what process_message returns
 *     finally: await cleanup(channel)         the destructor of the channel's own data
 *
 *   chanwayd --module lifecycle.so
 *
 * Counts what each client sends, and answers with the count; an empty text is an error of the
 * application's, which the client is told.
 */
#include <chanway/gateway.h>
#include <chanway/module.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

CW_MODULE_DEFINE;

static const char own_key;

/* What this application knows of a channel. */
struct state {
    char uuid[37];
    unsigned messages;
};

static void cleanup(void *data)
{
    struct state *state = data;
    (void)fprintf(stderr, "lifecycle: %s is cleaned up after %u messages\n", state->uuid,
                  state->messages);
    free(state);
}

static int process_message(struct cw_channel *channel, struct state *state,
                           const struct cw_message *message)
{
    char text[64];
    if (message->payload.size == 0)
        return CW_ERR_PAYLOAD;
    int size = snprintf(text, sizeof(text), "message %u: %zu bytes", ++state->messages,
                        message->payload.size);
    return cw_channel_send_text(channel, cw_bytes_make(text, (size_t)size));
}

static void handle_error(struct cw_channel *channel, int rc)
{
    (void)fprintf(stderr, "lifecycle: %s: %s\n", cw_channel_uuid(channel), cw_error_text(rc));
    if (cw_channel_send_text(channel, cw_bytes_text("that was an error")) != CW_OK)
        cw_channel_close(channel, 1011, "it can't be told what is wrong", -1);
}

static void on_received(void *arg, struct cw_channel *channel, int rc,
                        const struct cw_message *message)
{
    struct state *state = cw_channel_data(channel, &own_key);
    if (rc == CW_ERR_DISCONNECTED) {
        (void)fprintf(stderr, "lifecycle: %s has gone\n", state->uuid);
        return;
    }
    if (rc == CW_OK)
        rc = process_message(channel, state, message);
    if (rc != CW_OK)
        handle_error(channel, rc);
    rc = cw_channel_receive(channel, on_received, arg);
    if (rc != CW_OK && rc != CW_ERR_DISCONNECTED)
        cw_channel_close(channel, 1011, cw_error_text(rc), -1);
}

static void on_connect(void *arg, struct cw_channel *channel)
{
    struct state *state = calloc(1, sizeof(*state));
    int rc = CW_ERR_NOMEM;
    if (state != NULL) {
        (void)snprintf(state->uuid, sizeof(state->uuid), "%s", cw_channel_uuid(channel));
        rc = cw_channel_set_data(channel, &own_key, state, cleanup);
    }
    if (rc != CW_OK)
        free(state);
    if (rc == CW_OK)
        rc = cw_channel_accept(channel);
    if (rc == CW_OK)
        rc = cw_channel_receive(channel, on_received, arg);
    if (rc != CW_OK)
        cw_channel_close(channel, 1011, cw_error_text(rc), -1);
}

int cw_module_init(struct cw_gateway *gateway, const char *args, char *error, size_t error_size)
{
    (void)args;
    (void)error;
    (void)error_size;
    return cw_gateway_on_connect(gateway, on_connect, NULL);
}

void cw_module_fini(void) {}
