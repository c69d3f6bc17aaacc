/* echo.c - a module that sends back what it is told, with its arguments before it. */
#include <chanway/gateway.h>
#include <chanway/module.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

CW_MODULE_DEFINE;

static char *prefix;

static void on_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    char text[1000];
    (void)arg;
    int size = snprintf(text, sizeof(text), "%s%.*s", prefix, (int)message->payload.size,
                        message->payload.data);
    if (cw_channel_send_text(channel, cw_bytes_make(text, (size_t)size)) != CW_OK)
        cw_channel_close(channel, 1011, "it can't be sent back", -1);
}

int cw_module_init(struct cw_gateway *gateway, const char *args, char *error, size_t error_size)
{
    if (strcmp(args, "no") == 0) {
        (void)snprintf(error, error_size, "not with \"%s\"", args);
        return -1;
    }
    prefix = strdup(args);
    (void)fprintf(stderr, "echo begins with \"%s\"\n", args);
    return prefix == NULL ? -1 : cw_gateway_on_message(gateway, on_message, NULL);
}

void cw_module_fini(void)
{
    (void)fprintf(stderr, "echo ends with \"%s\"\n", prefix);
    free(prefix);
}
