"""Applications of others, built with the installed library in every way there is, and at work."""

import asyncio
import os
import pathlib
import re
import signal

import websockets

from installed_case import InstalledCase, command
from support.case import main
from support.paths import SOURCE
from support.ports import free_port
from support.process import Process

HERE = pathlib.Path(__file__).resolve().parent
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def ignores(pid, number):
    """Whether the process `pid` ignores this signal."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return bool(int(re.search(r"^SigIgn:\s*(\w+)", status, re.M).group(1), 16) >> (number - 1) & 1)


class Applications(InstalledCase):

    @classmethod
    def set_up(cls):
        super().set_up()
        cls.redis = cls.class_redis()

    # --- building and running

    def build(self, source, *flags, name="echo"):
        compiler, standard = (("CXX", "c++17") if source.endswith("cpp") else ("CC", "c17"))
        program = os.path.join(self.own_folder(), name)
        command(os.environ.get(compiler, "cc" if compiler == "CC" else "c++"), f"-std={standard}",
                *WARNINGS, HERE / source, "-o", program, *flags)
        return program

    def start(self, program):
        """The process of `program LISTEN REDIS`, ready, and its address."""
        address = f"127.0.0.1:{free_port()}"
        process = Process("echo", [program, address, self.redis.url], self.own_folder(),
                          env=self.environment)
        self.addCleanup(process.kill)
        return process, address

    def talk(self, address, talk):
        async def connect():
            async with websockets.connect(f"ws://{address}/ws?type=text") as socket:
                await talk(socket)
        asyncio.run(asyncio.wait_for(connect(), 30))

    def assertEchoes(self, program, end):
        """It greets and answers; `end`, called with process and socket, has it stop cleanly."""
        process, address = self.start(program)
        process.wait_for_log(r"^ready")

        async def talk(socket):
            uuid = await socket.recv()
            self.assertRegex(uuid, r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]+$")
            for text in ("hello", "größer", ""):
                await socket.send(text)
                self.assertEqual(await socket.recv(), "you said " + text)
            self.assertEqual(len(self.redis.call("KEYS", f"cw:{{c:{uuid}}}")), 1)
            await end(process, socket)
            with self.assertRaises(websockets.ConnectionClosed):
                await socket.recv()
            self.assertEqual(socket.close_code, 1001)
            self.assertEqual(process.wait(), 0, process.log())
            self.assertTrue(process.find_in_log(f"^gone {uuid} 1001$"), process.log())
        self.talk(address, talk)

    @staticmethod
    async def terminate(process, _):
        process.signal(signal.SIGTERM)

    @staticmethod
    async def say_stop(_, socket):
        await socket.send("stop")

    # --- ways to build

    def test_in_c_with_the_shared_library(self):
        program = self.build("echo.c", *self.pkg_config("--cflags", "--libs", "chanway",
                                                        "libevent_core"))
        self.assertIn("libchanway.so.0", command("readelf", "-d", program))
        self.assertEchoes(program, self.terminate)

    def test_in_cpp_with_the_shared_library(self):
        program = self.build("echo.cpp", *self.pkg_config("--cflags", "--libs", "chanway"))
        self.assertEchoes(program, self.say_stop)

    def test_in_c_without_any_shared_library(self):
        flags = self.pkg_config("--static", "--cflags", "--libs", "chanway", "libevent_core")
        program = self.build("echo.c", "-static", *flags)
        self.assertNotIn("NEEDED", command("readelf", "-d", program))
        self.assertEchoes(program, self.terminate)

    def test_by_find_package(self):
        binary = self.own_folder()
        command("cmake", "-G", "Ninja", "-S", HERE / "cmake", "-B", binary,
                f"-DCMAKE_PREFIX_PATH={self.prefix}", env=self.environment)
        command("cmake", "--build", binary, env=self.environment)
        for library, is_shared in (("chanway", True), ("chanway_static", False)):
            program = os.path.join(binary, "echo_" + library)
            needed = command("readelf", "-d", program)
            self.assertEqual("libchanway.so.0" in needed, is_shared, needed)
            self.assertEchoes(program, self.terminate)

    def test_the_example_of_the_page(self):
        text = (SOURCE / "docs/library.md").read_text(encoding="utf-8")
        code = re.search(r"^```c$(.*?)^```$", text, re.M | re.S).group(1)
        words = re.search(r"^    (cc shout\.c .*)$", text, re.M).group(1)
        folder = pathlib.Path(self.own_folder())
        (folder / "shout.c").write_text(code, encoding="utf-8")
        command("sh", "-c", f"{words} {' '.join(WARNINGS)}", cwd=folder, env=self.environment)
        process, address = self.start(folder / "shout")

        async def talk(socket):
            await socket.send("hello")
            self.assertEqual(await socket.recv(), "hello!")
        process.wait_for_log(r"^ready")
        self.assertTrue(ignores(process.pid, signal.SIGPIPE))
        self.talk(address, talk)
        process.signal(signal.SIGTERM)
        self.assertEqual(process.wait(), 0, process.log())


if __name__ == "__main__":
    main()
