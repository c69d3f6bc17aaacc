/*
 * schema_tree.h - a compiled schema: made by schema_compile.c, read by schema_check.c.
 */
#ifndef CW_PROTOCOL_SCHEMA_TREE_H
#define CW_PROTOCOL_SCHEMA_TREE_H

#include "protocol/json_number.h"
#include "protocol/pattern.h"
#include "protocol/schema.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct yyjson_doc;
struct yyjson_val;

/* One row per type: enum, its name in a schema. */
#define CW_SCHEMA_TYPES(ROW)                                                                       \
    ROW(NULL, "null")                                                                              \
    ROW(BOOLEAN, "boolean")                                                                        \
    ROW(INTEGER, "integer") ROW(NUMBER, "number") ROW(STRING, "string") ROW(ARRAY, "array")        \
        ROW(OBJECT, "object")

enum cw_schema_type {
#define CW_SCHEMA_TYPE_ENUM(name, text) CW_SCHEMA_##name,
    CW_SCHEMA_TYPES(CW_SCHEMA_TYPE_ENUM)
#undef CW_SCHEMA_TYPE_ENUM
        CW_SCHEMA_TYPE_COUNT,
};

struct cw_schema_property {
    struct cw_bytes name;
    const struct cw_schema_node *node;
};

/** A number of the schema, and its text. */
struct cw_schema_bound {
    struct cw_bytes text; /* empty: there is none */
    struct cw_json_number number;
};

/** One schema. What a keyword that is not there has left allows everything. */
struct cw_schema_node {
    struct cw_schema_node *next; /* in cw_schema.nodes */
    bool is_false;
    bool has_enum;
    uint8_t types;                               /* bits of enum cw_schema_type; 0: any */
    const struct cw_schema_property *properties; /* by cw_schema_order */
    size_t property_count;
    const struct cw_schema_node *additional; /* NULL: true */
    const struct cw_bytes *required;
    size_t required_count;
    const struct cw_schema_node *items; /* NULL: true */
    struct cw_schema_bound minimum;
    struct cw_schema_bound maximum;
    uint64_t min_length, max_length;
    uint64_t min_items, max_items;
    struct cw_pattern *pattern; /* owned */
    struct cw_bytes pattern_text;
    struct yyjson_val *constant; /* NULL: none */
    struct yyjson_val **scalars; /* of `enum`, by cw_json_compare_scalars */
    size_t scalar_count;
    struct yyjson_val **containers; /* the others of `enum` */
    size_t container_count;
};

struct cw_schema {
    struct yyjson_doc *document; /* owned: texts and values are views of it */
    struct cw_schema_node *nodes;
    void *memory; /* all of the tree, in blocks that begin with the next one's address */
    const struct cw_schema_node *root;
};

/** An order of names: any will do. */
static inline int cw_schema_order(struct cw_bytes a, struct cw_bytes b)
{
    if (a.size != b.size)
        return a.size < b.size ? -1 : 1;
    return a.size == 0 ? 0 : memcmp(a.data, b.data, a.size);
}

#endif
