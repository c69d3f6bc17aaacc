"""Setting `module`: shared objects with handlers and middlewares."""

import os
import subprocess

import setup_path  # noqa: F401
from support.case import Case, main
from support.node import clean_environment
from support.paths import chanwayd


def module(name, args=None):
    path = os.path.join(os.path.dirname(os.path.abspath(chanwayd())), "modules", name + ".so")
    return path if args is None else f"{path}:{args}"


class Modules(Case):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def test_its_handlers_are_called(self):
        node = self.own_node(self.redis, module=module("echo", "you said: a:b "))
        client = self.own_client(node)
        client.call("message", text="hello")
        self.assertEqual((client.inbox or [client.message()])[0]["text"], "you said: a:b hello")
        node.stop()
        log = node.process.log()
        self.assertIn('echo begins with "you said: a:b "', log)
        self.assertIn('echo ends with "you said: a:b "', log)

    def test_several_end_in_reverse_order(self):
        node = self.own_node(self.redis, module=f"{module('echo', '1')};{module('again')}")
        client = self.own_client(node)
        client.call("message", text="x")
        self.assertEqual([frame["text"] for frame in client.settle()], ["1x", "x"])
        node.stop()
        said = [line for line in node.process.log().splitlines() if line.startswith("echo ")]
        self.assertEqual(said, ['echo begins with "1"', 'echo begins with ""', 'echo ends with ""',
                                'echo ends with "1"'])

    def run_with(self, *modules, environment=None):
        words = [chanwayd(), "--redis", self.redis.url, "--listen", "127.0.0.1:0", "--admin-listen", ""]
        for value in modules:
            words += ["--module", value]
        done = subprocess.run(words, env=clean_environment(**(environment or {})), text=True,
                              capture_output=True, timeout=30, check=False)
        return done.returncode, done.stderr

    def test_what_can_not_be_used_ends_with_2_and_says_why(self):
        for value, *mentions in ((module("none"), "none.so", "No such file"),
                                 (module("old"), "old.so", "ABI 2", "ABI 1"),
                                 (module("half"), "half.so", "cw_module_init"),
                                 (module("echo", "no"), "echo.so", 'not with "no"'),
                                 (module("echo", "1") + ";" + module("echo", "2"), "loaded already"),
                                 (__file__, "test_modules.py")):
            code, said = self.run_with(value)
            self.assertEqual(code, 2, said)
            for mention in mentions:
                self.assertIn(mention, said)

    def test_those_before_the_bad_one_have_ended(self):
        code, said = self.run_with(module("echo", "x"), module("old"))
        self.assertEqual(code, 2)
        self.assertLess(said.index('echo begins with "x"'), said.index('echo ends with "x"'))

    def test_flags_add_up_and_replace_the_environment(self):
        code, said = self.run_with(module("echo", "1"), module("half"),
                                   environment={"CHANWAY_MODULE": module("none")})
        self.assertEqual(code, 2)
        self.assertIn('echo begins with "1"', said)
        self.assertIn("half.so", said)
        self.assertNotIn("none.so", said)


if __name__ == "__main__":
    main()
