/*
 * json_equal.h - when two JSON values are the same (JSON Schema: instance equality): 1 and 1.0 are,
 * objects whatever the order of their keys. Of documents read with numbers as raw text. Pure.
 */
#ifndef CW_PROTOCOL_JSON_EQUAL_H
#define CW_PROTOCOL_JSON_EQUAL_H

#include "protocol/json_number.h"

#include <stdbool.h>

struct yyjson_val;

/** Whether `value` equals `model`, in whose objects no key is there twice; a value's object with a
 * key twice equals none. As deep as `model` is. */
bool cw_json_equals(struct yyjson_val *value, struct yyjson_val *model);
/** An order of all scalars, 0: they are equal; for sorting and looking up. */
int cw_json_compare_scalars(struct yyjson_val *a, struct yyjson_val *b);
/** `number` is of a number. */
struct cw_json_number cw_json_number_of_value(struct yyjson_val *number);

#endif
