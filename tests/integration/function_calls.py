"""A right call of each function, with the least it may have."""

import uuid

from functions_case import DEFAULTS, INBOX

UUID = str(uuid.UUID(int=1))

GROUP, CHANNEL, NODE, NODES = "cw:{g:room}", "cw:{c:%s}" % UUID, "cw:{n:n.1}", "cw:nodes"
LIMIT, BANS = "cw:{l:a:10.0.0.7}", "cw:bans"

RIGHT = {
    "cw_publish": (GROUP, "text", "x"),
    "cw_send": (CHANNEL, "text", "x"),
    "cw_close": (CHANNEL,),
    "cw_group_add": (CHANNEL, "room"),
    "cw_group_remove": (CHANNEL, "room"),
    "cw_channel": (CHANNEL,),
    "cw_group": (GROUP,),
    "cw_members": (GROUP,),
    "cw_history": (GROUP,),
    "cw_nodes": (NODES,),
    "cw_node_publish": (GROUP, 1, 0, "", "x", DEFAULTS, ""),
    "cw_node_publish_many": (GROUP, DEFAULTS, 1, 0, "", "x"),
    "cw_node_append": (GROUP, DEFAULTS, b"\x94\x01\x00\xa0\xa1x"),
    "cw_node_read": (GROUP, 0, 0, 10, 10),
    "cw_node_vouch": (GROUP, 1, 1),
    "cw_node_join": (GROUP, DEFAULTS, "n.1", 0, UUID, ""),
    "cw_node_leave": (GROUP, "n.1", UUID),
    "cw_node_members": (GROUP, 0, 10),
    "cw_node_attach": (CHANNEL, "n.1", "", INBOX),
    "cw_node_detach": (CHANNEL, "n.1", 60),
    "cw_node_session": (CHANNEL, "digest", ""),
    "cw_node_resume": (CHANNEL, "n.1", "digest", "another", "", INBOX),
    "cw_node_settle": (CHANNEL, "n.1", 1),
    "cw_node_mark": (CHANNEL, "n.1", "add"),
    "cw_node_send": (CHANNEL, 1, 0, "", "x", ""),
    "cw_node_inbox": (CHANNEL, "n.1", 0, 0, 0, 10, 10),
    "cw_node_ack": (CHANNEL, "n.1", 1),
    "cw_node_trim": (CHANNEL, "1-1"),
    "cw_node_channels": (NODE, 0, 10),
    "cw_node_renew": (NODE, 15000),
    "cw_ban": (BANS, "user:ann", 60),
    "cw_unban": (BANS, "user:ann"),
    "cw_bans": (BANS,),
    "cw_node_bans": (BANS, 0),
    "cw_node_bans_back": (BANS, 1, "1000 user:ann \n"),
    "cw_node_admit": (LIMIT, UUID, 15000, 2, 5, 60000),
    "cw_node_seats": (LIMIT, 15000, UUID),
    "cw_node_unseat": (LIMIT, "", UUID),
    "cw_node_list": (NODES, "n.1"),
    "cw_node_dead": (NODES,),
}
