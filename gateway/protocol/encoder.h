/*
 * encoder.h - how an event is written in one format: json_encoder.c, msgpack_encoder.c.
 *
 * An event is described by the same calls twice: first with `out` NULL, which only counts, then
 * into a buffer of exactly that size. So a frame is one allocation and its payload is copied once.
 *
 * A format that wants a map's size in front (MessagePack) leaves one byte and fills it in at
 * map_end: no map of an event has more than CW_ENCODER_FIELDS_MAX fields.
 */
#ifndef CW_PROTOCOL_ENCODER_H
#define CW_PROTOCOL_ENCODER_H

#include <chanway/message.h>

#include "base/digits.h"
#include "protocol/frame.h"
#include "protocol/kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CW_ENCODER_FIELDS_MAX 15
#define CW_ENCODER_MAPS_MAX   2 /* within each other: an event, and what is in its lists */

/* A map whose size is not known yet. */
struct cw_encoder_map {
    size_t at; /* its first byte */
    unsigned fields;
};

struct cw_encoder {
    const struct cw_encoder_ops *ops;
    char *out;                                       /* NULL: only counting */
    size_t size;                                     /* written or counted so far */
    bool needs_comma;                                /* JSON */
    unsigned open;                                   /* MessagePack: of `maps` */
    struct cw_encoder_map maps[CW_ENCODER_MAPS_MAX]; /* MessagePack */
};

struct cw_encoder_ops {
    enum cw_frame_opcode opcode;
    void (*map_begin)(struct cw_encoder *encoder);
    void (*map_end)(struct cw_encoder *encoder);
    void (*array_begin)(struct cw_encoder *encoder, size_t count);
    void (*array_end)(struct cw_encoder *encoder);
    /** Before each value of a map; `key` needs no escaping. */
    void (*key)(struct cw_encoder *encoder, const char *key);
    void (*text)(struct cw_encoder *encoder, struct cw_bytes text);
    void (*integer)(struct cw_encoder *encoder, uint64_t value);
    void (*boolean)(struct cw_encoder *encoder, bool value);
    void (*null)(struct cw_encoder *encoder);
    /** The form in which `payload` wants a payload of CW_PAYLOAD_JSON, valid until the next call;
     * NULL: the JSON text itself. CW_ERR_NOMEM, CW_ERR_PAYLOAD: it is no JSON. */
    int (*data)(struct cw_bytes json, struct cw_bytes *ret_data);
    /** Key and value of a payload: `data`, `text` or `bytes`. */
    void (*payload)(struct cw_encoder *encoder, enum cw_payload_type type, struct cw_bytes payload);
};

extern const struct cw_encoder_ops cw_json_encoder;
extern const struct cw_encoder_ops cw_msgpack_encoder;

/** NULL: CW_KIND_RAW. */
const struct cw_encoder_ops *cw_encoder_of(enum cw_kind kind);

static inline void cw_encoder_put(struct cw_encoder *encoder, const void *data, size_t size)
{
    if (encoder->out != NULL && size > 0)
        memcpy(encoder->out + encoder->size, data, size);
    encoder->size += size;
}

#endif
