/*
 * group.c - the application's groups: the node's own, held by it; see <chanway/group.h>.
 */
#include <chanway/group.h>

#include "channel/members.h"
#include "names.h"
#include "outgoing.h"

#include <stdlib.h>

int cw_group_get(struct cw_gateway *gateway, const char *name, struct cw_group **ret_group)
{
    if (gateway == NULL || name == NULL || !cw_group_name_is_valid(cw_bytes_text(name)))
        return CW_ERR_INVALID;
    struct cw_group *group = cw_group_ref(cw_gateway_node(gateway), cw_bytes_text(name));
    if (group == NULL)
        return CW_ERR_NOMEM;
    *ret_group = group;
    return CW_OK;
}

void cw_group_release(struct cw_group *group)
{
    if (group != NULL)
        cw_group_unref(group);
}

const char *cw_group_name(const struct cw_group *group)
{
    return group->name;
}

/* CW_OK, or why nothing can be done with it. */
static int check_group(const struct cw_group *group)
{
    if (group == NULL)
        return CW_ERR_INVALID;
    return group->node == NULL ? CW_ERR_CANCELLED : CW_OK;
}

/* Members. */

static int ask(struct cw_group *group, enum cw_channel_request request, const char *uuid,
               cw_group_fn fn, void *arg)
{
    int rc = uuid == NULL ? CW_ERR_INVALID : check_group(group);
    if (rc != CW_OK)
        return rc;
    return cw_cluster_request(group->node->cluster, cw_bytes_text(uuid), request,
                              cw_bytes_text(group->name), fn, arg);
}

int cw_group_add(struct cw_group *group, const char *uuid, cw_group_fn fn, void *arg)
{
    return ask(group, CW_REQUEST_JOIN, uuid, fn, arg);
}

int cw_group_remove(struct cw_group *group, const char *uuid, cw_group_fn fn, void *arg)
{
    return ask(group, CW_REQUEST_LEAVE, uuid, fn, arg);
}

int cw_group_members(struct cw_group *group, const char *cursor, int count, cw_members_fn fn,
                     void *arg)
{
    int rc = cursor == NULL || fn == NULL ? CW_ERR_INVALID : check_group(group);
    if (rc != CW_OK)
        return rc;
    return cw_cluster_members(group->node->cluster, cw_bytes_text(group->name),
                              cw_bytes_text(cursor), count, fn, arg);
}

struct counting {
    cw_count_fn fn;
    void *arg;
};

static void on_info(void *arg, int rc, const struct cw_group_info *info)
{
    struct counting counting = *(struct counting *)arg;
    free(arg);
    counting.fn(counting.arg, rc, rc == CW_OK ? info->members : -1);
}

int cw_group_count(struct cw_group *group, cw_count_fn fn, void *arg)
{
    int rc = fn == NULL ? CW_ERR_INVALID : check_group(group);
    if (rc != CW_OK)
        return rc;
    struct counting *counting = malloc(sizeof(*counting));
    if (counting == NULL)
        return CW_ERR_NOMEM;
    *counting = (struct counting){fn, arg};
    rc = cw_cluster_group(group->node->cluster, cw_bytes_text(group->name), on_info, counting);
    if (rc != CW_OK)
        free(counting);
    return rc;
}

/* Sending. */

int cw_group_send_message(struct cw_group *group, const struct cw_message *message,
                          cw_published_fn fn, void *arg)
{
    int rc = message == NULL ? CW_ERR_INVALID : check_group(group);
    if (rc == CW_OK)
        rc = cw_outgoing_check(group->node, message);
    if (rc != CW_OK)
        return rc;
    struct cw_message outgoing = *message;
    outgoing.group = cw_bytes_text(group->name);
    return cw_cluster_publish(group->node->cluster, &outgoing, fn, arg);
}

int cw_group_send(struct cw_group *group, enum cw_payload_type type, struct cw_bytes payload,
                  cw_published_fn fn, void *arg)
{
    const struct cw_message message = {.type = type, .payload = payload};
    return cw_group_send_message(group, &message, fn, arg);
}

int cw_group_send_json(struct cw_group *group, struct cw_bytes json, cw_published_fn fn, void *arg)
{
    return cw_group_send(group, CW_PAYLOAD_JSON, json, fn, arg);
}

int cw_group_send_text(struct cw_group *group, struct cw_bytes text, cw_published_fn fn, void *arg)
{
    return cw_group_send(group, CW_PAYLOAD_TEXT, text, fn, arg);
}

int cw_group_send_bytes(struct cw_group *group, struct cw_bytes bytes, cw_published_fn fn,
                        void *arg)
{
    return cw_group_send(group, CW_PAYLOAD_BYTES, bytes, fn, arg);
}
