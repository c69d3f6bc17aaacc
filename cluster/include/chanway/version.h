/*
 * version.h - which Chanway this is. CMake reads the project's version from here.
 */
#ifndef CHANWAY_VERSION_H
#define CHANWAY_VERSION_H

#include <chanway/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The version of these headers, by Semantic Versioning. */
#define CW_VERSION "0.1.0"

/** The version of the library that the program runs with: not below CW_VERSION, if all is well. */
CW_API const char *cw_version(void);

#ifdef __cplusplus
}
#endif

#endif
