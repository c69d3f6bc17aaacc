/*
 * roster.h - who is in a watched group, as those who watch it have been told.
 *
 * Presence comes by pub/sub, which may lose some of it with a link. So the node keeps what it told,
 * reads the members again afterwards and tells the difference. While members are read, what pub/sub
 * says of a channel is newer than what a page says.
 */
#ifndef CW_ROSTER_H
#define CW_ROSTER_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include <stdbool.h>

struct cw_interest;
struct cw_roster;

/** Members of one group that are remembered; a larger group is told of changes, not of what a link
 * lost. */
#define CW_ROSTER_MAX 20000

/** Begins to read the members; nobody is told of those who were there before. CW_ERR_NOMEM. */
CW_MUST_CHECK int cw_roster_create(struct cw_interest *interest, struct cw_roster **ret_roster);
/** NULL is fine. A page under way is waited for in the background. */
void cw_roster_destroy(struct cw_roster *roster);
/** Pub/sub says so: tells the watchers if it is news. */
void cw_roster_change(struct cw_roster *roster, bool is_join, struct cw_bytes uuid,
                      struct cw_bytes user);
/** The link was lost and is back: reads the members again, tells the difference. */
void cw_roster_refresh(struct cw_roster *roster);

#endif
