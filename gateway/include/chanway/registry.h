/*
 * registry.h - all channels of the cluster: the seed's ChannelRegistry (seed: Channel Registry).
 *
 * The registry is in Redis, the same for every node: what is found in it, on whichever node, can be
 * sent to and closed from here. Channels are added when they connect and removed when they are
 * gone. Completions, and the errors that any of them or any call may get, are as in group.h. A
 * `uuid` is 36 characters in lower case (else CW_ERR_INVALID).
 */
#ifndef CHANWAY_REGISTRY_H
#define CHANWAY_REGISTRY_H

#include <chanway/bytes.h>
#include <chanway/channel.h>
#include <chanway/cluster.h>
#include <chanway/error.h>
#include <chanway/gateway.h>
#include <chanway/group.h>
#include <chanway/message.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes sure that the registry shows this channel of this node: the seed's add. Channels are added
 * by themselves; one that cw_registry_remove() took out is added again, without its groups; one
 * that is there is written once more.
 *
 * `fn` (NULL is fine): CW_OK: every node finds it. CW_ERR_UNAVAILABLE, CW_ERR_TIMEOUT: they will,
 * as soon as may be. CW_ERR_CANCELLED: its connection, or the gateway, ended before. At once, and
 * nothing was done: CW_ERR_BUSY: an add or remove of it is under way, or it has not come to its
 * on_connect yet; CW_ERR_DISCONNECTED: it is closing.
 */
CW_API CW_MUST_CHECK int cw_registry_add(struct cw_channel *channel, cw_group_fn fn, void *arg);
/**
 * Takes a channel of this node out of the registry while its connection lives on: the seed's
 * remove. No node finds it, nothing reaches it but what this node sends by cw_channel_send() and
 * its like; it leaves its groups (its client is told by `left`), and its session ends: what was
 * kept for it is gone, and a lost connection can't be resumed. Its client may still publish, send
 * and say `message`; `join` is refused as `unavailable`. Back ends that read the event stream are
 * told a `disconnect` (1000, "removed from the registry"), and nothing of it until it is added
 * again: then a `connect`.
 *
 * `fn` (NULL is fine): CW_OK: no node finds it. CW_ERR_UNAVAILABLE, CW_ERR_TIMEOUT: none will, as
 * soon as may be. CW_ERR_CANCELLED: as above. At once, and nothing was done: CW_ERR_NOT_FOUND: it
 * is out already; CW_ERR_BUSY, CW_ERR_DISCONNECTED: as above.
 */
CW_API CW_MUST_CHECK int cw_registry_remove(struct cw_channel *channel, cw_group_fn fn, void *arg);

/**
 * The channel `uuid`, of any node or away: the seed's get. `fn` gets CW_OK and what the registry
 * says of it (cluster.h), or an error and NULL; CW_ERR_NOT_FOUND: there is none.
 */
CW_API CW_MUST_CHECK int cw_registry_get(struct cw_gateway *gateway, const char *uuid,
                                         cw_registry_fn fn, void *arg);
/**
 * The channel itself if this node has it, valid until the end of its on_disconnect; also one that
 * was taken out of the registry. NULL: this node has it not, or `uuid` is none.
 */
CW_API struct cw_channel *cw_registry_get_local(struct cw_gateway *gateway, const char *uuid);

/**
 * All channels of the cluster, page by page: the seed's get_all. `cursor` "0" is the first page;
 * `fn` gets the next, "0" after the last one: at most CW_REGISTRY_CURSOR_MAX bytes, to be copied.
 * A page has at most `count` (1 to 1000) channels, perhaps fewer though it is not the last.
 *
 * A channel that is on its node all the time comes at least once; one that connects, goes or moves
 * to another node meanwhile may come, also when it is gone, or twice, or not. Channels that are
 * away (they may be resumed) are not told, cw_registry_get() finds them. CW_ERR_INVALID also in
 * `fn`: the cursor is none.
 */
CW_API CW_MUST_CHECK int cw_registry_get_all(struct cw_gateway *gateway, const char *cursor,
                                             int count, cw_registry_page_fn fn, void *arg);

/**
 * Sends `payload` to one channel, of any node, from "server"; copied before the call returns. What
 * is sent is kept until its connection was written it (`session-ttl`, `queue-max`).
 *
 * `fn` (NULL is fine): CW_OK: its node has it, or it is queued for when it is resumed (struct
 * cw_sent says which); CW_ERR_NOT_FOUND: the registry has no such channel. At once: CW_ERR_PAYLOAD,
 * CW_ERR_TOO_LARGE as for cw_group_send().
 */
CW_API CW_MUST_CHECK int cw_registry_send(struct cw_gateway *gateway, const char *uuid,
                                          enum cw_payload_type type, struct cw_bytes payload,
                                          cw_sent_fn fn, void *arg);
/** The same with `from` and `key` of the message, as for cw_group_send_message(). */
CW_API CW_MUST_CHECK int cw_registry_send_message(struct cw_gateway *gateway, const char *uuid,
                                                  const struct cw_message *message, cw_sent_fn fn,
                                                  void *arg);
/**
 * Closes a channel of any node, with `code` (1000, or 3000 to 4999; PROTOCOL: close codes) and
 * `reason` (UTF-8, at most 123 bytes; NULL: none).
 *
 * `fn` (NULL is fine): CW_OK: its node is asked, and bound to do it; of one that is away: it is
 * gone. CW_ERR_NOT_FOUND: the registry has no such channel.
 */
CW_API CW_MUST_CHECK int cw_registry_close(struct cw_gateway *gateway, const char *uuid, int code,
                                           const char *reason, cw_group_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif
