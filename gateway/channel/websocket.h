/*
 * websocket.h - what a client's upgrade request said: the seed's `websocket` (chanway/channel.h:
 * the connection).
 *
 * Facts that cost memory are one block of names and values, each ended by a NUL, and an empty name
 * at the end. Headers are named as they are; the names of the others are no header's.
 */
#ifndef CW_CHANNEL_WEBSOCKET_H
#define CW_CHANNEL_WEBSOCKET_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include "base/writer.h"

struct cw_channel;

#define CW_FACT_QUERY "?query"
#define CW_FACT_TOKEN "?token"

/** Adds a fact to a block that is being written; one that is there is not replaced. */
void cw_facts_add(struct cw_writer *facts, const char *name, struct cw_bytes value);
/** The same for the query, as it was sent: without what is secret. */
void cw_facts_add_query(struct cw_writer *facts, struct cw_bytes query);

/** Gives `channel` the facts; the writer is finished. CW_ERR_NOMEM: it has none. */
CW_MUST_CHECK int cw_channel_take_facts(struct cw_channel *channel, struct cw_writer *facts);

/** The on_connect handlers have returned: only what the options name is kept. */
void cw_channel_forget_facts(struct cw_channel *channel);

#endif
