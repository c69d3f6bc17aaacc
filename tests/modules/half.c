/* half.c - a shared object without the functions of a module. */
#include <chanway/module.h>

CW_MODULE_DEFINE;
