/*
 * fuzz_cluster.c - a whole node's cluster side and a Redis that says anything. The input: a line of
 * letters, what the node does, then what Redis says, replies and pushes in RESP (hostile_link.h). A
 * line that begins with ! has its channels and members written well.
 *
 * Each callback comes once, whatever Redis says, and what comes up has its bounds.
 */
#include <chanway/cluster.h>

#include "base/log.h"
#include "fuzz.h"
#include "hostile_link.h"
#include "loop/fake_time.h"
#include "names.h"

#include <event2/event.h>

#define STEPS_MAX 48
#define CHANNELS  3

static const char *const uuids[CHANNELS] = {"018f3a5e-7c1b-7d2e-9a40-5f6e7d8c9b0a",
                                            "018f3a5e-7c1b-7d2e-9a40-5f6e7d8c9b0b",
                                            "018f3a5e-7c1b-7d2e-9a40-5f6e7d8c9b0c"};
static const unsigned char digest[CW_SESSION_DIGEST_SIZE] = "0123456789abcde";

struct scene {
    struct event_base *base;
    struct cw_cluster *cluster;
    struct cw_cluster_channel *channels[CHANNELS]; /* NULL: not attached */
    int owed;                                      /* callbacks that are still to come */
    int request_of;                                /* whose request is not answered yet; -1: none */
};

static struct scene scene;

static int index_of(const void *user)
{
    for (int i = 0; i < CHANNELS; i++)
        if (user == uuids[i])
            return i;
    fuzz_fail("not one of our channels");
}

static void check_rc(int rc)
{
    fuzz_require(rc <= 0 && cw_error_text(rc) != NULL);
}

static void settle(int rc)
{
    check_rc(rc);
    fuzz_require(scene.owed > 0);
    scene.owed--;
}

/* A call that returned CW_OK owes its callback. */
static void owe(int rc)
{
    check_rc(rc);
    if (rc == CW_OK)
        scene.owed++;
}

/* What comes up. */

static void check_message(const struct cw_message *message)
{
    fuzz_require(message->type <= CW_PAYLOAD_BYTES);
    fuzz_require(message->payload.size <= CW_PAYLOAD_MAX);
    fuzz_require(message->from.size == 0 || cw_group_name_is_valid(message->from));
    fuzz_touch(message->payload);
}

static void on_message(void *arg, void *local, const struct cw_message *message)
{
    (void)arg;
    fuzz_require(local != NULL);
    check_message(message);
}

static void on_gap(void *arg, void *local, const struct cw_gap *gap)
{
    (void)arg;
    fuzz_require(local != NULL && gap != NULL);
}

static void on_direct(void *arg, void *user, const struct cw_message *message, bool is_live)
{
    (void)arg;
    (void)is_live;
    (void)index_of(user);
    check_message(message);
}

static void on_direct_gap(void *arg, void *user, const struct cw_gap *gap)
{
    (void)arg;
    (void)gap;
    (void)index_of(user);
}

static void on_request(void *arg, void *user, enum cw_channel_request request, struct cw_bytes text)
{
    (void)arg;
    fuzz_require(request >= CW_REQUEST_CLOSE && request <= CW_REQUEST_LEAVE);
    fuzz_touch(text);
    scene.request_of = index_of(user);
}

static void on_taken(void *arg, void *user)
{
    int i = index_of(user);
    (void)arg;
    fuzz_require(scene.channels[i] != NULL);
}

static void on_presence(void *arg, void *local, bool is_join, struct cw_bytes channel,
                        struct cw_bytes user)
{
    (void)arg;
    (void)is_join;
    fuzz_require(local != NULL && cw_uuid_is_valid(channel));
    fuzz_touch(user);
}

static void on_fatal(void *arg, const char *why)
{
    (void)arg;
    fuzz_touch(cw_bytes_text(why));
}

static void describe(void *user, struct cw_channel_info *ret_info)
{
    *ret_info = (struct cw_channel_info){.uuid = uuids[index_of(user)],
                                         .type = CW_PAYLOAD_JSON,
                                         .created_ms = 1000,
                                         .address = "10.0.0.7:51514",
                                         .session = digest};
}

/* Answers. */

static void on_attached(void *user, int rc)
{
    (void)index_of(user);
    check_rc(rc);
}

static void on_done(void *arg, int rc)
{
    (void)arg;
    settle(rc);
}

static void on_joined(void *arg, int rc, bool is_logged, struct cw_position position)
{
    (void)arg;
    (void)is_logged;
    (void)position;
    settle(rc);
}

static void on_published(void *arg, int rc, const struct cw_published *published)
{
    (void)arg;
    fuzz_require(published != NULL);
    settle(rc);
}

static void on_sent(void *arg, int rc, const struct cw_sent *sent)
{
    (void)arg;
    fuzz_require(sent != NULL);
    settle(rc);
}

static void on_log(void *arg, int rc, const struct cw_log_page *page)
{
    (void)arg;
    fuzz_require(page->count <= 200);
    for (size_t i = 0; rc == CW_OK && i < page->count; i++)
        check_message(&page->entries[i].message);
    settle(rc);
}

static void on_members(void *arg, int rc, const struct cw_member_info *members, size_t count,
                       struct cw_bytes next)
{
    (void)arg;
    fuzz_require(count <= 1000);
    for (size_t i = 0; i < count; i++) {
        fuzz_touch(members[i].channel);
        fuzz_touch(members[i].node);
        fuzz_touch(members[i].user);
    }
    fuzz_touch(next);
    settle(rc);
}

static void on_group(void *arg, int rc, const struct cw_group_info *info)
{
    (void)arg;
    fuzz_require((rc == CW_OK) == (info != NULL));
    settle(rc);
}

static void on_entry(void *arg, int rc, const struct cw_registry_entry *entry)
{
    (void)arg;
    fuzz_require((rc == CW_OK) == (entry != NULL));
    if (entry != NULL) {
        fuzz_require(cw_uuid_is_valid(entry->uuid) && entry->type <= CW_PAYLOAD_BYTES);
        for (size_t i = 0; i < entry->group_count; i++)
            fuzz_touch(entry->groups[i]);
    }
    settle(rc);
}

static void on_channels(void *arg, int rc, const struct cw_registry_item *items, size_t count,
                        struct cw_bytes next)
{
    (void)arg;
    fuzz_require(next.size <= CW_REGISTRY_CURSOR_MAX && count <= 10);
    for (size_t i = 0; i < count; i++)
        fuzz_touch(items[i].uuid);
    settle(rc);
}

static void on_session(void *arg, int rc, const struct cw_session *session)
{
    (void)arg;
    if (rc == CW_OK)
        fuzz_require(session->type <= CW_PAYLOAD_BYTES);
    settle(rc);
}

static void on_resumed(void *user, int rc, const struct cw_resumed *resumed)
{
    check_rc(rc);
    (void)index_of(user);
    for (size_t i = 0; rc == CW_OK && i < resumed->group_count; i++)
        fuzz_touch(resumed->groups[i].group);
}

/* What the node does. */

static void *user_of(int i)
{
    return (void *)(uintptr_t)uuids[i];
}

static void attach(int i, bool is_resumed)
{
    if (scene.channels[i] != NULL)
        return;
    if (is_resumed)
        check_rc(cw_cluster_resume(scene.cluster, uuids[i], user_of(i), digest, on_resumed,
                                   &scene.channels[i]));
    else
        check_rc(cw_cluster_attach(scene.cluster, uuids[i], user_of(i), on_attached,
                                   &scene.channels[i]));
}

static void detach(int i, bool is_kept)
{
    struct cw_written written = {cw_bytes_text("chat"), true, {1, 2}};
    struct cw_leaving leaving = {
        .resume_s = 60, .direct = {1, 1}, .groups = &written, .group_count = 1};
    struct cw_cluster_channel *channel = scene.channels[i];
    scene.channels[i] = NULL;
    if (scene.request_of == i)
        scene.request_of = -1;
    if (channel != NULL)
        cw_cluster_detach(channel, is_kept ? &leaving : NULL);
}

/* Of a channel that is there. */
static void act_on_channel(char letter, int i)
{
    static int local;
    struct cw_cluster_channel *channel = scene.channels[i];
    struct cw_bytes group = cw_bytes_text("chat");
    struct cw_stream_event event = {.kind = CW_STREAM_CONNECT};
    switch (letter) {
    case 'j':
    case 'J':
        owe(cw_cluster_join(channel, group, letter == 'J', &local, on_joined, NULL));
        break;
    case 'l':
        owe(cw_cluster_leave(channel, group, on_done, NULL));
        break;
    case 'L':
        check_rc(cw_cluster_leave(channel, group, NULL, NULL));
        break;
    case 'i':
        cw_cluster_start_inbox(channel, (struct cw_position){0, 0}, NULL);
        break;
    case 'I':
        cw_cluster_pause_inbox(channel, true);
        break;
    case 'k':
        cw_cluster_ack(channel, cw_cluster_inbox_position(channel));
        break;
    case 'h':
        owe(cw_cluster_hide(channel, on_done, NULL));
        break;
    case 'H':
        owe(cw_cluster_show(channel, on_done, NULL));
        break;
    case 'e':
        cw_cluster_emit(channel, &event);
        break;
    case 'E':
        owe(cw_cluster_emit_message(channel, CW_PAYLOAD_TEXT, group, on_done, NULL));
        break;
    case 'o':
        cw_cluster_settle_session(channel);
        break;
    case 'y':
        if (scene.request_of == i) {
            scene.request_of = -1;
            cw_cluster_request_done(channel, CW_OK);
        }
        break;
    default:
        break;
    }
}

static void ask(char letter)
{
    struct cw_cluster *cluster = scene.cluster;
    struct cw_bytes group = cw_bytes_text("chat");
    struct cw_bytes uuid = cw_bytes_text(uuids[0]);
    struct cw_message message = {
        .payload = cw_bytes_text("1"), .from = uuid, .group = group, .key = cw_bytes_text("key")};
    switch (letter) {
    case 'p':
        owe(cw_cluster_publish(cluster, &message, on_published, NULL));
        break;
    case 's':
        owe(cw_cluster_send(cluster, uuid, &message, on_sent, NULL));
        break;
    case 'm':
        owe(cw_cluster_members(cluster, group, cw_bytes_text("0"), 1000, on_members, NULL));
        break;
    case 'R':
        owe(cw_cluster_read(cluster, group, (struct cw_position){1, 1}, on_log, NULL));
        break;
    case 'g':
        owe(cw_cluster_group(cluster, group, on_group, NULL));
        break;
    case 'f':
        owe(cw_cluster_find_channel(cluster, uuid, on_entry, NULL));
        break;
    case 'c':
        owe(cw_cluster_channels(cluster, cw_bytes_text("0"), 10, on_channels, NULL));
        break;
    case 'q':
        owe(cw_cluster_request(cluster, uuid, CW_REQUEST_CLOSE, cw_bytes_text("4000 bye"), on_done,
                               NULL));
        break;
    case 'F':
        owe(cw_cluster_find_session(cluster, uuid, digest, NULL, on_session, NULL));
        break;
    default:
        break;
    }
}

/* Letters are of the channel that the last digit named. */
static void step(char letter, int *of)
{
    switch (letter) {
    case '0':
    case '1':
    case '2':
        *of = letter - '0';
        return;
    case 'a':
    case 'r':
        attach(*of, letter == 'r');
        break;
    case 'd':
    case 'D':
        detach(*of, letter == 'D');
        break;
    case 'x':
    case 'X':
        hostile_link_break(letter == 'X');
        break;
    case '>':
        hostile_link_push();
        break;
    case 't':
        fake_time_advance(500);
        break;
    case 'T':
        fake_time_advance(10000);
        break;
    case ',': /* more at once: nothing runs between this and the next */
        return;
    default:
        if (scene.channels[*of] != NULL)
            act_on_channel(letter, *of);
        ask(letter);
        break;
    }
    fake_time_run();
}

static void start(struct cw_bytes answers, bool answers_writes_well)
{
    char error[128];
    scene = (struct scene){.request_of = -1};
    scene.base = event_base_new();
    fuzz_require(scene.base != NULL);
    fake_time_start(scene.base, 1000000, 1);
    hostile_link_start(answers, answers_writes_well);
    struct cw_cluster_options options = {
        .event_base = scene.base,
        .redis = "redis://10.0.0.1",
        .node = "n",
        .events_mask = 63,
        .session_ttl_s = 60,
        .events = {.on_message = on_message,
                   .on_gap = on_gap,
                   .on_direct = on_direct,
                   .on_direct_gap = on_direct_gap,
                   .on_request = on_request,
                   .on_taken = on_taken,
                   .on_presence = on_presence,
                   .on_fatal = on_fatal,
                   .describe = describe},
    };
    fuzz_require(cw_cluster_create(&options, error, sizeof(error), &scene.cluster) == CW_OK);
    fuzz_require(cw_cluster_start(scene.cluster, error, sizeof(error)) == CW_OK);
    fake_time_advance(100);
}

static void drop_line(void *arg, const char *line, size_t size)
{
    (void)arg;
    fuzz_touch(cw_bytes_make(line, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes answers = cw_bytes_make(data, size);
    struct cw_bytes steps = fuzz_take(&answers, '\n');
    int of = 0;
    if (steps.size > STEPS_MAX)
        return 0;
    cw_log_set_sink(drop_line, NULL);
    start(answers, steps.size > 0 && steps.data[0] == '!');
    for (size_t i = 0; i < steps.size; i++)
        step(steps.data[i], &of);
    for (int i = 0; i < CHANNELS; i++)
        detach(i, false);
    fake_time_run();
    cw_cluster_destroy(scene.cluster);
    fuzz_require(scene.owed == 0);
    hostile_link_finish();
    fake_time_stop();
    event_base_free(scene.base);
    return 0;
}
