/*
 * validate.c - the seed's message validation: what is no message of the application's is answered
 * with {"error": "Invalid message format", "details": ...} and goes no further.
 *
 *   chanwayd --module validate.so
 *
 * The seed's `class Message: type: str; content: str; timestamp: float`, checked in the on_message
 * handler; a good one is answered with {"type": "ack", ...}. The node can do this by itself for
 * what is published to groups: the setting `schema`.
 */
#include <chanway/gateway.h>
#include <chanway/module.h>

#include <yyjson.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

CW_MODULE_DEFINE;

/* NULL: it is one; else what is wrong with it. */
static const char *find_fault(yyjson_val *message)
{
    if (!yyjson_is_obj(message))
        return "it is no object";
    if (!yyjson_is_str(yyjson_obj_get(message, "type")))
        return "type must be a string";
    if (!yyjson_is_str(yyjson_obj_get(message, "content")))
        return "content must be a string";
    if (!yyjson_is_num(yyjson_obj_get(message, "timestamp")))
        return "timestamp must be a number";
    return NULL;
}

static void send_json(struct cw_channel *channel, const char *json, int size)
{
    if (cw_channel_send_json(channel, cw_bytes_make(json, (size_t)size)) != CW_OK)
        cw_channel_close(channel, 1011, "it can't be answered", -1);
}

static void on_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    char json[200];
    (void)arg;
    yyjson_doc *document = message->type == CW_PAYLOAD_JSON
                               ? yyjson_read(message->payload.data, message->payload.size, 0)
                               : NULL;
    const char *fault = find_fault(yyjson_doc_get_root(document));
    int size = fault != NULL
                   ? snprintf(json, sizeof(json),
                              "{\"error\":\"Invalid message format\",\"details\":\"%s\"}", fault)
                   : snprintf(json, sizeof(json), "{\"type\":\"ack\"}");
    yyjson_doc_free(document);
    send_json(channel, json, size);
}

int cw_module_init(struct cw_gateway *gateway, const char *args, char *error, size_t error_size)
{
    (void)args;
    (void)error;
    (void)error_size;
    return cw_gateway_on_message(gateway, on_message, NULL);
}

void cw_module_fini(void) {}
