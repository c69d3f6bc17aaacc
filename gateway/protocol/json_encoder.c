/*
 * json_encoder.c - events as JSON text (RFC 8259).
 */
#include "protocol/base64.h"
#include "protocol/encoder.h"

#define PLAIN     0
#define AS_CODE   'u'
#define EACH_BYTE UINT64_C(0x0101010101010101)

/* What follows the backslash for each byte of a string; PLAIN: it is written as it is. */
static const char escapes[256] = {
    [0x00] = AS_CODE, [0x01] = AS_CODE, [0x02] = AS_CODE, [0x03] = AS_CODE, [0x04] = AS_CODE,
    [0x05] = AS_CODE, [0x06] = AS_CODE, [0x07] = AS_CODE, ['\b'] = 'b',     ['\t'] = 't',
    ['\n'] = 'n',     [0x0B] = AS_CODE, ['\f'] = 'f',     ['\r'] = 'r',     [0x0E] = AS_CODE,
    [0x0F] = AS_CODE, [0x10] = AS_CODE, [0x11] = AS_CODE, [0x12] = AS_CODE, [0x13] = AS_CODE,
    [0x14] = AS_CODE, [0x15] = AS_CODE, [0x16] = AS_CODE, [0x17] = AS_CODE, [0x18] = AS_CODE,
    [0x19] = AS_CODE, [0x1A] = AS_CODE, [0x1B] = AS_CODE, [0x1C] = AS_CODE, [0x1D] = AS_CODE,
    [0x1E] = AS_CODE, [0x1F] = AS_CODE, ['"'] = '"',      ['\\'] = '\\',
};

static void put_text(struct cw_encoder *encoder, const char *text)
{
    cw_encoder_put(encoder, text, strlen(text));
}

static void separate(struct cw_encoder *encoder)
{
    if (encoder->needs_comma)
        cw_encoder_put(encoder, ",", 1);
    encoder->needs_comma = true;
}

static void put_escape(struct cw_encoder *encoder, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', escapes[byte], '0', '0', hex[byte >> 4], hex[byte & 0xF]};
    cw_encoder_put(encoder, escape, escapes[byte] == AS_CODE ? 6 : 2);
}

/* Not 0 if one of the eight bytes of `word` is 0. */
static uint64_t has_zero_byte(uint64_t word)
{
    return (word - EACH_BYTE) & ~word & (EACH_BYTE << 7);
}

/* How many of the first bytes of `text` are PLAIN: eight at a time, then one by one. */
static size_t plain_size(const char *text, size_t size)
{
    size_t plain = 0;
    for (; size - plain >= sizeof(uint64_t); plain += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text + plain, sizeof(word));
        uint64_t below_space = (word - EACH_BYTE * ' ') & ~word & (EACH_BYTE << 7);
        if ((below_space | has_zero_byte(word ^ (EACH_BYTE * '"')) |
             has_zero_byte(word ^ (EACH_BYTE * '\\'))) != 0)
            break;
    }
    while (plain < size && escapes[(unsigned char)text[plain]] == PLAIN)
        plain++;
    return plain;
}

static void put_string(struct cw_encoder *encoder, struct cw_bytes text)
{
    cw_encoder_put(encoder, "\"", 1);
    for (size_t i = 0; i < text.size; i++) {
        size_t plain = plain_size(text.data + i, text.size - i);
        cw_encoder_put(encoder, text.data + i, plain);
        i += plain;
        if (i < text.size)
            put_escape(encoder, (unsigned char)text.data[i]);
    }
    cw_encoder_put(encoder, "\"", 1);
}

static void json_map_begin(struct cw_encoder *encoder)
{
    separate(encoder);
    cw_encoder_put(encoder, "{", 1);
    encoder->needs_comma = false;
}

static void json_map_end(struct cw_encoder *encoder)
{
    cw_encoder_put(encoder, "}", 1);
    encoder->needs_comma = true;
}

static void json_array_begin(struct cw_encoder *encoder, size_t count)
{
    (void)count;
    separate(encoder);
    cw_encoder_put(encoder, "[", 1);
    encoder->needs_comma = false;
}

static void json_array_end(struct cw_encoder *encoder)
{
    cw_encoder_put(encoder, "]", 1);
    encoder->needs_comma = true;
}

static void json_key(struct cw_encoder *encoder, const char *key)
{
    separate(encoder);
    cw_encoder_put(encoder, "\"", 1);
    put_text(encoder, key);
    cw_encoder_put(encoder, "\":", 2);
    encoder->needs_comma = false;
}

static void json_text(struct cw_encoder *encoder, struct cw_bytes text)
{
    separate(encoder);
    put_string(encoder, text);
}

static void json_integer(struct cw_encoder *encoder, uint64_t value)
{
    char space[CW_DIGITS_SIZE];
    struct cw_bytes digits = cw_digits(space, value);
    separate(encoder);
    cw_encoder_put(encoder, digits.data, digits.size);
}

static void json_boolean(struct cw_encoder *encoder, bool value)
{
    separate(encoder);
    put_text(encoder, value ? "true" : "false");
}

static void json_null(struct cw_encoder *encoder)
{
    separate(encoder);
    put_text(encoder, "null");
}

static void put_base64(struct cw_encoder *encoder, struct cw_bytes bytes)
{
    cw_encoder_put(encoder, "\"", 1);
    /* The NUL behind it lands where the closing quote will be. */
    if (encoder->out != NULL)
        cw_base64_encode(bytes, encoder->out + encoder->size);
    encoder->size += cw_base64_encoded_size(bytes.size);
    cw_encoder_put(encoder, "\"", 1);
}

static void json_payload(struct cw_encoder *encoder, enum cw_payload_type type,
                         struct cw_bytes payload)
{
    switch (type) {
    case CW_PAYLOAD_JSON:
        json_key(encoder, "data");
        cw_encoder_put(encoder, payload.data, payload.size);
        break;
    case CW_PAYLOAD_TEXT:
        json_key(encoder, "text");
        put_string(encoder, payload);
        break;
    case CW_PAYLOAD_BYTES:
        json_key(encoder, "bytes");
        put_base64(encoder, payload);
        break;
    }
    encoder->needs_comma = true;
}

const struct cw_encoder_ops cw_json_encoder = {
    .opcode = CW_FRAME_TEXT,
    .map_begin = json_map_begin,
    .map_end = json_map_end,
    .array_begin = json_array_begin,
    .array_end = json_array_end,
    .key = json_key,
    .text = json_text,
    .integer = json_integer,
    .boolean = json_boolean,
    .null = json_null,
    .payload = json_payload,
};
