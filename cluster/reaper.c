/*
 * reaper.c - one job at a time: a dead node, or this node's own set.
 *
 *   IDLE --a dead node, or a sweep is needed--> PAGE --uuids--> TELL --> DETACH --> LEAVE -->
 * FORGET ^                                           ^ '-- no `disconnect`s --^ | |
 * '----------------------------------------------|
 *    '--- no uuids left, or any error (the next tick begins again) -----------------------------'
 */
#include "reaper.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "event_stream.h"
#include "functions.h"
#include "lease.h"
#include "names.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS        1000
#define TICK_JITTER_MS 500
/* Channels at once: bursts so short that other clients' messages hardly wait for them. */
#define PAGE 16

enum reaper_state { REAPER_IDLE, REAPER_WORKING };

struct left_group {
    char name[CW_GROUP_NAME_MAX + 1];
    char uuid[CW_UUID_TEXT_SIZE];
};

struct cw_reaper {
    struct cw_registry *registry;
    struct cw_event_stream *stream;
    struct event *timer;
    enum reaper_state state;
    bool is_own_sweep; /* the job is this node's own set: local channels are spared */
    bool has_skipped;  /* own sweep: there were more than fit into a page */
    bool tells;        /* writes `disconnect`s */
    char node_id[CW_NODE_ID_MAX];
    char cursor[24]; /* own sweep: of SSCAN */
    char uuids[PAGE][CW_UUID_TEXT_SIZE];
    size_t uuid_count;
    struct left_group *left; /* what the page's channels have to leave; grows, kept */
    size_t left_count, left_capacity;
    size_t calls; /* answers of this step that are still out */
    bool has_failed;
    void (*on_gone)(void *arg); /* a dead node was cleaned up; NULL: nobody asks */
    void *arg;
};

static void set_timer(struct cw_reaper *reaper)
{
    int64_t ms = TICK_MS + cw_random_below(TICK_JITTER_MS);
    struct timeval interval = {ms / 1000, (ms % 1000) * 1000};
    (void)event_add(reaper->timer, &interval);
}

static void set_key(const struct cw_reaper *reaper, char key[CW_KEY_MAX + 2])
{
    size_t length =
        cw_key_write(key, reaper->registry->prefix, 'n', cw_bytes_text(reaper->node_id));
    (void)snprintf(key + length, 3, ":c");
}

static void end_job(struct cw_reaper *reaper)
{
    reaper->state = REAPER_IDLE;
    if (reaper->is_own_sweep && (reaper->has_failed || reaper->has_skipped)) {
        reaper->registry->needs_sweep = true;
        reaper->stream->has_lost_disconnect |= reaper->tells;
    }
}

static void fail_job(struct cw_reaper *reaper)
{
    reaper->has_failed = true;
    end_job(reaper);
}

static void next_page(struct cw_reaper *reaper);

/* Of this node's own set: the channel was resumed or shown here since its page was read. */
static bool is_back(const struct cw_reaper *reaper, const char *uuid)
{
    return reaper->is_own_sweep && cw_registry_shows(reaper->registry, cw_bytes_text(uuid));
}

/* FORGET: out of the node's set, last. */

static void on_forgotten(void *arg, int rc)
{
    struct cw_reaper *reaper = arg;
    if (rc != CW_OK)
        fail_job(reaper);
    else if (reaper->is_own_sweep && strcmp(reaper->cursor, "0") == 0)
        end_job(reaper);
    else
        next_page(reaper);
}

static void forget_page(struct cw_reaper *reaper)
{
    struct cw_bytes args[2 + PAGE];
    char key[CW_KEY_MAX + 2];
    size_t count = 2;
    set_key(reaper, key);
    args[0] = cw_bytes_text("SREM");
    args[1] = cw_bytes_text(key);
    for (size_t i = 0; i < reaper->uuid_count; i++)
        if (!is_back(reaper, reaper->uuids[i]))
            args[count++] = cw_bytes_text(reaper->uuids[i]);
    CW_STAT(registry_reaped_total) += count - 2;
    if (count == 2)
        on_forgotten(reaper, CW_OK);
    else if (cw_functions_command(reaper->registry->endpoints, args, count, on_forgotten, reaper) !=
             CW_OK)
        fail_job(reaper);
}

/* DETACH, of every channel of the page; `mode` as in cw_functions_detach. */

struct detaching {
    struct cw_reaper *reaper;
    char uuid[CW_UUID_TEXT_SIZE];
};

static void send_detach(struct cw_reaper *reaper, const char *uuid, const char *mode,
                        cw_detached_fn fn)
{
    char key[CW_KEY_MAX];
    int64_t resume_s = reaper->registry->session_ttl_s;
    if (is_back(reaper, uuid))
        return;
    if (reaper->is_own_sweep && cw_registry_find(reaper->registry, cw_bytes_text(uuid)) != NULL)
        resume_s = 0; /* it is hidden: nobody may find it */
    struct detaching *detaching = calloc(1, sizeof(*detaching));
    if (detaching == NULL) {
        reaper->has_failed = true;
        return;
    }
    detaching->reaper = reaper;
    (void)snprintf(detaching->uuid, sizeof(detaching->uuid), "%s", uuid);
    (void)cw_key_write(key, reaper->registry->prefix, 'c', cw_bytes_text(uuid));
    if (cw_functions_detach(reaper->registry->endpoints, key, reaper->node_id, resume_s, mode, NULL,
                            0, fn, detaching) == CW_OK) {
        reaper->calls++;
    } else {
        free(detaching);
        reaper->has_failed = true;
    }
}

/* What has to follow is done when the last answer has come; the first call is the caller's own. */
static void send_detaches(struct cw_reaper *reaper, const char *mode, cw_detached_fn fn)
{
    reaper->calls = 1;
    for (size_t i = 0; i < reaper->uuid_count && !reaper->has_failed; i++)
        send_detach(reaper, reaper->uuids[i], mode, fn);
}

/* FINISH: the groups are left, now the hashes may go. Twice, for what a reaper that stops half way
 * has not left is still named by the hash. */

static void end_finish(struct cw_reaper *reaper)
{
    if (--reaper->calls > 0)
        return;
    if (reaper->has_failed)
        fail_job(reaper);
    else
        forget_page(reaper);
}

static void on_finished(void *arg, int rc, const struct cw_detached *detached)
{
    struct detaching *detaching = arg;
    struct cw_reaper *reaper = detaching->reaper;
    (void)detached;
    reaper->has_failed |= rc != CW_OK;
    free(detaching);
    end_finish(reaper);
}

static void finish_page(struct cw_reaper *reaper)
{
    send_detaches(reaper, NULL, on_finished);
    end_finish(reaper);
}

/* LEAVE: every group of every channel of the page, in batches per group. */

static int compare_left(const void *a, const void *b)
{
    return strcmp(((const struct left_group *)a)->name, ((const struct left_group *)b)->name);
}

static void on_left(void *arg, int rc)
{
    struct cw_reaper *reaper = arg;
    reaper->has_failed |= rc != CW_OK;
    if (--reaper->calls > 0)
        return;
    if (reaper->has_failed)
        fail_job(reaper);
    else
        finish_page(reaper);
}

/* How many entries of the list it was about. */
static size_t leave_one_group(struct cw_reaper *reaper, size_t first)
{
    const char *uuids[CW_FUNCTIONS_BATCH];
    char key[CW_KEY_MAX];
    size_t seen = 0;
    size_t count = 0;
    const char *name = reaper->left[first].name;
    for (; first + seen < reaper->left_count && count < CW_FUNCTIONS_BATCH &&
           strcmp(reaper->left[first + seen].name, name) == 0;
         seen++)
        if (!is_back(reaper, reaper->left[first + seen].uuid))
            uuids[count++] = reaper->left[first + seen].uuid;
    if (count == 0)
        return seen;
    (void)cw_key_write(key, reaper->registry->prefix, 'g', cw_bytes_text(name));
    if (cw_functions_leave(reaper->registry->endpoints, key, reaper->node_id, uuids, count, on_left,
                           reaper) == CW_OK)
        reaper->calls++;
    else
        reaper->has_failed = true;
    return seen;
}

static void leave_groups(struct cw_reaper *reaper)
{
    if (reaper->left_count > 0)
        qsort(reaper->left, reaper->left_count, sizeof(reaper->left[0]), compare_left);
    reaper->calls = 1; /* not done before all are sent */
    for (size_t i = 0; i < reaper->left_count;)
        i += leave_one_group(reaper, i);
    on_left(reaper, CW_OK);
}

/* DETACH: each channel of the page, if it is still the dead node's. */

static bool add_left(struct cw_reaper *reaper, struct cw_bytes group, const char *uuid)
{
    if (!cw_group_name_is_valid(group))
        return true;
    if (reaper->left_count == reaper->left_capacity) {
        size_t capacity = reaper->left_capacity == 0 ? 256 : reaper->left_capacity * 2;
        struct left_group *grown = realloc(reaper->left, capacity * sizeof(*grown));
        if (grown == NULL)
            return false;
        reaper->left = grown;
        reaper->left_capacity = capacity;
    }
    struct left_group *left = &reaper->left[reaper->left_count++];
    (void)snprintf(left->name, sizeof(left->name), "%.*s", (int)group.size, group.data);
    (void)snprintf(left->uuid, sizeof(left->uuid), "%s", uuid);
    return true;
}

static void end_detach(struct cw_reaper *reaper)
{
    if (--reaper->calls > 0)
        return;
    if (reaper->has_failed)
        fail_job(reaper);
    else
        leave_groups(reaper);
}

static void on_detached(void *arg, int rc, const struct cw_detached *detached)
{
    struct detaching *detaching = arg;
    struct cw_reaper *reaper = detaching->reaper;
    if (rc != CW_OK)
        reaper->has_failed = true;
    else /* also those that another node owns now: it may have died before its own joins */
        for (size_t i = 0; i < detached->group_count; i++)
            reaper->has_failed |= !add_left(reaper, detached->groups[i], detaching->uuid);
    free(detaching);
    end_detach(reaper);
}

static void detach_page(struct cw_reaper *reaper)
{
    reaper->left_count = 0;
    send_detaches(reaper, "reap", on_detached);
    end_detach(reaper);
}

/* TELL: the `disconnect` of each channel of the page that is still the node's. */

struct telling {
    struct cw_reaper *reaper;
    char uuid[CW_UUID_TEXT_SIZE];
};

static void end_tell(struct cw_reaper *reaper)
{
    if (--reaper->calls > 0)
        return;
    if (reaper->has_failed)
        fail_job(reaper);
    else
        detach_page(reaper);
}

/* Refused by Redis: the queue keeps it. */
static void on_told(void *arg, int rc)
{
    struct cw_reaper *reaper = arg;
    reaper->has_failed |= rc != CW_OK && !cw_registry_may_write(reaper->registry);
    end_tell(reaper);
}

static void tell_of(struct cw_reaper *reaper, const char *uuid, struct cw_bytes user,
                    struct cw_bytes generation)
{
    struct cw_stream_record record = {.kind = CW_STREAM_DISCONNECT};
    record.fields[CW_STREAM_FIELD_CHANNEL] = cw_bytes_text(uuid);
    record.fields[CW_STREAM_FIELD_NODE] = cw_bytes_text(reaper->node_id);
    record.fields[CW_STREAM_FIELD_GEN] = generation;
    record.fields[CW_STREAM_FIELD_USER] = user;
    record.fields[CW_STREAM_FIELD_CODE] = cw_bytes_text("1006");
    record.fields[CW_STREAM_FIELD_REASON] = cw_bytes_text("its node is gone");
    if (cw_event_stream_push(reaper->stream, &record, on_told, reaper) == CW_OK)
        reaper->calls++;
}

static void on_owner(void *arg, int rc, const struct cw_bytes *strings, size_t count)
{
    struct telling *telling = arg;
    struct cw_reaper *reaper = telling->reaper;
    if (rc != CW_OK || count != 3)
        reaper->has_failed = true;
    else if (cw_bytes_is(strings[0], reaper->node_id))
        tell_of(reaper, telling->uuid, strings[1], strings[2]);
    free(telling);
    end_tell(reaper);
}

static void tell_page(struct cw_reaper *reaper)
{
    reaper->calls = 1; /* not done before all are sent */
    for (size_t i = 0; i < reaper->uuid_count && !reaper->has_failed; i++) {
        struct telling *telling = calloc(1, sizeof(*telling));
        char key[CW_KEY_MAX];
        if (telling == NULL) {
            reaper->has_failed = true;
            break;
        }
        telling->reaper = reaper;
        (void)snprintf(telling->uuid, sizeof(telling->uuid), "%s", reaper->uuids[i]);
        (void)cw_key_write(key, reaper->registry->prefix, 'c', cw_bytes_text(telling->uuid));
        struct cw_bytes args[] = {cw_bytes_text("HMGET"), cw_bytes_text(key), cw_bytes_text("node"),
                                  cw_bytes_text("user"), cw_bytes_text("gen")};
        if (cw_functions_strings(reaper->registry->endpoints, args, 5, on_owner, telling) ==
            CW_OK) {
            reaper->calls++;
        } else {
            free(telling);
            reaper->has_failed = true;
        }
    }
    end_tell(reaper);
}

static void work_on_page(struct cw_reaper *reaper)
{
    if (reaper->tells)
        tell_page(reaper);
    else
        detach_page(reaper);
}

/* PAGE: some of the node's channels. */

static void take_uuids(struct cw_reaper *reaper, const struct cw_bytes *uuids, size_t count)
{
    reaper->uuid_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!cw_uuid_is_valid(uuids[i]))
            continue;
        if (reaper->is_own_sweep && cw_registry_shows(reaper->registry, uuids[i]))
            continue;
        if (reaper->uuid_count == PAGE) {
            reaper->has_skipped = true;
            break;
        }
        (void)snprintf(reaper->uuids[reaper->uuid_count++], CW_UUID_TEXT_SIZE, "%.*s",
                       (int)uuids[i].size, uuids[i].data);
    }
}

static void on_gone(void *arg, int rc)
{
    struct cw_reaper *reaper = arg;
    if (rc == CW_OK)
        cw_log_info(cw_log_node(), "node %s is cleaned up", reaper->node_id);
    if (rc == CW_OK && reaper->on_gone != NULL)
        reaper->on_gone(reaper->arg);
    end_job(reaper);
}

/* Nothing of it is left: off the list. */
static void unlist(struct cw_reaper *reaper)
{
    char key[CW_KEY_MAX];
    (void)snprintf(key, sizeof(key), "%s:nodes", reaper->registry->prefix);
    struct cw_bytes args[] = {cw_bytes_text("FCALL"), cw_bytes_text("cw_node_list"),
                              cw_bytes_text("1"), cw_bytes_text(key),
                              cw_bytes_text(reaper->node_id)};
    if (cw_functions_command(reaper->registry->endpoints, args, 5, on_gone, reaper) != CW_OK)
        fail_job(reaper);
}

static void on_random_page(void *arg, int rc, const struct cw_bytes *uuids, size_t count)
{
    struct cw_reaper *reaper = arg;
    if (rc != CW_OK) {
        fail_job(reaper);
        return;
    }
    take_uuids(reaper, uuids, count);
    if (reaper->uuid_count == 0)
        unlist(reaper);
    else
        work_on_page(reaper);
}

static void on_own_page(void *arg, int rc, struct cw_bytes cursor, const struct cw_bytes *uuids,
                        size_t count)
{
    struct cw_reaper *reaper = arg;
    if (rc != CW_OK || cursor.size >= sizeof(reaper->cursor)) {
        fail_job(reaper);
        return;
    }
    (void)snprintf(reaper->cursor, sizeof(reaper->cursor), "%.*s", (int)cursor.size, cursor.data);
    take_uuids(reaper, uuids, count);
    CW_STAT(registry_repairs_total) += reaper->uuid_count;
    if (reaper->uuid_count > 0)
        work_on_page(reaper);
    else if (strcmp(reaper->cursor, "0") == 0)
        end_job(reaper);
    else
        next_page(reaper);
}

static void next_page(struct cw_reaper *reaper)
{
    char key[CW_KEY_MAX + 2];
    int rc;
    set_key(reaper, key);
    if (reaper->is_own_sweep) {
        rc = cw_functions_scan_set(reaper->registry->endpoints, key, reaper->cursor, on_own_page,
                                   reaper);
    } else {
        char page[8];
        (void)snprintf(page, sizeof(page), "%d", PAGE);
        struct cw_bytes args[] = {cw_bytes_text("SRANDMEMBER"), cw_bytes_text(key),
                                  cw_bytes_text(page)};
        rc = cw_functions_strings(reaper->registry->endpoints, args, 3, on_random_page, reaper);
    }
    if (rc != CW_OK)
        fail_job(reaper);
}

/* IDLE: looking for work. */

static void on_lease_checked(void *arg, int rc, bool is_alive)
{
    struct cw_reaper *reaper = arg;
    if (rc != CW_OK || is_alive) { /* it was late, not dead: its entry is renewed with its lease */
        end_job(reaper);
        return;
    }
    cw_log_info(cw_log_node(), "node %s is dead: taking its channels away", reaper->node_id);
    next_page(reaper);
}

static void start_job(struct cw_reaper *reaper, struct cw_bytes node_id, bool is_own_sweep)
{
    reaper->state = REAPER_WORKING;
    reaper->has_failed = false;
    reaper->has_skipped = false;
    reaper->is_own_sweep = is_own_sweep;
    reaper->tells = cw_event_stream_wants(reaper->stream, CW_STREAM_DISCONNECT);
    if (is_own_sweep) {
        reaper->tells &= reaper->stream->has_lost_disconnect;
        reaper->stream->has_lost_disconnect = false;
    }
    (void)snprintf(reaper->cursor, sizeof(reaper->cursor), "0");
    (void)snprintf(reaper->node_id, sizeof(reaper->node_id), "%.*s", (int)node_id.size,
                   node_id.data);
}

static void on_dead_nodes(void *arg, int rc, const struct cw_bytes *nodes, size_t count)
{
    struct cw_reaper *reaper = arg;
    char key[CW_KEY_MAX];
    if (rc != CW_OK || count == 0 || reaper->state != REAPER_IDLE)
        return;
    struct cw_bytes node = nodes[cw_random_below((uint32_t)count)];
    if (node.size >= CW_NODE_ID_MAX || cw_bytes_is(node, reaper->registry->node_id))
        return;
    start_job(reaper, node, false);
    (void)cw_key_write(key, reaper->registry->prefix, 'n', node);
    struct cw_bytes args[] = {cw_bytes_text("EXISTS"), cw_bytes_text(key)};
    if (cw_functions_flag(reaper->registry->endpoints, args, 2, on_lease_checked, reaper) != CW_OK)
        fail_job(reaper);
}

static void look_for_dead_nodes(struct cw_reaper *reaper)
{
    char key[CW_KEY_MAX];
    (void)snprintf(key, sizeof(key), "%s:nodes", reaper->registry->prefix);
    struct cw_bytes args[] = {cw_bytes_text("FCALL_RO"), cw_bytes_text("cw_node_dead"),
                              cw_bytes_text("1"), cw_bytes_text(key)};
    (void)cw_functions_strings(reaper->registry->endpoints, args, 4, on_dead_nodes, reaper);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct cw_reaper *reaper = arg;
    struct cw_registry *registry = reaper->registry;
    (void)fd;
    (void)what;
    set_timer(reaper);
    if (!cw_registry_may_write(registry))
        return;
    registry->on_tick(registry->arg);
    if (registry->is_suspect)
        cw_registry_announce_all(registry);
    if (reaper->state != REAPER_IDLE)
        return;
    if (registry->needs_sweep) {
        registry->needs_sweep = false;
        start_job(reaper, cw_bytes_text(registry->node_id), true);
        next_page(reaper);
        return;
    }
    look_for_dead_nodes(reaper);
}

int cw_reaper_create(struct event_base *base, struct cw_registry *registry,
                     struct cw_event_stream *stream, struct cw_reaper **ret_reaper)
{
    struct cw_reaper *reaper = calloc(1, sizeof(*reaper));
    if (reaper == NULL)
        return CW_ERR_NOMEM;
    reaper->registry = registry;
    reaper->stream = stream;
    reaper->timer = evtimer_new(base, on_timer, reaper);
    if (reaper->timer == NULL) {
        free(reaper);
        return CW_ERR_NOMEM;
    }
    *ret_reaper = reaper;
    return CW_OK;
}

void cw_reaper_destroy(struct cw_reaper *reaper)
{
    if (reaper == NULL)
        return;
    event_free(reaper->timer);
    free(reaper->left);
    free(reaper);
}

void cw_reaper_set_on_gone(struct cw_reaper *reaper, void (*fn)(void *arg), void *arg)
{
    reaper->on_gone = fn;
    reaper->arg = arg;
}

void cw_reaper_start(struct cw_reaper *reaper)
{
    set_timer(reaper);
}

void cw_reaper_stop(struct cw_reaper *reaper)
{
    event_del(reaper->timer);
    reaper->state = REAPER_IDLE;
}
