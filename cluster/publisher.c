/*
 * publisher.c - (5) messages to one group within one turn are one call; see the header.
 */
#include "publisher.h"

#include "endpoints.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 65536 /* of payloads in one call: more would hold up others' calls */

/* Who is told of one message of a call. */
struct listener {
    cw_published_fn fn;
    void *arg;
};

void cw_publisher_init(struct cw_publisher *publisher, struct cw_endpoints *endpoints,
                       void (*request_flush)(void *arg), void *arg)
{
    publisher->endpoints = endpoints;
    publisher->request_flush = request_flush;
    publisher->arg = arg;
    publisher->count = 0;
    publisher->acked = NULL;
    cw_writer_init(&publisher->bytes);
}

static void tell(cw_published_fn fn, void *arg, int rc, const struct cw_published *published)
{
    static const struct cw_published none = {.retry_ms = -1};
    if (fn != NULL)
        fn(arg, rc, published == NULL ? &none : published);
}

static void on_published(void *arg, int rc, const struct cw_published *published, size_t count)
{
    struct listener *listeners = arg;
    for (size_t i = 0; i < count; i++)
        tell(listeners[i].fn, listeners[i].arg, rc, rc == CW_OK ? &published[i] : NULL);
    free(listeners);
}

/* Its messages, as views of its bytes. */
static void view(const struct cw_publisher *publisher, struct cw_message *ret_messages)
{
    for (size_t i = 0; i < publisher->count; i++) {
        const struct cw_publisher_message *waiting = &publisher->waiting[i];
        const char *from = publisher->bytes.data + waiting->at;
        ret_messages[i] = (struct cw_message){
            .type = waiting->type,
            .skips_sender = waiting->skips_sender,
            .from = cw_bytes_make(from, waiting->from_size),
            .payload = cw_bytes_make(from + waiting->from_size, waiting->payload_size),
        };
    }
}

static void forget(struct cw_publisher *publisher)
{
    publisher->count = 0;
    if (publisher->bytes.capacity > BYTES_MAX)
        cw_writer_finish(&publisher->bytes);
    else
        cw_writer_reset(&publisher->bytes);
}

static void flush_one(struct cw_publisher *publisher)
{
    struct cw_publisher_message only = publisher->waiting[0];
    struct cw_message message;
    view(publisher, &message);
    int rc = cw_functions_publish(publisher->endpoints, NULL, publisher->key, &message,
                                  &publisher->limits, publisher->acked, only.fn, only.arg);
    forget(publisher);
    if (rc != CW_OK)
        tell(only.fn, only.arg, rc, NULL);
}

static void flush_many(struct cw_publisher *publisher)
{
    struct cw_message messages[CW_FUNCTIONS_PUBLISH_MAX];
    size_t count = publisher->count;
    struct listener *listeners = malloc(count * sizeof(*listeners));
    if (listeners == NULL) {
        for (size_t i = 0; i < count; i++)
            tell(publisher->waiting[i].fn, publisher->waiting[i].arg, CW_ERR_NOMEM, NULL);
        forget(publisher);
        return;
    }
    for (size_t i = 0; i < count; i++)
        listeners[i] = (struct listener){publisher->waiting[i].fn, publisher->waiting[i].arg};
    view(publisher, messages);
    int rc =
        cw_functions_publish_many(publisher->endpoints, publisher->key, messages, count,
                                  &publisher->limits, publisher->acked, on_published, listeners);
    forget(publisher);
    if (rc != CW_OK)
        on_published(listeners, rc, NULL, count);
}

void cw_publisher_flush(struct cw_publisher *publisher)
{
    struct cw_acked *acked = publisher->acked;
    if (publisher->count == 1)
        flush_one(publisher);
    else if (publisher->count > 1)
        flush_many(publisher);
    if (acked != NULL)
        acked->calls--;
    publisher->acked = NULL;
}

void cw_publisher_finish(struct cw_publisher *publisher)
{
    cw_publisher_flush(publisher); /* the endpoint is gone or going: all are told */
    cw_writer_finish(&publisher->bytes);
}

/* Whether a message can go with what waits. */
static bool fits(const struct cw_publisher *publisher, const char *key,
                 const struct cw_message *message, const struct cw_history_limits *limits)
{
    return publisher->count < CW_FUNCTIONS_PUBLISH_MAX &&
           publisher->bytes.size + message->payload.size <= BYTES_MAX &&
           strcmp(publisher->key, key) == 0 &&
           memcmp(&publisher->limits, limits, sizeof(*limits)) == 0;
}

static int keep(struct cw_publisher *publisher, const struct cw_message *message,
                cw_published_fn fn, void *arg)
{
    struct cw_publisher_message *waiting = &publisher->waiting[publisher->count];
    size_t at = publisher->bytes.size;
    cw_writer_bytes(&publisher->bytes, message->from);
    cw_writer_bytes(&publisher->bytes, message->payload);
    if (publisher->bytes.has_failed) {
        publisher->bytes.has_failed = false;
        publisher->bytes.size = at;
        return CW_ERR_NOMEM;
    }
    *waiting = (struct cw_publisher_message){
        .at = at,
        .from_size = message->from.size,
        .payload_size = message->payload.size,
        .type = message->type,
        .skips_sender = message->skips_sender,
        .fn = fn,
        .arg = arg,
    };
    publisher->count++;
    return CW_OK;
}

int cw_publisher_publish(struct cw_publisher *publisher, const char *key,
                         const struct cw_message *message, const struct cw_history_limits *limits,
                         struct cw_acked *acked, cw_published_fn fn, void *arg)
{
    bool waits = cw_endpoints_serve(publisher->endpoints, cw_bytes_text(key)) &&
                 message->key.size == 0 && message->payload.size <= BYTES_MAX;
    if (publisher->count > 0 && !(waits && fits(publisher, key, message, limits)))
        cw_publisher_flush(publisher);
    if (!waits)
        return cw_functions_publish(publisher->endpoints, NULL, key, message, limits, acked, fn,
                                    arg);
    if (publisher->count == 0) {
        (void)memcpy(publisher->key, key, strlen(key) + 1);
        publisher->limits = *limits;
        publisher->acked = acked;
        if (acked != NULL)
            acked->calls++;
        publisher->request_flush(publisher->arg);
    }
    return keep(publisher, message, fn, arg);
}
