#!/usr/bin/python3
"""echo.py REDIS-URL [NAME]: whoever connects is put into the group `lobby`, whatever they say is answered."""
import sys
import redis

STREAM, GROUP = "cw:{events}", "echo"
db = redis.from_url(sys.argv[1])
name = sys.argv[2] if len(sys.argv) > 2 else "one"


def call(function, channel, *words):
    try:
        db.execute_command("FCALL", function, 1, b"cw:{c:%s}" % channel, *words)
    except redis.ResponseError as error:
        if not str(error).startswith("NOCHANNEL"):  # it has gone meanwhile
            raise


def handle(event):
    if event[b"event"] == b"connect":
        call("cw_group_add", event[b"channel"], "lobby")
    elif event[b"event"] == b"message":
        call("cw_send", event[b"channel"], event[b"type"], event[b"payload"], "FROM", "echo")


try:
    db.xgroup_create(STREAM, GROUP, "$", mkstream=True)
except redis.ResponseError:
    pass  # it is there already
print("ready", flush=True)
position = "0"  # what was read and never acknowledged, then what is new
while True:
    read = db.xreadgroup(GROUP, name, {STREAM: position}, count=100, block=1000)
    if position != ">" and not (read and read[0][1]):
        position = ">"
    for number, event in read[0][1] if read else ():
        handle(event or {b"event": b""})  # empty: trimmed away meanwhile
        db.xack(STREAM, GROUP, number)
