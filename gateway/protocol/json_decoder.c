/*
 * json_decoder.c - yyjson says whether a text is JSON and what is in it; a walk over the valid text
 * then finds where each field of the outermost object begins and ends, so that `data` goes on as
 * the very bytes its sender wrote (1.0, 1e400, the order of keys), and how deep it is.
 */
#include "protocol/json_decoder.h"

#include "base/hex.h"
#include "protocol/base64.h"
#include "protocol/utf8.h"

#include <yyjson.h>

#include <stdio.h>
#include <stdlib.h>

struct json_decoder {
    struct cw_decoder decoder;
    size_t size_max;
    size_t pool_size;
    void *pool;  /* owned: yyjson's memory */
    char *space; /* owned, size_max bytes and more: decoded base64 */
};

static struct json_decoder *json_of(struct cw_decoder *decoder)
{
    return (struct json_decoder *)(void *)decoder;
}

/* Where the white space at `at` ends. */
static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* Where the string whose opening quote is at `at` ends. */
static const char *skip_string(const char *at, const char *end)
{
    const char *start = at + 1;
    for (at = start; at < end;) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        if (quote == NULL)
            return end;
        size_t backslashes = 0;
        while (quote - backslashes > start && quote[-1 - (ptrdiff_t)backslashes] == '\\')
            backslashes++;
        at = quote + 1;
        if (backslashes % 2 == 0)
            return at;
    }
    return end;
}

static const char *skip_container(const char *at, const char *end, unsigned *ret_depth)
{
    unsigned open = 0;
    unsigned deepest = 0;

    while (at < end) {
        switch (*at) {
        case '"':
            at = skip_string(at, end);
            continue;
        case '{':
        case '[':
            open++;
            deepest = open > deepest ? open : deepest;
            break;
        case '}':
        case ']':
            open--;
            break;
        default:
            break;
        }
        at++;
        if (open == 0)
            break;
    }
    *ret_depth = deepest;
    return at;
}

/* Where the value at `at` ends. The text is valid JSON. */
static const char *skip_value(const char *at, const char *end, unsigned *ret_depth)
{
    *ret_depth = 0;
    if (at < end && *at == '"')
        return skip_string(at, end);
    if (at < end && (*at == '{' || *at == '['))
        return skip_container(at, end, ret_depth);
    while (at < end && *at != ',' && *at != '}' && *at != ']' && *at != ' ' && *at != '\t' &&
           *at != '\n' && *at != '\r')
        at++;
    return at;
}

static bool digits_to_integer(struct cw_bytes digits, uint64_t *ret_integer)
{
    uint64_t integer = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(digits.data[i] - '0');
        if (integer > (UINT64_MAX - digit) / 10)
            return false;
        integer = integer * 10 + digit;
    }
    *ret_integer = integer;
    return true;
}

static void read_value(yyjson_val *node, struct cw_value *ret_value)
{
    struct cw_value value = {.node = node};

    switch (yyjson_get_type(node)) {
    case YYJSON_TYPE_RAW:
        value.text = cw_bytes_make(yyjson_get_raw(node), yyjson_get_len(node));
        value.type =
            digits_to_integer(value.text, &value.integer) ? CW_VALUE_INTEGER : CW_VALUE_NUMBER;
        break;
    case YYJSON_TYPE_STR:
        value.type = CW_VALUE_TEXT;
        value.text = cw_bytes_make(yyjson_get_str(node), yyjson_get_len(node));
        break;
    case YYJSON_TYPE_BOOL:
        value.type = CW_VALUE_BOOLEAN;
        value.boolean = yyjson_get_bool(node);
        break;
    case YYJSON_TYPE_ARR:
        value.type = CW_VALUE_ARRAY;
        break;
    case YYJSON_TYPE_OBJ:
        value.type = CW_VALUE_MAP;
        break;
    default:
        value.type = CW_VALUE_NULL;
        break;
    }
    *ret_value = value;
}

/* CW_OK, or the error that the decoder's message tells. The document lives in `alc`'s memory. */
static int read_document(struct cw_decoder *decoder, struct cw_bytes text, const yyjson_alc *alc,
                         yyjson_doc **ret_document, yyjson_read_code *ret_code)
{
    yyjson_read_err error = {0};
    /* Without YYJSON_READ_INSITU the text is only read. */
    *ret_document = yyjson_read_opts((char *)(uintptr_t)text.data, text.size,
                                     YYJSON_READ_NUMBER_AS_RAW, alc, &error);
    *ret_code = error.code;
    if (*ret_document != NULL)
        return CW_OK;
    if (error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION && alc == NULL) {
        (void)snprintf(decoder->message, sizeof(decoder->message), "%s",
                       cw_error_text(CW_ERR_NOMEM));
        return CW_ERR_NOMEM;
    }
    /* The pool holds any valid text of its size; it is full only where brackets are never closed.
     */
    if (error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        error.msg = "brackets are not closed";
    (void)snprintf(decoder->message, sizeof(decoder->message), "not valid JSON: %s at byte %zu",
                   error.msg, error.pos);
    return CW_ERR_INVALID;
}

/* The UTF-16 unit of the escape \uXXXX at `at`; -1: there is none. */
static int escaped_unit(const char *at, const char *end)
{
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = cw_hex_digit(at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* Makes every unpaired surrogate in `text` a replacement character, in place. */
static void mend_surrogates(char *text, size_t size)
{
    const char *end = text + size;
    char *at = text;

    while ((at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
        int unit = escaped_unit(at, end);
        if (unit < 0) {
            at += end - at >= 2 ? 2 : 1;
            continue;
        }
        if (unit >= 0xD800 && unit <= 0xDFFF) {
            int next = unit <= 0xDBFF ? escaped_unit(at + 6, end) : -1;
            if (next >= 0xDC00 && next <= 0xDFFF)
                at += 6;
            else
                memcpy(at + 2, "fffd", 4);
        }
        at += 6;
    }
}

/* Reads a text whose only fault is a string that is no Unicode: its sender is told which op was
 * refused. */
static yyjson_doc *read_bad_text(struct json_decoder *json, struct cw_bytes text, yyjson_alc *alc)
{
    if (!yyjson_alc_pool_init(alc, json->pool, json->pool_size))
        return NULL;
    memcpy(json->space, text.data, text.size);
    mend_surrogates(json->space, text.size);
    return yyjson_read_opts(json->space, text.size,
                            YYJSON_READ_NUMBER_AS_RAW | YYJSON_READ_ALLOW_INVALID_UNICODE, alc,
                            NULL);
}

static int json_open(struct cw_decoder *decoder, struct cw_bytes frame, struct cw_value *ret_root)
{
    struct json_decoder *json = json_of(decoder);
    yyjson_alc alc;
    yyjson_doc *document;
    yyjson_read_code code;

    decoder->has_bad_text = false;
    if (frame.size > json->size_max) {
        (void)snprintf(decoder->message, sizeof(decoder->message), "longer than %zu bytes",
                       json->size_max);
        return CW_ERR_INVALID;
    }
    if (!yyjson_alc_pool_init(&alc, json->pool, json->pool_size))
        return CW_ERR_NOMEM;
    int rc = read_document(decoder, frame, &alc, &document, &code);
    if (rc != CW_OK && code == YYJSON_READ_ERROR_INVALID_STRING) {
        document = read_bad_text(json, frame, &alc);
        decoder->has_bad_text = document != NULL;
    }
    if (document == NULL)
        return rc;
    read_value(yyjson_doc_get_root(document), ret_root);
    ret_root->source = frame;
    return CW_OK;
}

/* Moves `*at` over one field of an object and sets what is known of its value from the text alone.
 */
static void read_source(const char **at, const char *end, struct cw_value *value)
{
    const char *start = skip_string(skip_space(*at, end), end); /* the key */
    start = skip_space(start, end);
    start = skip_space(start + (start < end), end); /* the colon */
    const char *after = skip_value(start, end, &value->depth);
    value->source = cw_bytes_make(start, (size_t)(after - start));
    after = skip_space(after, end);
    *at = after + (after < end); /* the comma or the closing brace */
}

/* An escape may have been of a surrogate without its other half. */
static bool is_mended(const struct cw_value *value)
{
    struct cw_bytes source = value->source;
    return value->type == CW_VALUE_TEXT && source.size > 0 &&
           (memchr(source.data, '\\', source.size) != NULL || !cw_utf8_is_valid(source));
}

static int json_each(struct cw_decoder *decoder, const struct cw_value *map, cw_field_fn fn,
                     void *arg)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with((yyjson_val *)(uintptr_t)map->node);
    const char *at = map->source.data;
    const char *end = at;
    if (at != NULL) {
        end += map->source.size;
        at = skip_space(at, end) + 1; /* the opening brace */
    }

    yyjson_val *key;
    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        struct cw_value value;
        read_value(yyjson_obj_iter_get_val(key), &value);
        if (at != NULL)
            read_source(&at, end, &value);
        value.is_mended = decoder->has_bad_text && is_mended(&value);
        int rc = fn(arg, cw_bytes_make(yyjson_get_str(key), yyjson_get_len(key)), &value);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int json_data(struct cw_decoder *decoder, const struct cw_value *value,
                     struct cw_bytes *ret_json)
{
    (void)decoder;
    *ret_json = value->source;
    return CW_OK;
}

static int json_bytes(struct cw_decoder *decoder, const struct cw_value *value,
                      struct cw_bytes *ret_bytes)
{
    struct json_decoder *json = json_of(decoder);
    if (value->type == CW_VALUE_TEXT &&
        cw_base64_decode(value->text, json->space, ret_bytes) == CW_OK)
        return CW_OK;
    (void)snprintf(decoder->message, sizeof(decoder->message),
                   "must be base64 (RFC 4648 section 4, padded)");
    return CW_ERR_PAYLOAD;
}

static bool json_is_bad(struct cw_decoder *decoder, const struct cw_value *value)
{
    struct json_decoder *json = json_of(decoder);
    yyjson_alc alc;
    yyjson_doc *document;
    yyjson_read_code code;

    return yyjson_alc_pool_init(&alc, json->pool, json->pool_size) &&
           read_document(decoder, value->source, &alc, &document, &code) != CW_OK;
}

static void json_destroy(struct cw_decoder *decoder)
{
    struct json_decoder *json = json_of(decoder);
    free(json->pool);
    free(json->space);
    free(json);
}

static const struct cw_decoder_ops json_ops = {
    .destroy = json_destroy,
    .open = json_open,
    .each = json_each,
    .data = json_data,
    .bytes = json_bytes,
    .is_bad = json_is_bad,
};

struct cw_decoder *cw_json_decoder_create(size_t size_max)
{
    struct json_decoder *json = calloc(1, sizeof(*json));
    if (json == NULL)
        return NULL;
    json->decoder.ops = &json_ops;
    json->size_max = size_max;
    json->pool_size = yyjson_read_max_memory_usage(size_max, YYJSON_READ_NUMBER_AS_RAW);
    json->pool = json->pool_size > 0 ? malloc(json->pool_size) : NULL;
    json->space = malloc(size_max + 4);
    if (json->pool == NULL || json->space == NULL) {
        json_destroy(&json->decoder);
        return NULL;
    }
    return &json->decoder;
}

int cw_json_check(struct cw_decoder *decoder, struct cw_bytes text, yyjson_val **ret_value)
{
    struct json_decoder *json = json_of(decoder);
    yyjson_alc alc;
    yyjson_doc *document;
    yyjson_read_code code;
    bool has_room = text.size <= json->size_max;

    if (has_room && !yyjson_alc_pool_init(&alc, json->pool, json->pool_size))
        return CW_ERR_NOMEM;
    int rc = read_document(decoder, text, has_room ? &alc : NULL, &document, &code);
    if (rc != CW_OK)
        return rc;
    yyjson_val *value = has_room ? yyjson_doc_get_root(document) : NULL;
    if (!has_room)
        yyjson_doc_free(document); /* the others go with the pool */

    unsigned depth;
    const char *end = text.data + text.size;
    (void)skip_value(skip_space(text.data, end), end, &depth);
    if (depth <= CW_DEPTH_MAX) {
        *ret_value = value;
        return CW_OK;
    }
    (void)snprintf(decoder->message, sizeof(decoder->message), "nested deeper than %d",
                   CW_DEPTH_MAX);
    return CW_ERR_INVALID;
}
