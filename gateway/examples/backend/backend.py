#!/usr/bin/python3
"""A back end beside nodes with --events connect,disconnect,message,error: backend.py REDIS-URL NAME

Back ends of several names share the work. An event may come twice: handlers must not mind.
"""
import sys
import time
import redis


class BackEnd:
    def __init__(self, url, name):
        self.db, self.name = redis.from_url(url), name
        self.gens = {}  # channel -> gen of its last event: it grows when a channel is taken over

    def on_connect(self, event):
        self.call("cw_group_add", event, "lobby")  # its node joins it and tells the client

    def on_message(self, event):
        self.call("cw_send", event, event["type"], event["payload"], "FROM", "echo")

    def on_disconnect(self, event):
        print("gone:", event["channel"].decode(), event["code"].decode(), flush=True)
        del self.gens[event["channel"]]

    def on_error(self, event):
        print("error:", event["channel"].decode(), event["reason"].decode(), flush=True)

    def call(self, function, event, *words):
        try:
            self.db.execute_command("FCALL", function, 1, b"cw:{c:%s}" % event["channel"], *words)
        except redis.ResponseError as error:
            if not str(error).startswith("NOCHANNEL"):  # gone meanwhile: its disconnect comes
                raise

    def handle(self, event):
        if int(event["gen"]) >= self.gens.get(event["channel"], 0):  # else of an earlier life of it
            self.gens[event["channel"]] = int(event["gen"])
            getattr(self, "on_" + event["event"].decode(), lambda _: None)(event)

    def run(self, stream="cw:{events}", group="backend"):
        position = "0"  # at first what was read and never acknowledged, then what is new
        while True:
            try:
                read = self.db.xreadgroup(group, self.name, {stream: position}, 100, 1000)
                position = position if read and read[0][1] else ">"
                for number, fields in read[0][1] if read else ():
                    if fields:  # else `events-max` has trimmed it meanwhile
                        self.handle({field.decode(): fields[field] for field in fields})
                    self.db.xack(stream, group, number)
            except redis.ConnectionError:
                time.sleep(0.5)  # Redis is away; what was in hand comes again
                position = "0"
            except redis.ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                self.db.xgroup_create(stream, group, "0", mkstream=True)


BackEnd(sys.argv[1], sys.argv[2]).run()
