/*
 * fuzz_schema.c - a JSON Schema, a NUL, then payloads with a NUL between them. Where the schema
 * compiles, each is checked: twice the same, and white space around it changes nothing.
 */
#include "command_checks.h"
#include "fuzz.h"
#include "protocol/schema.h"

#define PAYLOADS_MAX 8

static void check_fault(const struct cw_schema_fault *fault)
{
    fuzz_require(memchr(fault->pointer, '\0', sizeof(fault->pointer)) != NULL);
    fuzz_require(fault->pointer[0] == '\0' || fault->pointer[0] == '/');
    fuzz_require(memchr(fault->keyword, '\0', sizeof(fault->keyword)) != NULL);
    fuzz_require(memchr(fault->message, '\0', sizeof(fault->message)) != NULL);
    fuzz_require(fault->message[0] != '\0');
}

static struct cw_schema_checker *checker(void)
{
    static struct cw_schema_checker *only;
    if (only == NULL)
        only = cw_schema_checker_create(FUZZ_MAX_MESSAGE);
    fuzz_require(only != NULL);
    return only;
}

static int check(const struct cw_schema *schema, struct cw_bytes payload,
                 struct cw_schema_fault *ret_fault)
{
    *ret_fault = (struct cw_schema_fault){.message = ""};
    int rc = cw_schema_check(checker(), schema, payload, ret_fault);
    fuzz_require(rc == CW_OK || rc == CW_ERR_PAYLOAD || rc == CW_ERR_TOO_LARGE);
    if (rc == CW_ERR_PAYLOAD)
        check_fault(ret_fault);
    return rc;
}

static void check_payload(const struct cw_schema *schema, struct cw_bytes payload)
{
    struct cw_schema_fault fault;
    struct cw_schema_fault again;
    char *copy = fuzz_copy(payload);
    int rc = check(schema, cw_bytes_make(copy, payload.size), &fault);
    free(copy);
    if (rc == CW_ERR_TOO_LARGE) {
        fuzz_require(payload.size > FUZZ_MAX_MESSAGE);
        return;
    }
    if (!cw_json_is_valid(fuzz_parser(), payload)) {
        fuzz_require(rc == CW_ERR_PAYLOAD);
        return;
    }
    fuzz_require(rc == CW_OK || fault.keyword[0] != '\0');
    if (payload.size > FUZZ_MAX_MESSAGE - 2)
        return;
    char *spaced = malloc(payload.size + 2);
    fuzz_require(spaced != NULL);
    spaced[0] = ' ';
    if (payload.size > 0)
        memcpy(spaced + 1, payload.data, payload.size);
    spaced[payload.size + 1] = '\n';
    int second = check(schema, cw_bytes_make(spaced, payload.size + 2), &again);
    free(spaced);
    /* How long a pattern may take is a matter of the clock too. */
    if (fault.is_endless || again.is_endless)
        return;
    fuzz_require(second == rc);
    fuzz_require(strcmp(fault.pointer, again.pointer) == 0);
    fuzz_require(strcmp(fault.keyword, again.keyword) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_bytes rest = cw_bytes_make(data, size);
    struct cw_bytes text = fuzz_take(&rest, '\0');
    struct cw_schema_fault fault = {.message = ""};
    struct cw_schema *schema = NULL;
    char *copy = fuzz_copy(text);
    int rc = cw_schema_compile(cw_bytes_make(copy, text.size), &schema, &fault);
    free(copy); /* the schema keeps what it needs */
    if (rc == CW_OK) {
        for (int i = 0; i < PAYLOADS_MAX && (i == 0 || rest.size > 0); i++)
            check_payload(schema, fuzz_take(&rest, '\0'));
        cw_schema_destroy(schema);
    } else {
        fuzz_require(rc == CW_ERR_INVALID);
        check_fault(&fault);
    }
    return 0;
}
