/*
 * joining.h - the steps of a join that the op and a connection's beginning share.
 */
#ifndef CW_HANDLERS_JOINING_H
#define CW_HANDLERS_JOINING_H

#include <chanway/bytes.h>
#include <chanway/cluster.h>
#include <chanway/error.h>
#include <chanway/message.h>

#include <stdbool.h>

struct cw_channel;
struct cw_event_ok;
struct cw_member;
struct cw_op;

struct cw_join_wish {
    struct cw_bytes group;
    bool wants_presence;
    bool is_resumed; /* it was joined before, or is the user's own */
    bool is_asked;   /* by a back end: whatever its client's token says */
    bool has_since;
    struct cw_position since;
};

/** Makes a member and joins it in the cluster; `fn` gets it. Any error at once: `fn` is not called.
 */
CW_MUST_CHECK int cw_join_start(struct cw_channel *channel, const struct cw_join_wish *wish,
                                struct cw_op *op, cw_joined_fn fn);

/** What says that `arg`, a member, joined is sent now: it gets the messages after the position
 * there, and none before. An error: it is undone. */
CW_MUST_CHECK int cw_join_begin(void *arg, struct cw_event_ok *ret_ok);

/** A group that its client's token names, which has come late: it is told by `joined`, or by an
 * error without id. */
void cw_join_granted(struct cw_channel *channel, struct cw_bytes group);

/** A group that it may not be in any more: its client is told, no message of it comes from now on,
 * and the member is gone. */
void cw_leave_forbidden(struct cw_member *member);

/** Takes back a join of which the client is not to know. */
void cw_join_undo(struct cw_member *member);

#endif
