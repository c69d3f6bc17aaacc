/*
 * history.c - (7) the step function of recovery (DESIGN: recovery).
 */
#include "history.h"

static bool continues(struct cw_position last, const struct cw_envelope *entry)
{
    struct cw_position at = entry->message.position;
    if (at.epoch == last.epoch)
        return at.offset == last.offset + 1;
    return entry->has_predecessor && cw_position_compare(entry->predecessor, last) == 0;
}

enum cw_step cw_history_step(struct cw_position *last, const struct cw_envelope *entry,
                             bool is_live, struct cw_gap *ret_gap)
{
    struct cw_position at = entry->message.position;
    if (cw_position_compare(at, *last) <= 0)
        return CW_STEP_DROP;
    if (continues(*last, entry)) {
        *last = at;
        return CW_STEP_DELIVER;
    }
    if (is_live)
        return CW_STEP_READ_HISTORY;
    ret_gap->last_lost.epoch = at.epoch;
    ret_gap->last_lost.offset = at.offset == 0 ? 0 : at.offset - 1; /* 0: not one of ours */
    *last = at;
    return CW_STEP_GAP;
}

bool cw_history_settle(struct cw_position *last, struct cw_position tip, struct cw_gap *ret_gap)
{
    if (cw_position_compare(*last, tip) == 0)
        return false;
    /* Redis behind the reader: it lost what the reader has, perhaps more. */
    ret_gap->last_lost = cw_position_compare(*last, tip) > 0 ? *last : tip;
    *last = tip;
    return true;
}
