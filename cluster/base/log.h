/*
 * log.h - the public log, and what only its own code has to know.
 */
#ifndef CW_BASE_LOG_H
#define CW_BASE_LOG_H

#include <chanway/log.h>

/* Bytes of the longest line, its '\n' included: writes to a pipe stay whole below 4 KiB. */
#define CW_LOG_LINE_MAX 2048

#endif
