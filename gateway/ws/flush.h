/*
 * flush.h - (10) the end of a turn: what waits for a client is written, all of it in one write.
 */
#ifndef CW_WS_FLUSH_H
#define CW_WS_FLUSH_H

#include <stdbool.h>

struct cw_connection;
struct cw_ws_server;

/* Most that is gathered into one write; a single frame of any size is written where it lies. */
#define CW_FLUSH_SCRATCH 65536

/**
 * Writes the dirty channels of the node, for a few milliseconds. True: some are left: call again
 * after other input was looked at.
 */
bool cw_flush_dirty(struct cw_ws_server *server);

/** Writes what waits for one connection as far as the socket takes it; the rest follows when it
 * can. */
void cw_flush_connection(struct cw_connection *connection);

#endif
