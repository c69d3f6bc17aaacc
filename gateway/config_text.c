/*
 * config_text.c - settings as people read them: names, --help, --print-settings, what may have been
 * meant.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#define VARIABLE_PREFIX "CHANWAY_"

void cw_setting_name(const struct cw_setting *setting, char ret_name[CW_SETTING_NAME_SIZE])
{
    (void)snprintf(ret_name, CW_SETTING_NAME_SIZE, "%s", setting->field);
    for (char *at = ret_name; *at != '\0'; at++) {
        if (*at == '_')
            *at = '-';
    }
}

void cw_setting_variable(const struct cw_setting *setting, char ret_name[CW_SETTING_NAME_SIZE])
{
    (void)snprintf(ret_name, CW_SETTING_NAME_SIZE, VARIABLE_PREFIX "%s", setting->field);
    for (char *at = ret_name; *at != '\0'; at++) {
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    }
}

/* Fewest bytes to add, drop or change to make `b` of `a`. Both are shorter than
 * CW_SETTING_NAME_SIZE. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[CW_SETTING_NAME_SIZE + 1];
    size_t b_size = strlen(b);

    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_size];
}

int cw_setting_nearest(const char *name, cw_setting_name_fn make_name)
{
    size_t best_distance = 4;
    int best = -1;

    if (strlen(name) >= CW_SETTING_NAME_SIZE)
        return -1;
    for (int i = 0; i < CW_SETTING_COUNT; i++) {
        char candidate[CW_SETTING_NAME_SIZE];
        make_name(&cw_settings[i], candidate);
        size_t distance = edit_distance(name, candidate);
        if (distance < best_distance && distance * 2 < strlen(candidate)) {
            best_distance = distance;
            best = i;
        }
    }
    return best;
}

void cw_config_write_doubts(char *const environment[], struct cw_writer *writer)
{
    for (size_t i = 0; environment[i] != NULL; i++) {
        char name[CW_SETTING_NAME_SIZE];
        char meant[CW_SETTING_NAME_SIZE];
        size_t size = strcspn(environment[i], "=");
        if (strncmp(environment[i], VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) != 0 ||
            size >= sizeof(name))
            continue;
        memcpy(name, environment[i], size);
        name[size] = '\0';
        int near = cw_setting_nearest(name, cw_setting_variable);
        if (near < 0)
            continue;
        cw_setting_variable(&cw_settings[near], meant);
        if (strcmp(name, meant) != 0)
            cw_writer_printf(writer, "%s is no setting; did you mean %s?\n", name, meant);
    }
}

void cw_config_write_help(struct cw_writer *writer)
{
    cw_writer_text(
        writer,
        "Usage: chanwayd [--SETTING VALUE]...\n"
        "       chanwayd token --sub USER ...   print a token (chanwayd token --help)\n"
        "\n"
        "A node of a Chanway cluster: channels over WebSockets, groups over Redis.\n"
        "\n"
        "  --config FILE      read settings from an INI file (also CHANWAY_CONFIG)\n"
        "  --check-config     check the settings and end\n"
        "  --print-settings   print the settings that hold and where each comes from\n"
        "  --version          print the version\n"
        "  --help             print this\n"
        "\n"
        "Settings. Each is a flag, a variable (--max-groups: CHANWAY_MAX_GROUPS) or a line\n"
        "of the file (max-groups = 64); a flag beats a variable, which beats the file.\n"
        "Sizes are written 4096, 64KiB, 1MiB; times 500ms, 25s, 2m, 1h, 7d.\n"
        "[g]: --NAME.GLOB VALUE is another value for the groups that GLOB matches (`*`: any\n"
        "bytes). [r]: read again on SIGHUP.\n");
    for (int i = 0; i < CW_SETTING_COUNT; i++) {
        const struct cw_setting *setting = &cw_settings[i];
        char name[CW_SETTING_NAME_SIZE];
        char allowed[400];
        cw_setting_name(setting, name);
        cw_setting_allowed(setting, allowed, sizeof(allowed));
        cw_writer_printf(writer, "\n  --%s %s", name, cw_setting_type_word(setting));
        if (setting->default_text[0] != '\0')
            cw_writer_printf(writer, "  (%s)", setting->default_text);
        cw_writer_printf(writer, "%s%s\n", setting->is_per_group ? " [g]" : "",
                         setting->is_reloadable ? " [r]" : "");
        cw_writer_printf(writer, "      %s\n      %s\n", setting->help, allowed);
    }
}

static void write_origin(const struct cw_config *config, struct cw_config_origin origin,
                         const char *variable, struct cw_writer *writer)
{
    switch (origin.source) {
    case CW_CONFIG_DEFAULT:
        cw_writer_text(writer, "# default\n");
        break;
    case CW_CONFIG_DERIVED:
        cw_writer_text(writer, "# worked out\n");
        break;
    case CW_CONFIG_FILE:
        cw_writer_printf(writer, "# %s:%d\n", config->file, origin.line);
        break;
    case CW_CONFIG_ENVIRONMENT:
        cw_writer_printf(writer, "# %s\n", variable);
        break;
    case CW_CONFIG_FLAG:
        cw_writer_text(writer, "# flag\n");
        break;
    }
}

static void write_value(const struct cw_setting *setting, const char *name, const char *glob,
                        struct cw_setting_value value, struct cw_writer *writer)
{
    char text[4200]; /* the longest value and its NUL */
    cw_setting_format(setting, &value, text, sizeof(text));
    cw_writer_printf(writer, "%s%s%s = ", name, glob[0] != '\0' ? "." : "", glob);
    cw_writer_text(writer, text);
    cw_writer_text(writer, "\n");
}

void cw_config_write_settings(const struct cw_config *config, struct cw_writer *writer)
{
    for (int i = 0; i < CW_SETTING_COUNT; i++) {
        char name[CW_SETTING_NAME_SIZE];
        char variable[CW_SETTING_NAME_SIZE];
        cw_setting_name(&cw_settings[i], name);
        cw_setting_variable(&cw_settings[i], variable);
        write_origin(config, config->origins[i], variable, writer);
        write_value(&cw_settings[i], name, "", cw_config_value(config, i), writer);

        for (size_t j = 0; j < config->override_count; j++) {
            const struct cw_config_override *override = &config->overrides[j];
            if (override->setting != i)
                continue;
            struct cw_setting_value value = {.text = override->text, .number = override->value};
            write_origin(config, override->origin, variable, writer);
            write_value(&cw_settings[i], name, override->glob, value, writer);
        }
    }
}
