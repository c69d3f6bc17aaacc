/*
 * node.c - the tables of a node.
 */
#include "channel/node.h"

#include "base/stats.h"
#include "channel/channel.h"
#include "channel/members.h"
#include "channel/session.h"
#include "names.h"
#include "protocol/deflate.h"
#include "protocol/utf8.h"

#include <stdlib.h>
#include <string.h>

static struct cw_bytes key_of_group(const struct cw_map_node *node)
{
    return cw_bytes_text(CW_CONST_CONTAINER(node, struct cw_group, in_groups)->name);
}

bool cw_node_accepts(const struct cw_node *node, const struct cw_message *message)
{
    bool is_good = true;
    if (cw_uuid_is_valid(message->from))
        return true;
    if (message->type == CW_PAYLOAD_JSON)
        is_good = cw_json_is_valid(node->parser, message->payload);
    else if (message->type == CW_PAYLOAD_TEXT)
        is_good = cw_utf8_is_valid(message->payload);
    if (!is_good)
        CW_STAT(group_bad_payloads_total)++;
    return is_good;
}

void cw_node_init(struct cw_node *node)
{
    memset(node, 0, sizeof(*node));
    cw_map_init(&node->groups, key_of_group);
    cw_list_init(&node->dirty);
    cw_list_init(&node->deadlines);
    cw_list_init(&node->replays);
    cw_list_init(&node->replays_resting);
    cw_list_init(&node->later);
    cw_list_init(&node->waits);
    node->next_log = CW_LOG_FIRST;
    cw_session_prepare();
}

void cw_node_finish(struct cw_node *node)
{
    for (struct cw_map_node *n = cw_map_next(&node->groups, NULL); n != NULL;
         n = cw_map_next(&node->groups, n)) /* the application has them still */
        CW_CONTAINER(n, struct cw_group, in_groups)->node = NULL;
    cw_map_finish(&node->groups);
    cw_memory_finish(&node->memory);
    cw_events_finish(&node->events);
    cw_command_parser_destroy(node->parser);
    cw_deflate_destroy(node->deflate);
    free(node->keeps_headers);
    free(node->all);
}
