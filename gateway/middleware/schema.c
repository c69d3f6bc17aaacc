/* schema.c - globs with their schemas, and the check of an op. */
#include "middleware/schema.h"

#include "base/stats.h"
#include "middleware/chain.h"
#include "names.h"
#include "protocol/command.h"
#include "protocol/event.h"
#include "protocol/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
    char *glob;               /* owned */
    struct cw_schema *schema; /* owned; NULL: anything goes */
    size_t literals;
    size_t index; /* as they were given */
};

struct cw_schemas {
    struct entry entries[CW_SCHEMAS_MAX]; /* the first that matches holds */
    size_t count;
    struct cw_schema_checker *checker;
    struct cw_schema_fault fault; /* of the op that is being refused */
    struct cw_event_details details;
};

/* Where an error is and what it is about. */
struct loading {
    const struct cw_gateway_schema *item;
    char *error;
    size_t error_size;
};

CW_PRINTF(2, 3)
static int fail(const struct loading *loading, const char *format, ...)
{
    const struct cw_gateway_schema *item = loading->item;
    char words[CW_JSON_POINTER_SIZE + 200];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    (void)snprintf(loading->error, loading->error_size, "%s%s = %s: %s",
                   item->name == NULL ? "schema." : "",
                   item->name == NULL ? item->glob : item->name, item->file, words);
    return CW_ERR_INVALID;
}

static int fail_memory(const struct loading *loading)
{
    (void)snprintf(loading->error, loading->error_size, "%s", cw_error_text(CW_ERR_NOMEM));
    return CW_ERR_NOMEM;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* All of `fd` that fits: one byte more than a schema may have is enough. */
static ssize_t read_all(int fd, char *text, size_t size)
{
    size_t used = 0;
    while (used < size) {
        ssize_t got = read(fd, text + used, size - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

static int read_file(const struct loading *loading, char *text, size_t size,
                     struct cw_bytes *ret_text)
{
    struct stat status;
    /* Not blocking: a pipe has an end that nobody may ever write to. */
    int fd = open(loading->item->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail(loading, "%s", strerror(errno));
    int rc = CW_OK;
    ssize_t used = 0;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        rc = fail(loading, "is not a file");
    else if ((used = read_all(fd, text, size)) < 0)
        rc = fail(loading, "%s", strerror(errno));
    (void)close(fd);
    if (rc == CW_OK)
        *ret_text = cw_bytes_make(text, (size_t)used);
    return rc;
}

static int compile(const struct loading *loading, struct cw_bytes text,
                   struct cw_schema **ret_schema)
{
    struct cw_schema_fault fault = {0};
    int rc = cw_schema_compile(text, ret_schema, &fault);
    if (rc == CW_ERR_INVALID)
        return fail(loading, "%s%s%s", fault.pointer, fault.pointer[0] != '\0' ? ": " : "",
                    fault.message);
    return rc == CW_OK ? CW_OK : fail_memory(loading);
}

static int load(const struct loading *loading, struct cw_schema **ret_schema)
{
    size_t size = CW_SCHEMA_SIZE_MAX + 1;
    struct cw_bytes bytes = {0};
    char *text = malloc(size);
    if (text == NULL)
        return fail_memory(loading);
    int rc = read_file(loading, text, size, &bytes);
    if (rc == CW_OK)
        rc = compile(loading, bytes, ret_schema);
    free(text);
    return rc;
}

static int add(struct cw_schemas *schemas, const struct loading *loading)
{
    struct entry *entry = &schemas->entries[schemas->count];
    entry->glob = strdup(loading->item->glob);
    if (entry->glob == NULL)
        return fail_memory(loading);
    entry->index = schemas->count++;
    entry->literals = cw_glob_literals(entry->glob);
    return loading->item->file[0] == '\0' ? CW_OK : load(loading, &entry->schema);
}

/* The most literal first, of equals the last. */
static int compare(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    if (left->literals != right->literals)
        return left->literals > right->literals ? -1 : 1;
    return left->index > right->index ? -1 : 1;
}

static int fill(struct cw_schemas *schemas, const struct cw_gateway_schema *items, size_t count,
                struct loading *loading)
{
    for (size_t i = 0; i < count; i++) {
        loading->item = &items[i];
        if (schemas->count == CW_SCHEMAS_MAX)
            return fail(loading, "there may be %d schemas", CW_SCHEMAS_MAX);
        int rc = add(schemas, loading);
        if (rc != CW_OK)
            return rc;
    }
    qsort(schemas->entries, schemas->count, sizeof(struct entry), compare);
    schemas->checker = cw_schema_checker_create(CW_PAYLOAD_SIZE_MAX);
    return schemas->checker == NULL ? fail_memory(loading) : CW_OK;
}

int cw_schemas_create(const struct cw_gateway_schema *items, size_t count, char *error,
                      size_t error_size, struct cw_schemas **ret_schemas)
{
    struct loading loading = {.error = error, .error_size = error_size};
    size_t files = 0;
    for (size_t i = 0; i < count; i++)
        files += items[i].file[0] != '\0';
    *ret_schemas = NULL;
    if (files == 0)
        return CW_OK;
    struct cw_schemas *schemas = calloc(1, sizeof(*schemas));
    if (schemas == NULL)
        return fail_memory(&loading);
    int rc = fill(schemas, items, count, &loading);
    if (rc != CW_OK) {
        cw_schemas_destroy(schemas);
        return rc;
    }
    *ret_schemas = schemas;
    return CW_OK;
}

void cw_schemas_destroy(struct cw_schemas *schemas)
{
    if (schemas == NULL)
        return;
    for (size_t i = 0; i < schemas->count; i++) {
        free(schemas->entries[i].glob);
        cw_schema_destroy(schemas->entries[i].schema);
    }
    cw_schema_checker_destroy(schemas->checker);
    free(schemas);
}

/* --- checking --------------------------------------------------------------------------------- */

static const struct cw_schema *schema_of(const struct cw_schemas *schemas, struct cw_bytes group)
{
    for (size_t i = 0; i < schemas->count; i++) {
        if (cw_glob_matches(cw_bytes_text(schemas->entries[i].glob), group))
            return schemas->entries[i].schema;
    }
    return NULL;
}

/* CW_OK, or what is wrong in `schemas->fault`. What was read already is not read again. */
static int check(struct cw_schemas *schemas, const struct cw_schema *schema,
                 const struct cw_command *command)
{
    struct cw_schema_fault *fault = &schemas->fault;
    if (command->payload_type != CW_PAYLOAD_JSON) {
        *fault = (struct cw_schema_fault){.keyword = "type", .message = "must be JSON (`data`)"};
        return CW_ERR_PAYLOAD;
    }
    if (command->data != NULL)
        return cw_schema_check_value(schemas->checker, schema, command->data, fault);
    return cw_schema_check(schemas->checker, schema, command->payload, fault);
}

enum cw_verdict cw_schemas_check(struct cw_schemas *schemas, struct cw_step *step)
{
    const struct cw_command *command = cw_step_command(step);
    if (command->op != CW_OP_PUBLISH)
        return CW_PASS;
    const struct cw_schema *schema = schema_of(schemas, command->group);
    if (schema == NULL)
        return CW_PASS;
    int rc = check(schemas, schema, command);
    if (rc == CW_OK)
        return CW_PASS;
    if (rc != CW_ERR_PAYLOAD)
        return cw_step_fail(step, rc, NULL, -1);
    CW_STAT(client_payloads_refused_total)++;
    CW_STAT(client_patterns_endless_total) += schemas->fault.is_endless;
    schemas->details = (struct cw_event_details){.pointer = schemas->fault.pointer,
                                                 .keyword = schemas->fault.keyword,
                                                 .message = schemas->fault.message};
    return cw_step_refuse_payload(step, "Invalid message format", &schemas->details);
}
