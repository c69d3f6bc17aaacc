/*
 * event_stream.c - a bounded queue of entries on their way into the stream; see the header.
 */
#include "event_stream.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "functions.h"
#include "registry.h"
#include "stream_info.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE         1024                         /* entries sent in one turn */
#define IN_FLIGHT_MAX (CW_REDIS_MAX_IN_FLIGHT / 2) /* the rest of the link is for clients' ops */
#define ARGS_MAX      (8 + 2 * CW_STREAM_FIELDS)
#define LOOK_EVERY_MS 10000

struct entry {
    struct cw_list_node in_queue; /* in cw_event_stream.waiting or .in_flight */
    struct cw_event_stream *stream;
    cw_done_fn fn; /* NULL: nobody waits, or he was told */
    void *arg;
    char *values; /* of its fields, one behind the other; NULL: a payload that was sent */
    uint32_t sizes[CW_STREAM_FIELDS];
    uint16_t fields; /* those it has: bits by enum cw_stream_field */
    uint8_t kind;    /* enum cw_stream_kind */
    bool was_sent;
};

static const char *word_of(enum cw_stream_kind kind)
{
    switch (kind) {
    case CW_STREAM_CONNECT:
        return "connect";
    case CW_STREAM_DISCONNECT:
        return "disconnect";
    case CW_STREAM_MESSAGE:
        return "message";
    case CW_STREAM_JOIN:
        return "join";
    case CW_STREAM_LEAVE:
        return "leave";
    case CW_STREAM_ERROR:
        break;
    }
    return "error";
}

void cw_event_stream_init(struct cw_event_stream *stream, struct cw_registry *registry,
                          const char *prefix, unsigned mask, int64_t max)
{
    memset(stream, 0, sizeof(*stream));
    stream->registry = registry;
    stream->mask = mask;
    cw_list_init(&stream->waiting);
    cw_list_init(&stream->in_flight);
    (void)snprintf(stream->key, sizeof(stream->key), "%s:{events}", prefix);
    (void)snprintf(stream->max, sizeof(stream->max), "%" PRId64,
                   max > 0 ? max : CW_EVENT_STREAM_MAX_DEFAULT);
}

static void set_state(struct cw_event_stream *stream, enum cw_event_stream_state state)
{
    static const char *const names[] = {"FLOWING", "STALLED", "PROBING"};
    if (stream->state == state)
        return;
    cw_log_debug(cw_log_node(), "event stream: %s -> %s", names[stream->state], names[state]);
    stream->state = (uint8_t)state;
}

/* Entries. */

static bool is_payload(const struct entry *entry)
{
    return entry->kind == CW_STREAM_MESSAGE;
}

static size_t values_size(const struct cw_stream_record *record)
{
    size_t size = 0;
    for (int i = 0; i < CW_STREAM_FIELDS; i++)
        size += record->fields[i].size;
    return size;
}

static struct entry *create_entry(const struct cw_stream_record *record)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    char *values = malloc(values_size(record) + 1);
    if (entry == NULL || values == NULL) {
        free(entry);
        free(values);
        return NULL;
    }
    entry->kind = (uint8_t)record->kind;
    entry->values = values;
    for (int i = 0; i < CW_STREAM_FIELDS; i++) {
        struct cw_bytes value = record->fields[i];
        if (value.data == NULL)
            continue;
        entry->fields |= (uint16_t)(1U << i);
        entry->sizes[i] = (uint32_t)value.size;
        memcpy(values, value.data, value.size);
        values += value.size;
    }
    return entry;
}

static void free_entry(struct entry *entry)
{
    cw_list_remove(&entry->in_queue);
    free(entry->values);
    free(entry);
}

static size_t entry_bytes(const struct entry *entry)
{
    size_t bytes = sizeof(*entry);
    for (int i = 0; i < CW_STREAM_FIELDS; i++)
        bytes += entry->sizes[i];
    return bytes;
}

static void add_load(struct cw_stream_load *load, const struct entry *entry)
{
    load->count++;
    load->bytes += entry_bytes(entry);
}

static void remove_load(struct cw_stream_load *load, const struct entry *entry)
{
    load->count--;
    load->bytes -= entry_bytes(entry);
}

static void show_kept(const struct cw_event_stream *stream)
{
    CW_STAT(events_waiting) = (int64_t)stream->kept.count;
}

/* An event that is in the stream, or is given up. */
static void forget_event(struct cw_event_stream *stream, struct entry *entry)
{
    remove_load(&stream->kept, entry);
    show_kept(stream);
    free_entry(entry);
}

static void tell(struct entry *entry, int rc)
{
    cw_done_fn fn = entry->fn;
    if (fn == NULL)
        return;
    entry->fn = NULL;
    if (!is_payload(entry))
        entry->stream->watched--;
    fn(entry->arg, rc);
}

/* Adding. */

struct cw_bytes cw_event_stream_type(enum cw_payload_type type)
{
    static const char *const words[] = {"json", "text", "bytes"};
    return cw_bytes_text(words[type]);
}

void cw_event_stream_describe(struct cw_stream_record *record, enum cw_stream_kind kind,
                              const struct cw_cluster_channel *channel)
{
    struct cw_channel_info info = {0};
    uint64_t generation = channel->generation == 0 ? 1 : channel->generation;
    memset(record, 0, sizeof(*record));
    channel->registry->events.describe(channel->user, &info);
    (void)snprintf(record->generation, sizeof(record->generation), "%" PRIu64, generation);
    record->kind = kind;
    record->fields[CW_STREAM_FIELD_CHANNEL] = cw_bytes_text(channel->uuid);
    record->fields[CW_STREAM_FIELD_NODE] = cw_bytes_text(channel->registry->node_id);
    record->fields[CW_STREAM_FIELD_GEN] = cw_bytes_text(record->generation);
    record->fields[CW_STREAM_FIELD_USER] = cw_bytes_text(info.user);
    if (kind == CW_STREAM_CONNECT)
        record->fields[CW_STREAM_FIELD_TYPE] = cw_event_stream_type(info.type);
}

static bool may_write(const struct cw_event_stream *stream)
{
    return cw_registry_may_write(stream->registry) &&
           cw_endpoints_serve(stream->registry->endpoints, cw_bytes_text(stream->key));
}

static bool can_send(const struct cw_event_stream *stream)
{
    return stream->state != CW_EVENT_STREAM_STALLED && may_write(stream);
}

static bool is_full(const struct cw_stream_load *load, size_t bytes)
{
    return load->count >= CW_EVENT_STREAM_ENTRIES_MAX ||
           load->bytes + bytes > CW_EVENT_STREAM_BYTES_MAX;
}

static int drop_event(struct cw_event_stream *stream, const struct cw_stream_record *record, int rc)
{
    CW_STAT(events_dropped_total)++;
    stream->has_lost_disconnect |= record->kind == CW_STREAM_DISCONNECT;
    return rc;
}

int cw_event_stream_push(struct cw_event_stream *stream, const struct cw_stream_record *record,
                         cw_done_fn fn, void *arg)
{
    bool is_event = record->kind != CW_STREAM_MESSAGE;
    struct cw_stream_load *load = is_event ? &stream->kept : &stream->payloads;
    if (!is_event && (!can_send(stream) || stream->state != CW_EVENT_STREAM_FLOWING))
        return CW_ERR_UNAVAILABLE;
    if (is_full(load, sizeof(struct entry) + values_size(record)))
        return is_event ? drop_event(stream, record, CW_ERR_FULL) : CW_ERR_UNAVAILABLE;
    struct entry *entry = create_entry(record);
    if (entry == NULL)
        return is_event ? drop_event(stream, record, CW_ERR_NOMEM) : CW_ERR_NOMEM;
    entry->stream = stream;
    entry->fn = fn;
    entry->arg = arg;
    stream->watched += is_event && fn != NULL;
    add_load(load, entry);
    show_kept(stream);
    cw_list_push_back(&stream->waiting, &entry->in_queue);
    cw_registry_request_flush(stream->registry);
    return CW_OK;
}

/* Sending. */

/* Whoever waits for what can't be sent is told: payloads go, events stay. */
static void refuse_waiting(struct cw_event_stream *stream, bool payloads_only, int rc)
{
    struct cw_list refused;
    struct cw_list_node *node = cw_list_first(&stream->waiting);
    if (stream->payloads.count == 0 && (payloads_only || stream->watched == 0))
        return; /* nobody: the list may be long, and it is so at the end of every turn */
    cw_list_init(&refused); /* a callback may add to `waiting` */
    while (node != NULL) {
        struct entry *entry = CW_CONTAINER(node, struct entry, in_queue);
        node = cw_list_next(&stream->waiting, node);
        if (is_payload(entry)) {
            remove_load(&stream->payloads, entry);
            cw_list_remove(&entry->in_queue);
            cw_list_push_back(&refused, &entry->in_queue);
        } else if (!payloads_only) {
            tell(entry, rc);
        }
    }
    while ((node = cw_list_first(&refused)) != NULL) {
        struct entry *entry = CW_CONTAINER(node, struct entry, in_queue);
        tell(entry, rc);
        free_entry(entry);
    }
}

/* What was sent is to be sent again, in its order, before what was not. */
static void take_back(struct cw_event_stream *stream)
{
    cw_list_move_all(&stream->in_flight, &stream->waiting);
    cw_list_move_all(&stream->waiting, &stream->in_flight);
}

static void on_answer(void *arg, int rc)
{
    struct entry *entry = arg;
    struct cw_event_stream *stream = entry->stream;
    stream->outstanding--;
    if (rc == CW_OK)
        CW_STAT(events_written_total)++;
    if (is_payload(entry)) {
        tell(entry, rc);
        free_entry(entry);
    } else {
        if (rc != CW_OK)
            set_state(stream, CW_EVENT_STREAM_STALLED);
        else if (stream->state == CW_EVENT_STREAM_PROBING)
            set_state(stream, CW_EVENT_STREAM_FLOWING);
        tell(entry, rc);
        if (stream->state == CW_EVENT_STREAM_FLOWING)
            forget_event(stream, entry);
    }
    if (stream->outstanding == 0 && stream->state == CW_EVENT_STREAM_STALLED)
        take_back(stream);
    if (!cw_list_is_empty(&stream->waiting))
        cw_registry_request_flush(stream->registry);
}

static int send_entry(struct cw_event_stream *stream, struct entry *entry)
{
    static const char *const names[CW_STREAM_FIELDS] = {
        "channel", "node", "gen", "user", "group", "type", "payload", "code", "reason"};
    struct cw_bytes args[ARGS_MAX] = {cw_bytes_text("XADD"),      cw_bytes_text(stream->key),
                                      cw_bytes_text("MAXLEN"),    cw_bytes_text("~"),
                                      cw_bytes_text(stream->max), cw_bytes_text("*"),
                                      cw_bytes_text("event")};
    const char *value = entry->values;
    size_t count = 7;
    args[count++] = cw_bytes_text(word_of((enum cw_stream_kind)entry->kind));
    for (unsigned i = 0; i < CW_STREAM_FIELDS; i++) {
        if ((entry->fields & 1U << i) == 0)
            continue;
        args[count++] = cw_bytes_text(names[i]);
        args[count++] = cw_bytes_make(value, entry->sizes[i]);
        value += entry->sizes[i];
    }
    return cw_functions_command(stream->registry->endpoints, args, count, on_answer, entry);
}

/* The first of `waiting`; false: the link takes no more. */
static bool send_first(struct cw_event_stream *stream)
{
    struct entry *entry = CW_CONTAINER(cw_list_first(&stream->waiting), struct entry, in_queue);
    if (stream->outstanding >= IN_FLIGHT_MAX || send_entry(stream, entry) != CW_OK)
        return false;
    stream->outstanding++;
    cw_list_remove(&entry->in_queue);
    cw_list_push_back(&stream->in_flight, &entry->in_queue);
    if (is_payload(entry)) {
        remove_load(&stream->payloads, entry);
        free(entry->values); /* never sent again */
        entry->values = NULL;
    } else if (entry->was_sent) {
        CW_STAT(events_resent_total)++;
    }
    entry->was_sent = true;
    return true;
}

void cw_event_stream_flush(struct cw_event_stream *stream)
{
    if (cw_list_is_empty(&stream->waiting))
        return;
    if (!can_send(stream)) {
        refuse_waiting(stream, false, CW_ERR_UNAVAILABLE);
        return;
    }
    if (!cw_list_is_empty(&stream->registry->attaching))
        return; /* another turn is asked for already */
    size_t slice = SLICE;
    if (stream->state == CW_EVENT_STREAM_PROBING) {
        refuse_waiting(stream, true, CW_ERR_UNAVAILABLE);
        slice = stream->outstanding == 0 ? 1 : 0;
    }
    for (; slice > 0 && !cw_list_is_empty(&stream->waiting); slice--) {
        if (!send_first(stream)) { /* an answer or the next tick goes on */
            refuse_waiting(stream, true, CW_ERR_UNAVAILABLE);
            return;
        }
    }
    if (cw_event_stream_is_behind(stream))
        cw_registry_request_flush(stream->registry);
}

bool cw_event_stream_is_behind(const struct cw_event_stream *stream)
{
    return !cw_list_is_empty(&stream->waiting) && stream->state == CW_EVENT_STREAM_FLOWING &&
           may_write(stream);
}

void cw_event_stream_on_down(struct cw_event_stream *stream)
{
    take_back(stream);
    set_state(stream, CW_EVENT_STREAM_FLOWING);
    refuse_waiting(stream, false, CW_ERR_UNAVAILABLE);
}

void cw_event_stream_finish(struct cw_event_stream *stream)
{
    struct cw_list_node *node;
    take_back(stream);
    refuse_waiting(stream, false, CW_ERR_CANCELLED);
    if (stream->kept.count > 0)
        cw_log_warn(cw_log_node(), "dropping %zu events that Redis has not confirmed",
                    stream->kept.count);
    while ((node = cw_list_first(&stream->waiting)) != NULL)
        forget_event(stream, CW_CONTAINER(node, struct entry, in_queue));
}

/* What was trimmed before it was read. */

static void on_trimmed(void *arg, int rc, uint64_t trimmed)
{
    struct cw_event_stream *stream = arg;
    stream->is_looking = false;
    if (rc == CW_OK)
        CW_STAT(events_trimmed_unread) = (int64_t)trimmed;
}

static void on_exists(void *arg, int rc, bool is_there)
{
    struct cw_event_stream *stream = arg;
    if (rc != CW_OK || !is_there)
        on_trimmed(stream, rc, 0);
    else if (cw_stream_info_read(stream->registry->endpoints, stream->key, on_trimmed, stream) !=
             CW_OK)
        on_trimmed(stream, CW_ERR_UNAVAILABLE, 0);
}

static void look_for_trimmed(struct cw_event_stream *stream)
{
    struct cw_bytes args[] = {cw_bytes_text("EXISTS"), cw_bytes_text(stream->key)};
    stream->look_ms = cw_clock_ms() + LOOK_EVERY_MS;
    if (cw_functions_flag(stream->registry->endpoints, args, 2, on_exists, stream) == CW_OK)
        stream->is_looking = true;
}

void cw_event_stream_tick(struct cw_event_stream *stream)
{
    if (stream->state == CW_EVENT_STREAM_STALLED && stream->outstanding == 0)
        set_state(stream, CW_EVENT_STREAM_PROBING);
    if (!cw_list_is_empty(&stream->waiting))
        cw_registry_request_flush(stream->registry);
    if (stream->mask != 0 && !stream->is_looking && cw_clock_ms() >= stream->look_ms)
        look_for_trimmed(stream);
}
