/*
 * shed.c - what goes of a full queue, and where holes are; see the header.
 *
 * Slots have numbers that only grow (cw_outbox.popped is the oldest one's), so that what is
 * remembered of one stays right while others are written. A trace is what is remembered of a log's
 * messages of one policy: its newest hole, and the one message that `latest` keeps.
 */
#include "channel/shed.h"

#include "base/stats.h"
#include "channel/outbox.h"
#include "channel/session.h"

#include <stdlib.h>
#include <string.h>

struct trace {
    uint64_t log;
    struct cw_position first, last; /* of the hole: what went */
    uint64_t gap;                   /* slot of its gap, or of where it is to be */
    uint64_t newest;                /* slot of the message that waits */
    uint8_t policy;
    bool has_hole;
    bool is_entry;   /* of the hole something has a position: `first` and `last` */
    bool is_told;    /* the gap says `last` */
    bool has_newest; /* LATEST only */
    bool is_closed;  /* something of its log that stays lies behind it: it does not grow */
};

/* A group that the channel has left, with messages of it waiting perhaps. */
struct departed {
    struct departed *next;
    uint64_t log;
    char name[];
};

struct cw_shed {
    struct departed *departed; /* owned */
    struct trace *traces;
    uint32_t count, capacity;
    uint32_t empty;       /* slots whose frame went */
    uint32_t untold;      /* traces whose hole is */
    uint64_t oldest_slot; /* before it no message waits that drop-oldest may take */
    uint64_t latest_slot; /* before it all messages of `latest` are in traces */
    bool is_everything;   /* everything went: traces say where it was, and stay to the end */
};

/* What lies in a slot whose frame went, and where a gap is to be: one for all each, never freed. */
static struct cw_buf nothing = {.refs = 1};
static struct cw_buf gap_place = {.refs = 1};

static uint64_t end_slot(const struct cw_outbox *outbox)
{
    return outbox->popped + outbox->count;
}

/* The oldest slot that may be touched. */
static uint64_t first_slot(const struct cw_outbox *outbox)
{
    return outbox->popped + outbox->flying;
}

static bool is_waiting(const struct cw_outbox *outbox, uint64_t slot)
{
    return slot >= first_slot(outbox) && slot < end_slot(outbox);
}

static struct cw_buf *frame_in(const struct cw_outbox *outbox, uint64_t slot)
{
    return cw_outbox_peek(outbox, (uint32_t)(slot - outbox->popped));
}

static void put(struct cw_outbox *outbox, uint64_t slot, struct cw_buf *frame)
{
    outbox->shed->empty -= frame_in(outbox, slot) == &nothing;
    outbox->shed->empty += frame == &nothing;
    cw_outbox_replace(outbox, (uint32_t)(slot - outbox->popped), frame);
}

static int create(struct cw_outbox *outbox)
{
    struct cw_shed *shed = calloc(1, sizeof(*shed));
    if (shed == NULL)
        return CW_ERR_NOMEM;
    shed->oldest_slot = shed->latest_slot = first_slot(outbox);
    outbox->shed = shed;
    return CW_OK;
}

/* --- traces ---------------------------------------------------------------------------------- */

static bool is_dead(const struct cw_outbox *outbox, const struct trace *trace)
{
    return !(trace->has_newest && is_waiting(outbox, trace->newest)) &&
           !(trace->has_hole && (!trace->is_told || is_waiting(outbox, trace->gap)));
}

/* Makes room for one more. */
static int reserve(struct cw_outbox *outbox)
{
    struct cw_shed *shed = outbox->shed;
    if (shed->count < shed->capacity)
        return CW_OK;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < shed->count; i++)
        if (!is_dead(outbox, &shed->traces[i]))
            shed->traces[kept++] = shed->traces[i];
    shed->count = kept;
    if (kept <= shed->capacity / 2 && shed->capacity > 0)
        return CW_OK;
    uint32_t capacity = shed->capacity == 0 ? 4 : shed->capacity * 2;
    struct trace *grown = realloc(shed->traces, capacity * sizeof(*grown));
    if (grown == NULL)
        return CW_ERR_NOMEM;
    shed->traces = grown;
    shed->capacity = capacity;
    return CW_OK;
}

/* The trace that grows; NULL: none. */
static struct trace *find_trace(const struct cw_shed *shed, uint64_t log, uint8_t policy)
{
    for (uint32_t i = 0; i < shed->count; i++) {
        struct trace *trace = &shed->traces[i];
        if (trace->log == log && trace->policy == policy && !trace->is_closed)
            return trace;
    }
    return NULL;
}

static struct trace *open_trace(struct cw_outbox *outbox, uint64_t log, uint8_t policy)
{
    struct trace *trace = find_trace(outbox->shed, log, policy);
    if (trace != NULL)
        return trace;
    if (reserve(outbox) != CW_OK)
        return NULL;
    trace = &outbox->shed->traces[outbox->shed->count++];
    *trace = (struct trace){.log = log, .policy = policy};
    return trace;
}

/* A frame that stays was passed: what goes after it is another hole. */
static void pass(struct cw_shed *shed, const struct cw_buf *frame, uint8_t policy)
{
    struct trace *trace = frame->log != CW_LOG_NONE ? find_trace(shed, frame->log, policy) : NULL;
    if (trace != NULL)
        trace->is_closed = true;
}

/* --- what goes ------------------------------------------------------------------------------- */

/* The message in `slot` goes. */
static void drop(struct cw_outbox *outbox, struct trace *trace, uint64_t slot)
{
    const struct cw_buf *frame = frame_in(outbox, slot);
    CW_STAT(client_messages_dropped_total)++;
    if (!trace->has_hole || !is_waiting(outbox, trace->gap)) {
        trace->has_hole = true;
        trace->is_entry = false;
        trace->is_told = true; /* of nothing yet */
    } else {
        put(outbox, trace->gap, cw_buf_ref(&nothing));
    }
    if (frame->is_entry) {
        if (!trace->is_entry)
            trace->first = frame->position;
        trace->last = frame->position;
        trace->is_entry = true;
    }
    outbox->shed->untold += trace->is_told;
    trace->is_told = false;
    trace->gap = slot;
    put(outbox, slot, cw_buf_ref(&gap_place));
}

/* Of each group with `latest`, all but the newest message go. */
static int drop_outdated(struct cw_outbox *outbox)
{
    struct cw_shed *shed = outbox->shed;
    if (shed->latest_slot < first_slot(outbox))
        shed->latest_slot = first_slot(outbox);
    for (; shed->latest_slot < end_slot(outbox); shed->latest_slot++) {
        const struct cw_buf *frame = frame_in(outbox, shed->latest_slot);
        if (frame->slow_policy != CW_SLOW_LATEST) {
            pass(shed, frame, CW_SLOW_LATEST);
            continue;
        }
        struct trace *trace = open_trace(outbox, frame->log, CW_SLOW_LATEST);
        if (trace == NULL)
            return CW_ERR_NOMEM;
        if (trace->has_newest && is_waiting(outbox, trace->newest))
            drop(outbox, trace, trace->newest);
        trace->newest = shed->latest_slot;
        trace->has_newest = true;
    }
    return CW_OK;
}

/* The oldest message with `drop-oldest` goes. 0: there is none. */
static int drop_oldest(struct cw_outbox *outbox)
{
    struct cw_shed *shed = outbox->shed;
    if (shed->oldest_slot < first_slot(outbox))
        shed->oldest_slot = first_slot(outbox);
    for (; shed->oldest_slot < end_slot(outbox); shed->oldest_slot++) {
        const struct cw_buf *frame = frame_in(outbox, shed->oldest_slot);
        if (frame->slow_policy != CW_SLOW_DROP_OLDEST) {
            pass(shed, frame, CW_SLOW_DROP_OLDEST);
            continue;
        }
        struct trace *trace = open_trace(outbox, frame->log, CW_SLOW_DROP_OLDEST);
        if (trace == NULL)
            return CW_ERR_NOMEM;
        drop(outbox, trace, shed->oldest_slot++);
        return 1;
    }
    return 0;
}

/* The oldest of the messages that `latest` had kept goes. 0: there is none. */
static int drop_latest(struct cw_outbox *outbox)
{
    struct trace *oldest = NULL;
    for (uint32_t i = 0; i < outbox->shed->count; i++) {
        struct trace *trace = &outbox->shed->traces[i];
        if (trace->has_newest && is_waiting(outbox, trace->newest) &&
            (oldest == NULL || trace->newest < oldest->newest))
            oldest = trace;
    }
    if (oldest == NULL)
        return 0;
    drop(outbox, oldest, oldest->newest);
    oldest->has_newest = false;
    return 1;
}

/* One frame always fits. */
static bool is_over(const struct cw_outbox *outbox, const struct cw_buf *frame, size_t limit_bytes)
{
    uint32_t live = outbox->bytes - outbox->paced;
    return live > limit_bytes && live != frame->size;
}

/* `frame` was queued; makes room for it. */
static int make_room(struct cw_outbox *outbox, const struct cw_buf *frame, size_t limit_bytes)
{
    int rc = drop_outdated(outbox);
    while (rc >= 0 && is_over(outbox, frame, limit_bytes)) {
        rc = drop_oldest(outbox);
        if (rc == 0)
            rc = drop_latest(outbox);
        if (rc == 0)
            return CW_ERR_FULL;
    }
    return rc < 0 ? rc : CW_OK;
}

int cw_shed_push(struct cw_outbox *outbox, struct cw_buf *frame, size_t limit_bytes)
{
    int rc = outbox->shed != NULL ? CW_OK : create(outbox);
    if (rc == CW_OK)
        rc = cw_outbox_push(outbox, frame, SIZE_MAX);
    if (rc != CW_OK)
        return rc;
    rc = make_room(outbox, frame, limit_bytes);
    if (rc == CW_OK)
        return CW_OK;
    cw_outbox_cut(outbox, 1); /* it is not among what went: then there would be room */
    if (outbox->shed->oldest_slot > end_slot(outbox))
        outbox->shed->oldest_slot = end_slot(outbox);
    if (outbox->shed->latest_slot > end_slot(outbox))
        outbox->shed->latest_slot = end_slot(outbox);
    return rc;
}

/* --- telling --------------------------------------------------------------------------------- */

bool cw_shed_next_hole(const struct cw_outbox *outbox, struct cw_hole *ret_hole)
{
    const struct cw_shed *shed = outbox->shed;
    if (shed == NULL || shed->untold == 0)
        return false;
    uint32_t i = 0;
    while (!shed->traces[i].has_hole || shed->traces[i].is_told)
        i++;
    const struct trace *trace = &shed->traces[i];
    *ret_hole = (struct cw_hole){.log = trace->log, .trace = i};
    if (trace->is_entry)
        ret_hole->last = trace->last;
    return true;
}

void cw_shed_tell(struct cw_outbox *outbox, const struct cw_hole *hole, struct cw_buf *gap)
{
    struct trace *trace = &outbox->shed->traces[hole->trace];
    trace->is_told = true;
    outbox->shed->untold--;
    if (gap == NULL) {
        trace->has_hole = trace->is_entry = false;
        put(outbox, trace->gap, cw_buf_ref(&nothing));
        return;
    }
    CW_STAT(client_drop_gaps_total)++;
    gap->log = trace->log;
    gap->position = trace->first;
    gap->is_entry = trace->is_entry;
    outbox->paced += gap->size; /* it takes no room from what comes live */
    put(outbox, trace->gap, gap);
}

void cw_shed_trim(struct cw_outbox *outbox)
{
    while (outbox->count > 0 && outbox->flying == 0 && cw_outbox_front(outbox) == &nothing)
        (void)cw_buf_unref(cw_outbox_pop(outbox));
}

int cw_shed_remember(struct cw_outbox *outbox, uint64_t log, struct cw_bytes name)
{
    if (cw_shed_find_name(outbox, log) != NULL)
        return CW_OK;
    struct departed *departed = malloc(sizeof(*departed) + name.size + 1);
    if (departed == NULL || (outbox->shed == NULL && create(outbox) != CW_OK)) {
        free(departed);
        return CW_ERR_NOMEM;
    }
    departed->log = log;
    memcpy(departed->name, name.data, name.size);
    departed->name[name.size] = '\0';
    departed->next = outbox->shed->departed;
    outbox->shed->departed = departed;
    return CW_OK;
}

const char *cw_shed_find_name(const struct cw_outbox *outbox, uint64_t log)
{
    if (outbox->shed == NULL)
        return NULL;
    const struct departed *departed = outbox->shed->departed;
    while (departed != NULL && departed->log != log)
        departed = departed->next;
    return departed != NULL ? departed->name : NULL;
}

bool cw_shed_find_unwritten(const struct cw_outbox *outbox, uint64_t log,
                            struct cw_position *ret_first)
{
    const struct cw_shed *shed = outbox->shed;
    uint64_t found = UINT64_MAX;
    for (uint32_t i = 0; i < outbox->count && found == UINT64_MAX; i++) {
        const struct cw_buf *frame = cw_outbox_peek(outbox, i);
        if (frame->log != log || !frame->is_entry)
            continue;
        *ret_first = frame->position;
        found = outbox->popped + i;
    }
    for (uint32_t i = 0; shed != NULL && i < shed->count; i++) {
        const struct trace *trace = &shed->traces[i];
        if (trace->log != log || !trace->is_entry || trace->is_told || trace->gap > found)
            continue;
        *ret_first = trace->first;
        found = trace->gap;
    }
    return found != UINT64_MAX;
}

/* --- everything ------------------------------------------------------------------------------ */

/* Traces of what waits, of each log the first. */
static int trace_everything(struct cw_outbox *outbox)
{
    for (uint64_t slot = first_slot(outbox); slot < end_slot(outbox); slot++) {
        const struct cw_buf *frame = frame_in(outbox, slot);
        if (!frame->is_entry || find_trace(outbox->shed, frame->log, CW_SLOW_CLOSE) != NULL)
            continue;
        struct trace *trace = open_trace(outbox, frame->log, CW_SLOW_CLOSE);
        if (trace == NULL)
            return CW_ERR_NOMEM;
        trace->first = frame->position;
        trace->gap = slot;
        trace->has_hole = trace->is_entry = true;
    }
    return CW_OK;
}

int cw_shed_what_may(struct cw_outbox *outbox)
{
    int rc = outbox->shed != NULL ? CW_OK : create(outbox);
    if (rc == CW_OK)
        rc = drop_outdated(outbox);
    if (rc != CW_OK)
        return rc;
    do
        rc = drop_oldest(outbox);
    while (rc > 0);
    return rc;
}

int cw_shed_everything(struct cw_outbox *outbox)
{
    int rc = outbox->shed != NULL ? CW_OK : create(outbox);
    if (rc == CW_OK)
        rc = trace_everything(outbox);
    if (rc != CW_OK)
        return rc;
    outbox->shed->is_everything = true;
    outbox->shed->untold = 0; /* nothing is written any more that a gap could come before */
    cw_outbox_cut(outbox, outbox->count - outbox->flying);
    return CW_OK;
}

/* --- for the ring ---------------------------------------------------------------------------- */

/* The frame in `from` moves to `to`. */
static void move(struct cw_outbox *outbox, uint64_t from, uint64_t to, struct cw_buf *frame)
{
    struct cw_shed *shed = outbox->shed;
    *cw_outbox_slot(outbox, (uint32_t)(to - outbox->popped)) = frame;
    if (frame != &gap_place &&
        (frame->log == CW_LOG_NONE || frame->slow_policy == CW_SLOW_DROP_OLDEST ||
         (frame->slow_policy == CW_SLOW_LATEST && from >= shed->latest_slot)))
        return; /* no trace knows it */
    for (uint32_t i = 0; i < shed->count; i++) {
        struct trace *trace = &shed->traces[i];
        if (trace->has_newest && trace->newest == from)
            trace->newest = to;
        if (trace->has_hole && trace->gap == from)
            trace->gap = to;
    }
}

bool cw_shed_compact(struct cw_outbox *outbox)
{
    struct cw_shed *shed = outbox->shed;
    if (shed == NULL || shed->empty == 0 || shed->empty < outbox->count / 2)
        return false;
    uint64_t end = end_slot(outbox);
    uint64_t to = first_slot(outbox);
    uint64_t oldest_slot = shed->oldest_slot < end ? shed->oldest_slot : end;
    uint64_t latest_slot = shed->latest_slot < end ? shed->latest_slot : end;
    uint64_t oldest_went = 0, latest_went = 0; /* empty slots before each */
    uint32_t went = 0;
    for (uint64_t slot = to; slot < end; slot++) {
        struct cw_buf *frame = frame_in(outbox, slot);
        if (frame != &nothing) {
            move(outbox, slot, to++, frame);
            continue;
        }
        (void)cw_buf_unref(frame);
        oldest_went += slot < oldest_slot;
        latest_went += slot < latest_slot;
        went++;
    }
    shed->oldest_slot = oldest_slot - oldest_went;
    shed->latest_slot = latest_slot - latest_went;
    shed->empty -= went; /* those at the socket stay */
    outbox->count -= went;
    return outbox->count < outbox->capacity;
}

void cw_shed_on_pop(struct cw_outbox *outbox, const struct cw_buf *frame)
{
    outbox->shed->empty -= frame == &nothing;
    if (outbox->count == 0 && !outbox->shed->is_everything)
        cw_shed_destroy(outbox);
}

void cw_shed_destroy(struct cw_outbox *outbox)
{
    struct cw_shed *shed = outbox->shed;
    if (shed == NULL)
        return;
    struct departed *departed;
    while ((departed = shed->departed) != NULL) {
        shed->departed = departed->next;
        free(departed);
    }
    free(shed->traces);
    free(shed);
    outbox->shed = NULL;
}
