/* links.c - from the endpoints to the parts; see the header. */
#include "links.h"

#include "base/log.h"
#include "base/stats.h"
#include "parts.h"
#include "reaper.h"
#include "sweeper.h"

#include <event2/event.h>

#include <stdbool.h>
#include <string.h>

static void request_flush(struct cw_cluster *cluster)
{
    event_active(cluster->turn_end, EV_TIMEOUT, 0);
}

static void go_on(struct cw_cluster *cluster, const struct cw_endpoint *endpoint)
{
    if (cluster->registry.is_suspect)
        cw_registry_announce_all(&cluster->registry);
    cw_inboxes_catch_up_all(&cluster->inboxes, endpoint);
    cw_registry_retry(&cluster->registry); /* asks for a flush */
}

void cw_links_on_held(void *arg)
{
    go_on(arg, NULL);
}

static bool has(const struct cw_cluster *cluster, const struct cw_endpoint *endpoint,
                const char *key)
{
    return cw_endpoints_of(cluster->endpoints, cw_bytes_text(key)) == endpoint;
}

static void on_up(void *arg, struct cw_endpoint *endpoint, bool is_same_course)
{
    struct cw_cluster *cluster = arg;
    if (has(cluster, endpoint, cluster->bans.key)) /* first: its answer comes before any channel */
        cw_ban_mirror_on_up(&cluster->bans);
    if (!is_same_course) /* the end of its log may be lost, though the lease is not */
        cw_registry_distrust(&cluster->registry);
    cw_log_reader_on_up(&cluster->reader, !is_same_course);
    cw_lease_start(&cluster->lease);
    cw_reaper_start(cluster->reaper);
    cw_sweeper_start(cluster->sweeper);
    cw_interests_on_up(&cluster->interests, endpoint, is_same_course);
    cw_replicas_on_up(&cluster->replicas, endpoint);
    if (cw_lease_may_write(&cluster->lease))
        go_on(cluster, endpoint);
    if (cluster->events.on_link != NULL)
        cluster->events.on_link(cluster->events_arg, true);
}

static void on_down(void *arg, const struct cw_endpoint *endpoint)
{
    struct cw_cluster *cluster = arg;
    bool is_any_up = cw_endpoints_any_up(cluster->endpoints);
    if (!is_any_up)
        cw_lease_stop(&cluster->lease);
    if (has(cluster, endpoint, cluster->bans.key))
        cw_ban_mirror_on_down(&cluster->bans);
    if (has(cluster, endpoint, cluster->stream.key))
        cw_event_stream_on_down(&cluster->stream); /* the reaper may wait for it */
    if (!is_any_up) {
        cw_reaper_stop(cluster->reaper);
        cw_sweeper_stop(cluster->sweeper);
    }
    cw_log_reader_on_down(&cluster->reader, endpoint);
    cw_memberships_on_down(&cluster->memberships, endpoint);
    cw_interests_on_down(&cluster->interests, endpoint);
    cw_replicas_on_down(&cluster->replicas, endpoint);
    request_flush(cluster); /* what is to be detached waits no longer */
    if (cluster->events.on_link != NULL)
        cluster->events.on_link(cluster->events_arg, false);
}

static void on_topic_message(void *arg, struct cw_bytes topic, struct cw_bytes bytes)
{
    struct cw_cluster *cluster = arg;
    cw_interests_on_message(&cluster->interests, topic, bytes);
}

static void on_subscribed(void *arg, const struct cw_endpoint *endpoint, struct cw_bytes topic)
{
    struct cw_cluster *cluster = arg;
    cw_interests_on_subscribed(&cluster->interests, endpoint, topic);
}

static void on_unsubscribed(void *arg, const struct cw_endpoint *endpoint, struct cw_bytes topic)
{
    struct cw_cluster *cluster = arg;
    cw_interests_on_unsubscribed(&cluster->interests, endpoint, topic);
}

static void on_refused(void *arg, const struct cw_endpoint *endpoint)
{
    struct cw_cluster *cluster = arg;
    cw_interests_on_refused(&cluster->interests, endpoint);
}

/* Without a fall only topics have moved: what was acknowledged went with its slot. */
static void on_moved(void *arg, bool is_same_course)
{
    struct cw_cluster *cluster = arg;
    if (!is_same_course) {
        cw_registry_distrust(&cluster->registry);
        cw_log_reader_on_up(&cluster->reader, true);
    }
    cw_memberships_on_moved(&cluster->memberships);
    cw_interests_on_moved(&cluster->interests);
    request_flush(cluster);
}

/* `<word> <rest>`: true, and only the rest is left. */
static bool take_word(struct cw_bytes *bytes, const char *word)
{
    size_t size = strlen(word);
    if (bytes->size < size || memcmp(bytes->data, word, size) != 0)
        return false;
    *bytes = cw_bytes_make(bytes->data + size, bytes->size - size);
    return true;
}

static void on_node_message(void *arg, struct cw_bytes bytes)
{
    struct cw_cluster *cluster = arg;
    if (take_word(&bytes, "direct "))
        cw_inboxes_on_direct(&cluster->inboxes, bytes);
    else if (take_word(&bytes, "request "))
        cw_inboxes_on_request(&cluster->inboxes, bytes);
    else if (take_word(&bytes, "taken "))
        cw_registry_on_taken(&cluster->registry, bytes);
    else if (take_word(&bytes, "bans "))
        cw_ban_mirror_on_message(&cluster->bans, bytes);
    else
        cw_log_debug(cw_log_node(), "message of unknown kind on the node's topic, %zu bytes",
                     bytes.size);
}

static void on_fatal(void *arg, const char *why)
{
    struct cw_cluster *cluster = arg;
    if (cluster->events.on_fatal != NULL)
        cluster->events.on_fatal(cluster->events_arg, why);
}

const struct cw_endpoints_events cw_link_events = {
    .on_up = on_up,
    .on_down = on_down,
    .on_topic_message = on_topic_message,
    .on_subscribed = on_subscribed,
    .on_unsubscribed = on_unsubscribed,
    .on_refused = on_refused,
    .on_moved = on_moved,
    .on_node_message = on_node_message,
    .on_fatal = on_fatal,
};
