/* json_text.c - escapes. */
#include "http/json_text.h"

#include "protocol/utf8.h"

void cw_json_write_string(struct cw_writer *writer, struct cw_bytes text)
{
    bool is_utf8 = cw_utf8_is_valid(text);
    cw_writer_byte(writer, '"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte == '"' || byte == '\\')
            cw_writer_printf(writer, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            cw_writer_printf(writer, "\\u%04x", byte);
        else if (byte >= 0x80 && !is_utf8)
            cw_writer_byte(writer, '?');
        else
            cw_writer_byte(writer, text.data[i]);
    }
    cw_writer_byte(writer, '"');
}
