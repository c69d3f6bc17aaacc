/* deflate.c - one compressor and one decompressor, begun anew for each message. */
#include "protocol/deflate.h"

#include "base/stats.h"
#include "protocol/frame.h"

#include <zlib.h>

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Raw deflate with a window of 32 KiB. */
#define WINDOW_BITS (-15)
/* The table that is cleared for each message is 16 KiB large with this. */
#define MEM_LEVEL 6
#define LEVEL     3
/* A buffer is not kept when it is larger. */
#define KEEP_MAX ((size_t)128 * 1024)
/* What the first buffer of an inflated message has room for. */
#define PLAIN_LEAST 4096

#define RSV1        0x40
#define OPCODE_MASK 0x0f

/* What each message ends with before it is cut off (RFC 7692 section 7.2.1). */
static const unsigned char tail[] = {0, 0, 0xff, 0xff};

struct buffer {
    char *data; /* owned */
    size_t capacity;
};

struct cw_deflate {
    z_stream packer, unpacker;
    bool has_packer, has_unpacker;
    size_t min_bytes;
    struct buffer packed, plain;
};

int cw_deflate_create(size_t min_bytes, struct cw_deflate **ret_codec)
{
    struct cw_deflate *codec = calloc(1, sizeof(*codec));
    if (codec == NULL)
        return CW_ERR_NOMEM;
    codec->min_bytes = min_bytes;
    codec->has_packer = deflateInit2(&codec->packer, LEVEL, Z_DEFLATED, WINDOW_BITS, MEM_LEVEL,
                                     Z_DEFAULT_STRATEGY) == Z_OK;
    codec->has_unpacker = inflateInit2(&codec->unpacker, WINDOW_BITS) == Z_OK;
    if (!codec->has_packer || !codec->has_unpacker) {
        cw_deflate_destroy(codec);
        return CW_ERR_NOMEM;
    }
    *ret_codec = codec;
    return CW_OK;
}

void cw_deflate_destroy(struct cw_deflate *codec)
{
    if (codec == NULL)
        return;
    if (codec->has_packer)
        (void)deflateEnd(&codec->packer);
    if (codec->has_unpacker)
        (void)inflateEnd(&codec->unpacker);
    free(codec->packed.data);
    free(codec->plain.data);
    free(codec);
}

static bool reserve(struct buffer *buffer, size_t capacity)
{
    if (capacity <= buffer->capacity)
        return true;
    char *data = realloc(buffer->data, capacity);
    if (data == NULL)
        return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

static void shrink(struct buffer *buffer)
{
    if (buffer->capacity <= KEEP_MAX)
        return;
    free(buffer->data);
    *buffer = (struct buffer){0};
}

/* --- compressing ----------------------------------------------------------------------------- */

/* Compresses `payload` to less than its size; 0: it does not become less. */
static size_t pack(struct cw_deflate *codec, struct cw_bytes payload)
{
    z_stream *packer = &codec->packer;
    if (payload.size > UINT_MAX || !reserve(&codec->packed, payload.size) ||
        deflateReset(packer) != Z_OK)
        return 0;
    packer->next_in = (Bytef *)(uintptr_t)payload.data; /* which it does not write to */
    packer->avail_in = (uInt)payload.size;
    packer->next_out = (Bytef *)codec->packed.data;
    packer->avail_out = (uInt)payload.size;
    int rc = deflate(packer, Z_SYNC_FLUSH);
    if (rc != Z_OK || packer->avail_in > 0 || packer->avail_out == 0)
        return 0;
    return payload.size - packer->avail_out - sizeof(tail);
}

static struct cw_buf *create_form(const struct cw_buf *frame, struct cw_bytes packed)
{
    char header[CW_FRAME_HEADER_MAX];
    enum cw_frame_opcode opcode = (enum cw_frame_opcode)(frame->data[0] & OPCODE_MASK);
    size_t header_size = cw_frame_header(header, opcode, packed.size);
    struct cw_buf *form = cw_buf_create(header_size + packed.size);
    if (form == NULL)
        return NULL;
    header[0] = (char)((unsigned char)header[0] | RSV1);
    memcpy(form->data, header, header_size);
    memcpy(form->data + header_size, packed.data, packed.size);
    form->log = frame->log;
    form->position = frame->position;
    form->is_entry = frame->is_entry;
    form->slow_policy = frame->slow_policy;
    form->is_packing_tried = true;
    return form;
}

static bool is_message(const struct cw_buf *frame)
{
    int opcode = frame->data[0] & OPCODE_MASK;
    return opcode == CW_FRAME_TEXT || opcode == CW_FRAME_BINARY;
}

struct cw_buf *cw_deflate_form(struct cw_deflate *codec, struct cw_buf *frame)
{
    if (!frame->is_packing_tried) {
        frame->is_packing_tried = true;
        struct cw_bytes payload = cw_frame_payload(frame);
        size_t size = 0;
        if (payload.size >= codec->min_bytes && is_message(frame))
            size = pack(codec, payload);
        if (size > 0)
            frame->packed = create_form(frame, cw_bytes_make(codec->packed.data, size));
        if (frame->packed != NULL)
            CW_STAT(client_messages_compressed_total) += 1;
        shrink(&codec->packed);
    }
    return frame->packed != NULL ? frame->packed : frame;
}

/* --- inflating ------------------------------------------------------------------------------- */

size_t cw_deflate_bound(size_t max)
{
    /* Compressors that can't compress a block store it, with 5 bytes for each (of 16 KiB, or of
     * less where they flush). */
    return max + max / 64 + 64;
}

/* Inflates what is next; `*size` is what has come out so far. */
static int unpack_part(struct cw_deflate *codec, const void *data, size_t data_size, size_t max,
                       size_t *size)
{
    z_stream *unpacker = &codec->unpacker;
    struct buffer *plain = &codec->plain;
    unpacker->next_in = (Bytef *)(uintptr_t)data; /* which it does not write to */
    unpacker->avail_in = (uInt)data_size;
    do {
        if (*size > max)
            return CW_ERR_TOO_LARGE;
        if (*size == plain->capacity && !reserve(plain, *size * 2))
            return CW_ERR_NOMEM;
        size_t room = plain->capacity <= max ? plain->capacity - *size : max + 1 - *size;
        unpacker->next_out = (Bytef *)plain->data + *size;
        unpacker->avail_out = (uInt)room;
        int rc = inflate(unpacker, Z_SYNC_FLUSH);
        *size += room - unpacker->avail_out;
        /* After a last block (RFC 7692 section 7.2.3.4) more may come. */
        if (rc == Z_STREAM_END)
            rc = inflateReset(unpacker);
        if (rc == Z_BUF_ERROR) /* all is taken, nothing is left to come out */
            return CW_OK;
        if (rc != Z_OK)
            return rc == Z_MEM_ERROR ? CW_ERR_NOMEM : CW_ERR_INVALID;
    } while (unpacker->avail_in > 0 || unpacker->avail_out == 0);
    return CW_OK;
}

int cw_deflate_unpack(struct cw_deflate *codec, struct cw_bytes packed, size_t max,
                      struct cw_bytes *ret_plain)
{
    size_t size = 0;
    shrink(&codec->plain);
    if (packed.size > UINT_MAX || max >= UINT_MAX)
        return CW_ERR_TOO_LARGE;
    if (!reserve(&codec->plain, PLAIN_LEAST) || inflateReset(&codec->unpacker) != Z_OK)
        return CW_ERR_NOMEM;
    int rc = CW_OK;
    if (packed.size > 0)
        rc = unpack_part(codec, packed.data, packed.size, max, &size);
    if (rc == CW_OK)
        rc = unpack_part(codec, tail, sizeof(tail), max, &size);
    if (rc == CW_OK && size > max)
        rc = CW_ERR_TOO_LARGE;
    if (rc < 0)
        return rc;
    CW_STAT(client_messages_inflated_total) += 1;
    *ret_plain = cw_bytes_make(codec->plain.data, size);
    return CW_OK;
}
