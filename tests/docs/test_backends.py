"""The back ends of docs/backends.md, each in its language, where the machine has it."""

import os
import shutil
import sys

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.paths import source_path
from support.ports import free_port
from support.process import Process
from support.wait import until

EXAMPLES = source_path("gateway/examples/backend") + "/"


class BackEnds(NodeCase):
    settings = {"events": "connect,disconnect,message"}

    @classmethod
    def set_up(cls):
        super().set_up()
        cls.port = free_port()  # not every client of Redis takes the path of a socket
        cls.redis.call("CONFIG", "SET", "bind", "127.0.0.1", "protected-mode", "no", "port", cls.port)

    def start(self, name, *words):
        back_end = Process(name, words, self.own_folder())
        self.addCleanup(back_end.stop)
        back_end.wait_for_log("^ready$")
        return back_end

    def assertAnswers(self, group):
        with self.client() as client:
            self.assertEqual(client.next_op("joined")["group"], "lobby")
            for payload in ({"text": "grüße"}, {"data": {"n": [1]}}, {"bytes": "AP8="}):
                client.send({"op": "message", **payload})
                frame = client.next_op("message")
                self.assertEqual(frame["from"], "echo")
                self.assertEqual({field: frame[field] for field in payload}, payload)

        def pending():
            answer = self.redis.call("XPENDING", "cw:{events}", group)
            return answer["pending"] if isinstance(answer, dict) else answer[0]
        until(lambda: pending() == 0, "all is acknowledged")

    def tearDown(self):
        self.redis.call("DEL", "cw:{events}")
        super().tearDown()

    def test_python(self):
        self.start("python", sys.executable, "-B", EXAMPLES + "echo.py", f"redis://127.0.0.1:{self.port}")
        self.assertAnswers("echo")

    def test_node(self):
        folder = self.own_folder()
        shutil.copy(EXAMPLES + "echo.mjs", folder)
        os.symlink(source_path("tests/node_modules"), os.path.join(folder, "node_modules"))
        self.start("node", shutil.which("node"), os.path.join(folder, "echo.mjs"),
                   f"redis://127.0.0.1:{self.port}")
        self.assertAnswers("echo")

    def test_php(self):
        program = shutil.which("php")
        if not program:
            self.skipTest("there is no php here")
        self.start("php", program, EXAMPLES + "echo.php", "127.0.0.1", self.port)
        self.assertAnswers("echo")


if __name__ == "__main__":
    main()
