/*
 * registry_api.c - the cluster's registry in the seed's words; see <chanway/registry.h>.
 */
#include <chanway/registry.h>

#include "channel/channel.h"
#include "channel/node.h"
#include "handlers/handlers.h"
#include "outgoing.h"
#include "protocol/utf8.h"

#include <stdio.h>
#include <string.h>

#define REASON_MAX 123 /* RFC 6455 section 5.5: a control frame has 125 bytes, two are the code */

static struct cw_cluster *cluster_of(struct cw_gateway *gateway)
{
    return cw_gateway_node(gateway)->cluster;
}

/* Channels of this node. */

static int check_channel(const struct cw_channel *channel)
{
    if (channel == NULL)
        return CW_ERR_INVALID;
    if (channel->state == CW_CHANNEL_CLOSING)
        return CW_ERR_DISCONNECTED;
    return channel->is_known ? CW_OK : CW_ERR_BUSY;
}

int cw_registry_add(struct cw_channel *channel, cw_group_fn fn, void *arg)
{
    int rc = check_channel(channel);
    return rc == CW_OK ? cw_cluster_show(channel->mirror, fn, arg) : rc;
}

int cw_registry_remove(struct cw_channel *channel, cw_group_fn fn, void *arg)
{
    int rc = check_channel(channel);
    if (rc == CW_OK)
        rc = cw_cluster_hide(channel->mirror, fn, arg);
    if (rc == CW_OK)
        cw_leave_all(channel);
    return rc;
}

struct cw_channel *cw_registry_get_local(struct cw_gateway *gateway, const char *uuid)
{
    if (gateway == NULL || uuid == NULL)
        return NULL;
    struct cw_channel *channel = cw_cluster_find(cluster_of(gateway), cw_bytes_text(uuid));
    return channel != NULL && channel->is_known ? channel : NULL;
}

/* Channels of any node. */

int cw_registry_get(struct cw_gateway *gateway, const char *uuid, cw_registry_fn fn, void *arg)
{
    if (gateway == NULL || uuid == NULL || fn == NULL)
        return CW_ERR_INVALID;
    return cw_cluster_find_channel(cluster_of(gateway), cw_bytes_text(uuid), fn, arg);
}

int cw_registry_get_all(struct cw_gateway *gateway, const char *cursor, int count,
                        cw_registry_page_fn fn, void *arg)
{
    if (gateway == NULL || cursor == NULL || fn == NULL)
        return CW_ERR_INVALID;
    return cw_cluster_channels(cluster_of(gateway), cw_bytes_text(cursor), count, fn, arg);
}

int cw_registry_send_message(struct cw_gateway *gateway, const char *uuid,
                             const struct cw_message *message, cw_sent_fn fn, void *arg)
{
    if (gateway == NULL || uuid == NULL || message == NULL)
        return CW_ERR_INVALID;
    int rc = cw_outgoing_check(cw_gateway_node(gateway), message);
    if (rc != CW_OK)
        return rc;
    return cw_cluster_send(cluster_of(gateway), cw_bytes_text(uuid), message, fn, arg);
}

int cw_registry_send(struct cw_gateway *gateway, const char *uuid, enum cw_payload_type type,
                     struct cw_bytes payload, cw_sent_fn fn, void *arg)
{
    const struct cw_message message = {.type = type, .payload = payload};
    return cw_registry_send_message(gateway, uuid, &message, fn, arg);
}

int cw_registry_close(struct cw_gateway *gateway, const char *uuid, int code, const char *reason,
                      cw_group_fn fn, void *arg)
{
    char text[8 + REASON_MAX + 1];
    struct cw_bytes words = cw_bytes_text(reason);
    bool is_allowed = code == 1000 || (code >= 3000 && code <= 4999);
    if (gateway == NULL || uuid == NULL || !is_allowed || words.size > REASON_MAX ||
        !cw_utf8_is_valid(words))
        return CW_ERR_INVALID;
    (void)snprintf(text, sizeof(text), "%d%s%s", code, words.size == 0 ? "" : " ",
                   words.size == 0 ? "" : reason);
    return cw_cluster_request(cluster_of(gateway), cw_bytes_text(uuid), CW_REQUEST_CLOSE,
                              cw_bytes_text(text), fn, arg);
}
