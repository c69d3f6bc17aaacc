/* session.c - tokens, and how far a connection was written. */
#include "channel/session.h"

#include "base/clock.h"
#include "base/hex.h"
#include "channel/channel.h"
#include "channel/members.h"
#include "channel/replay.h"
#include "channel/shed.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <stdlib.h>
#include <string.h>

#define SECRET_SIZE 16

static void make_digest(const unsigned char secret[SECRET_SIZE],
                        unsigned char ret_digest[CW_SESSION_DIGEST_SIZE])
{
    /* Looking it up takes as long as the digest. */
    static EVP_MD *sha256;
    if (sha256 == NULL)
        sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    unsigned char whole[SHA256_DIGEST_LENGTH];
    if (sha256 == NULL || EVP_Digest(secret, SECRET_SIZE, whole, NULL, sha256, NULL) != 1)
        (void)SHA256(secret, SECRET_SIZE, whole);
    memcpy(ret_digest, whole, CW_SESSION_DIGEST_SIZE);
}

void cw_session_prepare(void)
{
    const unsigned char secret[SECRET_SIZE] = {0};
    unsigned char digest[CW_SESSION_DIGEST_SIZE];
    make_digest(secret, digest);
}

void cw_session_generate(const char *uuid, char ret_token[CW_SESSION_TOKEN_SIZE],
                         unsigned char ret_digest[CW_SESSION_DIGEST_SIZE])
{
    unsigned char secret[SECRET_SIZE];
    cw_random_bytes(secret, sizeof(secret));
    make_digest(secret, ret_digest);
    memcpy(ret_token, uuid, CW_UUID_TEXT_SIZE - 1);
    ret_token[CW_UUID_TEXT_SIZE - 1] = '.';
    cw_hex_write(ret_token + CW_UUID_TEXT_SIZE, secret, sizeof(secret));
    ret_token[CW_SESSION_TOKEN_SIZE - 1] = '\0';
}

bool cw_session_parse(struct cw_bytes token, char ret_uuid[CW_UUID_TEXT_SIZE],
                      unsigned char ret_digest[CW_SESSION_DIGEST_SIZE])
{
    const size_t uuid = CW_UUID_TEXT_SIZE - 1;
    unsigned char secret[SECRET_SIZE];
    if (token.size != CW_SESSION_TOKEN_SIZE - 1 || token.data[uuid] != '.' ||
        !cw_uuid_is_valid(cw_bytes_make(token.data, uuid)))
        return false;
    for (size_t i = 0; i < sizeof(secret); i++) {
        int high = cw_hex_digit(token.data[uuid + 1 + 2 * i]);
        int low = cw_hex_digit(token.data[uuid + 2 + 2 * i]);
        if (high < 0 || low < 0)
            return false;
        secret[i] = (unsigned char)(high * 16 + low);
    }
    memcpy(ret_uuid, token.data, uuid);
    ret_uuid[uuid] = '\0';
    make_digest(secret, ret_digest);
    return true;
}

/* --- how far a connection was written --------------------------------------------------------- */

/* Of a log the first message that came when the channel was closing. */
struct cw_missed {
    struct cw_missed *next;
    uint64_t log;
    struct cw_position first;
};

static struct cw_missed *find_missed(const struct cw_channel *channel, uint64_t log)
{
    struct cw_missed *missed = channel->missed;
    while (missed != NULL && missed->log != log)
        missed = missed->next;
    return missed;
}

void cw_session_miss(struct cw_channel *channel, uint64_t log, struct cw_position position)
{
    if (!channel->has_session || channel->mirror == NULL || find_missed(channel, log) != NULL)
        return;
    struct cw_missed *missed = malloc(sizeof(*missed));
    if (missed == NULL) {
        channel->has_session = false; /* rather none than one with a hole that nobody is told of */
        return;
    }
    *missed = (struct cw_missed){.next = channel->missed, .log = log, .first = position};
    channel->missed = missed;
}

void cw_session_miss_frame(struct cw_channel *channel, const struct cw_buf *frame)
{
    if (frame->is_entry)
        cw_session_miss(channel, frame->log, frame->position);
}

void cw_session_forget_missed(struct cw_channel *channel)
{
    struct cw_missed *missed;
    while ((missed = channel->missed) != NULL) {
        channel->missed = missed->next;
        free(missed);
    }
}

/* The entry before the first that was not written of `log`; `position` if all were. */
static struct cw_position before_unwritten(const struct cw_channel *channel, uint64_t log,
                                           struct cw_position position)
{
    struct cw_position first;
    if (!cw_shed_find_unwritten(&channel->outbox, log, &first)) {
        const struct cw_missed *missed = find_missed(channel, log);
        if (missed == NULL)
            return position;
        first = missed->first;
    }
    if (first.offset > 0)
        return (struct cw_position){first.epoch, first.offset - 1};
    /* A gap before the first of its epoch: nothing of that epoch was written, nor the gap. */
    return (struct cw_position){first.epoch > 0 ? first.epoch - 1 : 0, 0};
}

/* How far its group's messages went into the outbox; false: nobody knows, or there is no history.
 */
static bool find_queued(const struct cw_member *member, struct cw_position *ret_position)
{
    bool is_logged = false;
    if (member->replay != NULL) {
        *ret_position = cw_replay_position(member->replay);
        return true;
    }
    if (member->state == CW_MEMBER_JOINED) {
        int rc = cw_cluster_position(member->channel->mirror, cw_bytes_text(member->group->name),
                                     &is_logged, ret_position);
        return rc == CW_OK && is_logged;
    }
    *ret_position = member->since;
    return member->state == CW_MEMBER_JOINING && member->has_since;
}

void cw_session_measure(const struct cw_channel *channel, struct cw_written *groups,
                        struct cw_leaving *ret_leaving)
{
    size_t count = 0;
    for (struct cw_list_node *n = cw_list_first(&channel->members); n != NULL;
         n = cw_list_next(&channel->members, n)) {
        const struct cw_member *member = CW_CONTAINER(n, struct cw_member, in_channel);
        struct cw_position position;
        if (!find_queued(member, &position))
            continue;
        groups[count++] = (struct cw_written){
            .group = cw_bytes_text(member->group->name),
            .is_known = true,
            .position = before_unwritten(channel, member->group->log, position)};
    }
    ret_leaving->groups = groups;
    ret_leaving->group_count = count;
    ret_leaving->direct =
        before_unwritten(channel, CW_LOG_DIRECT, cw_cluster_inbox_position(channel->mirror));
}
