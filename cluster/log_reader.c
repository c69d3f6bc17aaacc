/*
 * log_reader.c - pages of history as messages; see the header.
 */
#include "log_reader.h"

#include "base/stats.h"
#include "endpoints.h"
#include "envelope.h"
#include "functions.h"

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>

struct reading {
    struct cw_list_node node; /* in cw_log_reader.waiting, or in none: it was sent */
    struct cw_position since;
    cw_log_fn fn;
    void *arg;
    char key[];
};

static void on_page(void *arg, int rc, const struct cw_history_page *from)
{
    static struct cw_log_entry entries[CW_HISTORY_PAGE_ENTRIES];
    struct reading *reading = arg;
    struct cw_log_page page = {.tip = from->tip, .entries = entries, .has_more = from->has_more};
    for (size_t i = 0; rc == CW_OK && i < from->count; i++) {
        struct cw_log_entry *entry = &entries[page.count];
        *entry = (struct cw_log_entry){
            .message = {.is_logged = true, .position = from->entries[i].position},
            .has_predecessor = from->entries[i].has_predecessor,
            .predecessor = from->entries[i].predecessor};
        if (cw_envelope_decode_body(from->entries[i].body, &entry->message) == CW_OK)
            page.count++;
        else
            CW_STAT(group_bad_envelopes_total)++;
    }
    cw_log_fn fn = reading->fn;
    void *fn_arg = reading->arg;
    free(reading);
    fn(fn_arg, rc, &page);
}

static int send_reading(struct cw_log_reader *reader, struct reading *reading)
{
    return cw_functions_read(reader->endpoints, reading->key, reading->since, on_page, reading);
}

/* Those of groups that `endpoint` has; NULL: all. */
static void fail_waiting(struct cw_log_reader *reader, const struct cw_endpoint *endpoint)
{
    static const struct cw_history_page none;
    struct cw_list failed;
    struct cw_list_node *node = cw_list_first(&reader->waiting);
    cw_list_init(&failed); /* a callback may add to `waiting` */
    while (node != NULL) {
        struct reading *reading = CW_CONTAINER(node, struct reading, node);
        node = cw_list_next(&reader->waiting, node);
        if (endpoint != NULL &&
            cw_endpoints_of(reader->endpoints, cw_bytes_text(reading->key)) != endpoint)
            continue;
        cw_list_remove(&reading->node);
        cw_list_push_back(&failed, &reading->node);
    }
    while ((node = cw_list_pop_front(&failed)) != NULL)
        on_page(CW_CONTAINER(node, struct reading, node), CW_ERR_UNAVAILABLE, &none);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    static const struct cw_history_page none;
    struct cw_log_reader *reader = arg;
    struct cw_list_node *node;
    (void)fd;
    (void)what;
    while ((node = cw_list_pop_front(&reader->waiting)) != NULL) {
        struct reading *reading = CW_CONTAINER(node, struct reading, node);
        int rc = send_reading(reader, reading);
        if (rc != CW_OK)
            on_page(reading, rc, &none);
    }
}

int cw_log_reader_init(struct cw_log_reader *reader, struct event_base *base,
                       struct cw_endpoints *endpoints)
{
    reader->endpoints = endpoints;
    cw_list_init(&reader->waiting);
    reader->timer = evtimer_new(base, on_timer, reader);
    return reader->timer == NULL ? CW_ERR_NOMEM : CW_OK;
}

void cw_log_reader_finish(struct cw_log_reader *reader)
{
    if (reader->timer == NULL)
        return;
    fail_waiting(reader, NULL);
    event_free(reader->timer);
}

void cw_log_reader_on_up(struct cw_log_reader *reader, bool has_lost)
{
    static const struct timeval doubt = {CW_LOG_READER_DOUBT_MS / 1000, 0};
    if (has_lost)
        (void)event_add(reader->timer, &doubt);
}

void cw_log_reader_on_down(struct cw_log_reader *reader, const struct cw_endpoint *endpoint)
{
    if (!cw_endpoints_any_up(reader->endpoints))
        event_del(reader->timer);
    fail_waiting(reader, endpoint);
}

int cw_log_reader_read(struct cw_log_reader *reader, const char *key, struct cw_position since,
                       cw_log_fn fn, void *arg)
{
    size_t size = strlen(key) + 1;
    struct reading *reading = calloc(1, sizeof(*reading) + size);
    if (reading == NULL)
        return CW_ERR_NOMEM;
    reading->since = since;
    reading->fn = fn;
    reading->arg = arg;
    memcpy(reading->key, key, size);
    if (evtimer_pending(reader->timer, NULL)) {
        cw_list_push_back(&reader->waiting, &reading->node);
        return CW_OK;
    }
    int rc = send_reading(reader, reading);
    if (rc != CW_OK)
        free(reading);
    return rc;
}
