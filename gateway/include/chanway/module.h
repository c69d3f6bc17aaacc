/*
 * module.h - a shared object that a stock chanwayd loads: `--module PATH.so:ARGS`.
 *
 * It defines the three names below, adds handlers and middlewares to the gateway when it is
 * initialised, and is called on the thread of the gateway's loop. Build it with
 * `cc -shared -fPIC $(pkg-config --cflags chanway)`: the program has the functions, the module
 * links no library of ours.
 */
#ifndef CHANWAY_MODULE_H
#define CHANWAY_MODULE_H

#include <chanway/error.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cw_gateway;

/** Grows when a module built before would not work any more. */
#define CW_MODULE_ABI 1

/** Put once into a module, at file level: says what it was built for. */
#define CW_MODULE_DEFINE CW_API const int cw_module_abi = CW_MODULE_ABI

/** What the module was built for (CW_MODULE_DEFINE). */
CW_API extern const int cw_module_abi;

/**
 * The gateway exists and does not run yet. `args` is what stands behind the colon, "" without one;
 * valid during the call. 0: it goes on; anything else: the program ends with 2 and says `error`,
 * which the module has written (NUL-terminated, at most `error_size` bytes); cw_module_fini is not
 * called then.
 */
CW_API int cw_module_init(struct cw_gateway *gateway, const char *args, char *error,
                          size_t error_size);
/** The gateway is destroyed: nothing of it calls the module any more. Modules end in reverse order.
 */
CW_API void cw_module_fini(void);

#ifdef __cplusplus
}
#endif

#endif
