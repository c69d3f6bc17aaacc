/*
 * lease.c - this node's lease; the key <prefix>:{n:<id>} lives 15 s, <prefix>:nodes shows it to
 * everybody.
 */
#include "lease.h"

#include "base/clock.h"
#include "base/log.h"
#include "functions.h"
#include "names.h"

#include <event2/event.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool cw_lease_may_write(const struct cw_lease *lease)
{
    return lease->is_held && cw_clock_ms() - lease->acked_ms < CW_LEASE_FENCE_MS;
}

void cw_lease_forget(struct cw_lease *lease)
{
    lease->is_held = false;
    lease->acked_ms = 0;
}

/* `ttl_ms` 0: it is dead. `fn` gets the lease; NULL: nobody waits. */
static void list_node(struct cw_lease *lease, int ttl_ms, cw_done_fn fn)
{
    char key[CW_KEY_MAX];
    char ttl[24];
    char count[24];
    (void)snprintf(key, sizeof(key), "%s:nodes", lease->prefix);
    (void)snprintf(ttl, sizeof(ttl), "%d", ttl_ms);
    (void)snprintf(count, sizeof(count), "%zu", *lease->channel_count);
    struct cw_bytes args[] = {
        cw_bytes_text("FCALL"), cw_bytes_text("cw_node_list"), cw_bytes_text("1"),
        cw_bytes_text(key),     cw_bytes_text(lease->node_id), cw_bytes_text(ttl),
        cw_bytes_text(count)};
    (void)cw_functions_command(lease->endpoints, args, sizeof(args) / sizeof(args[0]), fn, lease);
}

static void on_renewed(void *arg, int rc, bool is_alive)
{
    struct cw_lease *lease = arg;
    if (rc != CW_OK)
        return; /* the next one tries again */
    if (!is_alive) {
        if (!lease->is_held)
            return;
        list_node(lease, 0, NULL); /* the renewal has just put it on the list, for another 15 s */
        lease->on_lost(lease->arg);
        return;
    }
    bool was_fenced = !cw_lease_may_write(lease);
    lease->acked_ms = lease->sent_ms;
    lease->is_held = true;
    if (was_fenced && cw_lease_may_write(lease))
        lease->on_held(lease->arg);
}

static void send_renewal(struct cw_lease *lease)
{
    char key[CW_KEY_MAX];
    char about[CW_NODE_ABOUT_MAX];
    size_t size =
        lease->describe == NULL ? 0 : lease->describe(lease->describe_arg, about, sizeof(about));
    (void)cw_key_write(key, lease->prefix, 'n', cw_bytes_text(lease->node_id));
    lease->sent_ms = cw_clock_ms();
    (void)cw_functions_renew(lease->endpoints, key, CW_LEASE_TTL_MS, !lease->is_held,
                             cw_bytes_make(about, size), on_renewed, lease);
}

static void on_listed(void *arg, int rc)
{
    struct cw_lease *lease = arg;
    if (rc == CW_OK && !lease->is_held)
        send_renewal(lease);
}

/* On the list before there is a lease, and all that comes after it: a node that dies between the
 * two is found by its entry. The two may be at different servers. */
static void renew(struct cw_lease *lease)
{
    list_node(lease, CW_LEASE_TTL_MS, lease->is_held ? NULL : on_listed);
    if (lease->is_held)
        send_renewal(lease);
}

static void set_timer(struct cw_lease *lease)
{
    static const struct timeval interval = {CW_LEASE_RENEW_MS / 1000, 0};
    (void)event_add(lease->timer, &interval);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct cw_lease *lease = arg;
    (void)fd;
    (void)what;
    renew(lease);
    set_timer(lease);
}

int cw_lease_init(struct cw_lease *lease, struct event_base *base, struct cw_endpoints *endpoints,
                  const char *prefix, const char *node_id, const size_t *channel_count)
{
    memset(lease, 0, sizeof(*lease));
    lease->endpoints = endpoints;
    lease->prefix = prefix;
    lease->node_id = node_id;
    lease->channel_count = channel_count;
    lease->timer = evtimer_new(base, on_timer, lease);
    return lease->timer == NULL ? CW_ERR_NOMEM : CW_OK;
}

void cw_lease_finish(struct cw_lease *lease)
{
    if (lease->timer != NULL)
        event_free(lease->timer);
    lease->timer = NULL;
}

void cw_lease_start(struct cw_lease *lease)
{
    renew(lease);
    set_timer(lease);
}

void cw_lease_stop(struct cw_lease *lease)
{
    event_del(lease->timer);
}

int cw_lease_release(struct cw_lease *lease, cw_done_fn fn, void *arg)
{
    char key[CW_KEY_MAX];
    event_del(lease->timer);
    (void)snprintf(key, sizeof(key), "%s:nodes", lease->prefix);
    struct cw_bytes unlist[] = {cw_bytes_text("HDEL"), cw_bytes_text(key),
                                cw_bytes_text(lease->node_id)};
    (void)cw_functions_command(lease->endpoints, unlist, 3, NULL, NULL);
    (void)cw_key_write(key, lease->prefix, 'n', cw_bytes_text(lease->node_id));
    struct cw_bytes del[] = {cw_bytes_text("DEL"), cw_bytes_text(key)};
    return cw_functions_command(lease->endpoints, del, 2, fn, arg);
}
