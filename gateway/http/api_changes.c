/* api_changes.c - what an administrator does: sends, closes, puts into groups. */
#include <chanway/cluster.h>

#include "channel/node.h"
#include "http/api_call.h"
#include "protocol/command.h"
#include "protocol/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The head of a request has 8 KiB. */
#define PAYLOAD_MAX 8192
#define REASON_MAX  123
/* What clients see as `from`. */
#define FROM "admin"

static void on_done(void *arg, int rc)
{
    struct cw_api_call *call = arg;
    cw_writer_text(cw_api_body(&call->response), "{}\n");
    cw_api_end(call, rc);
}

/* --- messages -------------------------------------------------------------------------------- */

/* The parameter `json` or `text`, in `space`, as the payload. */
static int read_payload(const struct cw_node *node, struct cw_bytes query, char *space,
                        struct cw_message *ret_message)
{
    struct cw_command_error ignored;
    *ret_message = (struct cw_message){.from = cw_bytes_text(FROM), .type = CW_PAYLOAD_JSON};
    size_t size = cw_api_parameter(query, "json", space, PAYLOAD_MAX);
    if (size == 0) {
        ret_message->type = CW_PAYLOAD_TEXT;
        size = cw_api_parameter(query, "text", space, PAYLOAD_MAX);
    }
    if (size == 0)
        return CW_ERR_INVALID;
    ret_message->payload = cw_bytes_make(space, size);
    return cw_command_check_raw(node->parser, ret_message->type, false, ret_message->payload,
                                &ignored);
}

static void write_position(struct cw_writer *body, struct cw_position position)
{
    cw_writer_printf(body, "\"epoch\":\"%llu\",\"offset\":%llu}\n",
                     (unsigned long long)position.epoch, (unsigned long long)position.offset);
}

static void on_published(void *arg, int rc, const struct cw_published *published)
{
    struct cw_api_call *call = arg;
    struct cw_writer *body = cw_api_body(&call->response);
    cw_writer_byte(body, '{');
    if (rc == CW_OK && published->is_logged)
        write_position(body, published->position);
    else
        cw_writer_text(body, "}\n");
    cw_api_end(call, rc);
}

int cw_api_publish(struct cw_api_call *call, struct cw_bytes query)
{
    char group[CW_API_PARAMETER_MAX];
    char payload[PAYLOAD_MAX];
    struct cw_message message;
    int rc = read_payload(call->node, query, payload, &message);
    if (rc != CW_OK)
        return rc;
    size_t size = cw_api_parameter(query, "group", group, sizeof(group));
    message.group = cw_bytes_make(group, size);
    return cw_cluster_publish(call->node->cluster, &message, on_published, call);
}

static void on_sent(void *arg, int rc, const struct cw_sent *sent)
{
    struct cw_api_call *call = arg;
    struct cw_writer *body = cw_api_body(&call->response);
    if (rc == CW_OK) {
        cw_writer_printf(body, "{\"status\":\"%s\",", sent->is_delivered ? "delivered" : "queued");
        write_position(body, sent->position);
    }
    cw_api_end(call, rc);
}

int cw_api_send(struct cw_api_call *call, struct cw_bytes query)
{
    char channel[CW_API_PARAMETER_MAX];
    char payload[PAYLOAD_MAX];
    struct cw_message message;
    int rc = read_payload(call->node, query, payload, &message);
    if (rc != CW_OK)
        return rc;
    size_t size = cw_api_parameter(query, "channel", channel, sizeof(channel));
    return cw_cluster_send(call->node->cluster, cw_bytes_make(channel, size), &message, on_sent,
                           call);
}

/* --- channels -------------------------------------------------------------------------------- */

static int ask(struct cw_api_call *call, struct cw_bytes query, enum cw_channel_request request,
               const char *text)
{
    char channel[CW_API_PARAMETER_MAX];
    size_t size = cw_api_parameter(query, "channel", channel, sizeof(channel));
    return cw_cluster_request(call->node->cluster, cw_bytes_make(channel, size), request,
                              cw_bytes_text(text), on_done, call);
}

int cw_api_close(struct cw_api_call *call, struct cw_bytes query)
{
    char code[8];
    char reason[CW_API_PARAMETER_MAX];
    char text[32 + CW_API_PARAMETER_MAX];
    if (cw_api_parameter(query, "code", code, sizeof(code)) == 0)
        (void)snprintf(code, sizeof(code), "4004");
    size_t size = cw_api_parameter(query, "reason", reason, sizeof(reason));
    long number = strspn(code, "0123456789") == strlen(code) ? strtol(code, NULL, 10) : 0;
    if ((number != 1000 && (number < 3000 || number > 4999)) || size > REASON_MAX ||
        !cw_utf8_is_valid(cw_bytes_make(reason, size)))
        return CW_ERR_INVALID;
    (void)snprintf(text, sizeof(text), "%ld%s%s", number, size > 0 ? " " : "", reason);
    return ask(call, query, CW_REQUEST_CLOSE, text);
}

int cw_api_add(struct cw_api_call *call, struct cw_bytes query)
{
    char group[CW_API_PARAMETER_MAX];
    (void)cw_api_parameter(query, "group", group, sizeof(group));
    return ask(call, query, CW_REQUEST_JOIN, group);
}

int cw_api_remove(struct cw_api_call *call, struct cw_bytes query)
{
    char group[CW_API_PARAMETER_MAX];
    (void)cw_api_parameter(query, "group", group, sizeof(group));
    return ask(call, query, CW_REQUEST_LEAVE, group);
}
