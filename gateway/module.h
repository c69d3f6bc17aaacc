/*
 * module.h - loading the modules that the setting `module` names (chanway/module.h is their side).
 */
#ifndef CW_MODULE_LOADER_H
#define CW_MODULE_LOADER_H

#include <chanway/error.h>

#include <stddef.h>

struct cw_gateway;
struct cw_modules;

/**
 * Loads and initialises `list`, "PATH.so[:ARGS]" separated by semicolons, in this order.
 * CW_ERR_INVALID: `error` says which one can't be used and why, and those before it have ended;
 * CW_ERR_NOMEM.
 */
CW_MUST_CHECK int cw_modules_load(struct cw_gateway *gateway, const char *list, char *error,
                                  size_t error_size, struct cw_modules **ret_modules);

/** Ends and unloads them, the last first; the gateway is gone. NULL is fine. */
void cw_modules_destroy(struct cw_modules *modules);

#endif
