"""Many subscribers of one group, with python3-websockets: see Subscribers in ../support/cluster.py
and the form of a message in ../support/checker.py."""

import asyncio
import base64
import json
import os
import sys

import websockets

import setup_path  # noqa: F401
from support.checker import fill


class Subscriber:
    def __init__(self, options, config):
        self.options = options
        self.config = config
        self.name = options["name"]
        self.probe = "probe." + self.name
        self.names, self.positions, self.gaps, self.damaged = [], [], [], []
        self.closed = None
        self.ended = False
        self.joined = asyncio.Event()

    def take(self, text, kind):
        """True if it was the end."""
        if text == self.config["end"]:
            self.ended = True
            return True
        name, length, rest = text.split(" ", 2)
        self.take_name(name, name[-1] == kind and rest == fill(name, int(length)))
        return False

    def take_data(self, data):
        self.take_name(data["name"], data["name"][-1] == "d"
                       and data["fill"] == fill(data["name"], data["length"]))

    def take_name(self, name, is_whole):
        self.names.append(name)
        if not is_whole:
            self.damaged.append(name)

    def on_raw(self, frame):
        text = frame if isinstance(frame, str) else frame.decode("ascii")
        if self.probe in text and not self.joined.is_set():
            self.joined.set()
        elif isinstance(frame, bytes):
            self.take(text, "b")
        elif text[0] == "{":
            self.take_data(json.loads(text))
        else:
            self.take(text, "t")

    def on_enveloped(self, frame):
        event = json.loads(frame)
        if event["op"] == "message":
            if "text" in event:
                if self.take(event["text"], "t"):
                    return
            elif "bytes" in event:
                self.take(base64.b64decode(event["bytes"]).decode("ascii"), "b")
            else:
                self.take_data(event["data"])
            self.positions.append(f"{event['epoch']}-{event['offset']}")
        elif event["op"] == "ok":
            self.joined.set()
        elif event["op"] == "gap":
            self.gaps.append(event)
        elif event["op"] not in ("welcome", "bye"):
            raise AssertionError(f"{self.name}: {event}")

    async def run(self):
        url, protocols, on_frame = self.options["url"], [self.config["json"]], self.on_enveloped
        first = json.dumps({"op": "join", "id": 1, "group": self.config["group"]})
        if self.options["raw"]:
            # A frame to a group of its own comes back when the joins are done.
            url += (f"?type={self.options['type']}&groups={self.config['group']},{self.probe}"
                    f"&publish={self.probe}")
            protocols, on_frame, first = None, self.on_raw, json.dumps(self.probe)
        async with websockets.connect(url, subprotocols=protocols, compression=None,
                                      ping_interval=None, close_timeout=1,
                                      open_timeout=20) as socket:
            await socket.send(first)
            try:
                while not self.ended:
                    on_frame(await socket.recv())
            except websockets.ConnectionClosed as error:
                self.closed = error.rcvd.code if error.rcvd else 1006
            # What comes after the end would be wrong; the socket stays open until all have ended.
            await self.config["all_ended"].wait()

    def report(self):
        return {"name": self.name, "names": self.names, "gaps": self.gaps,
                "positions": None if self.options["raw"] else self.positions,
                "damaged": self.damaged, "closed": self.closed, "ended": self.ended}


async def say_when_joined(subscribers):
    for one in subscribers:
        await one.joined.wait()
    print("joined", flush=True)


async def finish_when_ended(subscribers, wants_report):
    while not wants_report.is_set() and not all(one.ended or one.closed is not None
                                                for one in subscribers):
        await asyncio.sleep(0.02)


async def run():
    with open(sys.argv[1], encoding="utf-8") as file:
        config = json.load(file)
    config["all_ended"] = asyncio.Event()
    wants_report = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, wants_report.set)
    subscribers = [Subscriber(options, config) for options in config["subscribers"]]
    tasks = [asyncio.create_task(one.run()) for one in subscribers]
    joined = asyncio.create_task(say_when_joined(subscribers))
    finished = asyncio.create_task(finish_when_ended(subscribers, wants_report))
    # A subscriber that fails ends the program; none ends by itself before all have ended.
    done, _ = await asyncio.wait([finished, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    joined.cancel()
    with open(config["report"], "w", encoding="utf-8") as file:
        json.dump([one.report() for one in subscribers], file)
    print("done", flush=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(run())
