/*
 * test_schema_suite.c - the official tests of JSON Schema (JSON-Schema-Test-Suite, Debian's package
 * json-schema-test-suite, else the folder CHANWAY_SCHEMA_SUITE).
 *
 * Its version 2.0.0 knows drafts up to 7, which gives our keywords the meaning that 2020-12 has:
 * all that changed among them is `items` with an array, now prefixItems. Every group of every file
 * is run whose schema has no other keyword; the others have to be refused, for one of the reasons
 * below.
 */
#include "protocol/schema.h"

#include <yyjson.h>

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SUITE "/usr/share/json-schema-test-suite/tests/draft7"

/* Why a group is not run: its schema has one of these. */
static const char *const others[] = {
    "$ref",
    "additionalItems",
    "allOf",
    "anyOf",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "definitions",
    "dependencies",
    "else",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "if",
    "maxProperties",
    "minProperties",
    "multipleOf",
    "not",
    "oneOf",
    "patternProperties",
    "propertyNames",
    "then",
    "uniqueItems",
    "tilda~field", /* something to refer to */
};

/* The files of our keywords: groups that are run, groups that are not. */
static const struct {
    const char *file;
    unsigned run, skipped;
} files[] = {
    {"additionalProperties.json", 3, 2}, /* patternProperties */
    {"boolean_schema.json", 2, 0},
    {"const.json", 4, 0},
    {"default.json", 2, 0},
    {"enum.json", 3, 0},
    {"items.json", 3, 2}, /* `items` with an array */
    {"maxItems.json", 1, 0},
    {"maxLength.json", 1, 0},
    {"maximum.json", 1, 0},
    {"minItems.json", 1, 0},
    {"minLength.json", 1, 0},
    {"minimum.json", 1, 0},
    {"pattern.json", 2, 0},
    {"properties.json", 2, 1}, /* patternProperties */
    {"required.json", 3, 0},
    {"type.json", 8, 0},
    {"optional/bignum.json", 7, 2}, /* exclusiveMinimum, exclusiveMaximum */
    {"optional/zeroTerminatedFloats.json", 1, 0},
};
#define FILES (sizeof(files) / sizeof(files[0]))

struct suite {
    struct cw_schema_checker *checker;
    const char *folder;
    unsigned ours; /* of `files` */
    unsigned groups, groups_skipped, cases;
};

static bool is_other(const struct cw_schema_fault *fault)
{
    if (strncmp(fault->message, "is not supported", 16) != 0)
        return false;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(fault->keyword, others[i]) == 0)
            return true;
    }
    return false;
}

static char *write_value(yyjson_val *value, struct cw_bytes *ret_text)
{
    size_t size = 0;
    char *text = yyjson_val_write(value, 0, &size);
    assert_non_null(text);
    *ret_text = cw_bytes_make(text, size);
    return text;
}

static void run_cases(struct suite *suite, const char *file, yyjson_val *group,
                      const struct cw_schema *schema)
{
    size_t index;
    size_t count;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(group, "tests"), index, count, item)
    {
        struct cw_schema_fault fault;
        struct cw_bytes json;
        char *text = write_value(yyjson_obj_get(item, "data"), &json);
        int rc = cw_schema_check(suite->checker, schema, json, &fault);
        int wanted = yyjson_get_bool(yyjson_obj_get(item, "valid")) ? CW_OK : CW_ERR_PAYLOAD;
        if (rc != wanted)
            fail_msg("%s: %s: %s: %s: %d", file,
                     yyjson_get_str(yyjson_obj_get(group, "description")),
                     yyjson_get_str(yyjson_obj_get(item, "description")), text, rc);
        free(text);
        suite->cases++;
    }
}

/* `items` with an array, and nothing else. */
static bool is_item_list(const struct cw_schema_fault *fault)
{
    return strcmp(fault->keyword, "items") == 0 &&
           strncmp(fault->message, "must be a schema", 16) == 0;
}

/* A base for references, and nothing else. */
static bool is_inner_id(const struct cw_schema_fault *fault)
{
    return strcmp(fault->keyword, "$id") == 0 &&
           strcmp(fault->message, "is allowed at the root alone") == 0;
}

static bool run_group(struct suite *suite, const char *file, yyjson_val *group)
{
    struct cw_schema *schema = NULL;
    struct cw_schema_fault fault;
    struct cw_bytes json;
    const char *name = yyjson_get_str(yyjson_obj_get(group, "description"));
    char *text = write_value(yyjson_obj_get(group, "schema"), &json);
    int rc = cw_schema_compile(json, &schema, &fault);
    if (rc == CW_OK) {
        run_cases(suite, file, group, schema);
        suite->groups++;
    } else {
        bool is_expected = is_item_list(&fault) || is_inner_id(&fault) || is_other(&fault);
        if (!is_expected)
            fail_msg("%s: %s: %s: %s: %s: %s", file, name, text, fault.pointer, fault.keyword,
                     fault.message);
        print_message("  not run: %s: %s: %s\n", file, name, fault.keyword);
        suite->groups_skipped++;
    }
    cw_schema_destroy(schema);
    free(text);
    return rc == CW_OK;
}

/* No group of ours may be among the skipped. */
static void check_file(struct suite *suite, const char *file, unsigned run, unsigned skipped)
{
    for (size_t i = 0; i < FILES; i++) {
        if (strcmp(files[i].file, file) != 0)
            continue;
        if (run != files[i].run || skipped != files[i].skipped)
            fail_msg("%s: %u groups were run, %u were not; expected %u, %u", file, run, skipped,
                     files[i].run, files[i].skipped);
        suite->ours++;
    }
}

static void run_file(struct suite *suite, const char *file)
{
    char path[512];
    unsigned run = 0;
    unsigned skipped = 0;
    size_t index;
    size_t count;
    yyjson_val *group;

    (void)snprintf(path, sizeof(path), "%s/%s", suite->folder, file);
    yyjson_doc *document = yyjson_read_file(path, YYJSON_READ_NUMBER_AS_RAW, NULL, NULL);
    if (document == NULL)
        fail_msg("%s can't be read", path);
    yyjson_arr_foreach(yyjson_doc_get_root(document), index, count, group)
    {
        if (run_group(suite, file, group))
            run++;
        else
            skipped++;
    }
    yyjson_doc_free(document);
    check_file(suite, file, run, skipped);
}

/* The files of a folder whose name begins with `prefix`, "" or "optional/". */
static void run_folder(struct suite *suite, const char *prefix)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", suite->folder, prefix);
    DIR *directory = opendir(path);
    if (directory == NULL)
        fail_msg("%s is not there: 'scripts/deps --test' installs the suite", path);
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        char file[300];
        const char *end = strrchr(entry->d_name, '.');
        if (end == NULL || strcmp(end, ".json") != 0)
            continue;
        (void)snprintf(file, sizeof(file), "%s%s", prefix, entry->d_name);
        run_file(suite, file);
    }
    (void)closedir(directory);
}

static void the_official_suite_is_passed(void **state)
{
    (void)state;
    const char *folder = getenv("CHANWAY_SCHEMA_SUITE");
    struct suite suite = {.checker = cw_schema_checker_create(1 << 20),
                          .folder = folder == NULL ? SUITE : folder};
    assert_non_null(suite.checker);
    run_folder(&suite, "");
    run_folder(&suite, "optional/");
    print_message("%u cases of %u groups passed, %u groups have other keywords\n", suite.cases,
                  suite.groups, suite.groups_skipped);
    /* Fewer is not the suite. */
    assert_int_equal(suite.ours, FILES);
    assert_in_range(suite.groups, 47, 10000);
    assert_in_range(suite.cases, 173, 100000);
    cw_schema_checker_destroy(suite.checker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_official_suite_is_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
