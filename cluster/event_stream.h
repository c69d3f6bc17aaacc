/*
 * event_stream.h - what happens to channels, told to back ends by the stream <prefix>:{events}.
 *
 *   FLOWING --Redis refuses an event--> STALLED --next tick: one alone--> PROBING --confirmed-->
 * FLOWING
 *                                          ^------------ refused ------------'
 *
 * Events are kept until Redis has confirmed them, and sent again after a lost link: at least once.
 * What is sent again is followed by all that was sent behind it, so that the last that is read of a
 * channel is how it is. They leave at the end of a turn, when every channel is on its way to the
 * registry, and before channels are removed from it: a back end that is told of a channel finds it,
 * and a node that dies between the two leaves a channel for which the reaper writes the event
 * (again). While Redis refuses events (out of memory) channels are removed all the same.
 *
 * Payloads go the same way, in the same order, but once: whoever waits for one is told at once when
 * it can't be sent.
 */
#ifndef CW_EVENT_STREAM_H
#define CW_EVENT_STREAM_H

#include <chanway/bytes.h>
#include <chanway/cluster.h>
#include <chanway/error.h>

#include "base/list.h"
#include "names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_cluster_channel;
struct cw_registry;

/** Bounds of what waits: of events, and once more of payloads that were not sent yet. */
#define CW_EVENT_STREAM_ENTRIES_MAX 65536
#define CW_EVENT_STREAM_BYTES_MAX   (16U << 20)
#define CW_EVENT_STREAM_MAX_DEFAULT 100000

enum cw_event_stream_state {
    CW_EVENT_STREAM_FLOWING,
    CW_EVENT_STREAM_STALLED,
    CW_EVENT_STREAM_PROBING,
};

/* Fields of an entry behind `event`, in their order. */
enum cw_stream_field {
    CW_STREAM_FIELD_CHANNEL,
    CW_STREAM_FIELD_NODE,
    CW_STREAM_FIELD_GEN,
    CW_STREAM_FIELD_USER,
    CW_STREAM_FIELD_GROUP,
    CW_STREAM_FIELD_TYPE,
    CW_STREAM_FIELD_PAYLOAD,
    CW_STREAM_FIELD_CODE,
    CW_STREAM_FIELD_REASON,
    CW_STREAM_FIELDS
};

/** An entry; a field whose `data` is NULL is left out. */
struct cw_stream_record {
    enum cw_stream_kind kind;
    struct cw_bytes fields[CW_STREAM_FIELDS];
    char generation[24]; /* what the field `gen` may point to */
};

struct cw_stream_load {
    size_t count, bytes;
};

struct cw_event_stream {
    struct cw_registry *registry;
    struct cw_list waiting;         /* struct entry.in_queue, to be sent */
    struct cw_list in_flight;       /* struct entry.in_queue, sent; all of them before `waiting` */
    struct cw_stream_load kept;     /* events, in either list */
    struct cw_stream_load payloads; /* in `waiting` */
    size_t outstanding;             /* answers that are out */
    size_t watched;                 /* events in either list whose fn was not called yet */
    int64_t look_ms;                /* monotonic: when to look for trimmed entries again */
    unsigned mask;                  /* enum cw_stream_kind, or-ed */
    uint8_t state;                  /* enum cw_event_stream_state */
    bool is_looking;
    bool has_lost_disconnect; /* one was dropped: the sweep of this node's set makes up for it */
    char max[24];             /* events-max */
    char key[CW_KEY_MAX];
};

void cw_event_stream_init(struct cw_event_stream *stream, struct cw_registry *registry,
                          const char *prefix, unsigned mask, int64_t max);
/** The links are gone: whoever waits gets CW_ERR_CANCELLED. */
void cw_event_stream_finish(struct cw_event_stream *stream);

static inline bool cw_event_stream_wants(const struct cw_event_stream *stream,
                                         enum cw_stream_kind kind)
{
    return (stream->mask & (unsigned)kind) != 0;
}

/** "json", "text" or "bytes": the field `type`. */
struct cw_bytes cw_event_stream_type(enum cw_payload_type type);
/** Fills in what an entry of `channel`, which is not detached, says whatever its kind. */
void cw_event_stream_describe(struct cw_stream_record *record, enum cw_stream_kind kind,
                              const struct cw_cluster_channel *channel);

/**
 * Adds an event, or the payload of a MESSAGE; all is copied. `fn` (NULL is fine) comes once: CW_OK
 * when it is in the stream; else, of a payload, it is in vain; an event is still kept, and sent
 * again. CW_ERR_FULL: an event was dropped and counted; CW_ERR_UNAVAILABLE: a payload can't be sent
 * now; CW_ERR_NOMEM.
 */
CW_MUST_CHECK int cw_event_stream_push(struct cw_event_stream *stream,
                                       const struct cw_stream_record *record, cw_done_fn fn,
                                       void *arg);
/** End of turn: sends what waits. */
void cw_event_stream_flush(struct cw_event_stream *stream);
/** True while events wait that are about to be sent: channels are removed after them. */
bool cw_event_stream_is_behind(const struct cw_event_stream *stream);
/** About once a second, while the registry may be written. */
void cw_event_stream_tick(struct cw_event_stream *stream);
/** The link was lost; every call has been answered. */
void cw_event_stream_on_down(struct cw_event_stream *stream);

#endif
