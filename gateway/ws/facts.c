/* facts.c - the library keeps headers that it knows by number, others by name. */
#include "ws/facts.h"

#include "base/writer.h"
#include "channel/websocket.h"
#include "ws/head.h"
#include "ws/query.h"

#include <libwebsockets.h>

#include <ctype.h>
#include <string.h>

/* No header is longer than the head that it came in. */
#define VALUE_SIZE (CW_HEAD_MAX + 1)
#define NAME_SIZE  256

struct reading {
    struct lws *wsi;
    struct cw_writer facts;
};

static struct cw_bytes trim(const char *value)
{
    value += strspn(value, " \t");
    size_t size = strlen(value);
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    return cw_bytes_make(value, size);
}

/* What was sent several times is joined as RFC 9110 section 5.3 and RFC 6265 section 5.4 say. */
static void read_values(struct reading *reading, enum lws_token_indexes token, const char *name)
{
    const char *separator = token == WSI_TOKEN_HTTP_COOKIE ? "; " : ", ";
    char value[VALUE_SIZE];
    struct cw_writer all;
    cw_writer_init(&all);
    for (int i = 0; lws_hdr_copy_fragment(reading->wsi, value, sizeof(value), token, i) >= 0; i++) {
        if (i > 0)
            cw_writer_text(&all, separator);
        cw_writer_bytes(&all, trim(value));
    }
    cw_facts_add(&reading->facts, name, cw_writer_view(&all));
    reading->facts.has_failed |= all.has_failed;
    cw_writer_finish(&all);
}

/* `name` with its colon; what has none is no header's. */
static void read_known(struct reading *reading, enum lws_token_indexes token, const char *name)
{
    char plain[NAME_SIZE];
    size_t size = strlen(name);
    if (size < 2 || size > sizeof(plain) || name[size - 1] != ':' ||
        !isalpha((unsigned char)*name) || lws_hdr_total_length(reading->wsi, token) <= 0)
        return;
    memcpy(plain, name, size - 1);
    plain[size - 1] = '\0';
    read_values(reading, token, plain);
}

/* `name` with its colon, of a header that the library does not know. */
static void read_other(const char *name, int size, void *arg)
{
    struct reading *reading = arg;
    char value[VALUE_SIZE];
    char plain[NAME_SIZE];
    int plain_size = size > 0 && name[size - 1] == ':' ? size - 1 : size;
    if (plain_size <= 0 || plain_size >= NAME_SIZE || !isalnum((unsigned char)*name))
        return;
    memcpy(plain, name, (size_t)plain_size);
    plain[plain_size] = '\0';
    if (lws_hdr_custom_copy(reading->wsi, value, sizeof(value), name, size) >= 0)
        cw_facts_add(&reading->facts, plain, trim(value));
}

static void read_query(struct reading *reading)
{
    struct cw_writer query;
    cw_writer_init(&query);
    cw_query_write(reading->wsi, &query);
    cw_facts_add_query(&reading->facts, cw_writer_view(&query));
    reading->facts.has_failed |= query.has_failed;
    cw_writer_finish(&query);
}

int cw_facts_read(struct cw_channel *channel, struct lws *wsi, const char *token)
{
    struct reading reading = {.wsi = wsi};
    cw_writer_init(&reading.facts);
    read_query(&reading);
    if (token != NULL)
        cw_facts_add(&reading.facts, CW_FACT_TOKEN, cw_bytes_text(token));
    for (int i = 0; i < WSI_TOKEN_COUNT; i++) {
        const unsigned char *name = lws_token_to_string((enum lws_token_indexes)i);
        if (name != NULL)
            read_known(&reading, (enum lws_token_indexes)i, (const char *)name);
    }
    (void)lws_hdr_custom_name_foreach(wsi, read_other, &reading);
    return cw_channel_take_facts(channel, &reading.facts);
}
