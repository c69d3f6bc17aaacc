/* hiding.c - channels that leave the registry, and come back to it, while their connection lives
 * on. */
#include "registry.h"

#include <stdlib.h>

static int add_change(struct cw_registry *registry, struct cw_cluster_channel *channel,
                      cw_done_fn fn, void *arg)
{
    if (channel->state == CW_ATTACH_NEW || channel->state == CW_ATTACH_RESUMING ||
        channel->change != NULL)
        return CW_ERR_BUSY;
    if (!cw_registry_may_write(registry))
        return CW_ERR_UNAVAILABLE;
    channel->change = calloc(1, sizeof(*channel->change));
    if (channel->change == NULL)
        return CW_ERR_NOMEM;
    channel->change->channel = channel;
    channel->change->fn = fn;
    channel->change->arg = arg;
    cw_list_push_back(&registry->changes, &channel->change->in_changes);
    return CW_OK;
}

void cw_registry_tell_change(struct cw_cluster_channel *channel, int rc)
{
    struct cw_registry_change *change = channel->change;
    if (change == NULL)
        return;
    cw_done_fn fn = change->fn;
    void *arg = change->arg;
    channel->change = NULL;
    cw_list_remove(&change->in_changes);
    free(change);
    if (fn != NULL)
        fn(arg, rc);
}

void cw_registry_cancel_changes(struct cw_registry *registry)
{
    struct cw_list_node *node;
    while ((node = cw_list_first(&registry->changes)) != NULL)
        cw_registry_tell_change(CW_CONTAINER(node, struct cw_registry_change, in_changes)->channel,
                                CW_ERR_CANCELLED);
}

int cw_registry_hide(struct cw_registry *registry, struct cw_cluster_channel *channel,
                     cw_done_fn fn, void *arg)
{
    if (channel->state == CW_HIDDEN)
        return channel->change == NULL ? CW_ERR_NOT_FOUND : CW_ERR_BUSY;
    int rc = add_change(registry, channel, fn, arg);
    if (rc != CW_OK)
        return rc;
    cw_list_remove(&channel->in_turn); /* an announcement that was not sent */
    channel->wants_again = false;
    channel->was_hidden = true;
    channel->state = CW_HIDDEN;
    registry->count--;
    cw_list_push_back(&registry->detaching, &channel->in_turn);
    cw_registry_request_flush(registry);
    return CW_OK;
}

int cw_registry_show(struct cw_registry *registry, struct cw_cluster_channel *channel,
                     cw_done_fn fn, void *arg)
{
    int rc = add_change(registry, channel, fn, arg);
    if (rc != CW_OK)
        return rc;
    if (channel->state == CW_HIDDEN)
        registry->count++;
    channel->state = CW_ATTACH_STALE;
    cw_registry_announce(registry, channel);
    return CW_OK;
}
