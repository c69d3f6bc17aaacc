/*
 * path.c - nodes without sockets: as gateway.c builds them, with a transport that keeps frames.
 */
#include "loop/path.h"

#include "base/log.h"
#include "base/writer.h"
#include "channel/members.h"
#include "envelope.h"
#include "handlers/dispatch.h"
#include "handlers/handlers.h"
#include "protocol/frame.h"
#include "protocol/handshake.h"
#include "unit/envelope_encode.h"

#include <event2/event.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAME_MAX 65536

/* The transport. */

static void request_flush(struct cw_channel *channel)
{
    (void)channel;
}

static void flush_now(struct cw_channel *channel)
{
    (void)channel; /* the socket takes nothing by itself */
}

static void close_channel(struct cw_channel *channel, int code, const char *reason)
{
    struct path_client *client = channel->connection;
    (void)reason;
    client->close_code = code;
}

static void pause_reading(struct cw_channel *channel, bool is_paused)
{
    struct path_client *client = channel->connection;
    client->is_paused = is_paused;
}

static const struct cw_transport transport = {request_flush, flush_now, close_channel,
                                              pause_reading};

/* From the cluster. */

static void on_message(void *arg, void *local, const struct cw_message *message)
{
    struct path_node *node = arg;
    node->messages++;
    cw_group_deliver(local, message);
}

static void on_gap(void *arg, void *local, const struct cw_gap *gap)
{
    struct path_node *node = arg;
    node->gaps++;
    cw_group_tell_gap(local, gap);
}

static void on_direct(void *arg, void *user, const struct cw_message *message, bool is_live)
{
    (void)arg;
    cw_channel_send_direct(user, message, is_live);
}

static void on_direct_gap(void *arg, void *user, const struct cw_gap *gap)
{
    (void)arg;
    cw_channel_tell_gap(user, NULL, gap);
}

static void on_link(void *arg, bool is_up)
{
    struct path_node *node = arg;
    if (is_up && node->path->on_up != NULL)
        node->path->on_up(node->path);
}

static void on_fatal(void *arg, const char *why)
{
    (void)arg;
    fail_msg("fatal: %s", why);
}

static void describe(void *user, struct cw_channel_info *ret_info)
{
    const struct cw_channel *channel = user;
    ret_info->uuid = channel->uuid;
    ret_info->type = (enum cw_payload_type)channel->type;
    ret_info->address = channel->address;
}

static struct cw_history_limits history(void *arg, struct cw_bytes group)
{
    const struct path_node *node = arg;
    (void)group;
    return node->path->history;
}

/* Nodes. */

const char *path_redis = "redis://fake";

static void start_node(struct path *path, struct path_node *node, const char *name)
{
    char error[200];
    struct cw_cluster_options options = {
        .event_base = path->base,
        .redis = path_redis,
        .node = name,
        .events = {.on_message = on_message,
                   .on_gap = on_gap,
                   .on_direct = on_direct,
                   .on_direct_gap = on_direct_gap,
                   .on_link = on_link,
                   .on_fatal = on_fatal,
                   .describe = describe,
                   .history = history},
        .events_arg = node,
    };
    node->path = path;
    cw_node_init(&node->node);
    assert_int_equal(cw_cluster_create(&options, error, sizeof(error), &node->cluster), CW_OK);
    node->node.cluster = node->cluster;
    node->node.id = cw_cluster_node_id(node->cluster);
    node->node.version = "0";
    node->node.transport = &transport;
    node->node.run_waiting_op = cw_dispatch_waiting_op;
    node->node.open = cw_open_channel;
    node->node.limits = (struct cw_limits){
        .max_connections = 100000,
        .max_message = FRAME_MAX,
        .max_groups = 2000,
        .send_queue_max = 1 << 20,
        .max_pending_ops = 1024,
        .op_timeout_ms = 5000,
    };
    node->node.parser = cw_command_parser_create(FRAME_MAX);
    assert_non_null(node->node.parser);
    assert_int_equal(cw_cluster_start(node->cluster, error, sizeof(error)), CW_OK);
}

static void ignore_line(void *arg, const char *line, size_t size)
{
    (void)arg;
    (void)line;
    (void)size;
}

void path_start(struct path *path, unsigned nodes, uint64_t seed)
{
    static const char *const names[PATH_NODES_MAX] = {"a", "b", "c", "d"};
    memset(path, 0, sizeof(*path));
    cw_list_init(&path->clients);
    path->history = (struct cw_history_limits){
        .size = 100, .ttl_ms = 300000, .bytes = 8 << 20, .keys_max = 100000};
    if (getenv("PATH_LOG") == NULL)
        cw_log_set_sink(ignore_line, NULL);
    else
        cw_log_init(CW_LOG_DEBUG, CW_LOG_TEXT);
    path->base = event_base_new();
    assert_non_null(path->base);
    fake_time_start(path->base, PATH_START_MS, seed);
    path->redis = fake_redis_create();
    path->redis->keeps_log = true;
    path->node_count = nodes;
    for (unsigned i = 0; i < nodes; i++)
        start_node(path, &path->nodes[i], names[i]);
    fake_time_advance(100);
    for (unsigned i = 0; i < nodes; i++)
        assert_true(cw_cluster_is_up(path->nodes[i].cluster));
}

void path_stop(struct path *path)
{
    struct cw_list_node *n;
    while ((n = cw_list_pop_front(&path->clients)) != NULL) {
        struct path_client *client = CW_CONTAINER(n, struct path_client, node);
        if (client->channel != NULL)
            path_close(client);
        free(client);
    }
    for (unsigned i = 0; i < path->node_count; i++) {
        cw_cluster_destroy(path->nodes[i].cluster);
        cw_node_finish(&path->nodes[i].node);
    }
    fake_redis_destroy(path->redis);
    fake_time_stop();
    event_base_free(path->base);
    cw_log_set_sink(NULL, NULL);
}

int path_setup(void **state)
{
    struct path *path = malloc(sizeof(*path));
    assert_non_null(path);
    path_start(path, 2, 1);
    *state = path;
    return 0;
}

int path_teardown(void **state)
{
    path_stop(*state);
    free(*state);
    return 0;
}

/* Clients. */

struct path_client *path_open(struct path *path, unsigned node, const char *query,
                              const char *protocols)
{
    struct cw_handshake handshake;
    struct cw_handshake_error error;
    struct path_client *client = calloc(1, sizeof(*client));
    assert_non_null(client);
    cw_list_push_back(&path->clients, &client->node);
    assert_int_equal(cw_handshake_parse(cw_bytes_text(query), cw_bytes_text(protocols), 2000,
                                        &handshake, &error),
                     CW_OK);
    assert_int_equal(cw_channel_create(&path->nodes[node].node, &handshake, NULL, NULL,
                                       "10.0.0.7:51514", client, &client->channel),
                     CW_OK);
    cw_handshake_finish(&handshake);
    (void)snprintf(client->uuid, sizeof(client->uuid), "%s", client->channel->uuid);
    if (path->on_created != NULL)
        path->on_created(client->channel);
    cw_channel_open(client->channel);
    return client;
}

struct path_client *path_json(struct path *path, unsigned node)
{
    struct path_client *client = path_open(path, node, "", "chanway.v1.json");
    fake_time_run();
    path_expect_start(client, "{'op':'welcome','channel':'%s'", client->uuid);
    path_expect_nothing(client);
    return client;
}

struct path_client *path_member(struct path *path, unsigned node, const char *group)
{
    struct path_client *client = path_json(path, node);
    path_say(client, "{'op':'join','id':0,'group':'%s'}", group);
    fake_time_run();
    path_expect_start(client, "{'op':'ok','id':0");
    path_expect_nothing(client);
    return client;
}

void path_close(struct path_client *client)
{
    struct cw_channel *channel = client->channel;
    client->channel = NULL;
    cw_channel_closed(channel, 1006, "");
}

static void turn_quotes(char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\'')
            *text = '"';
}

void path_say(struct path_client *client, const char *format, ...)
{
    static char text[FRAME_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    turn_quotes(text);
    cw_dispatch_frame(client->channel, false, cw_bytes_text(text));
}

void path_push_direct(struct path *path, const struct path_client *client, unsigned epoch,
                      unsigned offset, const char *data)
{
    const struct cw_envelope entry = {
        .message = {.payload = cw_bytes_text(data), .is_logged = true, .position = {epoch, offset}},
        .has_predecessor = offset == 1};
    struct cw_writer writer;
    char topic[CW_KEY_MAX];
    cw_writer_init(&writer);
    cw_writer_text(&writer, "direct ");
    cw_writer_text(&writer, client->uuid);
    cw_writer_text(&writer, " ");
    cw_envelope_encode(&writer, &entry);
    (void)snprintf(topic, sizeof(topic), "cw:n:%s", client->channel->node->id);
    path->redis->store.on_publish(path->redis->store.arg, false, topic, cw_writer_view(&writer));
    cw_writer_finish(&writer);
}

const char *path_next(struct path_client *client)
{
    static char text[FRAME_MAX + 1];
    if (client->channel->outbox.shed != NULL)
        assert_true(cw_channel_tell_drops(client->channel));
    struct cw_buf *frame = cw_outbox_pop(&client->channel->outbox);
    if (frame == NULL)
        return NULL;
    struct cw_bytes payload = cw_frame_payload(frame);
    (void)snprintf(text, sizeof(text), "%.*s", (int)payload.size, payload.data);
    (void)cw_buf_unref(frame);
    if (cw_outbox_is_empty(&client->channel->outbox))
        cw_channel_on_drained(client->channel);
    return text;
}

static void expect_text(struct path_client *client, char *wanted, bool is_whole)
{
    const char *text = path_next(client);
    turn_quotes(wanted);
    if (text == NULL)
        fail_msg("no frame, where there should be\n  %s", wanted);
    else if (is_whole ? strcmp(text, wanted) != 0 : strncmp(text, wanted, strlen(wanted)) != 0)
        fail_msg("a frame\n  %s\nwhere there should be\n  %s", text, wanted);
}

void path_expect(struct path_client *client, const char *format, ...)
{
    char wanted[4096];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(wanted, sizeof(wanted), format, args);
    va_end(args);
    expect_text(client, wanted, true);
}

void path_expect_start(struct path_client *client, const char *format, ...)
{
    char wanted[4096];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(wanted, sizeof(wanted), format, args);
    va_end(args);
    expect_text(client, wanted, false);
}

void path_expect_message(struct path_client *client, const char *group,
                         const struct path_client *from, unsigned epoch, unsigned offset,
                         const char *data)
{
    path_expect(client,
                "{'op':'message','group':'%s','from':'%s','epoch':'%u','offset':%u,'data':%s}",
                group, from->uuid, epoch, offset, data);
}

void path_publish(struct path_client *from, const char *group, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++)
        path_say(from, "{'op':'publish','group':'%s','data':%u}", group, i);
    fake_time_run();
}

void path_expect_numbers(struct path_client *client, const char *group,
                         const struct path_client *from, unsigned epoch, unsigned first,
                         unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        char data[16];
        (void)snprintf(data, sizeof(data), "%u", i);
        path_expect_message(client, group, from, epoch, i, data);
    }
}

void path_expect_gap(struct path_client *client, const char *group, unsigned epoch, unsigned offset)
{
    path_expect(client, "{'op':'gap','group':'%s','epoch':'%u','offset':%u}", group, epoch, offset);
}

void path_expect_nothing(const struct path_client *client)
{
    if (client->channel->outbox.shed != NULL)
        assert_true(cw_channel_tell_drops(client->channel));
    struct cw_buf *frame = cw_outbox_front(&client->channel->outbox);
    if (frame == NULL)
        return;
    struct cw_bytes payload = cw_frame_payload(frame);
    fail_msg("a frame too many\n  %.*s", (int)payload.size, payload.data);
}

size_t path_skip(struct path_client *client)
{
    size_t count = 0;
    while (path_next(client) != NULL)
        count++;
    return count;
}

/* What Redis knows. */

size_t path_members(const struct path *path, const char *group)
{
    char key[CW_KEY_MAX + 4];
    (void)snprintf(key, sizeof(key), "cw:{g:%s}:m", group);
    return fake_store_count(&path->redis->store, key);
}

bool path_is_member(const struct path *path, const struct path_client *client, const char *group)
{
    char key[CW_KEY_MAX + 4];
    (void)snprintf(key, sizeof(key), "cw:{g:%s}:m", group);
    return fake_store_get(&path->redis->store, key, client->uuid) != NULL;
}

bool path_is_marked(const struct path *path, const struct path_client *client, const char *group)
{
    char key[CW_KEY_MAX];
    char mark[CW_GROUP_NAME_MAX + 3];
    (void)snprintf(key, sizeof(key), "cw:{c:%s}", client->uuid);
    (void)snprintf(mark, sizeof(mark), "g:%s", group);
    return fake_store_get(&path->redis->store, key, mark) != NULL;
}

bool path_is_registered(const struct path *path, const struct path_client *client)
{
    char key[CW_KEY_MAX + 4];
    (void)snprintf(key, sizeof(key), "cw:{c:%s}", client->uuid);
    if (fake_store_count(&path->redis->store, key) > 0)
        return true;
    for (unsigned i = 0; i < path->node_count; i++) {
        (void)snprintf(key, sizeof(key), "cw:{n:%s}:c", path->nodes[i].node.id);
        if (fake_store_get(&path->redis->store, key, client->uuid) != NULL)
            return true;
    }
    return false;
}
