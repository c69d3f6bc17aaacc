/*
 * group.h - named sets of channels, on whichever nodes those are: the seed's ChannelGroup (seed:
 * Channel Groups).
 *
 * Groups are made by their first member or message. Redis keeps them, so what is done here holds on
 * every node, and every completion comes later: exactly once, never from inside the call that got
 * it, on the thread of the gateway's event loop; at the latest when the link to Redis is found dead
 * (6 s) or the gateway is destroyed. A call that returns an error has done nothing and does not
 * call its completion. Views in a completion are valid during it.
 *
 * Errors that any completion may get: CW_ERR_UNAVAILABLE: nothing was done, try again;
 * CW_ERR_TIMEOUT: handed to Redis and no answer came, it may have been done; CW_ERR_INTERNAL: Redis
 * said what nobody expected. That any call may return: CW_ERR_INVALID: an argument is not what it
 * should be; CW_ERR_UNAVAILABLE: there is no link to Redis, or too much is on its way already;
 * CW_ERR_CANCELLED: the gateway is destroyed; CW_ERR_NOMEM.
 */
#ifndef CHANWAY_GROUP_H
#define CHANWAY_GROUP_H

#include <chanway/bytes.h>
#include <chanway/cluster.h>
#include <chanway/error.h>
#include <chanway/gateway.h>
#include <chanway/message.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One group as the application has it; any number of times, whether it has members or not. */
struct cw_group;

/**
 * The group `name`: the seed's ChannelGroup(name). 1 to 128 bytes of `A-Z a-z 0-9 _ . : @ = / -`;
 * `user:<sub>` are the channels of one user, which can be sent to and listed.
 *
 * cw_group_release() gives it back, before or after the gateway is destroyed. CW_ERR_INVALID: no
 * name of a group; CW_ERR_NOMEM.
 */
CW_API CW_MUST_CHECK int cw_group_get(struct cw_gateway *gateway, const char *name,
                                      struct cw_group **ret_group);
/** What it was used for goes on; members stay. NULL is fine. */
CW_API void cw_group_release(struct cw_group *group);
/** Valid as long as the group is held. */
CW_API const char *cw_group_name(const struct cw_group *group);

/** How a call ended: CW_OK or a CW_ERR_*. */
typedef void (*cw_group_fn)(void *arg, int rc);

/**
 * Adds the channel `uuid`, of any node: the seed's add. One of this node:
 * cw_group_add(group, cw_channel_uuid(channel), ...).
 *
 * `fn` (NULL is fine): CW_OK: its node is asked, and bound to do it: now, or when the channel is
 * resumed; unless it ends before, or has as many groups as its node allows. Its client is told
 * (`joined`). In the group already: CW_OK. CW_ERR_NOT_FOUND: the registry has no such channel. At
 * once: CW_ERR_FORBIDDEN: a `user:` group, of which the nodes take care.
 */
CW_API CW_MUST_CHECK int cw_group_add(struct cw_group *group, const char *uuid, cw_group_fn fn,
                                      void *arg);
/** Removes it, the seed's remove: as above. Its client is told (`left`). Not in the group: CW_OK.
 */
CW_API CW_MUST_CHECK int cw_group_remove(struct cw_group *group, const char *uuid, cw_group_fn fn,
                                         void *arg);

/**
 * Sends `payload` to every member on every node, from "server": the seed's send, send_json and
 * their like. JSON is RFC 8259 text in UTF-8, at most 64 deep; it is copied before the call
 * returns.
 *
 * `fn` (NULL is fine): CW_OK: Redis has it, with its place if the group keeps history. At once:
 * CW_ERR_PAYLOAD: not JSON, or text that is no UTF-8; CW_ERR_TOO_LARGE: over CW_PAYLOAD_MAX.
 */
CW_API CW_MUST_CHECK int cw_group_send(struct cw_group *group, enum cw_payload_type type,
                                       struct cw_bytes payload, cw_published_fn fn, void *arg);
/** As cw_group_send(): JSON text. */
CW_API CW_MUST_CHECK int cw_group_send_json(struct cw_group *group, struct cw_bytes json,
                                            cw_published_fn fn, void *arg);
/** As cw_group_send(): text in UTF-8. */
CW_API CW_MUST_CHECK int cw_group_send_text(struct cw_group *group, struct cw_bytes text,
                                            cw_published_fn fn, void *arg);
/** As cw_group_send(): any bytes. */
CW_API CW_MUST_CHECK int cw_group_send_bytes(struct cw_group *group, struct cw_bytes bytes,
                                             cw_published_fn fn, void *arg);
/**
 * The same with what else a message may say: `from`: a name by the rules of a group's, or the uuid
 * of a channel in whose name it is sent; `skips_sender`: not to that channel; `key`, 1 to 64 bytes:
 * a retry with it is harmless, `fn` then gets the place of the first (CW_ERR_RATE_LIMITED: the
 * group remembers `keys-max` of them). The message's group and position are not looked at.
 */
CW_API CW_MUST_CHECK int cw_group_send_message(struct cw_group *group,
                                               const struct cw_message *message, cw_published_fn fn,
                                               void *arg);

/**
 * A page of the members, cluster-wide: channel, node and user of each. `cursor` "0" is the first;
 * `fn` gets the next, "0" after the last page; at most `count` (1 to 1000) members, perhaps fewer.
 * Who is a member all the time is told; who comes or goes meanwhile may be, or twice.
 *
 * CW_ERR_INVALID also in `fn`: the cursor is none of this group.
 */
CW_API CW_MUST_CHECK int cw_group_members(struct cw_group *group, const char *cursor, int count,
                                          cw_members_fn fn, void *arg);

/** `count` only with CW_OK; else -1. */
typedef void (*cw_count_fn)(void *arg, int rc, int64_t count);
/** How many members there are, cluster-wide. */
CW_API CW_MUST_CHECK int cw_group_count(struct cw_group *group, cw_count_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif
