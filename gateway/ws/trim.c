/* trim.c - when at least half have left, and no less than CROWD, a while ago. */
#include "ws/trim.h"

#include <malloc.h>

/* What fewer leave behind is not worth the walk through the heap. */
#define CROWD 256
/* Those who come back at once find their memory still there. */
#define QUIET_MS 2000

void cw_trim_tick(struct cw_trim *trim, size_t sockets, int64_t now_ms)
{
    if (sockets > trim->peak)
        trim->peak = sockets;
    if (trim->peak - sockets < CROWD || sockets > trim->peak / 2) {
        trim->at_ms = 0;
        return;
    }
    if (trim->at_ms == 0)
        trim->at_ms = now_ms + QUIET_MS;
    if (now_ms < trim->at_ms)
        return;
    trim->peak = sockets;
    trim->at_ms = 0;
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}
