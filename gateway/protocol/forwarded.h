/*
 * forwarded.h - X-Forwarded-For: who the client behind proxies is. Pure, fuzzed.
 */
#ifndef CW_PROTOCOL_FORWARDED_H
#define CW_PROTOCOL_FORWARDED_H

#include <chanway/bytes.h>

#include "base/address.h"

#include <stdbool.h>

/* Elements that are looked at, from the right: nobody has so many proxies of his own. */
#define CW_FORWARDED_HOPS_MAX 32

/**
 * The nearest address that is not a trusted proxy's. `peer` is at the other end of the socket;
 * `values` are those of all header lines, in their order, joined by commas. Each trusted hop is
 * believed about the one before it, and nobody else: from the right, while the address so far is
 * trusted, the next element is taken. One that can't be read ends the walk at the address before
 * it, as does the end of the list; empty ones are passed over.
 *
 * `ret_is_whole`: false if the walk ended at what can't be read, or at the bound.
 */
struct cw_address cw_forwarded_client(const struct cw_networks *trusted,
                                      const struct cw_address *peer, struct cw_bytes values,
                                      bool *ret_is_whole);

#endif
