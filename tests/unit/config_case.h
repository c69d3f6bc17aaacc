/*
 * config_case.h - flags, variables and a file for one load of the settings, and what came of it.
 */
#ifndef CW_CONFIG_CASE_H
#define CW_CONFIG_CASE_H

#include "config.h"

#define ARGUMENTS_MAX 16

/* What one load is given and gives. */
struct config_case {
    char file[64]; /* "": none was written */
    char *environment[ARGUMENTS_MAX + 1];
    char *argv[ARGUMENTS_MAX + 1];
    int argc;
    struct cw_config config;
    enum cw_config_action action;
    char error[CW_CONFIG_ERROR_SIZE];
};

/* cmocka's setup and teardown: `*state` is a struct config_case. */
int config_case_setup(void **state);
int config_case_teardown(void **state);

/** Takes back all flags and variables, and the file. */
void config_case_forget(struct config_case *fixture);
void config_case_flag(struct config_case *fixture, const char *argument);
/** "NAME=value" */
void config_case_variable(struct config_case *fixture, const char *variable);
/** Writes the file anew; the first time it is named by a flag. */
void config_case_write(struct config_case *fixture, const void *bytes, size_t size);
void config_case_write_text(struct config_case *fixture, const char *text);

int config_case_load(struct config_case *fixture);
/** Fails the test unless it loads. */
void config_case_accept(struct config_case *fixture);
/** Loads with this one flag and nothing else. */
int config_case_load_flag(struct config_case *fixture, const char *flag);
/** Fails the test unless that is refused with an error that has `part`. */
void config_case_refuse_flag(struct config_case *fixture, const char *flag, const char *part);
void config_case_assert_has(const char *text, const char *part);
void config_case_assert_lacks(const char *text, const char *part);

#endif
