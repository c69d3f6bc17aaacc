#!/usr/bin/python3
"""What compression costs a node: messages to many, and one client's to itself.

    CHANWAYD=build/release/chanwayd tests/bench/compression_cost.py [--seconds N] [--passes N]

JSON of 1 KB, a text anew each time. "fan 1000": 20 messages a second to 1,000 subscribers of one group, all of
whom offer permessage-deflate or none; "echo": 10 clients that each hear what they say, one message on its way each.
CPU is the node's, which has the first CPU for itself; bytes are those it wrote. Memory is that of 5,000 clients who
have sent and got one message each. The table has the median of the passes.
"""

import argparse
import json
import os
import pathlib
import random
import sys
import tempfile
import time
import zlib
from statistics import median

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "tests" / "abuse"))

from support.node import Node  # noqa: E402
from support.redis_server import RedisServer  # noqa: E402
from support.wait import until  # noqa: E402
from support.websocket import TEXT, WebSocket, encode_frame  # noqa: E402
from swarm import Swarm  # noqa: E402

WORDS = ["alpha", "user", "created", "price", "status", "open", "description", "of", "the", "value"]
OFFER = [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")]


def document(number):
    choose = random.Random(number)
    rows = []
    while len(json.dumps(rows)) < 1000:
        rows.append({"id": choose.randrange(10**6), "name": " ".join(choose.choices(WORDS, k=4)),
                     "price": choose.randrange(10**5) / 100})
    return json.dumps(rows)[:1024].encode("ascii")


def frame_of(text, is_packed):
    if not is_packed:
        return encode_frame(TEXT, text)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return encode_frame(TEXT, (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4], rsv=4)


def cpu_us(node):
    with open(f"/proc/{node.process.pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1000


def resident(node):
    with open(f"/proc/{node.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def sent(node):
    return node.metric("chanway_client_messages_out_total"), node.metric("chanway_client_bytes_out_total")


def fan(node, headers, seconds):
    texts = [document(number) for number in range(200)]
    with Swarm(node.address) as swarm:
        swarm.upgrade(1000, "type=text&groups=g", headers=headers)
        with WebSocket(node.address, "/ws?type=text&publish=g") as publisher:
            before, cpu = sent(node), cpu_us(node)
            due = time.monotonic()
            count = int(20 * seconds)
            for number in range(count):
                publisher.send_text(texts[number % len(texts)])
                due += 0.05
                swarm.serve(max(0, due - time.monotonic()))
            until(lambda: sent(node)[0] >= before[0] + 1000 * count or swarm.serve(0.1), "all is sent")
            after = sent(node)
            messages = after[0] - before[0]
            return (cpu_us(node) - cpu) / messages, (after[1] - before[1]) / messages


def echo(node, headers, seconds):
    frames = [frame_of(document(number), headers) for number in range(200)]
    clients = [WebSocket(node.address, f"/ws?type=text&groups=e{number}&publish=e{number}", headers=headers)
               for number in range(10)]
    before, cpu, number = sent(node), cpu_us(node), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for client in clients:
            client.send_bytes(frames[number % len(frames)])
            number += 1
        for client in clients:
            head = client.wire.read_exactly(2)
            size = head[1] if head[1] < 126 else int.from_bytes(client.wire.read_exactly(2), "big")
            client.wire.read_exactly(size)
    after = sent(node)
    spent = cpu_us(node) - cpu
    for client in clients:
        client.drop()
    return spent / number, (after[1] - before[1]) / number


def memory(node, headers, _):
    frame = frame_of(document(1), headers)
    with Swarm(node.address) as swarm:
        before = resident(node)
        messages = sent(node)[0]
        swarm.upgrade(5000, "type=text&groups=m&publish=n", headers=headers)
        swarm.send(frame)
        with WebSocket(node.address, "/ws?type=text&publish=m") as publisher:
            publisher.send_text(document(2))
            until(lambda: sent(node)[0] >= messages + 5000 or swarm.serve(0.1), "all have it")
        swarm.serve(1)
        return (resident(node) - before) / 5000, 0


def measure(scenario, headers, seconds):
    with tempfile.TemporaryDirectory(prefix="chanway-bench-") as folder:
        redis = RedisServer(folder).start()
        node = Node(folder, redis=redis, history_size="0").start()
        try:
            os.sched_setaffinity(node.process.pid, {0})
            return scenario(node, headers, seconds)
        finally:
            node.stop()
            redis.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})
    print("| what | plain | compressed | ratio |\n|---|---|---|---|")
    for name, scenario, unit in (("fan 1000", fan, "us a delivery"), ("echo", echo, "us a message"),
                                 ("idle", memory, "bytes a client")):
        passes = [[measure(scenario, headers, options.seconds) for headers in (None, OFFER)]
                  for _ in range(options.passes)]
        for index, what in enumerate((unit, "bytes on the wire")):
            plain, packed = [median(one[case][index] for one in passes) for case in (0, 1)]
            if plain:
                print(f"| {name}: {what} | {plain:.1f} | {packed:.1f} | {packed / plain:.2f} |", flush=True)


if __name__ == "__main__":
    main()
