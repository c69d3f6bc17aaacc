/*
 * hostile_link.h - connections to a Redis that answers what the input says, behind
 * cluster/redis_link.h.
 *
 * What a node needs to come up is answered well: the library's version, the probe, the lease.
 * Everything else gets the next reply of `answers`, RESP as it comes from a socket; behind its end
 * nothing is answered any more. A push
 * among them is delivered before; "@" as its topic is the node's own, "*" the one of all nodes.
 */
#ifndef CW_TESTS_HOSTILE_LINK_H
#define CW_TESTS_HOSTILE_LINK_H

#include <chanway/bytes.h>

#include <stdbool.h>

struct event_base;

/* Before the cluster is made. `answers_writes_well`: so are what adds channels and members. */
void hostile_link_start(struct cw_bytes answers, bool answers_writes_well);
/* Delivers the next reply if it is a push. */
void hostile_link_push(void);
/* The connections break; what is not answered yet was sent or was not. */
void hostile_link_break(bool was_sent);
/* After the cluster. */
void hostile_link_finish(void);

#endif
