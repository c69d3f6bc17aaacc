/*
 * memory.h - the node's ceiling (`memory-max`).
 *
 *   OK --more than the ceiling, also after giving back--> LOW --below 15/16, or calm for 5 s--> OK
 *
 * While LOW new connections get 1013. Each look that finds the node above the ceiling takes from
 * the clients whose sockets are full, the largest queue first, what brings it down to 15/16:
 * messages that may go by slow-policy; where there are none the client is closed with 4005 and all
 * that waits for it goes. Who reads is never touched.
 */
#ifndef CW_CHANNEL_MEMORY_H
#define CW_CHANNEL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cw_node;

struct cw_memory {
    /** Bytes that the process holds, 0: nobody knows; NULL: what the system says. For tests. */
    size_t (*measure)(void *arg);
    void *measure_arg;
    int file; /* the system's, opened by the first look; 0: not yet, < 0: there is none */
    int64_t next_round_us; /* monotonic: before it nothing is taken from anybody */
    int64_t calm_since_ms; /* it is LOW, but not above the ceiling; 0: it is */
    bool is_low;
    bool is_blind; /* it was said that nobody knows */
};

/** Again and again, some ten times a second. */
void cw_memory_tick(struct cw_node *node);
void cw_memory_finish(struct cw_memory *memory);

#endif
