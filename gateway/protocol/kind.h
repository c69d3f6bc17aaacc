/*
 * kind.h - the three kinds of subscriber; one frame of a message is made per kind (PROTOCOL: connecting).
 */
#ifndef CW_PROTOCOL_KIND_H
#define CW_PROTOCOL_KIND_H

enum cw_kind {
    CW_KIND_RAW,     /* no subprotocol: every frame is one payload */
    CW_KIND_JSON,    /* chanway.v1.json */
    CW_KIND_MSGPACK, /* chanway.v1.msgpack */
    CW_KIND_COUNT,
};

#endif
