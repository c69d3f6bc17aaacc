/*
 * channel.h - one client's connection to this node: the seed's Channel (seed: Channel Class).
 *
 * A channel is valid from its on_connect to the end of its on_disconnect. Everything happens on the
 * thread of the gateway's event loop.
 */
#ifndef CHANWAY_CHANNEL_H
#define CHANWAY_CHANNEL_H

#include <chanway/bytes.h>
#include <chanway/error.h>
#include <chanway/message.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cw_channel;

/** The seed's `uuid`: 36 characters, a UUID version 7 in lower case. */
CW_API const char *cw_channel_uuid(const struct cw_channel *channel);
/** The seed's `created`, ms since 1970. */
CW_API int64_t cw_channel_created_ms(const struct cw_channel *channel);
/** The seed's `expires`, seconds since created; 0: no limit. */
CW_API int64_t cw_channel_expires_s(const struct cw_channel *channel);
/** The seed's `payload_type`. */
CW_API enum cw_payload_type cw_channel_payload_type(const struct cw_channel *channel);
/** The client's address and port, "10.0.0.7:51514". */
CW_API const char *cw_channel_address(const struct cw_channel *channel);

/**
 * Sends one payload to this client, from "server": the seed's send, by the channel's own payload
 * type. Queued before the call returns, written at the end of the loop's turn.
 *
 * CW_ERR_PAYLOAD: not JSON, or text that is no UTF-8; CW_ERR_DISCONNECTED: it is closing;
 * CW_ERR_NOMEM.
 */
CW_API CW_MUST_CHECK int cw_channel_send(struct cw_channel *channel, struct cw_bytes payload);
/** As cw_channel_send(): JSON text, whatever the channel's type. */
CW_API CW_MUST_CHECK int cw_channel_send_json(struct cw_channel *channel, struct cw_bytes json);
/** As cw_channel_send(): text in UTF-8. */
CW_API CW_MUST_CHECK int cw_channel_send_text(struct cw_channel *channel, struct cw_bytes text);
/** As cw_channel_send(): any bytes. */
CW_API CW_MUST_CHECK int cw_channel_send_bytes(struct cw_channel *channel, struct cw_bytes bytes);

/**
 * Closes the connection with `code` (PROTOCOL: close codes) and `reason`, at most 123 bytes, NULL:
 * none; a `bye` goes before it where the protocol says so, with `retry_ms` (< 0: null). The first
 * close wins. Safe anywhere: the channel goes after the caller has returned to the loop.
 */
CW_API void cw_channel_close(struct cw_channel *channel, int code, const char *reason,
                             int64_t retry_ms);

#ifdef __cplusplus
}
#endif

#endif
