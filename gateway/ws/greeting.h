/*
 * greeting.h - what a client's socket says before the library has it: a PROXY header.
 *
 * The header is taken from the socket to the byte, whatever pieces it comes in; what follows is
 * left there for whoever reads next.
 */
#ifndef CW_WS_GREETING_H
#define CW_WS_GREETING_H

#include <chanway/error.h>

struct cw_address;
struct cw_greetings;
struct event_base;

/** The greeting is over: the socket is the callee's, `peer` is who is to be taken for its other
 * end. */
typedef void (*cw_greeted_fn)(void *arg, int fd, const struct cw_address *peer);

CW_MUST_CHECK int cw_greetings_create(struct event_base *event_base, cw_greeted_fn on_greeted,
                                      void *arg, struct cw_greetings **ret_greetings);
/** Closes those that wait. NULL is fine. */
void cw_greetings_destroy(struct cw_greetings *greetings);

/**
 * Takes over `fd`, whose other end is the trusted proxy `peer`. It has 10 s; of too many that wait
 * the oldest is dropped: who means well speaks at once.
 */
void cw_greetings_add(struct cw_greetings *greetings, int fd, const struct cw_address *peer);

#endif
