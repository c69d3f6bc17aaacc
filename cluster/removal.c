/*
 * removal.c - detaches a turn's channels, then takes out of the node's set those that are gone.
 *
 * The others stay in it (or come back to it: perhaps Redis refused to put them there), and are
 * swept (reaper.c).
 */
#include "removal.h"

#include "base/digits.h"
#include "functions.h"
#include "names.h"
#include "session.h"

#include <stdlib.h>

struct removal;

struct removed {
    struct removal *removal;
    struct cw_cluster_channel *hidden; /* referenced; NULL: the channel went */
    struct cw_departure *departure;    /* owned, until it was answered; NULL: for good */
    uint64_t generation;
    bool has_failed;
    char uuid[CW_UUID_TEXT_SIZE];
};

struct removal {
    struct cw_registry *registry;
    size_t calls; /* answers that are still out */
    size_t count;
    struct removed channels[];
};

static void one_removal_less(struct cw_registry *registry)
{
    if (--registry->removals == 0)
        cw_registry_request_flush(registry); /* somebody may wait for it to stop */
}

static void on_forgotten(void *arg, int rc)
{
    struct cw_registry *registry = arg;
    registry->needs_sweep |= rc != CW_OK;
    one_removal_less(registry);
}

static void send_forget(struct cw_registry *registry, const char *verb, const char *const *uuids,
                        size_t count)
{
    if (count == 0)
        return;
    registry->removals++;
    int rc = cw_registry_send_set(registry, verb, uuids, count, on_forgotten, registry);
    if (rc != CW_OK)
        on_forgotten(registry, rc);
}

static void end_removal(struct removal *removal)
{
    struct cw_registry *registry = removal->registry;
    const char *gone[CW_FUNCTIONS_BATCH];
    const char *kept[CW_FUNCTIONS_BATCH];
    size_t gone_count = 0;
    size_t kept_count = 0;
    for (size_t i = 0; i < removal->count; i++) {
        if (cw_registry_shows(registry, cw_bytes_text(removal->channels[i].uuid)))
            continue; /* resumed here or shown again meanwhile: it was put there again */
        if (removal->channels[i].has_failed)
            kept[kept_count++] = removal->channels[i].uuid;
        else
            gone[gone_count++] = removal->channels[i].uuid;
    }
    registry->needs_sweep |= kept_count > 0;
    send_forget(registry, "SREM", gone, gone_count);
    send_forget(registry, "SADD", kept, kept_count);
    one_removal_less(registry);
    free(removal);
}

/* Whoever waits is told what became of it; the sweep makes up for what failed. */
static void tell(struct removed *removed, int rc)
{
    struct cw_cluster_channel *channel = removed->hidden;
    struct cw_departure *departure = removed->departure;
    removed->departure = NULL;
    cw_departure_end(departure, rc);
    if (channel == NULL)
        return;
    removed->hidden = NULL;
    cw_registry_tell_change(channel, rc == CW_OK && removed->has_failed ? CW_ERR_TIMEOUT : rc);
    cw_registry_unref_channel(channel);
}

static void on_detached(void *arg, int rc, const struct cw_detached *detached)
{
    struct removed *removed = arg;
    struct removal *removal = removed->removal;
    /* Its groups were left before it. Not owned: another node's, or of a generation not known here.
     */
    removed->has_failed = rc != CW_OK || !detached->was_owned;
    tell(removed, rc);
    if (--removal->calls == 0)
        end_removal(removal);
}

static int send_detach(struct cw_registry *registry, struct removed *removed)
{
    struct cw_bytes words[CW_FUNCTIONS_STRINGS_MAX];
    char key[CW_KEY_MAX];
    char generation[CW_DIGITS_SIZE];
    const struct cw_departure *departure = removed->departure;
    size_t count = 0;
    (void)cw_key_write(key, registry->prefix, 'c', cw_bytes_text(removed->uuid));
    words[count++] = cw_digits(generation, removed->generation);
    for (size_t i = 0; departure != NULL && i < departure->count; i++)
        words[count++] = departure->words[i];
    return cw_functions_detach(registry->endpoints, key, registry->node_id,
                               departure == NULL ? 0 : departure->resume_s, "gone", words, count,
                               on_detached, removed);
}

static void send_detaches(struct cw_registry *registry, struct removal *removal)
{
    removal->calls = 1; /* not done before all are sent */
    for (size_t i = 0; i < removal->count; i++) {
        struct removed *removed = &removal->channels[i];
        int rc = send_detach(registry, removed);
        removed->has_failed = rc != CW_OK;
        removal->calls += !removed->has_failed;
        if (rc != CW_OK)
            tell(removed, rc);
    }
    if (--removal->calls == 0)
        end_removal(removal);
}

/* The channel is not the registry's any more; a hidden one is kept for its connection. */
static void give_away(struct cw_registry *registry, struct cw_cluster_channel *channel,
                      struct removed *removed)
{
    bool is_hidden = channel->state == CW_HIDDEN;
    if (removed == NULL) {
        registry->needs_sweep = true;
        if (is_hidden)
            cw_registry_tell_change(channel, CW_ERR_UNAVAILABLE);
        else
            cw_registry_release(registry, channel);
        return;
    }
    removed->generation = channel->generation;
    removed->departure = channel->departure;
    channel->departure = NULL;
    memcpy(removed->uuid, channel->uuid, sizeof(removed->uuid));
    if (is_hidden) {
        removed->hidden = channel;
        cw_registry_ref_channel(channel);
    } else {
        cw_registry_release(registry, channel);
    }
}

static void detach_batch(struct cw_registry *registry)
{
    struct removal *removal =
        calloc(1, sizeof(*removal) + CW_FUNCTIONS_BATCH * sizeof(removal->channels[0]));
    struct cw_list_node *node;
    while ((removal == NULL || removal->count < CW_FUNCTIONS_BATCH) &&
           (node = cw_list_pop_front(&registry->detaching)) != NULL) {
        struct removed *removed = removal == NULL ? NULL : &removal->channels[removal->count++];
        if (removed != NULL)
            removed->removal = removal;
        give_away(registry, CW_CONTAINER(node, struct cw_cluster_channel, in_turn), removed);
    }
    if (removal == NULL)
        return;
    removal->registry = registry;
    registry->removals++;
    send_detaches(registry, removal);
}

void cw_removals_flush(struct cw_registry *registry)
{
    struct cw_list_node *node;
    if (cw_registry_may_write(registry)) {
        while (!cw_list_is_empty(&registry->detaching))
            detach_batch(registry);
        return;
    }
    while ((node = cw_list_pop_front(&registry->detaching)) != NULL)
        give_away(registry, CW_CONTAINER(node, struct cw_cluster_channel, in_turn), NULL);
}
