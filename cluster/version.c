/*
 * version.c - the version that was built.
 */
#include <chanway/version.h>

const char *cw_version(void)
{
    return CW_VERSION;
}
