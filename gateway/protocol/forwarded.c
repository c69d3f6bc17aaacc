/* forwarded.c - the walk from the right. */
#include "protocol/forwarded.h"

#include <stddef.h>

/* Takes the last element, without the white space around it. */
static struct cw_bytes take_last(struct cw_bytes *values)
{
    size_t begin = values->size;
    while (begin > 0 && values->data[begin - 1] != ',')
        begin--;
    struct cw_bytes element = cw_bytes_make(values->data + begin, values->size - begin);
    values->size = begin > 0 ? begin - 1 : 0;
    while (element.size > 0 && (element.data[0] == ' ' || element.data[0] == '\t'))
        element = cw_bytes_make(element.data + 1, element.size - 1);
    while (element.size > 0 &&
           (element.data[element.size - 1] == ' ' || element.data[element.size - 1] == '\t'))
        element.size--;
    return element;
}

struct cw_address cw_forwarded_client(const struct cw_networks *trusted,
                                      const struct cw_address *peer, struct cw_bytes values,
                                      bool *ret_is_whole)
{
    struct cw_address client = *peer;
    *ret_is_whole = true;
    for (int hops = 0; values.size > 0 && cw_networks_have(trusted, &client); hops++) {
        struct cw_bytes element = take_last(&values);
        if (element.size == 0 && hops < CW_FORWARDED_HOPS_MAX)
            continue;
        if (hops >= CW_FORWARDED_HOPS_MAX || !cw_address_parse(element, &client)) {
            *ret_is_whole = false;
            break;
        }
    }
    return client;
}
