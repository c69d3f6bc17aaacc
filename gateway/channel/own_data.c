/* own_data.c - a short list: a channel has one entry for each part of the application that cares.
 */
#include "channel/own_data.h"

#include "channel/channel.h"
#include "channel/extras.h"

#include <stdlib.h>

struct cw_own_data {
    struct cw_own_data *next;
    const void *key;
    void *data;
    void (*destroy)(void *data);
};

/* Where the entry of `key` is linked; what is there is NULL: none. */
static struct cw_own_data **find(struct cw_own_data **list, const void *key)
{
    while (*list != NULL && (*list)->key != key)
        list = &(*list)->next;
    return list;
}

/* After it is out of the list: the destructor may set data itself. */
static void destroy_data(const struct cw_own_data *old)
{
    if (old->destroy != NULL && old->data != NULL)
        old->destroy(old->data);
}

static void remove_entry(struct cw_own_data **link)
{
    struct cw_own_data *entry = *link;
    *link = entry->next;
    destroy_data(entry);
    free(entry);
}

static int add_entry(struct cw_own_data **list, const void *key, void *data,
                     void (*destroy)(void *data))
{
    struct cw_own_data *entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return CW_ERR_NOMEM;
    *entry = (struct cw_own_data){.next = *list, .key = key, .data = data, .destroy = destroy};
    *list = entry;
    return CW_OK;
}

int cw_channel_set_data(struct cw_channel *channel, const void *key, void *data,
                        void (*destroy)(void *data))
{
    if (key == NULL)
        return CW_ERR_INVALID;
    struct cw_extras *extras = cw_extras_of(channel);
    if (extras == NULL)
        return CW_ERR_NOMEM;
    if (extras->is_over)
        return CW_ERR_DISCONNECTED;
    struct cw_own_data **link = find(&extras->data, key);
    if (*link == NULL)
        return data == NULL ? CW_OK : add_entry(&extras->data, key, data, destroy);
    if (data == NULL) {
        remove_entry(link);
        return CW_OK;
    }
    struct cw_own_data *entry = *link;
    const struct cw_own_data old = *entry;
    entry->data = data;
    entry->destroy = destroy;
    if (old.data != data)
        destroy_data(&old);
    return CW_OK;
}

void *cw_channel_data(const struct cw_channel *channel, const void *key)
{
    if (channel->extras == NULL)
        return NULL;
    const struct cw_own_data *entry = *find(&channel->extras->data, key);
    return entry != NULL ? entry->data : NULL;
}

void cw_own_data_destroy(struct cw_own_data **list)
{
    while (*list != NULL)
        remove_entry(list);
}
