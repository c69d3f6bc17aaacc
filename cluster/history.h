/*
 * history.h - (7) where a reader is in a log, and what one more entry means. Pure.
 *
 * The same step serves a node (after a lost link) and a client (`since`). Ids are contiguous within
 * an epoch, so a hole is seen at once; the first entry of an epoch names the last id of the one
 * before, so a seamless change is told from a loss.
 */
#ifndef CW_HISTORY_H
#define CW_HISTORY_H

#include <chanway/cluster.h>
#include <chanway/message.h>

#include "envelope.h"

#include <stdbool.h>

enum cw_step {
    CW_STEP_DROP,         /* at or before `last`: delivered already */
    CW_STEP_DELIVER,      /* `last` now is this entry */
    CW_STEP_GAP,          /* tell `ret_gap`, then deliver; `last` now is this entry */
    CW_STEP_READ_HISTORY, /* live only: something is missing; `last` is unchanged, read on from
                             there */
};

/**
 * One entry after `*last`. `is_live`: it came by pub/sub, so history may still have what is
 * missing; else history was read and what is missing is lost.
 */
enum cw_step cw_history_step(struct cw_position *last, const struct cw_envelope *entry,
                             bool is_live, struct cw_gap *ret_gap);

/**
 * History was read to its end and the log's last id is `tip`. True: entries up to `tip` are gone,
 * or Redis went back behind `*last`: tell `ret_gap`. `*last` is `tip` afterwards.
 */
bool cw_history_settle(struct cw_position *last, struct cw_position tip, struct cw_gap *ret_gap);

#endif
