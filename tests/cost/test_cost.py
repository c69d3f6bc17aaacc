"""What a message costs a node, in instructions of its own code: they do not depend on how busy the
machine is.

Each figure is what `MESSAGES` messages add to a run that is the same without them, by valgrind's
count. The bounds are a little above what was measured, and a figure far below its bound asks for
a lower one: so 10 % more instructions are found, and the last test shows that they are."""

import os
import re
import shutil

import setup_path  # noqa: F401
from support.case import Case, main
from support.paths import chanwayd

MESSAGES = 200
MEMBERS = 50      # of each kind
SLACK = 1.03      # more than a run moves, less than what must be found
TOO_LOOSE = 0.88

# Instructions per delivery in a group of 50 members (with a fiftieth of its publish), and per
# message that its sender gets back through Redis. Release build, gcc 12, x86-64.
BOUNDS = {"raw": 1025, "json": 1085, "echo": 30500}


class Cost(Case):

    @classmethod
    def set_up(cls):
        if shutil.which("valgrind") is None:
            raise AssertionError("valgrind is not installed: scripts/deps --test")

    def count(self, kind, messages, program=None):
        """What a node runs through from its start to its end."""
        node = self.own_node(self.own_redis(), wrapper=["valgrind", "--tool=callgrind",
                                                        "--callgrind-out-file=/dev/null"],
                             program=program, heartbeat_interval="1h")
        publisher = self.own_client(node)
        members = []
        if kind == "raw":
            members = [node.raw_member("g") for _ in range(MEMBERS)]
        elif kind == "json":
            members = [self.own_client(node, "groups=g") for _ in range(MEMBERS)]
            for member in members:
                member.next_op("joined")
        else:
            publisher.join("g")
        text = "x" * 128
        for _ in range(messages):
            publisher.publish("g", text=text)
            for member in members:
                self.assertIn(text, str(member.receive() if kind == "raw" else member.message()))
            if kind == "echo":
                self.assertEqual(publisher.message()["text"], text)
        node.stop()
        counted = re.search(r"Collected : (\d+)", node.process.log())
        self.assertIsNotNone(counted, node.process.log()[-2000:])
        return int(counted.group(1))

    def cost(self, kind, program=None):
        """Instructions per delivery."""
        more = self.count(kind, 2 * MESSAGES, program) - self.count(kind, MESSAGES, program)
        figure = more / MESSAGES / (1 if kind == "echo" else MEMBERS)
        print(f"{kind}: {figure:.0f} instructions", flush=True)
        return figure

    def check(self, kind):
        figure = self.cost(kind)
        self.assertLess(figure, BOUNDS[kind], "more than before: see callgrind_annotate")
        self.assertGreater(figure, BOUNDS[kind] * TOO_LOOSE / SLACK,
                           f"much less than before: lower the bound to {figure * SLACK:.0f}")

    def test_raw_subscribers(self):
        self.check("raw")

    def test_json_subscribers(self):
        self.check("json")

    def test_echo(self):
        self.check("echo")

    def test_ten_percent_more_are_found(self):
        """`chanwayd-slower` does a tenth more for each frame it queues."""
        figure = self.cost("raw", os.environ["CHANWAYD_SLOWER"])
        self.assertGreater(figure, BOUNDS["raw"])


if __name__ == "__main__":
    main(170)  # eight runs under valgrind
