/*
 * replay.h - what a client missed of a group, before it gets what is new: `since` of a join or of a
 * resume, and what was too much for its queue when its node caught up after a lost link.
 *
 *   DRAINING --the client has read most, its channel's turn--> QUEUED --> READING --a page-->
 *   DRAINING ... --end of history--> (reached what the node delivers now: done)
 *                                    or CHASING --live messages come up to it--> done
 *
 * One reader's step is the node's own (cluster/history.h): once, in order, holes are told. Until it
 * is done the member gets nothing live, so a replay never comes behind newer messages. It is paced
 * by the client's reading: at most a page waits in its outbox, whatever the number of its groups,
 * and only so many replays read at once.
 */
#ifndef CW_CHANNEL_REPLAY_H
#define CW_CHANNEL_REPLAY_H

#include <chanway/error.h>
#include <chanway/message.h>

#include <stdbool.h>

struct cw_channel;
struct cw_group;
struct cw_member;
struct cw_node;
struct cw_replay;

/** `has_gap`: a gap was told. `rc`: CW_OK, and the member is to be activated now; else why not. */
typedef void (*cw_replayed_fn)(void *arg, int rc, bool has_gap);

/** Begins for a member that joined in the cluster and is not active here. `fn` comes later, once.
 */
CW_MUST_CHECK int cw_replay_start(struct cw_member *member, struct cw_position since,
                                  cw_replayed_fn fn, void *arg);
/**
 * The same for a member that is behind, when its outbox is full; nothing is called from here. A
 * lost link does not end it: it goes on when the node has another.
 */
CW_MUST_CHECK int cw_replay_start_behind(struct cw_member *member, struct cw_position since,
                                         cw_replayed_fn fn, void *arg);
/** It can't go on: `fn` is called now, with `rc`. */
void cw_replay_fail(struct cw_replay *replay, int rc);
/** The member goes: `fn` is not called. NULL is fine. */
void cw_replay_cancel(struct cw_replay *replay);
/** The client was sent all up to here; what comes next is behind it. */
struct cw_position cw_replay_position(const struct cw_replay *replay);
/** The channel's outbox has room again. */
void cw_replays_on_drained(struct cw_channel *channel);
/** `position` was delivered live to the group's members, or passed over. */
void cw_replays_on_delivered(struct cw_group *group, struct cw_position position);
/** The group's members were told that all up to `position` that they have not got is lost. */
void cw_replays_on_gap(struct cw_group *group, struct cw_position position);
/** Called every 100 ms or so: those that could not read try again. */
void cw_replays_tick(struct cw_node *node);

#endif
