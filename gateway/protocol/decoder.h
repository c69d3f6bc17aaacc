/*
 * decoder.h - how a command is read in one format: json_decoder.c, msgpack_decoder.c.
 *
 * A decoder turns a frame into values of its own kind: command.c asks for the fields of a map and
 * knows nothing of the format. Values and what they point to live until the decoder is used again
 * or the frame's bytes go. A decoder takes its memory once, when it is created.
 */
#ifndef CW_PROTOCOL_DECODER_H
#define CW_PROTOCOL_DECODER_H

#include <chanway/bytes.h>
#include <chanway/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* PROTOCOL: payload. A value of a command's field may be as deep as a payload. */
#define CW_DEPTH_MAX 64

enum cw_value_type {
    CW_VALUE_NULL,
    CW_VALUE_BOOLEAN,
    CW_VALUE_INTEGER, /* 0..2^64-1, written without fraction and exponent */
    CW_VALUE_NUMBER,  /* any other */
    CW_VALUE_TEXT,
    CW_VALUE_BINARY,    /* MessagePack only */
    CW_VALUE_EXTENSION, /* MessagePack only */
    CW_VALUE_ARRAY,
    CW_VALUE_MAP,
};

struct cw_value {
    enum cw_value_type type;
    unsigned depth; /* fields of the frame's own map only: 0 a scalar, 1 [], 2 [[]] */
    bool boolean;
    bool is_mended; /* as `depth`; TEXT, has_bad_text: not for sure what was sent */
    uint64_t integer;
    struct cw_bytes text;   /* TEXT, BINARY; decoded */
    struct cw_bytes source; /* the value as it is in the frame; as `depth` */
    const void *node;       /* the decoder's own */
};

/** One field of a map, in the order of the frame; not CW_OK ends the walk. */
typedef int (*cw_field_fn)(void *arg, struct cw_bytes key, const struct cw_value *value);

struct cw_decoder {
    const struct cw_decoder_ops *ops;
    char message[120]; /* what is wrong, after CW_ERR_* of `open`, `data`, `bytes`, or has_bad_text
                        */
    /* Some string of the frame is no good, or a key is none (known only after `each`): it will be
     * refused, with its id. */
    bool has_bad_text;
};

struct cw_decoder_ops {
    void (*destroy)(struct cw_decoder *decoder);
    /** Checks the whole frame, which is not empty. CW_ERR_INVALID with `message`. */
    int (*open)(struct cw_decoder *decoder, struct cw_bytes frame, struct cw_value *ret_root);
    /** Calls `fn` for each field of `map`; returns what ended it, or CW_OK. */
    int (*each)(struct cw_decoder *decoder, const struct cw_value *map, cw_field_fn fn, void *arg);
    /** A field's value as JSON text (PROTOCOL: the canonical form of `data`). CW_ERR_PAYLOAD: it
     * has none; CW_ERR_TOO_LARGE: above CW_PAYLOAD_SIZE_MAX. With `message`. */
    int (*data)(struct cw_decoder *decoder, const struct cw_value *value,
                struct cw_bytes *ret_json);
    /** A field's value as bytes. CW_ERR_PAYLOAD with `message`: it is none. */
    int (*bytes)(struct cw_decoder *decoder, const struct cw_value *value,
                 struct cw_bytes *ret_bytes);
    /** Whether a field's value holds a bad text. All values of the frame are void afterwards. */
    bool (*is_bad)(struct cw_decoder *decoder, const struct cw_value *value);
};

#endif
