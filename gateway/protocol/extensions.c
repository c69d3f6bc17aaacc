/* extensions.c - the offers of permessage-deflate, in their order; the first that we can keep. */
#include "protocol/extensions.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define WINDOW_BITS_LEAST 8
#define WINDOW_BITS_MOST  15

enum parameter {
    SERVER_NO_CONTEXT_TAKEOVER,
    CLIENT_NO_CONTEXT_TAKEOVER,
    SERVER_MAX_WINDOW_BITS,
    CLIENT_MAX_WINDOW_BITS,
    PARAMETER_COUNT,
};

struct offer {
    bool is_deflate;
    bool is_bare; /* without parameters */
    bool is_good;
    unsigned parameters; /* bits: those that were given */
};

static bool is_token_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') ||
           (byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

static void skip_blanks(struct cw_bytes *text)
{
    while (text->size > 0 && (text->data[0] == ' ' || text->data[0] == '\t'))
        *text = cw_bytes_make(text->data + 1, text->size - 1);
}

/* Takes `byte` if it is next, with the blanks around it. */
static bool take(struct cw_bytes *text, char byte)
{
    skip_blanks(text);
    if (text->size == 0 || text->data[0] != byte)
        return false;
    *text = cw_bytes_make(text->data + 1, text->size - 1);
    skip_blanks(text);
    return true;
}

/* Empty: none is next. */
static struct cw_bytes take_token(struct cw_bytes *text)
{
    size_t size = 0;
    while (size < text->size && is_token_byte(text->data[size]))
        size++;
    struct cw_bytes token = cw_bytes_make(text->data, size);
    *text = cw_bytes_make(text->data + size, text->size - size);
    return token;
}

/* A token, or one in quotes. */
static struct cw_bytes take_value(struct cw_bytes *text)
{
    bool is_quoted = take(text, '"');
    struct cw_bytes value = take_token(text);
    if (is_quoted && !take(text, '"'))
        value.size = 0;
    return value;
}

/* 8..15; 0: it is none of these. */
static int window_bits(struct cw_bytes value)
{
    int bits = 0;
    for (size_t i = 0; i < value.size && i < 3; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || (i == 0 && value.data[i] == '0'))
            return 0;
        bits = bits * 10 + (value.data[i] - '0');
    }
    return bits >= WINDOW_BITS_LEAST && bits <= WINDOW_BITS_MOST ? bits : 0;
}

/* One parameter; false: nobody may offer it like this, or we can't keep it. */
static bool take_parameter(struct cw_bytes *text, unsigned *parameters)
{
    static const char *const names[PARAMETER_COUNT] = {
        [SERVER_NO_CONTEXT_TAKEOVER] = "server_no_context_takeover",
        [CLIENT_NO_CONTEXT_TAKEOVER] = "client_no_context_takeover",
        [SERVER_MAX_WINDOW_BITS] = "server_max_window_bits",
        [CLIENT_MAX_WINDOW_BITS] = "client_max_window_bits",
    };
    struct cw_bytes name = take_token(text);
    bool has_value = take(text, '=');
    struct cw_bytes value = has_value ? take_value(text) : cw_bytes_make(NULL, 0);
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        if (!cw_bytes_is(name, names[i]))
            continue;
        if ((*parameters & 1U << i) != 0)
            return false;
        *parameters |= 1U << i;
        if (i == SERVER_MAX_WINDOW_BITS)
            return window_bits(value) == WINDOW_BITS_MOST;
        if (i == CLIENT_MAX_WINDOW_BITS)
            return !has_value || window_bits(value) != 0;
        return !has_value;
    }
    return false;
}

/* The next of the list; false: there is none, or it can't be read. */
static bool take_offer(struct cw_bytes *offers, struct offer *ret_offer)
{
    while (take(offers, ','))
        continue;
    skip_blanks(offers);
    struct cw_bytes name = take_token(offers);
    if (name.size == 0)
        return false;
    struct offer offer = {
        .is_deflate = cw_bytes_is(name, CW_EXTENSION_DEFLATE), .is_bare = true, .is_good = true};
    while (take(offers, ';')) {
        offer.is_bare = false;
        if (!take_parameter(offers, &offer.parameters))
            offer.is_good = false;
    }
    skip_blanks(offers);
    *ret_offer = offer;
    return offers->size == 0 || offers->data[0] == ',';
}

const char *cw_extensions_answer(struct cw_bytes offers)
{
    const char *answer = NULL;
    struct offer offer;
    bool is_bare = false; /* the first had no parameters */
    for (int count = 0; take_offer(&offers, &offer);) {
        if (!offer.is_deflate)
            continue;
        if (count > 0 &&
            is_bare) /* for the library they are one too many: it would drop the socket */
            return NULL;
        if (count++ == 0)
            is_bare = offer.is_bare;
        if (answer != NULL || !offer.is_good)
            continue;
        answer = (offer.parameters & 1U << SERVER_MAX_WINDOW_BITS) != 0
                     ? "; server_no_context_takeover; client_no_context_takeover; "
                       "server_max_window_bits=15"
                     : "; server_no_context_takeover; client_no_context_takeover";
    }
    return answer;
}
