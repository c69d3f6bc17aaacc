/*
 * read_first.c - makes a node wrong, to see that the fault tests find it.
 *
 * After a lost link this node reads what its groups have missed, and subscribes when that has come:
 * a message published between the two reaches nobody until the next one shows the hole. It is
 * linked around the product's own objects (--wrap), which know nothing of it.
 */
#include "base/map.h"
#include "functions.h"
#include "interest.h"

#include <stdlib.h>
#include <string.h>

/* The linker's names. */
int __real_cw_functions_read(struct cw_endpoints *endpoints, const char *key,
                             struct cw_position since, cw_history_page_fn fn, void *arg);
int __wrap_cw_functions_read(struct cw_endpoints *endpoints, const char *key,
                             struct cw_position since, cw_history_page_fn fn, void *arg);
void __wrap_cw_interests_on_up(struct cw_interests *interests, struct cw_endpoint *endpoint,
                               bool is_same_course);

struct reading {
    struct cw_endpoints *endpoints;
    cw_history_page_fn fn;
    void *arg;
    char key[];
};

static void on_read(void *arg, int rc, const struct cw_history_page *page)
{
    struct reading *reading = arg;
    bool is_last = rc == CW_OK && !page->has_more;
    reading->fn(reading->arg, rc, page);
    if (is_last)
        (void)cw_endpoint_subscribe(
            cw_endpoints_of(reading->endpoints, cw_bytes_text(reading->key)), reading->key);
    free(reading);
}

int __wrap_cw_functions_read(struct cw_endpoints *endpoints, const char *key,
                             struct cw_position since, cw_history_page_fn fn, void *arg)
{
    size_t size = strlen(key) + 1;
    struct reading *reading = malloc(sizeof(*reading) + size);
    if (reading == NULL)
        return CW_ERR_NOMEM;
    reading->endpoints = endpoints;
    reading->fn = fn;
    reading->arg = arg;
    memcpy(reading->key, key, size);
    int rc = __real_cw_functions_read(endpoints, key, since, on_read, reading);
    if (rc != CW_OK)
        free(reading);
    return rc;
}

/* Instead of subscribing: as if that had been done already. */
void __wrap_cw_interests_on_up(struct cw_interests *interests, struct cw_endpoint *endpoint,
                               bool is_same_course)
{
    (void)is_same_course;
    struct cw_map_node *node = cw_map_next(&interests->groups, NULL);
    while (node != NULL) {
        struct cw_interest *interest = CW_CONTAINER(node, struct cw_interest, in_groups);
        node = cw_map_next(&interests->groups, node);
        interest->endpoint = endpoint;
        if (interest->has_position)
            cw_interests_on_subscribed(interests, endpoint, cw_bytes_text(interest->key));
        else
            (void)cw_endpoint_subscribe(endpoint, interest->key);
    }
}
