/*
 * inbox.c - direct messages and requests, once and in order; see the header.
 */
#include "inbox.h"

#include "base/log.h"
#include "base/stats.h"
#include "envelope.h"
#include "functions.h"
#include "history.h"
#include "registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READS_MAX 64 /* inboxes read at once, as for groups */

void cw_inboxes_init(struct cw_inboxes *inboxes, struct cw_registry *registry)
{
    memset(inboxes, 0, sizeof(*inboxes));
    inboxes->registry = registry;
    cw_list_init(&inboxes->readers);
    cw_list_init(&inboxes->retrying);
}

void cw_inbox_forget(struct cw_inbox *inbox)
{
    inbox->on_read = NULL;
    cw_list_remove(&inbox->in_queue);
}

/* Messages. */

static bool step(struct cw_cluster_channel *channel, struct cw_envelope *entry, bool is_live)
{
    const struct cw_registry *registry = channel->registry;
    struct cw_gap gap;
    switch (cw_history_step(&channel->inbox.last, entry, is_live, &gap)) {
    case CW_STEP_READ_HISTORY:
        return false;
    case CW_STEP_DROP:
        CW_STAT(group_duplicates_total)++;
        return true;
    case CW_STEP_GAP:
        registry->events.on_direct_gap(registry->events_arg, channel->user, &gap);
        break;
    case CW_STEP_DELIVER:
        break;
    }
    CW_STAT(direct_messages_total)++;
    registry->events.on_direct(registry->events_arg, channel->user, &entry->message, is_live);
    return true;
}

/* Requests. */

static void send_ack(struct cw_cluster_channel *channel)
{
    const struct cw_registry *registry = channel->registry;
    char key[CW_KEY_MAX];
    char number[24];
    (void)snprintf(number, sizeof(number), "%" PRIu64, channel->inbox.last_request);
    size_t length = cw_key_write(key, registry->prefix, 'c', cw_bytes_text(channel->uuid));
    struct cw_bytes args[] = {{"FCALL", 5},
                              {"cw_node_ack", 11},
                              {"1", 1},
                              cw_bytes_make(key, length),
                              cw_bytes_text(registry->node_id),
                              cw_bytes_text(number)};
    (void)cw_functions_command(registry->endpoints, args, sizeof(args) / sizeof(args[0]), NULL,
                               NULL);
}

void cw_inbox_request_done(struct cw_inboxes *inboxes, struct cw_cluster_channel *channel, int rc)
{
    struct cw_inbox *inbox = &channel->inbox;
    if (!inbox->is_handling)
        return;
    inbox->is_handling = false;
    if (rc != CW_OK && (cw_error_is_temporary(rc) || rc == CW_ERR_BUSY)) {
        if (!cw_list_is_linked(&inbox->in_queue))
            cw_list_push_back(&inboxes->retrying, &inbox->in_queue);
        return;
    }
    inbox->last_request++;
    send_ack(channel);
    if (inbox->wants_more && !inbox->is_reading) {
        inbox->wants_more = false;
        cw_inbox_catch_up(inboxes, channel);
    }
}

void cw_inboxes_retry(struct cw_inboxes *inboxes)
{
    struct cw_list list;
    struct cw_list_node *node;
    cw_list_init(&list);
    cw_list_move_all(&list, &inboxes->retrying);
    while ((node = cw_list_pop_front(&list)) != NULL) {
        struct cw_inbox *inbox = CW_CONTAINER(node, struct cw_inbox, in_queue);
        cw_inbox_catch_up(inboxes, CW_CONTAINER(inbox, struct cw_cluster_channel, inbox));
    }
}

/* The next one goes to the application; false: it is not the next, or one is out already. */
static bool take_request(struct cw_inboxes *inboxes, struct cw_cluster_channel *channel,
                         uint64_t number, struct cw_bytes body)
{
    const struct cw_registry *registry = channel->registry;
    enum cw_channel_request kind;
    struct cw_bytes text;
    if (number <= channel->inbox.last_request)
        return true;
    if (channel->inbox.is_handling || number != channel->inbox.last_request + 1)
        return false;
    channel->inbox.is_handling = true;
    CW_STAT(requests_total)++;
    if (cw_envelope_decode_request(body, &kind, &text) == CW_OK) {
        registry->events.on_request(registry->events_arg, channel->user, kind, text);
    } else {
        CW_STAT(group_bad_envelopes_total)++;
        cw_inbox_request_done(inboxes, channel, CW_ERR_INVALID);
    }
    return true;
}

/* Reading. */

static void tell_read(struct cw_cluster_channel *channel)
{
    void (*on_read)(void *user) = channel->inbox.on_read;
    channel->inbox.on_read = NULL;
    if (on_read != NULL)
        on_read(channel->user);
}

void cw_inbox_reset(struct cw_cluster_channel *channel)
{
    struct cw_inbox *inbox = &channel->inbox;
    cw_list_remove(&inbox->in_queue);
    inbox->last = (struct cw_position){0, 0};
    inbox->last_request = 0;
    inbox->is_handling = false;
    inbox->wants_more = false;
    tell_read(channel);
}

static void start_reads(struct cw_inboxes *inboxes);

struct reading {
    struct cw_inboxes *inboxes;
    struct cw_cluster_channel *channel;
};

/* Requests that were acknowledged are not in the list any more: the first one there is the next. */
static void take_requests(struct cw_inboxes *inboxes, struct cw_cluster_channel *channel,
                          const struct cw_inbox_page *page)
{
    struct cw_inbox *inbox = &channel->inbox;
    if (page->request_count == 0 || inbox->is_handling)
        return;
    if (page->requests[0].number > inbox->last_request + 1)
        inbox->last_request = page->requests[0].number - 1;
    for (size_t i = 0; i < page->request_count; i++) {
        if (take_request(inboxes, channel, page->requests[i].number, page->requests[i].body))
            continue;
        inbox->wants_more = true; /* when the one before it is done */
        return;
    }
}

static void take_messages(struct cw_cluster_channel *channel, const struct cw_inbox_page *page)
{
    for (size_t i = 0; i < page->messages.count; i++) {
        const struct cw_history_entry *from = &page->messages.entries[i];
        struct cw_envelope entry = {.message = {.is_logged = true, .position = from->position},
                                    .has_predecessor = from->has_predecessor,
                                    .predecessor = from->predecessor};
        if (cw_envelope_decode_body(from->body, &entry.message) == CW_OK)
            (void)step(channel, &entry, false);
        else
            CW_STAT(group_bad_envelopes_total)++;
    }
}

static void on_page(void *arg, int rc, const struct cw_inbox_page *page)
{
    struct reading *reading = arg;
    struct cw_inboxes *inboxes = reading->inboxes;
    struct cw_cluster_channel *channel = reading->channel;
    free(reading);
    inboxes->reads_under_way--;
    channel->inbox.is_reading = false; /* also of one that is being announced again meanwhile */
    if (channel->registry != NULL && channel->state == CW_ATTACHED) {
        bool wants_more = channel->inbox.wants_more;
        channel->inbox.wants_more = false;
        if (rc == CW_OK) {
            struct cw_gap gap;
            take_messages(channel, page);
            wants_more |= page->messages.has_more;
            if (!wants_more && cw_history_settle(&channel->inbox.last, page->messages.tip, &gap))
                inboxes->registry->events.on_direct_gap(inboxes->registry->events_arg,
                                                        channel->user, &gap);
        }
        if (wants_more && rc == CW_OK)
            cw_inbox_catch_up(inboxes, channel);
        else
            tell_read(channel); /* without a link the rest comes when it is back */
        if (rc == CW_OK && channel->registry != NULL)
            take_requests(inboxes, channel, page);
    }
    cw_registry_unref_channel(channel);
    start_reads(inboxes);
}

static void start_reads(struct cw_inboxes *inboxes)
{
    const struct cw_registry *registry = inboxes->registry;
    struct cw_list_node *node;
    while (inboxes->reads_under_way < READS_MAX &&
           (node = cw_list_pop_front(&inboxes->readers)) != NULL) {
        struct cw_inbox *inbox = CW_CONTAINER(node, struct cw_inbox, in_queue);
        struct cw_cluster_channel *channel = CW_CONTAINER(inbox, struct cw_cluster_channel, inbox);
        struct reading *reading = calloc(1, sizeof(*reading));
        char key[CW_KEY_MAX];
        if (reading == NULL)
            continue; /* the next message shows the hole again */
        reading->inboxes = inboxes;
        reading->channel = channel;
        (void)cw_key_write(key, registry->prefix, 'c', cw_bytes_text(channel->uuid));
        if (cw_functions_inbox(registry->endpoints, key, registry->node_id, inbox->last,
                               inbox->last_request, on_page, reading) != CW_OK) {
            free(reading); /* no link: read again when it is back */
            tell_read(channel);
            continue;
        }
        cw_registry_ref_channel(channel);
        inbox->is_reading = true;
        inboxes->reads_under_way++;
    }
}

void cw_inbox_catch_up(struct cw_inboxes *inboxes, struct cw_cluster_channel *channel)
{
    if (channel->inbox.is_paused) {
        channel->inbox.wants_more = true;
        return;
    }
    if (channel->inbox.is_reading) {
        channel->inbox.wants_more = true;
    } else {
        cw_list_remove(&channel->inbox.in_queue);
        cw_list_push_back(&inboxes->readers, &channel->inbox.in_queue);
    }
    start_reads(inboxes);
}

void cw_inbox_pause(struct cw_inboxes *inboxes, struct cw_cluster_channel *channel, bool is_paused)
{
    struct cw_inbox *inbox = &channel->inbox;
    if (inbox->is_paused == is_paused)
        return;
    inbox->is_paused = is_paused;
    if (is_paused && cw_list_is_linked(&inbox->in_queue)) {
        cw_list_remove(&inbox->in_queue);
        inbox->wants_more = true;
    }
    if (!is_paused && inbox->wants_more && !inbox->is_reading) {
        inbox->wants_more = false;
        cw_inbox_catch_up(inboxes, channel);
    }
}

void cw_inboxes_catch_up_all(struct cw_inboxes *inboxes, const struct cw_endpoint *endpoint)
{
    const struct cw_registry *registry = inboxes->registry;
    const struct cw_list *channels = &registry->channels;
    for (struct cw_list_node *n = cw_list_first(channels); n != NULL;
         n = cw_list_next(channels, n)) {
        struct cw_cluster_channel *channel =
            CW_CONTAINER(n, struct cw_cluster_channel, in_channels);
        char key[CW_KEY_MAX];
        if (channel->state != CW_ATTACHED || channel->generation == 0)
            continue;
        size_t size = cw_key_write(key, registry->prefix, 'c', cw_bytes_text(channel->uuid));
        if (endpoint == NULL ||
            cw_endpoints_of(registry->endpoints, cw_bytes_make(key, size)) == endpoint)
            cw_inbox_catch_up(inboxes, channel);
    }
}

/* From the node's topic. */

/* Splits `<uuid> <rest>`; NULL: not of this node. */
static struct cw_cluster_channel *find_channel(struct cw_inboxes *inboxes, struct cw_bytes *bytes)
{
    size_t uuid = CW_UUID_TEXT_SIZE - 1;
    if (bytes->size < uuid + 1 || bytes->data[uuid] != ' ')
        return NULL;
    struct cw_cluster_channel *channel =
        cw_registry_find(inboxes->registry, cw_bytes_make(bytes->data, uuid));
    *bytes = cw_bytes_make(bytes->data + uuid + 1, bytes->size - uuid - 1);
    return channel != NULL && channel->state == CW_ATTACHED ? channel : NULL;
}

void cw_inboxes_on_direct(struct cw_inboxes *inboxes, struct cw_bytes bytes)
{
    struct cw_envelope entry;
    struct cw_cluster_channel *channel = find_channel(inboxes, &bytes);
    if (channel == NULL)
        return; /* gone or not attached: its list has it */
    if (cw_envelope_decode(bytes, &entry) != CW_OK || !entry.message.is_logged) {
        CW_STAT(group_bad_envelopes_total)++;
        return;
    }
    if (channel->inbox.is_reading || channel->inbox.is_paused)
        channel->inbox.wants_more = true;
    else if (!step(channel, &entry, true))
        cw_inbox_catch_up(inboxes, channel);
}

void cw_inboxes_on_request(struct cw_inboxes *inboxes, struct cw_bytes bytes)
{
    struct cw_cluster_channel *channel = find_channel(inboxes, &bytes);
    if (channel == NULL)
        return;
    uint64_t number = 0;
    size_t at = 0;
    while (at < bytes.size && at < 19 && bytes.data[at] >= '0' && bytes.data[at] <= '9')
        number = number * 10 + (uint64_t)(bytes.data[at++] - '0');
    if (at == 0 || at >= bytes.size || bytes.data[at] != ' ') {
        CW_STAT(group_bad_envelopes_total)++;
        return;
    }
    struct cw_bytes body = cw_bytes_make(bytes.data + at + 1, bytes.size - at - 1);
    if (channel->inbox.is_reading || channel->inbox.is_handling)
        channel->inbox.wants_more = true;
    else if (!take_request(inboxes, channel, number, body))
        cw_inbox_catch_up(inboxes, channel);
}
