/*
 * session.h - what a lost channel is resumed by: its token, and what its connection was written
 * last (PROTOCOL: order, rule 4).
 *
 * A token is `<uuid>.<128 random bits in hex>`. Nodes and Redis keep a digest of it alone, so that
 * what is compared tells nothing by the time it takes.
 */
#ifndef CW_CHANNEL_SESSION_H
#define CW_CHANNEL_SESSION_H

#include <chanway/bytes.h>
#include <chanway/cluster.h>

#include "names.h"

#include <stdbool.h>
#include <stdint.h>

struct cw_buf;
struct cw_channel;
struct cw_missed;

#define CW_SESSION_TOKEN_SIZE (CW_UUID_TEXT_SIZE - 1 + 1 + 32 + 1)

/** Before the first channel: has OpenSSL read in what digests need, a millisecond and 1.7 MB. */
void cw_session_prepare(void);

/** A new token of the channel `uuid`, and its digest. */
void cw_session_generate(const char *uuid, char ret_token[CW_SESSION_TOKEN_SIZE],
                         unsigned char ret_digest[CW_SESSION_DIGEST_SIZE]);

/** Whose token it is, and its digest. False: it is none. */
bool cw_session_parse(struct cw_bytes token, char ret_uuid[CW_UUID_TEXT_SIZE],
                      unsigned char ret_digest[CW_SESSION_DIGEST_SIZE]);

/** A session that a client names, as it was found. */
struct cw_resume {
    char uuid[CW_UUID_TEXT_SIZE];
    unsigned char digest[CW_SESSION_DIGEST_SIZE];
    struct cw_session was;
};

/* What a frame's `log` says, so that at the end the frames that were not written show how far the
 * client is: a group's own number, or one of these. */
#define CW_LOG_NONE   0
#define CW_LOG_DIRECT 1
#define CW_LOG_FIRST  2 /* of a group */

/**
 * The channel is closing, and was not sent a message of `log` that its node has delivered: where it
 * is resumed begins with that at the latest. Later ones of the same log change nothing. Nothing if
 * it has no session or is out of the cluster.
 */
void cw_session_miss(struct cw_channel *channel, uint64_t log, struct cw_position position);
/** The same for a frame that was not queued. */
void cw_session_miss_frame(struct cw_channel *channel, const struct cw_buf *frame);
/** For the end of a channel. */
void cw_session_forget_missed(struct cw_channel *channel);

/**
 * How far the channel's connection was written, group by group, and its direct messages. `groups`
 * has room for all its members; names are those of its groups.
 */
void cw_session_measure(const struct cw_channel *channel, struct cw_written *groups,
                        struct cw_leaving *ret_leaving);

#endif
