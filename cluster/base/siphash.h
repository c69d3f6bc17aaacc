/*
 * siphash.h - SipHash-1-3: a keyed hash whose collisions can't be chosen without the key. Pure.
 */
#ifndef CW_BASE_SIPHASH_H
#define CW_BASE_SIPHASH_H

#include <chanway/bytes.h>

#include <stdint.h>

#define CW_SIPHASH_KEY_SIZE 16

uint64_t cw_siphash13(const unsigned char key[CW_SIPHASH_KEY_SIZE], struct cw_bytes bytes);

#endif
