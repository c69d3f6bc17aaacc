/*
 * offline_queue.c - the seed's QueuedChannel: what is sent to a client that is away waits for it.
 *
 *   chanwayd --module offline_queue.so
 *
 * A client says {"to": UUID, "text": ...} and is told {"status": "delivered"}, {"status": "queued"}
 * or {"error": ...}. The queue is the node's own: it lives in Redis, is bounded (`queue-max`), is
 * reached from every node, and the client gets it when it comes back by its session within
 * `session-ttl`, on whichever node.
 */
#include <chanway/gateway.h>
#include <chanway/module.h>
#include <chanway/registry.h>

#include <yyjson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

CW_MODULE_DEFINE;

static struct cw_gateway *the_gateway;

/* Who is to be told what became of it, if it is still there then. */
struct sending {
    char uuid[37];
};

static void on_told(void *arg, int rc, const struct cw_sent *sent)
{
    (void)arg;
    (void)sent;
    if (rc != CW_OK && rc != CW_ERR_NOT_FOUND)
        (void)fprintf(stderr, "offline_queue: a sender was not told: %s\n", cw_error_text(rc));
}

/* By the registry as well: the sender may have gone, or be on another node by now. */
static void tell(const char *uuid, const char *json)
{
    int rc =
        cw_registry_send(the_gateway, uuid, CW_PAYLOAD_JSON, cw_bytes_text(json), on_told, NULL);
    if (rc != CW_OK)
        on_told(NULL, rc, NULL);
}

static void on_sent(void *arg, int rc, const struct cw_sent *sent)
{
    struct sending *sending = arg;
    char json[200];
    const char *what = rc == CW_OK ? "status" : "error";
    const char *status = sent != NULL && sent->is_delivered ? "delivered" : "queued";
    (void)snprintf(json, sizeof(json), "{\"%s\":\"%s\"}", what,
                   rc == CW_OK ? status : cw_error_code(rc));
    tell(sending->uuid, json);
    free(sending);
}

static void on_message(void *arg, struct cw_channel *channel, const struct cw_message *message)
{
    (void)arg;
    yyjson_doc *document = yyjson_read(message->payload.data, message->payload.size, 0);
    yyjson_val *root = yyjson_doc_get_root(document);
    const char *to = yyjson_get_str(yyjson_obj_get(root, "to"));
    const char *text = yyjson_get_str(yyjson_obj_get(root, "text"));
    struct sending *sending = calloc(1, sizeof(*sending));
    int rc = sending == NULL ? CW_ERR_NOMEM : CW_ERR_INVALID;
    if (sending != NULL && to != NULL && text != NULL) {
        (void)snprintf(sending->uuid, sizeof(sending->uuid), "%s", cw_channel_uuid(channel));
        rc = cw_registry_send(the_gateway, to, CW_PAYLOAD_TEXT, cw_bytes_text(text), on_sent,
                              sending);
    }
    if (rc != CW_OK) {
        free(sending);
        tell(cw_channel_uuid(channel), "{\"error\":\"bad_request\"}");
    }
    yyjson_doc_free(document);
}

int cw_module_init(struct cw_gateway *gateway, const char *args, char *error, size_t error_size)
{
    (void)args;
    (void)error;
    (void)error_size;
    the_gateway = gateway;
    return cw_gateway_on_message(gateway, on_message, NULL);
}

void cw_module_fini(void) {}
