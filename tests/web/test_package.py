"""What is built of web/: its size, and that it does what the source does; names of the types."""

import json
import os
import re
import subprocess

import setup_path  # noqa: F401
from library import build
from program import Program
from support.case import Case, main
from support.paths import source_path

SIZE_LIMIT = 12 * 1024


class Built(Case):

    def test_it_is_small(self):
        files = build(self.own_folder())
        self.assertEqual(sorted(files), ["chanway.cjs", "chanway.min.js", "chanway.min.mjs"])
        for name, path in files.items():
            self.assertLessEqual(os.path.getsize(path), SIZE_LIMIT, name)

    def test_it_meets_a_node_that_does_as_it_is_told(self):
        files = build(self.own_folder())
        libraries = (source_path("web/chanway.js"), files["chanway.min.mjs"], files["chanway.cjs"])
        runs = []
        for library in libraries:
            runs.append(subprocess.Popen(
                ["node", source_path("tests/web/codes.mjs"), library], text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
            self.addCleanup(runs[-1].kill)
        for library, run in zip(libraries, runs):
            said = run.communicate(timeout=100)[0]
            self.assertEqual(run.returncode, 0, library + "\n" + said)

    def test_types_name_what_there_is(self):
        program = self._keep(Program(self.own_folder()), self.addCleanup)
        there = program.run("""
            const names = (one) => Object.getOwnPropertyNames(one).filter((name) =>
                !name.startsWith('_') && name !== 'constructor');
            const all = (one) => names(one.prototype).concat(
                names(Object.getPrototypeOf(one.prototype)),
                names(Object.getPrototypeOf(Object.getPrototypeOf(one.prototype))));
            const client = connect('ws://127.0.0.1:1');
            const group = client.group('g');
            client.close();
            return { Client: all(Client).concat(names(client)), Group: all(Group).concat(names(group)) }""")
        with open(source_path("web/chanway.d.ts"), encoding="utf-8") as file:
            text = file.read()
        bodies = dict(re.findall(r"class (\w+)[^{]*\{\n(.*?)\n\}", text, re.DOTALL))
        ignored = {"hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toString", "valueOf",
                   "toLocaleString"}
        for name, found in there.items():
            typed = set()
            for body in (bodies[name], bodies["Emitter"]):
                typed |= set(re.findall(r"^    (?:readonly )?(\w+)\??[:(<]", body, re.MULTILINE))
            typed -= {"constructor"}
            optional = {"recovered"} if name == "Group" else set()
            self.assertEqual(typed - optional, set(found) - ignored, name)


class Version(Case):

    def test_it_is_the_nodes(self):
        with open(source_path("web/package.json"), encoding="utf-8") as file:
            version = json.load(file)["version"]
        with open(source_path("cluster/include/chanway/version.h"), encoding="utf-8") as file:
            self.assertIn(f'define CW_VERSION "{version}"', file.read())


if __name__ == "__main__":
    main(limit=140)
