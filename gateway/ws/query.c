/* query.c - decoded pieces -> one encoded query. */
#include "ws/query.h"

#include "base/writer.h"
#include "ws/head.h"

#include <libwebsockets.h>

#include <string.h>

/* Bytes that may stand in a value as they are. */
static const char plain_bytes[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~,:@/*!";

static void write_encoded(struct cw_writer *writer, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\0' && strchr(plain_bytes, text[i]) != NULL)
            cw_writer_byte(writer, text[i]);
        else
            cw_writer_printf(writer, "%%%02X", (unsigned)(unsigned char)text[i]);
    }
}

void cw_query_write(struct lws *wsi, struct cw_writer *writer)
{
    char piece[CW_HEAD_MAX];
    for (int i = 0;; i++) {
        int size = lws_hdr_copy_fragment(wsi, piece, sizeof(piece), WSI_TOKEN_HTTP_URI_ARGS, i);
        if (size < 0)
            return;
        if (i > 0)
            cw_writer_byte(writer, '&');
        /* The first '=' is one: an encoded one before it was made '_' by the library. */
        const char *equals = memchr(piece, '=', (size_t)size);
        size_t name_size = equals != NULL ? (size_t)(equals - piece) : (size_t)size;
        write_encoded(writer, piece, name_size);
        if (equals == NULL)
            continue;
        cw_writer_byte(writer, '=');
        write_encoded(writer, equals + 1, (size_t)size - name_size - 1);
    }
}
