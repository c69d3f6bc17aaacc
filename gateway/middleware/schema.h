/*
 * schema.h - what clients may publish to a group (setting `schema`).
 *
 * A group has the schema of the glob that fits it best. What is published to it, by the op or by a
 * raw channel, must be JSON (a text would reach a raw member as the same frame) and what the schema
 * says, else it is answered `bad_payload` with where and why. Back ends and the application
 * publish what they like.
 */
#ifndef CW_MIDDLEWARE_SCHEMA_H
#define CW_MIDDLEWARE_SCHEMA_H

#include <chanway/error.h>
#include <chanway/gateway.h>
#include <chanway/middleware.h>

#include <stddef.h>

/* Each op looks through them in turn. */
#define CW_SCHEMAS_MAX 256

struct cw_schemas;

/**
 * Reads and compiles the files of `items`. `ret_schemas` is NULL if they ask for nothing.
 *
 * CW_ERR_INVALID: `error` names the setting, the file and where in it something is wrong, and what
 * is allowed; CW_ERR_NOMEM.
 */
CW_MUST_CHECK int cw_schemas_create(const struct cw_gateway_schema *items, size_t count,
                                    char *error, size_t error_size,
                                    struct cw_schemas **ret_schemas);
/** NULL is fine. */
void cw_schemas_destroy(struct cw_schemas *schemas);

/** on_operation of a middleware. */
enum cw_verdict cw_schemas_check(struct cw_schemas *schemas, struct cw_step *step);

#endif
