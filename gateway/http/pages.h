/*
 * pages.h - the dashboard's files, which are part of the program (web/).
 */
#ifndef CW_HTTP_PAGES_H
#define CW_HTTP_PAGES_H

#include <chanway/bytes.h>

#include <stdbool.h>

struct cw_page {
    const char *path;
    const char *content_type;
    struct cw_bytes content;
};

/** Headers of every page: no scripts but our own, nothing from elsewhere, in no frame. */
extern const char cw_page_headers[];

/** The page at `path`; false: there is none. */
bool cw_page_find(struct cw_bytes path, struct cw_page *ret_page);

#endif
