/*
 * slots.h - the slot of a key, as Redis Cluster has it. Pure.
 */
#ifndef CW_SLOTS_H
#define CW_SLOTS_H

#include <chanway/bytes.h>

#include <stdbool.h>
#include <stdint.h>

#define CW_SLOTS 16384

/**
 * CRC16 (XMODEM) of the key's hash tag, modulo CW_SLOTS: what is between its first '{' and the next
 * '}', or the whole key where there is no such or nothing between (Redis Cluster specification).
 */
uint16_t cw_slot_of(struct cw_bytes key);

/** Whether Redis' error says that nothing was done, for the key's slot is elsewhere, on its way, or
 * nobody's: MOVED, ASK, TRYAGAIN, CLUSTERDOWN. */
bool cw_slots_refused(const char *error);

#endif
