/*
 * query.h - the query of a request, as the client wrote it or as good.
 */
#ifndef CW_WS_QUERY_H
#define CW_WS_QUERY_H

struct cw_writer;
struct lws;

/**
 * Writes the query without '?', percent-encoded. The library has split it at '&' (and ';') and
 * decoded it, '+' to a blank, which is undone: what was an encoded '&', '=' or '%' is one again.
 */
void cw_query_write(struct lws *wsi, struct cw_writer *writer);

#endif
