/*
 * schema_check.c - a payload against a compiled schema, up to the first fault.
 *
 * The walk is as deep as the schema, whatever the payload is. Where it is stands on the stack, and
 * becomes a pointer only if something is wrong. All is linear in the payload times what the schema
 * bounds: properties and scalars of `enum` are looked up in an order.
 */
#include "protocol/json_equal.h"
#include "protocol/schema_tree.h"

#include <yyjson.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN_MAX 60 /* bytes of a name, number or pattern of the schema in a message */

struct cw_schema_checker {
    size_t size_max;
    size_t pool_size;
    void *pool; /* owned: yyjson's memory */
    struct cw_matcher *matcher;
};

/* One payload being checked. */
struct checking {
    struct cw_schema_checker *checker;
    struct cw_schema_fault *fault;
};

static bool check_node(const struct checking *checking, const struct cw_schema_node *node,
                       const struct cw_json_place *place, const char *keyword,
                       struct yyjson_val *value);

CW_PRINTF(4, 5)
static bool fail(const struct checking *checking, const struct cw_json_place *place,
                 const char *keyword, const char *format, ...)
{
    struct cw_schema_fault *fault = checking->fault;
    va_list arguments;

    cw_json_pointer_write(place, fault->pointer);
    (void)snprintf(fault->keyword, sizeof(fault->keyword), "%s", keyword);
    va_start(arguments, format);
    (void)vsnprintf(fault->message, sizeof(fault->message), format, arguments);
    va_end(arguments);
    return false;
}

/* Whether a text of the schema may be shown: whole, or not at all. */
static bool is_shown(struct cw_bytes text)
{
    return text.size <= SHOWN_MAX && memchr(text.data, '\0', text.size) == NULL;
}

static struct cw_bytes text_of(struct yyjson_val *value)
{
    return cw_bytes_make(yyjson_get_str(value), yyjson_get_len(value));
}

/* --- type, enum, const ------------------------------------------------------------------------ */

static unsigned types_of(struct yyjson_val *value, unsigned wanted)
{
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_NULL:
        return 1U << CW_SCHEMA_NULL;
    case YYJSON_TYPE_BOOL:
        return 1U << CW_SCHEMA_BOOLEAN;
    case YYJSON_TYPE_STR:
        return 1U << CW_SCHEMA_STRING;
    case YYJSON_TYPE_ARR:
        return 1U << CW_SCHEMA_ARRAY;
    case YYJSON_TYPE_OBJ:
        return 1U << CW_SCHEMA_OBJECT;
    default:
        break;
    }
    unsigned types = 1U << CW_SCHEMA_NUMBER;
    if ((wanted & 1U << CW_SCHEMA_INTEGER) != 0) {
        struct cw_json_number number = cw_json_number_of_value(value);
        if (cw_json_number_is_integer(&number))
            types |= 1U << CW_SCHEMA_INTEGER;
    }
    return types;
}

static bool fail_type(const struct checking *checking, const struct cw_json_place *place,
                      unsigned wanted)
{
    static const char *const names[] = {
#define TYPE_NAME(name, text) [CW_SCHEMA_##name] = (text),
        CW_SCHEMA_TYPES(TYPE_NAME)
#undef TYPE_NAME
    };
    char list[80] = "";
    size_t used = 0;

    for (int type = 0; type < CW_SCHEMA_TYPE_COUNT; type++) {
        if ((wanted >> type & 1) != 0)
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used > 0 ? ", " : "",
                                     names[type]);
    }
    return fail(checking, place, "type", "must be %s%s",
                (wanted & (wanted - 1)) != 0 ? "one of: " : "", list);
}

static bool is_in_enum(const struct cw_schema_node *node, struct yyjson_val *value)
{
    if (yyjson_is_ctn(value)) {
        for (size_t i = 0; i < node->container_count; i++) {
            if (cw_json_equals(value, node->containers[i]))
                return true;
        }
        return false;
    }
    size_t low = 0;
    size_t high = node->scalar_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cw_json_compare_scalars(value, node->scalars[middle]);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* --- numbers and strings ---------------------------------------------------------------------- */

static bool fail_bound(const struct checking *checking, const struct cw_json_place *place,
                       const char *keyword, const struct cw_schema_bound *bound)
{
    const char *words = keyword[1] == 'i' ? "at least" : "at most";
    if (!is_shown(bound->text))
        return fail(checking, place, keyword, "must be %s what the schema says", words);
    return fail(checking, place, keyword, "must be %s %.*s", words, (int)bound->text.size,
                bound->text.data);
}

static bool check_number(const struct checking *checking, const struct cw_schema_node *node,
                         const struct cw_json_place *place, struct yyjson_val *value)
{
    if (node->minimum.text.size == 0 && node->maximum.text.size == 0)
        return true;
    struct cw_json_number number = cw_json_number_of_value(value);
    if (node->minimum.text.size > 0 && cw_json_number_compare(&number, &node->minimum.number) < 0)
        return fail_bound(checking, place, "minimum", &node->minimum);
    if (node->maximum.text.size > 0 && cw_json_number_compare(&number, &node->maximum.number) > 0)
        return fail_bound(checking, place, "maximum", &node->maximum);
    return true;
}

/* Of valid UTF-8: bytes that continue no character. */
static size_t count_code_points(struct cw_bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    return count;
}

static bool check_length(const struct checking *checking, const struct cw_schema_node *node,
                         const struct cw_json_place *place, struct cw_bytes text)
{
    /* A character has one to four bytes: mostly there is no need to count them. */
    if (text.size / 4 >= node->min_length && text.size <= node->max_length)
        return true;
    size_t length = count_code_points(text);
    if (length < node->min_length)
        return fail(checking, place, "minLength", "must have at least %llu characters",
                    (unsigned long long)node->min_length);
    if (length > node->max_length)
        return fail(checking, place, "maxLength", "must have at most %llu characters",
                    (unsigned long long)node->max_length);
    return true;
}

static bool check_pattern(const struct checking *checking, const struct cw_schema_node *node,
                          const struct cw_json_place *place, struct cw_bytes text)
{
    enum cw_match match = cw_matcher_match(checking->checker->matcher, node->pattern, text);
    if (match == CW_MATCH_YES)
        return true;
    checking->fault->is_endless = match == CW_MATCH_ENDLESS;
    if (match == CW_MATCH_ENDLESS)
        return fail(checking, place, "pattern", "takes too long to match");
    if (!is_shown(node->pattern_text))
        return fail(checking, place, "pattern", "must match the pattern");
    return fail(checking, place, "pattern", "must match %.*s", (int)node->pattern_text.size,
                node->pattern_text.data);
}

static bool check_string(const struct checking *checking, const struct cw_schema_node *node,
                         const struct cw_json_place *place, struct yyjson_val *value)
{
    struct cw_bytes text = text_of(value);
    return check_length(checking, node, place, text) &&
           (node->pattern == NULL || check_pattern(checking, node, place, text));
}

/* NOLINTBEGIN(misc-no-recursion): as deep as a schema, which is bounded */
/* --- arrays and objects ----------------------------------------------------------------------- */

static bool check_array(const struct checking *checking, const struct cw_schema_node *node,
                        const struct cw_json_place *place, struct yyjson_val *value)
{
    size_t index;
    size_t count = yyjson_arr_size(value);
    struct yyjson_val *item;

    if (count < node->min_items)
        return fail(checking, place, "minItems", "must have at least %llu items",
                    (unsigned long long)node->min_items);
    if (count > node->max_items)
        return fail(checking, place, "maxItems", "must have at most %llu items",
                    (unsigned long long)node->max_items);
    if (node->items == NULL)
        return true;
    yyjson_arr_foreach(value, index, count, item)
    {
        struct cw_json_place at = {.parent = place, .index = index};
        if (!check_node(checking, node->items, &at, "items", item))
            return false;
    }
    return true;
}

static const struct cw_schema_property *find_property(const struct cw_schema_node *node,
                                                      struct cw_bytes name)
{
    size_t low = 0;
    size_t high = node->property_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cw_schema_order(name, node->properties[middle].name);
        if (order == 0)
            return &node->properties[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool check_required(const struct checking *checking, const struct cw_schema_node *node,
                           const struct cw_json_place *place, struct yyjson_val *value)
{
    for (size_t i = 0; i < node->required_count; i++) {
        struct cw_bytes name = node->required[i];
        if (yyjson_obj_getn(value, name.data, name.size) != NULL)
            continue;
        if (!is_shown(name))
            return fail(checking, place, "required", "must have all required properties");
        return fail(checking, place, "required", "must have \"%.*s\"", (int)name.size, name.data);
    }
    return true;
}

/* Each field as it stands there, so that one that is there twice is checked twice. */
static bool check_object(const struct checking *checking, const struct cw_schema_node *node,
                         const struct cw_json_place *place, struct yyjson_val *value)
{
    size_t index;
    size_t count;
    struct yyjson_val *key;
    struct yyjson_val *item;

    if (!check_required(checking, node, place, value))
        return false;
    if (node->property_count == 0 && node->additional == NULL)
        return true;
    yyjson_obj_foreach(value, index, count, key, item)
    {
        struct cw_json_place at = {.parent = place, .key = text_of(key)};
        const struct cw_schema_property *property = find_property(node, at.key);
        if (property != NULL) {
            if (!check_node(checking, property->node, &at, "properties", item))
                return false;
        } else if (node->additional != NULL) {
            if (!check_node(checking, node->additional, &at, "additionalProperties", item))
                return false;
        }
    }
    return true;
}

/* --- all -------------------------------------------------------------------------------------- */

/* `keyword`: whose value `node` is. */
static bool check_node(const struct checking *checking, const struct cw_schema_node *node,
                       const struct cw_json_place *place, const char *keyword,
                       struct yyjson_val *value)
{
    if (node->is_false)
        return fail(checking, place, keyword, "is not allowed");
    if (node->types != 0 && (node->types & types_of(value, node->types)) == 0)
        return fail_type(checking, place, node->types);
    if (node->constant != NULL && !cw_json_equals(value, node->constant))
        return fail(checking, place, "const", "must be the one allowed value");
    if (node->has_enum && !is_in_enum(node, value))
        return fail(checking, place, "enum", "must be one of the allowed values");
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_RAW:
        return check_number(checking, node, place, value);
    case YYJSON_TYPE_STR:
        return check_string(checking, node, place, value);
    case YYJSON_TYPE_ARR:
        return check_array(checking, node, place, value);
    case YYJSON_TYPE_OBJ:
        return check_object(checking, node, place, value);
    default:
        return true;
    }
}

/* NOLINTEND(misc-no-recursion) */

struct cw_schema_checker *cw_schema_checker_create(size_t size_max)
{
    struct cw_schema_checker *checker = calloc(1, sizeof(*checker));
    if (checker == NULL)
        return NULL;
    checker->size_max = size_max;
    checker->pool_size = yyjson_read_max_memory_usage(size_max, YYJSON_READ_NUMBER_AS_RAW);
    checker->pool = checker->pool_size > 0 ? malloc(checker->pool_size) : NULL;
    checker->matcher = cw_matcher_create();
    if (checker->pool == NULL || checker->matcher == NULL) {
        cw_schema_checker_destroy(checker);
        return NULL;
    }
    return checker;
}

void cw_schema_checker_destroy(struct cw_schema_checker *checker)
{
    if (checker == NULL)
        return;
    cw_matcher_destroy(checker->matcher);
    free(checker->pool);
    free(checker);
}

int cw_schema_check_value(struct cw_schema_checker *checker, const struct cw_schema *schema,
                          struct yyjson_val *value, struct cw_schema_fault *ret_fault)
{
    const struct checking checking = {.checker = checker, .fault = ret_fault};
    ret_fault->is_endless = false;
    cw_matcher_begin(checker->matcher);
    return check_node(&checking, schema->root, NULL, "false", value) ? CW_OK : CW_ERR_PAYLOAD;
}

int cw_schema_check(struct cw_schema_checker *checker, const struct cw_schema *schema,
                    struct cw_bytes json, struct cw_schema_fault *ret_fault)
{
    const struct checking checking = {.checker = checker, .fault = ret_fault};
    yyjson_read_err error = {0};
    yyjson_alc alc;

    if (json.size > checker->size_max)
        return CW_ERR_TOO_LARGE;
    if (!yyjson_alc_pool_init(&alc, checker->pool, checker->pool_size))
        return CW_ERR_NOMEM;
    /* Without YYJSON_READ_INSITU the text is only read. The document goes with the pool. */
    yyjson_doc *document = yyjson_read_opts((char *)(uintptr_t)json.data, json.size,
                                            YYJSON_READ_NUMBER_AS_RAW, &alc, &error);
    if (document == NULL) {
        (void)fail(&checking, NULL, "", "not valid JSON");
        return CW_ERR_PAYLOAD;
    }
    return cw_schema_check_value(checker, schema, yyjson_doc_get_root(document), ret_fault);
}
