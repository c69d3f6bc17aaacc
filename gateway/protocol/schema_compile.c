/*
 * schema_compile.c - a schema's text -> its tree, by a table of keywords.
 *
 * Everything is looked at, also where the schema around it can never be asked (`properties` of a
 * schema with `type: string`): a schema with a mistake in it does not start.
 */
#include "protocol/json_equal.h"
#include "protocol/schema_tree.h"

#include <yyjson.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* One schema being compiled. */
struct compiling {
    struct cw_schema *schema;
    struct cw_schema_fault *fault;
    unsigned depth;
};

typedef int (*keyword_fn)(struct compiling *compiling, const struct cw_json_place *place,
                          struct yyjson_val *value, struct cw_schema_node *node);

static int compile_node(struct compiling *compiling, const struct cw_json_place *place,
                        const char *keyword, struct yyjson_val *value,
                        const struct cw_schema_node **ret_node);

CW_PRINTF(4, 5)
static int fail(const struct compiling *compiling, const struct cw_json_place *place,
                const char *keyword, const char *format, ...)
{
    struct cw_schema_fault *fault = compiling->fault;
    va_list arguments;

    cw_json_pointer_write(place, fault->pointer);
    (void)snprintf(fault->keyword, sizeof(fault->keyword), "%s", keyword);
    va_start(arguments, format);
    (void)vsnprintf(fault->message, sizeof(fault->message), format, arguments);
    va_end(arguments);
    return CW_ERR_INVALID;
}

/* Memory of the tree, in zeros; freed with it. */
static void *take(const struct compiling *compiling, size_t count, size_t size)
{
    /* Behind an address that is as good as any: malloc's own alignment. */
    size_t head = sizeof(max_align_t);
    void *block = calloc(1, head + (count == 0 ? 1 : count) * size);
    if (block == NULL)
        return NULL;
    memcpy(block, &compiling->schema->memory, sizeof(void *));
    compiling->schema->memory = block;
    return (char *)block + head;
}

static struct cw_bytes text_of(struct yyjson_val *value)
{
    return cw_bytes_make(yyjson_get_str(value), yyjson_get_len(value));
}

static struct cw_json_place place_of(const struct cw_json_place *parent, struct yyjson_val *key)
{
    return (struct cw_json_place){.parent = parent, .key = text_of(key)};
}

static int compare_names(const void *a, const void *b)
{
    return cw_schema_order(*(const struct cw_bytes *)a, *(const struct cw_bytes *)b);
}

/* --- keywords --------------------------------------------------------------------------------- */

static int read_nothing(struct compiling *compiling, const struct cw_json_place *place,
                        struct yyjson_val *value, struct cw_schema_node *node)
{
    (void)compiling;
    (void)place;
    (void)value;
    (void)node;
    return CW_OK;
}

static int read_text(struct compiling *compiling, const struct cw_json_place *place,
                     struct yyjson_val *value, struct cw_schema_node *node)
{
    (void)node;
    if (yyjson_is_str(value))
        return CW_OK;
    return fail(compiling, place, place->key.data, "must be a string");
}

static int read_root_text(struct compiling *compiling, const struct cw_json_place *place,
                          struct yyjson_val *value, struct cw_schema_node *node)
{
    if (place->parent != NULL)
        return fail(compiling, place, place->key.data, "is allowed at the root alone");
    return read_text(compiling, place, value, node);
}

static int add_type(struct compiling *compiling, const struct cw_json_place *place,
                    struct yyjson_val *value, struct cw_schema_node *node)
{
    static const char *const names[] = {
#define TYPE_NAME(name, text) [CW_SCHEMA_##name] = (text),
        CW_SCHEMA_TYPES(TYPE_NAME)
#undef TYPE_NAME
    };
    for (int type = 0; type < CW_SCHEMA_TYPE_COUNT; type++) {
        if (!yyjson_equals_str(value, names[type]))
            continue;
        if ((node->types >> type & 1) != 0)
            return fail(compiling, place, "type", "names \"%s\" twice", names[type]);
        node->types = (uint8_t)(node->types | 1U << type);
        return CW_OK;
    }
    return fail(compiling, place, "type",
                "must be one of null, boolean, integer, number, string, array, object, or an array "
                "of them");
}

static int read_type(struct compiling *compiling, const struct cw_json_place *place,
                     struct yyjson_val *value, struct cw_schema_node *node)
{
    size_t index;
    size_t count;
    struct yyjson_val *item;

    if (!yyjson_is_arr(value))
        return add_type(compiling, place, value, node);
    if (yyjson_arr_size(value) == 0)
        return fail(compiling, place, "type", "must have a type in its array");
    yyjson_arr_foreach(value, index, count, item)
    {
        int rc = add_type(compiling, place, item, node);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int compare_properties(const void *a, const void *b)
{
    return cw_schema_order(((const struct cw_schema_property *)a)->name,
                           ((const struct cw_schema_property *)b)->name);
}

static int read_properties(struct compiling *compiling, const struct cw_json_place *place,
                           struct yyjson_val *value, struct cw_schema_node *node)
{
    if (!yyjson_is_obj(value))
        return fail(compiling, place, "properties", "must be an object of schemas");
    struct cw_schema_property *properties =
        take(compiling, yyjson_obj_size(value), sizeof(*properties));
    if (properties == NULL)
        return CW_ERR_NOMEM;
    size_t index;
    size_t count;
    struct yyjson_val *key;
    struct yyjson_val *item;
    yyjson_obj_foreach(value, index, count, key, item)
    {
        struct cw_json_place at = place_of(place, key);
        properties[index].name = at.key;
        int rc = compile_node(compiling, &at, "properties", item, &properties[index].node);
        if (rc != CW_OK)
            return rc;
    }
    qsort(properties, count, sizeof(*properties), compare_properties);
    node->properties = properties;
    node->property_count = count;
    return CW_OK;
}

static int read_additional(struct compiling *compiling, const struct cw_json_place *place,
                           struct yyjson_val *value, struct cw_schema_node *node)
{
    return compile_node(compiling, place, "additionalProperties", value, &node->additional);
}

static int read_items(struct compiling *compiling, const struct cw_json_place *place,
                      struct yyjson_val *value, struct cw_schema_node *node)
{
    return compile_node(compiling, place, "items", value, &node->items);
}

static int read_required(struct compiling *compiling, const struct cw_json_place *place,
                         struct yyjson_val *value, struct cw_schema_node *node)
{
    size_t index;
    size_t count;
    struct yyjson_val *item;

    if (!yyjson_is_arr(value))
        return fail(compiling, place, "required", "must be an array of names");
    if (yyjson_arr_size(value) > CW_SCHEMA_REQUIRED_MAX)
        return fail(compiling, place, "required", "has more than %d names", CW_SCHEMA_REQUIRED_MAX);
    struct cw_bytes *names = take(compiling, yyjson_arr_size(value), sizeof(*names));
    if (names == NULL)
        return CW_ERR_NOMEM;
    yyjson_arr_foreach(value, index, count, item)
    {
        if (!yyjson_is_str(item))
            return fail(compiling, place, "required", "must be an array of names");
        names[index] = text_of(item);
    }
    qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 1; i < count; i++) {
        if (cw_bytes_equal(names[i - 1], names[i]))
            return fail(compiling, place, "required", "has a name twice");
    }
    node->required = names;
    node->required_count = count;
    return CW_OK;
}

static int read_bound(struct compiling *compiling, const struct cw_json_place *place,
                      struct yyjson_val *value, struct cw_schema_bound *bound)
{
    if (!yyjson_is_raw(value))
        return fail(compiling, place, place->key.data, "must be a number");
    bound->text = cw_bytes_make(yyjson_get_raw(value), yyjson_get_len(value));
    bound->number = cw_json_number_of(bound->text);
    return CW_OK;
}

static int read_minimum(struct compiling *compiling, const struct cw_json_place *place,
                        struct yyjson_val *value, struct cw_schema_node *node)
{
    return read_bound(compiling, place, value, &node->minimum);
}

static int read_maximum(struct compiling *compiling, const struct cw_json_place *place,
                        struct yyjson_val *value, struct cw_schema_node *node)
{
    return read_bound(compiling, place, value, &node->maximum);
}

static int read_count(struct compiling *compiling, const struct cw_json_place *place,
                      struct yyjson_val *value, uint64_t *ret_count)
{
    if (yyjson_is_raw(value)) {
        struct cw_json_number number = cw_json_number_of_value(value);
        if (cw_json_number_to_count(&number, ret_count))
            return CW_OK;
    }
    return fail(compiling, place, place->key.data, "must be an integer from 0");
}

static int read_min_length(struct compiling *compiling, const struct cw_json_place *place,
                           struct yyjson_val *value, struct cw_schema_node *node)
{
    return read_count(compiling, place, value, &node->min_length);
}

static int read_max_length(struct compiling *compiling, const struct cw_json_place *place,
                           struct yyjson_val *value, struct cw_schema_node *node)
{
    return read_count(compiling, place, value, &node->max_length);
}

static int read_min_items(struct compiling *compiling, const struct cw_json_place *place,
                          struct yyjson_val *value, struct cw_schema_node *node)
{
    return read_count(compiling, place, value, &node->min_items);
}

static int read_max_items(struct compiling *compiling, const struct cw_json_place *place,
                          struct yyjson_val *value, struct cw_schema_node *node)
{
    return read_count(compiling, place, value, &node->max_items);
}

static int read_pattern(struct compiling *compiling, const struct cw_json_place *place,
                        struct yyjson_val *value, struct cw_schema_node *node)
{
    char error[140];

    if (!yyjson_is_str(value))
        return fail(compiling, place, "pattern", "must be a string");
    node->pattern_text = text_of(value);
    int rc = cw_pattern_create(node->pattern_text, error, sizeof(error), &node->pattern);
    return rc == CW_ERR_INVALID ? fail(compiling, place, "pattern", "%s", error) : rc;
}

/* Values that `value` holds, however deep. */
/* NOLINTNEXTLINE(misc-no-recursion): check_keys has bounded the depth */
static size_t count_values(struct yyjson_val *value)
{
    size_t sum = 0;
    size_t index;
    size_t count;
    struct yyjson_val *key;
    struct yyjson_val *item;

    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, index, count, item) sum += 1 + count_values(item);
    } else if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(value, index, count, key, item) sum += 1 + count_values(item);
    }
    return sum;
}

static int fail_values(struct compiling *compiling, const struct cw_json_place *place)
{
    return fail(compiling, place, place->key.data,
                "has more than %d values in its arrays and objects", CW_SCHEMA_VALUES_MAX);
}

static int read_const(struct compiling *compiling, const struct cw_json_place *place,
                      struct yyjson_val *value, struct cw_schema_node *node)
{
    if (count_values(value) > CW_SCHEMA_VALUES_MAX)
        return fail_values(compiling, place);
    node->constant = value;
    return CW_OK;
}

static int compare_scalars(const void *a, const void *b)
{
    return cw_json_compare_scalars(*(struct yyjson_val *const *)a, *(struct yyjson_val *const *)b);
}

static int read_enum(struct compiling *compiling, const struct cw_json_place *place,
                     struct yyjson_val *value, struct cw_schema_node *node)
{
    size_t index;
    size_t count;
    size_t sum = 0;
    struct yyjson_val *item;

    if (!yyjson_is_arr(value) || yyjson_arr_size(value) == 0)
        return fail(compiling, place, "enum", "must be an array with a value in it");
    node->scalars = take(compiling, yyjson_arr_size(value), sizeof(struct yyjson_val *));
    node->containers = take(compiling, yyjson_arr_size(value), sizeof(struct yyjson_val *));
    if (node->scalars == NULL || node->containers == NULL)
        return CW_ERR_NOMEM;
    yyjson_arr_foreach(value, index, count, item)
    {
        if (!yyjson_is_ctn(item)) {
            node->scalars[node->scalar_count++] = item;
            continue;
        }
        node->containers[node->container_count++] = item;
        sum += 1 + count_values(item);
    }
    if (sum > CW_SCHEMA_VALUES_MAX)
        return fail_values(compiling, place);
    qsort(node->scalars, node->scalar_count, sizeof(struct yyjson_val *), compare_scalars);
    node->has_enum = true;
    return CW_OK;
}

static const struct {
    const char *name;
    keyword_fn read;
} keywords[] = {
    {"type", read_type},
    {"properties", read_properties},
    {"required", read_required},
    {"additionalProperties", read_additional},
    {"items", read_items},
    {"enum", read_enum},
    {"const", read_const},
    {"minimum", read_minimum},
    {"maximum", read_maximum},
    {"minLength", read_min_length},
    {"maxLength", read_max_length},
    {"pattern", read_pattern},
    {"minItems", read_min_items},
    {"maxItems", read_max_items},
    /* Of no meaning for a payload. */
    {"$schema", read_root_text},
    {"$id", read_root_text},
    {"$comment", read_text},
    {"title", read_text},
    {"description", read_text},
    {"default", read_nothing},
    {"examples", read_nothing},
};

/* --- schemas ---------------------------------------------------------------------------------- */

static int read_keyword(struct compiling *compiling, const struct cw_json_place *place,
                        struct yyjson_val *value, struct cw_schema_node *node)
{
    char name[sizeof(compiling->fault->keyword)];

    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (cw_bytes_is(place->key, keywords[i].name)) {
            /* From here on its key is a C string. */
            struct cw_json_place at = *place;
            at.key = cw_bytes_text(keywords[i].name);
            return keywords[i].read(compiling, &at, value, node);
        }
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)place->key.size, place->key.data);
    return fail(compiling, place, name,
                "is not supported; allowed are type, properties, required, additionalProperties, "
                "items, enum, const, minimum, maximum, min/maxLength, pattern, min/maxItems");
}

static int compile_object(struct compiling *compiling, const struct cw_json_place *place,
                          struct yyjson_val *value, struct cw_schema_node *node)
{
    size_t index;
    size_t count;
    struct yyjson_val *key;
    struct yyjson_val *item;

    yyjson_obj_foreach(value, index, count, key, item)
    {
        struct cw_json_place at = place_of(place, key);
        int rc = read_keyword(compiling, &at, item, node);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

/* `keyword`: whose value it is. */
static int compile_node(struct compiling *compiling, const struct cw_json_place *place,
                        const char *keyword, struct yyjson_val *value,
                        const struct cw_schema_node **ret_node)
{
    if (!yyjson_is_obj(value) && !yyjson_is_bool(value))
        return fail(compiling, place, keyword, "must be a schema: an object, true or false");
    if (compiling->depth == CW_SCHEMA_DEPTH_MAX)
        return fail(compiling, place, keyword, "has schemas more than %d deep",
                    CW_SCHEMA_DEPTH_MAX);
    struct cw_schema_node *node = take(compiling, 1, sizeof(*node));
    if (node == NULL)
        return CW_ERR_NOMEM;
    node->next = compiling->schema->nodes;
    compiling->schema->nodes = node;
    node->max_length = UINT64_MAX;
    node->max_items = UINT64_MAX;
    node->is_false = yyjson_is_false(value);
    *ret_node = node;
    if (!yyjson_is_obj(value))
        return CW_OK;
    compiling->depth++;
    int rc = compile_object(compiling, place, value, node);
    compiling->depth--;
    return rc;
}

/* NOLINTBEGIN(misc-no-recursion): the depth is bounded */
static int check_keys(struct compiling *compiling, const struct cw_json_place *place,
                      struct yyjson_val *value, unsigned depth);

/* A key that is there twice, at any depth: whoever reads the schema may have read the other one. */
static int check_object_keys(struct compiling *compiling, const struct cw_json_place *place,
                             struct yyjson_val *value, unsigned depth)
{
    size_t index;
    size_t count;
    struct yyjson_val *key;
    struct yyjson_val *item;
    int rc = CW_OK;
    struct cw_bytes *names = malloc((yyjson_obj_size(value) + 1) * sizeof(*names));
    if (names == NULL)
        return CW_ERR_NOMEM;
    yyjson_obj_foreach(value, index, count, key, item) names[index] = text_of(key);
    qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 1; i < count && rc == CW_OK; i++) {
        struct cw_json_place at = {.parent = place, .key = names[i]};
        if (cw_bytes_equal(names[i - 1], names[i]))
            rc = fail(compiling, &at, "", "a key is there twice");
    }
    free(names);
    yyjson_obj_foreach(value, index, count, key, item)
    {
        struct cw_json_place at = place_of(place, key);
        if (rc == CW_OK)
            rc = check_keys(compiling, &at, item, depth + 1);
    }
    return rc;
}

static int check_keys(struct compiling *compiling, const struct cw_json_place *place,
                      struct yyjson_val *value, unsigned depth)
{
    /* Each schema is two deep: itself, and the object of properties that it is in. */
    enum { DEPTH_MAX = 2 * CW_SCHEMA_DEPTH_MAX + 64 };
    size_t index;
    size_t count;
    struct yyjson_val *item;

    if (depth > DEPTH_MAX)
        return fail(compiling, place, "", "nested deeper than %d", DEPTH_MAX);
    if (yyjson_is_obj(value))
        return check_object_keys(compiling, place, value, depth);
    yyjson_arr_foreach(value, index, count, item)
    {
        struct cw_json_place at = {.parent = place, .index = index};
        int rc = check_keys(compiling, &at, item, depth + 1);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

/* NOLINTEND(misc-no-recursion) */

static int read_document(struct compiling *compiling, struct cw_bytes text)
{
    yyjson_read_err error = {0};

    if (text.size > CW_SCHEMA_SIZE_MAX)
        return fail(compiling, NULL, "", "larger than %d bytes", CW_SCHEMA_SIZE_MAX);
    /* Without YYJSON_READ_INSITU the text is only read. */
    compiling->schema->document = yyjson_read_opts((char *)(uintptr_t)text.data, text.size,
                                                   YYJSON_READ_NUMBER_AS_RAW, NULL, &error);
    if (compiling->schema->document != NULL)
        return CW_OK;
    if (error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return CW_ERR_NOMEM;
    return fail(compiling, NULL, "", "not valid JSON: %s at byte %zu", error.msg, error.pos);
}

int cw_schema_compile(struct cw_bytes text, struct cw_schema **ret_schema,
                      struct cw_schema_fault *ret_fault)
{
    struct cw_schema *schema = calloc(1, sizeof(*schema));
    if (schema == NULL)
        return CW_ERR_NOMEM;
    struct compiling compiling = {.schema = schema, .fault = ret_fault};
    int rc = read_document(&compiling, text);
    struct yyjson_val *root = yyjson_doc_get_root(schema->document);
    if (rc == CW_OK)
        rc = check_keys(&compiling, NULL, root, 0);
    if (rc == CW_OK)
        rc = compile_node(&compiling, NULL, "", root, &schema->root);
    if (rc != CW_OK) {
        cw_schema_destroy(schema);
        return rc;
    }
    *ret_schema = schema;
    return CW_OK;
}

void cw_schema_destroy(struct cw_schema *schema)
{
    if (schema == NULL)
        return;
    for (struct cw_schema_node *node = schema->nodes; node != NULL; node = node->next)
        cw_pattern_destroy(node->pattern);
    while (schema->memory != NULL) {
        void *block = schema->memory;
        memcpy(&schema->memory, block, sizeof(void *));
        free(block);
    }
    yyjson_doc_free(schema->document);
    free(schema);
}
