/* websocket.c - a block of facts: written at the upgrade, cut down after on_connect, searched. */
#include "channel/websocket.h"

#include "channel/channel.h"
#include "channel/extras.h"
#include "protocol/handshake.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value of a fact; NULL: it is not there. `facts` NULL: nothing is. */
static const char *find_fact(const char *facts, const char *name)
{
    while (facts != NULL && *facts != '\0') {
        const char *value = facts + strlen(facts) + 1;
        if (strcasecmp(facts, name) == 0)
            return value;
        facts = value + strlen(value) + 1;
    }
    return NULL;
}

/* The block ends with an empty name once it is whole; while it is written that is put on for each
 * look at it. */
static bool has_fact(struct cw_writer *facts, const char *name)
{
    if (facts->size == 0 || cw_writer_reserve(facts, 1) == NULL)
        return false;
    facts->data[facts->size] = '\0';
    return find_fact(facts->data, name) != NULL;
}

void cw_facts_add(struct cw_writer *facts, const char *name, struct cw_bytes value)
{
    if (name[0] == '\0' || has_fact(facts, name))
        return;
    cw_writer_bytes(facts, cw_bytes_make(name, strlen(name) + 1));
    if (value.size > 0)
        cw_writer_bytes(facts, cw_bytes_make(value.data, strnlen(value.data, value.size)));
    cw_writer_byte(facts, '\0');
}

static bool is_secret(struct cw_bytes parameter)
{
    return cw_bytes_is(parameter, "token") || cw_bytes_is(parameter, "session");
}

void cw_facts_add_query(struct cw_writer *facts, struct cw_bytes query)
{
    if (query.size == 0)
        return;
    cw_writer_bytes(facts, cw_bytes_make(CW_FACT_QUERY, sizeof(CW_FACT_QUERY)));
    for (size_t at = 0; at < query.size;) {
        const char *part = query.data + at;
        const char *end = memchr(part, '&', query.size - at);
        size_t size = end != NULL ? (size_t)(end - part) : query.size - at;
        const char *equals = memchr(part, '=', size);
        size_t shown = size;
        if (equals != NULL && is_secret(cw_bytes_make(part, (size_t)(equals - part))))
            shown = (size_t)(equals - part) + 1;
        cw_writer_bytes(facts, cw_bytes_make(part, shown));
        if (end != NULL)
            cw_writer_byte(facts, '&');
        at += size + 1;
    }
    cw_writer_byte(facts, '\0');
}

/* The block as it is kept: no larger than it must be. NULL: it is empty, or out of memory. */
static char *make_block(struct cw_writer *facts, int *ret_rc)
{
    char *block = NULL;
    *ret_rc = CW_OK;
    if (facts->size > 0)
        cw_writer_byte(facts, '\0');
    if (facts->has_failed) {
        *ret_rc = CW_ERR_NOMEM;
    } else if (facts->size > 0) {
        block = malloc(facts->size);
        if (block == NULL)
            *ret_rc = CW_ERR_NOMEM;
        else
            memcpy(block, facts->data, facts->size);
    }
    cw_writer_finish(facts);
    return block;
}

int cw_channel_take_facts(struct cw_channel *channel, struct cw_writer *facts)
{
    int rc;
    char *block = make_block(facts, &rc);
    if (block == NULL)
        return rc;
    struct cw_extras *extras = cw_extras_of(channel);
    if (extras == NULL) {
        free(block);
        return CW_ERR_NOMEM;
    }
    free(extras->facts);
    extras->facts = block;
    return CW_OK;
}

/* Whether the list of names has `name`, or all. */
static bool is_named(const char *list, const char *name)
{
    size_t length = strlen(name);
    while (list != NULL && *list != '\0') {
        list += strspn(list, ", \t");
        size_t size = strcspn(list, ", \t");
        if ((size == 1 && *list == '*') || (size == length && strncasecmp(list, name, size) == 0))
            return true;
        list += size;
    }
    return false;
}

static bool is_kept(const struct cw_node *node, const char *name)
{
    if (strcmp(name, CW_FACT_QUERY) == 0)
        return node->keeps_query;
    return strcmp(name, CW_FACT_TOKEN) != 0 && is_named(node->keeps_headers, name);
}

void cw_channel_forget_facts(struct cw_channel *channel)
{
    struct cw_extras *extras = channel->extras;
    if (extras == NULL || extras->facts == NULL)
        return;
    struct cw_writer kept;
    cw_writer_init(&kept);
    for (const char *name = extras->facts; *name != '\0';) {
        const char *value = name + strlen(name) + 1;
        if (is_kept(channel->node, name))
            cw_facts_add(&kept, name, cw_bytes_text(value));
        name = value + strlen(value) + 1;
    }
    int rc;
    char *block = make_block(&kept, &rc);
    if (rc != CW_OK)
        cw_log_warn(cw_channel_log(channel), "out of memory: facts of its request are forgotten");
    free(extras->facts);
    extras->facts = block;
}

/* A channel's WebSocket is the channel, seen by its connection. */

const struct cw_websocket *cw_channel_websocket(const struct cw_channel *channel)
{
    return (const struct cw_websocket *)channel;
}

static const struct cw_channel *channel_of(const struct cw_websocket *websocket)
{
    return (const struct cw_channel *)websocket;
}

static const char *fact_of(const struct cw_websocket *websocket, const char *name)
{
    const struct cw_extras *extras = channel_of(websocket)->extras;
    return extras != NULL ? find_fact(extras->facts, name) : NULL;
}

const char *cw_websocket_address(const struct cw_websocket *websocket)
{
    return channel_of(websocket)->address;
}

const char *cw_websocket_path(const struct cw_websocket *websocket)
{
    return channel_of(websocket)->node->path;
}

const char *cw_websocket_query(const struct cw_websocket *websocket)
{
    const char *query = fact_of(websocket, CW_FACT_QUERY);
    return query != NULL ? query : "";
}

const char *cw_websocket_subprotocol(const struct cw_websocket *websocket)
{
    const char *name = cw_handshake_subprotocol((enum cw_kind)channel_of(websocket)->kind);
    return name != NULL ? name : "";
}

const char *cw_websocket_header(const struct cw_websocket *websocket, const char *name)
{
    return name[0] != '?' ? fact_of(websocket, name) : NULL;
}

const char *cw_websocket_token(const struct cw_websocket *websocket)
{
    return fact_of(websocket, CW_FACT_TOKEN);
}
