/*
 * trim.h - memory goes back to the system when a crowd has left.
 *
 * The C library keeps what was freed below anything that is still in use, so one long-lived channel
 * pins what a thousand short ones took.
 */
#ifndef CW_WS_TRIM_H
#define CW_WS_TRIM_H

#include <stddef.h>
#include <stdint.h>

/** All zero at first. */
struct cw_trim {
    size_t peak;   /* sockets, since the last time */
    int64_t at_ms; /* when to give back; 0: nothing to give */
};

/** Again and again, with the sockets that are open. */
void cw_trim_tick(struct cw_trim *trim, size_t sockets, int64_t now_ms);

#endif
