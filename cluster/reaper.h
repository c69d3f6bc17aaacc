/*
 * reaper.h - cleans up after nodes that died, and after this node's own interrupted removals.
 *
 * A dead node is one whose entry in <prefix>:nodes has run out and whose lease is gone. Its
 * channels are taken away in pages: detach (owner compared), leave all their groups for the dead
 * node (compared), then out of the node's set. Everything is compared and repeatable: two reapers
 * are harmless, and so is one that stops half way. Members of watched groups are told by the
 * leaves.
 *
 * Where back ends want `disconnect`s, those of a page are written before its channels are detached,
 * with code 1006, for channels that are still the dead node's: while the event is not in the stream
 * the channel can be found. Only if Redis refuses events (out of memory) they wait in this node's
 * queue instead: what frees memory goes on. The sweep of this node's own set writes none: the node
 * saw these channels go, and its queue has their events. If one of them found the queue full, the
 * next sweep writes the `disconnect` of everything it finds: a double of most, told by gen.
 */
#ifndef CW_REAPER_H
#define CW_REAPER_H

#include <chanway/error.h>

#include "registry.h"

struct cw_event_stream;
struct cw_reaper;
struct event_base;

CW_MUST_CHECK int cw_reaper_create(struct event_base *base, struct cw_registry *registry,
                                   struct cw_event_stream *stream, struct cw_reaper **ret_reaper);
void cw_reaper_destroy(struct cw_reaper *reaper);
/** `fn` is called when a dead node was cleaned up. */
void cw_reaper_set_on_gone(struct cw_reaper *reaper, void (*fn)(void *arg), void *arg);
/** A link is up: looks for dead nodes about once a second. */
void cw_reaper_start(struct cw_reaper *reaper);
/** No link is left: what is under way is given up. Every call has been answered. */
void cw_reaper_stop(struct cw_reaper *reaper);

#endif
