/* module.c - dlopen, the ABI, init and fini. */
#include "module.h"

#include <chanway/module.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULES_MAX 64

struct module {
    void *handle;
    void (*fini)(void);
};

struct cw_modules {
    size_t count;
    struct module items[MODULES_MAX];
};

typedef int (*init_fn)(struct cw_gateway *, const char *, char *, size_t);

static int fail(char *error, size_t error_size, const char *path, const char *why)
{
    (void)snprintf(error, error_size, "module %s: %s", path, why);
    return CW_ERR_INVALID;
}

/* ISO C has no conversion between pointers to objects and to functions; POSIX has. */
static void *find_symbol(void *handle, const char *name)
{
    return dlsym(handle, name);
}

static int initialise(struct module *module, struct cw_gateway *gateway, const char *path,
                      const char *args, char *error, size_t error_size)
{
    char why[300] = "";
    const int *abi = find_symbol(module->handle, "cw_module_abi");
    init_fn init = NULL;
    *(void **)&init = find_symbol(module->handle, "cw_module_init");
    *(void **)&module->fini = find_symbol(module->handle, "cw_module_fini");
    if (abi == NULL)
        return fail(error, error_size, path, "it has no cw_module_abi: not a module of Chanway");
    if (*abi != CW_MODULE_ABI) {
        (void)snprintf(why, sizeof(why), "it was built for ABI %d, this is ABI %d: build it again",
                       *abi, CW_MODULE_ABI);
        return fail(error, error_size, path, why);
    }
    if (init == NULL || module->fini == NULL)
        return fail(error, error_size, path, "it has no cw_module_init or no cw_module_fini");
    if (init(gateway, args, why, sizeof(why)) != 0) {
        why[sizeof(why) - 1] = '\0';
        return fail(error, error_size, path, why[0] != '\0' ? why : "it does not want to start");
    }
    return CW_OK;
}

/* `entry` is "PATH.so[:ARGS]" and is cut. */
static int load(struct cw_modules *modules, struct cw_gateway *gateway, char *entry, char *error,
                size_t error_size)
{
    char path[4096];
    char *end = strstr(entry, ".so:");
    char *args = end != NULL ? end + 4 : entry + strlen(entry);
    if (end != NULL)
        end[3] = '\0';
    if (modules->count == MODULES_MAX)
        return fail(error, error_size, entry, "there are 64 modules already");
    /* Without a slash dlopen would look among the system's libraries. */
    int size = snprintf(path, sizeof(path), "%s%s", strchr(entry, '/') == NULL ? "./" : "", entry);
    if (size < 0 || (size_t)size >= sizeof(path))
        return fail(error, error_size, "", "its path is too long");
    struct module *module = &modules->items[modules->count];
    module->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module->handle == NULL)
        return fail(error, error_size, entry, dlerror());
    int rc = CW_OK;
    for (size_t i = 0; i < modules->count; i++)
        if (modules->items[i].handle == module->handle)
            rc = fail(error, error_size, entry, "it is loaded already");
    if (rc == CW_OK)
        rc = initialise(module, gateway, entry, args, error, error_size);
    if (rc == CW_OK)
        modules->count++;
    else
        (void)dlclose(module->handle);
    return rc;
}

int cw_modules_load(struct cw_gateway *gateway, const char *list, char *error, size_t error_size,
                    struct cw_modules **ret_modules)
{
    struct cw_modules *modules = calloc(1, sizeof(*modules));
    char *entries = strdup(list);
    char *next = NULL;
    int rc = CW_OK;
    if (modules == NULL || entries == NULL) {
        (void)snprintf(error, error_size, "%s", cw_error_text(CW_ERR_NOMEM));
        rc = CW_ERR_NOMEM;
    }
    for (char *entry = rc == CW_OK ? strtok_r(entries, ";", &next) : NULL;
         entry != NULL && rc == CW_OK; entry = strtok_r(NULL, ";", &next))
        rc = load(modules, gateway, entry, error, error_size);
    free(entries);
    if (rc != CW_OK) {
        cw_modules_destroy(modules);
        return rc;
    }
    *ret_modules = modules;
    return CW_OK;
}

void cw_modules_destroy(struct cw_modules *modules)
{
    if (modules == NULL)
        return;
    while (modules->count > 0) {
        struct module *module = &modules->items[--modules->count];
        module->fini();
        (void)dlclose(module->handle);
    }
    free(modules);
}
