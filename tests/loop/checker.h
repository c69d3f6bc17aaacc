/*
 * checker.h - what clients were promised (PROTOCOL: order, loss, duplicates), checked frame by
 * frame.
 *
 * It sees every entry that Redis appends, every op that a client says and every frame that a client
 * gets. Payloads are serial numbers.
 */
#ifndef CW_TESTS_CHECKER_H
#define CW_TESTS_CHECKER_H

#include <chanway/message.h>

#include "loop/path.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECKER_GROUPS  4
#define CHECKER_OPS_MAX 2048

/** Who was told what of one op. */
enum checker_verb { CHECKER_PUBLISH, CHECKER_JOIN, CHECKER_LEAVE };

struct checker_op {
    enum checker_verb verb;
    unsigned id;
    unsigned group;
    unsigned serial; /* CHECKER_PUBLISH */
};

/** A message that Redis has, or had. */
struct checker_record {
    struct cw_position position;
    struct cw_position previous; /* of an epoch's first: the last one before as Redis knew it */
    unsigned serial;
    bool is_lost; /* Redis lost it, before its history ended */
};

struct checker_group {
    char name[16];
    struct checker_record *records; /* in the order of their positions */
    size_t count, capacity;
    unsigned losses; /* times that Redis lost some */
};

/** How far a client has come in a group. */
struct checker_view {
    bool is_member;
    struct cw_position cursor;
    unsigned losses; /* the group's that it was told of */
};

struct checker_client {
    struct path_client *client;
    bool is_raw;
    unsigned next_id;
    struct checker_view views[CHECKER_GROUPS];
    struct checker_op ops[CHECKER_OPS_MAX]; /* a ring: said and not answered */
    size_t first, count;
};

struct checker {
    struct checker_group groups[CHECKER_GROUPS];
    unsigned char *refused; /* by serial: told as unavailable, so it must never appear */
    size_t serials;         /* how many were used */
    size_t delivered, gaps, acked, timeouts, unavailable;
};

void checker_init(struct checker *checker, struct path *path, size_t serials_max);
void checker_finish(struct checker *checker);

/** Redis has lost data just now: what is not in its store any more is nobody's fault. */
void checker_note_loss(struct checker *checker, const struct path *path);

/** A new client in this slot; a raw one is in all groups by its URL. */
void checker_begin(struct checker *checker, struct checker_client *client, bool is_raw,
                   struct path_client *path_client);
/** The client says an op. */
void checker_say(struct checker *checker, struct checker_client *client, enum checker_verb verb,
                 unsigned group);
/** Reads and checks all frames that wait for the client. */
void checker_read(struct checker *checker, struct checker_client *client);
/** All is quiet: the client has come as far as Redis in every group it is in. */
void checker_end(const struct checker *checker, const struct path *path,
                 const struct checker_client *client);

#endif
