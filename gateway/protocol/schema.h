/*
 * schema.h - what a payload has to be, as a JSON Schema (draft 2020-12) says it: compiled once,
 * then checked against JSON texts. Pure.
 *
 * Keywords: type, properties, required, additionalProperties, items, enum, const, minimum, maximum,
 * minLength, maxLength (code points), minItems, maxItems, pattern; schemas that are true or false.
 * $schema, title, description, default, examples, $comment and, at the root, $id say nothing about
 * a payload. Any other keyword is refused: what is not checked may not look as if it were.
 *
 * Numbers are compared as they are written, exactly: 1 is 1.0, and an integer, as 1e400 is. A key
 * that a payload has twice is checked twice.
 */
#ifndef CW_PROTOCOL_SCHEMA_H
#define CW_PROTOCOL_SCHEMA_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include "protocol/json_pointer.h"

#include <stdbool.h>
#include <stddef.h>

/* Bounds of a schema, each an error of its own. */
#define CW_SCHEMA_SIZE_MAX     65536 /* bytes of its text */
#define CW_SCHEMA_DEPTH_MAX    65    /* schemas within each other: a payload is 64 deep */
#define CW_SCHEMA_REQUIRED_MAX 256   /* names in one `required` */
#define CW_SCHEMA_VALUES_MAX                                                                       \
    1000 /* in arrays and objects of one `enum` or `const`, all together                           \
          */

/** What is wrong, with a schema or with a payload. */
struct cw_schema_fault {
    char pointer[CW_JSON_POINTER_SIZE]; /* to it: in the schema's text, or in the payload */
    char keyword[32];                   /* "": the text is no JSON */
    char message[160];                  /* repeats nothing of a payload */
    bool is_endless;                    /* a pattern would have taken too long */
};

struct cw_schema;

/**
 * CW_ERR_INVALID: `ret_fault` says what is wrong with the text, and what is allowed. CW_ERR_NOMEM.
 */
CW_MUST_CHECK int cw_schema_compile(struct cw_bytes text, struct cw_schema **ret_schema,
                                    struct cw_schema_fault *ret_fault);
/** NULL is fine. */
void cw_schema_destroy(struct cw_schema *schema);

/** What checking works in, for any number of schemas: its memory is taken here. */
struct cw_schema_checker;
/** For texts of up to `size_max` bytes: a dozen times that, of which only what is used is touched.
 * NULL: out of memory. */
struct cw_schema_checker *cw_schema_checker_create(size_t size_max);
/** NULL is fine. */
void cw_schema_checker_destroy(struct cw_schema_checker *checker);

/**
 * Whether the JSON text `json` is what `schema` says. CW_ERR_PAYLOAD: it is not, or no JSON;
 * `ret_fault` is the first thing found. CW_ERR_TOO_LARGE: above `size_max`, with nothing in
 * `ret_fault`. Takes no memory but, for patterns, what backtracking needs and keeps (8 MiB at
 * most).
 */
CW_MUST_CHECK int cw_schema_check(struct cw_schema_checker *checker, const struct cw_schema *schema,
                                  struct cw_bytes json, struct cw_schema_fault *ret_fault);

struct yyjson_val;
/** The same for a value of a document that was read with YYJSON_READ_NUMBER_AS_RAW. */
CW_MUST_CHECK int cw_schema_check_value(struct cw_schema_checker *checker,
                                        const struct cw_schema *schema, struct yyjson_val *value,
                                        struct cw_schema_fault *ret_fault);

#endif
