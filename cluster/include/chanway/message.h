/*
 * message.h - one message: a payload, who it is from, where it goes, its place in the log.
 */
#ifndef CHANWAY_MESSAGE_H
#define CHANWAY_MESSAGE_H

#include <chanway/bytes.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The seed's payload types. Values are what travels in envelopes: do not renumber. */
enum cw_payload_type {
    CW_PAYLOAD_JSON = 0,  /**< UTF-8 JSON text, RFC 8259, at most 64 deep */
    CW_PAYLOAD_TEXT = 1,  /**< UTF-8 text */
    CW_PAYLOAD_BYTES = 2, /**< any bytes */
};

/** Bytes of the largest payload in its stored form: what a node sends on it keeps in memory. */
#define CW_PAYLOAD_MAX 1048576

/**
 * A place in a log (a group's history, a channel's inbox): written `<epoch>-<offset>`. Offsets
 * count 1, 2, 3, ... within an epoch; epochs only grow. {0, 0} is before the first message.
 */
struct cw_position {
    uint64_t epoch;  /**< which log it is of: a new one begins where the old one was lost */
    uint64_t offset; /**< its number in it */
};

/** <0, 0, >0 as `a` lies before, at or after `b`. */
static inline int cw_position_compare(struct cw_position a, struct cw_position b)
{
    if (a.epoch != b.epoch)
        return a.epoch < b.epoch ? -1 : 1;
    if (a.offset != b.offset)
        return a.offset < b.offset ? -1 : 1;
    return 0;
}

/** All views are valid during the call the message is handed to. */
struct cw_message {
    enum cw_payload_type type;   /**< of the payload */
    bool is_logged;              /**< `position` is set: the group keeps history */
    bool is_recovered;           /**< it comes from a catch-up (after a lost link), not live */
    bool skips_sender;           /**< `echo: false`: not to the channel named in `from` */
    struct cw_bytes payload;     /**< json: the JSON text as its sender wrote it */
    struct cw_bytes from;        /**< a channel's uuid, a back end's name, or empty: "server" */
    struct cw_bytes group;       /**< empty: a direct message */
    struct cw_bytes key;         /**< idempotency key, 1..64 bytes; empty: none */
    struct cw_position position; /**< only if is_logged */
};

#ifdef __cplusplus
}
#endif

#endif
