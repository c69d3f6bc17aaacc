/*
 * about.h - what a node says of itself to the others, and so to the dashboard of any node.
 */
#ifndef CW_HTTP_ABOUT_H
#define CW_HTTP_ABOUT_H

#include <stddef.h>

struct cw_node;

/** A JSON object of at most `size` bytes; how many, 0: it does not fit. */
size_t cw_about_write(const struct cw_node *node, char *ret_text, size_t size);

#endif
