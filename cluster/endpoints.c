/*
 * endpoints.c - the table of the servers; see the header.
 */
#include "endpoints.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "names.h"
#include "reroute.h"
#include "slots.h"
#include "topology.h"

#include <event2/event.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY   (-1)
#define DOUBT_MS 2000 /* for so long a server that says CLUSTERDOWN is not believed */

struct entry {
    struct cw_endpoints *table;
    struct cw_endpoint *endpoint;
    struct cw_redis_address address; /* its own `host`; all else is the setting's */
    size_t slots;
    int probe_slot; /* of the key that its checks use */
    int64_t doubted_until_ms;
    bool is_successor; /* of one that was lost with what it had acknowledged last, perhaps */
};

struct cw_endpoints {
    struct event_base *base;
    const struct cw_redis_address *address;
    const char *prefix;
    const char *node_id;
    struct cw_endpoints_events events;
    void *arg;
    struct entry *entries[CW_ENDPOINTS_MAX]; /* with holes, in a Redis Cluster */
    int16_t *owners;                         /* of each slot, its entry; NULL: entry 0 has all */
    unsigned next_number;
    size_t up_count;
    bool is_closed;
    struct cw_topology *topology; /* these three: of a Redis Cluster */
    struct cw_reroute *reroute;
    struct event *cleanup; /* drops entries that have no slots any more */
};

static void count_entries(struct cw_endpoints *endpoints)
{
    size_t count = 0;
    size_t up = 0;
    for (size_t i = 0; i < CW_ENDPOINTS_MAX; i++) {
        const struct entry *entry = endpoints->entries[i];
        if (entry == NULL)
            continue;
        count++;
        up += cw_endpoint_is_up(entry->endpoint);
    }
    endpoints->up_count = up;
    CW_STAT(redis_endpoints) = (int64_t)count;
    CW_STAT(redis_endpoints_up) = (int64_t)up;
    CW_STAT(redis_up) = count > 0 && up == count;
}

/* From one endpoint. */

static void on_up(void *arg, bool is_same_course)
{
    struct entry *entry = arg;
    bool is_successor = entry->is_successor;
    entry->is_successor = false;
    count_entries(entry->table);
    entry->table->events.on_up(entry->table->arg, entry->endpoint, is_same_course && !is_successor);
}

static void on_down(void *arg)
{
    struct entry *entry = arg;
    count_entries(entry->table);
    if (entry->table->topology != NULL)
        cw_topology_hurry(entry->table->topology, NULL);
    entry->table->events.on_down(entry->table->arg, entry->endpoint);
}

static void on_topic_message(void *arg, struct cw_bytes topic, struct cw_bytes bytes)
{
    const struct entry *entry = arg;
    entry->table->events.on_topic_message(entry->table->arg, topic, bytes);
}

static void on_subscribed(void *arg, struct cw_bytes topic)
{
    const struct entry *entry = arg;
    entry->table->events.on_subscribed(entry->table->arg, entry->endpoint, topic);
}

static void on_unsubscribed(void *arg, struct cw_bytes topic)
{
    const struct entry *entry = arg;
    struct cw_endpoints *table = entry->table;
    if (table->topology == NULL)
        return;
    cw_topology_hurry(table->topology, entry->endpoint);
    table->events.on_unsubscribed(table->arg, entry->endpoint, topic);
}

static void on_slot_refused(void *arg, const char *error)
{
    struct entry *entry = arg;
    cw_log_debug(cw_log_node(), "a subscription was refused: %s", error);
    if (entry->table->topology == NULL) {
        cw_endpoint_restart(entry->endpoint, error);
        return;
    }
    cw_topology_hurry(entry->table->topology, entry->endpoint);
    entry->table->events.on_refused(entry->table->arg, entry->endpoint);
}

static void on_node_message(void *arg, struct cw_bytes bytes)
{
    const struct entry *entry = arg;
    entry->table->events.on_node_message(entry->table->arg, bytes);
}

static void on_fatal(void *arg, const char *why)
{
    const struct entry *entry = arg;
    entry->table->events.on_fatal(entry->table->arg, why);
}

/* Entries. */

static int add_entry(struct cw_endpoints *endpoints, const char *host, int port, int *ret_index)
{
    static const struct cw_endpoint_events events = {
        on_up,           on_down,         on_topic_message, on_subscribed,
        on_unsubscribed, on_slot_refused, on_node_message,  on_fatal};
    int index = 0;
    while (index < CW_ENDPOINTS_MAX && endpoints->entries[index] != NULL)
        index++;
    if (index == CW_ENDPOINTS_MAX)
        return CW_ERR_FULL;
    struct entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return CW_ERR_NOMEM;
    entry->table = endpoints;
    entry->probe_slot = NOBODY;
    entry->address = *endpoints->address;
    const struct cw_redis_address *address = endpoints->address;
    int rc = CW_OK;
    if (host != NULL) {
        entry->address.kind = CW_REDIS_SERVER;
        entry->address.is_member = endpoints->address->kind == CW_REDIS_CLUSTER;
        entry->address.port = port;
        entry->address.host = strdup(host);
        address = &entry->address;
        if (entry->address.host == NULL)
            rc = CW_ERR_NOMEM;
    } else {
        entry->address.host = NULL;
    }
    if (rc == CW_OK)
        rc = cw_endpoint_create(endpoints->base, address, endpoints->prefix, endpoints->node_id,
                                endpoints->next_number, &events, entry, &entry->endpoint);
    if (rc != CW_OK) {
        free(entry->address.host);
        free(entry);
        return rc;
    }
    endpoints->next_number++;
    endpoints->entries[index] = entry;
    *ret_index = index;
    count_entries(endpoints);
    return CW_OK;
}

static void free_entry(struct cw_endpoints *endpoints, int index)
{
    struct entry *entry = endpoints->entries[index];
    endpoints->entries[index] = NULL;
    cw_endpoint_destroy(entry->endpoint);
    free(entry->address.host);
    free(entry);
}

static struct entry *entry_of(const struct cw_endpoints *endpoints,
                              const struct cw_endpoint *endpoint)
{
    for (size_t i = 0; i < CW_ENDPOINTS_MAX; i++)
        if (endpoints->entries[i] != NULL && endpoints->entries[i]->endpoint == endpoint)
            return endpoints->entries[i];
    return NULL;
}

/* Redis Cluster: what its nodes say. */

static bool is_doubted(const struct entry *entry)
{
    return !cw_endpoint_is_up(entry->endpoint) ||
           cw_endpoint_silence_ms(entry->endpoint) > CW_ENDPOINT_DOUBT_MS ||
           cw_clock_ms() < entry->doubted_until_ms;
}

/* The entry of host:port, made if need be; NOBODY: it can't be. */
static int find_entry(struct cw_endpoints *endpoints, const char *host, int port)
{
    int index = NOBODY;
    for (int i = 0; i < CW_ENDPOINTS_MAX; i++) {
        const struct entry *entry = endpoints->entries[i];
        if (entry != NULL && entry->address.port == port && strcmp(entry->address.host, host) == 0)
            return i;
    }
    int rc = add_entry(endpoints, host, port, &index);
    if (rc != CW_OK)
        cw_log_warn(cw_log_node(), "no room for one more Redis server, %s:%d: %s", host, port,
                    cw_error_text(rc));
    return index;
}

/* A node is believed about its own slots, those it has now and those it had; about slots of
 * others, while these are away or in doubt: what it has heard may be old. */
static bool is_believed(const struct cw_endpoints *endpoints, int now, int then, int asked)
{
    return now == NOBODY || asked == now || asked == then || is_doubted(endpoints->entries[now]);
}

static void give_slot(struct cw_endpoints *endpoints, size_t slot, int to)
{
    int from = endpoints->owners[slot];
    if (from != NOBODY) {
        endpoints->entries[from]->slots--;
        CW_STAT(redis_slots_moved_total)++;
    }
    endpoints->owners[slot] = (int16_t)to;
    endpoints->entries[to]->slots++;
}

/* A key of one of the endpoint's slots, for its checks. */
static void choose_probe(struct cw_endpoints *endpoints, int index)
{
    char key[CW_KEY_MAX];
    struct entry *entry = endpoints->entries[index];
    if (entry->probe_slot != NOBODY && endpoints->owners[entry->probe_slot] == index)
        return;
    for (unsigned i = 0; i < 100 * CW_SLOTS; i++) {
        (void)snprintf(key, sizeof(key), "%s:{probe.%u}", endpoints->prefix, i);
        uint16_t slot = cw_slot_of(cw_bytes_text(key));
        if (endpoints->owners[slot] != index)
            continue;
        entry->probe_slot = slot;
        cw_endpoint_probe_by(entry->endpoint, key);
        return;
    }
}

/* Those that lost their last slot go. False: what somebody lost to another may lack his last
 * words. */
static bool settle_entries(struct cw_endpoints *endpoints, const bool has_lost[CW_ENDPOINTS_MAX],
                           const bool has_won[CW_ENDPOINTS_MAX])
{
    bool has_fallen = false;
    for (int i = 0; i < CW_ENDPOINTS_MAX; i++)
        has_fallen |=
            has_lost[i] && (endpoints->entries[i]->slots == 0 || is_doubted(endpoints->entries[i]));
    for (int i = 0; i < CW_ENDPOINTS_MAX; i++) {
        struct entry *entry = endpoints->entries[i];
        if (entry == NULL)
            continue;
        if (entry->slots > 0)
            choose_probe(endpoints, i);
        else
            event_active(endpoints->cleanup, EV_TIMEOUT, 0);
        if (has_won[i] && has_fallen && !cw_endpoint_is_up(entry->endpoint))
            entry->is_successor = true;
        cw_endpoint_start(entry->endpoint);
    }
    return !has_fallen;
}

static void take_map(void *arg, const struct cw_endpoint *asked, const char *host,
                     const struct cw_slot_range *ranges, size_t count)
{
    struct cw_endpoints *endpoints = arg;
    bool has_lost[CW_ENDPOINTS_MAX] = {false};
    bool has_won[CW_ENDPOINTS_MAX] = {false};
    size_t moved = 0;
    int asked_index = NOBODY;
    for (int i = 0; i < CW_ENDPOINTS_MAX && asked != NULL; i++)
        if (endpoints->entries[i] != NULL && endpoints->entries[i]->endpoint == asked)
            asked_index = i;
    if (asked_index != NOBODY)
        host = endpoints->entries[asked_index]->address.host;
    for (size_t i = 0; i < count; i++) {
        const char *name = ranges[i].host == NULL ? host : ranges[i].host;
        int then = find_entry(endpoints, name, ranges[i].port);
        for (size_t slot = ranges[i].first; then != NOBODY && slot <= ranges[i].last; slot++) {
            int now = endpoints->owners[slot];
            if (now == then || !is_believed(endpoints, now, then, asked_index))
                continue;
            if (now != NOBODY)
                has_lost[now] = true;
            has_won[then] = true;
            give_slot(endpoints, slot, then);
            moved++;
        }
    }
    if (moved == 0) {
        event_active(endpoints->cleanup, EV_TIMEOUT, 0); /* of one that was named in vain */
        return;
    }
    cw_log_info(cw_log_node(), "Redis Cluster: %zu slots have another owner than was known", moved);
    bool is_same_course = settle_entries(endpoints, has_lost, has_won);
    endpoints->events.on_moved(endpoints->arg, is_same_course);
    cw_reroute_release(endpoints->reroute);
}

static void on_cleanup(evutil_socket_t fd, short what, void *arg)
{
    struct cw_endpoints *endpoints = arg;
    (void)fd;
    (void)what;
    for (int i = 0; i < CW_ENDPOINTS_MAX; i++) {
        struct entry *entry = endpoints->entries[i];
        if (entry == NULL || entry->slots > 0)
            continue;
        bool was_up = cw_endpoint_is_up(entry->endpoint);
        cw_topology_forget(endpoints->topology, entry->endpoint);
        cw_endpoint_close(entry->endpoint);
        if (was_up)
            endpoints->events.on_down(endpoints->arg, entry->endpoint);
        cw_log_info(cw_log_node(), "Redis server %s:%d has no slots: left", entry->address.host,
                    entry->address.port);
        free_entry(endpoints, i);
    }
    count_entries(endpoints);
}

static struct cw_endpoint *owner_of(void *arg, uint16_t slot)
{
    const struct cw_endpoints *endpoints = arg;
    int index = endpoints->owners[slot];
    return index == NOBODY ? NULL : endpoints->entries[index]->endpoint;
}

static void on_refused(void *arg, struct cw_endpoint *by, const char *error)
{
    struct cw_endpoints *endpoints = arg;
    struct entry *entry = entry_of(endpoints, by);
    if (entry == NULL)
        return; /* it has gone meanwhile */
    bool is_lost = strncmp(error, "CLUSTERDOWN", strlen("CLUSTERDOWN")) == 0;
    if (is_lost) /* perhaps alone, on the wrong side: the others are asked */
        entry->doubted_until_ms = cw_clock_ms() + DOUBT_MS;
    if (strncmp(error, "TRYAGAIN", strlen("TRYAGAIN")) != 0)
        cw_topology_hurry(endpoints->topology, is_lost ? NULL : by);
}

/* Building. */

static int create_cluster(struct cw_endpoints *endpoints)
{
    static const struct cw_reroute_events events = {owner_of, on_refused};
    for (size_t slot = 0; slot < CW_SLOTS; slot++)
        endpoints->owners[slot] = NOBODY;
    endpoints->cleanup = evtimer_new(endpoints->base, on_cleanup, endpoints);
    if (endpoints->cleanup == NULL)
        return CW_ERR_NOMEM;
    int rc = cw_reroute_create(endpoints->base, &events, endpoints, &endpoints->reroute);
    if (rc != CW_OK)
        return rc;
    return cw_topology_create(endpoints->base, endpoints, endpoints->address, take_map,
                              &endpoints->topology);
}

static int create_shards(struct cw_endpoints *endpoints)
{
    size_t count = endpoints->address->host_count;
    for (size_t i = 0; i < count; i++) {
        const struct cw_redis_host *host = &endpoints->address->hosts[i];
        int index;
        int rc = add_entry(endpoints, host->host, host->port, &index);
        if (rc != CW_OK)
            return rc;
        size_t first = i * CW_SLOTS / count;
        size_t end = (i + 1) * CW_SLOTS / count;
        for (size_t slot = first; slot < end; slot++)
            endpoints->owners[slot] = (int16_t)index;
        endpoints->entries[index]->slots = end - first;
    }
    return CW_OK;
}

static int create_entries(struct cw_endpoints *endpoints)
{
    int index;
    if (endpoints->address->kind != CW_REDIS_CLUSTER && endpoints->address->kind != CW_REDIS_SHARDS)
        return add_entry(endpoints, NULL, 0, &index);
    endpoints->owners = calloc(CW_SLOTS, sizeof(endpoints->owners[0]));
    if (endpoints->owners == NULL)
        return CW_ERR_NOMEM;
    return endpoints->address->kind == CW_REDIS_CLUSTER ? create_cluster(endpoints)
                                                        : create_shards(endpoints);
}

int cw_endpoints_create(struct event_base *base, const struct cw_redis_address *address,
                        const char *prefix, const char *node_id,
                        const struct cw_endpoints_events *events, void *arg,
                        struct cw_endpoints **ret_endpoints)
{
    struct cw_endpoints *endpoints = calloc(1, sizeof(*endpoints));
    if (endpoints == NULL)
        return CW_ERR_NOMEM;
    endpoints->base = base;
    endpoints->address = address;
    endpoints->prefix = prefix;
    endpoints->node_id = node_id;
    endpoints->events = *events;
    endpoints->arg = arg;
    int rc = create_entries(endpoints);
    if (rc != CW_OK) {
        cw_endpoints_destroy(endpoints);
        return rc;
    }
    *ret_endpoints = endpoints;
    return CW_OK;
}

void cw_endpoints_close(struct cw_endpoints *endpoints)
{
    if (endpoints == NULL || endpoints->is_closed)
        return;
    endpoints->is_closed = true;
    if (endpoints->cleanup != NULL)
        event_del(endpoints->cleanup);
    cw_topology_destroy(endpoints->topology);
    endpoints->topology = NULL;
    for (size_t i = 0; i < CW_ENDPOINTS_MAX; i++)
        if (endpoints->entries[i] != NULL)
            cw_endpoint_close(endpoints->entries[i]->endpoint);
    count_entries(endpoints);
    if (endpoints->reroute != NULL)
        cw_reroute_close(endpoints->reroute);
}

void cw_endpoints_destroy(struct cw_endpoints *endpoints)
{
    if (endpoints == NULL)
        return;
    cw_endpoints_close(endpoints);
    for (int i = 0; i < CW_ENDPOINTS_MAX; i++)
        if (endpoints->entries[i] != NULL)
            free_entry(endpoints, i);
    cw_reroute_destroy(endpoints->reroute);
    if (endpoints->cleanup != NULL)
        event_free(endpoints->cleanup);
    free(endpoints->owners);
    free(endpoints);
}

void cw_endpoints_start(struct cw_endpoints *endpoints)
{
    for (size_t i = 0; i < CW_ENDPOINTS_MAX; i++)
        if (endpoints->entries[i] != NULL)
            cw_endpoint_start(endpoints->entries[i]->endpoint);
    if (endpoints->topology != NULL)
        cw_topology_start(endpoints->topology);
}

void cw_endpoints_rename(struct cw_endpoints *endpoints)
{
    for (size_t i = 0; i < CW_ENDPOINTS_MAX; i++)
        if (endpoints->entries[i] != NULL)
            cw_endpoint_rename(endpoints->entries[i]->endpoint);
}

/* Use. */

struct cw_endpoint *cw_endpoints_of(const struct cw_endpoints *endpoints, struct cw_bytes key)
{
    int index = endpoints->owners == NULL ? 0 : endpoints->owners[cw_slot_of(key)];
    return index == NOBODY ? NULL : endpoints->entries[index]->endpoint;
}

bool cw_endpoints_serve(const struct cw_endpoints *endpoints, struct cw_bytes key)
{
    const struct cw_endpoint *endpoint = cw_endpoints_of(endpoints, key);
    return endpoint != NULL && cw_endpoint_is_up(endpoint);
}

bool cw_endpoints_any_up(const struct cw_endpoints *endpoints)
{
    return endpoints->up_count > 0;
}

bool cw_endpoints_keeps(const struct cw_endpoints *endpoints, const struct cw_endpoint *endpoint)
{
    const struct entry *entry = entry_of(endpoints, endpoint);
    return entry != NULL && entry->slots > 0 && !is_doubted(entry);
}

bool cw_endpoints_have(const struct cw_endpoints *endpoints, const struct cw_endpoint *endpoint)
{
    return entry_of(endpoints, endpoint) != NULL;
}

bool cw_endpoints_are_many(const struct cw_endpoints *endpoints)
{
    return endpoints->owners != NULL;
}

/* FCALL name 1 key ..., XINFO STREAM key, else: word key ... */
static struct cw_bytes key_of_command(const struct cw_bytes *args, size_t count)
{
    size_t at = 1;
    if (cw_bytes_is(args[0], "FCALL") || cw_bytes_is(args[0], "FCALL_RO"))
        at = 3;
    else if (cw_bytes_is(args[0], "XINFO"))
        at = 2;
    return at < count ? args[at] : cw_bytes_make("", 0);
}

int cw_endpoints_call(struct cw_endpoints *endpoints, struct cw_redis_request *request,
                      const struct cw_bytes *args, size_t count)
{
    if (endpoints->is_closed)
        return CW_ERR_UNAVAILABLE;
    if (endpoints->owners == NULL)
        return cw_endpoint_call(endpoints->entries[0]->endpoint, request, args, count);
    uint16_t slot = cw_slot_of(key_of_command(args, count));
    if (endpoints->reroute != NULL)
        return cw_reroute_call(endpoints->reroute, slot, request, args, count);
    return cw_endpoint_call(endpoints->entries[endpoints->owners[slot]]->endpoint, request, args,
                            count);
}

struct cw_endpoint *cw_endpoints_next(const struct cw_endpoints *endpoints,
                                      const struct cw_endpoint *endpoint)
{
    size_t i = 0;
    while (endpoint != NULL && i < CW_ENDPOINTS_MAX &&
           (endpoints->entries[i] == NULL || endpoints->entries[i]->endpoint != endpoint))
        i++;
    for (i += endpoint != NULL; i < CW_ENDPOINTS_MAX; i++)
        if (endpoints->entries[i] != NULL)
            return endpoints->entries[i]->endpoint;
    return NULL;
}

static bool is_worse(const struct cw_cluster_health *a, const struct cw_cluster_health *b)
{
    if (a->is_up != b->is_up)
        return !a->is_up;
    if ((a->canary_age_ms < 0) != (b->canary_age_ms < 0))
        return a->canary_age_ms < 0;
    return a->canary_age_ms > b->canary_age_ms;
}

/* Of several it is said which one. */
static void name_server(const struct cw_endpoint *endpoint, struct cw_cluster_health *health)
{
    char why[sizeof(health->why)];
    const struct cw_redis_address *address = cw_endpoint_address(endpoint);
    if (health->why[0] == '\0')
        return;
    (void)snprintf(why, sizeof(why), "%.60s:%d: %.60s", address->host, address->port, health->why);
    (void)snprintf(health->why, sizeof(health->why), "%s", why);
}

void cw_endpoints_health(const struct cw_endpoints *endpoints, struct cw_cluster_health *ret_health)
{
    const struct cw_endpoint *worst = NULL;
    for (const struct cw_endpoint *e = cw_endpoints_next(endpoints, NULL); e != NULL;
         e = cw_endpoints_next(endpoints, e)) {
        struct cw_cluster_health health;
        cw_endpoint_health(e, &health);
        if (worst != NULL && !is_worse(&health, ret_health))
            continue;
        *ret_health = health;
        worst = e;
    }
    if (worst == NULL) {
        const char *why = cw_topology_why(endpoints->topology);
        *ret_health = (struct cw_cluster_health){.canary_age_ms = -1, .canary_lag_ms = -1};
        (void)snprintf(ret_health->why, sizeof(ret_health->why), "%.127s",
                       why[0] == '\0' ? "asking who is in the Redis Cluster" : why);
    } else if (endpoints->owners != NULL) {
        name_server(worst, ret_health);
    }
}
