/*
 * outgoing.c - see the header.
 */
#include "outgoing.h"

#include "channel/node.h"
#include "names.h"
#include "protocol/command.h"

#include <stddef.h>

#define KEY_MAX 64 /* CONTRACT: KEY */

int cw_outgoing_check(const struct cw_node *node, const struct cw_message *message)
{
    struct cw_command_error ignored;
    const struct cw_bytes *payload = &message->payload;
    if (message->type != CW_PAYLOAD_JSON && message->type != CW_PAYLOAD_TEXT &&
        message->type != CW_PAYLOAD_BYTES)
        return CW_ERR_INVALID;
    if ((payload->data == NULL && payload->size > 0) || message->key.size > KEY_MAX)
        return CW_ERR_INVALID;
    if (message->from.size > 0 && !cw_group_name_is_valid(message->from))
        return CW_ERR_INVALID;
    if (payload->size > CW_PAYLOAD_MAX)
        return CW_ERR_TOO_LARGE;
    return cw_command_check_raw(node->parser, message->type, message->type == CW_PAYLOAD_BYTES,
                                *payload, &ignored);
}
