/*
 * fake_redis.c - the server's side of fake_redis.h, and its links behind cluster/redis_link.h.
 */
#include "loop/fake_redis.h"

#include "base/clock.h"
#include "base/stats.h"
#include "loop/fake_reply.h"
#include "loop/fake_time.h"
#include "names.h"
#include "redis_link.h"

#include <event2/event.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LINE_MAX 400

enum link_state { LINK_IDLE, LINK_CONNECTING, LINK_READY };

struct cw_redis_link {
    struct cw_list_node in_links; /* in fake_redis.links */
    struct fake_redis *redis;
    struct cw_redis_link_events events;
    void *arg;
    struct event *event; /* active: something is to go on */
    enum link_state state;
    bool is_dying;          /* pending calls are being answered: no new ones */
    unsigned number;        /* 0, 1: node 0's commands and pubsub; 2, 3: node 1's; ... */
    struct cw_list calls;   /* struct call that were not run */
    struct cw_list answers; /* struct call that were */
    struct cw_list pushes;  /* struct push */
    size_t in_flight;
    struct cw_map topics; /* struct topic */
    char run_id[16];
};

struct call {
    struct cw_list_node node;
    struct cw_redis_request *request; /* NULL: (S)SUBSCRIBE, SUNSUBSCRIBE */
    redisReply *reply;                /* NULL: not run */
    uint64_t number;
    size_t count;
    struct cw_bytes *args; /* one block with the bytes */
};

struct push {
    struct cw_list_node node;
    redisReply *reply;
    bool is_group_message;
    bool is_alive_sign;
};

struct topic {
    struct cw_map_node in_topics;
    char name[];
};

static struct fake_redis *current; /* where new links go */

static struct cw_bytes key_of_topic(const struct cw_map_node *node)
{
    return cw_bytes_text(CW_CONST_CONTAINER(node, struct topic, in_topics)->name);
}

static bool is_held(const struct fake_redis *redis, enum fake_stage stage)
{
    return (redis->held & (unsigned)stage) != 0;
}

/* Calls. */

static struct call *create_call(struct cw_redis_request *request, const struct cw_bytes *args,
                                size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += args[i].size;
    struct call *call = calloc(1, sizeof(*call));
    assert(call != NULL);
    call->args = malloc(count * sizeof(*args) + bytes);
    assert(call->args != NULL);
    char *at = (char *)(call->args + count);
    for (size_t i = 0; i < count; i++) {
        call->args[i] = cw_bytes_make(at, args[i].size);
        if (args[i].size > 0)
            memcpy(at, args[i].data, args[i].size);
        at += args[i].size;
    }
    call->request = request;
    call->count = count;
    return call;
}

static void send_call(struct cw_redis_link *link, struct cw_redis_request *request,
                      const struct cw_bytes *args, size_t count)
{
    assert(count <= CW_REDIS_MAX_ARGS);
    struct call *call = create_call(request, args, count);
    call->number = link->redis->calls_made++;
    cw_list_push_back(&link->calls, &call->node);
    event_active(link->event, EV_READ, 0);
}

static void free_call(struct call *call)
{
    fake_reply_free(call->reply);
    free(call->args);
    free(call);
}

static void log_call(struct fake_redis *redis, const struct call *call)
{
    char line[LOG_LINE_MAX];
    size_t size = 0;
    for (size_t i = 0; i < call->count && size < sizeof(line) - 1; i++)
        size += (size_t)snprintf(line + size, sizeof(line) - size, "%s%.*s", i == 0 ? "" : " ",
                                 (int)call->args[i].size, call->args[i].data);
    if (redis->log_count == redis->log_capacity) {
        redis->log_capacity = redis->log_capacity == 0 ? 64 : 2 * redis->log_capacity;
        redis->log = realloc(redis->log, redis->log_capacity * sizeof(char *));
        assert(redis->log != NULL);
    }
    redis->log[redis->log_count++] = strdup(line);
}

static bool has_word(const struct call *call, const char *word)
{
    for (size_t i = 0; i < call->count; i++)
        if (cw_bytes_is(call->args[i], word))
            return true;
    return false;
}

/* As redis_link.c reads the first word of an error. */
static int error_of(struct cw_redis_link *link, const char *text)
{
    if (strcmp(text, CW_REDIS_NO_FUNCTION) == 0) {
        link->events.on_unusable(link->arg, text);
        return CW_ERR_UNAVAILABLE;
    }
    if (strncmp(text, "READONLY", 8) == 0) {
        link->events.on_unusable(link->arg, text);
        return CW_ERR_UNAVAILABLE;
    }
    if (strncmp(text, "OOM", 3) == 0 || strncmp(text, "LOADING", 7) == 0)
        return CW_ERR_UNAVAILABLE;
    if (strncmp(text, "RATELIMITED", 11) == 0)
        return CW_ERR_RATE_LIMITED;
    return strncmp(text, "BADREQUEST", 10) == 0 ? CW_ERR_INVALID : CW_ERR_INTERNAL;
}

static void answer_call(struct cw_redis_link *link, struct call *call, int rc)
{
    redisReply *reply = call->reply;
    cw_list_remove(&call->node);
    link->in_flight--;
    CW_STAT(redis_commands_in_flight)--;
    if (rc != CW_OK)
        reply = NULL;
    else if (reply->type == REDIS_REPLY_ERROR)
        rc = error_of(link, reply->str);
    call->request->on_reply(call->request, rc, reply);
    free_call(call);
}

/* Pushes. */

/* The sharded topic that a node subscribes to again and again. */
static bool is_alive_topic(struct cw_bytes topic)
{
    return topic.size >= 4 && memcmp(topic.data + topic.size - 4, ":all", 4) == 0;
}

static void push(struct cw_redis_link *link, const char *kind, const char *name,
                 const struct cw_bytes *bytes)
{
    struct push *item = calloc(1, sizeof(*item));
    assert(item != NULL);
    item->reply = fake_reply_push(kind, name, bytes);
    item->is_group_message = strcmp(kind, "smessage") == 0;
    item->is_alive_sign = strcmp(kind, "message") == 0 || is_alive_topic(cw_bytes_text(name));
    cw_list_push_back(&link->pushes, &item->node);
    event_active(link->event, EV_READ, 0);
}

static void free_push(struct push *item)
{
    cw_list_remove(&item->node);
    fake_reply_free(item->reply);
    free(item);
}

static void on_publish(void *arg, bool is_sharded, const char *name, struct cw_bytes bytes)
{
    struct fake_redis *redis = arg;
    if (is_sharded && redis->loses_messages)
        return;
    for (struct cw_list_node *n = cw_list_first(&redis->links); n != NULL;
         n = cw_list_next(&redis->links, n)) {
        struct cw_redis_link *link = CW_CONTAINER(n, struct cw_redis_link, in_links);
        if (cw_map_find(&link->topics, cw_bytes_text(name)) != NULL)
            push(link, is_sharded ? "smessage" : "message", name, &bytes);
    }
}

static void drop_topic(struct cw_redis_link *link, struct cw_map_node *node)
{
    cw_map_remove(&link->topics, node);
    free(CW_CONTAINER(node, struct topic, in_topics));
}

static void add_topic(struct cw_redis_link *link, struct cw_bytes name)
{
    struct topic *topic = calloc(1, sizeof(*topic) + name.size + 1);
    assert(topic != NULL);
    memcpy(topic->name, name.data, name.size);
    int rc = cw_map_add(&link->topics, &topic->in_topics);
    assert(rc == CW_OK);
    (void)rc;
}

static void run_subscribe(struct cw_redis_link *link, struct cw_bytes verb, struct cw_bytes topic)
{
    struct cw_map_node *node = cw_map_find(&link->topics, topic);
    char name[CW_KEY_MAX];
    (void)snprintf(name, sizeof(name), "%.*s", (int)topic.size, topic.data);
    if (cw_bytes_is(verb, "SUNSUBSCRIBE")) {
        if (node != NULL)
            drop_topic(link, node);
        push(link, "sunsubscribe", name, NULL);
        return;
    }
    if (node == NULL)
        add_topic(link, topic);
    push(link, cw_bytes_is(verb, "SUBSCRIBE") ? "subscribe" : "ssubscribe", name, NULL);
}

static void run_call(struct cw_redis_link *link, struct call *call)
{
    struct fake_redis *redis = link->redis;
    cw_list_remove(&call->node);
    if (redis->keeps_log)
        log_call(redis, call);
    if (call->request == NULL) {
        run_subscribe(link, call->args[0], call->args[1]);
        free_call(call);
        return;
    }
    if (redis->fail_word != NULL && has_word(call, redis->fail_word))
        call->reply = fake_reply_error(redis->fail_text);
    else
        call->reply = fake_store_run(&redis->store, call->args, call->count);
    cw_list_push_back(&link->answers, &call->node);
    event_active(link->event, EV_READ, 0);
}

/* In the loop. */

static void finish_connect(struct cw_redis_link *link)
{
    if (link->redis->is_down) {
        link->state = LINK_IDLE;
        link->events.on_lost(link->arg, "the fake Redis is down", false);
        return;
    }
    link->state = LINK_READY;
    (void)snprintf(link->run_id, sizeof(link->run_id), "%u", link->redis->run_id);
    link->events.on_ready(link->arg);
}

/* Those that are there now: what comes of them waits for the next turn. */
static void deliver_answers(struct cw_redis_link *link)
{
    struct cw_list now;
    struct cw_list_node *node;
    cw_list_init(&now);
    cw_list_move_all(&now, &link->answers);
    while ((node = cw_list_first(&now)) != NULL && link->state == LINK_READY)
        answer_call(link, CW_CONTAINER(node, struct call, node), CW_OK);
    assert(cw_list_is_empty(&now)); /* no callback closes the link it is called from */
}

static void deliver_pushes(struct cw_redis_link *link)
{
    struct cw_list_node *node = cw_list_first(&link->pushes);
    while (node != NULL) {
        struct push *item = CW_CONTAINER(node, struct push, node);
        node = cw_list_next(&link->pushes, node);
        if (is_held(link->redis, FAKE_PUSHES) && !item->is_alive_sign)
            continue;
        link->events.on_push(link->arg, item->reply);
        free_push(item);
    }
}

/* What a node says to show and see that all is well. */
static bool is_alive_sign(const struct call *call)
{
    if (call->request == NULL)
        return cw_bytes_is(call->args[0], "SSUBSCRIBE") && is_alive_topic(call->args[1]);
    return cw_bytes_is(call->args[0], "PUBLISH") || cw_bytes_is(call->args[1], "cw_node_renew") ||
           cw_bytes_is(call->args[1], "cw_node_list") || cw_bytes_is(call->args[1], "cw_node_bans");
}

static enum fake_stage stage_of(const struct cw_redis_link *link, const struct call *call)
{
    if (is_alive_sign(call))
        return FAKE_ALIVE;
    return link->number % 2 == FAKE_PUBSUB ? FAKE_SUBSCRIBES : FAKE_CALLS;
}

static void run_calls(struct cw_redis_link *link)
{
    struct cw_list_node *node = cw_list_first(&link->calls);
    while (node != NULL) {
        struct call *call = CW_CONTAINER(node, struct call, node);
        node = cw_list_next(&link->calls, node);
        if (!is_held(link->redis, stage_of(link, call)))
            run_call(link, call);
    }
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct cw_redis_link *link = arg;
    (void)fd;
    (void)what;
    if (link->state == LINK_CONNECTING)
        finish_connect(link);
    if (link->state != LINK_READY)
        return;
    run_calls(link);
    if (!is_held(link->redis, FAKE_ANSWERS))
        deliver_answers(link);
    deliver_pushes(link);
}

/* The end of a connection: what it owed is answered. */
static void end_connection(struct cw_redis_link *link, enum fake_loss loss)
{
    struct cw_list_node *node;
    link->is_dying = true;
    while ((node = cw_list_first(&link->calls)) != NULL && loss == FAKE_NOT_ANSWERED)
        run_call(link, CW_CONTAINER(node, struct call, node));
    while ((node = cw_list_first(&link->answers)) != NULL)
        answer_call(link, CW_CONTAINER(node, struct call, node), CW_ERR_TIMEOUT);
    while ((node = cw_list_pop_front(&link->calls)) != NULL) {
        struct call *call = CW_CONTAINER(node, struct call, node);
        if (call->request == NULL)
            free_call(call);
        else
            answer_call(link, call, loss == FAKE_NOT_SENT ? CW_ERR_UNAVAILABLE : CW_ERR_TIMEOUT);
    }
    while ((node = cw_list_first(&link->pushes)) != NULL)
        free_push(CW_CONTAINER(node, struct push, node));
    struct cw_map_node *topic;
    while ((topic = cw_map_next(&link->topics, NULL)) != NULL)
        drop_topic(link, topic);
    link->is_dying = false;
    link->state = LINK_IDLE;
}

/* cluster/redis_link.h */

int cw_redis_link_create(struct event_base *base, const struct cw_redis_address *address,
                         const char *name, const struct cw_redis_link_events *events, void *arg,
                         struct cw_redis_link **ret_link)
{
    struct cw_redis_link *link = calloc(1, sizeof(*link));
    assert(link != NULL && current != NULL);
    (void)address;
    link->redis = current;
    link->events = *events;
    link->arg = arg;
    link->number = current->links_made++;
    assert((link->number % 2 == FAKE_PUBSUB) == (strcmp(name, "pubsub") == 0));
    (void)name;
    link->event = event_new(base, -1, 0, on_event, link);
    assert(link->event != NULL);
    cw_list_init(&link->calls);
    cw_list_init(&link->answers);
    cw_list_init(&link->pushes);
    cw_map_init(&link->topics, key_of_topic);
    cw_list_push_back(&current->links, &link->in_links);
    *ret_link = link;
    return CW_OK;
}

void cw_redis_link_destroy(struct cw_redis_link *link)
{
    if (link == NULL)
        return;
    cw_redis_link_close(link);
    cw_list_remove(&link->in_links);
    cw_map_finish(&link->topics);
    event_free(link->event);
    free(link);
}

void cw_redis_link_connect(struct cw_redis_link *link)
{
    assert(link->state == LINK_IDLE);
    link->state = LINK_CONNECTING;
    event_active(link->event, EV_READ, 0);
}

void cw_redis_link_close(struct cw_redis_link *link)
{
    if (link->state == LINK_IDLE)
        return;
    if (link->number % 2 == FAKE_PUBSUB)
        deliver_pushes(link); /* what has come already */
    link->state = LINK_IDLE;
    end_connection(link, link->redis->loss);
}

bool cw_redis_link_is_ready(const struct cw_redis_link *link)
{
    return link->state == LINK_READY;
}

const char *cw_redis_link_run_id(const struct cw_redis_link *link)
{
    return link->run_id;
}

const char *cw_redis_link_course(const struct cw_redis_link *link)
{
    return link->run_id;
}

void cw_redis_link_check(struct cw_redis_link *link)
{
    (void)link;
}

int cw_redis_link_call(struct cw_redis_link *link, struct cw_redis_request *request,
                       const struct cw_bytes *args, size_t count)
{
    if (link->state != LINK_READY || link->is_dying ||
        link->in_flight >= link->redis->in_flight_max)
        return CW_ERR_UNAVAILABLE;
    request->link = link;
    request->sent_us = cw_clock_us();
    link->in_flight++;
    CW_STAT(redis_commands_in_flight)++;
    send_call(link, request, args, count);
    return CW_OK;
}

int cw_redis_link_subscribe(struct cw_redis_link *link, const char *verb, const char *topic)
{
    if (link->state != LINK_READY || link->is_dying)
        return CW_ERR_UNAVAILABLE;
    struct cw_bytes args[] = {cw_bytes_text(verb), cw_bytes_text(topic)};
    send_call(link, NULL, args, 2);
    return CW_OK;
}

/* The server. */

struct fake_redis *fake_redis_create(void)
{
    struct fake_redis *redis = calloc(1, sizeof(*redis));
    assert(redis != NULL);
    fake_store_init(&redis->store);
    redis->store.on_publish = on_publish;
    redis->store.arg = redis;
    cw_list_init(&redis->links);
    redis->in_flight_max = CW_REDIS_MAX_IN_FLIGHT;
    redis->loss = FAKE_NOT_ANSWERED;
    current = redis;
    return redis;
}

void fake_redis_destroy(struct fake_redis *redis)
{
    assert(cw_list_is_empty(&redis->links));
    fake_redis_clear_log(redis);
    free(redis->log);
    fake_store_finish(&redis->store);
    free(redis);
    current = NULL;
}

void fake_redis_hold(struct fake_redis *redis, unsigned stages)
{
    redis->held |= stages;
}

void fake_redis_release(struct fake_redis *redis, unsigned stages)
{
    redis->held &= ~stages;
    for (struct cw_list_node *n = cw_list_first(&redis->links); n != NULL;
         n = cw_list_next(&redis->links, n))
        event_active(CW_CONTAINER(n, struct cw_redis_link, in_links)->event, EV_READ, 0);
}

/* The link whose next call is the oldest of all; NULL: none waits. */
static struct cw_redis_link *find_oldest(const struct fake_redis *redis)
{
    struct cw_redis_link *oldest = NULL;
    uint64_t number = UINT64_MAX;
    for (struct cw_list_node *n = cw_list_first(&redis->links); n != NULL;
         n = cw_list_next(&redis->links, n)) {
        struct cw_redis_link *link = CW_CONTAINER(n, struct cw_redis_link, in_links);
        struct cw_list_node *first = cw_list_first(&link->calls);
        if (link->number % 2 == FAKE_PUBSUB || first == NULL ||
            CW_CONTAINER(first, struct call, node)->number > number)
            continue;
        number = CW_CONTAINER(first, struct call, node)->number;
        oldest = link;
    }
    return oldest;
}

size_t fake_redis_step(struct fake_redis *redis, size_t count)
{
    struct cw_redis_link *link;
    size_t done = 0;
    while (done < count && (link = find_oldest(redis)) != NULL) {
        run_call(link, CW_CONTAINER(cw_list_first(&link->calls), struct call, node));
        done++;
    }
    fake_time_run();
    return done;
}

size_t fake_redis_pending(const struct fake_redis *redis)
{
    size_t pending = 0;
    for (struct cw_list_node *n = cw_list_first(&redis->links); n != NULL;
         n = cw_list_next(&redis->links, n)) {
        const struct cw_redis_link *link = CW_CONTAINER(n, struct cw_redis_link, in_links);
        if (link->number % 2 == FAKE_COMMANDS)
            for (struct cw_list_node *c = cw_list_first(&link->calls); c != NULL;
                 c = cw_list_next(&link->calls, c))
                pending++;
    }
    return pending;
}

static struct cw_redis_link *find_link(const struct fake_redis *redis, unsigned node,
                                       enum fake_link which)
{
    for (struct cw_list_node *n = cw_list_first(&redis->links); n != NULL;
         n = cw_list_next(&redis->links, n)) {
        struct cw_redis_link *link = CW_CONTAINER(n, struct cw_redis_link, in_links);
        if (link->number == 2 * node + (unsigned)which)
            return link;
    }
    assert(!"no such link");
    return NULL;
}

size_t fake_redis_step_at(struct fake_redis *redis, unsigned server, size_t count)
{
    struct cw_redis_link *link = find_link(redis, server, FAKE_COMMANDS);
    struct cw_list_node *first;
    size_t done = 0;
    for (; done < count && (first = cw_list_first(&link->calls)) != NULL; done++)
        run_call(link, CW_CONTAINER(first, struct call, node));
    fake_time_run();
    return done;
}

void fake_redis_lose_pushes(struct fake_redis *redis, unsigned node)
{
    struct cw_redis_link *link = find_link(redis, node, FAKE_PUBSUB);
    struct cw_list_node *n = cw_list_first(&link->pushes);
    while (n != NULL) {
        struct push *item = CW_CONTAINER(n, struct push, node);
        n = cw_list_next(&link->pushes, n);
        if (item->is_group_message)
            free_push(item);
    }
}

static void drop_link(struct cw_redis_link *link, enum fake_loss loss)
{
    if (link->state == LINK_IDLE)
        return;
    link->redis->loss = loss;
    end_connection(link, loss);
    link->events.on_lost(link->arg, "dropped by the test", false);
    link->redis->loss = FAKE_NOT_ANSWERED;
}

void fake_redis_drop(struct fake_redis *redis, unsigned node, enum fake_link which,
                     enum fake_loss loss)
{
    drop_link(find_link(redis, node, which), loss);
}

void fake_redis_restart(struct fake_redis *redis, enum fake_loss loss)
{
    for (struct cw_list_node *n = cw_list_first(&redis->links); n != NULL;
         n = cw_list_next(&redis->links, n))
        drop_link(CW_CONTAINER(n, struct cw_redis_link, in_links), loss);
    redis->run_id++;
    redis->store.boot++;
}

/* The log. */

static bool has_words(const char *line, const char *words)
{
    while (words != NULL) {
        char word[LOG_LINE_MAX];
        const char *end = strchr(words, '|');
        (void)snprintf(word, sizeof(word), "%.*s",
                       end == NULL ? (int)strlen(words) : (int)(end - words), words);
        if (strstr(line, word) == NULL)
            return false;
        words = end == NULL ? NULL : end + 1;
    }
    return true;
}

size_t fake_redis_find(const struct fake_redis *redis, size_t from, const char *words)
{
    for (size_t i = from; i < redis->log_count; i++)
        if (has_words(redis->log[i], words))
            return i;
    return SIZE_MAX;
}

size_t fake_redis_said(const struct fake_redis *redis, const char *words)
{
    size_t count = 0;
    for (size_t i = 0; i < redis->log_count; i++)
        count += has_words(redis->log[i], words);
    return count;
}

void fake_redis_clear_log(struct fake_redis *redis)
{
    for (size_t i = 0; i < redis->log_count; i++)
        free(redis->log[i]);
    redis->log_count = 0;
}
