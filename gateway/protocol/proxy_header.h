/*
 * proxy_header.h - the PROXY protocol, versions 1 and 2: what a proxy says of its client before the
 * client's first byte. Pure, fuzzed.
 *
 * As haproxy's proxy-protocol.txt has it, for connections of a stream.
 */
#ifndef CW_PROTOCOL_PROXY_HEADER_H
#define CW_PROTOCOL_PROXY_HEADER_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include "base/address.h"

/* A line of version 1 with its end. */
#define CW_PROXY_V1_MAX 107
/* Version 2: what comes before the addresses, and how much we let follow. */
#define CW_PROXY_V2_HEAD_SIZE 16
#define CW_PROXY_V2_BODY_MAX  4096
#define CW_PROXY_HEADER_MAX   (CW_PROXY_V2_HEAD_SIZE + CW_PROXY_V2_BODY_MAX)

/**
 * `bytes` are the first of a connection. Returns the size of the header; 0: it is not complete;
 * CW_ERR_INVALID: it is none, said as soon as it can be known.
 *
 * `ret_client` is set when the header is complete: its kind is CW_ADDRESS_UNKNOWN where the proxy
 * speaks for itself (LOCAL, a health check) or does not know (UNKNOWN, UNSPEC): then the other end
 * of the socket is the client. TLVs of version 2 are passed over, but for a checksum, which must be
 * right.
 */
CW_MUST_CHECK int cw_proxy_header_parse(struct cw_bytes bytes, struct cw_address *ret_client);

#endif
