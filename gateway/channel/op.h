/*
 * op.h - one op of a client on its way to an answer: answers leave in the order in which ops came.
 *
 *   WAITING --the join or leave of its group before it is done--> RUNNING --finish--> DONE --all
 * before it are DONE--> answered and gone
 *
 * An op that is not DONE at its deadline is answered with `timeout` (RUNNING: Redis may have it) or
 * `unavailable` (WAITING: nothing was handed over); what comes later finds it answered.
 */
#ifndef CW_CHANNEL_OP_H
#define CW_CHANNEL_OP_H

#include "base/list.h"
#include "channel/channel.h"
#include "protocol/command.h"
#include "protocol/event.h"

#include <stdbool.h>
#include <stdint.h>

enum cw_op_state { CW_OP_WAITING, CW_OP_RUNNING, CW_OP_DONE };

/** What to answer, asked at the moment when it is sent: CW_OK with `ret_ok`, or an error. */
typedef int (*cw_op_answer_fn)(void *arg, struct cw_event_ok *ret_ok);

struct cw_op {
    struct cw_list_node in_channel;   /* in cw_channel.ops */
    struct cw_list_node in_deadlines; /* in cw_node.deadlines until DONE */
    struct cw_channel *channel;       /* NULL: it went before the answer */
    struct cw_buf *reply;             /* DONE: the frame; NULL: nothing to say */
    cw_op_answer_fn answer;           /* DONE: makes the frame in its turn; NULL: `reply` is it */
    void *answer_arg;
    struct cw_buf *frame; /* WAITING: the client's frame, to be parsed again */
    int64_t deadline_ms;
    struct cw_position since; /* join: of the command, if has_since */
    uint32_t checked;         /* middlewares that it has passed */
    uint8_t state;            /* enum cw_op_state */
    bool has_since;
    bool is_binary;                    /* of `frame` */
    bool is_aside;                     /* out of the order, answered when it is done */
    bool has_caller;                   /* somebody will call finish: it may not be freed before */
    char group[CW_GROUP_NAME_MAX + 1]; /* of the command; "": none */
    struct cw_command_id id;
};

/** A RUNNING op of `channel` for `command`, its deadline set. NULL: out of memory. */
struct cw_op *cw_op_create(struct cw_channel *channel, const struct cw_command *command);

/** True if `command` has to wait: the channel is OPENING, or a join or leave of its group is not
 * done. */
bool cw_op_has_to_wait(const struct cw_channel *channel, struct cw_bytes group);
/** Makes a just created op WAITING with a copy of its frame. CW_ERR_NOMEM: still RUNNING. */
CW_MUST_CHECK int cw_op_wait(struct cw_op *op, bool is_binary, struct cw_bytes frame);
/** Makes an op WAITING, and all later ones of its channel behind it: a middleware thinks about it.
 * CW_ERR_NOMEM: still RUNNING. */
CW_MUST_CHECK int cw_op_hold(struct cw_op *op, bool is_binary, struct cw_bytes frame);
/** It is held back no longer: runs it, and what waited behind it. */
void cw_op_release(struct cw_op *op);
/** Runs what waited for `group` ("": for the end of OPENING) and need not wait any longer. */
void cw_op_run_waiting(struct cw_channel *channel);

/**
 * The answer: `ok` is sent only if the op had an id, an error always. Returns false if the op had
 * been answered by its deadline or its channel is gone: the caller undoes what it can. The op is
 * not the caller's any more either way.
 */
bool cw_op_finish_ok(struct cw_op *op, const struct cw_event_ok *ok);
bool cw_op_finish_error(struct cw_op *op, const struct cw_event_error *error);
bool cw_op_finish_frame(struct cw_op *op, struct cw_buf *frame);
/**
 * Done, but what its answer says begins with it: `answer` is called once, when the answers before
 * it have been sent and its own is next; not at all if its channel goes before. Afterwards what
 * waited is run.
 */
bool cw_op_finish_in_turn(struct cw_op *op, cw_op_answer_fn answer, void *arg);
/** What `arg` was to answer in its turn can't be answered any more: it will be `rc`. */
void cw_op_drop_answer(struct cw_channel *channel, const void *arg, int rc);
/** finish_ok or finish_error by `rc`, with nothing else to say. */
bool cw_op_finish(struct cw_op *op, int rc);

/** Its answer may take long (a replay that the client paces): it keeps nobody waiting and has no
 * deadline. */
void cw_op_step_aside(struct cw_op *op);
/** It is not answered any more, its channel goes. NULL is fine. */
void cw_op_abandon(struct cw_op *op);
/** True if its deadline or its channel's end came first. */
bool cw_op_is_over(const struct cw_op *op);

/** An answer known at once, without an op: in order behind those that are not answered yet. */
void cw_op_answer(struct cw_channel *channel, struct cw_buf *frame);
/** The same for an error. `id` may be of type CW_ID_NONE. */
void cw_op_answer_error(struct cw_channel *channel, const struct cw_command_id *id,
                        const struct cw_event_error *error);

/** The channel goes: its ops forget it. */
void cw_op_forget_channel(struct cw_channel *channel);
/** Answers ops whose deadline has passed. */
void cw_op_expire(struct cw_node *node);

#endif
