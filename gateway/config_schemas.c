/* config_schemas.c - `schema` itself is the one of the glob `*`, and as such the weakest. */
#include "config_schemas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "chanway.ini:12: schema.chat.*"; NULL: out of memory. */
static char *name_of(const struct cw_config *config, struct cw_config_origin origin,
                     const char *glob)
{
    const char *dot = glob[0] == '\0' ? "" : ".";
    char *name = NULL;
    int rc = 0;
    if (origin.source == CW_CONFIG_FILE)
        rc = asprintf(&name, "%s:%d: schema%s%s", config->file, origin.line, dot, glob);
    else if (origin.source == CW_CONFIG_ENVIRONMENT)
        rc = asprintf(&name, "CHANWAY_SCHEMA");
    else
        rc = asprintf(&name, "--schema%s%s", dot, glob);
    return rc < 0 ? NULL : name;
}

static int add(struct cw_config_schemas *schemas, const struct cw_config *config,
               struct cw_config_origin origin, const char *glob, const char *file)
{
    char *name = name_of(config, origin, glob);
    if (name == NULL)
        return CW_ERR_NOMEM;
    schemas->items[schemas->count++] = (struct cw_gateway_schema){
        .glob = glob[0] == '\0' ? "*" : glob, .file = file, .name = name};
    return CW_OK;
}

static bool is_schema(int setting)
{
    return cw_settings[setting].offset == offsetof(struct cw_config, schema);
}

static int fill(struct cw_config_schemas *schemas, const struct cw_config *config)
{
    int rc = CW_OK;
    for (int i = 0; i < CW_SETTING_COUNT && rc == CW_OK; i++) {
        if (is_schema(i) && config->schema[0] != '\0')
            rc = add(schemas, config, config->origins[i], "", config->schema);
    }
    for (size_t i = 0; i < config->override_count && rc == CW_OK; i++) {
        const struct cw_config_override *override = &config->overrides[i];
        if (is_schema(override->setting))
            rc = add(schemas, config, override->origin, override->glob, override->text);
    }
    return rc;
}

int cw_config_schemas_set(struct cw_config_schemas *schemas, const struct cw_config *config)
{
    cw_config_schemas_finish(schemas);
    schemas->items = calloc(config->override_count + 1, sizeof(*schemas->items));
    if (schemas->items == NULL)
        return CW_ERR_NOMEM;
    int rc = fill(schemas, config);
    if (rc != CW_OK)
        cw_config_schemas_finish(schemas);
    return rc;
}

void cw_config_schemas_finish(struct cw_config_schemas *schemas)
{
    for (size_t i = 0; i < schemas->count; i++)
        free((char *)(uintptr_t)schemas->items[i].name);
    free(schemas->items);
    *schemas = (struct cw_config_schemas){0};
}
