/*
 * interest.c - which groups this node wants to hear from.
 *
 * The first member of a group makes the node SSUBSCRIBE; the last to leave makes it SUNSUBSCRIBE
 * after a while, so that a page reload does not cost two round trips. After a lost link everything
 * is subscribed again and each group reads on from its last id before it is live:
 *
 *   (absent) --acquire--> SUBSCRIBING --ack--> SYNCING --position known, history read--> LIVE
 *                              ^                  ^------- a hole in the ids ------------'
 *                              '----------------- link lost (any state) -----------------'
 *
 * While not LIVE what pub/sub brings waits in a bounded buffer; subscribing before reading is what
 * makes this free of holes.
 */
#include "interest.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/probe.h"
#include "base/stats.h"
#include "envelope.h"
#include "functions.h"
#include "history.h"
#include "names.h"
#include "roster.h"

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>

#define READS_MAX                                                                                  \
    64 /* history pages under way at once: bounds memory and keeps Redis' turns short */
#define TICK_MS 500 /* while groups linger, or reads were refused */

struct buffered {
    struct cw_list_node node; /* in cw_interest.buffer */
    size_t size;
    char bytes[];
};

static void describe_interest(const void *object, char *text, size_t size)
{
    const struct cw_interest *interest = object;
    size_t length = strlen(interest->name);
    if (size < 7)
        return;
    memcpy(text, "group=", 6);
    length = length > size - 7 ? size - 7 : length;
    memcpy(text + 6, interest->name, length);
    text[6 + length] = '\0';
}

static struct cw_log_object interest_log(const struct cw_interest *interest)
{
    struct cw_log_object object = {interest, describe_interest};
    return object;
}

static int is_behind(const struct cw_interest *interest)
{
    return interest->state != CW_INTEREST_LIVE;
}

static void set_state(struct cw_interest *interest, enum cw_interest_state state)
{
    static const char *const names[] = {"SUBSCRIBING", "SYNCING", "LIVE"};
    cw_log_debug(interest_log(interest), "%s -> %s", names[interest->state], names[state]);
    CW_STAT(node_groups_behind) += (state != CW_INTEREST_LIVE) - is_behind(interest);
    interest->state = (uint8_t)state;
}

static void drop_buffer(struct cw_interest *interest)
{
    struct cw_list_node *node;
    while ((node = cw_list_pop_front(&interest->buffer)) != NULL)
        free(CW_CONTAINER(node, struct buffered, node));
    interest->buffered_bytes = 0;
    interest->buffered_count = 0;
    interest->covered_count = 0;
}

static void destroy_interest(struct cw_interest *interest)
{
    struct cw_interests *owner = interest->owner;
    CW_STAT(node_groups_behind) -= is_behind(interest);
    cw_list_remove(&interest->in_lingering);
    cw_list_remove(&interest->in_queue);
    cw_list_remove(&interest->in_dirty);
    drop_buffer(interest);
    cw_roster_destroy(interest->roster);
    cw_map_remove(&owner->groups, &interest->in_groups);
    CW_STAT(node_groups) = (int64_t)owner->groups.count;
    free(interest->key);
    free(interest);
}

/* Delivery. */

static void tell_gap(struct cw_interest *interest, const struct cw_gap *gap)
{
    CW_STAT(group_gaps_total)++;
    CW_PROBE3(gap, (const char *)interest->name, gap->last_lost.epoch, gap->last_lost.offset);
    cw_log_warn(interest_log(interest), "gap: messages up to %llu-%llu are lost for good",
                (unsigned long long)gap->last_lost.epoch,
                (unsigned long long)gap->last_lost.offset);
    if (interest->joined > 0 && interest->owner->events.on_gap != NULL)
        interest->owner->events.on_gap(interest->owner->events_arg, interest->local, gap);
}

static void deliver(struct cw_interest *interest, struct cw_message *message)
{
    CW_STAT(group_messages_total)++;
    if (interest->joined == 0)
        return;
    message->group = cw_bytes_text(interest->name);
    interest->owner->events.on_message(interest->owner->events_arg, interest->local, message);
}

static void tell_presence(struct cw_interest *interest, const struct cw_envelope *entry)
{
    struct cw_bytes rest = entry->message.payload;
    struct cw_bytes uuid;
    struct cw_bytes user;
    while (interest->roster != NULL && cw_envelope_next_presence(&rest, &uuid, &user))
        cw_roster_change(interest->roster, entry->is_join, uuid, user);
}

/* False: something is missing before this entry, it was not delivered. */
static bool step(struct cw_interest *interest, struct cw_envelope *entry, bool is_live)
{
    struct cw_gap gap;
    if (entry->is_presence) {
        tell_presence(interest, entry);
        return true;
    }
    if (!entry->message.is_logged) {
        deliver(interest, &entry->message);
        return true;
    }
    switch (cw_history_step(&interest->last, entry, is_live, &gap)) {
    case CW_STEP_READ_HISTORY:
        return false;
    case CW_STEP_DROP:
        CW_STAT(group_duplicates_total)++;
        return true;
    case CW_STEP_GAP:
        interest->last = gap.last_lost; /* so far it has come, if somebody asks now */
        tell_gap(interest, &gap);
        interest->last = entry->message.position;
        break;
    case CW_STEP_DELIVER:
        break;
    }
    deliver(interest, &entry->message);
    return true;
}

static void buffer_message(struct cw_interest *interest, struct cw_bytes bytes)
{
    if (interest->has_overflowed)
        return;
    if (interest->buffered_count >= CW_INTEREST_BUFFER_MESSAGES ||
        interest->buffered_bytes + bytes.size > CW_INTEREST_BUFFER_BYTES) {
        CW_STAT(group_buffer_overflows_total)++;
        drop_buffer(interest);
        interest->has_overflowed = true;
        return;
    }
    struct buffered *buffered = malloc(sizeof(*buffered) + bytes.size);
    if (buffered == NULL) {
        interest->has_overflowed = true;
        return;
    }
    memset(&buffered->node, 0, sizeof(buffered->node));
    buffered->size = bytes.size;
    memcpy(buffered->bytes, bytes.data, bytes.size);
    cw_list_push_back(&interest->buffer, &buffered->node);
    interest->buffered_bytes += bytes.size;
    interest->buffered_count++;
}

/* Reading history. */

static void start_reads(struct cw_interests *interests);

static void set_timer(struct cw_interests *interests)
{
    static const struct timeval tick = {0, TICK_MS * 1000};
    if (!evtimer_pending(interests->timer, NULL))
        (void)evtimer_add(interests->timer, &tick);
}

static void want_history(struct cw_interest *interest)
{
    set_state(interest, CW_INTEREST_SYNCING);
    CW_PROBE2(catch_up, (const char *)interest->name, interest->last.offset);
    if (!interest->is_reading && !cw_list_is_linked(&interest->in_queue))
        cw_list_push_back(&interest->owner->readers, &interest->in_queue);
    start_reads(interest->owner);
}

/* History is read to its end: what waited follows, then it is live; or there is a hole again. What
 * waited already when the reading began was to be read then: if it was not, what is before it is
 * gone, and reading again would not end. */
static void drain_buffer(struct cw_interest *interest)
{
    struct cw_list_node *node;
    while ((node = cw_list_first(&interest->buffer)) != NULL) {
        struct buffered *buffered = CW_CONTAINER(node, struct buffered, node);
        struct cw_envelope entry;
        bool is_live = interest->covered_count == 0;
        bool is_good =
            cw_envelope_decode(cw_bytes_make(buffered->bytes, buffered->size), &entry) == CW_OK;
        if (!is_good)
            CW_STAT(group_bad_envelopes_total)++;
        entry.message.is_recovered = true; /* it waited: a burst comes now, however fast it came */
        if (is_good && !step(interest, &entry, is_live)) {
            want_history(interest);
            return;
        }
        cw_list_remove(node);
        interest->buffered_bytes -= buffered->size;
        interest->buffered_count--;
        interest->covered_count -= !is_live;
        free(buffered);
    }
    if (interest->has_overflowed) {
        interest->has_overflowed = false;
        want_history(interest);
        return;
    }
    set_state(interest, CW_INTEREST_LIVE);
}

/* What is no envelope is missing: the next entry shows a hole. */
static void take_entry(struct cw_interest *interest, const struct cw_history_entry *from)
{
    struct cw_envelope entry = {0};
    if (cw_envelope_decode_body(from->body, &entry.message) != CW_OK) {
        CW_STAT(group_bad_envelopes_total)++;
        return;
    }
    entry.message.is_logged = true;
    entry.message.is_recovered = true;
    entry.message.position = from->position;
    entry.has_predecessor = from->has_predecessor;
    entry.predecessor = from->predecessor;
    (void)step(interest, &entry, false); /* from history: always settled */
    CW_STAT(group_recovered_messages_total)++;
}

/* No page came. With a link the server is of no use, unless the slot of the group is on its way. */
static void fail_read(struct cw_interest *interest, int rc)
{
    struct cw_interests *owner = interest->owner;
    if (!cw_interest_is_served(interest) || interest->state != CW_INTEREST_SYNCING)
        return; /* subscribed anew, it begins again */
    if (rc == CW_ERR_UNAVAILABLE && cw_endpoints_are_many(owner->endpoints)) {
        cw_list_push_back(&owner->readers, &interest->in_queue);
        set_timer(owner);
    } else {
        cw_endpoint_restart(interest->endpoint, "history could not be read");
    }
}

static void on_history(void *arg, int rc, const struct cw_history_page *page)
{
    struct cw_interest *interest = arg;
    struct cw_interests *owner = interest->owner;
    bool is_stale = interest->is_read_stale;
    interest->is_reading = false;
    interest->is_read_stale = false;
    owner->reads_under_way--;
    if (rc == CW_OK && is_stale) {
        if (interest->state == CW_INTEREST_SYNCING)
            want_history(interest);
        return;
    }
    if (rc != CW_OK) {
        fail_read(interest, rc);
        return;
    }
    for (size_t i = 0; i < page->count; i++)
        take_entry(interest, &page->entries[i]);
    bool has_more = page->has_more && page->count > 0;
    struct cw_gap gap;
    /* Behind the page's end also if that is no envelope, or this page would come again. */
    if (cw_history_settle(&interest->last,
                          has_more ? page->entries[page->count - 1].position : page->tip, &gap))
        tell_gap(interest, &gap);
    if (has_more) {
        want_history(interest);
        return;
    }
    drain_buffer(interest);
    owner->on_progress(owner->on_progress_arg, interest);
    start_reads(owner);
}

/* Redis has lost what was told here last: perhaps more than that was acknowledged. What comes next
 * follows `after`, for all who know that. */
static void on_vouched(void *arg, int rc, struct cw_position after)
{
    struct cw_interest *interest = arg;
    interest->is_vouching = false;
    interest->must_vouch = rc != CW_OK;
    if (rc == CW_OK && cw_position_compare(after, interest->last) > 0) {
        const struct cw_gap gap = {.last_lost = after};
        interest->last = after;
        tell_gap(interest, &gap);
    }
}

/* What was acknowledged to somebody here may never have come by the topic. */
static struct cw_position last_known(const struct cw_interest *interest)
{
    return cw_position_compare(interest->acked.position, interest->last) > 0
               ? interest->acked.position
               : interest->last;
}

static int vouch_and_read(struct cw_interest *interest)
{
    struct cw_endpoints *endpoints = interest->owner->endpoints;
    if (interest->must_vouch && !interest->is_vouching) {
        int rc = cw_functions_vouch(endpoints, interest->key, last_known(interest), on_vouched,
                                    interest);
        if (rc != CW_OK)
            return rc;
        interest->is_vouching = true;
    }
    return cw_functions_read(endpoints, interest->key, interest->last, on_history, interest);
}

static void start_reads(struct cw_interests *interests)
{
    struct cw_list_node *node;
    while (interests->reads_under_way < READS_MAX &&
           (node = cw_list_pop_front(&interests->readers)) != NULL) {
        struct cw_interest *interest = CW_CONTAINER(node, struct cw_interest, in_queue);
        if (vouch_and_read(interest) != CW_OK) {
            /* Too much in flight; or no link, and then on_down empties the queue. */
            cw_list_push_back(&interests->readers, &interest->in_queue);
            set_timer(interests);
            return;
        }
        interest->is_reading = true;
        interest->covered_count = interest->buffered_count;
        interests->reads_under_way++;
        CW_STAT(group_recoveries_total)++;
    }
}

/* From the endpoints. */

/* An answer is out that will need it. */
static bool is_awaited(const struct cw_interest *interest)
{
    return interest->is_reading || interest->is_vouching || interest->acked.calls > 0;
}

bool cw_interest_is_served(const struct cw_interest *interest)
{
    return cw_endpoints_serve(interest->owner->endpoints, cw_bytes_text(interest->key));
}

void cw_interests_on_subscribed(struct cw_interests *interests, const struct cw_endpoint *endpoint,
                                struct cw_bytes topic)
{
    struct cw_interest *interest =
        cw_interest_find(interests, cw_key_group(topic, interests->prefix));
    if (interest == NULL || interest->state != CW_INTEREST_SUBSCRIBING ||
        interest->endpoint != endpoint)
        return;
    set_state(interest, CW_INTEREST_SYNCING);
    if (interest->has_position)
        want_history(interest);
    if (interest->roster != NULL)
        cw_roster_refresh(interest->roster);
    interests->on_progress(interests->on_progress_arg, interest);
}

void cw_interests_on_message(struct cw_interests *interests, struct cw_bytes topic,
                             struct cw_bytes bytes)
{
    struct cw_interest *interest =
        cw_interest_find(interests, cw_key_group(topic, interests->prefix));
    if (interest == NULL || interest->state == CW_INTEREST_SUBSCRIBING)
        return;
    if (interest->state == CW_INTEREST_SYNCING) {
        buffer_message(interest, bytes);
        return;
    }
    struct cw_envelope entry;
    if (cw_envelope_decode(bytes, &entry) != CW_OK) {
        CW_STAT(group_bad_envelopes_total)++;
        return;
    }
    if (!step(interest, &entry, true)) {
        buffer_message(interest, bytes);
        want_history(interest);
        return;
    }
    if (!cw_list_is_empty(&interest->waiting))
        interests->on_progress(interests->on_progress_arg, interest);
}

static void subscribe(struct cw_interest *interest)
{
    interest->endpoint = cw_endpoints_of(interest->owner->endpoints, cw_bytes_text(interest->key));
    if (interest->endpoint != NULL)
        (void)cw_endpoint_subscribe(interest->endpoint, interest->key); /* else at its on_up */
}

/* What comes by the topic is not heard any more, until it is subscribed anew. */
static void lose_topic(struct cw_interest *interest)
{
    drop_buffer(interest);
    interest->has_overflowed = false;
    interest->is_read_stale = interest->is_reading;
    cw_list_remove(&interest->in_queue);
    set_state(interest, CW_INTEREST_SUBSCRIBING);
}

/* Where its slot is by then. */
static void subscribe_later(struct cw_interest *interest)
{
    interest->endpoint = NULL;
    interest->owner->has_unsubscribed = true;
    set_timer(interest->owner);
}

static void must_vouch(struct cw_interest *interest)
{
    interest->must_vouch |= interest->has_position && interest->last.epoch > 0;
}

void cw_interests_on_up(struct cw_interests *interests, struct cw_endpoint *endpoint,
                        bool is_same_course)
{
    for (struct cw_map_node *n = cw_map_next(&interests->groups, NULL); n != NULL;
         n = cw_map_next(&interests->groups, n)) {
        struct cw_interest *interest = CW_CONTAINER(n, struct cw_interest, in_groups);
        if (cw_endpoints_of(interests->endpoints, cw_bytes_text(interest->key)) != endpoint)
            continue;
        if (!is_same_course)
            must_vouch(interest);
        subscribe(interest);
    }
}

void cw_interests_on_down(struct cw_interests *interests, const struct cw_endpoint *endpoint)
{
    struct cw_map_node *n = cw_map_next(&interests->groups, NULL);
    while (n != NULL) {
        struct cw_interest *interest = CW_CONTAINER(n, struct cw_interest, in_groups);
        n = cw_map_next(&interests->groups, n);
        if (interest->endpoint != endpoint)
            continue;
        lose_topic(interest);
        if (interest->refs == 0 && !is_awaited(interest))
            destroy_interest(interest);
    }
}

void cw_interests_on_moved(struct cw_interests *interests)
{
    for (struct cw_map_node *n = cw_map_next(&interests->groups, NULL); n != NULL;
         n = cw_map_next(&interests->groups, n)) {
        struct cw_interest *interest = CW_CONTAINER(n, struct cw_interest, in_groups);
        if (cw_endpoints_of(interests->endpoints, cw_bytes_text(interest->key)) ==
            interest->endpoint)
            continue;
        if (interest->endpoint != NULL &&
            !cw_endpoints_keeps(interests->endpoints, interest->endpoint))
            must_vouch(interest);
        lose_topic(interest);
        subscribe(interest);
    }
}

/* Perhaps its slot went and came back. */
void cw_interests_on_unsubscribed(struct cw_interests *interests,
                                  const struct cw_endpoint *endpoint, struct cw_bytes topic)
{
    struct cw_interest *interest =
        cw_interest_find(interests, cw_key_group(topic, interests->prefix));
    if (interest == NULL || interest->endpoint != endpoint ||
        interest->state == CW_INTEREST_SUBSCRIBING)
        return;
    lose_topic(interest);
    subscribe_later(interest);
}

void cw_interests_on_refused(struct cw_interests *interests, const struct cw_endpoint *endpoint)
{
    for (struct cw_map_node *n = cw_map_next(&interests->groups, NULL); n != NULL;
         n = cw_map_next(&interests->groups, n)) {
        struct cw_interest *interest = CW_CONTAINER(n, struct cw_interest, in_groups);
        if (interest->endpoint == endpoint && interest->state == CW_INTEREST_SUBSCRIBING)
            subscribe_later(interest);
    }
}

static void subscribe_those_without(struct cw_interests *interests)
{
    interests->has_unsubscribed = false;
    for (struct cw_map_node *n = cw_map_next(&interests->groups, NULL); n != NULL;
         n = cw_map_next(&interests->groups, n)) {
        struct cw_interest *interest = CW_CONTAINER(n, struct cw_interest, in_groups);
        if (interest->endpoint == NULL)
            subscribe(interest);
    }
}

/* Acquire and release. */

static struct cw_bytes key_of_interest(const struct cw_map_node *node)
{
    const struct cw_interest *interest = CW_CONST_CONTAINER(node, struct cw_interest, in_groups);
    return cw_bytes_text(interest->name);
}

struct cw_interest *cw_interest_find(const struct cw_interests *interests, struct cw_bytes group)
{
    struct cw_map_node *node = cw_map_find(&interests->groups, group);
    return node == NULL ? NULL : CW_CONTAINER(node, struct cw_interest, in_groups);
}

static struct cw_interest *create_interest(struct cw_interests *interests, struct cw_bytes group)
{
    char key[CW_KEY_MAX];
    struct cw_interest *interest = calloc(1, sizeof(*interest) + group.size + 1);
    if (interest == NULL)
        return NULL;
    memcpy(interest->name, group.data, group.size);
    (void)cw_key_write(key, interests->prefix, 'g', group);
    interest->key = strdup(key);
    interest->owner = interests;
    cw_list_init(&interest->waiting);
    cw_list_init(&interest->joining);
    cw_list_init(&interest->leaving);
    cw_list_init(&interest->buffer);
    if (interest->key == NULL || cw_map_add(&interests->groups, &interest->in_groups) != CW_OK) {
        free(interest->key);
        free(interest);
        return NULL;
    }
    CW_STAT(node_groups_behind) += is_behind(interest);
    CW_STAT(node_groups) = (int64_t)interests->groups.count;
    return interest;
}

int cw_interest_acquire(struct cw_interests *interests, struct cw_bytes group,
                        struct cw_interest **ret_interest)
{
    struct cw_interest *interest = cw_interest_find(interests, group);
    if (interest == NULL) {
        interest = create_interest(interests, group);
        if (interest == NULL)
            return CW_ERR_NOMEM;
        subscribe(interest);
    }
    cw_list_remove(&interest->in_lingering);
    interest->refs++;
    *ret_interest = interest;
    return CW_OK;
}

void cw_interest_release(struct cw_interest *interest)
{
    struct cw_interests *interests = interest->owner;
    if (--interest->refs > 0)
        return;
    interest->linger_until_ms = cw_clock_ms() + CW_INTEREST_LINGER_MS;
    cw_list_remove(&interest->in_lingering); /* held for a moment while it lingered */
    cw_list_push_back(&interests->lingering, &interest->in_lingering);
    set_timer(interests);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct cw_interests *interests = arg;
    struct cw_list_node *node;
    int64_t now = cw_clock_ms();
    (void)fd;
    (void)what;
    while ((node = cw_list_first(&interests->lingering)) != NULL) {
        struct cw_interest *interest = CW_CONTAINER(node, struct cw_interest, in_lingering);
        bool waits_for_ack =
            interest->state == CW_INTEREST_SUBSCRIBING && cw_interest_is_served(interest);
        if (interest->linger_until_ms > now || waits_for_ack || is_awaited(interest))
            break;
        if (interest->endpoint != NULL)
            cw_endpoint_unsubscribe(interest->endpoint, interest->key);
        destroy_interest(interest);
    }
    if (interests->has_unsubscribed)
        subscribe_those_without(interests);
    start_reads(interests); /* those that were refused */
    if (!cw_list_is_empty(&interests->lingering))
        set_timer(interests);
}

/* Presence. */

void cw_interest_watch(struct cw_interest *interest)
{
    interest->watchers++;
    if (interest->roster == NULL && cw_roster_create(interest, &interest->roster) != CW_OK)
        cw_log_warn(interest_log(interest), "no memory for its roster: presence is not told");
}

void cw_interest_unwatch(struct cw_interest *interest)
{
    if (--interest->watchers > 0)
        return;
    cw_roster_destroy(interest->roster);
    interest->roster = NULL;
}

/* Positions. */

void cw_interest_learn_tip(struct cw_interest *interest, struct cw_position tip)
{
    struct cw_interests *owner = interest->owner;
    bool is_first = !interest->has_position && interest->state == CW_INTEREST_SYNCING;
    if (is_first) {
        interest->has_position = true;
        interest->last = tip;
        set_state(interest, CW_INTEREST_LIVE);
    }
    owner->on_progress(owner->on_progress_arg, interest);
    if (is_first) { /* after those who joined at `tip` began to get messages */
        drain_buffer(interest);
        owner->on_progress(owner->on_progress_arg, interest);
    }
}

bool cw_interest_has_reached(const struct cw_interest *interest, struct cw_position target)
{
    return interest->state == CW_INTEREST_LIVE && interest->has_position &&
           cw_position_compare(interest->last, target) >= 0;
}

struct cw_history_limits cw_interest_limits(const struct cw_interests *interests,
                                            struct cw_bytes group)
{
    struct cw_history_limits limits = {
        .size = 100, .ttl_ms = 300000, .bytes = 8 << 20, .keys_max = 100000};
    if (interests->events.history != NULL)
        limits = interests->events.history(interests->events_arg, group);
    limits.payload_max = interests->payload_max;
    return limits;
}

int cw_interests_init(struct cw_interests *interests, struct event_base *base,
                      struct cw_endpoints *endpoints, const char *prefix)
{
    memset(interests, 0, sizeof(*interests));
    interests->base = base;
    interests->endpoints = endpoints;
    interests->prefix = prefix;
    cw_map_init(&interests->groups, key_of_interest);
    cw_list_init(&interests->lingering);
    cw_list_init(&interests->readers);
    interests->timer = evtimer_new(base, on_timer, interests);
    return interests->timer == NULL ? CW_ERR_NOMEM : CW_OK;
}

void cw_interests_finish(struct cw_interests *interests)
{
    struct cw_map_node *n = cw_map_next(&interests->groups, NULL);
    while (n != NULL) {
        struct cw_interest *interest = CW_CONTAINER(n, struct cw_interest, in_groups);
        n = cw_map_next(&interests->groups, n);
        destroy_interest(interest);
    }
    cw_map_finish(&interests->groups);
    if (interests->timer != NULL)
        event_free(interests->timer);
}
