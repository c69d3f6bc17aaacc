/*
 * config_case.c - flags, variables and a file for one load of the settings, and what came of it.
 */
#include "config_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int config_case_setup(void **state)
{
    struct config_case *fixture = calloc(1, sizeof(*fixture));
    if (fixture == NULL)
        return -1;
    fixture->argv[fixture->argc++] = strdup("chanwayd");
    *state = fixture;
    return 0;
}

void config_case_forget(struct config_case *fixture)
{
    for (int i = 1; i < fixture->argc; i++) {
        free(fixture->argv[i]);
        fixture->argv[i] = NULL;
    }
    fixture->argc = 1;
    for (int i = 0; fixture->environment[i] != NULL; i++) {
        free(fixture->environment[i]);
        fixture->environment[i] = NULL;
    }
    if (fixture->file[0] != '\0')
        (void)unlink(fixture->file);
    fixture->file[0] = '\0';
}

int config_case_teardown(void **state)
{
    struct config_case *fixture = *state;
    config_case_forget(fixture);
    cw_config_finish(&fixture->config);
    free(fixture->argv[0]);
    free(fixture);
    return 0;
}

void config_case_flag(struct config_case *fixture, const char *argument)
{
    assert_true(fixture->argc < ARGUMENTS_MAX);
    fixture->argv[fixture->argc++] = strdup(argument);
}

void config_case_variable(struct config_case *fixture, const char *variable)
{
    int i = 0;
    while (fixture->environment[i] != NULL)
        i++;
    assert_true(i < ARGUMENTS_MAX);
    fixture->environment[i] = strdup(variable);
}

void config_case_write(struct config_case *fixture, const void *bytes, size_t size)
{
    if (fixture->file[0] == '\0') {
        strcpy(fixture->file, "/tmp/test_config_XXXXXX");
        int descriptor = mkstemp(fixture->file);
        assert_true(descriptor >= 0);
        (void)close(descriptor);
        config_case_flag(fixture, "--config");
        config_case_flag(fixture, fixture->file);
    }
    FILE *stream = fopen(fixture->file, "w");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

void config_case_write_text(struct config_case *fixture, const char *text)
{
    config_case_write(fixture, text, strlen(text));
}

int config_case_load(struct config_case *fixture)
{
    struct cw_config config;
    fixture->error[0] = '\0';
    int rc = cw_config_load(fixture->argc, fixture->argv, fixture->environment, &config,
                            &fixture->action, fixture->error, sizeof(fixture->error));
    if (rc == CW_OK) {
        cw_config_finish(&fixture->config);
        fixture->config = config;
    }
    return rc;
}

void config_case_accept(struct config_case *fixture)
{
    if (config_case_load(fixture) != CW_OK)
        fail_msg("refused: %s", fixture->error);
}

void config_case_assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' lacks '%s'", text, part);
}

void config_case_assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("'%s' has '%s'", text, part);
}

int config_case_load_flag(struct config_case *fixture, const char *flag)
{
    config_case_forget(fixture);
    config_case_flag(fixture, flag);
    return config_case_load(fixture);
}

void config_case_refuse_flag(struct config_case *fixture, const char *flag, const char *part)
{
    if (config_case_load_flag(fixture, flag) != CW_ERR_INVALID)
        fail_msg("accepted: %s", flag);
    config_case_assert_has(fixture->error, part);
}
