/*
 * redis_link.c - (5)(6) one hiredis connection; see the header for its states.
 *
 * hiredis frees its context by itself after a failed connect or a disconnect: `context` is NULL
 * from the moment that callback runs. Pending commands get their (NULL) replies before it; how many
 * bytes the socket took until then tells which of them Redis may have seen.
 */
#include "redis_link.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/writer.h"
#include "redis_command.h"
#include "redis_events.h"
#include "redis_reply.h"
#include "redis_tls.h"
#include "slots.h"

#include <event2/event.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <hiredis/sds.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define CONNECT_TIMEOUT_S   3
#define TCP_USER_TIMEOUT_MS 6000
#define TCP_KEEPALIVE_S     5
#define COMMAND_KEPT_MAX    65536 /* room for the next command */
#define HIREDIS_READ_SIZE   16384 /* what redisAsyncHandleRead takes at most */
#define TLS_RECORD_MIN      22    /* its head and the tag of its cipher */
#define REPLY_ELEMENTS_MAX  65536 /* of one array: hiredis takes memory for what is claimed */

enum link_state { LINK_IDLE, LINK_CONNECTING, LINK_READY };

struct cw_redis_link {
    struct event_base *base;
    const struct cw_redis_address *address;
    const char *name;
    struct cw_redis_link_events events;
    void *arg;
    struct event *fail_event; /* says on_lost from the loop, not from inside connect() */
    redisAsyncContext *context;
    struct ssl_st *ssl; /* of the context, which frees it; NULL: plain */
    enum link_state state;
    uint32_t in_flight;
    uint64_t handed_bytes;    /* given to hiredis on this connection so far */
    struct cw_writer command; /* room to write one in */
    bool is_closing;          /* by us: no on_lost */
    bool is_fatal;
    char why[160];
    char run_id[48];
    char course[96]; /* the run id and the replication id */
};

static void describe_link(const void *object, char *text, size_t size)
{
    const struct cw_redis_link *link = object;
    char address[200];
    cw_redis_address_describe(link->address, address, sizeof(address));
    (void)snprintf(text, size, "redis=%s link=%s", address, link->name);
}

static struct cw_log_object link_log(const struct cw_redis_link *link)
{
    struct cw_log_object object = {link, describe_link};
    return object;
}

static void set_state(struct cw_redis_link *link, enum link_state state)
{
    static const char *const names[] = {"IDLE", "CONNECTING", "READY"};
    cw_log_debug(link_log(link), "%s -> %s", names[link->state], names[state]);
    link->state = state;
}

/* The connection is no more; says so once, with the first reason that was found. */
static void report_lost(struct cw_redis_link *link, const char *why)
{
    if (link->why[0] == '\0')
        (void)snprintf(link->why, sizeof(link->why), "%s", why);
    set_state(link, LINK_IDLE);
    if (link->is_closing)
        return;
    link->events.on_lost(link->arg, link->why, link->is_fatal);
}

static uint64_t sent_bytes(const struct cw_redis_link *link, const redisAsyncContext *context)
{
    return link->handed_bytes - sdslen(context->c.obuf);
}

static bool begins_with(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

/* First word of an error reply -> what it means for the op. */
static int error_of(const char *text)
{
    static const struct {
        const char *word;
        int rc;
    } rows[] = {
        {"BADREQUEST", CW_ERR_INVALID},       {"NOCHANNEL", CW_ERR_NOT_FOUND},
        {"RATELIMITED", CW_ERR_RATE_LIMITED}, {"NOTOWNER", CW_ERR_NOT_FOUND},
        {"NOBAN", CW_ERR_NOT_FOUND},          {"TOOMANYBANS", CW_ERR_FULL},
        {"OOM", CW_ERR_UNAVAILABLE},          {"LOADING", CW_ERR_UNAVAILABLE},
        {"READONLY", CW_ERR_UNAVAILABLE},     {"MASTERDOWN", CW_ERR_UNAVAILABLE},
        {"NOREPLICAS", CW_ERR_UNAVAILABLE},   {"MISCONF", CW_ERR_UNAVAILABLE},
        {"BUSY", CW_ERR_UNAVAILABLE},         {"CLUSTERDOWN", CW_ERR_UNAVAILABLE},
        {"TRYAGAIN", CW_ERR_UNAVAILABLE},     {"MOVED", CW_ERR_UNAVAILABLE},
        {"ASK", CW_ERR_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (begins_with(text, rows[i].word))
            return rows[i].rc;
    return CW_ERR_INTERNAL;
}

/* What the call that Redis refused in these words is answered with. */
static int take_error(struct cw_redis_link *link, const char *text)
{
    CW_STAT(redis_errors_total)++;
    if (strcmp(text, CW_REDIS_NO_FUNCTION) == 0) {
        link->events.on_unusable(link->arg, "the function library is gone");
        return CW_ERR_UNAVAILABLE; /* nothing was run */
    }
    int rc = error_of(text);
    if (cw_slots_refused(text))
        cw_log_debug(link_log(link), "error reply: %s", text);
    else if (rc == CW_ERR_INTERNAL || rc == CW_ERR_UNAVAILABLE)
        cw_log_warn(link_log(link), "error reply: %s", text);
    if (begins_with(text, "READONLY") || begins_with(text, "MASTERDOWN"))
        link->events.on_unusable(link->arg, "this Redis has become a replica");
    return rc;
}

static void on_hiredis_reply(redisAsyncContext *context, void *reply_pointer, void *arg)
{
    struct cw_redis_request *request = arg;
    struct cw_redis_link *link = request->link;
    redisReply *reply = reply_pointer;

    link->in_flight--;
    CW_STAT(redis_commands_in_flight)--;
    if (reply == NULL) {
        int rc = request->start >= sent_bytes(link, context) ? CW_ERR_UNAVAILABLE : CW_ERR_TIMEOUT;
        request->on_reply(request, rc, NULL);
        return;
    }
    cw_histogram_add(&CW_STAT(redis_round_trip_seconds), cw_clock_us() - request->sent_us);
    request->on_reply(
        request, reply->type == REDIS_REPLY_ERROR ? take_error(link, reply->str) : CW_OK, reply);
}

static int send_args(struct cw_redis_link *link, struct cw_redis_request *request,
                     const struct cw_bytes *args, size_t count)
{
    if (count > CW_REDIS_MAX_ARGS)
        return CW_ERR_TOO_LARGE;
    size_t size = cw_redis_command_size(args, count);
    char *command = cw_writer_reserve(&link->command, size);
    if (command == NULL) {
        cw_writer_finish(&link->command);
        return CW_ERR_NOMEM;
    }
    cw_redis_command_write(command, args, count);
    request->link = link;
    request->start = link->handed_bytes;
    request->sent_us = cw_clock_us();
    int rc = redisAsyncFormattedCommand(link->context, on_hiredis_reply, request, command, size);
    if (link->command.capacity > COMMAND_KEPT_MAX)
        cw_writer_finish(&link->command);
    if (rc != REDIS_OK)
        return CW_ERR_UNAVAILABLE;
    link->handed_bytes += size;
    link->in_flight++;
    CW_STAT(redis_commands_in_flight)++;
    return CW_OK;
}

int cw_redis_link_call(struct cw_redis_link *link, struct cw_redis_request *request,
                       const struct cw_bytes *args, size_t count)
{
    if (link->state != LINK_READY || link->in_flight >= CW_REDIS_MAX_IN_FLIGHT ||
        sdslen(link->context->c.obuf) >= CW_REDIS_MAX_UNSENT_BYTES)
        return CW_ERR_UNAVAILABLE;
    return send_args(link, request, args, count);
}

static void on_hiredis_push(redisAsyncContext *context, void *reply)
{
    struct cw_redis_link *link = context->data;
    if (link->state == LINK_READY)
        link->events.on_push(link->arg, reply);
}

/* hiredis takes `message` pushes for answers to its own SUBSCRIBE, and hands them to this callback.
 */
static void on_hiredis_message(redisAsyncContext *context, void *reply, void *arg)
{
    (void)arg;
    if (reply != NULL)
        on_hiredis_push(context, reply);
}

int cw_redis_link_subscribe(struct cw_redis_link *link, const char *verb, const char *topic)
{
    if (link->state != LINK_READY)
        return CW_ERR_UNAVAILABLE;
    redisAsyncContext *context = link->context;
    size_t before = sdslen(context->c.obuf);
    int rc = REDIS_OK;
    if (strcmp(verb, "SUBSCRIBE") == 0 || strcmp(verb, "UNSUBSCRIBE") == 0) {
        rc = redisAsyncCommand(context, on_hiredis_message, NULL, "%s %s", verb, topic);
    } else {
        /* Not redisAsyncCommand: hiredis 1.2 would hand the next command's reply to a callback of
         * SSUBSCRIBE. An error reply finds no callback: redis_reply.c makes it a push. */
        rc = redisAppendCommand(&context->c, "%s %s", verb, topic);
        if (context->ev.addWrite != NULL)
            context->ev.addWrite(context->ev.data);
    }
    link->handed_bytes += sdslen(context->c.obuf) - before;
    return rc == REDIS_OK ? CW_OK : CW_ERR_NOMEM;
}

/* Handshake: one step after the other, each answered before the next is sent. */

enum handshake_step { STEP_HELLO, STEP_SELECT, STEP_ROLE, STEP_INFO, STEP_DONE };

struct handshake_call {
    struct cw_redis_request request;
    enum handshake_step step;
    bool has_password; /* HELLO has said it */
};

static void send_step(struct cw_redis_link *link, enum handshake_step step, bool says_password);

static void refuse(struct cw_redis_link *link, bool is_fatal, const char *why)
{
    (void)snprintf(link->why, sizeof(link->why), "%s", why);
    link->is_fatal = is_fatal;
    redisAsyncDisconnect(link->context);
}

static bool read_replication_id(const char *info, char ret_id[48])
{
    const char *at = strstr(info, "master_replid:");
    return at != NULL && sscanf(at, "master_replid:%47[0-9a-f]", ret_id) == 1;
}

static bool read_info(struct cw_redis_link *link, const redisReply *reply)
{
    char replication_id[48];
    if (reply->str == NULL || !read_replication_id(reply->str, replication_id))
        return false;
    const char *run_id = strstr(reply->str, "run_id:");
    const char *version = strstr(reply->str, "redis_version:");
    if (run_id == NULL || version == NULL)
        return false;
    if (sscanf(run_id, "run_id:%47[0-9a-f]", link->run_id) != 1)
        return false;
    (void)snprintf(link->course, sizeof(link->course), "%s %s", link->run_id, replication_id);
    if (strstr(reply->str, "redis_mode:cluster") != NULL && !link->address->is_member)
        refuse(link, false,
               "this is a server of a Redis Cluster: say redis+cluster:// instead of redis://");
    if (strtol(version + strlen("redis_version:"), NULL, 10) < 7) {
        char why[120];
        (void)snprintf(why, sizeof(why), "Redis %.12s is too old: version 7 or newer is needed",
                       version + strlen("redis_version:"));
        why[strcspn(why, "\r\n")] = '\0';
        refuse(link, true, why);
    }
    return true;
}

static void on_step_reply(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    struct handshake_call *call = (struct handshake_call *)request;
    struct cw_redis_link *link = request->link;
    enum handshake_step step = call->step;
    bool has_password = call->has_password;
    free(call);
    if (reply == NULL)
        return; /* the disconnect callback follows */
    if (rc != CW_OK && link->address->is_guide && !has_password &&
        link->address->password != NULL && begins_with(reply->str, "NOAUTH")) {
        send_step(link, step, true);
        return;
    }
    if (rc != CW_OK) {
        refuse(link, false, reply->str);
        return;
    }
    if (step == STEP_ROLE && (reply->elements < 1 || reply->element[0]->str == NULL ||
                              strcmp(reply->element[0]->str, "master") != 0)) {
        refuse(link, false, "this Redis is a replica; waiting for a primary");
        return;
    }
    if (step == STEP_INFO && !read_info(link, reply)) {
        refuse(link, false, "INFO gave no run_id, redis_version and master_replid");
        return;
    }
    if (link->why[0] == '\0')
        send_step(link, link->address->is_guide ? STEP_DONE : step + 1, false);
}

static void send_step(struct cw_redis_link *link, enum handshake_step step, bool says_password)
{
    if (step == STEP_SELECT && link->address->db == 0)
        step++;
    if (step == STEP_DONE) {
        set_state(link, LINK_READY);
        link->context->c.reader->privdata = &link->in_flight;
        link->events.on_ready(link->arg);
        return;
    }
    struct cw_bytes args[5];
    size_t count = 0;
    char db[16];
    switch (step) {
    case STEP_HELLO:
        args[count++] = cw_bytes_text("HELLO");
        args[count++] = cw_bytes_text("3");
        if (says_password && link->address->password != NULL) {
            args[count++] = cw_bytes_text("AUTH");
            args[count++] = cw_bytes_text(link->address->user ? link->address->user : "default");
            args[count++] = cw_bytes_text(link->address->password);
        }
        break;
    case STEP_SELECT:
        (void)snprintf(db, sizeof(db), "%d", link->address->db);
        args[count++] = cw_bytes_text("SELECT");
        args[count++] = cw_bytes_text(db);
        break;
    case STEP_ROLE:
        args[count++] = cw_bytes_text("ROLE");
        break;
    case STEP_INFO:
    case STEP_DONE:
        args[count++] = cw_bytes_text("INFO");
        args[count++] = cw_bytes_text("server");
        args[count++] = cw_bytes_text("replication");
        break;
    }
    struct handshake_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        refuse(link, false, "out of memory");
        return;
    }
    call->request.on_reply = on_step_reply;
    call->step = step;
    call->has_password = says_password;
    if (send_args(link, &call->request, args, count) != CW_OK)
        free(call); /* the connection is going already: its disconnect callback follows */
}

/* False: there will be no connection. */
static bool begin_tls(struct cw_redis_link *link)
{
    struct ssl_st *ssl = cw_redis_tls_begin(link->address->tls, link->address->host);
    if (ssl == NULL) {
        refuse(link, false, "out of memory");
        return false;
    }
    cw_redis_tls_forget_errors();
    if (redisInitiateSSL(&link->context->c, ssl) != REDIS_OK) {
        refuse(link, false, link->context->c.errstr);
        SSL_free(ssl);
        return false;
    }
    link->ssl = ssl;
    cw_redis_events_secure(link->context, ssl);
    return true;
}

static void on_hiredis_connect(const redisAsyncContext *context, int status)
{
    struct cw_redis_link *link = context->data;
    if (status != REDIS_OK) {
        link->context = NULL;
        report_lost(link, context->errstr);
        return;
    }
    if (link->address->unix_path == NULL) {
        redisContext *plain = &link->context->c;
        (void)redisEnableKeepAliveWithInterval(plain, TCP_KEEPALIVE_S);
        (void)redisSetTcpUserTimeout(plain, TCP_USER_TIMEOUT_MS);
    }
    if (!link->address->uses_tls || begin_tls(link))
        send_step(link, STEP_HELLO, !link->address->is_guide); /* many have none */
}

static void on_hiredis_disconnect(const redisAsyncContext *context, int status)
{
    struct cw_redis_link *link = context->data;
    if (link->context != context)
        return; /* closed by us from inside one of its callbacks */
    link->context = NULL;
    char why[120] = "closed";
    if (status != REDIS_OK && (link->ssl == NULL || !cw_redis_tls_why(link->ssl, why, sizeof(why))))
        (void)snprintf(why, sizeof(why), "%s", context->errstr);
    link->ssl = NULL;
    report_lost(link, why);
}

static void on_fail_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    report_lost(arg, "can't create a socket");
}

int cw_redis_link_create(struct event_base *base, const struct cw_redis_address *address,
                         const char *name, const struct cw_redis_link_events *events, void *arg,
                         struct cw_redis_link **ret_link)
{
    struct cw_redis_link *link = calloc(1, sizeof(*link));
    if (link == NULL)
        return CW_ERR_NOMEM;
    link->base = base;
    link->address = address;
    link->name = name;
    link->events = *events;
    link->arg = arg;
    link->fail_event = evtimer_new(base, on_fail_event, link);
    if (link->fail_event == NULL) {
        free(link);
        return CW_ERR_NOMEM;
    }
    *ret_link = link;
    return CW_OK;
}

void cw_redis_link_destroy(struct cw_redis_link *link)
{
    if (link == NULL)
        return;
    cw_redis_link_close(link);
    cw_writer_finish(&link->command);
    event_free(link->fail_event);
    free(link);
}

void cw_redis_link_connect(struct cw_redis_link *link)
{
    const struct cw_redis_address *address = link->address;
    struct timeval timeout = {CONNECT_TIMEOUT_S, 0};
    redisOptions options = {0};
    if (address->unix_path != NULL)
        REDIS_OPTIONS_SET_UNIX(&options, address->unix_path);
    else
        REDIS_OPTIONS_SET_TCP(&options, address->host, address->port);
    options.connect_timeout = &timeout;
    options.async_push_cb = on_hiredis_push;

    link->why[0] = '\0';
    link->is_fatal = false;
    link->is_closing = false;
    link->handed_bytes = 0;
    link->in_flight = 0;
    link->ssl = NULL;
    set_state(link, LINK_CONNECTING);

    redisAsyncContext *context = redisAsyncConnectWithOptions(&options);
    if (context != NULL && context->err == 0 &&
        cw_redis_events_attach(context, link->base) != CW_OK) {
        redisAsyncFree(context);
        context = NULL;
    }
    if (context == NULL || context->err != 0) {
        (void)snprintf(link->why, sizeof(link->why), "%s",
                       context == NULL ? "out of memory" : context->errstr);
        if (context != NULL)
            redisAsyncFree(context);
        event_active(link->fail_event, EV_TIMEOUT, 0);
        return;
    }
    link->context = context;
    context->data = link;
    context->c.reader->maxelements = REPLY_ELEMENTS_MAX;
    cw_redis_reply_attach(context->c.reader);
    redisAsyncSetConnectCallback(context, on_hiredis_connect);
    redisAsyncSetDisconnectCallback(context, on_hiredis_disconnect);
}

/* Of a message that Redis acknowledged and then lost in a crash, this may be the only copy. */
static void take_last_pushes(struct cw_redis_link *link)
{
    redisAsyncContext *context = link->context;
    int waiting = 0;
    if (link->state != LINK_READY || link->in_flight > 0 ||
        (context->c.flags & REDIS_IN_CALLBACK) != 0 || ioctl(context->c.fd, FIONREAD, &waiting) < 0)
        return;
    /* A read by TLS takes one record, which may be as small as one message. */
    int reads = waiting / (link->ssl != NULL ? TLS_RECORD_MIN : HIREDIS_READ_SIZE) + 1;
    for (; reads > 0 && waiting > 0 && link->context == context; reads--) {
        cw_redis_tls_forget_errors();
        redisAsyncHandleRead(context);
        if (link->context != context || ioctl(context->c.fd, FIONREAD, &waiting) < 0)
            return;
    }
}

void cw_redis_link_close(struct cw_redis_link *link)
{
    if (link->state == LINK_IDLE)
        return;
    event_del(link->fail_event);
    link->is_closing = true;
    take_last_pushes(link);
    set_state(link, LINK_IDLE);
    redisAsyncContext *context = link->context;
    link->context = NULL;
    if (context != NULL)
        redisAsyncFree(context); /* answers what is pending */
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
    return link->course;
}

static void on_check_reply(struct cw_redis_request *request, int rc, const redisReply *reply)
{
    const struct cw_redis_link *link = request->link;
    char replication_id[48];
    free(request);
    if (rc != CW_OK || reply->str == NULL || !read_replication_id(reply->str, replication_id))
        return;
    if (strstr(reply->str, "role:master") == NULL)
        link->events.on_unusable(link->arg, "this Redis has become a replica");
    else if (strcmp(link->course + strlen(link->run_id) + 1, replication_id) != 0)
        link->events.on_unusable(link->arg, "this Redis was a replica meanwhile");
}

void cw_redis_link_check(struct cw_redis_link *link)
{
    static const struct cw_bytes args[] = {{"INFO", 4}, {"replication", 11}};
    struct cw_redis_request *request = calloc(1, sizeof(*request));
    if (request == NULL)
        return;
    request->on_reply = on_check_reply;
    if (cw_redis_link_call(link, request, args, 2) != CW_OK)
        free(request);
}
