/* json_equal.c - deep equality of JSON values, and an order of scalars. */
#include "protocol/json_equal.h"

#include <yyjson.h>

#include <string.h>

struct cw_json_number cw_json_number_of_value(struct yyjson_val *number)
{
    return cw_json_number_of(cw_bytes_make(yyjson_get_raw(number), yyjson_get_len(number)));
}

static int compare_texts(struct yyjson_val *a, struct yyjson_val *b)
{
    size_t a_size = yyjson_get_len(a);
    size_t b_size = yyjson_get_len(b);
    if (a_size != b_size)
        return a_size < b_size ? -1 : 1;
    return memcmp(yyjson_get_str(a), yyjson_get_str(b), a_size);
}

int cw_json_compare_scalars(struct yyjson_val *a, struct yyjson_val *b)
{
    yyjson_type a_type = yyjson_get_type(a);
    yyjson_type b_type = yyjson_get_type(b);

    if (a_type != b_type)
        return a_type < b_type ? -1 : 1;
    if (a_type == YYJSON_TYPE_STR)
        return compare_texts(a, b);
    if (a_type == YYJSON_TYPE_BOOL)
        return (int)yyjson_get_bool(a) - (int)yyjson_get_bool(b);
    if (a_type != YYJSON_TYPE_RAW)
        return 0;
    struct cw_json_number left = cw_json_number_of_value(a);
    struct cw_json_number right = cw_json_number_of_value(b);
    return cw_json_number_compare(&left, &right);
}

/* NOLINTBEGIN(misc-no-recursion): as deep as a model, which is bounded */
static bool arrays_equal(struct yyjson_val *value, struct yyjson_val *model)
{
    yyjson_arr_iter values = yyjson_arr_iter_with(value);
    yyjson_arr_iter models = yyjson_arr_iter_with(model);
    struct yyjson_val *item;

    while ((item = yyjson_arr_iter_next(&values)) != NULL) {
        if (!cw_json_equals(item, yyjson_arr_iter_next(&models)))
            return false;
    }
    return true;
}

/* Every key of the model is there, and there are no more: so none is there twice. */
static bool objects_equal(struct yyjson_val *value, struct yyjson_val *model)
{
    yyjson_obj_iter models = yyjson_obj_iter_with(model);
    struct yyjson_val *key;

    while ((key = yyjson_obj_iter_next(&models)) != NULL) {
        struct yyjson_val *found = yyjson_obj_getn(value, yyjson_get_str(key), yyjson_get_len(key));
        if (found == NULL || !cw_json_equals(found, yyjson_obj_iter_get_val(key)))
            return false;
    }
    return true;
}

bool cw_json_equals(struct yyjson_val *value, struct yyjson_val *model)
{
    yyjson_type type = yyjson_get_type(model);

    if (yyjson_get_type(value) != type)
        return false;
    if (type != YYJSON_TYPE_ARR && type != YYJSON_TYPE_OBJ)
        return cw_json_compare_scalars(value, model) == 0;
    if (yyjson_get_len(value) != yyjson_get_len(model)) /* of items, of fields */
        return false;
    return type == YYJSON_TYPE_ARR ? arrays_equal(value, model) : objects_equal(value, model);
}
/* NOLINTEND(misc-no-recursion) */
