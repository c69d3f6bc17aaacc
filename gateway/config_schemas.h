/* config_schemas.h - the lines `schema.GLOB = FILE` of the settings, as the gateway wants them. */
#ifndef CW_CONFIG_SCHEMAS_H
#define CW_CONFIG_SCHEMAS_H

#include <chanway/gateway.h>

#include "config.h"

/** All zero: none. */
struct cw_config_schemas {
    struct cw_gateway_schema *items; /* owned, and so are their names; the rest is the config's */
    size_t count;
};

/** Replaces `schemas`, which are valid as long as `config` is not reloaded. CW_ERR_NOMEM: none. */
CW_MUST_CHECK int cw_config_schemas_set(struct cw_config_schemas *schemas,
                                        const struct cw_config *config);
void cw_config_schemas_finish(struct cw_config_schemas *schemas);

#endif
