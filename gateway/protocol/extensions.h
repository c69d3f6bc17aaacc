/*
 * extensions.h - what is answered to a client's Sec-WebSocket-Extensions (RFC 7692). Pure, fuzzed.
 */
#ifndef CW_PROTOCOL_EXTENSIONS_H
#define CW_PROTOCOL_EXTENSIONS_H

#include <chanway/bytes.h>

#define CW_EXTENSION_DEFLATE "permessage-deflate"

/**
 * The parameters with which compression is agreed upon ("; server_no_context_takeover..."), static;
 * NULL: with none of the `offers`.
 *
 * Each message is compressed, and by clients too, as if it were the first: so one compressed
 * message serves all, and nothing is remembered per client. An offer of a smaller window than 32
 * KiB for us is not taken, nor is an offer that RFC 7692 calls invalid.
 */
const char *cw_extensions_answer(struct cw_bytes offers);

#endif
