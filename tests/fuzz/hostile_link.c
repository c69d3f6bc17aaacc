/*
 * hostile_link.c - two links, one reader of replies.
 */
#include "hostile_link.h"

#include "base/list.h"
#include "fuzz.h"
#include "redis_link.h"
#include "redis_reply.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>

#define ELEMENTS_MAX 4096 /* of a reply, as redis_link.c has a bound too */

enum link_state { LINK_IDLE, LINK_CONNECTING, LINK_READY };

struct cw_redis_link {
    struct cw_list_node in_links;
    struct cw_redis_link_events events;
    void *arg;
    struct event *event; /* active: connected now, or a call is to be answered */
    enum link_state state;
    bool is_dying;
    bool is_pubsub;
    struct cw_list calls; /* struct call */
    struct cw_list acks;  /* struct ack: subscriptions */
    char own_topic[256];  /* the first that was subscribed to; pubsub only */
    char all_topic[256];
};

struct call {
    struct cw_list_node node;
    struct cw_redis_request *request;
    const char *good; /* what a node needs to come up, in RESP; NULL: what the input says */
};

struct ack {
    struct cw_list_node node;
    char *verb;
    char *topic;
};

static struct cw_list links;
static redisReader *reader;
static redisReply *waiting; /* was read, and is no push */
static bool is_exhausted;
static bool is_helpful;
static bool knows_bans;

void hostile_link_start(struct cw_bytes answers, bool answers_writes_well)
{
    is_helpful = answers_writes_well;
    knows_bans = false;
    cw_list_init(&links);
    reader = redisReaderCreate();
    fuzz_require(reader != NULL);
    reader->maxelements = ELEMENTS_MAX;
    cw_redis_reply_attach(reader);
    waiting = NULL;
    is_exhausted = redisReaderFeed(reader, answers.data, answers.size) != REDIS_OK;
}

void hostile_link_finish(void)
{
    if (waiting != NULL)
        reader->fn->freeObject(waiting);
    redisReaderFree(reader);
}

/* The next reply, owned by the caller; NULL: there is none. */
static redisReply *next_reply(void)
{
    void *reply = waiting;
    waiting = NULL;
    if (reply == NULL && !is_exhausted &&
        (redisReaderGetReply(reader, &reply) != REDIS_OK || reply == NULL)) {
        is_exhausted = true;
        reply = NULL;
    }
    return reply;
}

static struct cw_redis_link *pubsub_link(void)
{
    for (struct cw_list_node *node = cw_list_first(&links); node != NULL;
         node = cw_list_next(&links, node)) {
        struct cw_redis_link *link = CW_CONTAINER(node, struct cw_redis_link, in_links);
        if (link->is_pubsub)
            return link;
    }
    return NULL;
}

static void set_topic(redisReply *push, const struct cw_redis_link *link)
{
    redisReply *topic = push->elements > 1 ? push->element[1] : NULL;
    if (topic == NULL || topic->str == NULL || topic->len != 1)
        return;
    const char *name = topic->str[0] == '@'   ? link->own_topic
                       : topic->str[0] == '*' ? link->all_topic
                                              : NULL;
    if (name == NULL)
        return;
    /* Outlives the link, which may end while the push is handed over. */
    static char text[sizeof(link->own_topic)];
    size_t size = strlen(name);
    memcpy(text, name, size + 1);
    topic->str = text;
    topic->len = size;
}

static void deliver(redisReply *push)
{
    struct cw_redis_link *link = pubsub_link();
    if (link != NULL && link->state == LINK_READY) {
        set_topic(push, link);
        link->events.on_push(link->arg, push);
    }
    reader->fn->freeObject(push);
}

void hostile_link_push(void)
{
    redisReply *reply = next_reply();
    if (reply != NULL && reply->type == REDIS_REPLY_PUSH)
        deliver(reply); /* may end the links */
    else
        waiting = reply;
}

/* First word of an error -> what redis_link.c would make of it. */
static int error_of(const char *text)
{
    static const struct {
        const char *word;
        int rc;
    } rows[] = {{"BADREQUEST", CW_ERR_INVALID},
                {"NOCHANNEL", CW_ERR_NOT_FOUND},
                {"RATELIMITED", CW_ERR_RATE_LIMITED},
                {"NOTOWNER", CW_ERR_NOT_FOUND},
                {"OOM", CW_ERR_UNAVAILABLE}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strncmp(text, rows[i].word, strlen(rows[i].word)) == 0)
            return rows[i].rc;
    return CW_ERR_INTERNAL;
}

static redisReply *read_good(const char *text)
{
    void *reply = NULL;
    redisReader *own = redisReaderCreate();
    fuzz_require(own != NULL && redisReaderFeed(own, text, strlen(text)) == REDIS_OK);
    cw_redis_reply_attach(own);
    fuzz_require(redisReaderGetReply(own, &reply) == REDIS_OK && reply != NULL);
    redisReaderFree(own);
    return reply;
}

/* False: Redis says no more, and so nothing behind this call is answered either. */
static bool answer(struct cw_redis_link *link, struct call *call)
{
    struct cw_redis_request *request = call->request;
    redisReply *reply = NULL;
    if (call->good != NULL) {
        reply = read_good(call->good);
    } else {
        hostile_link_push();
        while (waiting == NULL && !is_exhausted)
            hostile_link_push();
        if (link->state != LINK_READY || waiting == NULL)
            return false; /* a push may have ended the link, and the call with it */
        reply = next_reply();
    }
    cw_list_remove(&call->node);
    free(call);
    int rc = reply->type == REDIS_REPLY_ERROR ? error_of(reply->str) : CW_OK;
    request->on_reply(request, rc, reply);
    reader->fn->freeObject(reply);
    return true;
}

static void fail_calls(struct cw_redis_link *link, int rc)
{
    struct cw_list_node *node;
    link->is_dying = true;
    while ((node = cw_list_pop_front(&link->calls)) != NULL) {
        struct call *call = CW_CONTAINER(node, struct call, node);
        struct cw_redis_request *request = call->request;
        free(call);
        request->on_reply(request, rc, NULL);
    }
    while ((node = cw_list_pop_front(&link->acks)) != NULL) {
        struct ack *ack = CW_CONTAINER(node, struct ack, node);
        free(ack->verb);
        free(ack->topic);
        free(ack);
    }
    link->is_dying = false;
}

static void deliver_ack(struct cw_redis_link *link, struct ack *ack)
{
    char text[700];
    (void)snprintf(text, sizeof(text), ">3\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n:1\r\n",
                   strlen(ack->verb), ack->verb, strlen(ack->topic), ack->topic);
    redisReply *push = read_good(text);
    link->events.on_push(link->arg, push);
    reader->fn->freeObject(push);
    free(ack->verb);
    free(ack->topic);
    free(ack);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct cw_redis_link *link = arg;
    struct cw_list_node *node;
    (void)fd;
    (void)what;
    if (link->state == LINK_CONNECTING) {
        link->state = LINK_READY;
        link->events.on_ready(link->arg);
        return;
    }
    while (link->state == LINK_READY && (node = cw_list_pop_front(&link->acks)) != NULL)
        deliver_ack(link, CW_CONTAINER(node, struct ack, node));
    while (link->state == LINK_READY && (node = cw_list_first(&link->calls)) != NULL)
        if (!answer(link, CW_CONTAINER(node, struct call, node)))
            return;
}

void hostile_link_break(bool was_sent)
{
    for (struct cw_list_node *node = cw_list_first(&links); node != NULL;
         node = cw_list_next(&links, node)) {
        struct cw_redis_link *link = CW_CONTAINER(node, struct cw_redis_link, in_links);
        if (link->state == LINK_IDLE)
            continue;
        fail_calls(link, was_sent ? CW_ERR_TIMEOUT : CW_ERR_UNAVAILABLE);
        link->state = LINK_IDLE;
        link->events.on_lost(link->arg, "it broke", false);
    }
}

int cw_redis_link_create(struct event_base *base, const struct cw_redis_address *address,
                         const char *name, const struct cw_redis_link_events *events, void *arg,
                         struct cw_redis_link **ret_link)
{
    struct cw_redis_link *link = calloc(1, sizeof(*link));
    (void)address;
    fuzz_require(link != NULL);
    link->events = *events;
    link->arg = arg;
    link->is_pubsub = strcmp(name, "pubsub") == 0;
    link->event = event_new(base, -1, 0, on_event, link);
    fuzz_require(link->event != NULL);
    cw_list_init(&link->calls);
    cw_list_init(&link->acks);
    cw_list_push_back(&links, &link->in_links);
    *ret_link = link;
    return CW_OK;
}

void cw_redis_link_destroy(struct cw_redis_link *link)
{
    if (link == NULL)
        return;
    cw_redis_link_close(link);
    cw_list_remove(&link->in_links);
    event_free(link->event);
    free(link);
}

void cw_redis_link_connect(struct cw_redis_link *link)
{
    link->state = LINK_CONNECTING;
    event_active(link->event, EV_READ, 0);
}

void cw_redis_link_close(struct cw_redis_link *link)
{
    if (link->state == LINK_IDLE)
        return;
    event_del(link->event);
    fail_calls(link, CW_ERR_TIMEOUT);
    link->state = LINK_IDLE;
}

bool cw_redis_link_is_ready(const struct cw_redis_link *link)
{
    return link->state == LINK_READY;
}

const char *cw_redis_link_run_id(const struct cw_redis_link *link)
{
    (void)link;
    return "1";
}

const char *cw_redis_link_course(const struct cw_redis_link *link)
{
    (void)link;
    return "1 1";
}

void cw_redis_link_check(struct cw_redis_link *link)
{
    (void)link;
}

/* NULL: whatever comes. */
static const char *good_answer(const struct cw_bytes *args, size_t count)
{
    static const struct {
        const char *word;
        const char *text;
        bool is_needed; /* to come up */
    } rows[] = {{"cw_version", ":999999\r\n", true},
                {"cw_node_list", ":1\r\n", true},
                {"cw_node_renew", ":1\r\n", true},
                {"PUBLISH", ":1\r\n", true},
                {"SADD", ":1\r\n", false},
                {"HSET", ":1\r\n", false},
                {"XADD", "$3\r\n1-1\r\n", false},
                {"cw_node_mark", ":1\r\n", false},
                {"cw_node_join", "*2\r\n$1\r\n1\r\n:0\r\n", false},
                {"cw_node_leave", ":1\r\n", false},
                {"cw_node_detach", "*2\r\n:1\r\n*0\r\n", false}};
    /* Each link begins with this one: only later answers are the input's. */
    if (count > 1 && cw_bytes_is(args[1], "cw_node_bans") && !knows_bans) {
        knows_bans = true;
        return "*2\r\n$1\r\n0\r\n$0\r\n\r\n";
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t j = 0; j < count && j < 2; j++)
            if ((rows[i].is_needed || is_helpful) && cw_bytes_is(args[j], rows[i].word))
                return rows[i].text;
    return NULL;
}

int cw_redis_link_call(struct cw_redis_link *link, struct cw_redis_request *request,
                       const struct cw_bytes *args, size_t count)
{
    fuzz_require(count >= 1 && count <= CW_REDIS_MAX_ARGS);
    for (size_t i = 0; i < count; i++)
        fuzz_touch(args[i]);
    if (link->state != LINK_READY || link->is_dying)
        return CW_ERR_UNAVAILABLE;
    struct call *call = calloc(1, sizeof(*call));
    fuzz_require(call != NULL);
    request->link = link;
    request->sent_us = 0;
    call->request = request;
    call->good = good_answer(args, count);
    cw_list_push_back(&link->calls, &call->node);
    event_active(link->event, EV_READ, 0);
    return CW_OK;
}

int cw_redis_link_subscribe(struct cw_redis_link *link, const char *verb, const char *topic)
{
    if (link->state != LINK_READY || link->is_dying)
        return CW_ERR_UNAVAILABLE;
    if (strstr(topic, ":n:") != NULL)
        (void)snprintf(link->own_topic, sizeof(link->own_topic), "%s", topic);
    else if (strchr(topic, '{') == NULL)
        (void)snprintf(link->all_topic, sizeof(link->all_topic), "%s", topic);
    struct ack *ack = calloc(1, sizeof(*ack));
    fuzz_require(ack != NULL);
    ack->verb = strdup(verb);
    ack->topic = strdup(topic);
    fuzz_require(ack->verb != NULL && ack->topic != NULL);
    for (char *at = ack->verb; *at != '\0'; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    cw_list_push_back(&link->acks, &ack->node);
    event_active(link->event, EV_READ, 0);
    return CW_OK;
}
