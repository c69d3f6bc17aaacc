/*
 * json_text.h - strings and numbers of JSON, written into answers.
 */
#ifndef CW_HTTP_JSON_TEXT_H
#define CW_HTTP_JSON_TEXT_H

#include <chanway/bytes.h>

#include "base/writer.h"

/** A string with its quotes. What is no ASCII is written as it is if `text` is UTF-8, else as '?'.
 */
void cw_json_write_string(struct cw_writer *writer, struct cw_bytes text);

#endif
