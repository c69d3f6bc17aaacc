/* old.c - a module of another time. */
#include <chanway/module.h>

CW_API const int cw_module_abi = CW_MODULE_ABI + 1;

int cw_module_init(struct cw_gateway *gateway, const char *args, char *error, size_t error_size)
{
    (void)gateway;
    (void)args;
    (void)error;
    (void)error_size;
    return 0;
}

void cw_module_fini(void) {}
